//! Cross-validation as recorded from the reference, and the search built on it.

mod blocks;
mod recorded;

use std::sync::atomic::{AtomicUsize, Ordering};

use fingerprint::score::{
    FeatureChoice, SearchError, SearchOptions, SliceBy, Slicing, cross_validate, examine, search,
};
use fingerprint::{Client, ClientSet, FeatureSet, TrainingOptions, TrainingSet};
use recorded::{close, json, numbers, strings};

fn training_set() -> Option<TrainingSet> {
    blocks::training_set(FeatureSet::viable())
}

#[test]
fn scores_as_recorded() {
    let (Some(set), Some(recorded)) = (training_set(), json("synthetic_expected_cv.json")) else { return };
    for (name, recorded) in recorded.as_object().unwrap() {
        let features = FeatureSet::from_names(strings(&recorded["features"])).unwrap();
        let options = TrainingOptions { features, ..TrainingOptions::default() };
        let scores = cross_validate(&set, &options, 5).unwrap();
        let wanted = numbers(&recorded["test_score"]);
        assert_eq!(scores.fold_scores.len(), wanted.len());
        for (score, wanted) in scores.fold_scores.iter().zip(&wanted) {
            assert!(close(*score, *wanted), "{name}: {:?}, recorded {wanted:?}", scores.fold_scores);
        }
        assert_eq!(scores.confusion.total(), recorded["training_labels"].as_array().unwrap().len() as u64);
    }
}

#[test]
fn an_examination_scores_as_a_cross_validation_and_tells_how_probabilities_fared() {
    let all = blocks::training_set(FeatureSet::everything());
    let Some(set) = all else { return };
    let options = TrainingOptions { features: FeatureSet::default_four(), ..TrainingOptions::default() };
    let slicings = Slicing::of(&set, Some(32));
    let (scores, reliability) = examine(&set, &options, 5, &slicings).unwrap();
    assert_eq!(scores, cross_validate(&set, &options, 5).unwrap());
    assert_eq!(reliability.blocks(), scores.confusion.total());
    assert_eq!(reliability.right(), scores.confusion.correct());
    let all_named = reliability.abstention_at(0.0);
    assert_eq!((all_named.named, all_named.right), (reliability.blocks(), reliability.right()));
    for by in [SliceBy::Attestations, SliceBy::PlaceInEpoch, SliceBy::MissedBefore] {
        let parts = reliability.slices().iter().filter(|slice| slice.by == by);
        assert_eq!(parts.map(|slice| slice.blocks).sum::<u64>(), reliability.blocks(), "{by:?}");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again = pool.install(|| examine(&set, &options, 5, &slicings).unwrap());
    assert_eq!(again, (scores, reliability));
}

fn options(features: FeatureChoice, group_size: usize) -> SearchOptions {
    SearchOptions { base: TrainingOptions::default(), features, group_size, folds: 5 }
}

#[test]
fn search_keeps_the_first_combination_whose_worst_fold_is_best() {
    let Some(set) = training_set() else { return };
    let calls = AtomicUsize::new(0);
    let count = |_: usize, total: usize| {
        assert_eq!(total, 105);
        calls.fetch_add(1, Ordering::Relaxed);
    };
    let found = search(&set, &options(FeatureChoice::Combinations(2), 0), &count).unwrap();
    assert_eq!((found.attempts.len(), found.refused.len(), calls.into_inner()), (105, 0, 106));
    let best = found.best().unwrap();
    let first = found.attempts.iter().find(|one| one.scores.lowest() >= best.scores.lowest()).unwrap();
    assert_eq!(best, first);
    assert!(found.attempts.iter().all(|one| one.scores.lowest() <= best.scores.lowest()));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let again =
        pool.install(|| search(&set, &options(FeatureChoice::Combinations(2), 0), &|_, _| {}).unwrap());
    assert_eq!(again, found);
}

#[test]
fn groups_with_a_graffiti_only_client_are_refused_and_the_rest_is_tried() {
    let Some(set) = training_set() else { return };
    let found = search(&set, &options(FeatureChoice::Given, 2), &|_, _| {}).unwrap();
    assert_eq!((found.attempts.len(), found.refused.len()), (10, 5));
    for refusal in &found.refused {
        assert!(refusal.grouped.contains(Client::Lodestar));
        assert!(refusal.reason.starts_with("Lodestar is told by graffiti alone"), "{}", refusal.reason);
    }
    let first: ClientSet = [Client::Grandine, Client::Lighthouse].into_iter().collect();
    assert_eq!(found.attempts[0].grouped, first);
    assert!(found.attempts[0].scores.confusion.score(Client::Other).blocks > 0);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let empty = TrainingSet::new(FeatureSet::viable());
    let default = TrainingOptions::default();
    assert!(cross_validate(&empty, &default, 5).is_err());
    let Some(set) = training_set() else { return };
    assert_eq!(
        cross_validate(&set, &default, 1).unwrap_err().to_string(),
        "cross-validation needs at least 2 folds, but 1 was asked for"
    );
    assert!(cross_validate(&set, &default, 14).unwrap_err().to_string().contains("14 folds"));
    let none = search(&set, &options(FeatureChoice::Combinations(16), 0), &|_, _| {});
    assert!(matches!(none, Err(SearchError::NoCombination { .. })));
    let base = TrainingOptions { features: FeatureSet::parse("reward").unwrap(), ..default };
    let given = SearchOptions { base, ..options(FeatureChoice::Given, 0) };
    let report = search(&set, &given, &|_, _| {}).unwrap();
    assert!(report.best().is_none() && report.refused[0].reason.contains("no column reward"));
}
