//! Justified and finalized checkpoints, the states at them, and letting go of what they rule out.

use super::error::ForkChoiceError;
use super::store::Store;
use crate::containers::Checkpoint;
use crate::epoch::{SubTransition, process_sub_transition};
use crate::state::State;
use crate::transition::{TransitionError, process_slots};

/// States at checkpoints that are kept at most.
const MAX_STATES: usize = 8;

/// What the votes in a state would justify and finalize if its epoch ended there.
///
/// Source: phase0 `compute_pulled_up_tip`.
pub(super) fn pulled_up(state: &State) -> Result<(Checkpoint, Checkpoint), TransitionError> {
    let mut state = state.clone();
    process_sub_transition(&mut state, SubTransition::JustificationAndFinalization)?;
    Ok((state.data.current_justified_checkpoint, state.data.finalized_checkpoint))
}

fn raise(held: &mut Checkpoint, new: &Checkpoint) {
    if new.epoch > held.epoch {
        *held = new.clone();
    }
}

impl Store {
    /// The justified checkpoint, at which the search for the head begins.
    pub fn justified_checkpoint(&self) -> &Checkpoint {
        &self.justified
    }

    /// The finalized checkpoint: nothing that conflicts with it is taken.
    pub fn finalized_checkpoint(&self) -> &Checkpoint {
        &self.finalized
    }

    /// Source: phase0 `update_checkpoints`.
    pub(super) fn update_checkpoints(&mut self, justified: &Checkpoint, finalized: &Checkpoint) {
        raise(&mut self.justified, justified);
        let before = self.finalized.epoch;
        raise(&mut self.finalized, finalized);
        if self.finalized.epoch > before {
            self.prune();
        }
    }

    /// Source: phase0 `update_unrealized_checkpoints`.
    pub(super) fn update_unrealized(&mut self, justified: &Checkpoint, finalized: &Checkpoint) {
        raise(&mut self.unrealized_justified, justified);
        raise(&mut self.unrealized_finalized, finalized);
    }

    /// Lets go of all blocks that do not descend from the finalized one. Not where a checkpoint that is in use would
    /// go with them: then more than a third of the validators contradicted themselves.
    fn prune(&mut self) {
        let start = self.spec.start_slot(self.finalized.epoch);
        let keep = self.tree.descends(&self.finalized.root, start);
        let stays = |checkpoint: &Checkpoint| {
            self.tree.place(&checkpoint.root).and_then(|place| keep.get(place).copied()).unwrap_or_default()
        };
        let used = [&self.justified, &self.finalized, &self.unrealized_justified, &self.unrealized_finalized];
        if !used.into_iter().all(stays) {
            return;
        }
        let moved = self.tree.retain(&keep);
        self.votes.follow(&moved);
        let finalized = self.finalized.epoch;
        let tree = &self.tree;
        self.states.retain(|(of, _)| of.epoch >= finalized && tree.place(&of.root).is_some());
        self.boost = self.boost.filter(|root| tree.place(root).is_some());
    }

    /// The state at a checkpoint of a known block.
    ///
    /// Source: phase0 `store_target_checkpoint_state`.
    pub(super) fn checkpoint_state(&mut self, at: &Checkpoint) -> Result<&mut State, ForkChoiceError> {
        let place = match self.states.iter().position(|(of, _)| of == at) {
            Some(place) => place,
            None => {
                let state = self.compute_checkpoint_state(at)?;
                if self.states.len() >= MAX_STATES {
                    let justified = &self.justified;
                    let oldest = self.states.iter().position(|(of, _)| of != justified);
                    self.states.remove(oldest.unwrap_or_default());
                }
                self.states.push((at.clone(), state));
                self.states.len() - 1
            }
        };
        let kept = self.states.get_mut(place).map(|(_, state)| state);
        kept.ok_or(ForkChoiceError::UnknownBlock(at.root))
    }

    fn compute_checkpoint_state(&mut self, at: &Checkpoint) -> Result<State, ForkChoiceError> {
        let node = self.tree.get(&at.root).ok_or(ForkChoiceError::UnknownBlock(at.root))?;
        let mut state = node.state.clone();
        let start = self.spec.start_slot(at.epoch);
        if state.slot < start {
            process_slots(&mut state, start, self.roots.as_mut())?;
        }
        Ok(state)
    }
}
