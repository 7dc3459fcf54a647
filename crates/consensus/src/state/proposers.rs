//! Who proposes a slot, and who serves in the next sync committee: sampling by effective balance.

use std::sync::Arc;

use super::State;
use super::committees::active_indices;
use super::shuffle::compute_shuffled_index;
use crate::spec::{DOMAIN_BEACON_PROPOSER, Fork};
use crate::ssz::merkle;
use crate::transition::math::{index, rem};
use crate::transition::{TransitionError, Violation, ensure};

/// Candidates that are tried before the sampling is given up: with all effective balances at their least, far more
/// than chance needs.
pub(super) const MAX_TRIALS: u64 = 10_000_000;

/// Draws random numbers, one for each candidate.
pub(crate) struct Lottery {
    seed: [u8; 32],
    fork: Fork,
    max_effective_balance: u64,
    digest: ([u8; 32], u64),
}

impl Lottery {
    /// For a seed, by the rules of a fork.
    pub(crate) fn new(state: &State, seed: [u8; 32]) -> Self {
        let preset = &state.spec.preset;
        let max_effective_balance = if state.fork >= Fork::Electra {
            preset.max_effective_balance_electra
        } else {
            preset.max_effective_balance
        };
        let mut lottery = Self { seed, fork: state.fork, max_effective_balance, digest: ([0; 32], 0) };
        lottery.digest = (lottery.hash(0), 0);
        lottery
    }

    fn hash(&self, number: u64) -> [u8; 32] {
        let mut message = [0; 40];
        for (to, from) in message.iter_mut().zip(self.seed.iter().chain(&number.to_le_bytes())) {
            *to = *from;
        }
        merkle::hash(&message)
    }

    /// Whether the candidate of a trial wins.
    ///
    /// Source: phase0 and electra `compute_proposer_index`.
    pub(crate) fn wins(&mut self, trial: u64, effective_balance: u64) -> bool {
        let (width, most) = if self.fork >= Fork::Electra { (2, 65_535_u64) } else { (1, 255) };
        let per_digest = 32 / width;
        let number = trial / per_digest;
        if self.digest.1 != number {
            self.digest = (self.hash(number), number);
        }
        let place = index(trial % per_digest * width);
        let byte = |offset: usize| u64::from(self.digest.0.get(place + offset).copied().unwrap_or_default());
        let random = if width == 2 { byte(0) | byte(1) << 8 } else { byte(0) };
        u128::from(effective_balance) * u128::from(most)
            >= u128::from(self.max_effective_balance) * u128::from(random)
    }
}

impl State {
    /// The proposer among the given active validators, for a seed.
    ///
    /// Source: phase0 `compute_proposer_index`.
    pub(crate) fn compute_proposer_index(
        &self,
        active: &[u32],
        seed: [u8; 32],
    ) -> Result<u64, TransitionError> {
        ensure!(!active.is_empty(), "there is no active validator to propose");
        let count = active.len() as u64;
        let rounds = self.spec.preset.shuffle_round_count as u8;
        let mut lottery = Lottery::new(self, seed);
        for trial in 0..MAX_TRIALS {
            let place = compute_shuffled_index(rem(trial, count, "a trial")?, count, &seed, rounds);
            let candidate = active.get(index(place)).copied().unwrap_or_default();
            let balance = self.data.validators.effective_balances.get(candidate as usize).copied();
            if lottery.wins(trial, balance.unwrap_or_default()) {
                return Ok(u64::from(candidate));
            }
        }
        Err(Violation::Rule("no active validator has enough effective balance to propose").into())
    }

    /// The proposers of all slots of an epoch, up to two epochs ahead, with the effective balances of now.
    ///
    /// Source: fulu `compute_proposer_indices`, `get_beacon_proposer_indices`.
    pub fn compute_proposer_indices(&self, epoch: u64) -> Result<Vec<u64>, TransitionError> {
        let seed = self.seed(epoch, DOMAIN_BEACON_PROPOSER)?;
        let active = active_indices(&self.data.validators, epoch);
        let start = self.spec.start_slot(epoch);
        (0..self.spec.preset.slots_per_epoch)
            .map(|offset| {
                self.compute_proposer_index(&active, slot_seed(&seed, start.saturating_add(offset)))
            })
            .collect()
    }

    /// The proposer of the state's slot.
    ///
    /// Source: phase0 and fulu `get_beacon_proposer_index`.
    pub fn proposer_index(&mut self) -> Result<u64, TransitionError> {
        let slot = self.data.slot;
        if let Some((of, proposer)) = self.caches.proposer
            && of == slot
        {
            return Ok(proposer);
        }
        let proposer = if self.fork >= Fork::Fulu {
            let place = rem(slot, self.spec.preset.slots_per_epoch, "a slot")?;
            let ahead = self.data.proposer_lookahead.get(index(place));
            *ahead.ok_or(Violation::State("proposer_lookahead is too short"))?
        } else {
            let epoch = self.current_epoch();
            let seed = slot_seed(&self.seed(epoch, DOMAIN_BEACON_PROPOSER)?, slot);
            let shuffling = self.shuffling(epoch)?;
            self.compute_proposer_index(shuffling.active(), seed)?
        };
        self.caches.proposer = Some((slot, proposer));
        Ok(proposer)
    }

    /// Takes a block's word for who proposes the state's slot.
    pub(crate) fn trust_proposer(&mut self, proposer: u64) {
        self.caches.proposer = Some((self.data.slot, proposer));
    }

    /// The members of the current sync committee, in order, as validator indices.
    pub fn sync_members(&mut self) -> Result<Arc<Vec<u32>>, TransitionError> {
        let keys = self.data.current_sync_committee.pubkeys.clone();
        if let Some((of, members)) = &self.caches.sync_members
            && *of == keys
        {
            return Ok(Arc::clone(members));
        }
        let mut members = Vec::with_capacity(keys.len());
        for key in &keys {
            let member = self.validator_of(key);
            members.push(member.ok_or(Violation::State("a member of the sync committee is no validator"))?);
        }
        let members = Arc::new(members);
        self.caches.sync_members = Some((keys, Arc::clone(&members)));
        Ok(members)
    }
}

/// The seed of a slot, from that of its epoch.
pub(super) fn slot_seed(seed: &[u8; 32], slot: u64) -> [u8; 32] {
    let mut message = [0; 40];
    for (to, from) in message.iter_mut().zip(seed.iter().chain(&slot.to_le_bytes())) {
        *to = *from;
    }
    merkle::hash(&message)
}
