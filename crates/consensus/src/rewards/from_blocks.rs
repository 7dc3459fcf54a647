//! Rewards from blocks alone: the part of a state that rewards depend on, without the rest of it.
//!
//! What a block pays depends on committees, effective balances and justified checkpoints, which are told for each
//! epoch, and on who voted before, which the blocks say. Votes for an epoch can only be in blocks since its start, so
//! whoever begins an epoch early knows all of them: from the second epoch on the rewards are exact.

use std::sync::Arc;

use super::record_parts;
use crate::containers::{Attestation, BeaconBlock, BeaconState, Checkpoint, Registry};
use crate::primitives::Root;
use crate::spec::{Fork, Spec};
use crate::state::{Shuffling, State};
use crate::transition::math::{add, index, rem};
use crate::transition::{Recorder, TransitionError, Violation, ensure};

/// What must be known of an epoch beside its blocks, as a state of that epoch has it.
#[derive(Clone, Debug)]
pub struct EpochFacts {
    /// The epoch.
    pub epoch: u64,
    /// Effective balances and epochs of activity; nothing else of the validators is looked at.
    pub validators: Registry,
    /// The committees.
    pub committees: Arc<Shuffling>,
    /// The checkpoint that was justified before the latest one.
    pub previous_justified: Checkpoint,
    /// The latest justified checkpoint.
    pub current_justified: Checkpoint,
}

/// Follows a chain by its blocks alone.
#[derive(Clone, Debug)]
pub struct FromBlocks {
    state: State,
    first_epoch: u64,
    head: Root,
}

impl FromBlocks {
    /// Begins with the first slot of an epoch. `parent` is the parent of the first block from there on. Rewards are
    /// exact from the next epoch on; in epoch 0 at once.
    pub fn begin(spec: Arc<Spec>, facts: EpochFacts, parent: Root) -> Result<Self, TransitionError> {
        let fork = spec.config.fork_at(facts.epoch);
        let mut data = BeaconState { slot: spec.start_slot(facts.epoch), ..BeaconState::default() };
        let kept = spec.preset.slots_per_historical_root;
        data.block_roots = vec![Root::default(); index(kept)].into();
        let first_epoch = facts.epoch;
        let mut this = Self { state: State::new(spec, fork, data)?, first_epoch, head: parent };
        this.learn(facts)?;
        Ok(this)
    }

    /// The epoch that was entered last.
    pub fn epoch(&self) -> u64 {
        self.state.current_epoch()
    }

    /// Enters the next epoch.
    pub fn enter(&mut self, facts: EpochFacts) -> Result<(), TransitionError> {
        ensure!(facts.epoch == self.epoch().saturating_add(1), "the epoch is not the next one");
        self.advance(self.state.spec.start_slot(facts.epoch))?;
        let data = &mut self.state.data;
        data.previous_epoch_participation = std::mem::take(&mut data.current_epoch_participation);
        data.previous_epoch_attestations = std::mem::take(&mut data.current_epoch_attestations);
        self.learn(facts)
    }

    /// Records what a block of the epoch that was entered last pays. Votes for epochs before the first one are left
    /// out: they are in the first epoch's blocks only.
    pub fn apply<R: Recorder>(
        &mut self,
        block: &BeaconBlock,
        root: Root,
        recorder: &mut R,
    ) -> Result<(), TransitionError> {
        let epoch = self.state.spec.epoch_at(block.slot);
        ensure!(epoch == self.epoch(), "the epoch of the block was not entered");
        self.advance(block.slot)?;
        let body = &block.body;
        let known = |attestation: &&Attestation| attestation.data.target.epoch >= self.first_epoch;
        let attestations: Vec<Attestation> = body.attestations.iter().filter(known).cloned().collect();
        let proposer = block.proposer_index;
        record_parts(&mut self.state, proposer, &attestations, &body.sync_aggregate, recorder)
            .map_err(|error| error.at_slot(block.slot))?;
        self.head = root;
        self.state.data.latest_block_header.slot = block.slot;
        Ok(())
    }

    /// Notes the latest block as that of every slot up to another one.
    fn advance(&mut self, slot: u64) -> Result<(), TransitionError> {
        ensure!(self.state.data.slot <= slot, "the slot is not after that of the block before");
        let kept = self.state.spec.preset.slots_per_historical_root;
        while self.state.data.slot < slot {
            let place = index(rem(self.state.data.slot, kept, "the slot")?);
            let root = self.state.data.block_roots.get_mut(place);
            *root.ok_or(Violation::State("block_roots is too short"))? = self.head;
            self.state.data.slot = add(self.state.data.slot, 1, "the slot")?;
        }
        Ok(())
    }

    /// Takes in what is known of the epoch that the state stands at.
    fn learn(&mut self, facts: EpochFacts) -> Result<(), TransitionError> {
        let fork = self.state.spec.config.fork_at(facts.epoch);
        ensure!(fork < Fork::Gloas, "from gloas on, rewards depend on more of the state than blocks tell");
        ensure!(
            (fork == Fork::Phase0) == (self.state.fork == Fork::Phase0),
            "the first votes of altair are in the state only"
        );
        ensure!(facts.committees.epoch() == facts.epoch, "the committees are of another epoch");
        let count = facts.validators.len();
        let previous = facts.epoch.checked_sub(1).filter(|previous| *previous >= self.first_epoch);
        let before = previous.map(|previous| self.state.shuffling(previous)).transpose()?;
        self.state.fork = fork;
        let data = self.state.data_mut();
        data.validators = facts.validators;
        data.balances = vec![0; count].into();
        if fork >= Fork::Altair {
            data.previous_epoch_participation.make_mut().resize(count, 0);
            data.current_epoch_participation = vec![0; count].into();
            data.inactivity_scores = vec![0; count].into();
        }
        data.previous_justified_checkpoint = facts.previous_justified;
        data.current_justified_checkpoint = facts.current_justified;
        before.into_iter().for_each(|shuffling| self.state.know_shuffling(shuffling));
        self.state.know_shuffling(facts.committees);
        Ok(())
    }
}
