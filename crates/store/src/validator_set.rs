//! A set of validators, as runs of indices.

use consensus::ValidatorIndex;

/// Validators, kept as runs without overlap, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatorSet {
    /// First and last index of each run.
    runs: Vec<(u64, u64)>,
}

impl ValidatorSet {
    /// The set of runs, given by their first and last index; a run that ends before it begins is empty.
    pub fn of_runs(runs: impl IntoIterator<Item = (ValidatorIndex, ValidatorIndex)>) -> Self {
        let mut sorted: Vec<(u64, u64)> =
            runs.into_iter().map(|(first, last)| (first.0, last.0)).filter(|(a, b)| a <= b).collect();
        sorted.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match runs.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => runs.push((first, last)),
            }
        }
        Self { runs }
    }

    /// Whether a validator is in the set.
    pub fn contains(&self, validator: ValidatorIndex) -> bool {
        let after = self.runs.partition_point(|(first, _)| *first <= validator.0);
        after.checked_sub(1).and_then(|at| self.runs.get(at)).is_some_and(|(_, last)| validator.0 <= *last)
    }

    /// How many validators are in it.
    pub fn len(&self) -> u64 {
        self.runs.iter().fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// First and last index of each run, in order.
    pub fn runs(&self) -> impl Iterator<Item = (ValidatorIndex, ValidatorIndex)> {
        self.runs.iter().map(|(first, last)| (ValidatorIndex(*first), ValidatorIndex(*last)))
    }

    /// The first validators from an index on, in order, at most `most`.
    pub(crate) fn from(&self, least: u64, most: usize) -> Vec<u64> {
        let after = self.runs.partition_point(|(_, last)| *last < least);
        let runs = self.runs.get(after..).unwrap_or_default();
        runs.iter().flat_map(|(first, last)| (*first).max(least)..=*last).take(most).collect()
    }
}

impl FromIterator<ValidatorIndex> for ValidatorSet {
    fn from_iter<T: IntoIterator<Item = ValidatorIndex>>(validators: T) -> Self {
        Self::of_runs(validators.into_iter().map(|validator| (validator, validator)))
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn runs_are_joined_and_found() {
        let run = |first, last| (ValidatorIndex(first), ValidatorIndex(last));
        let set = ValidatorSet::of_runs([run(10, 12), run(3, 5), run(6, 7), run(11, 20), run(9, 8)]);
        assert_eq!(set.runs().collect::<Vec<_>>(), [run(3, 7), run(10, 20)]);
        assert_eq!(set.len(), 16);
        for (index, is_in) in
            [(2, false), (3, true), (7, true), (8, false), (10, true), (20, true), (21, false)]
        {
            assert_eq!(set.contains(ValidatorIndex(index)), is_in, "{index}");
        }
        assert_eq!(set.from(6, 4), [6, 7, 10, 11]);
        assert!(set.from(21, 4).is_empty());
        let everybody = ValidatorSet::of_runs([run(0, u64::MAX)]);
        assert_eq!((everybody.len(), everybody.from(u64::MAX, 3)), (u64::MAX, vec![u64::MAX]));
    }
}
