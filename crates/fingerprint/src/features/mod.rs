//! Named numbers that describe how a block's attestations were chosen and ordered.
//!
//! A [`FeatureSet`] names which of them make up a row, in order, and computes the row of a
//! [`BlockObservation`](crate::BlockObservation).

mod compute;
mod error;
mod orders;
mod set;

pub use compute::{FeatureScratch, MAX_ATTESTATIONS};
pub use error::FeatureError;
pub use set::FeatureSet;

use crate::features::Kind as K;

/// One feature: a name and what it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The name, as in model files, columns and options.
    pub name: &'static str,
    /// What it measures, in one sentence.
    pub about: &'static str,
    kind: Kind,
}

/// What to compute; the discriminant is the position in [`ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
enum Kind {
    NumAttestations,
    NumRedundant,
    PercentRedundant,
    PercentRedundantBoost,
    NumPairwiseOrdered,
    PercentPairwiseOrdered,
    DifflibRewards,
    DifflibSlotIndex,
    DifflibIndexSlot,
    DifflibSlotIndexRev,
    DifflibIndexSlotRev,
    DifflibSlot,
    DifflibSlotRev,
    DifflibSlotReward,
    DifflibSlotRewardRev,
    SpearmanCorrelation,
    Reward,
    NormReward,
    NormRewardPerSlot,
    RewardPerAttestation,
    MedianDensity,
    MeanDensity,
    NumSingleBit,
    PercentSingleBit,
    MedianDensityElectra,
    SpearmanCorrelationLodestar,
}

const fn feature(kind: Kind, name: &'static str, about: &'static str) -> Feature {
    Feature { name, about, kind }
}

/// How many features the original classifier knew; they come first in [`ALL`].
pub const ORIGINAL: usize = 24;

/// Every feature: the 24 of the original classifier, then the two of its branch for Electra.
pub const ALL: &[Feature] = &[
    feature(K::NumAttestations, "num_attestations", "How many attestations the block carries."),
    feature(
        K::NumRedundant,
        "num_redundant",
        "How many attestations brought in no validator that was not already counted.",
    ),
    feature(
        K::PercentRedundant,
        "percent_redundant",
        "The share of attestations that brought in nothing new.",
    ),
    feature(
        K::PercentRedundantBoost,
        "percent_redundant_boost",
        "The share of attestations that brought in nothing new, plus 0.2 and at most 1 if there are any.",
    ),
    feature(
        K::NumPairwiseOrdered,
        "num_pairwise_ordered",
        "One more than the number of neighbouring attestations of which the first is worth at least the second.",
    ),
    feature(
        K::PercentPairwiseOrdered,
        "percent_pairwise_ordered",
        "The number of ordered neighbours plus one, divided by the number of attestations.",
    ),
    feature(
        K::DifflibRewards,
        "difflib_rewards",
        "How similar the order of rewards is to the rewards sorted from high to low.",
    ),
    feature(
        K::DifflibSlotIndex,
        "difflib_slot_index",
        "How similar the order of attestations is to sorting them by slot, then committee index.",
    ),
    feature(
        K::DifflibIndexSlot,
        "difflib_index_slot",
        "How similar the order of attestations is to sorting them by committee index, then slot.",
    ),
    feature(
        K::DifflibSlotIndexRev,
        "difflib_slot_index_rev",
        "How similar the order of attestations is to sorting them by slot, then committee index, from high to low.",
    ),
    feature(
        K::DifflibIndexSlotRev,
        "difflib_index_slot_rev",
        "How similar the order of attestations is to sorting them by committee index, then slot, from high to low.",
    ),
    feature(
        K::DifflibSlot,
        "difflib_slot",
        "How similar the order of attestations is to sorting them by slot, the oldest first.",
    ),
    feature(
        K::DifflibSlotRev,
        "difflib_slot_rev",
        "How similar the order of attestations is to sorting them by slot, the newest first.",
    ),
    feature(
        K::DifflibSlotReward,
        "difflib_slot_reward",
        "How similar the order of attestations is to sorting them by slot, then reward.",
    ),
    feature(
        K::DifflibSlotRewardRev,
        "difflib_slot_reward_rev",
        "How similar the order of attestations is to sorting them by slot, then reward, from high to low.",
    ),
    feature(
        K::SpearmanCorrelation,
        "spearman_correlation",
        "The rank correlation of the rewards with the rewards sorted from high to low.",
    ),
    feature(K::Reward, "reward", "The total attestation reward of the block in gwei."),
    feature(K::NormReward, "norm_reward", "The total attestation reward divided by 30,000,000 gwei."),
    feature(
        K::NormRewardPerSlot,
        "norm_reward_per_slot",
        "The total attestation reward divided by 30,000,000 gwei and by the slots since the parent block.",
    ),
    feature(
        K::RewardPerAttestation,
        "reward_per_attestation",
        "The total attestation reward divided by the number of attestations.",
    ),
    feature(
        K::MedianDensity,
        "median_density",
        "The median of how many whole committees of 128 fresh validators each attestation brought in.",
    ),
    feature(
        K::MeanDensity,
        "mean_density",
        "The mean of how many whole committees of 128 fresh validators each attestation brought in.",
    ),
    feature(
        K::NumSingleBit,
        "num_single_bit",
        "How many attestations brought in exactly one fresh validator.",
    ),
    feature(
        K::PercentSingleBit,
        "percent_single_bit",
        "The share of attestations that brought in exactly one fresh validator.",
    ),
    feature(
        K::MedianDensityElectra,
        "median_density_electra",
        "The median number of fresh validators per attestation, divided by 32 committees of 128.",
    ),
    feature(
        K::SpearmanCorrelationLodestar,
        "spearman_correlation_lodestar",
        "The rank correlation of reward divided by the negative inclusion distance with the same values sorted.",
    ),
];

/// The feature of that name.
pub fn find(name: &str) -> Option<&'static Feature> {
    ALL.iter().find(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_names_are_distinct_and_agree() {
        for (position, feature) in ALL.iter().enumerate() {
            assert_eq!(feature.kind as usize, position, "{}", feature.name);
            assert_eq!(find(feature.name), Some(feature));
            assert!(feature.about.ends_with('.'), "{}", feature.name);
        }
        assert_eq!(ALL.len(), ORIGINAL + 2);
    }
}
