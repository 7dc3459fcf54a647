//! Search for the features, and the clients to group, with which the worst fold is best.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::cross_validate::{CvError, CvScores, cross_validate};
use crate::classifier::options::TrainingOptions;
use crate::client::{Client, ClientSet};
use crate::features::{FeatureError, FeatureSet};
use crate::training::TrainingSet;

/// The most combinations one search tries.
pub const MAX_COMBINATIONS: usize = 1_000_000;

/// Which features a search tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureChoice {
    /// Those of the options, and no others.
    Given,
    /// Every combination of so many viable features.
    Combinations(usize),
}

/// What a search tries.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// What all attempts have in common; its groups are replaced.
    pub base: TrainingOptions,
    /// Which features are tried.
    pub features: FeatureChoice,
    /// How many clients are grouped: every group of so many enabled clients is tried.
    pub group_size: usize,
    /// Folds of each cross-validation.
    pub folds: usize,
}

/// One combination and what it scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The features.
    pub features: FeatureSet,
    /// The clients that were grouped.
    pub grouped: ClientSet,
    /// What was measured.
    pub scores: CvScores,
}

/// A combination that was not tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The features, unless the group alone was the reason.
    pub features: Option<FeatureSet>,
    /// The clients that were to be grouped.
    pub grouped: ClientSet,
    /// Why, in one sentence.
    pub reason: String,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReport {
    /// Every combination measured, in the order of trial.
    pub attempts: Vec<Attempt>,
    /// Position of the best: its lowest fold score is highest. The first of equals. `None` if nothing could be
    /// measured.
    pub best: Option<usize>,
    /// Combinations that could not be measured.
    pub refused: Vec<Refusal>,
}

/// Why a search cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SearchError {
    /// The numbers give no combination.
    #[error(
        "there is no combination of {features} of {viable} viable features and {grouped} of {enabled} clients; ask for fewer"
    )]
    NoCombination {
        /// Features per combination.
        features: usize,
        /// Viable features there are.
        viable: usize,
        /// Clients per group.
        grouped: usize,
        /// Clients there are.
        enabled: usize,
    },
    /// There are too many combinations.
    #[error(
        "this search would try more than {MAX_COMBINATIONS} combinations; ask for fewer features or smaller groups"
    )]
    TooMany,
    /// A combination does not make a feature set.
    #[error(transparent)]
    Features(#[from] FeatureError),
}

impl SearchReport {
    /// The best combination.
    pub fn best(&self) -> Option<&Attempt> {
        self.attempts.get(self.best?)
    }
}

/// Tries all combinations. `progress` is called with how many are done and how many there are, from any
/// thread. The report does not depend on the number of threads.
pub fn search(
    set: &TrainingSet,
    options: &SearchOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SearchReport, SearchError> {
    let enabled: Vec<Client> = Client::ALL
        .into_iter()
        .filter(|client| *client != Client::Other && !options.base.disabled.contains(*client))
        .collect();
    let mut viable: Vec<&'static str> = FeatureSet::viable().names().collect();
    viable.sort_unstable();
    let chosen = match options.features {
        FeatureChoice::Given => 0,
        FeatureChoice::Combinations(count) => count,
    };
    let total = count(enabled.len(), options.group_size).saturating_mul(count(viable.len(), chosen));
    if total > MAX_COMBINATIONS {
        return Err(SearchError::TooMany);
    }
    if total == 0 || options.features == FeatureChoice::Combinations(0) {
        return Err(SearchError::NoCombination {
            features: chosen,
            viable: viable.len(),
            grouped: options.group_size,
            enabled: enabled.len(),
        });
    }
    let sets: Vec<FeatureSet> = match options.features {
        FeatureChoice::Given => vec![options.base.features.clone()],
        FeatureChoice::Combinations(count) => {
            combinations(&viable, count).into_iter().map(FeatureSet::from_names).collect::<Result<_, _>>()?
        }
    };
    let mut refused = Vec::new();
    let mut trials: Vec<(ClientSet, &FeatureSet)> = Vec::with_capacity(total);
    for group in combinations(&enabled, options.group_size) {
        let grouped: ClientSet = group.into_iter().collect();
        match options.base.graffiti_only.intersection(grouped).iter().next() {
            Some(client) => refused.push(Refusal {
                features: None,
                grouped,
                reason: format!(
                    "{client} is told by graffiti alone and so cannot be grouped; take it off the graffiti-only clients to try it"
                ),
            }),
            None => trials.extend(sets.iter().map(|features| (grouped, features))),
        }
    }
    let done = AtomicUsize::new(0);
    progress(0, trials.len());
    let results: Vec<Result<CvScores, CvError>> = trials
        .par_iter()
        .map(|(grouped, features)| {
            let attempt =
                TrainingOptions { features: (*features).clone(), grouped: *grouped, ..options.base.clone() };
            let result = cross_validate(set, &attempt, options.folds);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, trials.len());
            result
        })
        .collect();
    let mut report = SearchReport { attempts: Vec::new(), best: None, refused };
    let mut highest = f64::NEG_INFINITY;
    for ((grouped, features), result) in trials.into_iter().zip(results) {
        let features = features.clone();
        match result {
            Ok(scores) => {
                if scores.lowest() > highest {
                    highest = scores.lowest();
                    report.best = Some(report.attempts.len());
                }
                report.attempts.push(Attempt { features, grouped, scores });
            }
            Err(error) => {
                report.refused.push(Refusal { features: Some(features), grouped, reason: error.to_string() })
            }
        }
    }
    Ok(report)
}

/// How many combinations there are, or a number above [`MAX_COMBINATIONS`].
fn count(items: usize, chosen: usize) -> usize {
    if chosen > items {
        return 0;
    }
    let mut total = 1usize;
    for step in 0..chosen.min(items - chosen) {
        total = total.saturating_mul(items - step) / (step + 1);
        if total > MAX_COMBINATIONS {
            break;
        }
    }
    total
}

/// All combinations of so many items, in lexicographic order of their positions.
fn combinations<T: Copy>(items: &[T], chosen: usize) -> Vec<Vec<T>> {
    if chosen == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (position, first) in items.iter().enumerate() {
        for mut rest in combinations(items.get(position + 1..).unwrap_or_default(), chosen - 1) {
            rest.insert(0, *first);
            all.push(rest);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_counted_and_ordered() {
        assert_eq!(combinations(&[1, 2, 3], 2), [vec![1, 2], vec![1, 3], vec![2, 3]]);
        assert_eq!(combinations(&[1, 2], 0), [Vec::<i32>::new()]);
        assert!(combinations(&[1, 2], 3).is_empty());
        for chosen in 0..9 {
            let items: Vec<usize> = (0..8).collect();
            assert_eq!(count(8, chosen), combinations(&items, chosen).len());
        }
        assert!(count(60, 30) > MAX_COMBINATIONS);
    }
}
