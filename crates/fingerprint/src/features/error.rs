//! Why a feature set cannot be made or a row cannot be computed.

use consensus::Slot;

/// Why a feature set cannot be made or a row cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// The name is not in the table of features.
    #[error("{name:?} is not a feature; known are {}", known_features())]
    UnknownFeature {
        /// The name that was asked for.
        name: String,
    },
    /// The name is not a feature set.
    #[error("{name:?} is not a feature set; known are all, default, viable, electra and everything")]
    UnknownSet {
        /// The name that was asked for.
        name: String,
    },
    /// The same feature was named twice.
    #[error("feature {name:?} is named twice; name each feature once")]
    RepeatedFeature {
        /// The feature.
        name: &'static str,
    },
    /// No feature was named.
    #[error("no feature is named; name at least one, separated by commas")]
    NoFeatures,
    /// The block has more attestations than any fork allows, by far.
    #[error("the block has {count} attestations, more than the {limit} that are looked at")]
    TooManyAttestations {
        /// How many reward maps or attestations, whichever are more.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// `norm_reward_per_slot` needs the parent to be older than the block.
    #[error(
        "the parent's slot {parent_slot} is not before the block's slot {slot}, so norm_reward_per_slot has no value"
    )]
    ParentNotBefore {
        /// The block's slot.
        slot: Slot,
        /// Its parent's slot.
        parent_slot: Slot,
    },
    /// `spearman_correlation_lodestar` needs the vote of every attestation.
    #[error(
        "the block has {rewards} reward maps but only {votes} attestations, so spearman_correlation_lodestar has no value; fetch it with include_attestations=true"
    )]
    MissingVotes {
        /// How many reward maps the block has.
        rewards: usize,
        /// How many attestations came with them.
        votes: usize,
    },
    /// `spearman_correlation_lodestar` divides by the inclusion distance, which no valid block has as 0.
    #[error(
        "attestation {attestation} votes for the block's own slot {slot}, so spearman_correlation_lodestar has no value"
    )]
    NoInclusionDistance {
        /// Position of the attestation, from 0.
        attestation: usize,
        /// The block's slot.
        slot: Slot,
    },
}

fn known_features() -> String {
    super::ALL.iter().map(|feature| feature.name).collect::<Vec<_>>().join(", ")
}
