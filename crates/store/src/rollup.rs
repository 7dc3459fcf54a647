//! Counts of blocks per epoch and per 256 epochs, changed in the transaction that stores the blocks.

use std::collections::BTreeMap;
use std::ops::Range;

use consensus::{Epoch, Slot};

use crate::counts::ClientCounts;
use crate::error::StoreError;
use crate::sql::{Batch, Connection, Kind, Row, pieces, query, to_i64, to_u64};

/// Epochs in one row of the coarse table.
pub(crate) const EPOCHS_PER_BUCKET: u64 = 256;

/// Columns after the key: uncertain, the clients in order, orphaned.
const COLUMNS: [&str; 9] =
    ["uncertain", "grandine", "lighthouse", "lodestar", "nimbus", "other", "prysm", "teku", "orphaned"];

/// The position of `orphaned` in [`COLUMNS`].
const ORPHANED_COLUMN: usize = 8;

/// Changes to the counts that one transaction gathers.
#[derive(Default)]
pub(crate) struct Deltas {
    epochs: BTreeMap<u64, [i64; 9]>,
}

impl Deltas {
    /// Counts a block in (`1`) or out (`-1`).
    pub(crate) fn block(&mut self, slot: Slot, verdict_code: i64, orphaned: bool, change: i64) {
        let column = match usize::try_from(verdict_code) {
            _ if orphaned => ORPHANED_COLUMN,
            Ok(code) if code < ORPHANED_COLUMN => code,
            _ => 0,
        };
        let counts = self.epochs.entry(slot.epoch().0).or_default();
        if let Some(count) = counts.get_mut(column) {
            *count += change;
        }
    }

    /// Writes the changes to both tables.
    pub(crate) async fn apply(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let mut coarse: BTreeMap<u64, [i64; 9]> = BTreeMap::new();
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
    rows: BTreeMap<u64, [i64; 9]>,
) -> Result<(), StoreError> {
    let changed: Vec<_> =
        rows.into_iter().filter(|(_, counts)| counts.iter().any(|count| *count != 0)).collect();
    let columns = COLUMNS.join(", ");
    let sums = COLUMNS.map(|column| format!("{column} = {table}.{column} + excluded.{column}")).join(", ");
    let engine = connection.engine();
    for piece in pieces(engine, &changed) {
        let mut batch = Batch::new(engine, &[Kind::Integer; 1 + COLUMNS.len()], piece.len());
        for (row, counts) in piece {
            batch.push(to_i64(*row))?;
            for count in counts {
                batch.push(*count)?;
            }
        }
        let (rows, values) = batch.finish()?;
        let sql =
            format!("INSERT INTO {table} ({key}, {columns}) {rows} ON CONFLICT ({key}) DO UPDATE SET {sums}");
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
    let sums = COLUMNS.map(|column| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)")).join(", ");
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

/// Sums over buckets of `epochs_per_bucket` epochs, keyed by the number of the bucket counted from `base`.
pub(crate) async fn buckets(
    connection: &mut Connection<'_>,
    base: Epoch,
    range: Range<Epoch>,
    epochs_per_bucket: u64,
) -> Result<BTreeMap<u64, ClientCounts>, StoreError> {
    let numbers = [base.0, range.start.0, range.end.0, epochs_per_bucket];
    let coarse = numbers.iter().all(|number| number % EPOCHS_PER_BUCKET == 0);
    let (table, key, unit) =
        if coarse { ("coarse_counts", "bucket", EPOCHS_PER_BUCKET) } else { ("epoch_counts", "epoch", 1) };
    let sums = COLUMNS.map(|column| format!("CAST(SUM({column}) AS BIGINT)")).join(", ");
    let sql = format!(
        "SELECT ({key} - $1) / $2 AS bucket_number, {sums} FROM {table} WHERE {key} >= $3 AND {key} < $4 \
         GROUP BY bucket_number"
    );
    let [base, start, end, length] = numbers.map(|number| to_i64(number / unit));
    let rows = query(sql).bind(base).bind(length).bind(start).bind(end).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((to_u64(row.try_get(0)?)?, counts_of(row, 1)?.0))).collect()
}
