//! A PostgreSQL server: pools of connections, and the locks that keep processes out of each other's way.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres, Row};

use crate::error::{StoreError, message};
use crate::location::{OpenMode, StoreUrl};
use crate::readers::{Readers, Reading};
use crate::schema::{self, Contents, SCHEMA_VERSION};

/// How long a question waits for a connection. A server that restarts is back sooner.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// The first key of the advisory locks: "BMK" and a digit.
const WRITE_LOCK: i32 = 0x424d_4b31;

/// The first key of the lock that the leader holds.
const LEADER_LOCK: i32 = 0x424d_4b32;

/// Connections to a server.
pub(crate) struct Server {
    options: PgConnectOptions,
    readers: Readers,
    writers: Option<PgPool>,
    schema: SchemaLock,
}

/// Without the options, which hold the password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The second key of the advisory locks: the schema that holds the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaLock(i32);

impl SchemaLock {
    async fn find(connection: &mut PgConnection) -> Result<Self, StoreError> {
        // An object id is an unsigned number of 32 bits, the key of a lock a signed one.
        let sql = "SELECT (oid::BIGINT - 2147483648)::INT FROM pg_namespace WHERE nspname = current_schema()";
        let row = sqlx::query(sql).fetch_optional(connection).await?;
        let row = row.ok_or(StoreError::NoSchema)?;
        Ok(Self(row.try_get(0)?))
    }

    /// Waits until no other transaction writes, and keeps others from it until the transaction ends.
    pub(crate) async fn take(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
            .bind(WRITE_LOCK)
            .bind(self.0)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Makes the session the leader, unless another one is.
    pub(crate) async fn try_lead(self, connection: &mut PgConnection) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT pg_try_advisory_lock($1, $2)")
            .bind(LEADER_LOCK)
            .bind(self.0)
            .fetch_one(connection)
            .await?;
        Ok(row.try_get(0)?)
    }
}

/// Options of every connection, beside those of the URL.
fn options(url: &str, patience: Duration) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| bad_url(&error))?;
    let options = if options.get_application_name().is_some() {
        options
    } else {
        options.application_name("blockmark")
    };
    let milliseconds = patience.as_millis().clamp(1, i32::MAX as u128).to_string();
    Ok(options
        .options([
            ("lock_timeout", milliseconds.as_str()),
            // A process that hangs in a transaction, or whose machine is gone, does not keep the others waiting.
            ("idle_in_transaction_session_timeout", "60000"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
            // Short questions by index: compiling them costs more than it gives, and pages are on flash or in memory.
            ("jit", "off"),
            ("random_page_cost", "1.1"),
        ])
        .disable_statement_logging())
}

/// Says what is wrong with a URL without repeating it, for it may hold a password.
fn bad_url(error: &sqlx::Error) -> StoreError {
    let detail = match error {
        sqlx::Error::Configuration(source) => source.to_string(),
        _ => "a part of it has no valid form".to_owned(),
    };
    StoreError::BadServerUrl { detail }
}

/// A URL as it may be shown: without password and parameters.
pub(crate) fn shown(url: &str) -> Result<String, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| bad_url(&error))?;
    let database = options.get_database().unwrap_or(options.get_username());
    // A password with `@` or `/` in it, if they are not escaped, becomes part of host or database.
    if database.contains(['@', ':', '/']) || options.get_host().contains(['@', ':', '/']) {
        let detail = "characters such as @, : and / in a password are written as %40, %3A and %2F".to_owned();
        return Err(StoreError::BadServerUrl { detail });
    }
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Ok(format!("postgres://{}@{place}/{database}", options.get_username()))
}

impl Server {
    /// Connects, and tells the schema version before this program raised it.
    pub(crate) async fn open(
        url: &StoreUrl,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<(Self, i64), StoreError> {
        let options = options(url.secret(), patience)?;
        // The first connection is made without a pool, which would try again instead of saying what is wrong.
        let connecting = tokio::time::timeout(patience, options.connect());
        let mut connection = match connecting.await {
            Ok(connected) => connected.map_err(|error| connecting_failed(url, &error))?,
            Err(_) => {
                let detail = format!("no answer within {} seconds", patience.as_secs());
                return Err(StoreError::CannotConnect { url: url.clone(), detail });
            }
        };
        let encoding: String =
            sqlx::query("SHOW server_encoding").fetch_one(&mut connection).await?.try_get(0)?;
        if encoding != "UTF8" {
            return Err(StoreError::Encoding { url: url.clone(), encoding });
        }
        let lock = SchemaLock::find(&mut connection).await?;
        let found = schema::tables(&mut connection, url).await?;
        let version = match (found, mode) {
            (Contents::Ours(found), _) if found > SCHEMA_VERSION => {
                return Err(StoreError::NewerSchema { url: url.clone(), found, known: SCHEMA_VERSION });
            }
            (Contents::Empty, OpenMode::Existing | OpenMode::ReadOnly) => {
                return Err(StoreError::NoTables { url: url.clone() });
            }
            (Contents::Ours(found), OpenMode::ReadOnly) if found < SCHEMA_VERSION => {
                return Err(StoreError::OlderSchema { url: url.clone(), found, known: SCHEMA_VERSION });
            }
            (Contents::Ours(found), _) if found == SCHEMA_VERSION => found,
            _ => schema::migrate_tables(&mut connection, lock, url).await?,
        };
        connection.close().await?;
        let reading = options.clone().options([
            ("default_transaction_read_only", "on"),
            // Each question goes by the same index whatever its values: to plan it anew takes as long as to answer it.
            ("plan_cache_mode", "force_generic_plan"),
        ]);
        let readers = Readers::new(reading, READER_PATIENCE.min(patience))?;
        let writers = match mode {
            OpenMode::ReadOnly => None,
            OpenMode::Create | OpenMode::Existing => {
                let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(patience);
                Some(pool.connect_lazy_with(options.clone()))
            }
        };
        Ok((Self { options, readers, writers, schema: lock }, version))
    }

    pub(crate) async fn reader(&self) -> Result<Reading, StoreError> {
        self.readers.get().await
    }

    pub(crate) async fn writer(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let writers = self.writers.as_ref().ok_or(StoreError::ReadOnly)?;
        Ok(writers.acquire().await?)
    }

    /// A connection of its own, outside of the pools.
    pub(crate) async fn connect(&self) -> Result<PgConnection, StoreError> {
        if self.writers.is_none() {
            return Err(StoreError::ReadOnly);
        }
        Ok(self.options.connect().await?)
    }

    pub(crate) fn lock(&self) -> SchemaLock {
        self.schema
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        if let Some(writers) = &self.writers {
            writers.close().await;
        }
    }
}

fn connecting_failed(url: &StoreUrl, error: &sqlx::Error) -> StoreError {
    StoreError::CannotConnect { url: url.clone(), detail: message(error) }
}
