//! What can be wrong with a recording.

use std::io;
use std::path::{Path, PathBuf};

use consensus::Slot;
use consensus::spec::ConfigError;
use consensus::ssz::SszError;
use consensus::transition::TransitionError;

use crate::compression::UnpackError;

/// Why a recording can't be read or written. Names the file.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or directory can't be read.
    #[error("\"{}\" can't be read, because {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: UnpackError,
    },
    /// A file or directory can't be written.
    #[error("\"{}\" can't be written, because {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The directory is no recording.
    #[error("\"{}\" is no recording: it has no {missing}", path.display())]
    NotARecording {
        /// The directory.
        path: PathBuf,
        /// What a recording has.
        missing: &'static str,
    },
    /// The network is not described in a way that can be used.
    #[error("\"{}\": {error}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// A JSON file is not what it should be.
    #[error("\"{}\": {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files are the block or the state of one slot.
    #[error("\"{}\" and \"{}\" are both of slot {slot}; keep one of them", first.display(), second.display())]
    Twice {
        /// The slot.
        slot: Slot,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A block is not an encoded signed block of its fork.
    #[error("\"{}\": the block of slot {slot} is not one of the fork {fork}: {error}", path.display())]
    Block {
        /// The file.
        path: PathBuf,
        /// The slot that the file is named after.
        slot: Slot,
        /// The fork that holds at the slot.
        fork: consensus::spec::Fork,
        /// What is wrong, with the field.
        error: SszError,
    },
    /// A state is not an encoded state of its fork.
    #[error("\"{}\": the state of slot {slot} can't be used: {error}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The slot that the file is named after.
        slot: Slot,
        /// What is wrong, with the field.
        error: Box<TransitionError>,
    },
    /// A file holds another slot than its name says.
    #[error("\"{}\" has slot {found} inside, and is named after slot {named}", path.display())]
    WrongSlot {
        /// The file.
        path: PathBuf,
        /// The slot in its name.
        named: Slot,
        /// The slot in its content.
        found: Slot,
    },
    /// Nothing is stored of a slot.
    #[error("\"{}\" has no {what} of slot {slot}", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
        /// `block` or `state`.
        what: &'static str,
        /// The slot.
        slot: Slot,
    },
    /// No state to begin with.
    #[error(
        "\"{}\" has no state of a slot before {slot}, so its blocks can't be applied; add the state before its first block to states/",
        path.display()
    )]
    NoStartState {
        /// The directory.
        path: PathBuf,
        /// The first block's slot.
        slot: Slot,
    },
    /// A block does not follow the one before it.
    #[error(
        "\"{}\": the block of slot {slot} names the parent {named}, and the block before it in the recording is {before}",
        path.display()
    )]
    BrokenChain {
        /// The directory.
        path: PathBuf,
        /// The block's slot.
        slot: Slot,
        /// The parent that it names.
        named: consensus::Root,
        /// The root of the block before it.
        before: consensus::Root,
    },
    /// A file is not what the manifest says it was.
    #[error("\"{}\" has changed: its digest is {found}, and the manifest says {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest in the manifest.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// Files that the manifest lists are gone.
    #[error(
        "\"{}\" is not whole: {file} is missing{}, which its manifest.json lists; fetch it again with \"blockmark record\", or remove manifest.json to take what is there",
        path.display(),
        if *others > 0 { format!(" and {others} more") } else { String::new() }
    )]
    Missing {
        /// The directory.
        path: PathBuf,
        /// The first of them, below the directory.
        file: String,
        /// How many more there are.
        others: usize,
    },
    /// A state is of another network than the genesis.
    #[error(
        "\"{}\": genesis_validators_root is {found}, and genesis.json beside it has {expected}: the state is of another network",
        path.display()
    )]
    OtherGenesis {
        /// The file of the state, or the folder.
        path: PathBuf,
        /// What `genesis.json` says.
        expected: consensus::Root,
        /// What the state says.
        found: consensus::Root,
    },
    /// What is to be added is of another network.
    #[error(
        "\"{}\" can't be continued: its {field} is {there}, and what is to be added has {new}; choose another directory",
        path.display()
    )]
    OtherNetwork {
        /// The directory.
        path: PathBuf,
        /// What differs.
        field: &'static str,
        /// The value of the recording.
        there: String,
        /// The value of what is to be added.
        new: String,
    },
}

impl RecordingError {
    pub(super) fn read(path: &Path, error: impl Into<UnpackError>) -> Self {
        Self::Read { path: path.to_owned(), error: error.into() }
    }

    pub(super) fn write(path: &Path, error: io::Error) -> Self {
        Self::Write { path: path.to_owned(), error }
    }

    pub(super) fn json(path: &Path, reason: impl Into<String>) -> Self {
        Self::Json { path: path.to_owned(), reason: reason.into() }
    }
}
