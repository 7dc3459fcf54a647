//! Where a database is, and what it is opened for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::StoreError;

/// Where a database is: an SQLite file or a PostgreSQL server. Shown without password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    place: Place,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Server(ServerUrl),
}

/// The URL of a server, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    secret: String,
    shown: String,
}

impl StoreUrl {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Server(_) => None,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The whole URL of a server, for connecting only.
    pub(crate) fn secret(&self) -> &str {
        match &self.place {
            Place::File(_) => "",
            Place::Server(url) => &url.secret,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    /// A path, `sqlite:` and a path, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE` with the parameters that libpq
    /// knows, of which `options=-csearch_path%3DSCHEMA` chooses a schema.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                let shown = crate::postgres::shown(text)?;
                return Ok(Self { place: Place::Server(ServerUrl { secret: text.to_owned(), shown }) });
            }
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(StoreError::UnknownScheme { scheme: scheme.to_owned() });
            }
            _ => text,
        };
        if path.is_empty() {
            return Err(StoreError::EmptyPath);
        }
        Ok(Self::from(PathBuf::from(path)))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => path.display().fmt(f),
            Place::Server(url) => url.shown.fmt(f),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

impl From<&Path> for StoreUrl {
    fn from(path: &Path) -> Self {
        Self::from(path.to_owned())
    }
}

impl From<PathBuf> for StoreUrl {
    fn from(path: PathBuf) -> Self {
        Self { place: Place::File(path) }
    }
}

impl From<&PathBuf> for StoreUrl {
    fn from(path: &PathBuf) -> Self {
        Self::from(path.clone())
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
