//! What a classifier sees of one block: its rewards, condensed while they were read.

use consensus::{Gwei, Root, Slot, ValidatorIndex};

/// A block as the features see it. Made from a block reward of any historical shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockObservation {
    /// Hash tree root of the block.
    pub block_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// Slot of the parent block.
    pub parent_slot: Slot,
    /// Index of the proposer.
    pub proposer_index: ValidatorIndex,
    /// Graffiti as text.
    pub graffiti: String,
    /// `attestation_rewards.total`, as stated by the source.
    pub attestation_total: Gwei,
    /// Per attestation, in block order.
    pub rewards: Vec<AttestationSummary>,
    /// What the attestations voted for, in block order; empty when the source left it out.
    pub votes: Vec<AttestationVote>,
}

/// One attestation's reward map, condensed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttestationSummary {
    /// How many validators it brought in first.
    pub fresh_validators: u32,
    /// Sum of what they were worth.
    pub total: Gwei,
}

/// The part of `AttestationData` that features look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttestationVote {
    /// Slot voted for.
    pub slot: Slot,
    /// Committee index; 0 since Electra.
    pub index: u64,
    /// Head vote.
    pub beacon_block_root: Root,
}
