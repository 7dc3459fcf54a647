//! What an attestation would have paid as the only one of its block.

use super::AttestationLog;
use super::log::SPEC_DIVISOR;
use crate::transition::{AttesterReward, Worth, weight_of};

/// What each attestation of a block would have paid alone, gwei, in block order.
///
/// The flags that a vote would have earned on the state before the block are those it did earn, and those of them that
/// earlier attestations of the block gave its validator. Only attestations for the same slot have a validator in common.
pub(super) fn paid_alone(attestations: &[AttestationLog]) -> Vec<u64> {
    let mut slots: Vec<Gained> = Vec::new();
    attestations
        .iter()
        .enumerate()
        .map(|(place, one)| one_alone(one, attestations, place, &mut slots))
        .collect()
}

fn one_alone(
    attestation: &AttestationLog,
    attestations: &[AttestationLog],
    place: usize,
    slots: &mut Vec<Gained>,
) -> u64 {
    let slot = attestation.data.slot;
    let earlier = attestations.get(..place).unwrap_or_default();
    let of_slot = || earlier.iter().filter(|one| one.data.slot == slot);
    let (Worth::Flags { base_reward_per_increment }, Some(largest)) =
        (attestation.worth, of_slot().max_by_key(|one| one.attesters.len()))
    else {
        return attestation.paid;
    };
    let weighted = taken_by_one(attestation, largest).unwrap_or_else(|| {
        let at = slots.iter().position(|gained| gained.slot == slot).unwrap_or(slots.len());
        if at == slots.len() {
            slots.push(Gained { slot, ..Gained::default() });
        }
        slots.get_mut(at).map_or(0, |gained| gained.taken(attestation, earlier))
    });
    let more = weighted.saturating_mul(base_reward_per_increment).saturating_add(attestation.cut_off);
    attestation.paid.saturating_add(more / SPEC_DIVISOR)
}

/// Attesters that had flags when the attestation came: they may have them of this block.
fn known(attestation: &AttestationLog) -> impl Iterator<Item = &AttesterReward> {
    let gained = attestation.attesters.iter().filter(|attester| attester.flags_before != 0);
    attestation.repeated.iter().chain(gained)
}

/// What an earlier attestation took, in increments times weight, where all known attesters have all of their flags of it:
/// both name them in the order of the committees. So it is where a slot has two aggregates.
fn taken_by_one(attestation: &AttestationLog, earlier: &AttestationLog) -> Option<u64> {
    let mut gained = earlier.attesters.iter();
    let mut increments = 0_u64;
    for voter in known(attestation) {
        let found = gained.find(|attester| attester.validator_index == voter.validator_index)?;
        if attestation.flags & !found.flags_added != 0 {
            return None;
        }
        increments = increments.saturating_add(u64::from(voter.increments));
    }
    Some(increments.saturating_mul(weight_of(attestation.flags)))
}

/// Which flags the attestations for one slot gave.
#[derive(Default)]
struct Gained {
    slot: u64,
    /// Attestations of the block that were looked at.
    looked_at: usize,
    /// Flags, and whom an attestation gave just these.
    sets: Vec<(u8, ValidatorSet)>,
}

impl Gained {
    /// Takes in the attestations for the slot that were not looked at.
    fn take_in(&mut self, earlier: &[AttestationLog]) {
        let new = earlier.iter().skip(self.looked_at).filter(|one| one.data.slot == self.slot);
        for attester in new.flat_map(|one| &one.attesters) {
            let flags = attester.flags_added;
            let at = self.sets.iter().position(|(of_set, _)| *of_set == flags).unwrap_or(self.sets.len());
            if at == self.sets.len() {
                self.sets.push((flags, ValidatorSet::default()));
            }
            if let Some((_, set)) = self.sets.get_mut(at) {
                set.insert(attester.validator_index);
            }
        }
        self.looked_at = earlier.len();
    }

    /// What earlier attestations took of an attestation, in increments times weight.
    fn taken(&mut self, attestation: &AttestationLog, earlier: &[AttestationLog]) -> u64 {
        self.take_in(earlier);
        let weighted = |voter: &AttesterReward| {
            let flags = self.flags(voter.validator_index) & attestation.flags;
            u64::from(voter.increments).saturating_mul(weight_of(flags))
        };
        known(attestation).map(weighted).fold(0, u64::saturating_add)
    }

    fn flags(&self, validator: u32) -> u8 {
        let of_set = |(flags, set): &(u8, ValidatorSet)| if set.contains(validator) { *flags } else { 0 };
        self.sets.iter().map(of_set).fold(0, |all, flags| all | flags)
    }
}

/// Validators, a bit each.
#[derive(Default)]
struct ValidatorSet(Vec<u64>);

impl ValidatorSet {
    fn insert(&mut self, validator: u32) {
        let place = (validator / 64) as usize;
        if place >= self.0.len() {
            self.0.resize((place + 1).next_power_of_two(), 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (validator % 64);
        }
    }

    fn contains(&self, validator: u32) -> bool {
        self.0.get((validator / 64) as usize).is_some_and(|word| word >> (validator % 64) & 1 == 1)
    }
}
