//! Blocks become canonical, orphaned and final, and all that hangs on it changes with them.

use std::collections::BTreeMap;

use consensus::{Root, Slot};

use crate::codes::canonical_code;
use crate::coverage::Interval;
use crate::coverage_table;
use crate::error::StoreError;
use crate::record::{self, Record};
use crate::rollup::{Counted, Deltas};
use crate::row::CanonicalState;
use crate::sql::{Arguments, Batch, Connection, Kind, any_bucket, pieces};

/// Sets what the chain made of blocks; unknown roots are passed over. Gives the number changed.
pub(crate) async fn set_canonical(
    connection: &mut Connection<'_>,
    states: &[(Root, CanonicalState)],
) -> Result<u64, StoreError> {
    let states: BTreeMap<Root, CanonicalState> = states.iter().copied().collect();
    let mut records = Vec::new();
    let roots: Vec<Root> = states.keys().copied().collect();
    let engine = connection.engine();
    for piece in pieces(engine, &roots) {
        let mut arguments = Arguments::new(engine);
        let wanted = arguments.any_root(piece)?;
        let sql = format!(
            "{} FROM blocks WHERE {} AND block_root {wanted}",
            record::select("blocks"),
            any_bucket(engine)
        );
        for row in arguments.fetch(sql, connection).await? {
            records.push(Record::read(&row)?);
        }
    }
    let changed = records.into_iter().filter_map(|record| {
        let state = *states.get(&record.row.block_root)?;
        let counted = Counted::of(&record.row);
        Some(Stateful { id: record.id, parent_slot: record.row.parent_slot, counted, after: state })
    });
    change_states(connection, changed.collect()).await
}

/// A block that may get another state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stateful {
    pub(crate) id: i64,
    pub(crate) parent_slot: Slot,
    /// As it is counted before.
    pub(crate) counted: Counted,
    pub(crate) after: CanonicalState,
}

impl Stateful {
    pub(crate) fn slot(&self) -> Slot {
        self.counted.slot
    }

    pub(crate) fn before(&self) -> CanonicalState {
        self.counted.state
    }
}

/// Gives blocks other states, with all that hangs on it: counts and known slots. Gives the number changed.
pub(crate) async fn change_states(
    connection: &mut Connection<'_>,
    mut blocks: Vec<Stateful>,
) -> Result<u64, StoreError> {
    blocks.retain(|block| block.before() != block.after);
    blocks.sort_unstable_by_key(|block| (canonical_code(block.after), block.id));
    let (mut counts, mut links, mut unlinked) = (Deltas::default(), Vec::new(), Vec::new());
    let engine = connection.engine();
    for same in blocks.chunk_by(|a, b| a.after == b.after) {
        for piece in pieces(engine, same) {
            let mut batch = Batch::new(engine, &[Kind::Integer; 2], piece.len());
            for block in piece {
                batch.push(canonical_code(block.after))?;
                batch.push(block.id)?;
            }
            let (rows, values) = batch.finish()?;
            // The state once for each id, so that statements of few lengths do.
            let sql = format!(
                "WITH changed (state, id) AS ({rows}) UPDATE blocks SET canonical = \
                 (SELECT MAX(state) FROM changed) WHERE id IN (SELECT id FROM changed)"
            );
            values.execute(sql, connection).await?;
        }
        for block in same {
            let orphaned = |state| state == CanonicalState::Orphaned;
            counts.block(block.counted, -1);
            counts.block(Counted { state: block.after, ..block.counted }, 1);
            let link = Interval::of_block(block.slot().0, block.parent_slot.0);
            match (orphaned(block.before()), orphaned(block.after)) {
                (true, false) => links.push(link),
                (false, true) => unlinked.push(link),
                _ => {}
            }
        }
    }
    counts.apply(connection).await?;
    coverage_table::unlink(connection, unlinked).await?;
    coverage_table::add(connection, links).await?;
    Ok(u64::try_from(blocks.len()).unwrap_or(u64::MAX))
}
