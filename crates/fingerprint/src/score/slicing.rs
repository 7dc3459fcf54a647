//! Divisions of test blocks by what their rows tell: a classifier may be good at some blocks and bad at others.

use consensus::Slot;
use serde::{Deserialize, Serialize};

use crate::training::TrainingSet;

/// The most parts that results are kept of, over all divisions.
pub const MAX_SLICES: usize = 64;
/// The most characters of a part's name.
pub const MAX_PART: usize = 40;
/// The most parts of one division.
const MAX_PARTS: usize = 24;

/// What test blocks are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceBy {
    /// How many attestations the block carries.
    Attestations,
    /// Where in its epoch the block's slot is.
    PlaceInEpoch,
    /// Whether the slots before the block's are empty.
    MissedBefore,
    /// The fork of the block's slot.
    Fork,
}

impl SliceBy {
    /// What is told apart, as a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Attestations => "Attestations in the block",
            Self::PlaceInEpoch => "Slot in its epoch",
            Self::MissedBefore => "Empty slots before it",
            Self::Fork => "Fork",
        }
    }
}

/// One division of the rows of a training set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slicing {
    by: SliceBy,
    parts: Vec<String>,
    /// Per row, its part; another number for none.
    part_of: Vec<u8>,
}

/// Which block counts as having so many attestations: where parts begin.
const ATTESTATIONS: [(u64, &str); 10] = [
    (1, "1"),
    (2, "2–3"),
    (4, "4–5"),
    (6, "6–7"),
    (8, "8"),
    (9, "9–31"),
    (32, "32–63"),
    (64, "64–95"),
    (96, "96–127"),
    (128, "128"),
];

impl Slicing {
    /// A division into named parts; `part_of` gives the part of every row. Rows of a part beyond the 24th have none.
    pub fn new(by: SliceBy, parts: Vec<String>, part_of: impl IntoIterator<Item = Option<usize>>) -> Self {
        let mut parts: Vec<String> =
            parts.into_iter().map(|name| name.chars().take(MAX_PART).collect()).collect();
        parts.truncate(MAX_PARTS);
        let part = |part: Option<usize>| {
            part.filter(|part| *part < MAX_PARTS).and_then(|part| u8::try_from(part).ok()).unwrap_or(u8::MAX)
        };
        Self { by, part_of: part_of.into_iter().map(part).collect(), parts }
    }

    /// What the rows themselves can tell. Slots tell their place in an epoch only where its length is known.
    pub fn of(set: &TrainingSet, slots_per_epoch: Option<u64>) -> Vec<Self> {
        let by_epoch =
            slots_per_epoch.filter(|slots| *slots > 1).map(|slots| Self::by_place(&set.slots, slots));
        [Self::by_attestations(set), by_epoch, Self::by_missed(set)].into_iter().flatten().collect()
    }

    /// By the number of attestations, if the set has it.
    fn by_attestations(set: &TrainingSet) -> Option<Self> {
        let column = set.column("num_attestations")?;
        let part = |count: &f64| ATTESTATIONS.iter().rposition(|(from, _)| *count >= *from as f64);
        let names = ATTESTATIONS.iter().map(|(_, name)| (*name).to_owned()).collect();
        Some(Self::new(SliceBy::Attestations, names, column.iter().map(part)))
    }

    /// By the place of the slot: first and last slot of an epoch, and quarters between them.
    fn by_place(slots: &[Slot], length: u64) -> Self {
        let mut starts = vec![0, 1, length / 4, length / 2, length / 4 * 3, length - 1];
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([length]);
        let name = |(start, end): (&u64, u64)| match (*start, end - 1) {
            (0, 0) => "first slot".to_owned(),
            (start, last) if start == length - 1 && start == last => "last slot".to_owned(),
            (start, last) if start == last => format!("slot {}", start + 1),
            (start, last) => format!("slots {}–{}", start + 1, last + 1),
        };
        let names = starts.iter().zip(ends).map(name).collect();
        let part = |slot: &Slot| starts.iter().rposition(|start| slot.0 % length >= *start);
        Self::new(SliceBy::PlaceInEpoch, names, slots.iter().map(part))
    }

    /// By the empty slots before a block, where the set has the reward both as it is and per slot since the parent:
    /// the one divided by the other is the distance.
    fn by_missed(set: &TrainingSet) -> Option<Self> {
        let (reward, per_slot) = (set.column("norm_reward")?, set.column("norm_reward_per_slot")?);
        let part = |(reward, per_slot): (&f64, &f64)| {
            let slots = reward / per_slot;
            (slots.is_finite() && slots >= 0.5).then(|| ((slots.round() - 1.0) as usize).min(2))
        };
        let names = ["none", "1", "2 or more"].map(str::to_owned).to_vec();
        Some(Self::new(SliceBy::MissedBefore, names, reward.iter().zip(per_slot).map(part)))
    }

    /// What rows are divided by.
    pub(crate) fn by(&self) -> SliceBy {
        self.by
    }

    /// The names of the parts.
    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The part of a row.
    pub(crate) fn part(&self, row: usize) -> Option<usize> {
        self.part_of.get(row).copied().map(usize::from).filter(|part| *part < self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use consensus::Root;

    use super::*;
    use crate::training::TrainingRow;
    use crate::{Client, FeatureSet};

    fn set(names: &str, rows: &[(u64, &[f64])]) -> TrainingSet {
        let mut set = TrainingSet::new(FeatureSet::parse(names).unwrap());
        for (number, (slot, values)) in (0u8..).zip(rows) {
            let row = TrainingRow {
                block_root: Root([number; 32]),
                slot: Slot(*slot),
                label: Client::Teku,
                features: values.to_vec(),
            };
            set.push(row).unwrap();
        }
        set
    }

    fn names(slicing: &Slicing, rows: usize) -> Vec<Option<&str>> {
        (0..rows).map(|row| slicing.part(row).map(|part| slicing.parts()[part].as_str())).collect()
    }

    #[test]
    fn rows_fall_into_parts_by_what_they_tell() {
        let rows: [(u64, &[f64]); 4] = [
            (64, &[8.0, 0.9, 0.9]),
            (65, &[127.0, 0.9, 0.3]),
            (95, &[128.0, 0.5, 0.25]),
            (80, &[3.0, 0.0, 0.0]),
        ];
        let set = set("num_attestations,norm_reward,norm_reward_per_slot", &rows);
        let [counts, places, missed] = Slicing::of(&set, Some(32)).try_into().unwrap();
        assert_eq!(names(&counts, 4), [Some("8"), Some("96–127"), Some("128"), Some("2–3")]);
        let wanted = [Some("first slot"), Some("slots 2–8"), Some("last slot"), Some("slots 17–24")];
        assert_eq!(names(&places, 4), wanted);
        assert_eq!(names(&missed, 4), [Some("none"), Some("2 or more"), Some("1"), None]);
    }

    #[test]
    fn what_rows_cannot_tell_is_not_told() {
        let set = set("norm_reward", &[(1, &[0.5])]);
        assert_eq!(Slicing::of(&set, None), []);
        assert_eq!(Slicing::of(&set, Some(8)).len(), 1);
        let eight = Slicing::of(&set, Some(8)).remove(0);
        assert_eq!(eight.parts(), ["first slot", "slot 2", "slots 3–4", "slots 5–6", "slot 7", "last slot"]);
    }
}
