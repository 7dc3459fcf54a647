//! Block processing, all forks.
//!
//! Source: consensus-specs `specs/<fork>/beacon-chain.md`, "Block processing".

mod attestation;
mod deposit;
mod exit;
mod header;
mod payload;
mod requests;
mod slashing;
mod sync;
mod withdrawals;

use std::sync::Arc;

use crate::containers::{BeaconBlockBody, SignedBeaconBlock};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::{Checks, Recorder, TransitionError};

pub(crate) use attestation::participation_flags;
pub use attestation::{check_indexed_attestation, process_attestation};
pub use deposit::{apply_deposit, process_deposit};
pub use exit::{process_bls_to_execution_change, process_voluntary_exit};
pub use header::{process_block_header, process_eth1_data, process_randao};
pub use payload::{is_merge_transition_block, is_merge_transition_complete, process_execution_payload};
pub use requests::{process_consolidation_request, process_deposit_request, process_withdrawal_request};
pub use slashing::{is_slashable_attestation_data, process_attester_slashing, process_proposer_slashing};
pub use sync::process_sync_aggregate;
pub use withdrawals::{ExpectedWithdrawals, expected_withdrawals, process_withdrawals};

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
    process_block_header(state, block, checks).map_err(|error| error.in_part("header"))?;
    if state.fork >= Fork::Capella {
        process_withdrawals(state, &body.execution_payload).map_err(|error| error.in_part("withdrawals"))?;
    }
    if state.fork >= Fork::Bellatrix && payload::is_execution_enabled(state, body) {
        process_execution_payload(state, body, checks).map_err(|error| error.in_part("execution_payload"))?;
    }
    process_randao(state, &body.randao_reveal, checks).map_err(|error| error.in_part("randao_reveal"))?;
    process_eth1_data(state, &body.eth1_data).map_err(|error| error.in_part("eth1_data"))?;
    process_operations(state, body, checks, recorder)?;
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
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
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
        process_attestation(state, attestation, position, checks, recorder)
            .map_err(|error| error.in_operation("attestations", position))?;
    }
    each("deposits", &body.deposits, |deposit| process_deposit(state, deposit))?;
    each("voluntary_exits", &body.voluntary_exits, |exit| process_voluntary_exit(state, exit, checks))?;
    if state.fork >= Fork::Capella {
        each("bls_to_execution_changes", &body.bls_to_execution_changes, |change| {
            process_bls_to_execution_change(state, change, checks)
        })?;
    }
    if state.fork >= Fork::Electra {
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
