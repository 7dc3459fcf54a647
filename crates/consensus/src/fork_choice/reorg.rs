//! Whether a proposer builds on the head, or displaces a late one.

use super::error::ForkChoiceError;
use super::store::Store;
use super::tree::{Arrival, Node};
use crate::primitives::Root;
use crate::spec::Fork;
use crate::transition::{Violation, process_slots};

/// What decides about a head and the block before it.
struct Candidate {
    slot: u64,
    parent_root: Root,
    parent_slot: u64,
    late: bool,
    /// Whether head and parent would justify the same.
    competitive: bool,
}

impl Store {
    /// The block that a proposer of a slot builds on: the head, or the block before it. A head whose parent is not
    /// known stays.
    ///
    /// Source: phase0 and fulu `get_proposer_head`.
    pub fn proposer_head(&mut self, head: Root, slot: u64) -> Result<Root, ForkChoiceError> {
        if self.boost == Some(head) {
            return Err(Violation::Rule("the head is boosted as long as its slot lasts").into());
        }
        let Some(candidate) = self.candidate(&head)? else { return Ok(head) };
        let current_time_ok = candidate.slot.checked_add(1) == Some(slot);
        if !current_time_ok || !self.is_head_weak(&head)? {
            return Ok(head);
        }
        // From Fulu on proposers do not change with the last block before an epoch (EIP-7917).
        let stable = self.spec.fork_at_slot(slot) >= Fork::Fulu || self.is_shuffling_stable(slot);
        let displace = candidate.late
            && stable
            && candidate.competitive
            && self.is_finalization_ok(slot)
            && self.is_proposing_on_time()
            && candidate.parent_slot.checked_add(1) == Some(candidate.slot)
            && self.is_parent_strong(&candidate.parent_root)?;
        Ok(if displace || self.is_proposer_equivocation(&head) { candidate.parent_root } else { head })
    }

    /// Whether the execution client is not to be told of a new head yet, since the next proposer is likely to displace
    /// it. Takes whether a validator is one's own.
    ///
    /// Source: bellatrix `should_override_forkchoice_update`.
    pub fn should_override_forkchoice_update(
        &mut self,
        head: Root,
        is_own: impl FnOnce(u64) -> bool,
    ) -> Result<bool, ForkChoiceError> {
        let Some(candidate) = self.candidate(&head)? else { return Ok(false) };
        let now = self.current_slot();
        let proposal = candidate.slot.saturating_add(1);
        let current_time_ok = candidate.slot == now || (proposal == now && self.is_proposing_on_time());
        let likely = candidate.late
            && self.is_shuffling_stable(proposal)
            && candidate.competitive
            && self.is_finalization_ok(proposal)
            && candidate.parent_slot.checked_add(1) == Some(candidate.slot)
            && current_time_ok;
        if !likely || !is_own(self.proposer_after(&candidate.parent_root, proposal)?) {
            return Ok(false);
        }
        // In the head's own slot the votes for it are not there yet.
        Ok(now <= candidate.slot
            || (self.is_head_weak(&head)? && self.is_parent_strong(&candidate.parent_root)?))
    }

    /// A head with what is known of its parent; `None` where the parent is not known.
    fn candidate(&self, head: &Root) -> Result<Option<Candidate>, ForkChoiceError> {
        let node = self.tree.get(head).ok_or(ForkChoiceError::UnknownBlock(*head))?;
        let parent = node.parent.and_then(|parent| self.tree.nodes().get(parent));
        Ok(parent.map(|parent| Candidate {
            slot: node.slot,
            parent_root: parent.root,
            parent_slot: parent.slot,
            late: node.arrival == Arrival::Late,
            competitive: node.unrealized_justified == parent.unrealized_justified,
        }))
    }

    /// Source: phase0 `is_shuffling_stable`.
    fn is_shuffling_stable(&self, slot: u64) -> bool {
        slot.checked_rem(self.spec.preset.slots_per_epoch) != Some(0)
    }

    /// Source: phase0 `is_finalization_ok`.
    fn is_finalization_ok(&self, slot: u64) -> bool {
        let epochs = self.spec.epoch_at(slot).saturating_sub(self.finalized.epoch);
        epochs <= self.spec.config.reorg_max_epochs_since_finalization
    }

    /// Whether so few vote for a head that it can be displaced. Those of its committees who contradicted themselves
    /// count for it: more votes never make a head weak.
    ///
    /// Source: phase0 `is_head_weak`.
    fn is_head_weak(&mut self, head: &Root) -> Result<bool, ForkChoiceError> {
        let threshold = self.committee_fraction(self.spec.config.reorg_head_weight_threshold)?;
        let mut weight = self.score_of(head)?;
        let justified = self.justified.clone();
        let balances = self.checkpoint_state(&justified)?.validators.effective_balances.clone();
        let node = self.tree.get_mut(head).ok_or(ForkChoiceError::UnknownBlock(*head))?;
        let slot = node.slot;
        let shuffling = node.state.shuffling(self.spec.epoch_at(slot))?;
        for committee in 0..shuffling.committees_per_slot() {
            for member in shuffling.committee(slot, committee).unwrap_or_default() {
                if self.votes.is_equivocating(*member as usize) {
                    let balance = balances.get(*member as usize).copied();
                    weight = weight.saturating_add(balance.unwrap_or_default());
                }
            }
        }
        Ok(weight < threshold)
    }

    /// Whether enough vote for a parent to displace its child.
    ///
    /// Source: phase0 `is_parent_strong`.
    fn is_parent_strong(&mut self, parent: &Root) -> Result<bool, ForkChoiceError> {
        let threshold = self.committee_fraction(self.spec.config.reorg_parent_weight_threshold)?;
        Ok(self.score_of(parent)? > threshold)
    }

    fn score_of(&mut self, root: &Root) -> Result<u64, ForkChoiceError> {
        let place = self.tree.place(root).ok_or(ForkChoiceError::UnknownBlock(*root))?;
        Ok(self.scores(None)?.get(place).copied().unwrap_or_default())
    }

    /// Whether the proposer of a block made another one for the same slot.
    ///
    /// Source: phase0 `is_proposer_equivocation`.
    fn is_proposer_equivocation(&self, root: &Root) -> bool {
        let Some(block) = self.tree.get(root) else { return false };
        let same = |other: &&Node| other.slot == block.slot && other.proposer == block.proposer;
        self.tree.nodes().iter().filter(same).count() > 1
    }

    /// Who proposes a slot on top of a block.
    fn proposer_after(&mut self, root: &Root, slot: u64) -> Result<u64, ForkChoiceError> {
        let node = self.tree.get(root).ok_or(ForkChoiceError::UnknownBlock(*root))?;
        let mut state = node.state.clone();
        process_slots(&mut state, slot, self.roots.as_mut())?;
        Ok(state.proposer_index()?)
    }
}
