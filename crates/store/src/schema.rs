//! Versions of the schema, and the steps from one to the next.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::error::StoreError;
use crate::location::StoreUrl;
use crate::postgres::SchemaLock;

/// The version that this program reads and writes, the same for both engines.
pub const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// Marks the file as one of ours: "BMK1".
const APPLICATION_ID: i64 = 0x424d_4b31;

/// The steps of SQLite. Each leads from the version that is its position to the next.
const STEPS: [&str; 7] = [
    include_str!("../migrations/sqlite/0001_base.sql"),
    include_str!("../migrations/sqlite/0002_validator_latest.sql"),
    include_str!("../migrations/sqlite/0003_chain.sql"),
    include_str!("../migrations/sqlite/0004_work.sql"),
    include_str!("../migrations/sqlite/0005_orphans.sql"),
    include_str!("../migrations/sqlite/0006_attestations.sql"),
    include_str!("../migrations/sqlite/0007_signs.sql"),
];

/// The steps of PostgreSQL, which came with version 2: an empty step stands for the version before.
const POSTGRES_STEPS: [&str; STEPS.len()] = [
    "",
    include_str!("../migrations/postgres/0002_base.sql"),
    include_str!("../migrations/postgres/0003_chain.sql"),
    include_str!("../migrations/postgres/0004_work.sql"),
    include_str!("../migrations/postgres/0005_orphans.sql"),
    include_str!("../migrations/postgres/0006_attestations.sql"),
    include_str!("../migrations/postgres/0007_signs.sql"),
];

/// What a file or a schema holds.
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
pub(crate) async fn migrate_file(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    migrate_to(connection, path, SCHEMA_VERSION).await
}

/// As [`migrate_file`], to a version of choice, so that tests can make old databases.
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
        return Err(StoreError::NewerSchema { url: path.into(), found, known: SCHEMA_VERSION });
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

/// Looks at the tables of a PostgreSQL schema without changing them.
pub(crate) async fn tables(connection: &mut PgConnection, url: &StoreUrl) -> Result<Contents, StoreError> {
    let there = sqlx::query(
        "SELECT c.relname = 'blockmark_schema' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relname IN ('blockmark_schema', 'blocks') ORDER BY 1 DESC",
    )
    .fetch_all(&mut *connection)
    .await?;
    match there.first().map(|row| row.try_get::<bool, usize>(0)).transpose()? {
        None => Ok(Contents::Empty),
        Some(false) => Err(StoreError::ForeignTables { url: url.clone() }),
        Some(true) => {
            let row = sqlx::query("SELECT version FROM blockmark_schema").fetch_one(connection).await?;
            Ok(Contents::Ours(row.try_get(0)?))
        }
    }
}

/// Raises the tables to this program's version and returns the version found. One transaction; another process that
/// migrates at the same time is waited for.
pub(crate) async fn migrate_tables(
    connection: &mut PgConnection,
    lock: SchemaLock,
    url: &StoreUrl,
) -> Result<i64, StoreError> {
    let mut transaction = connection.begin().await?;
    lock.take(&mut transaction).await?;
    let found = match tables(&mut transaction, url).await? {
        Contents::Empty => 0,
        Contents::Ours(version) => version,
    };
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { url: url.clone(), found, known: SCHEMA_VERSION });
    }
    for (position, step) in (0..).zip(POSTGRES_STEPS) {
        if position >= found && !step.is_empty() {
            sqlx::raw_sql(step).execute(&mut *transaction).await?;
        }
    }
    sqlx::query("UPDATE blockmark_schema SET version = $1")
        .bind(SCHEMA_VERSION)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(found)
}
