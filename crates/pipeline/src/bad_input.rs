//! Inputs that could not be used: collected and reported, never swallowed.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file, an answer of a node, or a block of either, that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BadInput {
    /// The file; for a node its URL, without password, and the slots.
    pub path: String,
    /// Why, in words; names the block and the field where there are any.
    pub reason: String,
}

impl BadInput {
    /// A file or node, and what is wrong with it.
    pub fn new(path: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { path: path.into(), reason: reason.to_string() }
    }

    pub(crate) fn of_file(path: &Path, reason: impl fmt::Display) -> Self {
        Self::new(path.display().to_string(), reason)
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}
