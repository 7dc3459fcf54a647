//! Where a database is, and what it is opened for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::StoreError;

/// Where a database is: an SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    path: PathBuf,
}

impl StoreUrl {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    /// A path, or `sqlite:` and a path.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(StoreError::UnknownScheme { scheme: scheme.to_owned() });
            }
            _ => text,
        };
        if path.is_empty() {
            return Err(StoreError::EmptyPath);
        }
        Ok(Self { path: PathBuf::from(path) })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl From<&Path> for StoreUrl {
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl From<PathBuf> for StoreUrl {
    fn from(path: PathBuf) -> Self {
        Self { path }
    }
}

impl From<&PathBuf> for StoreUrl {
    fn from(path: &PathBuf) -> Self {
        Self { path: path.clone() }
    }
}

impl From<&Self> for StoreUrl {
    fn from(url: &Self) -> Self {
        url.clone()
    }
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Read and write; made if it is not there.
    Create,
    /// Read and write; an error if it is not there.
    Existing,
    /// Read only. An older schema is refused because it cannot be migrated.
    ReadOnly,
}
