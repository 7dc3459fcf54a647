//! Block processing, all forks.
//!
//! Source: consensus-specs `specs/<fork>/beacon-chain.md`, "Block processing".

mod attestation;
mod bid;
mod builders;
mod deposit;
mod exit;
mod header;
mod parent_payload;
mod payload;
mod payload_attestation;
mod requests;
mod slashing;
mod sync;
mod withdrawals;

use std::sync::Arc;

use crate::containers::{BeaconBlockBody, SignedBeaconBlock};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::{Checks, Recorder, TransitionError, ensure};

pub use attestation::{Inclusion, check_indexed_attestation, process_attestation};
pub(crate) use attestation::{attesting_indices, participation_flags, verify_attesters};
pub use bid::process_execution_payload_bid;
pub(crate) use builders::add_builder;
pub use builders::{process_builder_deposit_request, process_builder_exit_request};
pub use deposit::{apply_deposit, process_deposit};
pub use exit::{process_bls_to_execution_change, process_voluntary_exit};
pub(crate) use header::mixed;
pub use header::{process_block_header, process_eth1_data, process_randao};
pub use parent_payload::process_parent_execution_payload;
pub use payload::{is_merge_transition_block, is_merge_transition_complete, process_execution_payload};
pub use payload_attestation::process_payload_attestation;
pub use requests::{process_consolidation_request, process_deposit_request, process_withdrawal_request};
pub use slashing::{is_slashable_attestation_data, process_attester_slashing, process_proposer_slashing};
pub use sync::process_sync_aggregate;
pub use withdrawals::{
    ExpectedWithdrawals, expected_withdrawals, process_withdrawals, process_withdrawals_ahead,
};

/// Applies a block to a state at the block's slot, but for signature and state root of the block itself.
///
/// Source: phase0 `process_block`, and what later forks change in it.
pub fn process_block<R: Recorder>(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let body = &block.message.body;
    let parent_slot = state.data.latest_block_header.slot;
    if state.fork >= Fork::Gloas {
        process_parent_execution_payload(state, &block.message, checks)
            .map_err(|error| error.in_part("parent_execution_requests"))?;
    }
    process_block_header(state, block, checks).map_err(|error| error.in_part("header"))?;
    if state.fork >= Fork::Gloas {
        process_withdrawals_ahead(state).map_err(|error| error.in_part("withdrawals"))?;
        process_execution_payload_bid(state, &body.signed_execution_payload_bid, checks)
            .map_err(|error| error.in_part("signed_execution_payload_bid"))?;
    } else if state.fork >= Fork::Capella {
        process_withdrawals(state, &body.execution_payload).map_err(|error| error.in_part("withdrawals"))?;
    }
    if state.fork < Fork::Gloas && state.fork >= Fork::Bellatrix && payload::is_execution_enabled(state, body)
    {
        process_execution_payload(state, body, checks).map_err(|error| error.in_part("execution_payload"))?;
    }
    process_randao(state, &body.randao_reveal, checks).map_err(|error| error.in_part("randao_reveal"))?;
    process_eth1_data(state, &body.eth1_data).map_err(|error| error.in_part("eth1_data"))?;
    process_operations(state, body, parent_slot, checks, recorder)?;
    if state.fork >= Fork::Altair {
        process_sync_aggregate(state, &body.sync_aggregate, checks, recorder)
            .map_err(|error| error.in_part("sync_aggregate"))?;
    }
    Ok(())
}

/// Applies the operations of a block, kind by kind.
///
/// Source: phase0 `process_operations`, and what later forks change in it.
fn process_operations<R: Recorder>(
    state: &mut State,
    body: &BeaconBlockBody,
    parent_slot: u64,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    if state.fork >= Fork::Gloas {
        check_limits(state, body)?;
    }
    let due = deposit::expected_deposits(state).map_err(|error| error.in_part("deposits"))?;
    if body.deposits.len() as u64 != due {
        let error = TransitionError::mismatch("the number of deposits", due, body.deposits.len());
        return Err(error.in_part("deposits"));
    }
    each("proposer_slashings", &body.proposer_slashings, |slashing| {
        process_proposer_slashing(state, slashing, checks, recorder)
    })?;
    each("attester_slashings", &body.attester_slashings, |slashing| {
        process_attester_slashing(state, slashing, checks, recorder)
    })?;
    for (position, attestation) in body.attestations.iter().enumerate() {
        let inclusion = Inclusion { position, parent_slot };
        process_attestation(state, attestation, inclusion, checks, recorder)
            .map_err(|error| error.in_operation("attestations", position))?;
    }
    each("deposits", &body.deposits, |deposit| process_deposit(state, deposit))?;
    each("voluntary_exits", &body.voluntary_exits, |exit| process_voluntary_exit(state, exit, checks))?;
    if state.fork >= Fork::Capella {
        each("bls_to_execution_changes", &body.bls_to_execution_changes, |change| {
            process_bls_to_execution_change(state, change, checks)
        })?;
    }
    if state.fork >= Fork::Gloas {
        each("payload_attestations", &body.payload_attestations, |attestation| {
            process_payload_attestation(state, attestation, checks)
        })?;
    } else if state.fork >= Fork::Electra {
        let requests = &body.execution_requests;
        each("execution_requests.deposits", &requests.deposits, |request| {
            process_deposit_request(state, request)
        })?;
        each("execution_requests.withdrawals", &requests.withdrawals, |request| {
            process_withdrawal_request(state, request)
        })?;
        each("execution_requests.consolidations", &requests.consolidations, |request| {
            process_consolidation_request(state, request)
        })?;
    }
    Ok(())
}

/// The limits of lists whose type has none.
///
/// Source: gloas `process_operations` (EIP-7688).
fn check_limits(state: &State, body: &BeaconBlockBody) -> Result<(), TransitionError> {
    let preset = &state.spec.preset;
    for (list, found, most) in [
        ("proposer_slashings", body.proposer_slashings.len(), preset.max_proposer_slashings),
        ("attester_slashings", body.attester_slashings.len(), preset.max_attester_slashings_electra),
        ("attestations", body.attestations.len(), preset.max_attestations_electra),
        ("voluntary_exits", body.voluntary_exits.len(), preset.max_voluntary_exits),
        (
            "bls_to_execution_changes",
            body.bls_to_execution_changes.len(),
            preset.max_bls_to_execution_changes,
        ),
        ("payload_attestations", body.payload_attestations.len(), preset.max_payload_attestations),
    ] {
        check_limit(found, most).map_err(|error| error.in_part(list))?;
    }
    Ok(())
}

fn check_limit(found: usize, most: u64) -> Result<(), TransitionError> {
    ensure!(found as u64 <= most, "there are more of them than a block may have");
    Ok(())
}

/// Applies each operation of a list; an error names list and position.
fn each<T>(
    list: &'static str,
    operations: &[T],
    mut apply: impl FnMut(&T) -> Result<(), TransitionError>,
) -> Result<(), TransitionError> {
    for (position, operation) in operations.iter().enumerate() {
        apply(operation).map_err(|error| error.in_operation(list, position))?;
    }
    Ok(())
}
