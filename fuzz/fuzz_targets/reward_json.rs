//! Any bytes as block-reward JSON: one object, a request body, a stream; then the features of what was read.
#![no_main]

use fingerprint::FeatureSet;
use libfuzzer_sys::fuzz_target;
use source::rewards::{Limits, RewardReader, parse_block_reward, parse_block_rewards};

fuzz_target!(|data: &[u8]| {
    if let Ok(block) = parse_block_reward(data) {
        let mut row = Vec::new();
        let _ = FeatureSet::everything().compute(&block, &mut row);
        row.clear();
        if FeatureSet::all24().compute(&block, &mut row).is_ok() {
            assert!(row.iter().all(|value| value.is_finite()));
        }
    }
    let _ = parse_block_rewards(data, &Limits::default());
    for record in RewardReader::new(data, Limits::default()).take(10_000) {
        let _ = record;
    }
});
