//! Counts that no table is kept for: by groups of validators, and of graffiti against verdicts.
//!
//! Groups read the rows of their range, which is why it is bounded. Graffiti come by the index `blocks_labelled` alone.

use std::ops::Range;

use consensus::{Slot, ValidatorIndex};
use fingerprint::score::ConfusionMatrix;
use futures::TryStreamExt;

use crate::codes::verdict_of_code;
use crate::counts::ClientCounts;
use crate::error::StoreError;
use crate::row::{first_id, slot_of_id};
use crate::sql::{Connection, query, to_i64, to_u64};

/// Most slots for which blocks are counted by groups of validators: 36 days of mainnet.
pub const MAX_GROUPED_SLOTS: u64 = 262_144;

pub(super) async fn counts(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    groups: usize,
    group_of: impl Fn(Slot, ValidatorIndex) -> Option<usize> + Send,
) -> Result<Vec<ClientCounts>, StoreError> {
    let slots = range.end.0.saturating_sub(range.start.0);
    if slots > MAX_GROUPED_SLOTS {
        return Err(StoreError::RangeTooLong { slots, most: MAX_GROUPED_SLOTS });
    }
    let mut counts = vec![ClientCounts::default(); groups.saturating_add(1)];
    let mut rows = query(
        "SELECT proposer_index, best_guess, id FROM blocks WHERE id >= $1 AND id < $2 AND canonical <> 2",
    )
    .bind(first_id(range.start.0))
    .bind(first_id(range.end.0))
    .fetch(connection)?;
    while let Some(row) = rows.try_next().await? {
        let validator = ValidatorIndex(to_u64(row.try_get(0)?)?);
        let group = group_of(slot_of_id(row.try_get(2)?), validator).filter(|group| *group < groups);
        if let Some(count) = counts.get_mut(group.unwrap_or(groups)) {
            count.count(verdict_of_code(row.try_get(1)?)?);
        }
    }
    Ok(counts)
}

pub(super) async fn confusion(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
) -> Result<ConfusionMatrix, StoreError> {
    let rows = query(
        "SELECT graffiti_guess, best_guess, COUNT(*) FROM blocks \
         WHERE graffiti_guess IS NOT NULL AND slot >= $1 AND slot < $2 GROUP BY graffiti_guess, best_guess",
    )
    .bind(to_i64(range.start.0))
    .bind(to_i64(range.end.0))
    .fetch_all(connection)
    .await?;
    let mut matrix = ConfusionMatrix::default();
    for row in &rows {
        if let Some(truth) = verdict_of_code(row.try_get(0)?)? {
            matrix.add_many(truth, verdict_of_code(row.try_get(1)?)?, to_u64(row.try_get(2)?)?);
        }
    }
    Ok(matrix)
}

/// Most runs of slots that matrices are given of.
const MAX_RUNS: u64 = 256;

/// Graffiti against verdicts per run of slots, the first of which begins with the range.
pub(super) async fn confusion_of_runs(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    run_slots: u64,
) -> Result<Vec<(Slot, ConfusionMatrix)>, StoreError> {
    let slots = range.end.0.saturating_sub(range.start.0);
    let run_slots = run_slots.max(1);
    let most = MAX_GROUPED_SLOTS.min(run_slots.saturating_mul(MAX_RUNS));
    if slots > most {
        return Err(StoreError::RangeTooLong { slots, most });
    }
    let rows = query(
        "SELECT (slot - $1) / $2 AS run, graffiti_guess, best_guess, COUNT(*) FROM blocks \
         WHERE graffiti_guess IS NOT NULL AND slot >= $3 AND slot < $4 \
         GROUP BY run, graffiti_guess, best_guess ORDER BY run",
    )
    .bind(to_i64(range.start.0))
    .bind(to_i64(run_slots))
    .bind(to_i64(range.start.0))
    .bind(to_i64(range.end.0))
    .fetch_all(connection)
    .await?;
    let mut runs: Vec<(Slot, ConfusionMatrix)> = Vec::new();
    for row in &rows {
        let run = to_u64(row.try_get(0)?)?;
        let first = Slot(range.start.0.saturating_add(run.saturating_mul(run_slots)));
        let Some(truth) = verdict_of_code(row.try_get(1)?)? else { continue };
        if runs.last().is_none_or(|(last, _)| *last != first) {
            runs.push((first, ConfusionMatrix::default()));
        }
        if let Some((_, matrix)) = runs.last_mut() {
            matrix.add_many(truth, verdict_of_code(row.try_get(2)?)?, to_u64(row.try_get(3)?)?);
        }
    }
    Ok(runs)
}

/// Counts per run of slots, the first of which begins with the range.
pub(super) async fn shares_of_slots(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    bucket_slots: u64,
) -> Result<Vec<(Slot, ClientCounts)>, StoreError> {
    let slots = range.end.0.saturating_sub(range.start.0);
    if slots > MAX_GROUPED_SLOTS {
        return Err(StoreError::RangeTooLong { slots, most: MAX_GROUPED_SLOTS });
    }
    let (start, length) = (to_i64(range.start.0), to_i64(bucket_slots.max(1)));
    let rows = query(
        "SELECT (slot - $1) / $2 AS bucket, best_guess, COUNT(*) FROM blocks \
         WHERE id >= $3 AND id < $4 AND canonical <> 2 GROUP BY bucket, best_guess ORDER BY bucket",
    )
    .bind(start)
    .bind(length)
    .bind(first_id(range.start.0))
    .bind(first_id(range.end.0))
    .fetch_all(connection)
    .await?;
    let mut buckets: Vec<(Slot, ClientCounts)> = Vec::new();
    for row in &rows {
        let bucket = to_u64(row.try_get(0)?)?;
        let slot = Slot(range.start.0.saturating_add(bucket.saturating_mul(bucket_slots.max(1))));
        if buckets.last().is_none_or(|(last, _)| *last != slot) {
            buckets.push((slot, ClientCounts::default()));
        }
        if let Some((_, counts)) = buckets.last_mut() {
            counts.add(verdict_of_code(row.try_get(1)?)?, to_u64(row.try_get(2)?)?);
        }
    }
    Ok(buckets)
}
