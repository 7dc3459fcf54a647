//! Taking over a blockprint database: every row, in batches, resumable.

mod legacy;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use consensus::{Root, Slot, ValidatorIndex};

use crate::db::Database;
use crate::error::{StoreError, message};
use crate::insert;
use crate::row::BlockRow;
use crate::sql::{Connection, query};
use legacy::{Fit, LegacyFile, LegacyRow};

/// Rows in one transaction.
const BATCH: i64 = 20_000;

/// Hears how an import goes.
pub trait ImportProgress: Sync {
    /// The number of rows in the file, before the first batch.
    fn total(&self, rows: u64);
    /// So many more rows are safe in the database.
    fn advance(&self, rows: u64);
}

/// Says nothing.
impl ImportProgress for () {
    fn total(&self, _rows: u64) {}
    fn advance(&self, _rows: u64) {}
}

/// What became of the rows of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows of the file.
    pub rows: u64,
    /// Rows that an earlier, interrupted or finished, run had already dealt with.
    pub resumed: u64,
    /// Rows that are blocks now.
    pub inserted: u64,
    /// Rows that were there already, or whose block is known by its real root.
    pub known: u64,
    /// Rows that are blocks, with a value that has no place in the table; the original row is kept beside it.
    pub mended: u64,
    /// Rows that cannot be blocks, such as those without a slot; kept as they were in the table `imported_rows`.
    pub set_aside: u64,
    /// The first [`LISTED`] of those.
    pub listed: Vec<SetAside>,
    /// Names of clients that are none, at most [`LISTED`] of them, and how many rows of this run have each.
    pub unknown_clients: BTreeMap<String, u64>,
}

/// Rows and names that a report lists.
pub const LISTED: usize = 10;

/// A row that is no block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its number in the old table.
    pub row_id: i64,
    /// Why.
    pub reason: String,
}

impl ImportReport {
    fn set_aside(&mut self, row: &LegacyRow, reason: &str) {
        self.set_aside += 1;
        if self.listed.len() < LISTED {
            self.listed.push(SetAside { row_id: row.row_id, reason: reason.to_owned() });
        }
    }

    fn unknown_client(&mut self, name: &str) {
        // As long as any client's name, should the column hold something else.
        let name: String = name.chars().take(40).collect();
        if self.unknown_clients.len() < LISTED || self.unknown_clients.contains_key(&name) {
            *self.unknown_clients.entry(name).or_default() += 1;
        }
    }
}

/// Whether a file is a blockprint database, said by an error where it is not. Only looks.
pub async fn check_blockprint(path: impl AsRef<Path>) -> Result<(), StoreError> {
    LegacyFile::open(path.as_ref()).await.map(drop)
}

/// The root of a row that came without one: the same for the same slot and proposer.
pub fn surrogate_root(slot: Slot, proposer_index: ValidatorIndex) -> Root {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"blockmark imported block");
    hasher.update(&slot.0.to_le_bytes());
    hasher.update(&proposer_index.0.to_le_bytes());
    Root(*hasher.finalize().as_bytes())
}

pub(crate) async fn run(
    database: &Database,
    path: &Path,
    progress: &dyn ImportProgress,
) -> Result<ImportReport, StoreError> {
    let mut file = LegacyFile::open(path).await?;
    let total = file.count().await?;
    progress.total(total);
    let mut report = ImportReport { rows: total, ..ImportReport::default() };
    let source = file.digest().to_vec();
    let mut last = resume_point(&mut database.reader().await?.connection(), &source).await?;
    if last > i64::MIN {
        report.resumed = file.count_until(last).await?;
        progress.advance(report.resumed);
    }
    loop {
        let batch = file.batch(last, BATCH).await.map_err(|error| StoreError::ImportDamaged {
            path: path.to_owned(),
            detail: message(&error),
            rows: report.resumed + report.inserted + report.known + report.set_aside,
        })?;
        let finished = batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        last = batch.last().map_or(last, |row| row.row_id);
        let mut writer = database.writer().await?;
        let mut transaction = writer.begin().await?;
        store(&mut transaction.connection(), &batch, &mut report).await?;
        query(
            "INSERT INTO imports (source, last_row, finished) VALUES ($1, $2, $3) \
             ON CONFLICT (source) DO UPDATE SET last_row = excluded.last_row, finished = excluded.finished",
        )
        .bind(source.clone())
        .bind(last)
        .bind(i64::from(finished))
        .execute(&mut transaction.connection())
        .await?;
        transaction.commit().await?;
        drop(writer);
        progress.advance(to_count(batch.len()));
        if finished {
            return Ok(report);
        }
    }
}

async fn resume_point(connection: &mut Connection<'_>, source: &[u8]) -> Result<i64, StoreError> {
    let row = query("SELECT last_row FROM imports WHERE source = $1")
        .bind(source.to_vec())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(i64::MIN))
}

fn to_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

async fn store(
    connection: &mut Connection<'_>,
    batch: &[LegacyRow],
    report: &mut ImportReport,
) -> Result<(), StoreError> {
    let keys =
        batch.iter().filter_map(LegacyRow::block).map(|block| (block.slot, block.block_root)).collect();
    let known = insert::known(connection, keys).await?;
    let mut seen = HashSet::new();
    let mut fresh: Vec<BlockRow> = Vec::with_capacity(batch.len());
    for row in batch {
        let Some(block) = row.block() else {
            keep_original(connection, row, None, row.reason()).await?;
            report.set_aside(row, row.reason());
            continue;
        };
        if let Some(name) = &row.unknown_client {
            report.unknown_client(name);
        }
        if let Fit::Mended { reason, .. } = &row.fit {
            keep_original(connection, row, Some(block.block_root), reason).await?;
        }
        let twin = "another row has the same slot and proposer";
        match known.get(&block.block_root) {
            Some(old)
                if old.row.classification == block.classification
                    && old.row.parent_slot == block.parent_slot =>
            {
                report.known += 1;
            }
            Some(_) => {
                keep_original(connection, row, Some(block.block_root), twin).await?;
                report.set_aside(row, twin);
            }
            None if !seen.insert(block.block_root) => {
                keep_original(connection, row, Some(block.block_root), twin).await?;
                report.set_aside(row, twin);
            }
            None => {
                if matches!(row.fit, Fit::Mended { .. }) {
                    report.mended += 1;
                }
                fresh.push(block.clone());
            }
        }
    }
    let stored = insert::rows(connection, &fresh).await?;
    report.inserted += stored.inserted;
    report.known += stored.unchanged + stored.updated;
    Ok(())
}

async fn keep_original(
    connection: &mut Connection<'_>,
    row: &LegacyRow,
    block: Option<Root>,
    reason: &str,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO imported_rows (source_row, reason, block_root, original) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(row.row_id)
    .bind(reason.to_owned())
    .bind(block.map(|root| root.0.to_vec()))
    .bind(row.original.clone())
    .execute(connection)
    .await?;
    Ok(())
}
