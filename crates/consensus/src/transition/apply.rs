//! Applying a signed block to a state.
//!
//! Source: phase0 `state_transition`.

use std::sync::Arc;

use super::slots::{StateRoots, process_slots, process_slots_trusting};
use super::{Checks, Recorder, Signatures, StateRoot, TransitionError, Violation};
use crate::block::process_block;
use crate::bls;
use crate::containers::SignedBeaconBlock;
use crate::primitives::Root;
use crate::spec::DOMAIN_BEACON_PROPOSER;
use crate::state::{State, compute_signing_root};
use crate::transition::math::index;

/// Advances the state to the block's slot and applies the block. After an error the state is not to be used: keep a
/// copy, which costs next to nothing.
pub fn state_transition<R: Recorder>(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
    roots: &mut dyn StateRoots,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let slot = block.message.slot;
    match checks.state_root {
        StateRoot::Verify => process_slots(state, slot, roots)?,
        StateRoot::Trust => process_slots_trusting(state, slot, block.message.parent_root)?,
    }
    apply_signed_block(state, block, checks, roots, recorder)
}

/// Applies a block to a state that stands at the block's slot. After an error the state is not to be used.
pub fn apply_signed_block<R: Recorder>(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
    roots: &mut dyn StateRoots,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let slot = block.message.slot;
    apply(state, block, checks, roots, recorder).map_err(|error| error.at_slot(slot))
}

fn apply<R: Recorder>(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
    roots: &mut dyn StateRoots,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    if checks.signatures == Signatures::Verify {
        verify_block_signature(state, block)?;
    }
    process_block(state, block, checks, recorder)?;
    if checks.state_root == StateRoot::Verify {
        let root = roots.state_root(state)?;
        if root != block.message.state_root {
            return Err(TransitionError::mismatch("the state root", root, block.message.state_root));
        }
    }
    Ok(())
}

/// Source: phase0 `verify_block_signature`.
fn verify_block_signature(state: &State, block: &SignedBeaconBlock) -> Result<(), TransitionError> {
    let proposer = block.message.proposer_index;
    let key = state.data.validators.pubkeys.get(index(proposer)).ok_or(Violation::NoValidator(proposer))?;
    let domain = state.domain(DOMAIN_BEACON_PROPOSER, state.current_epoch());
    let root: Root = Root(compute_signing_root(&block.message, domain, &state.shape()));
    if !bls::verify(key, &root.0, &block.signature) {
        return Err(Violation::Signature("the block").into());
    }
    Ok(())
}
