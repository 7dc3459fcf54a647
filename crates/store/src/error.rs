//! Everything that can go wrong with a database, each in one sentence.

use std::path::PathBuf;

use consensus::Root;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No file at the path.
    #[error("there is no database at {}; `blockmark db init` makes one", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The URL names a kind of database that this build does not know.
    #[error("databases of the kind {scheme:?} are not supported; give the path of an SQLite file")]
    UnknownScheme {
        /// What came before `://`.
        scheme: String,
    },
    /// An empty path.
    #[error("the path of the database is empty")]
    EmptyPath,
    /// The file is something else.
    #[error("{} is not an SQLite database", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// An SQLite database that ends too early, or whose first page is damaged.
    #[error("{} is an SQLite database that is damaged or cut short; restore a copy, or move it away and build it anew", .path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
    },
    /// An SQLite database of another program.
    #[error("{} is an SQLite database, but not one of blockmark; `blockmark db import` reads blockprint's", .path.display())]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
    },
    /// Made by a later version of the program.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}; use a newer blockmark"
    )]
    NewerSchema {
        /// The version in the file.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Made by an earlier version, and opened for reading only.
    #[error(
        "the database has schema version {found}, this program reads version {known}; `blockmark db migrate` raises it"
    )]
    OlderSchema {
        /// The version in the file.
        found: i64,
        /// The version this program reads.
        known: i64,
    },
    /// SQLite found a damaged page, or a value is none that is ever written.
    #[error(
        "the database is damaged ({detail}); restore a copy, or export what can be read and build it anew"
    )]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// No room on the disk.
    #[error("the disk is full; nothing of the last batch was stored, all earlier ones are safe")]
    DiskFull,
    /// Another process holds the write lock.
    #[error(
        "the database is locked by another process that is writing to it; try again when it has finished"
    )]
    Busy,
    /// Opened or mounted read only.
    #[error("the database is open for reading only, so nothing can be stored in it")]
    ReadOnly,
    /// The file cannot be opened.
    #[error("the database {} cannot be opened: {detail}", .path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite said.
        detail: String,
    },
    /// A row that cannot be stored as it is.
    #[error("block {block_root} cannot be stored: {field} {reason}")]
    BadRow {
        /// The block.
        block_root: Root,
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// More blocks in one slot than the key has room for.
    #[error("slot {slot} has too many different blocks to store another one")]
    SlotFull {
        /// The slot.
        slot: u64,
    },
    /// The file to import is an SQLite database without the table of blocks that blockprint keeps.
    #[error("{} is not a blockprint database: {detail}", .path.display())]
    NotBlockprint {
        /// The file.
        path: PathBuf,
        /// What is missing.
        detail: String,
    },
    /// The file to import is damaged.
    #[error("{} is damaged ({detail}); {rows} rows before that place are imported", .path.display())]
    ImportDamaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
        /// Rows imported before.
        rows: u64,
    },
    /// The export could not be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// Anything else the database engine says.
    #[error("the database engine reports: {0}")]
    Engine(sqlx::Error),
}

impl StoreError {
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }
}

/// Primary result codes of SQLite.
mod sqlite_code {
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const READ_ONLY: i64 = 8;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const NOT_A_DATABASE: i64 = 26;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(database) => {
                database.code().and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff)
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                return Self::damaged(error.to_string());
            }
            _ => None,
        };
        match code {
            Some(sqlite_code::BUSY | sqlite_code::LOCKED) => Self::Busy,
            Some(sqlite_code::READ_ONLY) => Self::ReadOnly,
            Some(sqlite_code::FULL) => Self::DiskFull,
            Some(sqlite_code::CORRUPT) => Self::damaged(message(&error)),
            Some(sqlite_code::NOT_A_DATABASE) => Self::damaged("the file is not an SQLite database"),
            _ => Self::Engine(error),
        }
    }
}

/// The text of the engine without sqlx's words around it.
pub(crate) fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}
