//! What can be wrong with a block reward, as one sentence.

use std::fmt;
use std::path::{Path, PathBuf};

/// A block reward that can't be taken: which one, which field, and why.
#[derive(Debug)]
pub struct RewardError {
    /// Position of the block in its file or body, from 0; none where a single object was read.
    pub index: Option<u64>,
    /// The field, such as `attestation_rewards.per_attestation_rewards[2]["123"]`; empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a field, or with the text.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A key that every block reward has is not there.
    #[error("is missing")]
    Missing,
    /// A value of another kind.
    #[error("must be {expected}, found {found}")]
    Expected {
        /// What a block reward has here.
        expected: &'static str,
        /// What stands here, shortened.
        found: String,
    },
    /// A key stands twice in one object.
    #[error("appears twice")]
    Repeated,
    /// More entries than any block has.
    #[error("has more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The greatest count taken.
        limit: usize,
    },
    /// Rewards whose sum is no 64 bit number.
    #[error("adds up to more than {}", u64::MAX)]
    SumTooLarge,
    /// The text is not JSON.
    #[error("is not JSON at byte {at}: expected {expected}, found {found}")]
    Syntax {
        /// Offset in the text of the block reward.
        at: usize,
        /// What JSON has here.
        expected: &'static str,
        /// What stands here, shortened.
        found: String,
    },
    /// The text is something else from its first byte on.
    #[error("is not JSON, it begins with {start}")]
    NotJson {
        /// How it begins, shortened and quoted.
        start: String,
    },
    /// Graffiti that no block has room for.
    #[error("has {bytes} bytes, but the 32 bytes of a graffiti make a text of {limit} at most")]
    LongGraffiti {
        /// Bytes of the text.
        bytes: usize,
        /// The greatest number taken.
        limit: usize,
    },
    /// The text ends inside a value.
    #[error("ends in the middle, so the text was cut short")]
    CutShort,
    /// Values inside values without end.
    #[error("is nested more than {limit} levels deep")]
    TooDeep {
        /// The greatest depth taken.
        limit: usize,
    },
    /// One object is larger than any block reward.
    #[error("is larger than {limit} bytes")]
    TooLarge {
        /// The greatest size taken.
        limit: usize,
    },
    /// The text holds nothing.
    #[error("is empty, where block rewards were expected")]
    Empty,
    /// Reading failed.
    #[error("can't be read, because {0}")]
    Io(#[source] std::io::Error),
}

impl RewardError {
    pub(crate) fn of_text(reason: Reason) -> Self {
        Self { index: None, field: String::new(), reason }
    }

    /// The error with the file it was found in.
    #[must_use]
    pub fn in_file(self, path: &Path) -> FileError {
        FileError { path: path.to_owned(), error: self }
    }
}

impl fmt::Display for RewardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "block {index}: ")?;
        }
        match (self.field.is_empty(), self.index) {
            (false, _) => write!(f, "\"{}\" {}", self.field, self.reason),
            (true, Some(_)) => write!(f, "the block reward {}", self.reason),
            (true, None) => write!(f, "the text {}", self.reason),
        }
    }
}

impl std::error::Error for RewardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// A [`RewardError`] with the file it was found in.
#[derive(Debug, thiserror::Error)]
#[error("{}, {error}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong in it.
    pub error: RewardError,
}

/// One step of the way to a field.
#[derive(Debug)]
pub(crate) enum Step {
    Key(&'static str),
    Validator(String),
    Index(usize),
}

/// An error on its way up: each level adds its step.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    /// Innermost first.
    pub(crate) steps: Vec<Step>,
}

impl Fault {
    pub(crate) fn new(reason: Reason) -> Box<Self> {
        Box::new(Self { reason, steps: Vec::new() })
    }

    pub(crate) fn at(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }

    pub(crate) fn is_cut_short(&self) -> bool {
        matches!(self.reason, Reason::CutShort)
    }

    pub(crate) fn into_error(self, index: Option<u64>) -> RewardError {
        let mut field = String::new();
        if self.is_cut_short() {
            // Where in the block the text ends says nothing about the block.
            return RewardError { index, field, reason: self.reason };
        }
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) if field.is_empty() => field.push_str(key),
                Step::Key(key) => {
                    field.push('.');
                    field.push_str(key);
                }
                Step::Validator(key) => field.push_str(&format!("[\"{key}\"]")),
                Step::Index(index) => field.push_str(&format!("[{index}]")),
            }
        }
        RewardError { index, field, reason: self.reason }
    }
}
