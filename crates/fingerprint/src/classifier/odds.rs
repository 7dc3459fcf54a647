//! How much one feature alone speaks for a client: how many training rows of each class share its range of values.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::ModelInfo;
use super::rows::Rows;
use crate::client::Client;
use crate::features::{self, FeatureSet};

/// Ranges of values that a feature is cut into at most.
pub const MAX_RANGES: usize = 32;
/// Cuts that each class proposes: at its own quantiles, so that small classes are resolved, too.
const CUTS_PER_CLASS: usize = 16;
/// Rows that every range of every class has beforehand, so that nothing is impossible.
const PRIOR_ROWS: f64 = 0.5;

/// The training rows of one feature, by class and range of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureCounts {
    /// The feature's name.
    pub feature: String,
    /// Where its values are cut, ascending. A range goes up to its cut, which belongs to it; the last has no end.
    pub cuts: Vec<f64>,
    /// Per class, in order, the rows in each range: one more than cuts.
    pub rows: Vec<Vec<u32>>,
}

impl FeatureCounts {
    /// Log odds that a value gives for each class against the mean of all others, every class being as likely
    /// before. None where there are fewer than two classes.
    pub fn log_odds(&self, value: f64) -> Option<Vec<f64>> {
        let range = self.cuts.partition_point(|cut| *cut < value);
        let shares: Vec<f64> = self
            .rows
            .iter()
            .map(|rows| {
                let all: f64 = rows.iter().map(|count| f64::from(*count) + PRIOR_ROWS).sum();
                (f64::from(rows.get(range).copied().unwrap_or_default()) + PRIOR_ROWS) / all.max(PRIOR_ROWS)
            })
            .collect();
        let others = shares.len().checked_sub(1).filter(|others| *others > 0)? as f64;
        let total: f64 = shares.iter().sum();
        Some(
            shares
                .iter()
                .map(|share| (share / ((total - share) / others).max(f64::MIN_POSITIVE)).ln())
                .collect(),
        )
    }
}

/// Counts the rows of every feature.
pub(super) fn counts(rows: &Rows, classes: usize, features: &FeatureSet) -> Vec<FeatureCounts> {
    let columns: Vec<&'static features::Feature> = features.features().collect();
    let count = |(column, feature): (usize, &'static features::Feature)| {
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); classes];
        for (row, class) in rows.values().chunks_exact(rows.width().max(1)).zip(rows.classes()) {
            if let (Some(list), Some(value)) = (values.get_mut(*class as usize), row.get(column)) {
                // Adding 0 makes -0 an ordinary 0.
                list.push(value + 0.0);
            }
        }
        values.iter_mut().for_each(|list| list.sort_unstable_by(f64::total_cmp));
        let cuts = cuts(&values);
        let counted = |list: &Vec<f64>| {
            let ends = cuts.iter().map(|cut| list.partition_point(|value| value <= cut)).chain([list.len()]);
            let mut before = 0;
            ends.map(|end| {
                let rows = u32::try_from(end - before).unwrap_or(u32::MAX);
                before = end;
                rows
            })
            .collect()
        };
        FeatureCounts { feature: feature.name.to_owned(), rows: values.iter().map(counted).collect(), cuts }
    };
    columns.into_par_iter().enumerate().map(count).collect()
}

/// Where sorted values are cut: at quantiles of each class, thinned evenly where they are too many. The largest value
/// cuts nothing.
fn cuts(values: &[Vec<f64>]) -> Vec<f64> {
    let mut cuts = Vec::new();
    for list in values {
        cuts.extend((1..CUTS_PER_CLASS).filter_map(|at| list.get(at * list.len() / CUTS_PER_CLASS)));
    }
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    let largest = values.iter().filter_map(|list| list.last()).copied().fold(f64::NEG_INFINITY, f64::max);
    cuts.retain(|cut| *cut < largest);
    let most = MAX_RANGES - 1;
    if cuts.len() > most {
        let count = cuts.len();
        cuts = (0..most).filter_map(|at| cuts.get(at * count / most).copied()).collect();
    }
    cuts
}

/// Whether counts fit a model that has any. Models that were made before have none.
pub(super) fn check(counts: &[FeatureCounts], info: &ModelInfo) -> bool {
    let fits = |(count, feature): (&FeatureCounts, &str)| {
        count.feature == feature
            && count.cuts.len() < MAX_RANGES
            && count.cuts.iter().all(|cut| cut.is_finite())
            && count.cuts.is_sorted_by(|a, b| a < b)
            && count.rows.len() == info.classes.len()
            && count.rows.iter().all(|rows| rows.len() == count.cuts.len() + 1)
    };
    counts.is_empty()
        || (counts.len() == info.features.len() && counts.iter().zip(info.features.names()).all(fits))
}

/// What one feature says for a client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeatureOdds {
    /// The feature's name.
    pub feature: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Its value for the block.
    pub value: f64,
    /// The client it speaks for or against.
    pub client: Client,
    /// Log odds against the mean of all others: above 0 for, below 0 against.
    pub log_odds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[(f64, u8)]) -> Rows {
        let mut rows = Rows::with_capacity(1, values.len());
        values.iter().for_each(|(value, class)| rows.push(&[*value], *class).expect("a row"));
        rows
    }

    fn counted(values: &[(f64, u8)], classes: usize) -> FeatureCounts {
        let features = FeatureSet::from_names(["reward"]).expect("a feature");
        counts(&rows(values), classes, &features).remove(0)
    }

    #[test]
    fn odds_are_those_of_the_rows_in_the_same_range() {
        // Class 0 has 0 three times of four, class 1 once of four.
        let values = [(0.0, 0), (0.0, 0), (-0.0, 0), (1.0, 0), (0.0, 1), (1.0, 1), (1.0, 1), (1.0, 1)];
        let counts = counted(&values, 2);
        assert_eq!(
            (counts.cuts.as_slice(), counts.rows.as_slice()),
            (&[0.0][..], &[vec![3, 1], vec![1, 3]][..])
        );
        let odds = counts.log_odds(0.0).expect("odds");
        assert!((odds[0] - (3.5_f64 / 1.5).ln()).abs() < 1e-12 && (odds[0] + odds[1]).abs() < 1e-12);
        assert_eq!(counts.log_odds(-5.0), counts.log_odds(0.0));
        assert_eq!(counts.log_odds(0.5), counts.log_odds(9e9));
        assert!(counts.log_odds(0.5).expect("odds")[0] < 0.0);
    }

    #[test]
    fn the_number_of_rows_of_a_client_speaks_neither_for_nor_against_it() {
        let values: Vec<(f64, u8)> =
            (0..4_000).map(|at| (f64::from(at % 100), u8::from(at % 8 == 0))).collect();
        let even: Vec<(f64, u8)> =
            values.iter().map(|(value, class)| ((value / 4.0).floor(), *class)).collect();
        let counts = counted(&even, 2);
        assert!(counts.cuts.len() < MAX_RANGES && counts.cuts.len() > 8);
        for value in 0..25 {
            let odds = counts.log_odds(f64::from(value)).expect("odds");
            assert!(odds[0].abs() < 0.8, "{value}: {odds:?}");
        }
        assert_eq!(counts.rows.iter().flatten().sum::<u32>(), 4_000);
    }

    #[test]
    fn one_class_and_no_rows_say_nothing() {
        assert_eq!(counted(&[(1.0, 0), (2.0, 0)], 1).log_odds(1.0), None);
        let empty = counted(&[], 3);
        assert_eq!(empty.cuts, [0.0; 0]);
        assert_eq!(empty.log_odds(1.0), Some(vec![0.0; 3]));
        let huge = counted(&[(f64::MAX, 0), (f64::MIN, 1)], 2);
        assert!(huge.log_odds(f64::NAN).expect("odds").iter().all(|odds| odds.is_finite()));
    }
}
