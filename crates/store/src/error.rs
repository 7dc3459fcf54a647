//! Everything that can go wrong with a database, each in one sentence.

use std::path::PathBuf;

use consensus::Root;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::location::StoreUrl;

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
    #[error(
        "databases of the kind {scheme:?} are not supported; give the path of an SQLite file or a postgres:// URL"
    )]
    UnknownScheme {
        /// What came before `://`.
        scheme: String,
    },
    /// A question that would read too many rows.
    #[error("the range has {slots} slots, and at most {most} are counted at a time; ask for a part of it")]
    RangeTooLong {
        /// The slots of the range.
        slots: u64,
        /// The most slots taken.
        most: u64,
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
        "the database {url} has schema version {found}, this program knows versions up to {known}; use a newer blockmark"
    )]
    NewerSchema {
        /// The database.
        url: StoreUrl,
        /// The version in the file.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Made by an earlier version, and opened for reading only.
    #[error(
        "the database {url} has schema version {found}, this program reads version {known}; `blockmark db migrate` raises it"
    )]
    OlderSchema {
        /// The database.
        url: StoreUrl,
        /// The version in the file.
        found: i64,
        /// The version this program reads.
        known: i64,
    },
    /// SQLite found a damaged page, or a value is none that is ever written.
    #[error(
        "the database is damaged ({detail}); restore a copy, or build it anew; `blockmark db export` writes the blocks \
         before the first damaged place"
    )]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// No room on the disk.
    #[error("the disk is full; nothing of the last batch was stored, all earlier ones are safe")]
    DiskFull,
    /// The system refused a write: a disk that is read-only by now, a quota, a limit, a broken device.
    #[error(
        "the system refuses to write to the database ({detail}); nothing of the last batch was stored, all earlier \
         ones are safe"
    )]
    WriteRefused {
        /// What SQLite said.
        detail: String,
    },
    /// The file is there, and may not be written.
    #[error("the database {} can't be written to: {detail}; what is stored in it can be read", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        detail: String,
    },
    /// Another process holds the write lock.
    #[error(
        "the database is locked by another process that is writing to it; try again when it has finished"
    )]
    Busy,
    /// What would be written is there.
    #[error("{} is there already; name another file, or move it away", .path.display())]
    AlreadyThere {
        /// The file.
        path: PathBuf,
    },
    /// A backup that cannot be written where it was asked for.
    #[error("the backup {} cannot be made: {detail}", .path.display())]
    NoBackup {
        /// What was to be written.
        path: PathBuf,
        /// What is in the way, and what helps.
        detail: String,
    },
    /// A server is backed up by its own tools.
    #[error(
        "a backup is made of an SQLite file; of a PostgreSQL database `pg_dump` makes one, while others write"
    )]
    BackupOfServer,
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
    /// The URL of a server has no valid form.
    #[error(
        "the PostgreSQL URL cannot be read ({detail}); it looks like postgres://USER:PASSWORD@HOST:5432/DATABASE"
    )]
    BadServerUrl {
        /// What is wrong with it.
        detail: String,
    },
    /// The server does not answer, or does not let us in.
    #[error("the database {url} cannot be opened: {detail}")]
    CannotConnect {
        /// The server and its database.
        url: StoreUrl,
        /// What the server or the network said.
        detail: String,
    },
    /// The server went away.
    #[error(
        "the database server cannot be reached ({detail}); the batch at hand is stored whole or not at all, all earlier \
         ones are safe"
    )]
    Unreachable {
        /// What happened to the connection.
        detail: String,
    },
    /// The database is of another network.
    #[error(
        "the database is of the network with the genesis validators root {known}, and not of that with {given}; name \
         another database"
    )]
    OtherNetwork {
        /// The network of the database.
        known: consensus::Root,
        /// The network of who opened it.
        given: consensus::Root,
    },
    /// A PostgreSQL database without our tables.
    #[error("{url} has no tables of blockmark; `blockmark db init` makes them")]
    NoTables {
        /// The database.
        url: StoreUrl,
    },
    /// The search path names no schema that is there.
    #[error(
        "the PostgreSQL database has no schema of the name that the search path gives, or the role may not use it; \
         `CREATE SCHEMA` makes one, `GRANT USAGE ON SCHEMA` lets a role use it"
    )]
    NoSchema,
    /// The role may not do something with a table or a schema.
    #[error(
        "the PostgreSQL role lacks a right ({detail}); to read it needs `GRANT SELECT ON ALL TABLES IN SCHEMA … TO` the \
         role, and docs/operate/postgresql.md says what else it may need"
    )]
    NoRight {
        /// What the server refused, which names the table or schema.
        detail: String,
    },
    /// A PostgreSQL database that another program uses.
    #[error(
        "{url} has a table named blocks that is not one of blockmark; give another database, or another schema by \
         ?options=-csearch_path%3DNAME"
    )]
    ForeignTables {
        /// The database.
        url: StoreUrl,
    },
    /// A PostgreSQL database that cannot hold every graffiti.
    #[error("{url} keeps text as {encoding}; make a database with ENCODING 'UTF8'")]
    Encoding {
        /// The database.
        url: StoreUrl,
        /// Its encoding.
        encoding: String,
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
    /// After a copy the two databases are not the same.
    #[error(
        "the databases differ after the copy ({from} and {to} blocks, digests {digests}): one of them changed \
         meanwhile, or the target held other blocks; copy again while nothing writes, or into an empty database"
    )]
    CopyDiffers {
        /// Blocks of the source.
        from: u64,
        /// Blocks of the target.
        to: u64,
        /// Digests of both.
        digests: String,
    },
    /// A copy would take back what the target knows of the chain.
    #[error(
        "the database to copy into is final up to slot {final_slot}, and the one to copy from {}: copy the other way, \
         or into an empty database", up_to(*from)
    )]
    TargetIsAhead {
        /// The last final slot of the target.
        final_slot: consensus::Slot,
        /// That of the source, if it ever followed a chain.
        from: Option<consensus::Slot>,
    },
    /// The export came to a damaged place. What it wrote before is whole.
    #[error(
        "the database is damaged ({detail}): {}, and the blocks after that place are missing; restore a copy, or build \
         it anew", exported(*.blocks, *.last)
    )]
    ExportStopped {
        /// What was found.
        detail: String,
        /// Blocks written.
        blocks: u64,
        /// The slot of the last of them.
        last: Option<consensus::Slot>,
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

fn up_to(slot: Option<consensus::Slot>) -> String {
    slot.map_or_else(|| "never followed a chain".to_owned(), |slot| format!("up to slot {slot}"))
}

fn exported(blocks: u64, last: Option<consensus::Slot>) -> String {
    match (blocks, last) {
        (_, None) => "the export has no block".to_owned(),
        (1, Some(slot)) => format!("the export ends after 1 block, of slot {slot}"),
        (_, Some(slot)) => format!("the export ends after {blocks} blocks, the last of them of slot {slot}"),
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
    /// Errors of input and output that only writing has: of writing, syncing, truncating and locking.
    pub(super) const WRITING: [i64; 6] = [778, 1_034, 1_290, 1_546, 3_850, 4_874];
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let known = match database.try_downcast_ref::<PgDatabaseError>() {
                    Some(database) => of_postgres(database),
                    None => of_sqlite(database.as_ref()),
                };
                known.unwrap_or(Self::Engine(error))
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::damaged(error.to_string()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut => Self::Unreachable { detail: error.to_string() },
            _ => Self::Engine(error),
        }
    }
}

fn of_sqlite(error: &dyn DatabaseError) -> Option<StoreError> {
    let code = error.code().and_then(|code| code.parse::<i64>().ok())?;
    Some(match code & 0xff {
        _ if sqlite_code::WRITING.contains(&code) => {
            StoreError::WriteRefused { detail: format!("{}, code {code}", error.message()) }
        }
        sqlite_code::BUSY | sqlite_code::LOCKED => StoreError::Busy,
        sqlite_code::READ_ONLY => StoreError::ReadOnly,
        sqlite_code::FULL => StoreError::DiskFull,
        sqlite_code::CORRUPT => StoreError::damaged(error.message()),
        sqlite_code::NOT_A_DATABASE => StoreError::damaged("the file is not an SQLite database"),
        _ => return None,
    })
}

/// By the codes of PostgreSQL's appendix A.
fn of_postgres(error: &PgDatabaseError) -> Option<StoreError> {
    Some(match error.code() {
        // disk_full, in the place of a table or of the log.
        "53100" => StoreError::DiskFull,
        // lock_not_available, serialization_failure, deadlock_detected.
        "55P03" | "40001" | "40P01" => StoreError::Busy,
        // read_only_sql_transaction.
        "25006" => StoreError::ReadOnly,
        // insufficient_privilege.
        "42501" => StoreError::NoRight { detail: error.message().to_owned() },
        // data_corrupted, index_corrupted.
        "XX001" | "XX002" => StoreError::damaged(error.message()),
        // admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout,
        // too_many_connections.
        "57P01" | "57P02" | "57P03" | "25P03" | "53300" => {
            StoreError::Unreachable { detail: error.message().to_owned() }
        }
        _ => return None,
    })
}

/// The text of the engine without sqlx's words around it.
pub(crate) fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}
