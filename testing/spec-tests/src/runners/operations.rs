//! One operation of a block on a state.

use std::sync::Arc;

use consensus::block::{
    Inclusion, process_attestation, process_attester_slashing, process_block_header,
    process_bls_to_execution_change, process_builder_deposit_request, process_builder_exit_request,
    process_consolidation_request, process_deposit, process_deposit_request, process_execution_payload,
    process_execution_payload_bid, process_parent_execution_payload, process_payload_attestation,
    process_proposer_slashing, process_sync_aggregate, process_voluntary_exit, process_withdrawal_request,
    process_withdrawals, process_withdrawals_ahead,
};
use consensus::containers::{BeaconBlock, SignatureBytes, SignedBeaconBlock};
use consensus::spec::Fork;
use consensus::ssz::Ssz;
use consensus::state::State;
use consensus::transition::{Checks, PayloadStatus, TransitionError};
use serde_json::Value;

use super::states::{checks, expect_state, meta, pre};
use super::{Check, Context};
use crate::failure::Failure;

pub(super) fn handler(name: &str) -> Option<Check> {
    let check: Check = match name {
        "attestation" => attestation,
        "attester_slashing" => |context| {
            operation(context, "attester_slashing", |state, value, checks| {
                process_attester_slashing(state, value, checks, &mut ())
            })
        },
        "block_header" => |context| operation(context, "block", header),
        "bls_to_execution_change" => {
            |context| operation(context, "address_change", process_bls_to_execution_change)
        }
        "builder_deposit_request" => |context| {
            operation(context, "builder_deposit_request", |state, value, _| {
                process_builder_deposit_request(state, value)
            })
        },
        "builder_exit_request" => |context| {
            operation(context, "builder_exit_request", |state, value, _| {
                process_builder_exit_request(state, value)
            })
        },
        "consolidation_request" => |context| {
            operation(context, "consolidation_request", |state, value, _| {
                process_consolidation_request(state, value)
            })
        },
        "deposit" => |context| operation(context, "deposit", |state, value, _| process_deposit(state, value)),
        "deposit_request" => |context| {
            operation(context, "deposit_request", |state, value, _| process_deposit_request(state, value))
        },
        "execution_payload" => execution_payload,
        "execution_payload_bid" => {
            |context| operation(context, "execution_payload_bid", process_execution_payload_bid)
        }
        "parent_execution_payload" => |context| operation(context, "block", process_parent_execution_payload),
        "payload_attestation" => |context| {
            operation(context, "payload_attestation", |state, value, checks| {
                process_payload_attestation(state, value, checks)
            })
        },
        "proposer_slashing" => |context| {
            operation(context, "proposer_slashing", |state, value, checks| {
                process_proposer_slashing(state, value, checks, &mut ())
            })
        },
        "sync_aggregate" => |context| {
            operation(context, "sync_aggregate", |state, value, checks| {
                process_sync_aggregate(state, value, checks, &mut ())
            })
        },
        "voluntary_exit" | "voluntary_exit_churn" => {
            |context| operation(context, "voluntary_exit", process_voluntary_exit)
        }
        "withdrawal_request" => |context| {
            operation(context, "withdrawal_request", |state, value, _| {
                process_withdrawal_request(state, value)
            })
        },
        "withdrawals" => withdrawals,
        _ => return None,
    };
    Some(check)
}

/// Applies the operation in a part to the state before.
fn operation<T: Ssz>(
    context: &Context<'_>,
    part: &str,
    apply: impl FnOnce(&mut State, &T, Checks) -> Result<(), TransitionError>,
) -> Result<(), Failure> {
    let checks = checks(&meta(context)?)?;
    apply_part(context, part, checks, apply)
}

fn apply_part<T: Ssz>(
    context: &Context<'_>,
    part: &str,
    checks: Checks,
    apply: impl FnOnce(&mut State, &T, Checks) -> Result<(), TransitionError>,
) -> Result<(), Failure> {
    let mut state = pre(context)?;
    let value = context.case.need_ssz(part, &context.shape())?;
    let outcome = apply(&mut state, &value, checks).map(|()| state);
    expect_state(context, "post", outcome)
}

/// Where the parent's slot matters it is given.
fn attestation(context: &Context<'_>) -> Result<(), Failure> {
    let parent_slot = meta(context)?.get("parent_slot").and_then(Value::as_u64).unwrap_or_default();
    operation(context, "attestation", |state, value, checks| {
        process_attestation(state, value, Inclusion { position: 0, parent_slot }, checks, &mut ())
    })
}

/// From Gloas on withdrawals are taken before there is a payload.
fn withdrawals(context: &Context<'_>) -> Result<(), Failure> {
    if context.fork < Fork::Gloas {
        return operation(context, "execution_payload", |state, value, _| process_withdrawals(state, value));
    }
    let mut state = pre(context)?;
    let outcome = process_withdrawals_ahead(&mut state).map(|()| state);
    expect_state(context, "post", outcome)
}

fn header(state: &mut State, block: &BeaconBlock, checks: Checks) -> Result<(), TransitionError> {
    let block = SignedBeaconBlock { message: block.clone(), signature: SignatureBytes::default() };
    process_block_header(state, &Arc::new(block), checks)
}

/// The execution client's verdict is given.
fn execution_payload(context: &Context<'_>) -> Result<(), Failure> {
    let execution = context.case.need_yaml("execution")?;
    let payload = match execution.get("execution_valid").and_then(Value::as_bool) {
        Some(true) => PayloadStatus::Valid,
        Some(false) => PayloadStatus::Invalid,
        None => return Err(Failure::new("execution.yaml: execution_valid is neither true nor false")),
    };
    let checks = Checks { payload, ..checks(&meta(context)?)? };
    apply_part(context, "body", checks, process_execution_payload)
}
