//! What a block would earn that nobody signed, on a parent that is in a chain on disk.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use consensus::rewards::{BlockReward, Scale};
use consensus::state::State;
use consensus::{Root, Slot};

use super::error::PreviewError;
use super::preview::{EMPTY_SLOTS, Proposal};
use super::work::advance;
use crate::chain::ChainBlock;
use crate::chain_input::{ChainInput, ChainInputError};
use crate::recording::head_root;
use crate::replay::{Links, Replay, ReplayError};

/// States that are kept between questions. They often come in the order of their slots: a later parent is then reached
/// from an earlier one.
const REMEMBERED: usize = 2;
/// Blocks that are held at a time while a parent is looked for.
const HELD: u64 = 32;

/// The states after the parents that were asked for last, of one chain on disk.
#[derive(Debug, Default)]
pub struct ArchivedParents {
    remembered: Mutex<VecDeque<(Root, State)>>,
}

impl ArchivedParents {
    /// The reward of a proposal, with its attestations. Takes as long as replaying from the state before its parent
    /// does: not for a thread that serves others. Always to be called with the same chain.
    pub fn preview(
        &self,
        chain: &ChainInput,
        proposal: Proposal,
        scale: Scale,
    ) -> Result<BlockReward, PreviewError> {
        let (parent, slot) = (proposal.parent_root(), proposal.slot());
        let mut state = match self.recall(&parent) {
            Some(state) => state,
            None => {
                let state = self.replayed(chain, parent, slot)?;
                self.remember(parent, &state);
                state
            }
        };
        proposal.check_slot(Slot(state.latest_block_header.slot))?;
        advance(&mut state, slot, parent)?;
        proposal.reward(state, scale)
    }

    /// The state after a block that comes before a slot.
    fn replayed(&self, chain: &ChainInput, root: Root, before: Slot) -> Result<State, PreviewError> {
        let Some(at) = slot_of(chain, root, before)? else { return stored(chain, root, before) };
        let from = chain.state_slot_before(at);
        let near = self.nearest(at).filter(|(_, state)| from.is_none_or(|from| from.0 <= state.slot));
        let mut replay = match near {
            Some((last, state)) => {
                let blocks = chain.blocks(Slot(state.slot.saturating_add(1)), at);
                Replay::new(state, blocks, Links::Check).after(last)
            }
            None => {
                let replay = chain.replay(at, at).map_err(read)?;
                Replay::new(replay.state, replay.blocks, Links::Check)
            }
        }
        .by_epochs();
        let mut last = None;
        for block in replay.by_ref() {
            last = Some(block.map_err(|error| PreviewError::Disk(Box::new(error)))?.root);
        }
        if last == Some(root) { Ok(replay.state().clone()) } else { Err(PreviewError::ParentUnknown(root)) }
    }

    fn recall(&self, root: &Root) -> Option<State> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.iter().find(|(known, _)| known == root).map(|(_, state)| state.clone())
    }

    /// The newest state that is remembered and not after a slot.
    fn nearest(&self, slot: Slot) -> Option<(Root, State)> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let before = remembered.iter().filter(|(_, state)| state.slot < slot.0);
        before.max_by_key(|(_, state)| state.slot).cloned()
    }

    fn remember(&self, root: Root, state: &State) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|(known, _)| *known != root);
        remembered.push_front((root, state.clone()));
        remembered.truncate(REMEMBERED);
    }
}

/// The slot of the block with a root, where it is one of those shortly before a slot.
fn slot_of(chain: &ChainInput, root: Root, before: Slot) -> Result<Option<Slot>, PreviewError> {
    let oldest = before.0.saturating_sub(EMPTY_SLOTS);
    let mut end = before.0;
    while end > oldest {
        let first = end.saturating_sub(HELD).max(oldest);
        let blocks = chain.blocks(Slot(first), Slot(end.saturating_sub(1)));
        let blocks: Vec<ChainBlock> = blocks.collect::<Result<_, _>>().map_err(read)?;
        // The newest one is the likeliest, and each has to be hashed.
        if let Some(block) = blocks.iter().rev().find(|block| block.root(chain.spec()) == root) {
            return Ok(Some(block.slot()));
        }
        end = first;
    }
    Ok(None)
}

/// The state that the chain begins with, where its latest block is the one with the root: that block need not be there.
fn stored(chain: &ChainInput, root: Root, before: Slot) -> Result<State, PreviewError> {
    let unknown = PreviewError::ParentUnknown(root);
    let near = |slot: &Slot| before.0.saturating_sub(slot.0) <= EMPTY_SLOTS;
    if chain.state_slot_before(before).filter(near).is_none() {
        return Err(unknown);
    }
    let state = chain.replay(before, before).map_err(read)?.state;
    if state.slot < before.0 && head_root(&state)? == root { Ok(state) } else { Err(unknown) }
}

fn read(error: ChainInputError) -> PreviewError {
    PreviewError::Disk(Box::new(ReplayError::Read(error)))
}
