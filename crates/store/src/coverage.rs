//! Which slots are known: a set of intervals, the gaps between them, and how a gap is cut into requests.

use consensus::Slot;
use serde::{Deserialize, Serialize};

/// Slots that no stored block and no parent link speaks for. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first unknown slot.
    pub start: Slot,
    /// The slot before the lowest block above the hole.
    pub end: Slot,
}

/// A run of known slots, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The lowest slot of a stored block inside.
    pub(crate) first_block: u64,
}

impl Interval {
    /// What a block speaks for: its own slot, and the empty ones down to its parent.
    pub(crate) fn of_block(slot: u64, parent_slot: u64) -> Self {
        let start = parent_slot.saturating_add(1).min(slot);
        Self { start, end: slot, first_block: slot }
    }

    fn touches(&self, other: &Self) -> bool {
        self.start <= other.end.saturating_add(1) && other.start <= self.end.saturating_add(1)
    }

    fn merge(&mut self, other: &Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.first_block = self.first_block.min(other.first_block);
    }
}

/// Sorts intervals and joins those that overlap or lie side by side.
pub(crate) fn coalesce(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable_by_key(|interval| interval.start);
    let mut joined: Vec<Interval> = Vec::new();
    for interval in intervals {
        match joined.last_mut() {
            Some(last) if last.touches(&interval) => last.merge(&interval),
            _ => joined.push(interval),
        }
    }
    joined
}

/// The holes between coalesced intervals.
pub(crate) fn holes(intervals: &[Interval]) -> Vec<Gap> {
    intervals.iter().zip(intervals.iter().skip(1)).map(|(below, above)| gap_between(below, above)).collect()
}

pub(crate) fn gap_between(below: &Interval, above: &Interval) -> Gap {
    Gap { start: Slot(below.end.saturating_add(1)), end: Slot(above.first_block.saturating_sub(1)) }
}

/// The set of known slots, in memory. The database keeps the same set in a table.
///
/// A block at slot `s` whose parent is at slot `p` makes `p+1` to `s` known. Slot 0 always is. Intervals that
/// overlap, as those of orphans do, are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalSet {
    intervals: Vec<Interval>,
}

impl Default for IntervalSet {
    fn default() -> Self {
        Self { intervals: vec![Interval { start: 0, end: 0, first_block: 0 }] }
    }
}

impl IntervalSet {
    /// The set that knows slot 0 only.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set that blocks make, each given as its slot and its parent's.
    pub fn of_blocks(blocks: impl IntoIterator<Item = (Slot, Slot)>) -> Self {
        let mut intervals = Self::default().intervals;
        intervals.extend(blocks.into_iter().map(|(slot, parent)| Interval::of_block(slot.0, parent.0)));
        Self { intervals: coalesce(intervals) }
    }

    /// Adds a block.
    pub fn insert(&mut self, slot: Slot, parent_slot: Slot) {
        let mut added = Interval::of_block(slot.0, parent_slot.0);
        let from = self.intervals.partition_point(|known| known.end.saturating_add(1) < added.start);
        let until = self.intervals.partition_point(|known| known.start <= added.end.saturating_add(1));
        for known in self.intervals.get(from..until).unwrap_or_default() {
            added.merge(known);
        }
        self.intervals.splice(from..until.max(from), [added]);
    }

    /// The gaps, in order.
    pub fn gaps(&self) -> Vec<Gap> {
        holes(&self.intervals)
    }

    /// The highest known slot.
    pub fn greatest(&self) -> Slot {
        Slot(self.intervals.last().map_or(0, |interval| interval.end))
    }
}

/// What to do with the piece of a gap after the last boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastChunk {
    /// Asked for like the others.
    #[default]
    Keep,
    /// Left for a later round, as blockprint did.
    Drop,
}

/// Cuts a gap into requests that end at multiples of `slots_per_restore_point`, where an archive node has a state.
///
/// The first boundary is strictly above the start. A distance of 0 gives the gap in one piece.
pub fn explode_gap(gap: Gap, slots_per_restore_point: u64, last: LastChunk) -> Vec<Gap> {
    let (mut start, end) = (gap.start.0, gap.end.0);
    if start > end {
        return Vec::new();
    }
    let Some(periods) = start.checked_div(slots_per_restore_point) else {
        return vec![gap];
    };
    let mut boundary = periods.saturating_add(1).saturating_mul(slots_per_restore_point);
    if end <= boundary {
        return vec![gap];
    }
    let mut chunks = Vec::new();
    while end > boundary {
        chunks.push(Gap { start: Slot(start), end: Slot(boundary) });
        start = boundary + 1;
        boundary = boundary.saturating_add(slots_per_restore_point);
    }
    if last == LastChunk::Keep {
        chunks.push(Gap { start: Slot(start), end: Slot(end) });
    }
    chunks
}
