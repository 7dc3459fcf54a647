//! What can be wrong with an era file.

use std::io;

use consensus::ssz::SszError;
use consensus::transition::TransitionError;
use consensus::{Root, Slot};

use super::record::RecordType;
use crate::compression::UnpackError;

/// Why an era file can't be read or written. Names the file.
#[derive(Debug, thiserror::Error)]
#[error("\"{file}\": {problem}")]
pub struct EraError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: EraProblem,
}

/// What is wrong with an era file.
#[derive(Debug, thiserror::Error)]
pub enum EraProblem {
    /// It can't be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not begin as every such file does.
    #[error("it is no era file: it does not begin with a version record")]
    NotEra,
    /// A record is longer than what is left of the file.
    #[error("the record at byte {offset} needs {needed} bytes, and the file ends after {left}")]
    CutShort {
        /// Where the record begins.
        offset: u64,
        /// Its length with header.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// A header's reserved bytes are used.
    #[error("the record at byte {offset} has something in its reserved bytes")]
    Reserved {
        /// Where the record begins.
        offset: u64,
    },
    /// An index contradicts itself or the file.
    #[error(
        "the index that ends at byte {end} is broken: {reason}; the file can be read with its index rebuilt"
    )]
    Index {
        /// Where the index ends.
        end: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A record is of another kind than it must be.
    #[error("the record at byte {offset} is {found}, where {expected} belongs")]
    Kind {
        /// Where the record begins.
        offset: u64,
        /// What belongs there.
        expected: RecordType,
        /// What is there.
        found: RecordType,
    },
    /// The file has more groups or blocks than any.
    #[error("it has more {what} than {limit}, which no era file has")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A record can't be unpacked.
    #[error("the record at byte {offset} can't be unpacked, because {error}")]
    Unpack {
        /// Where the record begins.
        offset: u64,
        /// Why.
        error: UnpackError,
    },
    /// A block is not an encoded signed block of its fork.
    #[error("the block of slot {slot}, at byte {offset}, can't be used: {error}")]
    Block {
        /// The slot.
        slot: Slot,
        /// Where the record begins.
        offset: u64,
        /// What is wrong, with the field.
        error: SszError,
    },
    /// A state is not an encoded state of its fork.
    #[error("the state of slot {slot}, at byte {offset}, can't be used: {error}")]
    State {
        /// The slot.
        slot: Slot,
        /// Where the record begins.
        offset: u64,
        /// What is wrong, with the field.
        error: Box<TransitionError>,
    },
    /// A record is of another slot than the index says.
    #[error("the record at byte {offset} is of slot {found}, and the index says slot {expected}")]
    WrongSlot {
        /// Where the record begins.
        offset: u64,
        /// What the index says.
        expected: Slot,
        /// What is there.
        found: Slot,
    },
    /// It has no block or state of the slot.
    #[error("it has no {what} of slot {slot}")]
    Absent {
        /// `block` or `state`.
        what: &'static str,
        /// The slot.
        slot: Slot,
    },
    /// It has no such era.
    #[error("it has no era {0}")]
    NoEra(u64),
    /// A block is not the one that the state knows.
    #[error("the block of slot {slot} has the root {found}, and the state of its era says {expected}")]
    Root {
        /// The slot.
        slot: Slot,
        /// What the state says.
        expected: Root,
        /// The root of the block.
        found: Root,
    },
    /// A slot without a block has one in the state.
    #[error("slot {slot} has no block here, and the state of its era says that it has {expected}")]
    MissingBlock {
        /// The slot.
        slot: Slot,
        /// What the state says.
        expected: Root,
    },
    /// What is to be written is no era.
    #[error("no era can be written: {0}")]
    Unwritable(String),
}

impl EraProblem {
    pub(super) fn index(end: u64, reason: impl Into<String>) -> Self {
        Self::Index { end, reason: reason.into() }
    }

    /// The problem with a file.
    pub(super) fn of(self, file: &str) -> EraError {
        EraError { file: file.to_owned(), problem: self }
    }
}
