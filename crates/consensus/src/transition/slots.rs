//! Advancing a state over slots.
//!
//! Source: phase0 `process_slots`, `process_slot`.

use super::math::{add, index, rem};
use super::{StateRoot, TransitionError, Violation, ensure};
use crate::containers::{BeaconBlockHeader, Version};
use crate::epoch::process_epoch;
use crate::primitives::Root;
use crate::spec::Fork;
use crate::ssz::Ssz;
use crate::state::State;
use crate::upgrade::upgrade;

/// Slots that a state is advanced by at a time: more than two weeks of mainnet without a block. What names a later one
/// would keep a program busy for ever.
pub const MAX_EMPTY_SLOTS: u64 = 1 << 17;

/// Computes roots of states.
pub trait StateRoots {
    /// The hash tree root of a state.
    fn state_root(&mut self, state: &State) -> Result<Root, TransitionError>;
}

/// Computes every root from nothing: right, and slow for large states.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromScratch;

impl StateRoots for FromScratch {
    fn state_root(&mut self, state: &State) -> Result<Root, TransitionError> {
        state.hash_tree_root().map(Root)
    }
}

/// Where the roots of a state at a slot come from.
enum Roots<'a> {
    /// They are computed.
    Computed(&'a mut dyn StateRoots),
    /// The block that comes next names its parent's root.
    Trusted(Root),
}

/// Advances a state to a later slot, with all roots computed. After an error the state is not to be used.
pub fn process_slots(
    state: &mut State,
    slot: u64,
    roots: &mut dyn StateRoots,
) -> Result<(), TransitionError> {
    advance(state, slot, &mut Roots::Computed(roots))
}

/// Advances a state to a later slot and takes the root of its latest block on trust. After an error the state is
/// not to be used.
pub fn process_slots_trusting(state: &mut State, slot: u64, block_root: Root) -> Result<(), TransitionError> {
    advance(state, slot, &mut Roots::Trusted(block_root))
}

fn advance(state: &mut State, slot: u64, roots: &mut Roots<'_>) -> Result<(), TransitionError> {
    let ahead = slot.saturating_sub(state.data.slot);
    ensure!(ahead > 0, "the slot is not after that of the state");
    ensure!(
        ahead <= MAX_EMPTY_SLOTS,
        "the slot is further from that of the state than any chain stood still"
    );
    while state.data.slot < slot {
        let at = state.data.slot;
        process_slot(state, roots).map_err(|error| error.at_slot(at))?;
        let next = add(at, 1, "the slot")?;
        let per_epoch = state.spec.preset.slots_per_epoch;
        let boundary = rem(next, per_epoch, "the slot")? == 0;
        if boundary {
            let choice = match roots {
                Roots::Computed(_) => StateRoot::Verify,
                Roots::Trusted(_) => StateRoot::Trust,
            };
            process_epoch(state, choice).map_err(|error| error.at_slot(at))?;
        }
        state.data.slot = next;
        if boundary {
            upgrade_when_due(state).map_err(|error| error.at_slot(next))?;
        }
    }
    Ok(())
}

fn upgrade_when_due(state: &mut State) -> Result<(), TransitionError> {
    let epoch = state.current_epoch();
    while let Some(next) = state.fork.next() {
        if state.spec.config.fork_epoch(next) > epoch {
            break;
        }
        upgrade(state, next)?;
    }
    Ok(())
}

fn process_slot(state: &mut State, roots: &mut Roots<'_>) -> Result<(), TransitionError> {
    let slot = state.data.slot;
    let place = index(rem(slot, state.spec.preset.slots_per_historical_root, "the slot")?);
    let block_root = match roots {
        Roots::Computed(roots) => {
            state.settle();
            let state_root = roots.state_root(state)?;
            set_state_root(state, place, state_root)?;
            if state.data.latest_block_header.state_root == Root::default() {
                state.data.latest_block_header.state_root = state_root;
            }
            Root(state.data.latest_block_header.hash_tree_root(&state.shape()))
        }
        Roots::Trusted(block_root) => {
            // A block names the root of the state after it. That of an empty slot's state is in no block.
            let named = state
                .deferred
                .block
                .as_ref()
                .map(|block| &block.message)
                .filter(|block| block.slot == slot)
                .map(|block| block.state_root);
            match named {
                Some(state_root) => {
                    set_state_root(state, place, state_root)?;
                    state.data.latest_block_header.state_root = state_root;
                }
                None => state.deferred.lost = true,
            }
            *block_root
        }
    };
    let kept = state.data.block_roots.get_mut(place);
    *kept.ok_or(Violation::State("block_roots is too short"))? = block_root;
    if state.fork >= Fork::Gloas {
        // No payload has come for the next slot yet.
        let next = add(slot, 1, "the slot")?;
        let place = index(rem(next, state.spec.preset.slots_per_historical_root, "the slot")?);
        state.data.execution_payload_availability.set(place, false);
    }
    Ok(())
}

fn set_state_root(state: &mut State, place: usize, root: Root) -> Result<(), TransitionError> {
    let kept = state.data.state_roots.get_mut(place);
    *kept.ok_or(Violation::State("state_roots is too short"))? = root;
    Ok(())
}

/// The versions of a state at a fork that begins with an epoch.
pub(crate) fn version_of(state: &State, fork: Fork) -> Version {
    state.spec.config.fork_version(fork)
}

/// The header of the latest block with the state's own root in it, for computing the block's root.
pub fn latest_header(
    state: &State,
    roots: &mut dyn StateRoots,
) -> Result<BeaconBlockHeader, TransitionError> {
    let mut header = state.data.latest_block_header.clone();
    if header.state_root == Root::default() {
        header.state_root = roots.state_root(state)?;
    }
    Ok(header)
}
