//! The costly part of taking in a block: what can be done without holding the view.

use std::sync::Arc;

use consensus::rewards::RewardLog;
use consensus::state::State;
use consensus::transition::{
    Checks, FromScratch, TransitionError, apply_signed_block, process_slots_trusting,
};
use consensus::{Root, Slot};

use super::error::Refusal;
use crate::chain::ChainBlock;
use crate::replay::ReplayedBlock;

/// How to get the state after a block: a state that is kept, and the blocks after it.
#[derive(Clone, Debug)]
pub struct StatePlan {
    pub(super) state: State,
    /// In order, the last one that whose state is wanted.
    pub(super) blocks: Vec<Arc<ReplayedBlock>>,
}

impl StatePlan {
    /// Blocks that have to be replayed.
    pub fn distance(&self) -> usize {
        self.blocks.len()
    }

    /// The state.
    pub fn run(mut self) -> Result<State, TransitionError> {
        for block in &self.blocks {
            advance(&mut self.state, block.slot(), block.parent_root())?;
            let block = &block.block.block;
            apply_signed_block(&mut self.state, block, Checks::TRUST, &mut FromScratch, &mut ())?;
        }
        Ok(self.state)
    }
}

/// Advances a state over empty slots. One that stands at the slot already is left.
pub(super) fn advance(state: &mut State, slot: Slot, parent: Root) -> Result<(), TransitionError> {
    if state.slot == slot.0 && state.latest_block_header.slot < slot.0 {
        return Ok(());
    }
    process_slots_trusting(state, slot.0, parent)
}

/// A block that is to be applied.
#[derive(Clone, Debug)]
pub struct BlockWork {
    pub(super) parent: StatePlan,
    pub(super) block: ChainBlock,
    pub(super) root: Root,
}

/// A block that was applied.
#[derive(Clone, Debug)]
pub struct WorkedBlock {
    pub(super) block: Arc<ReplayedBlock>,
    pub(super) state: State,
}

impl BlockWork {
    /// The root of the block.
    pub fn root(&self) -> Root {
        self.root
    }

    /// Applies the block to its parent's state and notes what it pays.
    pub fn run(self) -> Result<WorkedBlock, Refusal> {
        let (root, slot) = (self.root, self.block.slot());
        self.apply().map_err(|reason| Refusal { root, slot, reason: Box::new(reason) })
    }

    fn apply(self) -> Result<WorkedBlock, TransitionError> {
        let Self { parent, block, root } = self;
        let mut state = parent.run()?;
        let message = &block.block.message;
        advance(&mut state, Slot(message.slot), message.parent_root)?;
        let parent_slot = Slot(state.latest_block_header.slot);
        let mut log = RewardLog::default();
        // As in a replay, roots and signatures are the node's business.
        apply_signed_block(&mut state, &block.block, Checks::TRUST, &mut FromScratch, &mut log)?;
        let slots_per_epoch = state.spec().preset.slots_per_epoch;
        let block = ReplayedBlock { block, root, parent_slot, log: log.settled().into(), slots_per_epoch };
        Ok(WorkedBlock { block: Arc::new(block), state })
    }
}

impl ReplayedBlock {
    /// The block's slot.
    pub fn slot(&self) -> Slot {
        self.block.slot()
    }

    /// The root of the block before.
    pub fn parent_root(&self) -> Root {
        self.block.block.message.parent_root
    }
}
