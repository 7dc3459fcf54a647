//! The interval set as a table, changed in the transaction that stores the blocks.

use consensus::Slot;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::coverage::{Gap, Interval, coalesce, gap_between};
use crate::error::StoreError;
use crate::sql::{to_i64, to_u64};

fn interval(row: &SqliteRow) -> Result<Interval, StoreError> {
    Ok(Interval {
        start: to_u64(row.try_get(0)?)?,
        end: to_u64(row.try_get(1)?)?,
        first_block: to_u64(row.try_get(2)?)?,
    })
}

/// Joins intervals into the table.
pub(crate) async fn add(
    connection: &mut SqliteConnection,
    intervals: Vec<Interval>,
) -> Result<(), StoreError> {
    for added in coalesce(intervals) {
        let mut known = Vec::new();
        let below = sqlx::query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot <= $1 \
             ORDER BY start_slot DESC LIMIT 1",
        )
        .bind(to_i64(added.start))
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = below {
            let below = interval(&row)?;
            if below.end.saturating_add(1) >= added.start {
                known.push(below);
            }
        }
        let above = sqlx::query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot > $1 AND start_slot <= $2",
        )
        .bind(to_i64(added.start))
        .bind(to_i64(added.end.saturating_add(1)))
        .fetch_all(&mut *connection)
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
                sqlx::query("DELETE FROM coverage WHERE start_slot = $1")
                    .bind(to_i64(old.start))
                    .execute(&mut *connection)
                    .await?;
            }
        }
        for new in &merged {
            write(connection, new).await?;
        }
    }
    Ok(())
}

async fn write(connection: &mut SqliteConnection, interval: &Interval) -> Result<(), StoreError> {
    sqlx::query(
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

/// Works out anew the runs that hold the given slots, from the blocks in them. Needed where a link was taken back.
pub(crate) async fn rebuild(connection: &mut SqliteConnection, slots: &[u64]) -> Result<(), StoreError> {
    for slot in slots {
        let row = sqlx::query(
            "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot <= $1 \
             ORDER BY start_slot DESC LIMIT 1",
        )
        .bind(to_i64(*slot))
        .fetch_optional(&mut *connection)
        .await?;
        let Some(run) = row.as_ref().map(interval).transpose()? else { continue };
        if run.end < *slot {
            continue;
        }
        sqlx::query("DELETE FROM coverage WHERE start_slot = $1")
            .bind(to_i64(run.start))
            .execute(&mut *connection)
            .await?;
        let inside = links(connection, run.start, run.end).await?;
        add(connection, inside).await?;
    }
    Ok(())
}

/// What the blocks of a range of slots, both ends included, make known.
pub(crate) async fn links(
    connection: &mut SqliteConnection,
    start: u64,
    end: u64,
) -> Result<Vec<Interval>, StoreError> {
    use futures::TryStreamExt;
    let mut joined = Vec::new();
    if start == 0 {
        joined.push(Interval { start: 0, end: 0, first_block: 0 });
    }
    let mut rows = sqlx::query("SELECT slot, parent_slot FROM blocks WHERE id >= $1 AND id < $2 ORDER BY id")
        .bind(crate::row::first_id(start))
        .bind(crate::row::first_id(end.saturating_add(1)))
        .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        joined.push(Interval::of_block(to_u64(row.try_get(0)?)?, to_u64(row.try_get(1)?)?));
        if joined.len() >= 65_536 {
            joined = coalesce(joined);
        }
    }
    Ok(coalesce(joined))
}

/// Every interval, in order.
pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Interval>, StoreError> {
    let rows = sqlx::query("SELECT start_slot, end_slot, first_block FROM coverage ORDER BY start_slot")
        .fetch_all(connection)
        .await?;
    rows.iter().map(interval).collect()
}

/// The lowest gap that shares a slot with the range.
pub(crate) async fn first_gap(
    connection: &mut SqliteConnection,
    range: std::ops::Range<Slot>,
) -> Result<Option<Gap>, StoreError> {
    if range.is_empty() {
        return Ok(None);
    }
    // A gap lies below an interval; the first candidate is below the interval that ends at or above the range's start.
    // The reported end may lie inside the interval above the hole, so one more below the start is looked at.
    let rows = sqlx::query(
        "SELECT start_slot, end_slot, first_block FROM coverage WHERE start_slot >= \
         (SELECT COALESCE(MIN(start_slot), 0) FROM \
         (SELECT start_slot FROM coverage WHERE start_slot <= $1 ORDER BY start_slot DESC LIMIT 2)) \
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
