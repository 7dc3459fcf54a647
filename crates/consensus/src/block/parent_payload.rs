//! The payload of the parent block, whose requests take effect with the next block (EIP-7732).

use super::builders::{process_builder_deposit_request, process_builder_exit_request};
use super::requests::{process_consolidation_request, process_deposit_request, process_withdrawal_request};
use super::{check_limit, each};
use crate::containers::{BeaconBlock, BuilderPendingWithdrawal, ExecutionRequests};
use crate::primitives::Root;
use crate::ssz::Ssz;
use crate::state::State;
use crate::transition::math::{index, rem};
use crate::transition::{Checks, StateRoot, TransitionError, Violation, ensure};

/// Takes in the parent's payload where the block builds on it. To be called before the block's header is taken in.
///
/// Source: gloas `process_parent_execution_payload`.
pub fn process_parent_execution_payload(
    state: &mut State,
    block: &BeaconBlock,
    checks: Checks,
) -> Result<(), TransitionError> {
    let requests = &block.body.parent_execution_requests;
    let parent = &state.data.latest_execution_payload_bid;
    if block.body.signed_execution_payload_bid.message.parent_block_hash != parent.block_hash {
        ensure!(
            *requests == ExecutionRequests::default(),
            "the parent's payload did not come, and yet there are requests of it"
        );
        return Ok(());
    }
    if checks.state_root == StateRoot::Verify {
        let expected = parent.execution_requests_root;
        let found = Root(requests.hash_tree_root(&state.shape()));
        if found != expected {
            return Err(TransitionError::mismatch("the root of the requests", expected, found));
        }
    }
    apply(state, requests)
}

/// Source: gloas `apply_parent_execution_payload`.
fn apply(state: &mut State, requests: &ExecutionRequests) -> Result<(), TransitionError> {
    check_limits(state, requests)?;
    each("parent_execution_requests.deposits", &requests.deposits, |request| {
        process_deposit_request(state, request)
    })?;
    each("parent_execution_requests.withdrawals", &requests.withdrawals, |request| {
        process_withdrawal_request(state, request)
    })?;
    each("parent_execution_requests.consolidations", &requests.consolidations, |request| {
        process_consolidation_request(state, request)
    })?;
    each("parent_execution_requests.builder_deposits", &requests.builder_deposits, |request| {
        process_builder_deposit_request(state, request)
    })?;
    each("parent_execution_requests.builder_exits", &requests.builder_exits, |request| {
        process_builder_exit_request(state, request)
    })?;
    let bid = &state.data.latest_execution_payload_bid;
    let (slot, hash) = (bid.slot, bid.block_hash);
    if state.spec.epoch_at(slot) >= state.previous_epoch() {
        state.settle_payment(slot)?;
    } else {
        // The payment is no longer kept.
        let payment = BuilderPendingWithdrawal {
            fee_recipient: bid.fee_recipient,
            amount: bid.value,
            builder_index: bid.builder_index,
        };
        state.push_builder_payment(payment);
    }
    let place = index(rem(slot, state.spec.preset.slots_per_historical_root, "the number of payloads")?);
    if !state.data.execution_payload_availability.set(place, true) {
        return Err(Violation::State("execution_payload_availability is too short").into());
    }
    state.data.latest_block_hash = hash;
    Ok(())
}

fn check_limits(state: &State, requests: &ExecutionRequests) -> Result<(), TransitionError> {
    let preset = &state.spec.preset;
    for (list, found, most) in [
        (
            "parent_execution_requests.withdrawals",
            requests.withdrawals.len(),
            preset.max_withdrawal_requests_per_payload,
        ),
        (
            "parent_execution_requests.consolidations",
            requests.consolidations.len(),
            preset.max_consolidation_requests_per_payload,
        ),
        (
            "parent_execution_requests.builder_deposits",
            requests.builder_deposits.len(),
            preset.max_builder_deposit_requests_per_payload,
        ),
        (
            "parent_execution_requests.builder_exits",
            requests.builder_exits.len(),
            preset.max_builder_exit_requests_per_payload,
        ),
    ] {
        check_limit(found, most).map_err(|error| error.in_part(list))?;
    }
    Ok(())
}
