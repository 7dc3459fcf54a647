//! What an attestation would have paid as the only one of its block.

use super::AttestationLog;
use super::log::SPEC_DIVISOR;
use crate::transition::{AttesterReward, Worth};

/// What each attestation of a block would have paid alone, gwei, in block order.
///
/// The flags that a vote would have earned on the state before the block are those it did earn, and those of them that
/// earlier attestations of the block gave its validator. Only attestations for the same slot have a validator in common.
pub(super) fn paid_alone(attestations: &[AttestationLog]) -> Vec<u64> {
    let mut voters = ValidatorSet::default();
    (0..attestations.len())
        .filter_map(|place| {
            let (earlier, rest) = attestations.split_at_checked(place)?;
            let attestation = rest.first()?;
            Some(one_alone(attestation, earlier, &mut voters))
        })
        .collect()
}

fn one_alone(attestation: &AttestationLog, earlier: &[AttestationLog], voters: &mut ValidatorSet) -> u64 {
    let earlier = || earlier.iter().filter(|earlier| earlier.data.slot == attestation.data.slot);
    if earlier().next().is_none() || !matches!(attestation.worth, Worth::Flags { .. }) {
        return attestation.paid;
    }
    // Whoever had flags before this attestation may have them of this block.
    let gained = attestation.attesters.iter().filter(|attester| attester.flags_before != 0);
    let known = || attestation.repeated.iter().copied().chain(gained.clone().map(|a| a.validator_index));
    let Some(highest) = known().max() else { return attestation.paid };
    voters.make_room(highest);
    known().for_each(|validator| voters.insert(validator));
    let of_vote = |attester: &AttesterReward| {
        let flags_added = attester.flags_added & attestation.flags;
        attestation.worth.numerator(&AttesterReward { flags_added, ..*attester })
    };
    let shared = earlier()
        .flat_map(|earlier| &earlier.attesters)
        .filter(|attester| voters.contains(attester.validator_index));
    let own = attestation.attesters.iter().map(of_vote);
    let sum = own.chain(shared.map(of_vote)).fold(0, u64::saturating_add);
    known().for_each(|validator| voters.remove(validator));
    sum / SPEC_DIVISOR
}

/// Validators, a bit each.
#[derive(Default)]
struct ValidatorSet(Vec<u64>);

impl ValidatorSet {
    /// Takes in validators up to this one.
    fn make_room(&mut self, highest: u32) {
        let words = (highest / 64) as usize + 1;
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
    }

    fn insert(&mut self, validator: u32) {
        if let Some(word) = self.0.get_mut((validator / 64) as usize) {
            *word |= 1 << (validator % 64);
        }
    }

    fn remove(&mut self, validator: u32) {
        if let Some(word) = self.0.get_mut((validator / 64) as usize) {
            *word &= !(1 << (validator % 64));
        }
    }

    fn contains(&self, validator: u32) -> bool {
        self.0.get((validator / 64) as usize).is_some_and(|word| word >> (validator % 64) & 1 == 1)
    }
}
