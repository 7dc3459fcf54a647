//! Missing slots with the reasons for it. Gaps, notes and work all have the slot as their key.

use consensus::Slot;

use super::MAX_ITEMS;
use crate::coverage::{Gap, holes};
use crate::coverage_table;
use crate::error::StoreError;
use crate::gap_notes::{self, GapNote};
use crate::query::Page;
use crate::sql::{Connection, query, to_i64, to_u64};
use crate::work::Milliseconds;

/// Missing slots with one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSlots {
    /// The slots, both ends included.
    pub slots: Gap,
    /// The whole gap that they are in.
    pub gap: Gap,
    /// Why they are missing, where that was noted. The note may be about more slots.
    pub note: Option<GapNote>,
    /// Whether some of them are being filled at the moment.
    pub is_filling: bool,
}

pub(super) async fn missing(
    connection: &mut Connection<'_>,
    after: Option<Slot>,
    limit: usize,
    now: Milliseconds,
) -> Result<Page<MissingSlots, Slot>, StoreError> {
    let limit = limit.clamp(1, MAX_ITEMS);
    let from = after.map_or(0, |after| after.0.saturating_add(1));
    let runs = coverage_table::from(connection, from, limit + 3).await?;
    let gaps: Vec<Gap> = holes(&runs).into_iter().filter(|gap| gap.end.0 >= from).collect();
    let Some((first, last)) = gaps.first().zip(gaps.last()) else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let whole = Gap { start: first.start, end: last.end };
    let notes = gap_notes::touching(connection, whole, limit + 1).await?;
    let work = filling(connection, whole, now, limit + 1).await?;
    // Notes may outlast their gaps, so that many of them may make few items: what lies beyond those that were read
    // comes with the next page.
    let horizon = notes.last().filter(|_| notes.len() > limit).map(|note| note.gap.end);
    let mut items = Vec::new();
    for gap in gaps.into_iter().filter(|gap| horizon.is_none_or(|horizon| gap.start <= horizon)) {
        let end = horizon.map_or(gap.end, |horizon| gap.end.min(horizon));
        pieces(gap, from..=end.0, &notes, &work, &mut items);
    }
    if items.len() > limit {
        items.truncate(limit);
        let next = items.last().map(|piece| piece.slots.end);
        return Ok(Page { items, next });
    }
    Ok(Page { items, next: horizon.filter(|horizon| *horizon < whole.end) })
}

/// Cuts the part of a gap that lies within bounds where notes begin and end.
fn pieces(
    gap: Gap,
    within: std::ops::RangeInclusive<u64>,
    notes: &[GapNote],
    work: &[Gap],
    items: &mut Vec<MissingSlots>,
) {
    let start = gap.start.0.max(*within.start());
    let mut at = start;
    let end = gap.end.0.min(*within.end());
    let mut push = |start: u64, end: u64, note: Option<&GapNote>| {
        let is_filling = work.iter().any(|taken| taken.start.0 <= end && taken.end.0 >= start);
        let slots = Gap { start: Slot(start), end: Slot(end) };
        items.push(MissingSlots { slots, gap, note: note.cloned(), is_filling });
    };
    for note in notes.iter().filter(|note| note.gap.end.0 >= start && note.gap.start.0 <= end) {
        if note.gap.start.0 > at {
            push(at, note.gap.start.0 - 1, None);
        }
        let last = note.gap.end.0.min(end);
        push(note.gap.start.0.max(at), last, Some(note));
        at = last.saturating_add(1);
    }
    if at <= end {
        push(at, end, None);
    }
}

/// Work that somebody has, among the slots.
async fn filling(
    connection: &mut Connection<'_>,
    gap: Gap,
    now: Milliseconds,
    most: usize,
) -> Result<Vec<Gap>, StoreError> {
    let rows = query(
        "SELECT start_slot, end_slot FROM work_items WHERE start_slot <= $1 AND end_slot >= $2 \
         AND taken_until > $3 ORDER BY start_slot LIMIT $4",
    )
    .bind(to_i64(gap.end.0))
    .bind(to_i64(gap.start.0))
    .bind(to_i64(now))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok(Gap { start: Slot(to_u64(row.try_get(0)?)?), end: Slot(to_u64(row.try_get(1)?)?) }))
        .collect()
}

pub(super) async fn note_at(
    connection: &mut Connection<'_>,
    slot: Slot,
) -> Result<Option<GapNote>, StoreError> {
    Ok(gap_notes::touching(connection, Gap { start: slot, end: slot }, 1).await?.pop())
}
