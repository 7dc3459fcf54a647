//! Looking for damage: the file itself, and everything that is kept beside the blocks, against a scan.

use std::collections::{BTreeMap, HashSet};

use consensus::{Root, Slot};
use futures::TryStreamExt;
use serde::Serialize;

use crate::codes::{canonical_of_code, signs_of_code};
use crate::error::StoreError;
use crate::record::root_of_bytes;
use crate::rollup::{Counted, Counts, EPOCHS_PER_BUCKET, columns};
use crate::row::{MAX_SLOT, first_id};
use crate::sql::{Connection, Engine, query, script, to_u64};
use crate::{attestations, coverage_table};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Blocks that were read.
    pub blocks: u64,
    /// One sentence for each thing that is not as it should be.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }
}

/// More problems than this are not listed.
const MAX_PROBLEMS: usize = 100;

pub(crate) async fn run(connection: &mut Connection<'_>) -> Result<CheckReport, StoreError> {
    let mut report = CheckReport::default();
    // One snapshot for all questions: a writer may go on meanwhile.
    let begin = match connection.engine() {
        Engine::Sqlite => "BEGIN",
        Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    script(begin, connection).await?;
    let outcome = questions(connection, &mut report).await;
    script("ROLLBACK", connection).await?;
    match outcome {
        Ok(()) => Ok(report),
        Err(StoreError::Damaged { detail }) => {
            report.problem(format!("the file cannot be read to its end: {detail}"));
            Ok(report)
        }
        Err(other) => Err(other),
    }
}

async fn questions(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    if connection.engine() == Engine::Sqlite {
        file(connection, report).await?;
    }
    ids(connection, report).await?;
    doubles(connection, report).await?;
    counts(connection, report).await?;
    coverage(connection, report).await?;
    latest(connection, report).await?;
    attestations::check(connection, |problem| report.problem(problem)).await
}

/// What a server sees to by itself: pages that can be read, references, the list of buckets.
async fn file(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let lines = query("PRAGMA integrity_check(100)").fetch_all(connection).await?;
    for line in &lines {
        let line: String = line.try_get(0)?;
        if line != "ok" {
            report.problem(format!("the file: {line}"));
        }
    }
    let broken = query("PRAGMA foreign_key_check").fetch_all(connection).await?;
    if !broken.is_empty() {
        report.problem(format!("{} rows refer to rows that are not there", broken.len()));
    }
    let unlisted: i64 = query(
        "SELECT COUNT(DISTINCT slot / 262144) FROM blocks \
         WHERE slot / 262144 NOT IN (SELECT bucket FROM slot_buckets)",
    )
    .fetch_one(connection)
    .await?
    .try_get(0)?;
    if unlisted > 0 {
        report.problem(format!("{unlisted} buckets of slots have blocks, but are not listed"));
    }
    Ok(())
}

async fn ids(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let width = first_id(1);
    let misplaced: i64 = query("SELECT COUNT(*) FROM blocks WHERE id / $1 <> slot")
        .bind(width)
        .fetch_one(connection)
        .await?
        .try_get(0)?;
    if misplaced > 0 {
        report.problem(format!("{misplaced} blocks lie at the place of another slot"));
    }
    Ok(())
}

/// Roots stored twice. Sorted are eight bytes of each, so that memory stays at 100 MB for 13 million blocks.
async fn doubles(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let start = |root: &Root| {
        let Root([a, b, c, d, e, f, g, h, ..]) = *root;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    let mut starts: Vec<u64> = Vec::new();
    each_root(connection, |root, _| starts.push(start(&root))).await?;
    starts.sort_unstable();
    let repeated: HashSet<u64> =
        starts.iter().zip(starts.iter().skip(1)).filter(|(a, b)| a == b).map(|(a, _)| *a).collect();
    if repeated.is_empty() {
        return Ok(());
    }
    drop(starts);
    let mut slots: BTreeMap<Root, Vec<u64>> = BTreeMap::new();
    each_root(connection, |root, slot| {
        if repeated.contains(&start(&root)) {
            slots.entry(root).or_default().push(slot);
        }
    })
    .await?;
    for (root, slots) in slots.into_iter().filter(|(_, slots)| slots.len() > 1) {
        let slots: Vec<String> = slots.iter().take(10).map(u64::to_string).collect();
        report.problem(format!("block {root} is stored more than once, at slots {}", slots.join(", ")));
    }
    Ok(())
}

async fn each_root(
    connection: &mut Connection<'_>,
    mut take: impl FnMut(Root, u64),
) -> Result<(), StoreError> {
    let mut rows = query("SELECT block_root, slot FROM blocks").fetch(connection)?;
    while let Some(row) = rows.try_next().await? {
        take(root_of_bytes(row.try_get(0)?)?, to_u64(row.try_get(1)?)?);
    }
    Ok(())
}

type Table = BTreeMap<u64, Counts>;

async fn counts(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut epochs = Table::new();
    let mut coarse = Table::new();
    {
        let mut rows =
            query("SELECT slot, best_guess, canonical, signs FROM blocks ORDER BY id").fetch(connection)?;
        while let Some(row) = rows.try_next().await? {
            let block = Counted {
                slot: Slot(to_u64(row.try_get(0)?)?),
                verdict: row.try_get(1)?,
                state: canonical_of_code(row.try_get(2)?)?,
                signs: row.try_get::<Option<i64>>(3)?.map(signs_of_code).transpose()?,
            };
            let epoch = block.slot.epoch().0;
            for (table, key) in [(&mut epochs, epoch), (&mut coarse, epoch / EPOCHS_PER_BUCKET)] {
                let counts = table.entry(key).or_default();
                for column in block.columns() {
                    if let Some(count) = counts.get_mut(column) {
                        *count += 1;
                    }
                }
            }
            report.blocks += 1;
        }
    }
    compare(connection, report, "epoch_counts", "epoch", &epochs).await?;
    compare(connection, report, "coarse_counts", "bucket", &coarse).await
}

async fn compare(
    connection: &mut Connection<'_>,
    report: &mut CheckReport,
    table: &str,
    key: &str,
    scanned: &Table,
) -> Result<(), StoreError> {
    let sql = format!("SELECT {key}, {} FROM {table}", columns().collect::<Vec<_>>().join(", "));
    let mut kept = Table::new();
    for row in query(sql).fetch_all(connection).await? {
        let mut counts = Counts::default();
        for (index, count) in counts.iter_mut().enumerate() {
            *count = row.try_get(index + 1)?;
        }
        if counts != Counts::default() {
            kept.insert(to_u64(row.try_get(0)?)?, counts);
        }
    }
    let wrong: Vec<u64> = scanned
        .keys()
        .chain(kept.keys())
        .copied()
        .filter(|key| scanned.get(key) != kept.get(key))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if let Some(first) = wrong.first() {
        report.problem(format!(
            "{} rows of {table} differ from the blocks, the first at {key} {first}",
            wrong.len()
        ));
    }
    Ok(())
}

async fn coverage(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let kept = coverage_table::all(connection).await?;
    let scanned = coverage_table::links(connection, 0, MAX_SLOT).await?;
    if kept != scanned {
        report.problem(format!(
            "the table of known slots has {} runs that differ from the {} that the blocks make",
            kept.len(),
            scanned.len()
        ));
    }
    Ok(())
}

async fn latest(connection: &mut Connection<'_>, report: &mut CheckReport) -> Result<(), StoreError> {
    let wrong: i64 = query(
        "SELECT COUNT(*) FROM (SELECT proposer_index, MAX(id) AS id FROM blocks GROUP BY proposer_index) newest \
         LEFT JOIN validator_latest l ON l.proposer_index = newest.proposer_index AND l.block_id = newest.id \
         LEFT JOIN blocks b ON b.id = newest.id \
         WHERE l.block_id IS NULL OR l.best_guess <> b.best_guess",
    )
    .fetch_one(connection)
    .await?
    .try_get(0)?;
    let extra: i64 = query(
        "SELECT COUNT(*) FROM validator_latest l WHERE NOT EXISTS \
         (SELECT 1 FROM blocks b WHERE b.proposer_index = l.proposer_index)",
    )
    .fetch_one(connection)
    .await?
    .try_get(0)?;
    if wrong + extra > 0 {
        report.problem(format!("the newest block of {} proposers is another one", wrong + extra));
    }
    Ok(())
}
