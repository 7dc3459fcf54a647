//! The latest vote of each validator, and who contradicted itself.

use super::error::ForkChoiceError;
use super::store::Store;
use crate::block::{
    attesting_indices, check_indexed_attestation, is_slashable_attestation_data, verify_attesters,
};
use crate::containers::{Attestation, AttesterSlashing};
use crate::transition::math::index;
use crate::transition::{Checks, Signatures, Violation};

/// Where an attestation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the network: only votes of this and the last epoch count.
    Network,
    /// From a block that is known.
    Block,
}

/// The mark of a validator without a vote for a known block.
const NOWHERE: u32 = u32::MAX;

/// Votes by validator.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes {
    /// The block that each votes for, by its place in the tree.
    places: Vec<u32>,
    /// The first epoch of which a vote would be a later one.
    next_epochs: Vec<u64>,
    /// Who contradicted itself.
    equivocating: Vec<bool>,
}

impl Votes {
    /// By validator, the place of the block that it votes for. Votes of those who contradicted themselves are no votes.
    pub(super) fn places(&self) -> impl Iterator<Item = Option<usize>> {
        self.places.iter().enumerate().map(|(validator, place)| {
            (*place != NOWHERE && !self.is_equivocating(validator)).then_some(*place as usize)
        })
    }

    pub(super) fn is_equivocating(&self, validator: usize) -> bool {
        self.equivocating.get(validator).copied().unwrap_or_default()
    }

    /// Takes a vote that is later than the one before.
    ///
    /// Source: phase0 `update_latest_messages`.
    pub(super) fn take(&mut self, validator: u32, place: usize, epoch: u64) {
        let validator = validator as usize;
        if self.is_equivocating(validator) {
            return;
        }
        if self.places.len() <= validator {
            self.places.resize(validator + 1, NOWHERE);
            self.next_epochs.resize(validator + 1, 0);
        }
        let held = self.places.get_mut(validator).zip(self.next_epochs.get_mut(validator));
        if let Some((held, next)) = held
            && epoch >= *next
        {
            *held = u32::try_from(place).unwrap_or(NOWHERE);
            *next = epoch.saturating_add(1);
        }
    }

    pub(super) fn mark_equivocating(&mut self, validator: usize) {
        if self.equivocating.len() <= validator {
            self.equivocating.resize(validator + 1, false);
        }
        if let Some(mark) = self.equivocating.get_mut(validator) {
            *mark = true;
        }
    }

    /// Follows blocks to their new places. A vote for a block that was let go counts for nothing, but is not forgotten.
    pub(super) fn follow(&mut self, moved: &[Option<usize>]) {
        for place in &mut self.places {
            let to = moved.get(*place as usize).copied().flatten();
            *place = to.and_then(|to| u32::try_from(to).ok()).unwrap_or(NOWHERE);
        }
    }
}

impl Store {
    /// Takes the votes of an attestation. One of a block may leave its signature unchecked: the block's transition
    /// checked it.
    ///
    /// Source: phase0 `on_attestation`.
    pub fn on_attestation(
        &mut self,
        attestation: &Attestation,
        origin: Origin,
        signatures: Signatures,
    ) -> Result<(), ForkChoiceError> {
        let data = &attestation.data;
        let place = self.check_attestation(attestation, origin)?;
        let state = self.checkpoint_state(&data.target)?;
        let mut members = attesting_indices(state, attestation)?;
        members.sort_unstable();
        members.dedup();
        if signatures == Signatures::Verify {
            verify_attesters(state, &members, data, &attestation.signature)?;
        }
        for member in members {
            self.votes.take(member, place, data.target.epoch);
        }
        Ok(())
    }

    /// Checks what an attestation votes for: the place of the block.
    ///
    /// Source: phase0 `validate_on_attestation`.
    fn check_attestation(&self, attestation: &Attestation, origin: Origin) -> Result<usize, ForkChoiceError> {
        let (data, target) = (&attestation.data, &attestation.data.target);
        let now = self.current_slot();
        if data.slot >= now {
            return Err(ForkChoiceError::Early { slot: data.slot, now });
        }
        let epoch = self.spec.epoch_at(now);
        if origin == Origin::Network && target.epoch != epoch && target.epoch != epoch.saturating_sub(1) {
            return Err(Violation::Rule("the target is neither the current nor the previous epoch").into());
        }
        if target.epoch != self.spec.epoch_at(data.slot) {
            return Err(Violation::Rule("the target is not the epoch of the attestation's slot").into());
        }
        if self.tree.place(&target.root).is_none() {
            return Err(ForkChoiceError::UnknownBlock(target.root));
        }
        let root = data.beacon_block_root;
        let place = self.tree.place(&root).ok_or(ForkChoiceError::UnknownBlock(root))?;
        if self.tree.nodes().get(place).is_none_or(|node| node.slot > data.slot) {
            return Err(Violation::Rule("the vote is for a block after its slot").into());
        }
        let checkpoint = self.tree.ancestor(place, self.spec.start_slot(target.epoch));
        if checkpoint.is_none_or(|node| node.root != target.root) {
            return Err(Violation::Rule("the vote's block does not descend from its target").into());
        }
        Ok(place)
    }

    /// Leaves out those who contradicted themselves, for good.
    ///
    /// Source: phase0 `on_attester_slashing`.
    pub fn on_attester_slashing(
        &mut self,
        slashing: &AttesterSlashing,
        checks: Checks,
    ) -> Result<(), ForkChoiceError> {
        let (first, second) = (&slashing.attestation_1, &slashing.attestation_2);
        if !is_slashable_attestation_data(&first.data, &second.data) {
            return Err(Violation::Rule("the two votes do not contradict each other").into());
        }
        let root = self.justified.root;
        let state = &self.tree.get(&root).ok_or(ForkChoiceError::UnknownBlock(root))?.state;
        check_indexed_attestation(state, first, checks)?;
        check_indexed_attestation(state, second, checks)?;
        let count = state.validators.len();
        // Both lists are ascending.
        for validator in &first.attesting_indices {
            let place = index(*validator);
            if place < count && second.attesting_indices.binary_search(validator).is_ok() {
                self.votes.mark_equivocating(place);
            }
        }
        Ok(())
    }
}
