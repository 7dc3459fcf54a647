//! The connections to a PostgreSQL server that read, kept open and lent one question at a time.
//!
//! A pool of sqlx asks the server for a sign of life before a connection is lent and after it comes back, and so triples
//! what passes between the two for a short question. Here a connection whose last question was answered whole, a moment
//! ago, is lent as it is.

use std::fmt;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::error::StoreError;

/// Connections of a process that read.
const READERS: usize = 8;

/// How long a connection that did well may rest before it has to give a sign of life.
const FRESH: Duration = Duration::from_secs(1);

/// How long a sign of life may take.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// When a connection is replaced: the memory of its process on the server only grows.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The longest pause before the next attempt to connect to a server that is starting.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Code of `cannot_connect_now`: the server starts or stops.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// See the module.
pub(crate) struct Readers(Pool<Connecting>);

/// A connection that reads, lent.
pub(crate) type Reading = Object<Connecting>;

/// Makes connections and looks at those that come back.
pub(crate) struct Connecting {
    options: PgConnectOptions,
}

/// A connection that is kept.
pub(crate) struct Session {
    pub(crate) connection: PgConnection,
    pub(crate) standing: Standing,
}

/// What is known of a connection from its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The last question was answered to its end.
    Answered,
    /// The last use failed, was given up, or was of another kind.
    Unsure,
}

impl Readers {
    /// A pool without a connection. Whoever waits for one longer than `patience` gets an error.
    pub(crate) fn new(options: PgConnectOptions, patience: Duration) -> Result<Self, StoreError> {
        let pool = Pool::builder(Connecting { options })
            .max_size(READERS)
            // The one that was used last is the one that needs no sign of life.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .recycle_timeout(Some(SIGN_OF_LIFE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        Ok(Self(pool))
    }

    pub(crate) async fn get(&self) -> Result<Reading, StoreError> {
        self.0.get().await.map_err(|error| {
            StoreError::from(match error {
                PoolError::Backend(error) => error,
                PoolError::Timeout(_) => sqlx::Error::PoolTimedOut,
                PoolError::Closed => sqlx::Error::PoolClosed,
                other => sqlx::Error::Configuration(other.into()),
            })
        })
    }

    /// Says goodbye on the connections that are not lent, and lends none any more.
    pub(crate) async fn close(&self) {
        let resting = self.0.retain(|_, _| false).removed;
        self.0.close();
        for session in resting {
            // The server notices the end of the connection either way.
            let _ = session.connection.close().await;
        }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readers").field(&self.0.status()).finish()
    }
}

impl Manager for Connecting {
    type Type = Session;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Session, sqlx::Error> {
        let mut pause = Duration::from_millis(10);
        loop {
            match self.options.connect().await {
                Ok(connection) => return Ok(Session { connection, standing: Standing::Answered }),
                // The pool's patience ends this.
                Err(error) if is_starting(&error) => tokio::time::sleep(pause).await,
                Err(error) => return Err(error),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("it has lived long enough"));
        }
        if session.standing == Standing::Answered && metrics.last_used() < FRESH {
            return Ok(());
        }
        session.standing = Standing::Unsure;
        session.connection.ping().await?;
        session.standing = Standing::Answered;
        Ok(())
    }
}

fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.code().as_deref() == Some(CANNOT_CONNECT_NOW),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use private_postgres::PrivatePostgres;

    use super::*;
    use crate::sql::{Connection as Lent, query};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn readers(server: &PrivatePostgres) -> Readers {
        Readers::new(PgConnectOptions::from_str(&server.url()).unwrap(), PATIENCE).unwrap()
    }

    async fn ask(reading: &mut Reading, sql: &'static str) -> Result<i64, StoreError> {
        let Session { connection, standing } = &mut **reading;
        let row = query(sql).fetch_one(&mut Lent::Postgres(connection, Some(standing))).await?;
        Ok(row.try_get(0)?)
    }

    const PROCESS: &str = "SELECT pg_backend_pid()::BIGINT";

    #[tokio::test]
    async fn a_connection_that_did_well_is_lent_again() {
        let Some(server) = PrivatePostgres::shared() else { return };
        let readers = readers(server);
        let first = ask(&mut readers.get().await.unwrap(), PROCESS).await.unwrap();
        let mut again = readers.get().await.unwrap();
        assert_eq!(again.standing, Standing::Answered);
        assert_eq!(ask(&mut again, PROCESS).await.unwrap(), first);
        drop(again);
        readers.close().await;
        assert!(readers.get().await.is_err());
    }

    #[tokio::test]
    async fn what_a_question_left_behind_reaches_nobody_else() {
        let Some(server) = PrivatePostgres::shared() else { return };
        let readers = readers(server);
        // A question that fails.
        let mut reading = readers.get().await.unwrap();
        ask(&mut reading, "SELECT 1::BIGINT / 0").await.unwrap_err();
        assert_eq!(reading.standing, Standing::Unsure);
        drop(reading);
        assert_eq!(ask(&mut readers.get().await.unwrap(), "SELECT 2::BIGINT").await.unwrap(), 2);
        // One that is given up while the server thinks: the server is locked out from answering it.
        let mut locking = readers.get().await.unwrap();
        ask(&mut locking, "SELECT 3::BIGINT FROM pg_advisory_lock(7)").await.unwrap();
        let mut reading = readers.get().await.unwrap();
        let asked = ask(&mut reading, "SELECT 4::BIGINT FROM pg_advisory_lock(7)");
        tokio::select! {
            biased;
            answer = asked => panic!("the lock is held, and yet {answer:?}"),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        drop(reading);
        assert_eq!(ask(&mut readers.get().await.unwrap(), "SELECT 5::BIGINT").await.unwrap(), 5);
        drop(locking);
    }

    #[tokio::test]
    async fn a_connection_whose_end_nobody_noticed_is_replaced() {
        let Some(server) = PrivatePostgres::shared() else { return };
        let readers = readers(server);
        let mut victim = readers.get().await.unwrap();
        let mut other = readers.get().await.unwrap();
        let process = ask(&mut victim, PROCESS).await.unwrap();
        assert_eq!(ask(&mut other, "SELECT 1::BIGINT").await.unwrap(), 1);
        server.run(&server.url(), &format!("SELECT pg_terminate_backend({process})"));
        // Its next user is told, the one after has another.
        ask(&mut victim, PROCESS).await.unwrap_err();
        drop(victim);
        assert_ne!(ask(&mut readers.get().await.unwrap(), PROCESS).await.unwrap(), process);
        drop(other);
    }
}
