//! Block rewards in the shape of Lighthouse's `/lighthouse/analysis/block_rewards`, for writing.
//!
//! Slots and the integers of attestation data are quoted, amounts and indices are not; the key
//! `attestations` is left out when there is none. Reading the many shapes of the wild is `source`'s work.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Epoch, Gwei, Root, Slot, ValidatorIndex};

/// What a proposer earned with one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockReward {
    /// Gwei: attestations and sync committee together.
    pub total: Gwei,
    /// Hash tree root of the block.
    pub block_root: Root,
    /// Where the block stands and what it says of itself.
    pub meta: BlockRewardMeta,
    /// What its attestations were worth.
    pub attestation_rewards: AttestationRewards,
    /// Gwei for the sync aggregate; 0 before Altair.
    pub sync_committee_rewards: Gwei,
}

/// Where a block stands and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockRewardMeta {
    /// The block's slot.
    #[serde(serialize_with = "quoted")]
    pub slot: u64,
    /// Slot of the parent block.
    #[serde(serialize_with = "quoted")]
    pub parent_slot: u64,
    /// Index of the proposer.
    pub proposer_index: ValidatorIndex,
    /// Graffiti as text, control characters removed.
    pub graffiti: String,
}

/// What the attestations of a block were worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttestationRewards {
    /// Gwei: previous and current epoch together.
    pub total: Gwei,
    /// Gwei for attestations of the previous epoch.
    pub prev_epoch_total: Gwei,
    /// Gwei for attestations of the current epoch.
    pub curr_epoch_total: Gwei,
    /// Per attestation, in block order: the fresh validators and what each was worth.
    pub per_attestation_rewards: Vec<RewardMap>,
    /// Per attestation, in block order: what it voted for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<AttestationData>,
}

/// Validators that an attestation brought in first, with the gwei each was worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewardMap(pub Vec<(ValidatorIndex, Gwei)>);

impl Serialize for RewardMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (validator, reward) in &self.0 {
            map.serialize_entry(&validator.0, &reward.0)?;
        }
        map.end()
    }
}

/// `AttestationData` of the consensus specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttestationData {
    /// Slot voted for.
    #[serde(serialize_with = "quoted_slot")]
    pub slot: Slot,
    /// Committee index; 0 since Electra (EIP-7549).
    #[serde(serialize_with = "quoted")]
    pub index: u64,
    /// Head vote.
    pub beacon_block_root: Root,
    /// Justified checkpoint the vote builds on.
    pub source: Checkpoint,
    /// Checkpoint voted for.
    pub target: Checkpoint,
}

/// `Checkpoint` of the consensus specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// Epoch of the checkpoint.
    #[serde(serialize_with = "quoted_epoch")]
    pub epoch: Epoch,
    /// Root of the block at its start.
    pub root: Root,
}

fn quoted<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn quoted_slot<S: Serializer>(value: &Slot, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn quoted_epoch<S: Serializer>(value: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_lighthouse_s() {
        let reward = BlockReward {
            total: Gwei(12),
            block_root: Root([1; 32]),
            meta: BlockRewardMeta {
                slot: 9,
                parent_slot: 8,
                proposer_index: ValidatorIndex(3),
                graffiti: "é".to_owned(),
            },
            attestation_rewards: AttestationRewards {
                total: Gwei(10),
                prev_epoch_total: Gwei(0),
                curr_epoch_total: Gwei(10),
                per_attestation_rewards: vec![
                    RewardMap(vec![(ValidatorIndex(7), Gwei(10))]),
                    RewardMap::default(),
                ],
                attestations: Vec::new(),
            },
            sync_committee_rewards: Gwei(2),
        };
        let json = serde_json::to_value(&reward).expect("a block reward serialises");
        assert_eq!(json["meta"]["slot"], "9");
        assert_eq!(json["meta"]["proposer_index"], 3);
        assert_eq!(
            json["attestation_rewards"]["per_attestation_rewards"],
            serde_json::json!([{"7": 10}, {}])
        );
        assert!(json["attestation_rewards"].get("attestations").is_none());
    }
}
