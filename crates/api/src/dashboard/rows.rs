//! Rows of blocks, with the slots between them that had none or are not known.

use store::{BlockRow, CanonicalState};

use super::format::{self, Utc};
use super::latest::{LatestRow, latest_block};
use crate::state::AppState;

/// Which rows stand between those of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// Slots without a block, and missing ones.
    Shown,
    /// None: the list is not of all blocks.
    Hidden,
}

/// A stretch of slots without a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: u64,
    last: u64,
    is_missed: bool,
}

/// The rows of blocks, which are given newest first.
pub(super) fn rows(state: &AppState, blocks: &[BlockRow], between: Between) -> Vec<LatestRow> {
    let mut rows: Vec<LatestRow> = blocks.iter().map(|block| block_row(state, block)).collect();
    if between == Between::Shown {
        rows.extend(stretches(blocks).into_iter().map(|stretch| stretch_row(state, stretch)));
        // Newest first; the order of blocks in one slot stays as it is.
        rows.sort_by_key(|row| std::cmp::Reverse(row.place));
    }
    rows
}

fn block_row(state: &AppState, block: &BlockRow) -> LatestRow {
    let key = block.block_root.to_string();
    LatestRow { block: Some(latest_block(state, block)), key, ..empty(state, block.slot.0) }
}

/// The empty and the missing slots that the links between blocks speak for, pieces of a stretch around left-behind
/// blocks apart.
fn stretches(blocks: &[BlockRow]) -> Vec<Stretch> {
    let chain: Vec<&BlockRow> =
        blocks.iter().filter(|block| block.canonical != CanonicalState::Orphaned).collect();
    let taken = |slot: u64| blocks.iter().any(|block| block.slot.0 == slot);
    let mut stretches = Vec::new();
    for (at, block) in chain.iter().enumerate() {
        let (slot, parent) = (block.slot.0, block.parent_slot.0);
        let mut last = slot.saturating_sub(1);
        // Blocks of side branches cut a run of empty slots.
        for cut in blocks.iter().map(|other| other.slot.0).filter(|cut| *cut > parent && *cut < slot) {
            if cut < last {
                stretches.push(Stretch { first: cut + 1, last, is_missed: true });
            }
            last = cut.saturating_sub(1).min(last);
        }
        if parent < last && !taken(last) {
            stretches.push(Stretch { first: parent + 1, last, is_missed: true });
        }
        if let Some(older) = chain.get(at + 1).map(|older| older.slot.0).filter(|older| *older < parent) {
            stretches.push(Stretch { first: older + 1, last: parent, is_missed: false });
        }
    }
    stretches
}

fn stretch_row(state: &AppState, stretch: Stretch) -> LatestRow {
    let Stretch { first, last, is_missed } = stretch;
    let slots = last.saturating_sub(first) + 1;
    let row = empty(state, last);
    let slot = if first == last {
        row.slot.clone()
    } else {
        format!("{}–{}", format::count(first), format::count(last))
    };
    let missed = match (is_missed, slots) {
        (true, 1) => "no block in this slot".to_owned(),
        (true, _) => format!("no blocks in {}", format::counted(slots, "slot")),
        (false, _) => format!("{} missing from the record", format::counted(slots, "slot")),
    };
    LatestRow { slot, missed, is_gap: !is_missed, ..row }
}

fn empty(state: &AppState, slot: u64) -> LatestRow {
    let time = state.settings().clock.map(|clock| clock.start_of(slot));
    LatestRow {
        slot: format::count(slot),
        key: format!("missed-{slot}"),
        place: slot,
        age: time.map_or_else(String::new, |time| format::age(state.now().saturating_sub(time))),
        datetime: time.map_or_else(String::new, |time| Utc::from_unix(time).machine()),
        missed: String::new(),
        is_gap: false,
        block: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consensus::{Root, Slot, ValidatorIndex};
    use fingerprint::Classification;
    use store::{Attestations, RootOrigin};

    fn block(slot: u64, parent: u64, canonical: CanonicalState) -> BlockRow {
        BlockRow {
            block_root: Root([0; 32]),
            root_known: RootOrigin::Reported,
            parent_root: None,
            slot: Slot(slot),
            parent_slot: Slot(parent),
            proposer_index: ValidatorIndex(0),
            graffiti: None,
            classification: Classification::uncertain(None),
            model_hash: None,
            canonical,
            features: None,
            attestations: Attestations::NotRecorded,
            signs: None,
            first_seen_ms: None,
        }
    }

    #[test]
    fn empty_and_missing_slots_are_told_apart() {
        use CanonicalState::{Canonical, Orphaned};
        let blocks = [
            block(20, 15, Canonical),
            block(18, 15, Orphaned),
            block(15, 14, Canonical),
            block(9, 8, Canonical),
        ];
        let found: Vec<_> = stretches(&blocks)
            .iter()
            .map(|stretch| (stretch.first, stretch.last, stretch.is_missed))
            .collect();
        assert_eq!(found, [(19, 19, true), (16, 17, true), (10, 14, false)]);
    }
}
