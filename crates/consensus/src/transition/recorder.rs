//! What a transition tells of the rewards it pays, as it pays them.

use crate::containers::AttestationData;
use crate::spec::PARTICIPATION_FLAG_WEIGHTS;

/// What one attester of one attestation brings; [`Worth`] makes gwei of it. Eight bytes, for a block has tens of
/// thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttesterReward {
    /// The validator.
    pub validator_index: u32,
    /// Its effective balance in whole increments.
    pub increments: u16,
    /// Flags that it had for that epoch before this attestation. In phase 0: 1 where an earlier attestation names it.
    pub flags_before: u8,
    /// Flags that this attestation gives it and that it did not have.
    pub flags_added: u8,
}

/// What the attesters of an attestation are worth to the proposer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Worth {
    /// Nothing yet.
    #[default]
    Nothing,
    /// From Altair on: 1/448 of the base reward times the weights of the added flags, summed over the attestation.
    Flags {
        /// Altair `get_base_reward_per_increment`.
        base_reward_per_increment: u64,
    },
    /// In phase 0, where nothing is paid on inclusion: a share of the base reward for each attester whom no earlier
    /// attestation names.
    Inclusion {
        /// Gwei of an increment, times the base reward factor.
        factor: u64,
        /// What that is divided by, step by step: the root of the total balance, the number of base rewards of an
        /// epoch, and the quotient of the proposer.
        divisors: [u64; 3],
    },
}

impl Worth {
    /// Base reward times weights, of which the proposer gets 1/448; in phase 0 the finished share in gwei.
    pub fn numerator(&self, attester: &AttesterReward) -> u64 {
        let increments = u64::from(attester.increments);
        match *self {
            Self::Nothing => 0,
            Self::Flags { base_reward_per_increment } => increments
                .saturating_mul(weight_of(attester.flags_added))
                .saturating_mul(base_reward_per_increment),
            Self::Inclusion { .. } if attester.flags_added == 0 => 0,
            Self::Inclusion { factor, divisors } => {
                divisors.iter().fold(increments.saturating_mul(factor), |share, by| {
                    share.checked_div(*by).unwrap_or_default()
                })
            }
        }
    }
}

/// Sum of the weights of a set of flags.
#[inline]
pub(crate) fn weight_of(flags: u8) -> u64 {
    const SUMS: [u64; 8] = {
        let mut sums = [0; 8];
        let mut set = 0;
        while set < 8 {
            let mut flag = 0;
            while flag < 3 {
                if set >> flag & 1 == 1 {
                    sums[set] += PARTICIPATION_FLAG_WEIGHTS[flag];
                }
                flag += 1;
            }
            set += 1;
        }
        sums
    };
    SUMS.get(usize::from(flags)).copied().unwrap_or_default()
}

/// Whether an earlier block could have had the votes of an attestation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chance {
    /// It could.
    #[default]
    Later,
    /// There is no block between the slot that they are for and this one.
    First,
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

    /// The slot of the attestation that began last has so many committees.
    fn committees_of_slot(&mut self, committees: u64) {
        let _ = committees;
    }

    /// A vote of the attestation that began last earns these flags at most. Not told in phase 0, which has none.
    fn flags_of_vote(&mut self, flags: u8, chance: Chance) {
        let _ = (flags, chance);
    }

    /// What the attesters of the attestation that began last are worth.
    fn attesters_worth(&mut self, worth: Worth) {
        let _ = worth;
    }

    /// A member of the attestation that began last. Called for every participant, new flags or not.
    fn attester(&mut self, reward: AttesterReward) {
        let _ = reward;
    }

    /// The attestation that began last pays the proposer so many gwei (0 in phase 0); so many parts of a gwei, of 448,
    /// were cut off.
    fn attestation_paid(&mut self, gwei: u64, cut_off: u64) {
        let _ = (gwei, cut_off);
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
