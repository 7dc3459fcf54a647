//! What an attestation would have paid as the only one of its block.
//!
//! The flags that a vote would have earned on the state before the block are those it did earn, and those of them that
//! earlier attestations of the block gave its validator. Only attestations for the same slot have a validator in common.

use super::AttestationLog;
use super::log::SPEC_DIVISOR;
use crate::transition::{AttesterReward, Chance, Worth, weight_of};

/// What the attestations of a block took before the latest one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Whether an earlier attestation of the block is for the slot of the latest.
    slot_again: bool,
    /// The flags that votes of the latest earn.
    flags: u8,
    chance: Chance,
    /// What is known to be taken of the latest, in increments times weight.
    taken: u64,
    /// Attesters of the latest that may have their flags of this block.
    known: Vec<AttesterReward>,
    slots: Vec<Taken>,
}

impl Before {
    /// Forgets the block.
    pub(super) fn clear(&mut self) {
        self.begin(false);
        self.slots.clear();
    }

    /// An attestation begins.
    pub(super) fn begin(&mut self, slot_again: bool) {
        self.slot_again = slot_again;
        (self.flags, self.chance, self.taken) = (0, Chance::Later, 0);
        self.known.clear();
    }

    /// What its votes earn at most.
    pub(super) fn vote(&mut self, flags: u8, chance: Chance) {
        (self.flags, self.chance) = (flags, chance);
    }

    /// One of its attesters had flags. Where no earlier block could have the vote, they are of this block.
    #[inline]
    pub(super) fn attester(&mut self, attester: AttesterReward) {
        if !self.slot_again {
            return;
        }
        match self.chance {
            Chance::First => {
                let taken = weighted(&attester, attester.flags_before & self.flags);
                self.taken = self.taken.saturating_add(taken);
            }
            Chance::Later => self.known.push(attester),
        }
    }

    /// What the latest would have paid alone, gwei: what it paid, of which so many parts of 448 were cut off, and what
    /// earlier ones took of it.
    pub(super) fn paid_alone(
        &mut self,
        latest: &AttestationLog,
        cut_off: u64,
        earlier: &[AttestationLog],
    ) -> u64 {
        let Worth::Flags { base_reward_per_increment } = latest.worth else { return latest.paid };
        let known = std::mem::take(&mut self.known);
        if !known.is_empty()
            && let Some(taken) = self.of_slot(latest.data.slot, earlier)
        {
            let of =
                |voter: &AttesterReward| weighted(voter, taken.flags(voter.validator_index) & latest.flags);
            self.taken = known.iter().map(of).fold(0, u64::saturating_add);
        }
        self.known = known;
        let more = self.taken.saturating_mul(base_reward_per_increment).saturating_add(cut_off);
        latest.paid.saturating_add(more / SPEC_DIVISOR)
    }

    /// What all attestations for a slot took.
    fn of_slot(&mut self, slot: u64, earlier: &[AttestationLog]) -> Option<&Taken> {
        if self.slots.iter().all(|taken| taken.slot != slot) {
            self.slots.push(Taken { slot, ..Taken::default() });
        }
        let taken = self.slots.iter_mut().find(|taken| taken.slot == slot)?;
        taken.take_in(earlier);
        Some(taken)
    }
}

fn weighted(voter: &AttesterReward, flags: u8) -> u64 {
    u64::from(voter.increments).saturating_mul(weight_of(flags))
}

/// Which flags the attestations for one slot gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    slot: u64,
    /// Attestations of the block that were looked at.
    looked_at: usize,
    /// Flags, and whom an attestation gave just these.
    sets: Vec<(u8, ValidatorSet)>,
}

impl Taken {
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

    fn flags(&self, validator: u32) -> u8 {
        let of_set = |(flags, set): &(u8, ValidatorSet)| if set.contains(validator) { *flags } else { 0 };
        self.sets.iter().map(of_set).fold(0, |all, flags| all | flags)
    }
}

/// Validators, a bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
