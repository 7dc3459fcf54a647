//! What a transition tells of the rewards it pays, as it pays them.

use crate::containers::AttestationData;

/// What one attester of one attestation is worth to the proposer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttesterReward {
    /// The validator.
    pub validator_index: u32,
    /// Flags that it had for that epoch before this attestation.
    pub flags_before: u8,
    /// Flags that this attestation gives it and that it did not have.
    pub flags_added: u8,
    /// Base reward times the weights of the added flags; the proposer gets 1/448 of the sum over the attestation.
    /// In phase 0, where nothing is paid on inclusion: the finished share of the proposer in gwei.
    pub numerator: u64,
}

/// Which kind of slashing paid a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlashingKind {
    /// A proposer slashing.
    Proposer,
    /// An attester slashing.
    Attester,
}

/// Is told of rewards while a block is applied. `()` listens to nothing and costs nothing.
pub trait Recorder {
    /// Whether [`Recorder::attester`] is to be called.
    const ATTESTERS: bool = true;

    /// The attestation at `index` of the block begins.
    fn attestation(&mut self, index: usize, data: &AttestationData) {
        let _ = (index, data);
    }

    /// A member of the attestation that began last. Called for every participant, new flags or not.
    fn attester(&mut self, reward: AttesterReward) {
        let _ = reward;
    }

    /// The attestation that began last pays the proposer so many gwei (0 in phase 0).
    fn attestation_paid(&mut self, gwei: u64) {
        let _ = gwei;
    }

    /// The sync aggregate pays the proposer so many gwei for each of its participants.
    fn sync_aggregate(&mut self, participants: u64, gwei_per_participant: u64) {
        let _ = (participants, gwei_per_participant);
    }

    /// A slashing pays the proposer so many gwei, as proposer and as whistleblower.
    fn slashing(&mut self, kind: SlashingKind, gwei: u64) {
        let _ = (kind, gwei);
    }
}

impl Recorder for () {
    const ATTESTERS: bool = false;
}
