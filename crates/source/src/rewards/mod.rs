//! Block rewards as JSON: every shape that was ever written, to [`BlockObservation`]s.
//!
//! One object goes through [`parse_block_reward`], a request body through [`parse_block_rewards`], files
//! and streams of any length through [`RewardReader`].

mod block;
mod cursor;
mod error;
mod reader;
mod seen;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use fingerprint::BlockObservation;

pub use error::{FileError, Reason, RewardError};
pub use reader::RewardReader;

use block::{Scratch, block_reward};
use cursor::Cursor;

/// What is taken at most. The default is far above anything the protocol allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attestations of one block: 128 until Deneb, 8 since Electra.
    pub attestations: usize,
    /// Validators in the reward maps of one block.
    pub validators: usize,
    /// Size of one block reward.
    pub object_bytes: usize,
    /// Block rewards in one request body.
    pub blocks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attestations: 8192, validators: 4_000_000, object_bytes: 64 << 20, blocks: 8192 }
    }
}

/// Whether records carry the JSON text they were read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepText {
    /// Only the observation.
    #[default]
    No,
    /// Also the text, such as for writing the block to a labelled directory.
    Yes,
}

/// A block reward that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardRecord {
    /// What the features look at.
    pub observation: BlockObservation,
    /// The root of the parent, where the source tells it. Block-reward JSON does not.
    pub parent_root: Option<consensus::Root>,
    /// The object's JSON text, if [`KeepText::Yes`] was asked for.
    pub text: Option<Vec<u8>>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => work(&mut scratch),
        Err(_) => work(&mut Scratch::default()),
    })
}

/// Reads one block reward object. Takes any bytes and never panics.
pub fn parse_block_reward(json: &[u8]) -> Result<BlockObservation, RewardError> {
    let limits = Limits::default();
    let mut cursor = Cursor::new(json);
    with_scratch(|scratch| {
        let observation = block_reward(&mut cursor, scratch, &limits)?;
        cursor.end()?;
        Ok(observation)
    })
    .map_err(|fault: Box<error::Fault>| fault.into_error(None))
}

/// Reads a request body: an array of block rewards, all of them or an error that names block and field.
/// Takes any bytes and never panics.
pub fn parse_block_rewards(json: &[u8], limits: &Limits) -> Result<Vec<BlockObservation>, RewardError> {
    let mut cursor = Cursor::new(json);
    if cursor.peek().is_none() {
        return Err(RewardError::of_text(Reason::Empty));
    }
    let mut blocks = Vec::new();
    let mut current = None;
    let read = with_scratch(|scratch| {
        if cursor.peek() != Some(b'[') {
            return Err(cursor.mismatch("an array of block rewards"));
        }
        cursor.array(|cursor, index| {
            if index >= limits.blocks {
                let reason = Reason::TooMany { what: "block rewards", limit: limits.blocks };
                return Err(error::Fault::new(reason));
            }
            current = Some(index as u64);
            blocks.push(block_reward(cursor, scratch, limits)?);
            current = None;
            Ok(())
        })?;
        cursor.end()
    });
    match read {
        Ok(()) => Ok(blocks),
        Err(fault) => Err(fault.into_error(current)),
    }
}
