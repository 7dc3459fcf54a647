//! Features against recordings of the reference, against the plain definitions, and at the edges.

mod blocks;
mod naive;
mod recorded;

use std::cmp::Reverse;

use consensus::{Gwei, Root, Slot};
use fingerprint::features::MAX_ATTESTATIONS;
use fingerprint::{
    AttestationSummary, AttestationVote, BlockObservation, FeatureError, FeatureScratch, FeatureSet,
};
use proptest::prelude::*;
use serde_json::Value;

/// Relative, with room for the last digits of what should be zero.
fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1e-6)
}

fn compare(scratch: &mut FeatureScratch, set: &FeatureSet, reward: &Value, expected: &Value, what: &str) {
    let mut row = Vec::new();
    set.compute_with(scratch, &blocks::observe(reward), &mut row).expect("a row");
    assert_eq!(row.len(), set.len());
    for (name, found) in set.names().zip(row) {
        let expected = expected[name].as_f64().unwrap_or_else(|| panic!("{name} of {what} is recorded"));
        assert!(close(found, expected), "{name} of {what}: {found}, recorded {expected}");
    }
}

#[test]
fn real_blocks_have_the_recorded_features() {
    let Some(expected) = recorded::json("expected_features.json") else { return };
    let mut scratch = FeatureScratch::default();
    for (file, expected) in expected.as_object().expect("one object per file") {
        let Some(reward) = recorded::json(&format!("data_proc/{file}")) else { return };
        assert_eq!(expected.as_object().map(serde_json::Map::len), Some(24));
        compare(&mut scratch, &FeatureSet::all24(), &reward, expected, file);
    }
}

#[test]
fn synthetic_blocks_have_the_recorded_features() {
    let Some(rewards) = recorded::json("synthetic_block_rewards.json") else { return };
    let Some(expected) = recorded::json("synthetic_expected_features.json") else { return };
    let mut scratch = FeatureScratch::default();
    for entry in rewards.as_array().expect("a list") {
        let reward = &entry["block_reward"];
        let root = reward["block_root"].as_str().expect("a root");
        compare(&mut scratch, &FeatureSet::all24(), reward, &expected[root], root);
    }
}

#[test]
fn synthetic_blocks_have_the_recorded_electra_features() {
    let Some(rewards) = recorded::json("synthetic_block_rewards.json") else { return };
    let Some(expected) = recorded::json("synthetic_expected_features_electra_branch.json") else { return };
    let density = FeatureSet::parse("median_density_electra").expect("a feature");
    let correlation = FeatureSet::parse("spearman_correlation_lodestar").expect("a feature");
    let mut scratch = FeatureScratch::default();
    let mut errors = 0;
    for entry in rewards.as_array().expect("a list") {
        let reward = &entry["block_reward"];
        let root = reward["block_root"].as_str().expect("a root");
        let expected = &expected[root];
        compare(&mut scratch, &density, reward, expected, root);
        match expected.get("spearman_correlation_lodestar_error").and_then(Value::as_str) {
            None => compare(&mut scratch, &correlation, reward, expected, root),
            Some(name) => {
                errors += 1;
                let found = correlation.compute(&blocks::observe(reward), &mut Vec::new());
                let as_recorded = match name {
                    "IndexError" => matches!(found, Err(FeatureError::MissingVotes { .. })),
                    "ZeroDivisionError" => matches!(found, Err(FeatureError::NoInclusionDistance { .. })),
                    other => panic!("{other} is not known"),
                };
                assert!(as_recorded, "{root}: {found:?}, recorded {name}");
            }
        }
    }
    assert!(errors > 0);
}

fn reward(fresh_validators: u32, total: u64) -> AttestationSummary {
    AttestationSummary { fresh_validators, total: Gwei(total) }
}

fn vote(slot: u64, index: u64, head: u8) -> AttestationVote {
    AttestationVote { slot: Slot(slot), index, beacon_block_root: Root([head; 32]) }
}

fn block(rewards: Vec<AttestationSummary>, votes: Vec<AttestationVote>) -> BlockObservation {
    let attestation_total = Gwei(rewards.iter().map(|reward| reward.total.0).sum());
    BlockObservation {
        slot: Slot(100),
        parent_slot: Slot(99),
        attestation_total,
        rewards,
        votes,
        ..BlockObservation::default()
    }
}

fn value(name: &str, block: &BlockObservation) -> Result<f64, FeatureError> {
    let mut row = Vec::new();
    FeatureSet::parse(name).expect("a feature").compute(block, &mut row)?;
    Ok(row[0])
}

#[test]
fn a_block_without_attestations_has_all_features() {
    let mut row = Vec::new();
    FeatureSet::everything().compute(&block(Vec::new(), Vec::new()), &mut row).expect("a row");
    let ones = FeatureSet::everything()
        .names()
        .zip(row)
        .filter(|(name, value)| {
            let one = name.starts_with("difflib")
                || name.starts_with("spearman")
                || *name == "num_pairwise_ordered";
            assert_eq!(*value, f64::from(u8::from(one)), "{name}");
            one
        })
        .count();
    assert_eq!(ones, 12);
}

#[test]
fn errors_leave_the_row_as_it_was() {
    let set = FeatureSet::parse("reward,norm_reward_per_slot").expect("features");
    let mut row = vec![7.0];
    for (slot, parent) in [(5, 5), (5, 6), (0, 0)] {
        let early = BlockObservation { slot: Slot(slot), parent_slot: Slot(parent), ..block(vec![], vec![]) };
        let error = FeatureError::ParentNotBefore { slot: Slot(slot), parent_slot: Slot(parent) };
        assert_eq!(set.compute(&early, &mut row), Err(error));
        assert_eq!(value("norm_reward", &early), Ok(0.0));
    }
    assert_eq!(row, [7.0]);
}

#[test]
fn too_many_attestations_are_refused() {
    let most = block(vec![reward(1, 1); MAX_ATTESTATIONS], vec![vote(9, 0, 0); MAX_ATTESTATIONS]);
    FeatureSet::everything().compute(&most, &mut Vec::new()).expect("a row");
    for (rewards, votes) in [(MAX_ATTESTATIONS + 1, 0), (0, MAX_ATTESTATIONS + 1)] {
        let more = block(vec![reward(1, 1); rewards], vec![vote(9, 0, 0); votes]);
        let error =
            FeatureError::TooManyAttestations { count: MAX_ATTESTATIONS + 1, limit: MAX_ATTESTATIONS };
        assert_eq!(FeatureSet::default().compute(&more, &mut Vec::new()), Err(error));
    }
}

#[test]
fn the_original_s_errors_of_the_inclusion_distance_are_errors_here() {
    let name = "spearman_correlation_lodestar";
    let no_votes = block(vec![reward(1, 5)], vec![]);
    assert_eq!(value(name, &no_votes), Err(FeatureError::MissingVotes { rewards: 1, votes: 0 }));
    let own_slot = block(vec![reward(1, 5), reward(1, 5)], vec![vote(99, 0, 0), vote(100, 0, 0)]);
    let error = FeatureError::NoInclusionDistance { attestation: 1, slot: Slot(100) };
    assert_eq!(value(name, &own_slot), Err(error));
    // Later votes do not matter, and −0 is 0.
    let worthless =
        block(vec![reward(0, 0), reward(0, 0)], vec![vote(99, 0, 0), vote(101, 0, 0), vote(100, 0, 0)]);
    assert_eq!(value(name, &worthless), Ok(1.0));
}

#[test]
fn extreme_numbers_are_ordered_right() {
    let rewards = vec![reward(200, u64::MAX), reward(u32::MAX, 0), reward(1, u64::MAX - 1)];
    let votes = vec![vote(0, u64::MAX, 1), vote(u64::MAX, 0, 2), vote(1 << 40, 7, 3)];
    let block = BlockObservation { attestation_total: Gwei(u64::MAX), ..block(Vec::new(), votes) };
    let block = BlockObservation { rewards, ..block };
    let mut row = Vec::new();
    FeatureSet::everything().compute(&block, &mut row).expect("a row");
    assert!(row.iter().all(|value| value.is_finite()));
    // Sorted by slot: first, third, second.
    assert_eq!(value("difflib_slot", &block), Ok(2.0 / 3.0));
}

/// Clustered small numbers, so that ties and equal attestations are common, or any numbers at all.
fn blocks_of(most: usize) -> impl Strategy<Value = BlockObservation> {
    let number = || prop_oneof![4 => 0..4u64, 1 => any::<u64>()];
    let rewards = proptest::collection::vec((0..300u32, 0..6u64), 0..most);
    let votes = proptest::collection::vec((number(), number(), 0..3u8), 0..most);
    (rewards, votes).prop_map(|(rewards, votes)| {
        block(
            rewards.into_iter().map(|(fresh, total)| reward(fresh, total * u64::from(fresh != 0))).collect(),
            votes.into_iter().map(|(slot, index, head)| vote(slot, index, head)).collect(),
        )
    })
}

type Attestation = (u64, u64, Root, u64);

fn similarity<K: Ord>(zipped: &[Attestation], key: impl Fn(&Attestation) -> K) -> [f64; 2] {
    let (mut ascending, mut descending) = (zipped.to_vec(), zipped.to_vec());
    ascending.sort_by_key(&key);
    descending.sort_by_key(|attestation| Reverse(key(attestation)));
    [naive::ratio(zipped, &ascending), naive::ratio(zipped, &descending)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn orders_agree_with_the_definition(block in blocks_of(40)) {
        let zipped: Vec<Attestation> = block.votes.iter().zip(&block.rewards)
            .map(|(vote, reward)| (vote.slot.0, vote.index, vote.beacon_block_root, reward.total.0))
            .collect();
        let expected = [
            ("slot", similarity(&zipped, |z| z.0)),
            ("slot_index", similarity(&zipped, |z| (z.0, z.1))),
            ("index_slot", similarity(&zipped, |z| (z.1, z.0))),
            ("slot_reward", similarity(&zipped, |z| (z.0, z.3))),
        ];
        for (key, [ascending, descending]) in expected {
            prop_assert_eq!(value(&format!("difflib_{key}"), &block), Ok(ascending), "{}", key);
            prop_assert_eq!(value(&format!("difflib_{key}_rev"), &block), Ok(descending), "{} rev", key);
        }
        let rewards: Vec<f64> = block.rewards.iter().map(|reward| reward.total.0 as f64).collect();
        let mut sorted = rewards.clone();
        sorted.sort_by(|x, y| y.total_cmp(x));
        prop_assert_eq!(value("difflib_rewards", &block), Ok(naive::ratio(&rewards, &sorted)));
        let correlation = value("spearman_correlation", &block).expect("a value");
        prop_assert!((correlation - naive::sorted_correlation(&rewards, &sorted)).abs() < 1e-9);
    }

    #[test]
    fn a_kept_scratch_changes_nothing(blocks in proptest::collection::vec(blocks_of(20), 1..6)) {
        let set = FeatureSet::all24();
        let mut scratch = FeatureScratch::default();
        for block in &blocks {
            let (mut kept, mut fresh) = (Vec::new(), Vec::new());
            let outcome = set.compute_with(&mut scratch, block, &mut kept);
            prop_assert_eq!(outcome, set.compute(block, &mut fresh));
            prop_assert_eq!(kept, fresh);
        }
    }
}
