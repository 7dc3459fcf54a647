//! Makes observations and training sets from recorded block rewards.
#![allow(dead_code, unreachable_pub)]

use consensus::{Gwei, Slot, ValidatorIndex};
use fingerprint::{
    AttestationSummary, AttestationVote, BlockObservation, FeatureSet, TrainingRow, TrainingSet,
};
use serde_json::Value;

use crate::recorded::{scramble, synthetic};

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a whole number")
}

/// The observation of one block-reward object.
pub fn observe(reward: &Value) -> BlockObservation {
    let (meta, attestations) = (&reward["meta"], &reward["attestation_rewards"]);
    let maps = attestations["per_attestation_rewards"].as_array().expect("reward maps");
    let votes = attestations["attestations"].as_array().map_or(&[][..], Vec::as_slice);
    BlockObservation {
        block_root: reward["block_root"].as_str().expect("a root").parse().expect("a root"),
        slot: Slot(number(&meta["slot"])),
        parent_slot: Slot(number(&meta["parent_slot"])),
        fork: None,
        proposer_index: ValidatorIndex(number(&meta["proposer_index"])),
        graffiti: meta["graffiti"].as_str().expect("graffiti").to_owned(),
        attestation_total: Gwei(number(&attestations["total"])),
        rewards: maps
            .iter()
            .map(|map| {
                let map = map.as_object().expect("a reward map");
                AttestationSummary {
                    fresh_validators: map.len() as u32,
                    total: Gwei(map.values().map(number).sum()),
                }
            })
            .collect(),
        votes: votes
            .iter()
            .map(|vote| AttestationVote {
                slot: Slot(number(&vote["slot"])),
                index: number(&vote["index"]),
                beacon_block_root: vote["beacon_block_root"]
                    .as_str()
                    .expect("a root")
                    .parse()
                    .expect("a root"),
            })
            .collect(),
        shapes: Vec::new(),
    }
}

/// The generated training blocks, in scrambled order.
pub fn training_set(features: FeatureSet) -> Option<TrainingSet> {
    let mut set = TrainingSet::new(features);
    let mut rewards = synthetic(&["train"])?;
    scramble(&mut rewards);
    for (label, reward) in rewards {
        let block = observe(&reward);
        let mut features = Vec::new();
        set.features.compute(&block, &mut features).expect("features");
        let (block_root, slot, label) = (block.block_root, block.slot, label.expect("a label"));
        set.push(TrainingRow { block_root, slot, label, features }).expect("a row");
    }
    Some(set)
}
