//! When blocks were first seen, of those that were seen while they were new.

use std::ops::RangeInclusive;

use consensus::Slot;
use source::follow::Follower;
use store::BlockRow;

/// A block counts as new for so many slots. Nodes that catch up name older ones.
const NEW_FOR: u64 = 32;

/// Notes when each block was named for the first time.
pub(super) fn note(follower: &Follower, rows: &mut [BlockRow]) {
    let clock = follower.view(|view| (view.genesis_time(), view.spec().config.slot_duration_ms));
    let Some((genesis_time, slot_ms)) = clock else { return };
    for row in rows {
        let arrival = follower.arrival(&row.block_root).map(|arrival| arrival.unix_ms);
        row.first_seen_ms = arrival.filter(|at| while_new(row.slot, genesis_time, slot_ms).contains(at));
    }
}

/// The time in which a block is new, in milliseconds since 1970. It begins a slot early: clocks differ.
fn while_new(slot: Slot, genesis_time: u64, slot_ms: u64) -> RangeInclusive<u64> {
    let start = |slot: u64| genesis_time.saturating_mul(1_000).saturating_add(slot.saturating_mul(slot_ms));
    start(slot.0.saturating_sub(1))..=start(slot.0.saturating_add(NEW_FOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_new_from_a_slot_before_its_own() {
        let new = while_new(Slot(100), 5, 12_000);
        assert_eq!(new, (5 + 99 * 12) * 1_000..=(5 + 132 * 12) * 1_000);
        assert!(while_new(Slot(u64::MAX), u64::MAX, 12_000).contains(&u64::MAX));
        assert!(while_new(Slot(0), 5, 12_000).contains(&5_000));
    }
}
