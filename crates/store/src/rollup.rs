//! Counts of blocks per epoch and per 256 epochs, changed in the transaction that stores the blocks.

use std::collections::BTreeMap;
use std::ops::Range;

use consensus::{Epoch, Slot};
use fingerprint::Signs;

use crate::codes::{verdict_code, verdict_of_code};
use crate::counts::{ClientCounts, RuleCounts};
use crate::error::StoreError;
use crate::row::{BlockRow, CanonicalState};
use crate::sql::{Batch, Connection, Kind, Row, pieces, query, to_i64, to_u64};

/// Epochs in one row of the coarse table.
pub(crate) const EPOCHS_PER_BUCKET: u64 = 256;

/// Columns of verdicts after the key: uncertain, the clients in order, orphaned.
const VERDICTS: [&str; 9] =
    ["uncertain", "grandine", "lighthouse", "lodestar", "nimbus", "other", "prysm", "teku", "orphaned"];

/// The position of `orphaned` in [`VERDICTS`].
const ORPHANED_COLUMN: usize = 8;

/// Columns of [`RuleCounts`], which stand behind those of verdicts.
const RULES: [&str; 3] = ["signs_known", "all_ruled_out", "verdict_ruled_out"];

/// Counts of a row of either table.
pub(crate) type Counts = [i64; VERDICTS.len() + RULES.len()];

/// The names of [`Counts`].
pub(crate) fn columns() -> impl Iterator<Item = &'static str> {
    VERDICTS.into_iter().chain(RULES)
}

/// What of a block is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) slot: Slot,
    pub(crate) verdict: i64,
    pub(crate) state: CanonicalState,
    pub(crate) signs: Option<Signs>,
}

impl Counted {
    pub(crate) fn of(row: &BlockRow) -> Self {
        Self {
            slot: row.slot,
            verdict: verdict_code(row.classification.best_guess_single),
            state: row.canonical,
            signs: row.signs,
        }
    }

    /// The columns that the block belongs to.
    pub(crate) fn columns(self) -> impl Iterator<Item = usize> {
        let is_orphaned = self.state == CanonicalState::Orphaned;
        let verdict = match usize::try_from(self.verdict) {
            _ if is_orphaned => ORPHANED_COLUMN,
            Ok(code) if code < ORPHANED_COLUMN => code,
            _ => 0,
        };
        let client = verdict_of_code(self.verdict).ok().flatten();
        let rules = self
            .signs
            .filter(|_| !is_orphaned)
            .map(|signs| [true, signs.rules_out_all(), client.is_some_and(|client| signs.rules_out(client))]);
        let broken = (VERDICTS.len()..).zip(rules.unwrap_or_default());
        std::iter::once(verdict).chain(broken.filter_map(|(column, is_so)| is_so.then_some(column)))
    }
}

/// Changes to the counts that one transaction gathers.
#[derive(Default)]
pub(crate) struct Deltas {
    epochs: BTreeMap<u64, Counts>,
}

impl Deltas {
    /// Counts a block in (`1`) or out (`-1`).
    pub(crate) fn block(&mut self, block: Counted, change: i64) {
        let counts = self.epochs.entry(block.slot.epoch().0).or_default();
        for column in block.columns() {
            if let Some(count) = counts.get_mut(column) {
                *count += change;
            }
        }
    }

    /// Writes the changes to both tables.
    pub(crate) async fn apply(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let mut coarse: BTreeMap<u64, Counts> = BTreeMap::new();
        for (epoch, counts) in &self.epochs {
            let sums = coarse.entry(epoch / EPOCHS_PER_BUCKET).or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        upsert(connection, "epoch_counts", "epoch", self.epochs).await?;
        upsert(connection, "coarse_counts", "bucket", coarse).await
    }
}

async fn upsert(
    connection: &mut Connection<'_>,
    table: &str,
    key: &str,
    rows: BTreeMap<u64, Counts>,
) -> Result<(), StoreError> {
    let changed: Vec<_> =
        rows.into_iter().filter(|(_, counts)| counts.iter().any(|count| *count != 0)).collect();
    let names = columns().collect::<Vec<_>>().join(", ");
    let sums: Vec<_> =
        columns().map(|column| format!("{column} = {table}.{column} + excluded.{column}")).collect();
    let sums = sums.join(", ");
    let engine = connection.engine();
    for piece in pieces(engine, &changed) {
        let mut batch = Batch::new(engine, &[Kind::Integer; 1 + VERDICTS.len() + RULES.len()], piece.len());
        for (row, counts) in piece {
            batch.push(to_i64(*row))?;
            for count in counts {
                batch.push(*count)?;
            }
        }
        let (rows, values) = batch.finish()?;
        let sql =
            format!("INSERT INTO {table} ({key}, {names}) {rows} ON CONFLICT ({key}) DO UPDATE SET {sums}");
        values.execute(sql, connection).await?;
    }
    Ok(())
}

/// Verdicts and orphans of a row whose counts begin at a column.
pub(crate) fn counts_of(row: &Row, first: usize) -> Result<(ClientCounts, u64), StoreError> {
    let number = |column: usize| -> Result<u64, StoreError> { to_u64(row.try_get(first + column)?) };
    let mut counts = ClientCounts { uncertain: number(0)?, counts: [0; 7] };
    for (index, count) in counts.counts.iter_mut().enumerate() {
        *count = number(1 + index)?;
    }
    Ok((counts, number(ORPHANED_COLUMN)?))
}

/// The sum over a range of epochs.
pub(crate) async fn sum(
    connection: &mut Connection<'_>,
    range: Range<Epoch>,
) -> Result<ClientCounts, StoreError> {
    let (start, end) = (range.start.0, range.end.0);
    if start >= end {
        return Ok(ClientCounts::default());
    }
    let first_bucket = start.div_ceil(EPOCHS_PER_BUCKET);
    let end_bucket = end / EPOCHS_PER_BUCKET;
    // Whole buckets come from the coarse table, the epochs before and after them from the fine one.
    let (low_end, high_start) = if first_bucket < end_bucket {
        (first_bucket * EPOCHS_PER_BUCKET, end_bucket * EPOCHS_PER_BUCKET)
    } else {
        (end, end)
    };
    let mut total = ClientCounts::default();
    let sums = VERDICTS.map(|column| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)")).join(", ");
    // One statement: every further one would cost a way to the thread of the database engine and back.
    let sql = format!(
        "SELECT {sums} FROM coarse_counts WHERE bucket >= $1 AND bucket < $2 UNION ALL \
         SELECT {sums} FROM epoch_counts WHERE epoch >= $3 AND epoch < $4 UNION ALL \
         SELECT {sums} FROM epoch_counts WHERE epoch >= $5 AND epoch < $6"
    );
    let mut query = query(sql);
    for bound in [first_bucket, end_bucket, start, low_end, high_start, end] {
        query = query.bind(to_i64(bound));
    }
    for row in query.fetch_all(connection).await? {
        total += counts_of(&row, 0)?.0;
    }
    Ok(total)
}

/// Runs of epochs that a question sums over.
struct Runs {
    table: &'static str,
    key: &'static str,
    /// The first epoch, the first and the last one asked for, and the length of a run, in epochs or in buckets.
    numbers: [i64; 4],
}

impl Runs {
    fn new(base: Epoch, range: &Range<Epoch>, epochs_per_run: u64) -> Self {
        let numbers = [base.0, range.start.0, range.end.0, epochs_per_run];
        let coarse = numbers.iter().all(|number| number % EPOCHS_PER_BUCKET == 0);
        let (table, key, unit) = if coarse {
            ("coarse_counts", "bucket", EPOCHS_PER_BUCKET)
        } else {
            ("epoch_counts", "epoch", 1)
        };
        Self { table, key, numbers: numbers.map(|number| to_i64(number / unit)) }
    }

    /// Rows of the number of the run counted from the base, and the sums of the columns.
    async fn sums(&self, columns: &[&str], connection: &mut Connection<'_>) -> Result<Vec<Row>, StoreError> {
        let Self { table, key, numbers: [base, start, end, length] } = *self;
        let sums: Vec<_> = columns.iter().map(|column| format!("CAST(SUM({column}) AS BIGINT)")).collect();
        let sql = format!(
            "SELECT ({key} - $1) / $2 AS run, {} FROM {table} WHERE {key} >= $3 AND {key} < $4 \
             GROUP BY run ORDER BY run",
            sums.join(", ")
        );
        query(sql).bind(base).bind(length).bind(start).bind(end).fetch_all(connection).await
    }
}

/// Sums over buckets of `epochs_per_bucket` epochs, keyed by the number of the bucket counted from `base`.
pub(crate) async fn buckets(
    connection: &mut Connection<'_>,
    base: Epoch,
    range: Range<Epoch>,
    epochs_per_bucket: u64,
) -> Result<BTreeMap<u64, ClientCounts>, StoreError> {
    let rows = Runs::new(base, &range, epochs_per_bucket).sums(&VERDICTS, connection).await?;
    rows.iter().map(|row| Ok((to_u64(row.try_get(0)?)?, counts_of(row, 1)?.0))).collect()
}

/// Blocks against the rules of clients in runs of epochs, the first of which begins with the range. Runs without a
/// block whose signs are known are left out.
pub(crate) async fn rules(
    connection: &mut Connection<'_>,
    range: Range<Epoch>,
    epochs_per_run: u64,
) -> Result<Vec<(Epoch, RuleCounts)>, StoreError> {
    let length = epochs_per_run.max(1);
    let rows = Runs::new(range.start, &range, length).sums(&RULES, connection).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        let number = |column: usize| -> Result<u64, StoreError> { to_u64(row.try_get(column)?) };
        let first = range.start.0.saturating_add(number(0)?.saturating_mul(length));
        let counts =
            RuleCounts { signs_known: number(1)?, all_ruled_out: number(2)?, verdict_ruled_out: number(3)? };
        if counts.signs_known > 0 {
            runs.push((Epoch(first), counts));
        }
    }
    Ok(runs)
}
