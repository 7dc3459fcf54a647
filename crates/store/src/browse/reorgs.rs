//! Branches that the chain left behind, from the links of orphaned blocks.
//!
//! A branch begins with an orphaned block whose parent is not orphaned. Beginnings come by the index
//! `blocks_orphaned`, of which one question looks at [`SCANNED_ORPHANS`]; their parents by root.

use std::collections::HashMap;
use std::ops::Range;

use consensus::{Root, Slot};

use super::blocks::{Stretch, known_slots, orphan_order, orphaned, stop};
use super::{Found, MAX_ITEMS, Seek};
use crate::codes::verdict_of_code;
use crate::counts::ClientCounts;
use crate::error::StoreError;
use crate::query::records;
use crate::record::Record;
use crate::row::{BlockRow, CanonicalState, first_id, slot_of_id};
use crate::sql::{Arguments, Connection, query, to_i64, to_u64};

/// A branch that the chain left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Reorg {
    /// The block on which the branch and the chain both build, where its root is known.
    pub ancestor: Option<Root>,
    /// Its slot.
    pub ancestor_slot: Slot,
    /// Slots from the ancestor to the last block left behind.
    pub depth: u64,
    /// The blocks left behind, in order; those of branches of the branch, too.
    pub left: Vec<BlockRow>,
    /// Blocks of the chain above the ancestor up to the first one that is not older than the last one left behind, in
    /// order. Empty if the chain does not reach so far yet. At most 64.
    pub replaced_by: Vec<BlockRow>,
}

/// A branch reaches at most so many slots beyond the beginnings of a page.
const BRANCH_SLOTS: u64 = 8_192;

/// Blocks of branches that one question reads, at most.
const BRANCH_BLOCKS: i64 = 8_192;

/// Blocks that replaced others, of which at most so many are told.
const REPLACING: i64 = 64;

pub(super) async fn reorgs(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    seek: Seek,
    limit: usize,
) -> Result<Found<Reorg>, StoreError> {
    let limit = limit.clamp(1, MAX_ITEMS);
    let slots = known_slots(connection, Some(range)).await?;
    let stretch = Stretch::of(&slots, seek);
    if stretch.is_empty() {
        return Ok(stretch.page(Vec::new(), seek, None));
    }
    let stopped = stop(connection, &stretch, true).await?;
    let mut beginnings = beginnings(connection, &stretch.until(stopped), limit + 1).await?;
    let last = if beginnings.len() > limit {
        beginnings.truncate(limit);
        beginnings.last().copied()
    } else {
        stopped
    };
    let mut branches = Branches::read(connection, &beginnings).await?;
    let mut found = Vec::with_capacity(beginnings.len());
    for beginning in beginnings {
        let left = branches.take(beginning);
        let Some(first) = left.first() else { continue };
        let (ancestor, ancestor_slot) = (first.parent_root, first.parent_slot);
        let newest = left.iter().map(|row| row.slot).max().unwrap_or_default();
        let replaced_by = replacing(connection, ancestor_slot, newest).await?;
        let depth = newest.0.saturating_sub(ancestor_slot.0);
        found.push(Reorg { ancestor, ancestor_slot, depth, left, replaced_by });
    }
    Ok(stretch.page(found, seek, last))
}

/// The ids of orphaned blocks whose parent is not orphaned.
async fn beginnings(
    connection: &mut Connection<'_>,
    stretch: &Stretch,
    most: usize,
) -> Result<Vec<i64>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let place = orphaned(&mut arguments, stretch)?;
    let most = arguments.one(i64::try_from(most).unwrap_or(i64::MAX))?;
    let sql = format!(
        "SELECT id FROM blocks WHERE {place} AND NOT EXISTS (SELECT 1 FROM blocks p \
         WHERE p.slot / 262144 = blocks.parent_slot / 262144 AND p.block_root = blocks.parent_root \
         AND p.canonical = 2) ORDER BY {} LIMIT {most}",
        orphan_order(stretch.order)
    );
    let rows = arguments.fetch(sql, connection).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Orphaned blocks by what they build on.
struct Branches {
    blocks: HashMap<i64, BlockRow>,
    children: HashMap<Root, Vec<i64>>,
}

impl Branches {
    async fn read(connection: &mut Connection<'_>, beginnings: &[i64]) -> Result<Self, StoreError> {
        let (mut blocks, mut children) = (HashMap::new(), HashMap::<Root, Vec<i64>>::new());
        if let (Some(low), Some(high)) = (beginnings.iter().min(), beginnings.iter().max()) {
            let mut arguments = Arguments::new(connection.engine());
            let first = arguments.one(to_i64(slot_of_id(*low).0))?;
            let end = arguments.one(to_i64(slot_of_id(*high).0.saturating_add(BRANCH_SLOTS)))?;
            let rest = format!(
                "WHERE canonical = 2 AND slot >= {first} AND slot < {end} ORDER BY slot, id LIMIT {BRANCH_BLOCKS}"
            );
            for Record { id, row } in records(connection, &rest, arguments).await? {
                if let Some(parent) = row.parent_root {
                    children.entry(parent).or_default().push(id);
                }
                blocks.insert(id, row);
            }
        }
        Ok(Self { blocks, children })
    }

    /// The block with an id and everything that builds on it, in order.
    fn take(&mut self, beginning: i64) -> Vec<BlockRow> {
        let (mut next, mut taken) = (vec![beginning], Vec::new());
        while let Some(id) = next.pop() {
            let Some(row) = self.blocks.remove(&id) else { continue };
            next.extend(self.children.get(&row.block_root).into_iter().flatten());
            taken.push((id, row));
        }
        taken.sort_unstable_by_key(|(id, _)| *id);
        taken.into_iter().map(|(_, row)| row).collect()
    }
}

/// The blocks of the chain above a slot, up to the first one from another slot on.
async fn replacing(
    connection: &mut Connection<'_>,
    above: Slot,
    newest_left: Slot,
) -> Result<Vec<BlockRow>, StoreError> {
    let end = query("SELECT id FROM blocks WHERE id >= $1 AND canonical <> 2 ORDER BY id LIMIT 1")
        .bind(first_id(newest_left.0))
        .fetch_optional(connection)
        .await?;
    let Some(end) = end else { return Ok(Vec::new()) };
    let mut arguments = Arguments::new(connection.engine());
    let first = arguments.one(first_id(above.0.saturating_add(1)))?;
    let last = arguments.one(end.try_get::<i64>(0)?)?;
    let rest =
        format!("WHERE id >= {first} AND id <= {last} AND canonical <> 2 ORDER BY id LIMIT {REPLACING}");
    let found = records(connection, &rest, arguments).await?;
    Ok(found
        .into_iter()
        .map(|record| record.row)
        .filter(|row| row.canonical != CanonicalState::Orphaned)
        .collect())
}

/// By the index of orphaned blocks alone, which are one in a hundred blocks at most.
pub(super) async fn orphans_per_client(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
) -> Result<ClientCounts, StoreError> {
    let rows = query(
        "SELECT best_guess, COUNT(*) FROM blocks WHERE canonical = 2 AND slot >= $1 AND slot < $2 \
         GROUP BY best_guess",
    )
    .bind(to_i64(range.start.0))
    .bind(to_i64(range.end.0))
    .fetch_all(connection)
    .await?;
    let mut counts = ClientCounts::default();
    for row in &rows {
        counts.add(verdict_of_code(row.try_get(0)?)?, to_u64(row.try_get(1)?)?);
    }
    Ok(counts)
}
