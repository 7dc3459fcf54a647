//! What the chain made of blocks: canonical, orphaned, final, from their links to a head.
//!
//! States follow from the stored blocks, the head and the newest final block alone. So the order in which blocks came
//! does not matter, and doing it again changes nothing.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use consensus::{Root, Slot};

use crate::codes::{canonical_code, canonical_of_code, signs_of_code};
use crate::error::StoreError;
use crate::insert::{self, InsertReport};
use crate::known_roots::KnownRoots;
use crate::record::root_of_bytes;
use crate::rollup::Counted;
use crate::row::{BlockRow, CanonicalState, first_id};
use crate::sql::{Connection, query, to_i64, to_u64};
use crate::states::{Stateful, change_states};

/// A block and its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The root.
    pub root: Root,
    /// The slot.
    pub slot: Slot,
}

/// How far the chain was followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainMarks {
    /// The head.
    pub head: Option<BlockPlace>,
    /// The newest final block.
    pub finalized: Option<BlockPlace>,
    /// The final block behind which following began for the first time.
    pub start: Option<BlockPlace>,
}

/// What a chain that is followed brought.
#[derive(Clone, Copy, Debug)]
pub struct ChainUpdate<'a> {
    /// Blocks of any branch, best with the state unknown.
    pub rows: &'a [BlockRow],
    /// The head.
    pub head: BlockPlace,
    /// The newest final block. Need not be stored.
    pub finalized: BlockPlace,
}

/// What changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// What became of the rows.
    pub rows: InsertReport,
    /// Blocks that have another state now.
    pub changed: u64,
    /// Whether the head is stored, so that states could be told.
    pub settled: bool,
    /// Whether the head is not above the newest final block: of a node that is behind, or follows another chain.
    pub is_beside_final: bool,
}

/// A block that is not final.
struct Open {
    block: Stateful,
    root: Root,
    parent: Option<Root>,
    /// Whether the root is the block's own.
    is_real: bool,
}

/// Stores rows and works the states out anew, in the caller's transaction.
pub(crate) async fn update(
    connection: &mut Connection<'_>,
    update: &ChainUpdate<'_>,
    roots: Option<&mut KnownRoots>,
) -> Result<ChainReport, StoreError> {
    let rows = insert::checked_rows(connection, update.rows, roots).await?;
    let marks = marks(connection).await?;
    // A node that is behind does not undo finality.
    let finalized = match marks.finalized {
        Some(known) if known.slot > update.finalized.slot => known,
        _ => update.finalized,
    };
    let newest = update.rows.iter().map(|row| row.slot.0);
    let beyond = |mark: Option<BlockPlace>| mark.map(|mark| mark.slot.0.saturating_add(1));
    let low = newest
        .chain(beyond(marks.finalized))
        .chain(beyond(Some(finalized)))
        .chain(lowest_canonical(connection).await?)
        .min()
        .unwrap_or(0);
    let open = open_from(connection, low).await?;
    let brought: HashSet<Root> = update.rows.iter().map(|row| row.block_root).collect();
    let by_root: HashMap<Root, &Open> = open.iter().map(|block| (block.root, block)).collect();
    if update.head.slot < finalized.slot || leads_past(&by_root, update.head, finalized) {
        // A node that is behind. What it brought for the first time is not known to be in the final chain.
        let unknown = open
            .iter()
            .filter(|block| block.block.before() == CanonicalState::Unknown && brought.contains(&block.root));
        let orphaned = unknown.map(|block| Stateful { after: CanonicalState::Orphaned, ..block.block });
        let changed = change_states(connection, orphaned.collect()).await?;
        return Ok(ChainReport { rows, changed, settled: true, is_beside_final: true });
    }
    if update.head.root != finalized.root && !by_root.contains_key(&update.head.root) {
        return Ok(ChainReport { rows, ..ChainReport::default() });
    }
    let mut path: HashSet<Root> = HashSet::new();
    let mut lowest = finalized.slot;
    let mut next = Some(update.head.root);
    while let Some(block) = next.and_then(|root| by_root.get(&root)) {
        if !path.insert(block.root) {
            break;
        }
        lowest = lowest.min(block.block.slot());
        next = block.parent;
    }
    let changed = open.iter().map(|block| {
        let after = match block.block.before() {
            _ if path.contains(&block.root) && block.block.slot() <= finalized.slot => {
                CanonicalState::Finalized
            }
            _ if path.contains(&block.root) => CanonicalState::Canonical,
            // Nobody can say that a row without its block's root is not the block of the chain.
            state if !block.is_real => state,
            // What was stored by others below the chain that is known here is left as it is.
            CanonicalState::Unknown if block.block.slot() < lowest && !brought.contains(&block.root) => {
                CanonicalState::Unknown
            }
            _ => CanonicalState::Orphaned,
        };
        Stateful { after, ..block.block }
    });
    let changed = change_states(connection, changed.collect()).await?;
    set_mark(connection, "head", update.head).await?;
    set_mark(connection, "finalized", finalized).await?;
    if marks.start.is_none() {
        set_mark(connection, "start", finalized).await?;
    }
    Ok(ChainReport { rows, changed, settled: true, is_beside_final: false })
}

/// Whether the ancestors of a head, as far as they are stored, go by the final block.
fn leads_past(by_root: &HashMap<Root, &Open>, head: BlockPlace, finalized: BlockPlace) -> bool {
    let mut at = head;
    let mut steps = by_root.len();
    while at.slot > finalized.slot {
        let Some(block) = by_root.get(&at.root).filter(|_| steps > 0) else { return false };
        let Some(parent) = block.parent else { return false };
        at = BlockPlace { root: parent, slot: block.block.parent_slot };
        steps -= 1;
    }
    at.root != finalized.root
}

/// Stores all blocks that the final chain has in a range of slots, in the caller's transaction: other blocks of the
/// range are orphaned.
pub(crate) async fn fill(
    connection: &mut Connection<'_>,
    rows: &[BlockRow],
    range: RangeInclusive<Slot>,
    roots: Option<&mut KnownRoots>,
) -> Result<ChainReport, StoreError> {
    let rows: Vec<BlockRow> =
        rows.iter().map(|row| BlockRow { canonical: CanonicalState::Finalized, ..row.clone() }).collect();
    let report = insert::checked_rows(connection, &rows, roots).await?;
    let open = open_between(connection, range.start().0, range.end().0.saturating_add(1)).await?;
    let changed = open
        .iter()
        .filter(|block| block.is_real)
        .map(|block| Stateful { after: CanonicalState::Orphaned, ..block.block });
    let changed = change_states(connection, changed.collect()).await?;
    Ok(ChainReport { rows: report, changed, settled: true, is_beside_final: false })
}

async fn lowest_canonical(connection: &mut Connection<'_>) -> Result<Option<u64>, StoreError> {
    let row = query("SELECT slot FROM blocks WHERE canonical = 1 ORDER BY slot LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| to_u64(row.try_get(0)?)).transpose()
}

async fn open_from(connection: &mut Connection<'_>, low: u64) -> Result<Vec<Open>, StoreError> {
    open_between(connection, low, u64::MAX).await
}

/// Blocks of a range of slots that are not final; `end` is not included.
async fn open_between(connection: &mut Connection<'_>, low: u64, end: u64) -> Result<Vec<Open>, StoreError> {
    let rows = query(
        "SELECT id, slot, parent_slot, best_guess, canonical, block_root, parent_root, root_origin, signs \
         FROM blocks \
         WHERE id >= $1 AND id < $2 AND canonical <> $3 ORDER BY id",
    )
    .bind(first_id(low))
    .bind(first_id(end))
    .bind(canonical_code(CanonicalState::Finalized))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let state = canonical_of_code(row.try_get(4)?)?;
            Ok(Open {
                block: Stateful {
                    id: row.try_get(0)?,
                    parent_slot: Slot(to_u64(row.try_get(2)?)?),
                    counted: Counted {
                        slot: Slot(to_u64(row.try_get(1)?)?),
                        verdict: row.try_get(3)?,
                        state,
                        signs: row.try_get::<Option<i64>>(8)?.map(signs_of_code).transpose()?,
                    },
                    after: state,
                },
                root: root_of_bytes(row.try_get(5)?)?,
                parent: row.try_get::<Option<&[u8]>>(6)?.map(root_of_bytes).transpose()?,
                is_real: row.try_get::<i64>(7)? == 0,
            })
        })
        .collect()
}

pub(crate) async fn marks(connection: &mut Connection<'_>) -> Result<ChainMarks, StoreError> {
    let mut marks = ChainMarks::default();
    for (name, place) in all_marks(connection).await? {
        match name.as_str() {
            "head" => marks.head = Some(place),
            "finalized" => marks.finalized = Some(place),
            "start" => marks.start = Some(place),
            _ => {}
        }
    }
    Ok(marks)
}

/// All marks by name, in the order of their names.
pub(crate) async fn all_marks(
    connection: &mut Connection<'_>,
) -> Result<Vec<(String, BlockPlace)>, StoreError> {
    let rows =
        query("SELECT name, slot, block_root FROM chain_marks ORDER BY name").fetch_all(connection).await?;
    let mark = |row: &crate::sql::Row| {
        let place =
            BlockPlace { slot: Slot(to_u64(row.try_get(1)?)?), root: root_of_bytes(row.try_get(2)?)? };
        Ok((row.try_get(0)?, place))
    };
    rows.iter().map(mark).collect()
}

/// The mark that names the network: its root stands where others have that of a block.
const NETWORK: &str = "network";

/// Whether marks of another database may take the place of those that are there: not of another network, and not of one
/// that knows less of the chain.
pub(crate) async fn may_follow(
    connection: &mut Connection<'_>,
    ours: &[(String, BlockPlace)],
) -> Result<(), StoreError> {
    let theirs = all_marks(connection).await?;
    let find = |marks: &[(String, BlockPlace)], wanted: &str| {
        marks.iter().find(|(name, _)| name == wanted).map(|(_, place)| *place)
    };
    if let (Some(known), Some(given)) = (find(&theirs, NETWORK), find(ours, NETWORK))
        && known.root != given.root
    {
        return Err(StoreError::OtherNetwork { known: known.root, given: given.root });
    }
    let finalized = find(ours, "finalized");
    match find(&theirs, "finalized") {
        Some(known) if finalized.is_none_or(|ours| ours.slot < known.slot) => {
            Err(StoreError::TargetIsAhead { final_slot: known.slot, from: finalized.map(|place| place.slot) })
        }
        _ => Ok(()),
    }
}

/// Says of which network the database is, in the caller's transaction. Another one than before is an error.
pub(crate) async fn claim(connection: &mut Connection<'_>, network: Root) -> Result<(), StoreError> {
    let marks = all_marks(connection).await?;
    match marks.iter().find(|(name, _)| name == NETWORK) {
        Some((_, known)) if known.root != network => {
            Err(StoreError::OtherNetwork { known: known.root, given: network })
        }
        Some(_) => Ok(()),
        None => set_mark(connection, NETWORK, BlockPlace { root: network, slot: Slot(0) }).await,
    }
}

pub(crate) async fn set_mark(
    connection: &mut Connection<'_>,
    name: &str,
    place: BlockPlace,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO chain_marks (name, slot, block_root) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET slot = excluded.slot, block_root = excluded.block_root",
    )
    .bind(name)
    .bind(to_i64(place.slot.0))
    .bind(place.root.0.to_vec())
    .execute(connection)
    .await?;
    Ok(())
}
