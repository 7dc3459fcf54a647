//! What the execution chain asks of the beacon chain. A request that is not entitled to anything has no effect, and
//! does not make the block invalid.

use crate::containers::{
    ConsolidationRequest, DepositRequest, PendingConsolidation, PendingDeposit, PendingPartialWithdrawal,
    Validator, WithdrawalRequest,
};
use crate::spec::{FAR_FUTURE_EPOCH, FULL_EXIT_REQUEST_AMOUNT, Fork, UNSET_DEPOSIT_REQUESTS_START_INDEX};
use crate::state::{Credentials, State, is_compounding};
use crate::transition::TransitionError;
use crate::transition::math::add;

/// Queues a deposit. Until Fulu the first one ends the former way of depositing.
///
/// Source: electra `process_deposit_request` (EIP-6110).
pub fn process_deposit_request(state: &mut State, request: &DepositRequest) -> Result<(), TransitionError> {
    let start = &mut state.data.deposit_requests_start_index;
    if state.fork < Fork::Gloas && *start == UNSET_DEPOSIT_REQUESTS_START_INDEX {
        *start = request.index;
    }
    state.data.pending_deposits.push(PendingDeposit {
        pubkey: request.pubkey,
        withdrawal_credentials: request.withdrawal_credentials,
        amount: request.amount,
        signature: request.signature,
        slot: state.data.slot,
    });
    Ok(())
}

/// Lets a validator leave, or queues a partial withdrawal, where its address asks for it.
///
/// Source: electra `process_withdrawal_request` (EIP-7002).
pub fn process_withdrawal_request(
    state: &mut State,
    request: &WithdrawalRequest,
) -> Result<(), TransitionError> {
    let full_exit = request.amount == FULL_EXIT_REQUEST_AMOUNT;
    let waiting = state.data.pending_partial_withdrawals.len() as u64;
    if waiting >= state.spec.preset.pending_partial_withdrawals_limit && !full_exit {
        return Ok(());
    }
    let Some(place) = state.validator_of(&request.validator_pubkey).map(u64::from) else { return Ok(()) };
    let validator = state.validator(place)?;
    let credentials = &validator.withdrawal_credentials;
    let entitled = credentials.is_payable(state.fork) && credentials.address() == request.source_address;
    if !entitled || !stays(state, &validator) || !has_served(state, &validator) {
        return Ok(());
    }
    let pending = state.pending_balance_to_withdraw(place);
    if full_exit {
        return if pending == 0 { state.initiate_validator_exit(place) } else { Ok(()) };
    }
    let least = state.spec.preset.min_activation_balance;
    let excess = state.balance(place)?.saturating_sub(least).saturating_sub(pending);
    if !is_compounding(credentials) || validator.effective_balance < least || excess == 0 {
        return Ok(());
    }
    let amount = excess.min(request.amount);
    let exit_epoch = state.take_exit_churn(amount)?;
    let delay = state.spec.config.min_validator_withdrawability_delay;
    let withdrawable_epoch = add(exit_epoch, delay, "a withdrawable epoch")?;
    state.push_partial_withdrawal(PendingPartialWithdrawal {
        validator_index: place,
        amount,
        withdrawable_epoch,
    });
    Ok(())
}

/// Lets a validator compound, or queues its consolidation into another one, where its address asks for it.
///
/// Source: electra `process_consolidation_request` (EIP-7251).
pub fn process_consolidation_request(
    state: &mut State,
    request: &ConsolidationRequest,
) -> Result<(), TransitionError> {
    let source = state.validator_of(&request.source_pubkey).map(u64::from);
    if request.source_pubkey == request.target_pubkey {
        // A consolidation with itself is the wish to compound, and nothing else.
        return match source {
            Some(place) => switch_where_entitled(state, request, place),
            None => Ok(()),
        };
    }
    let preset = &state.spec.preset;
    let (limit, least) = (preset.pending_consolidations_limit, preset.min_activation_balance);
    if state.data.pending_consolidations.len() as u64 >= limit || state.consolidation_churn_limit()? <= least
    {
        return Ok(());
    }
    let target = state.validator_of(&request.target_pubkey).map(u64::from);
    let (Some(source_index), Some(target_index)) = (source, target) else { return Ok(()) };
    let (source, target) = (state.validator(source_index)?, state.validator(target_index)?);
    let credentials = &source.withdrawal_credentials;
    let entitled = credentials.is_payable(state.fork) && credentials.address() == request.source_address;
    if !entitled
        || !is_compounding(&target.withdrawal_credentials)
        || !stays(state, &source)
        || !stays(state, &target)
        || !has_served(state, &source)
        || state.pending_balance_to_withdraw(source_index) > 0
    {
        return Ok(());
    }
    let exit_epoch = state.take_consolidation_churn(source.effective_balance)?;
    let delay = state.spec.config.min_validator_withdrawability_delay;
    let withdrawable_epoch = add(exit_epoch, delay, "a withdrawable epoch")?;
    state.set_exit(source_index, exit_epoch, withdrawable_epoch)?;
    state.data.pending_consolidations.push(PendingConsolidation { source_index, target_index });
    Ok(())
}

/// Source: electra `is_valid_switch_to_compounding_request`.
fn switch_where_entitled(
    state: &mut State,
    request: &ConsolidationRequest,
    place: u64,
) -> Result<(), TransitionError> {
    let validator = state.validator(place)?;
    let credentials = &validator.withdrawal_credentials;
    let entitled = credentials.is_eth1() && credentials.address() == request.source_address;
    if entitled && stays(state, &validator) { state.switch_to_compounding(place) } else { Ok(()) }
}

/// Whether a validator is active and not leaving.
fn stays(state: &State, validator: &Validator) -> bool {
    validator.is_active(state.current_epoch()) && validator.exit_epoch == FAR_FUTURE_EPOCH
}

/// Whether a validator has been active for long enough to leave.
fn has_served(state: &State, validator: &Validator) -> bool {
    let period = state.spec.config.shard_committee_period;
    validator.activation_epoch.saturating_add(period) <= state.current_epoch()
}
