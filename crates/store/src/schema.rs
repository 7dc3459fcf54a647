//! Versions of the schema, and the steps from one to the next.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::error::StoreError;

/// The version that this program reads and writes.
pub const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// Marks the file as one of ours: "BMK1".
const APPLICATION_ID: i64 = 0x424d_4b31;

/// Each step leads from the version that is its position to the next.
const STEPS: [&str; 3] = [
    include_str!("../migrations/sqlite/0001_base.sql"),
    include_str!("../migrations/sqlite/0002_validator_latest.sql"),
    include_str!("../migrations/sqlite/0003_chain.sql"),
];

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing yet.
    Empty,
    /// A database of ours, of some version.
    Ours(i64),
}

/// Looks at a file without changing it.
pub(crate) async fn contents(connection: &mut SqliteConnection, path: &Path) -> Result<Contents, StoreError> {
    // One statement sees one state of the file, while another process may be making the tables and the marks.
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM sqlite_master), (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version)",
    )
    .fetch_one(connection)
    .await?;
    let (tables, application, version): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if application == APPLICATION_ID {
        return Ok(Contents::Ours(version));
    }
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Contents::Empty);
    }
    Err(StoreError::ForeignDatabase { path: path.to_owned() })
}

/// Raises the schema to this program's version and returns the version found. One transaction; another process
/// that migrates at the same time is waited for.
pub(crate) async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    migrate_to(connection, path, SCHEMA_VERSION).await
}

/// As [`migrate`], to a version of choice, so that tests can make old databases.
pub(crate) async fn migrate_to(
    connection: &mut SqliteConnection,
    path: &Path,
    target: i64,
) -> Result<i64, StoreError> {
    // A database of this version is opened without waiting for one who writes to it.
    if contents(connection, path).await? == Contents::Ours(target) {
        return Ok(target);
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found = match contents(&mut transaction, path).await? {
        Contents::Empty => 0,
        Contents::Ours(version) => version,
    };
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION });
    }
    for (position, step) in (0..).zip(STEPS) {
        if (found..target).contains(&position) {
            sqlx::raw_sql(step).execute(&mut *transaction).await?;
        }
    }
    if found < target {
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {target}");
        sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(found)
}
