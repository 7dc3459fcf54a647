//! The interval set as a table, changed in the transaction that stores the blocks.

use consensus::Slot;

use crate::coverage::{Gap, Interval, coalesce, gap_between};
use crate::error::StoreError;
use crate::row::first_id;
use crate::sql::{Connection, Row, query, to_i64, to_u64};

fn interval(row: &Row) -> Result<Interval, StoreError> {
    Ok(Interval {
        start: to_u64(row.try_get(0)?)?,
        end: to_u64(row.try_get(1)?)?,
        first_block: to_u64(row.try_get(2)?)?,
    })
}

/// Joins intervals into the table.
pub(crate) async fn add(connection: &mut Connection<'_>, intervals: Vec<Interval>) -> Result<(), StoreError> {
    for added in coalesce(intervals) {
        let mut known = Vec::new();
        let below = query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot <= $1 \
             ORDER BY start_slot DESC LIMIT 1",
        )
        .bind(to_i64(added.start))
        .fetch_optional(connection)
        .await?;
        if let Some(row) = below {
            let below = interval(&row)?;
            if below.end.saturating_add(1) >= added.start {
                known.push(below);
            }
        }
        let above = query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot > $1 AND start_slot <= $2",
        )
        .bind(to_i64(added.start))
        .bind(to_i64(added.end.saturating_add(1)))
        .fetch_all(connection)
        .await?;
        for row in &above {
            known.push(interval(row)?);
        }
        let merged = coalesce(known.iter().copied().chain([added]).collect());
        if merged == known {
            continue;
        }
        for old in &known {
            if !merged.iter().any(|new| new.start == old.start) {
                query("DELETE FROM coverage WHERE start_slot = $1")
                    .bind(to_i64(old.start))
                    .execute(connection)
                    .await?;
            }
        }
        for new in &merged {
            write(connection, new).await?;
        }
    }
    Ok(())
}

async fn write(connection: &mut Connection<'_>, interval: &Interval) -> Result<(), StoreError> {
    query(
        "INSERT INTO coverage (start_slot, end_slot, first_block) VALUES ($1, $2, $3) \
         ON CONFLICT (start_slot) DO UPDATE SET end_slot = excluded.end_slot, first_block = excluded.first_block",
    )
    .bind(to_i64(interval.start))
    .bind(to_i64(interval.end))
    .bind(to_i64(interval.first_block))
    .execute(connection)
    .await?;
    Ok(())
}

/// Blocks this far above their parents at most are found by looking at the slots above; for those further above,
/// there is the index `blocks_long_links`.
const SHORT_LINK: u64 = 64;

/// Works out anew what is known of stretches of slots, after blocks that spoke for them were orphaned, moved or
/// removed. Looks at the blocks in and shortly above each stretch only.
pub(crate) async fn unlink(
    connection: &mut Connection<'_>,
    stretches: Vec<Interval>,
) -> Result<(), StoreError> {
    for stretch in coalesce(stretches) {
        let (low, high) = (stretch.start, stretch.end);
        let runs = query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot <= $1 AND end_slot >= $2 \
             AND start_slot >= (SELECT COALESCE(MAX(start_slot), 0) FROM coverage WHERE start_slot <= $2)",
        )
        .bind(to_i64(high))
        .bind(to_i64(low))
        .fetch_all(connection)
        .await?;
        let mut known = links(connection, low, high).await?;
        known.extend(links_across(connection, high).await?);
        for run in &runs {
            let run = interval(run)?;
            query("DELETE FROM coverage WHERE start_slot = $1")
                .bind(to_i64(run.start))
                .execute(connection)
                .await?;
            // Where no block lies below the stretch, links across it speak for the slots there, and are known above.
            if run.start < low && run.first_block < low {
                known.push(Interval { end: low - 1, ..run });
            }
            if run.end > high {
                let start = high.saturating_add(1);
                known.push(Interval { start, first_block: first_block(connection, start).await?, ..run });
            }
        }
        add(connection, known).await?;
    }
    Ok(())
}

/// What blocks above a slot make known whose parent is below it.
async fn links_across(connection: &mut Connection<'_>, slot: u64) -> Result<Vec<Interval>, StoreError> {
    let near = query(
        "SELECT slot, parent_slot FROM blocks WHERE id >= $1 AND id < $2 AND parent_slot < $3 AND canonical <> 2",
    )
    .bind(first_id(slot.saturating_add(1)))
    .bind(first_id(slot.saturating_add(1 + SHORT_LINK)))
    .bind(to_i64(slot))
    .fetch_all(connection)
    .await?;
    let far = query(
        "SELECT slot, parent_slot FROM blocks WHERE slot - parent_slot > 64 AND slot > $1 AND parent_slot < $1 \
         AND canonical <> 2",
    )
    .bind(to_i64(slot))
    .fetch_all(connection)
    .await?;
    let link = |row: &Row| Ok(Interval::of_block(to_u64(row.try_get(0)?)?, to_u64(row.try_get(1)?)?));
    near.iter().chain(&far).map(link).collect()
}

/// The lowest slot from `start` on that has a block which is not orphaned.
async fn first_block(connection: &mut Connection<'_>, start: u64) -> Result<u64, StoreError> {
    let row = query("SELECT slot FROM blocks WHERE id >= $1 AND canonical <> 2 ORDER BY id LIMIT 1")
        .bind(first_id(start))
        .fetch_optional(connection)
        .await?;
    row.map_or(Ok(start), |row| to_u64(row.try_get(0)?))
}

/// What the blocks of a range of slots, both ends included, make known. Orphaned ones speak for nothing: where their
/// parents are, other blocks are missing.
pub(crate) async fn links(
    connection: &mut Connection<'_>,
    start: u64,
    end: u64,
) -> Result<Vec<Interval>, StoreError> {
    use futures::TryStreamExt;
    let mut joined = Vec::new();
    if start == 0 {
        joined.push(Interval { start: 0, end: 0, first_block: 0 });
    }
    let mut rows = query(
        "SELECT slot, parent_slot FROM blocks WHERE id >= $1 AND id < $2 AND canonical <> 2 ORDER BY id",
    )
    .bind(first_id(start))
    .bind(first_id(end.saturating_add(1)))
    .fetch(connection)?;
    while let Some(row) = rows.try_next().await? {
        joined.push(Interval::of_block(to_u64(row.try_get(0)?)?, to_u64(row.try_get(1)?)?));
        if joined.len() >= 65_536 {
            joined = coalesce(joined);
        }
    }
    Ok(coalesce(joined))
}

/// The intervals that share a slot with a range, whose end is not included, in order.
pub(crate) async fn touching(
    connection: &mut Connection<'_>,
    start: u64,
    end: u64,
) -> Result<Vec<Interval>, StoreError> {
    let rows = query(
        "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot < $1 AND end_slot >= $2 \
         AND start_slot >= (SELECT COALESCE(MAX(start_slot), 0) FROM coverage WHERE start_slot <= $2) \
         ORDER BY start_slot",
    )
    .bind(to_i64(end))
    .bind(to_i64(start))
    .fetch_all(connection)
    .await?;
    rows.iter().map(interval).collect()
}

/// Intervals in order, beginning with the one before that which is in or below a slot: a gap is counted to the lowest
/// block of the interval above it, so that its end may lie in that interval. At most `most` of them.
pub(crate) async fn from(
    connection: &mut Connection<'_>,
    slot: u64,
    most: usize,
) -> Result<Vec<Interval>, StoreError> {
    let rows = query(
        "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot >= \
         (SELECT COALESCE(MIN(start_slot), 0) FROM \
         (SELECT start_slot FROM coverage WHERE start_slot <= $1 ORDER BY start_slot DESC LIMIT 2) AS below) \
         ORDER BY start_slot LIMIT $2",
    )
    .bind(to_i64(slot))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.iter().map(interval).collect()
}

/// Every interval, in order.
pub(crate) async fn all(connection: &mut Connection<'_>) -> Result<Vec<Interval>, StoreError> {
    let rows = query("SELECT start_slot, end_slot, first_block FROM coverage ORDER BY start_slot")
        .fetch_all(connection)
        .await?;
    rows.iter().map(interval).collect()
}

/// The lowest gap that shares a slot with the range.
pub(crate) async fn first_gap(
    connection: &mut Connection<'_>,
    range: std::ops::Range<Slot>,
) -> Result<Option<Gap>, StoreError> {
    if range.is_empty() {
        return Ok(None);
    }
    // A gap lies below an interval; the first candidate is below the interval that ends at or above the range's start.
    // The reported end may lie inside the interval above the hole, so one more below the start is looked at.
    let rows = query(
        "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot >= \
         (SELECT COALESCE(MIN(start_slot), 0) FROM \
         (SELECT start_slot FROM coverage WHERE start_slot <= $1 ORDER BY start_slot DESC LIMIT 2) AS below) \
         ORDER BY start_slot LIMIT 4",
    )
    .bind(to_i64(range.start.0))
    .fetch_all(connection)
    .await?;
    let mut below: Option<Interval> = None;
    for row in &rows {
        let above = interval(row)?;
        if let Some(below) = below {
            let gap = gap_between(&below, &above);
            if gap.start < range.end && gap.end >= range.start {
                return Ok(Some(gap));
            }
        }
        below = Some(above);
    }
    Ok(None)
}
