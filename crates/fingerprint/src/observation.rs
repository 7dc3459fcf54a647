//! What a classifier sees of one block: its rewards, condensed while they were read.

use consensus::spec::Fork;
use consensus::{Epoch, Gwei, Root, Slot, ValidatorIndex};

/// A block as the features see it. Made from a block reward of any historical shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockObservation {
    /// Hash tree root of the block.
    pub block_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// Slot of the parent block.
    pub parent_slot: Slot,
    /// The fork that the block follows; block rewards do not tell it.
    pub fork: Option<Fork>,
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
    /// What the attestations are made of, in block order; empty unless the block itself was at hand.
    pub shapes: Vec<AttestationShape>,
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

/// What one attestation is made of, and what it paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttestationShape {
    /// Its committees, a bit each: the lowest is committee 0. One until Electra.
    pub committees: u64,
    /// The committees of the slot voted for.
    pub committees_of_slot: u64,
    /// Votes of validators that no attestation before it, in this block or an earlier one, had earned anything.
    pub new: u32,
    /// Votes of validators that one before it had.
    pub repeated: u32,
    /// What it paid the proposer, gwei; 0 in phase 0, where nothing is paid on inclusion.
    pub paid: Gwei,
    /// What it would have paid as the only attestation of the block, gwei; 0 in phase 0.
    pub alone: Gwei,
    /// The place of the first attestation of the block with the same data: its own where there is none before it.
    pub same_data_as: u32,
    /// The epoch of its target.
    pub epoch: Epoch,
    /// Whether its target is the chain's; not known in phase 0, and false there.
    pub right_target: bool,
}
