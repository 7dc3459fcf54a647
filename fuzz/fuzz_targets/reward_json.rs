//! Any bytes as block-reward JSON: one object, a request body, a stream; then the features of what was read.
#![no_main]

use fingerprint::{BlockObservation, FeatureSet};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use source::rewards::{Limits, RewardReader, parse_block_reward, parse_block_rewards};

/// Low enough for a fuzzer to reach.
const LOW: Limits = Limits { attestations: 3, validators: 8, object_bytes: 2000, blocks: 2 };

fuzz_target!(|data: &[u8]| {
    let one = parse_block_reward(data);
    let many = parse_block_rewards(data, &Limits::default());
    let streamed: Vec<_> = RewardReader::new(data, Limits::default()).take(10_000).collect();
    if let Ok(block) = &one {
        assert!(many.is_err());
        assert_eq!(streamed.len(), 1);
        check_against_json(data, block);
        check_features(block);
    }
    if let Ok(blocks) = &many {
        assert_eq!(blocks.len(), streamed.len());
    }
    for (block, record) in one.iter().chain(many.iter().flatten()).zip(&streamed) {
        assert_eq!(record.as_ref().map(|record| &record.observation).ok(), Some(block));
    }
    for record in RewardReader::new(data, LOW).take(10_000).flatten() {
        let block = record.observation;
        assert!(block.rewards.len() <= LOW.attestations && block.votes.len() <= LOW.attestations);
        assert!(
            block.rewards.iter().map(|reward| reward.fresh_validators as usize).sum::<usize>()
                <= LOW.validators
        );
    }
    let _ = parse_block_rewards(data, &LOW);
});

/// Compares with a reader of JSON in general.
fn check_against_json(data: &[u8], block: &BlockObservation) {
    // Ours passes over broken escapes in what it does not look at.
    let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
    let rewards = &json["attestation_rewards"];
    assert_eq!(rewards["total"].as_u64(), Some(block.attestation_total.0));
    assert_eq!(json["meta"]["proposer_index"].as_u64(), Some(block.proposer_index.0));
    let maps = rewards["per_attestation_rewards"].as_array().expect("an array");
    assert_eq!(maps.len(), block.rewards.len());
    for (map, summary) in maps.iter().zip(&block.rewards) {
        let map = map.as_object().expect("a map");
        assert_eq!(map.len(), summary.fresh_validators as usize);
        let total: u64 = map.values().map(|value| value.as_u64().expect("an integer")).sum();
        assert_eq!(total, summary.total.0);
    }
}

fn check_features(block: &BlockObservation) {
    let mut row = Vec::new();
    for set in [FeatureSet::everything(), FeatureSet::all24()] {
        row.clear();
        match set.compute(block, &mut row) {
            Ok(()) => assert!(row.iter().all(|value| value.is_finite()), "{row:?}"),
            Err(_) => assert!(row.is_empty()),
        }
    }
}
