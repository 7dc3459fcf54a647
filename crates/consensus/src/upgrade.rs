//! Upgrades of a state from one fork to the next.
//!
//! Source: consensus-specs `specs/<fork>/fork.md`.

mod gloas;

use std::sync::Arc;

use crate::block::participation_flags;
use crate::containers::{ExecutionPayloadHeader, ForkRecord};
use crate::epoch::{initial_proposer_lookahead, next_sync_committee, pending_attesters};
use crate::primitives::Root;
use crate::spec::{FAR_FUTURE_EPOCH, Fork, UNSET_DEPOSIT_REQUESTS_START_INDEX};
use crate::ssz::Column;
use crate::state::{State, is_compounding};
use crate::transition::math::add;
use crate::transition::{TransitionError, Violation, ensure, version_of};

/// Upgrades a state of the fork before to `next`.
pub fn upgrade(state: &mut State, next: Fork) -> Result<(), TransitionError> {
    ensure!(next.previous() == Some(state.fork), "a state is upgraded from one fork to the next only");
    // What waits to be hashed has the shape of the fork before.
    state.settle();
    state.data.fork = ForkRecord {
        previous_version: state.data.fork.current_version,
        current_version: version_of(state, next),
        epoch: state.current_epoch(),
    };
    state.fork = next;
    match next {
        Fork::Phase0 => Ok(()),
        Fork::Altair => to_altair(state),
        Fork::Bellatrix => {
            state.data.latest_execution_payload_header = ExecutionPayloadHeader::default();
            Ok(())
        }
        Fork::Capella => {
            state.data.latest_execution_payload_header.withdrawals_root = Root::default();
            state.data.next_withdrawal_index = 0;
            state.data.next_withdrawal_validator_index = 0;
            state.data.historical_summaries = Column::default();
            Ok(())
        }
        Fork::Deneb => {
            state.data.latest_execution_payload_header.blob_gas_used = 0;
            state.data.latest_execution_payload_header.excess_blob_gas = 0;
            Ok(())
        }
        Fork::Electra => to_electra(state),
        Fork::Fulu => {
            state.data.proposer_lookahead = Column::new(initial_proposer_lookahead(state)?);
            Ok(())
        }
        Fork::Gloas => gloas::to_gloas(state),
    }
    .map_err(|error| error.in_part(next.name()))
}

/// Source: altair `upgrade_to_altair`, `translate_participation`.
fn to_altair(state: &mut State) -> Result<(), TransitionError> {
    let count = state.data.validators.len();
    let pending = std::mem::take(&mut state.data.previous_epoch_attestations);
    state.data.current_epoch_attestations = Column::default();
    state.data.current_epoch_participation = Column::new(vec![0; count]);
    state.data.inactivity_scores = Column::new(vec![0; count]);
    let mut participation = vec![0_u8; count];
    for attestation in &pending {
        let flags = participation_flags(state, &attestation.data, attestation.inclusion_delay, 0)?;
        for member in pending_attesters(state, attestation)? {
            let held = participation.get_mut(member as usize);
            *held.ok_or(Violation::NoValidator(u64::from(member)))? |= flags;
        }
    }
    state.data.previous_epoch_participation = Column::new(participation);
    let committee = next_sync_committee(state)?;
    state.data.current_sync_committee = committee.clone();
    state.data.next_sync_committee = committee;
    Ok(())
}

/// Source: electra `upgrade_to_electra`.
fn to_electra(state: &mut State) -> Result<(), TransitionError> {
    let soonest = state.activation_exit_epoch(state.current_epoch())?;
    let exits = state.data.validators.exit_epochs.iter().copied();
    let last = exits.filter(|epoch| *epoch != FAR_FUTURE_EPOCH).max().unwrap_or_default();
    state.forget_exits();
    state.data.earliest_exit_epoch = add(soonest.max(last), 1, "the earliest exit epoch")?;
    state.data.earliest_consolidation_epoch = soonest;
    state.data.deposit_requests_start_index = UNSET_DEPOSIT_REQUESTS_START_INDEX;
    state.data.deposit_balance_to_consume = 0;
    state.data.exit_balance_to_consume = state.activation_exit_churn_limit()?;
    state.data.consolidation_balance_to_consume = state.consolidation_churn_limit()?;
    state.data.pending_deposits = Column::default();
    state.data.pending_partial_withdrawals = Column::default();
    state.data.pending_consolidations = Column::default();
    queue_those_who_wait(state)?;
    for validator in 0..state.data.validators.len() {
        if state.data.validators.withdrawal_credentials.get(validator).is_some_and(is_compounding) {
            state.queue_excess_active_balance(validator as u64)?;
        }
    }
    Ok(())
}

/// Validators that are not active yet come in again through the queue of deposits, with all of their balance.
fn queue_those_who_wait(state: &mut State) -> Result<(), TransitionError> {
    let activations = state.data.validators.activation_epochs.iter();
    let mut waiting: Vec<usize> = activations
        .enumerate()
        .filter(|(_, epoch)| **epoch == FAR_FUTURE_EPOCH)
        .map(|(place, _)| place)
        .collect();
    let asked = &state.data.validators.activation_eligibility_epochs;
    waiting.sort_by_key(|place| (asked.get(*place).copied(), *place));
    for place in waiting {
        let record = state.validator(place as u64)?;
        let balance = state.data.balances.get_mut(place).map(std::mem::take).unwrap_or_default();
        let columns = &mut state.data.validators;
        if let Some(effective) = Arc::make_mut(&mut columns.effective_balances).get_mut(place) {
            *effective = 0;
        }
        if let Some(asked) = Arc::make_mut(&mut columns.activation_eligibility_epochs).get_mut(place) {
            *asked = FAR_FUTURE_EPOCH;
        }
        state.queue_balance(&record, balance);
    }
    state.forget_balances();
    state.forget_activity();
    Ok(())
}
