//! Which missing slots are tried next, which are left alone, and for how long.

use consensus::Slot;
use store::{ChainMarks, Gap, GapCause, GapNote};

/// How far back gaps are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// To the final block behind which following began for the first time.
    #[default]
    Checkpoint,
    /// So many seconds further back than that block.
    Seconds(u64),
    /// To a slot, included.
    Slot(u64),
    /// To the first block.
    Genesis,
}

/// Units of time and their seconds.
const UNITS: [(char, u64); 4] = [('h', 3_600), ('d', 86_400), ('w', 7 * 86_400), ('y', 365 * 86_400)];

/// The seconds of a time such as `30d`.
pub(in crate::service) fn time_span(text: &str) -> Option<u64> {
    let with_unit = |(unit, seconds): (char, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    };
    UNITS.into_iter().find_map(with_unit)
}

impl std::str::FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "checkpoint" => Ok(Self::Checkpoint),
            "genesis" => Ok(Self::Genesis),
            _ => text.parse().ok().map(Self::Slot).or_else(|| time_span(text).map(Self::Seconds)).ok_or_else(
                || format!("{text:?} is neither checkpoint, genesis, a time such as 30d (h, d, w or y), nor a slot"),
            ),
        }
    }
}

/// How gaps are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealPolicy {
    /// How far back.
    pub history: History,
    /// Length of a slot of the network, in seconds.
    pub seconds_per_slot: u64,
    /// Slots of a chunk. A chunk ends at a multiple of it, where archive nodes have states.
    pub chunk_slots: u64,
    /// The first pause where nobody could be asked, in seconds; it doubles with each try.
    pub first_pause_seconds: u64,
    /// The longest such pause.
    pub longest_pause_seconds: u64,
    /// The first pause where somebody answered, and that was of no use: the next answer will be the same for long.
    pub first_rest_seconds: u64,
    /// The longest such pause.
    pub longest_rest_seconds: u64,
    /// Chunks that this process works on at the same time.
    pub workers: usize,
    /// After so long without a sign of the process that works on a chunk, another one takes it over.
    pub lease_seconds: u64,
}

impl Default for HealPolicy {
    fn default() -> Self {
        Self {
            history: History::Checkpoint,
            seconds_per_slot: 12,
            chunk_slots: 2_048,
            first_pause_seconds: 15,
            longest_pause_seconds: 900,
            first_rest_seconds: 600,
            longest_rest_seconds: 86_400,
            workers: 1,
            lease_seconds: 60,
        }
    }
}

impl HealPolicy {
    /// How long a chunk is left alone after a number of tries, in seconds.
    pub fn pause(&self, cause: GapCause, tries: u64) -> u64 {
        let (first, longest) = match cause {
            GapCause::Unreachable => (self.first_pause_seconds, self.longest_pause_seconds),
            _ => (self.first_rest_seconds, self.longest_rest_seconds),
        };
        let doublings = u32::try_from(tries.saturating_sub(1).min(32)).unwrap_or(32);
        first.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX)).min(longest)
    }

    /// The lowest slot that is wanted.
    fn from(&self, marks: &ChainMarks) -> u64 {
        let before_start = |slots: u64| {
            marks.start.map_or(1, |start| start.slot.0.saturating_add(1).saturating_sub(slots).max(1))
        };
        match self.history {
            History::Genesis => 1,
            History::Slot(slot) => slot.max(1),
            History::Checkpoint => before_start(0),
            History::Seconds(seconds) => before_start(seconds.div_ceil(self.seconds_per_slot.max(1))),
        }
    }
}

/// What to do about the gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealPlan {
    /// Slots to be filled now, as stretches, the newest first. The last slot of each has a block, as the block above it
    /// says.
    pub due: Vec<Gap>,
    /// When the first of those comes due that are left alone for now.
    pub until: Option<u64>,
    /// Notes on slots that are not wanted, where there are none yet.
    pub unwanted: Vec<GapNote>,
}

impl HealPlan {
    /// What to fill of the slots that nothing speaks for. Slots above the newest final block are left out: whoever
    /// follows the chain brings them.
    pub fn of(gaps: &[Gap], notes: &[GapNote], marks: &ChainMarks, policy: &HealPolicy, now: u64) -> Self {
        let mut plan = Self::default();
        let Some(last) = marks.finalized else { return plan };
        let from = policy.from(marks);
        for gap in gaps.iter().rev() {
            if let Some(gap) = clip(*gap, 1, from.saturating_sub(1)) {
                let is_noted = |note: &GapNote| note.cause == GapCause::NotWanted && note.gap == gap;
                if !notes.iter().any(is_noted) {
                    plan.unwanted.push(not_wanted(gap, from, now));
                }
            }
            if let Some(wanted) = clip(*gap, from, last.slot.0) {
                plan.due.extend(due(wanted, notes, now, &mut plan.until));
            }
        }
        plan
    }

    /// Pieces of work, the newest first, at most so many. A piece ends at a multiple of `slots` or with its stretch.
    pub fn chunks(&self, slots: u64, most: usize) -> Vec<Gap> {
        let slots = slots.max(1);
        let pieces = self.due.iter().flat_map(|stretch| {
            let mut end = Some(stretch.end.0);
            std::iter::from_fn(move || {
                let last = end?;
                let start = (last.saturating_sub(1) / slots * slots + 1).max(stretch.start.0).min(last);
                end = start.checked_sub(1).filter(|below| *below >= stretch.start.0);
                Some(Gap { start: Slot(start), end: Slot(last) })
            })
        });
        pieces.take(most).collect()
    }

    /// The newest part of a range that is due, and the stretch that it is part of.
    pub fn within(&self, range: Gap) -> Option<(Gap, Gap)> {
        self.due.iter().find_map(|stretch| Some((clip(*stretch, range.start.0, range.end.0)?, *stretch)))
    }
}

fn not_wanted(gap: Gap, from: u64, now: u64) -> GapNote {
    GapNote {
        gap,
        cause: GapCause::NotWanted,
        detail: format!("slots before {from} are not asked for; backfill.history says how far back to go"),
        tries: 0,
        last_try: now,
        next_try: None,
    }
}

/// The part of a gap within bounds, both included.
fn clip(gap: Gap, low: u64, high: u64) -> Option<Gap> {
    let (start, end) = (gap.start.0.max(low), gap.end.0.min(high));
    (start <= end).then_some(Gap { start: Slot(start), end: Slot(end) })
}

/// What is due of a gap: all of it, or what lies above the newest note that holds slots back, because a chain is followed
/// from the blocks above. `until` becomes the earliest time at which that changes.
fn due(gap: Gap, notes: &[GapNote], now: u64, until: &mut Option<u64>) -> Option<Gap> {
    // What was not wanted once is wanted now: it lies within bounds.
    let holds = |note: &&GapNote| {
        let touches = note.gap.start <= gap.end && note.gap.end >= gap.start;
        touches && note.cause != GapCause::NotWanted && note.next_try.is_none_or(|at| at > now)
    };
    let Some(note) = notes.iter().rev().find(holds) else { return Some(gap) };
    *until = match (*until, note.next_try) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    clip(gap, note.gap.end.0.saturating_add(1), gap.end.0)
}

#[cfg(test)]
mod tests {
    use consensus::Root;
    use store::BlockPlace;

    use super::*;

    fn gap(start: u64, end: u64) -> Gap {
        Gap { start: Slot(start), end: Slot(end) }
    }

    fn note(gap: Gap, cause: GapCause, next_try: Option<u64>) -> GapNote {
        GapNote { gap, cause, detail: String::new(), tries: 1, last_try: 0, next_try }
    }

    fn marks(start: u64, finalized: u64) -> ChainMarks {
        let place = |slot| Some(BlockPlace { root: Root::default(), slot: Slot(slot) });
        ChainMarks { head: None, finalized: place(finalized), start: place(start) }
    }

    fn policy(history: History) -> HealPolicy {
        HealPolicy { history, chunk_slots: 100, ..HealPolicy::default() }
    }

    /// The first chunk, with its stretch.
    fn first(plan: &HealPlan) -> Option<(Gap, Gap)> {
        plan.within(*plan.chunks(100, 1).first()?)
    }

    #[test]
    fn the_newest_chunk_comes_first_and_notes_hold_back() {
        let gaps = [gap(1, 450), gap(600, 650)];
        let genesis = policy(History::Genesis);
        let at = |notes: &[GapNote], now| HealPlan::of(&gaps, notes, &marks(700, 800), &genesis, now);
        let all = [gap(601, 650), gap(600, 600), gap(401, 450), gap(301, 400), gap(201, 300), gap(101, 200)];
        assert_eq!(at(&[], 0).chunks(100, 6), all);
        assert_eq!(at(&[], 0).chunks(100, 99).last(), Some(&gap(1, 100)));
        assert_eq!(first(&at(&[], 0)), Some((gap(601, 650), gap(600, 650))));
        let waits = [note(gap(600, 650), GapCause::BadData, Some(90))];
        assert_eq!(first(&at(&waits, 50)), Some((gap(401, 450), gap(1, 450))));
        assert_eq!(first(&at(&waits, 90)), Some((gap(601, 650), gap(600, 650))));
        let all = [note(gap(1, 450), GapCause::Pruned, Some(70)), waits[0].clone()];
        assert_eq!(at(&all, 50), HealPlan { until: Some(70), ..HealPlan::default() });
        // A note in the middle holds back what lies below it, too.
        let middle = [note(gap(401, 430), GapCause::BadData, None), waits[0].clone()];
        assert_eq!(at(&middle, 50).due, [gap(431, 450)]);
        assert_eq!(at(&middle, 50).within(gap(380, 440)), Some((gap(431, 440), gap(431, 450))));
        let middle = [note(gap(401, 450), GapCause::BadData, None), waits[0].clone()];
        assert_eq!(at(&middle, 50).due, []);
        assert_eq!(at(&middle, 90).due, [gap(600, 650)]);
    }

    #[test]
    fn what_lies_before_the_checkpoint_is_noted_and_left() {
        let gaps = [gap(1, 450), gap(600, 650)];
        let plan = HealPlan::of(&gaps, &[], &marks(500, 620), &policy(History::Checkpoint), 7);
        assert_eq!(first(&plan), Some((gap(601, 620), gap(600, 620))), "not above what is final");
        assert_eq!(plan.unwanted.len(), 1);
        assert_eq!((plan.unwanted[0].gap, plan.unwanted[0].next_try), (gap(1, 450), None));
        let again = HealPlan::of(&gaps, &plan.unwanted, &marks(500, 620), &policy(History::Checkpoint), 8);
        assert!(again.unwanted.is_empty());
        // The setting was changed.
        let more = policy(History::Slot(440));
        let more = HealPlan::of(&gaps[..1], &plan.unwanted, &marks(500, 620), &more, 8);
        assert_eq!(first(&more), Some((gap(440, 450), gap(440, 450))));
        assert_eq!(more.unwanted[0].gap, gap(1, 439));
        // Two hours are 600 slots, which is more than there are before slot 500; one is 300.
        for (hours, from) in [(2, 1), (1, 201)] {
            let policy = policy(History::Seconds(hours * 3_600));
            let plan = HealPlan::of(&gaps[..1], &[], &marks(500, 620), &policy, 8);
            assert_eq!(plan.due, [gap(from, 450)]);
        }
        let nothing = HealPlan::of(&gaps, &[], &ChainMarks::default(), &policy(History::Genesis), 0);
        assert_eq!(nothing, HealPlan::default());
    }

    #[test]
    fn a_history_is_a_word_a_time_or_a_slot() {
        for (text, history) in [
            ("checkpoint", History::Checkpoint),
            ("genesis", History::Genesis),
            ("30d", History::Seconds(2_592_000)),
            ("12h", History::Seconds(43_200)),
            ("2w", History::Seconds(1_209_600)),
            ("1y", History::Seconds(31_536_000)),
            ("700", History::Slot(700)),
        ] {
            assert_eq!(text.parse(), Ok(history));
        }
        for wrong in ["", "d", "30 d", "-1d", "30m", "99999999999999999999d", "18446744073709551615y"] {
            assert!(wrong.parse::<History>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_longest() {
        let policy = HealPolicy::default();
        let pauses: Vec<u64> = (1..=8).map(|tries| policy.pause(GapCause::Unreachable, tries)).collect();
        assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(policy.pause(GapCause::Pruned, 1), 600);
        assert_eq!(policy.pause(GapCause::Pruned, u64::MAX), 86_400);
    }
}
