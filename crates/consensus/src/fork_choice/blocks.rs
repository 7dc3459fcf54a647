//! Taking in blocks.

use std::sync::Arc;

use super::availability::DataAvailability;
use super::checkpoints::pulled_up;
use super::error::ForkChoiceError;
use super::store::Store;
use super::tree::{Arrival, Node};
use crate::containers::SignedBeaconBlock;
use crate::primitives::Root;
use crate::spec::Fork;
use crate::ssz::Ssz;
use crate::transition::{Checks, Violation, state_transition};

/// From Gloas on payloads come apart from blocks, and the choice is between both.
pub(super) fn refuse_payloads_apart(fork: Fork) -> Result<(), ForkChoiceError> {
    if fork >= Fork::Gloas {
        return Err(Violation::Rule("fork choice is known up to Fulu").into());
    }
    Ok(())
}

impl Store {
    /// Takes in a block: its root. A block that is known changes nothing. Its votes and slashings are not taken in:
    /// they are to be given to the store after it.
    ///
    /// Source: phase0 `on_block`, and what deneb and fulu change in it.
    pub fn on_block(
        &mut self,
        block: &Arc<SignedBeaconBlock>,
        checks: Checks,
        data: &mut dyn DataAvailability,
    ) -> Result<Root, ForkChoiceError> {
        let message = &block.message;
        let fork = self.spec.fork_at_slot(message.slot);
        refuse_payloads_apart(fork)?;
        let root = Root(message.hash_tree_root(&self.spec.shape(fork)));
        if self.contains(&root) {
            return Ok(root);
        }
        let parent = self.check_place(message.slot, message.parent_root)?;
        if fork >= Fork::Deneb {
            data.check(fork, root, message)?;
        }
        let before = self.tree.nodes().get(parent);
        let mut state = before.ok_or(ForkChoiceError::UnknownBlock(message.parent_root))?.state.clone();
        state_transition(&mut state, block, checks, self.roots.as_mut(), &mut ())?;
        let head = self.head()?;
        let (unrealized_justified, unrealized_finalized) = pulled_up(&state)?;

        // From here on nothing is refused.
        let arrival = self.arrival(message.slot);
        let realized = (state.current_justified_checkpoint.clone(), state.finalized_checkpoint.clone());
        self.tree.add(Node {
            root,
            slot: message.slot,
            proposer: message.proposer_index,
            parent: Some(parent),
            arrival,
            state,
            unrealized_justified: unrealized_justified.clone(),
        });
        if arrival == Arrival::Timely && self.boost.is_none() && self.has_shuffling_of(&head, &root) {
            self.boost = Some(root);
        }
        self.update_unrealized(&unrealized_justified, &unrealized_finalized);
        self.update_checkpoints(&realized.0, &realized.1);
        if self.spec.epoch_at(message.slot) < self.current_epoch() {
            self.update_checkpoints(&unrealized_justified, &unrealized_finalized);
        }
        Ok(root)
    }

    /// Checks that a block may be here: the place of its parent.
    fn check_place(&self, slot: u64, parent_root: Root) -> Result<usize, ForkChoiceError> {
        let parent = self.tree.place(&parent_root).ok_or(ForkChoiceError::UnknownBlock(parent_root))?;
        let now = self.current_slot();
        if slot > now {
            return Err(ForkChoiceError::Early { slot, now });
        }
        let finalized = self.spec.start_slot(self.finalized.epoch);
        let descends =
            self.tree.ancestor(parent, finalized).is_some_and(|node| node.root == self.finalized.root);
        if slot <= finalized || !descends {
            return Err(ForkChoiceError::NotFinalized(slot));
        }
        Ok(parent)
    }

    /// Whether the proposers of this epoch follow from the same block on two chains.
    ///
    /// Source: phase0 `get_shuffling_dependent_root`, `update_proposer_boost_root`.
    fn has_shuffling_of(&self, head: &Root, root: &Root) -> bool {
        let ahead = self.current_epoch().saturating_sub(self.spec.preset.min_seed_lookahead);
        let slot = self.spec.start_slot(ahead).saturating_sub(1);
        let decider = |root| {
            self.tree.place(root).and_then(|place| self.tree.ancestor(place, slot)).map(|node| node.root)
        };
        decider(head) == decider(root)
    }
}
