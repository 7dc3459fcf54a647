//! Slots without a block in the chain.

use std::collections::HashSet;
use std::ops::Range;

use consensus::Slot;

use super::blocks::known_slots;
use crate::coverage_table;
use crate::error::StoreError;
use crate::row::first_id;
use crate::sql::{Connection, query, to_u64};

/// Slots that one question looks at, at most.
const SCANNED_SLOTS: u64 = 8_192;

/// Slots without a block in the chain, although blocks around them are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedSlots {
    /// The slots, newest first.
    pub slots: Vec<Slot>,
    /// What was looked at: the whole range asked for up to the newest stored block, or the newest part of it.
    pub searched: Range<Slot>,
}

pub(super) async fn missed(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
) -> Result<MissedSlots, StoreError> {
    let known = known_slots(connection, Some(range)).await?;
    // There is no block to be missed in slot 0.
    let (start, end) = (known.start.0.max(1), known.end.0);
    let start = start.max(end.saturating_sub(SCANNED_SLOTS)).min(end);
    let searched = Slot(start)..Slot(end);
    let rows = query("SELECT slot FROM blocks WHERE id >= $1 AND id < $2 AND canonical <> 2")
        .bind(first_id(start))
        .bind(first_id(end))
        .fetch_all(connection)
        .await?;
    let built: HashSet<u64> =
        rows.iter().map(|row| to_u64(row.try_get(0)?)).collect::<Result<_, StoreError>>()?;
    let mut slots = Vec::new();
    for run in coverage_table::touching(connection, start, end).await? {
        // Below its lowest block a run is known by a link only; its gap is counted to that block.
        let (from, until) = (run.first_block.max(start), run.end.saturating_add(1).min(end));
        slots.extend((from..until).filter(|slot| !built.contains(slot)).map(Slot));
    }
    slots.sort_unstable_by(|a, b| b.cmp(a));
    Ok(MissedSlots { slots, searched })
}
