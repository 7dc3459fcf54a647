//! Inputs that could not be used: collected and reported, never swallowed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A file, or a block of a file, that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BadInput {
    /// The file.
    pub path: PathBuf,
    /// Why, in words; names the block and the field where there are any.
    pub reason: String,
}

impl BadInput {
    pub(crate) fn new(path: impl Into<PathBuf>, reason: impl fmt::Display) -> Self {
        Self { path: path.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}
