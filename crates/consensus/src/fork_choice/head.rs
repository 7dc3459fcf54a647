//! The head: from the justified block on, always to the child with the most votes behind it.

use super::error::ForkChoiceError;
use super::store::Store;
use super::tree::Node;
use crate::containers::Checkpoint;
use crate::primitives::Root;
use crate::spec::GENESIS_EPOCH;
use crate::transition::math::{div, mul};

impl Store {
    /// The head of the chain.
    ///
    /// Source: phase0 `get_head`.
    pub fn head(&mut self) -> Result<Root, ForkChoiceError> {
        let weights = self.weights()?;
        let viable = self.viable();
        let nodes = self.tree.nodes();
        let key = |place: usize| Some((weights.get(place)?, nodes.get(place)?.root));
        let mut best: Vec<Option<usize>> = vec![None; nodes.len()];
        for (place, node) in nodes.iter().enumerate() {
            let Some(best) = node.parent.and_then(|parent| best.get_mut(parent)) else { continue };
            if viable.get(place) == Some(&true) && best.is_none_or(|other| key(place) > key(other)) {
                *best = Some(place);
            }
        }
        let root = self.justified.root;
        let mut head = self.tree.place(&root).ok_or(ForkChoiceError::UnknownBlock(root))?;
        while let Some(next) = best.get(head).copied().flatten() {
            head = next;
        }
        Ok(nodes.get(head).map_or(root, |node| node.root))
    }

    /// All blocks that could be the head by the checkpoints alone, with the balance behind each, gwei.
    ///
    /// Source: phase0 `get_filtered_block_tree`, `get_weight`.
    pub fn viable_heads(&mut self) -> Result<Vec<(Root, u64)>, ForkChoiceError> {
        let weights = self.weights()?;
        let viable = self.viable();
        let nodes = self.tree.nodes();
        let mut has_child = vec![false; nodes.len()];
        for parent in nodes.iter().filter_map(|node| node.parent) {
            if let Some(mark) = has_child.get_mut(parent) {
                *mark = true;
            }
        }
        let slot = self.slot_of(&self.justified.root).unwrap_or_default();
        let below = self.tree.descends(&self.justified.root, slot);
        let marks = viable.into_iter().zip(has_child).zip(below);
        Ok(nodes
            .iter()
            .zip(weights)
            .zip(marks)
            .filter(|(_, ((viable, has_child), below))| *viable && !has_child && *below)
            .map(|((node, weight), _)| (node.root, weight))
            .collect())
    }

    /// By block, the balance behind it, with the boost. Gwei.
    ///
    /// Source: phase0 `get_weight`.
    fn weights(&mut self) -> Result<Vec<u64>, ForkChoiceError> {
        let boosted = self.boost.and_then(|root| self.tree.place(&root));
        let Some(boosted) = boosted else { return self.scores(None) };
        let score = self.committee_fraction(self.spec.config.proposer_score_boost)?;
        self.scores(Some((boosted, score)))
    }

    /// By block, the balance of the validators that vote for it or for a block that descends from it, and what is
    /// given to one block on top. Gwei.
    ///
    /// Source: phase0 `get_attestation_score`.
    pub(super) fn scores(&mut self, extra: Option<(usize, u64)>) -> Result<Vec<u64>, ForkChoiceError> {
        let justified = self.justified.clone();
        let state = self.checkpoint_state(&justified)?;
        let epoch = state.current_epoch();
        let validators = state.validators.clone();
        let nodes = self.tree.nodes();
        let mut scores = vec![0_u64; nodes.len()];
        let mut give = |place: usize, gwei: u64| {
            if let Some(score) = scores.get_mut(place) {
                *score = score.saturating_add(gwei);
            }
        };
        let columns = validators.effective_balances.iter().zip(validators.slashed.iter());
        for (validator, (vote, (balance, slashed))) in self.votes.places().zip(columns).enumerate() {
            if let Some(place) = vote
                && !slashed
                && validators.is_active(validator, epoch)
            {
                give(place, *balance);
            }
        }
        if let Some((place, gwei)) = extra {
            give(place, gwei);
        }
        for (place, node) in nodes.iter().enumerate().rev() {
            let score = scores.get(place).copied().unwrap_or_default();
            if let Some(parent) = node.parent.and_then(|parent| scores.get_mut(parent)) {
                *parent = parent.saturating_add(score);
            }
        }
        Ok(scores)
    }

    /// So many percent of the balance that votes in a slot, gwei.
    ///
    /// Source: phase0 `calculate_committee_fraction`.
    pub(super) fn committee_fraction(&mut self, percent: u64) -> Result<u64, ForkChoiceError> {
        let what = "the balance of a slot's committees";
        let slots = self.spec.preset.slots_per_epoch;
        let justified = self.justified.clone();
        let total = self.checkpoint_state(&justified)?.total_active_balance()?;
        Ok(mul(div(total, slots, what)?, percent, what)? / 100)
    }

    /// By block, whether the head may be there or below it.
    ///
    /// Source: phase0 `filter_block_tree`.
    fn viable(&self) -> Vec<bool> {
        let nodes = self.tree.nodes();
        let start = self.spec.start_slot(self.finalized.epoch);
        let finalized = self.tree.descends(&self.finalized.root, start);
        // Of a block with children it depends on them alone.
        let mut children: Vec<Option<bool>> = vec![None; nodes.len()];
        let mut viable = vec![false; nodes.len()];
        for (place, node) in nodes.iter().enumerate().rev() {
            let own = || {
                let finalized = finalized.get(place).copied().unwrap_or_default();
                self.is_justified_enough(node) && (self.finalized.epoch == GENESIS_EPOCH || finalized)
            };
            let is_viable = children.get(place).copied().flatten().unwrap_or_else(own);
            if let Some(mark) = viable.get_mut(place) {
                *mark = is_viable;
            }
            if let Some(mark) = node.parent.and_then(|parent| children.get_mut(parent)) {
                *mark = Some(mark.unwrap_or_default() || is_viable);
            }
        }
        viable
    }

    fn is_justified_enough(&self, node: &Node) -> bool {
        let source = self.voting_source(node).epoch;
        self.justified.epoch == GENESIS_EPOCH
            || source == self.justified.epoch
            || source.saturating_add(2) >= self.current_epoch()
    }

    /// What a vote for this block would name as justified.
    ///
    /// Source: phase0 `get_voting_source`.
    fn voting_source<'a>(&self, node: &'a Node) -> &'a Checkpoint {
        if self.current_epoch() > self.spec.epoch_at(node.slot) {
            &node.unrealized_justified
        } else {
            &node.state.data.current_justified_checkpoint
        }
    }
}
