//! Any bytes as a model file, and what such a model makes of a block.
#![no_main]

use std::sync::LazyLock;

use blockmark_fuzz::frame::{ModelFrame, mutate};
use fingerprint::{BlockObservation, Model};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use source::rewards::parse_block_reward;

static BLOCKS: LazyLock<Vec<BlockObservation>> = LazyLock::new(|| {
    let plan = simulate::RewardPlan { blocks: 2, ..simulate::RewardPlan::default() };
    let read = |block: simulate::LabelledReward| {
        let json = serde_json::to_vec(&block.reward).expect("JSON");
        parse_block_reward(&json).expect("a block reward")
    };
    simulate::blocks(&plan).map(read).collect()
});

fuzz_target!(|data: &[u8]| {
    let Ok(model) = Model::from_bytes(data) else { return };
    for block in &*BLOCKS {
        let (Ok(verdict), Ok(explanation)) = (model.classify(block), model.explain(block)) else { continue };
        // A scale may take a value beyond all numbers: then nothing is known of the block.
        if !verdict.probabilities.is_empty() {
            blockmark_fuzz::assert_sound(&verdict);
        }
        assert_eq!(explanation.classification, verdict);
        assert_eq!(explanation.features.len(), model.features().len());
        for neighbour in &explanation.neighbours {
            assert!((0.0..=1.0).contains(&neighbour.weight), "{neighbour:?}");
        }
    }
    let again = model.to_bytes();
    let back = Model::from_bytes(&again).expect("a model that was read can be written and read");
    assert_eq!(back.to_bytes(), again);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::<ModelFrame>(data, size, max_size, seed)
});
