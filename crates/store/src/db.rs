//! The seam to the engines: an SQLite file or a PostgreSQL server, opened, read and written the same way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Postgres, Sqlite, SqliteConnection};
use tokio::sync::MutexGuard;

use crate::error::StoreError;
use crate::known_roots::KnownRoots;
use crate::location::{OpenMode, Place, StoreUrl};
use crate::postgres::{self, Server};
use crate::readers::{Reading, Session};
use crate::sql::Connection;
use crate::sqlite::File;

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    url: StoreUrl,
    pub(crate) backend: Backend,
    /// The schema version before this program raised it.
    version_found: i64,
    /// How often something may have been written.
    changes: AtomicU64,
}

/// Where the database is kept.
#[derive(Debug)]
pub(crate) enum Backend {
    File(File),
    Server(Server),
}

/// A connection that reads.
pub(crate) enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(Reading),
}

/// The connection that writes.
#[expect(dead_code, reason = "what is noted counts when it is dropped")]
pub(crate) enum Writer<'d> {
    Sqlite(MutexGuard<'d, SqliteConnection>, MutexGuard<'d, KnownRoots>, Noted<'d>),
    Postgres(PoolConnection<Postgres>, postgres::SchemaLock, Noted<'d>),
}

/// Counts a change of the database when it is dropped.
pub(crate) struct Noted<'d>(&'d AtomicU64);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// A transaction that writes. No other one writes at the same time, in no process. Dropped, it is rolled back.
pub(crate) enum Transaction<'w> {
    Sqlite(sqlx::Transaction<'w, Sqlite>, &'w mut KnownRoots),
    Postgres(sqlx::Transaction<'w, Postgres>),
}

impl Database {
    pub(crate) async fn open(url: StoreUrl, mode: OpenMode, patience: Duration) -> Result<Self, StoreError> {
        let (backend, version_found) = match url.place() {
            Place::File(path) => {
                let (file, version) = File::open(path, mode, patience).await?;
                (Backend::File(file), version)
            }
            Place::Server(_) => {
                let (server, version) = Server::open(&url, mode, patience).await?;
                (Backend::Server(server), version)
            }
        };
        Ok(Self { url, backend, version_found, changes: AtomicU64::new(0) })
    }

    pub(crate) fn url(&self) -> &StoreUrl {
        &self.url
    }

    pub(crate) fn version_found(&self) -> i64 {
        self.version_found
    }

    /// How often the writing connection was let go of.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(crate) async fn reader(&self) -> Result<Reader, StoreError> {
        Ok(match &self.backend {
            Backend::File(file) => Reader::Sqlite(file.reader().await?),
            Backend::Server(server) => Reader::Postgres(server.reader().await?),
        })
    }

    /// The connection that writes, once it is free. It has no transaction open.
    pub(crate) async fn writer(&self) -> Result<Writer<'_>, StoreError> {
        let noted = Noted(&self.changes);
        Ok(match &self.backend {
            Backend::File(file) => {
                let (connection, roots) = file.writer().await?;
                Writer::Sqlite(connection, roots, noted)
            }
            Backend::Server(server) => Writer::Postgres(server.writer().await?, server.lock(), noted),
        })
    }

    /// Ends all connections; a write-ahead log of SQLite goes into the file.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::File(file) => file.close().await,
            Backend::Server(server) => {
                server.close().await;
                Ok(())
            }
        }
    }
}

impl Reader {
    pub(crate) fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(reading) => {
                let Session { connection, standing } = &mut **reading;
                Connection::Postgres(connection, Some(standing))
            }
        }
    }
}

impl Writer<'_> {
    /// The connection, for a statement that is a transaction by itself.
    pub(crate) fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection, ..) => Connection::Sqlite(connection),
            Self::Postgres(connection, ..) => Connection::Postgres(connection, None),
        }
    }

    /// Begins a transaction, once no other one writes.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(connection, roots, _) => {
                Transaction::Sqlite(connection.begin_with("BEGIN IMMEDIATE").await?, roots)
            }
            Self::Postgres(connection, lock, _) => {
                let mut transaction = connection.begin().await?;
                lock.take(&mut transaction).await?;
                Transaction::Postgres(transaction)
            }
        })
    }
}

impl Transaction<'_> {
    pub(crate) fn connection(&mut self) -> Connection<'_> {
        self.parts().0
    }

    /// The connection, and what is remembered of the roots in a file.
    pub(crate) fn parts(&mut self) -> (Connection<'_>, Option<&mut KnownRoots>) {
        match self {
            Self::Sqlite(transaction, roots) => (Connection::Sqlite(transaction), Some(roots)),
            Self::Postgres(transaction) => (Connection::Postgres(transaction, None), None),
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction, _) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction, _) => transaction.rollback().await?,
            Self::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod unit {
    use consensus::{Root, Slot, ValidatorIndex};
    use fingerprint::classifier::Classification;

    use super::*;
    use crate::attestations::Attestations;
    use crate::row::{BlockRow, CanonicalState, RootOrigin};

    fn rows(slots: std::ops::Range<u64>) -> Vec<BlockRow> {
        slots
            .map(|slot| BlockRow {
                block_root: Root(*blake3::hash(&slot.to_le_bytes()).as_bytes()),
                root_known: RootOrigin::Reported,
                parent_root: None,
                slot: Slot(slot),
                parent_slot: Slot(slot - 1),
                proposer_index: ValidatorIndex(slot % 97),
                graffiti: None,
                classification: Classification::uncertain(None),
                model_hash: None,
                canonical: CanonicalState::Unknown,
                features: None,
                attestations: Attestations::NotRecorded,
                signs: None,
                first_seen_ms: None,
            })
            .collect()
    }

    #[tokio::test]
    async fn a_full_disk_costs_the_last_batch_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blocks.sqlite");
        let database =
            Database::open(path.as_path().into(), OpenMode::Create, Duration::from_secs(5)).await.unwrap();
        let mut writer = database.writer().await.unwrap();
        crate::insert::transaction(&mut writer, &rows(1..1000)).await.unwrap();
        // What SQLite says at this limit is what it says when the device has no room.
        crate::sql::script("PRAGMA max_page_count = 1", &mut writer.connection()).await.unwrap();
        let error = crate::insert::transaction(&mut writer, &rows(1000..9000)).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        drop(writer);

        let mut reader = database.reader().await.unwrap();
        assert_eq!(
            crate::query::count(&mut reader.connection(), "SELECT COUNT(*) FROM blocks").await.unwrap(),
            999
        );
        drop(reader);
        let mut writer = database.writer().await.unwrap();
        let report = crate::insert::transaction(&mut writer, &rows(1000..9000)).await.unwrap();
        assert_eq!(report.inserted, 8000);
        drop(writer);
        let check = crate::check::run(&mut database.reader().await.unwrap().connection()).await.unwrap();
        assert!(check.is_sound() && check.blocks == 8999, "{check:?}");
    }
}
