//! Slots and blocks on a state.

use std::sync::Arc;

use consensus::containers::SignedBeaconBlock;
use consensus::hasher::StateHasher;
use consensus::state::State;
use consensus::transition::{Checks, TransitionError, process_slots, state_transition};
use serde_json::Value;

use super::states::{checks, expect_state, meta, need_number, pre};
use super::{Check, Context};
use crate::failure::{Failure, expect_equal};

pub(super) fn handler(name: &str) -> Option<Check> {
    match name {
        "slots" => Some(slots),
        "blocks" => Some(blocks),
        _ => None,
    }
}

/// Handlers of finality and random tests: chains of blocks.
pub(super) fn chains(name: &str) -> Option<Check> {
    matches!(name, "finality" | "random").then_some(blocks)
}

fn slots(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let mut state = pre(context)?;
    let slots = context.case.need_yaml("slots")?;
    let slots = slots.as_u64().ok_or_else(|| Failure::new("slots.yaml is no number"))?;
    let target = state.slot.checked_add(slots).ok_or_else(|| Failure::new("slots.yaml: too many"))?;
    let outcome = process_slots(&mut state, target, &mut StateHasher::new()).map(|()| state);
    expect_state(context, "post", outcome)
}

fn blocks(context: &Context<'_>) -> Result<(), Failure> {
    let meta = meta(context)?;
    let checks = checks(&meta)?;
    let blocks = read_blocks(context, &meta)?;
    let before = pre(context)?;
    let outcome = apply(before.clone(), &blocks, checks);
    let after = outcome.as_ref().ok().cloned();
    expect_state(context, "post", outcome)?;
    match after {
        Some(after) => on_trust(before, &blocks, &after),
        None => Ok(()),
    }
}

/// The blocks of a case, all at its fork.
fn read_blocks(context: &Context<'_>, meta: &Value) -> Result<Vec<Arc<SignedBeaconBlock>>, Failure> {
    (0..need_number(meta, "blocks_count")?)
        .map(|number| context.case.need_ssz(&format!("blocks_{number}"), &context.shape()).map(Arc::new))
        .collect()
}

/// Applies blocks one after another.
pub(super) fn apply(
    mut state: State,
    blocks: &[Arc<SignedBeaconBlock>],
    checks: Checks,
) -> Result<State, TransitionError> {
    let mut hasher = StateHasher::new();
    for block in blocks {
        state_transition(&mut state, block, checks, &mut hasher, &mut ())?;
    }
    Ok(state)
}

/// A replay that takes roots and signatures on trust must lead to the same validators and balances.
pub(super) fn on_trust(
    before: State,
    blocks: &[Arc<SignedBeaconBlock>],
    after: &State,
) -> Result<(), Failure> {
    let state =
        apply(before, blocks, Checks::TRUST).map_err(|error| Failure::new(format!("on trust: {error}")))?;
    expect_equal("slot on trust", &state.slot, &after.slot)?;
    expect_equal("balances on trust", &state.balances, &after.balances)?;
    expect_equal("finality on trust", &state.finalized_checkpoint, &after.finalized_checkpoint)?;
    if state.validators != after.validators {
        return Err(Failure::new("the validators on trust differ"));
    }
    Ok(())
}
