//! An SQLite file: one connection that writes, a pool that reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Sqlite, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::{StoreError, message};
use crate::known_roots::KnownRoots;
use crate::location::OpenMode;
use crate::schema::{self, Contents, SCHEMA_VERSION};

/// How long the last checkpoint waits for those who read; what it leaves in the write-ahead log stays there.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(1);

/// What every SQLite file begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Between two attempts to open a file that another process is opening.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Connections that read. Each has a thread of its own.
const READERS: u32 = 4;

#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    readers: SqlitePool,
    writer: Option<Mutex<SqliteConnection>>,
    /// Locked by who has the writer.
    roots: Mutex<KnownRoots>,
    patience: Duration,
}

fn options(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(patience)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Normal)
        .row_buffer_size(1024)
        .disable_statement_logging()
}

/// Bytes of the file that the connections that read see as memory. SQLite allows no more than two gigabytes.
const MAPPED: &str = "2147418112";

/// Options of the connections that read. What is mapped is not copied page by page: of 13 million blocks, a question
/// about a validator, whose blocks lie everywhere, takes a third of the time. Behind the mapped part pages are kept, up to
/// 64 MB a connection. A page that the disk can't give then ends the process: it is a signal, not an
/// error. The connection that writes maps nothing, so that nothing is written by way of memory.
fn reading(path: &Path, patience: Duration) -> SqliteConnectOptions {
    options(path, patience).pragma("cache_size", "-65536").pragma("mmap_size", MAPPED)
}

impl File {
    /// Opens the file, and tells the schema version before this program raised it.
    pub(crate) async fn open(
        path: &Path,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<(Self, i64), StoreError> {
        match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if mode != OpenMode::Create {
                    return Err(StoreError::Missing { path: path.to_owned() });
                }
            }
            Err(error) => {
                return Err(StoreError::CannotOpen { path: path.to_owned(), detail: error.to_string() });
            }
            Ok(metadata) if metadata.is_dir() => {
                return Err(StoreError::CannotOpen {
                    path: path.to_owned(),
                    detail: "it is a directory".to_owned(),
                });
            }
            Ok(_) => {
                let waiting = Waiting::new(patience);
                while let Err(error) = check_contents(path, mode, patience).await {
                    waiting.after(error).await?;
                }
            }
        }
        match mode {
            OpenMode::ReadOnly => Self::open_reading(path, patience).await,
            OpenMode::Create | OpenMode::Existing => Self::open_writing(path, patience).await,
        }
    }

    async fn open_reading(path: &Path, patience: Duration) -> Result<(Self, i64), StoreError> {
        let waiting = Waiting::new(patience);
        let readers = loop {
            match reading_pool(path, patience).await {
                Ok(readers) => break readers,
                Err(error) => waiting.after(error).await?,
            }
        };
        let file = Self { path: path.to_owned(), readers, writer: None, roots: Mutex::default(), patience };
        Ok((file, SCHEMA_VERSION))
    }

    async fn open_writing(path: &Path, patience: Duration) -> Result<(Self, i64), StoreError> {
        let mut writer = connect_writer(path, patience).await?;
        let waiting = Waiting::new(patience);
        let version_found = loop {
            match schema::migrate_file(&mut writer, path).await {
                Ok(version) => break version,
                Err(error) => waiting.after(error).await?,
            }
        };
        let readers = pool(reading(path, patience).pragma("query_only", "ON"));
        while let Err(error) = readers.acquire().await {
            waiting.after(opening(path, error)).await?;
        }
        let writer = Some(Mutex::new(writer));
        let file = Self { path: path.to_owned(), readers, writer, roots: Mutex::default(), patience };
        Ok((file, version_found))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.writer.is_none()
    }

    /// A connection that may write another file than this one.
    pub(crate) async fn connect_for_backup(&self) -> Result<SqliteConnection, StoreError> {
        connect_to(&self.path, self.patience).await
    }

    /// A connection that reads.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// The connection that writes, once it is free. It has no transaction open.
    pub(crate) async fn writer(
        &self,
    ) -> Result<(MutexGuard<'_, SqliteConnection>, MutexGuard<'_, KnownRoots>), StoreError> {
        let Some(writer) = &self.writer else { return Err(StoreError::ReadOnly) };
        let mut writer = writer.lock().await;
        let mut roots = self.roots.lock().await;
        // SQLite ends a transaction by itself when the disk is full, which sqlx does not notice: it takes the
        // connection to be inside one for ever. A connection like that is exchanged.
        let alive = writer.ping().await.is_ok();
        if !alive || writer.is_in_transaction() {
            *writer = connect_writer(&self.path, self.patience).await?;
            *roots = KnownRoots::default();
        }
        Ok((writer, roots))
    }

    /// Ends all connections; the write-ahead log goes into the file, unless another process still needs it there.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        if let Some(writer) = &self.writer {
            let mut writer = writer.lock().await;
            let milliseconds = CHECKPOINT_PATIENCE.as_millis();
            let sql = format!("PRAGMA busy_timeout = {milliseconds}; PRAGMA wal_checkpoint(TRUNCATE)");
            match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *writer).await.map_err(StoreError::from) {
                Ok(_) | Err(StoreError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Waiting for a file that another process holds. SQLite waits by itself for most locks, but not where two
/// processes make the same new file, or open it while the last one that used it cleans up.
struct Waiting {
    until: tokio::time::Instant,
}

impl Waiting {
    fn new(patience: Duration) -> Self {
        Self { until: tokio::time::Instant::now() + patience }
    }

    /// A pause before the next attempt, if that may help; the error otherwise.
    async fn after(&self, error: StoreError) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Busy) || tokio::time::Instant::now() >= self.until {
            return Err(error);
        }
        tokio::time::sleep(RETRY_PAUSE).await;
        Ok(())
    }
}

async fn connect_writer(path: &Path, patience: Duration) -> Result<SqliteConnection, StoreError> {
    check_writable(path)?;
    let options = options(path, patience)
        .create_if_missing(true)
        // Takes effect in a new file. Pages of 8 kB halve the pages that random keys of an index touch.
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("cache_size", "-131072")
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", "8000")
        .pragma("journal_size_limit", "67108864");
    let waiting = Waiting::new(patience);
    loop {
        match options.connect().await {
            Ok(writer) => return Ok(writer),
            Err(error) => waiting.after(opening(path, error)).await?,
        }
    }
}

/// SQLite opens a file that may not be written for reading, says nothing, and keeps to it when the file may be written
/// again.
fn check_writable(path: &Path) -> Result<(), StoreError> {
    match std::fs::File::options().write(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::NotWritable { path: path.to_owned(), detail: error.to_string() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Reads a copy that nobody else uses.
pub(crate) async fn connect_to_copy(path: &Path) -> Result<SqliteConnection, StoreError> {
    connect_to(path, Duration::ZERO).await
}

async fn connect_to(path: &Path, patience: Duration) -> Result<SqliteConnection, StoreError> {
    options(path, patience).read_only(true).connect().await.map_err(|error| opening(path, error))
}

/// Connections that read, the first of them open.
async fn reading_pool(path: &Path, patience: Duration) -> Result<SqlitePool, StoreError> {
    let readers = pool(reading(path, patience).read_only(true));
    match readers.acquire().await.map_err(|error| opening(path, error)) {
        Ok(_) => return Ok(readers),
        Err(StoreError::Busy) => return Err(StoreError::Busy),
        Err(_) => {}
    }
    // A file in a directory that cannot be written has no place for the lock files of a write-ahead log.
    let readers = pool(reading(path, patience).read_only(true).immutable(true));
    readers.acquire().await.map_err(|error| opening(path, error))?;
    Ok(readers)
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options)
}

/// Looks at the file before anything in it is touched.
async fn check_contents(path: &Path, mode: OpenMode, patience: Duration) -> Result<(), StoreError> {
    let probe = options(path, patience).read_only(true);
    let mut connection = match probe.clone().connect().await.map_err(|error| opening(path, error)) {
        Ok(connection) => connection,
        // Read as immutable, a file that is being written to looks damaged.
        Err(StoreError::Busy) => return Err(StoreError::Busy),
        Err(_) => probe.immutable(true).connect().await.map_err(|error| opening(path, error))?,
    };
    let contents = schema::contents(&mut connection, path).await.map_err(|error| match error {
        StoreError::Damaged { .. } => unreadable(path),
        other => other,
    })?;
    connection.close().await?;
    match (contents, mode) {
        (Contents::Empty, OpenMode::Create) => Ok(()),
        (Contents::Empty, _) => Err(StoreError::Missing { path: path.to_owned() }),
        (Contents::Ours(found), _) if found > SCHEMA_VERSION => {
            Err(StoreError::NewerSchema { url: path.into(), found, known: SCHEMA_VERSION })
        }
        (Contents::Ours(found), OpenMode::ReadOnly) if found < SCHEMA_VERSION => {
            Err(StoreError::OlderSchema { url: path.into(), found, known: SCHEMA_VERSION })
        }
        (Contents::Ours(_), _) => Ok(()),
    }
}

/// A file that SQLite cannot make sense of: a database that was damaged if it begins like one, else something else.
fn unreadable(path: &Path) -> StoreError {
    let mut start = [0; SQLITE_MAGIC.len()];
    let read =
        std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    if read.is_ok() && start == *SQLITE_MAGIC {
        StoreError::CutShort { path: path.to_owned() }
    } else {
        StoreError::NotADatabase { path: path.to_owned() }
    }
}

fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    let detail = message(&error);
    match StoreError::from(error) {
        StoreError::Damaged { .. } => unreadable(path),
        StoreError::Engine(_) => StoreError::CannotOpen { path: path.to_owned(), detail },
        other => other,
    }
}
