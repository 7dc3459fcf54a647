//! Payments from the beacon chain to addresses of the execution chain.

use crate::containers::{ExecutionAddress, ExecutionPayload, Withdrawal};
use crate::spec::{BUILDER_INDEX_FLAG, FAR_FUTURE_EPOCH, Fork};
use crate::ssz::Column;
use crate::state::{Credentials, State, max_effective_balance};
use crate::transition::math::{add, index, rem, sub};
use crate::transition::{TransitionError, Violation, ensure};

/// What a payload at a state must pay, and how much of each queue that uses up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedWithdrawals {
    /// The payments, in order.
    pub withdrawals: Vec<Withdrawal>,
    /// Queued partial withdrawals that are done with, paid or not.
    pub partials_done: usize,
    /// Queued payments of builders that are done with.
    pub builder_payments_done: usize,
    /// Builders that the sweep looked at.
    pub builders_swept: usize,
}

/// Pays the withdrawals of a payload, which must be those that the state expects.
///
/// Source: capella and electra `process_withdrawals`.
pub fn process_withdrawals(state: &mut State, payload: &ExecutionPayload) -> Result<(), TransitionError> {
    let expected = expected_withdrawals(state)?;
    ensure!(
        *payload.withdrawals == expected.withdrawals,
        "the withdrawals of the payload are not those that are due"
    );
    pay(state, &expected.withdrawals)?;
    state.drop_partial_withdrawals(expected.partials_done);
    move_sweep(state, &expected.withdrawals)
}

/// Takes withdrawals from the balances ahead of the payload that must pay them. Nothing where the parent's payload did
/// not come: what it had to pay is still to be paid.
///
/// Source: gloas `process_withdrawals`.
pub fn process_withdrawals_ahead(state: &mut State) -> Result<(), TransitionError> {
    if state.data.latest_block_hash != state.data.latest_execution_payload_bid.block_hash {
        return Ok(());
    }
    let expected = expected_withdrawals(state)?;
    pay(state, &expected.withdrawals)?;
    state.drop_builder_payments(expected.builder_payments_done);
    state.drop_partial_withdrawals(expected.partials_done);
    let builders = state.data.builders.len() as u64;
    if builders > 0 {
        let what = "the place of the sweep";
        let next = add(state.data.next_withdrawal_builder_index, expected.builders_swept as u64, what)?;
        state.data.next_withdrawal_builder_index = rem(next, builders, what)?;
    }
    move_sweep(state, &expected.withdrawals)?;
    state.data.payload_expected_withdrawals = Column::new(expected.withdrawals);
    Ok(())
}

/// The withdrawals that the next payload must have.
///
/// Source: capella, electra and gloas `get_expected_withdrawals`.
pub fn expected_withdrawals(state: &State) -> Result<ExpectedWithdrawals, TransitionError> {
    let mut expected = ExpectedWithdrawals::default();
    if state.fork >= Fork::Gloas {
        expected.builder_payments_done = add_builder_payments(state, &mut expected.withdrawals)?;
    }
    if state.fork >= Fork::Electra {
        expected.partials_done = add_partials(state, &mut expected.withdrawals)?;
    }
    if state.fork >= Fork::Gloas {
        expected.builders_swept = add_builder_sweep(state, &mut expected.withdrawals)?;
    }
    add_sweep(state, &mut expected.withdrawals)?;
    Ok(expected)
}

/// Withdrawals that leave one place for the sweep of validators.
fn limit_but_one(state: &State) -> usize {
    index(state.spec.preset.max_withdrawals_per_payload).saturating_sub(1)
}

/// Adds what builders owe. How many of the queue are done with.
///
/// Source: gloas `get_builder_withdrawals`.
fn add_builder_payments(state: &State, withdrawals: &mut Vec<Withdrawal>) -> Result<usize, TransitionError> {
    let room = limit_but_one(state).saturating_sub(withdrawals.len());
    let mut done = 0;
    for payment in state.data.builder_pending_withdrawals.iter().take(room) {
        let builder = payment.builder_index | BUILDER_INDEX_FLAG;
        add_payment(state, withdrawals, builder, payment.fee_recipient, payment.amount)?;
        done += 1;
    }
    Ok(done)
}

/// Adds what builders who have left get back, from where the sweep stands. How many builders were looked at.
///
/// Source: gloas `get_builders_sweep_withdrawals`.
fn add_builder_sweep(state: &State, withdrawals: &mut Vec<Withdrawal>) -> Result<usize, TransitionError> {
    let most = limit_but_one(state);
    ensure!(withdrawals.len() <= most, "there is no room for the sweep of builders");
    let epoch = state.current_epoch();
    let builders = &state.data.builders;
    let window = index(state.spec.preset.max_builders_per_withdrawals_sweep).min(builders.len());
    let mut place = index(state.data.next_withdrawal_builder_index);
    for looked_at in 0..window {
        if withdrawals.len() >= most {
            return Ok(looked_at);
        }
        let builder = builders.get(place).ok_or(Violation::NoBuilder(place as u64))?;
        if builder.withdrawable_epoch <= epoch && builder.balance > 0 {
            let flagged = place as u64 | BUILDER_INDEX_FLAG;
            add_payment(state, withdrawals, flagged, builder.execution_address, builder.balance)?;
        }
        place += 1;
        if place == builders.len() {
            place = 0;
        }
    }
    Ok(window)
}

/// The balance that is left to a validator after payments that are not made yet.
fn balance_after(state: &State, validator: u64, paid: &[Withdrawal]) -> Result<u64, TransitionError> {
    let mut balance = state.balance(validator)?;
    for withdrawal in paid.iter().filter(|paid| paid.validator_index == validator) {
        balance = sub(balance, withdrawal.amount, "a withdrawal")?;
    }
    Ok(balance)
}

/// Adds a payment behind the others.
fn add_payment(
    state: &State,
    withdrawals: &mut Vec<Withdrawal>,
    validator_index: u64,
    address: ExecutionAddress,
    amount: u64,
) -> Result<(), TransitionError> {
    let number =
        add(state.data.next_withdrawal_index, withdrawals.len() as u64, "the number of withdrawals")?;
    withdrawals.push(Withdrawal { index: number, validator_index, address, amount });
    Ok(())
}

/// Adds what is due of the queue of partial withdrawals. How many of the queue are done with.
///
/// Source: electra `get_pending_partial_withdrawals`.
fn add_partials(state: &State, withdrawals: &mut Vec<Withdrawal>) -> Result<usize, TransitionError> {
    let preset = &state.spec.preset;
    let epoch = state.current_epoch();
    let least = preset.min_activation_balance;
    let limit = (withdrawals.len() as u64)
        .saturating_add(preset.max_pending_partials_per_withdrawals_sweep)
        .min(preset.max_withdrawals_per_payload.saturating_sub(1));
    ensure!(withdrawals.len() as u64 <= limit, "there is no room for partial withdrawals");
    let mut done = 0;
    for waiting in &state.data.pending_partial_withdrawals {
        if waiting.withdrawable_epoch > epoch || withdrawals.len() as u64 >= limit {
            break;
        }
        let validator = state.validator(waiting.validator_index)?;
        let balance = balance_after(state, waiting.validator_index, withdrawals)?;
        let eligible = validator.exit_epoch == FAR_FUTURE_EPOCH
            && validator.effective_balance >= least
            && balance > least;
        if eligible {
            let amount = (balance - least).min(waiting.amount);
            let address = validator.withdrawal_credentials.address();
            add_payment(state, withdrawals, waiting.validator_index, address, amount)?;
        }
        done += 1;
    }
    Ok(done)
}

/// Adds what the sweep over validators finds, from where it stands.
///
/// Source: capella and electra `get_validators_sweep_withdrawals`.
fn add_sweep(state: &State, withdrawals: &mut Vec<Withdrawal>) -> Result<(), TransitionError> {
    let preset = &state.spec.preset;
    let most = index(preset.max_withdrawals_per_payload);
    ensure!(withdrawals.len() < most, "there is no room for the sweep of validators");
    let epoch = state.current_epoch();
    let columns = &state.data.validators;
    let count = columns.len();
    let window = index(preset.max_validators_per_withdrawals_sweep).min(count);
    let mut place = index(state.data.next_withdrawal_validator_index);
    for _ in 0..window {
        if withdrawals.len() >= most {
            break;
        }
        let (Some(balance), Some(credentials), Some(effective), Some(withdrawable)) = (
            state.data.balances.get(place).copied(),
            columns.withdrawal_credentials.get(place),
            columns.effective_balances.get(place).copied(),
            columns.withdrawable_epochs.get(place).copied(),
        ) else {
            return Err(Violation::NoValidator(place as u64).into());
        };
        let most_effective = max_effective_balance(preset, state.fork, credentials);
        let over = withdrawable <= epoch;
        // Payments above only lower the balance: who gets nothing without them gets nothing with them.
        let perhaps = (over && balance > 0) || (effective == most_effective && balance > most_effective);
        if perhaps && credentials.is_payable(state.fork) {
            let balance = balance_after(state, place as u64, withdrawals)?;
            let amount = if over && balance > 0 {
                balance
            } else if effective == most_effective {
                balance.saturating_sub(most_effective)
            } else {
                0
            };
            if amount > 0 {
                add_payment(state, withdrawals, place as u64, credentials.address(), amount)?;
            }
        }
        place += 1;
        if place == count {
            place = 0;
        }
    }
    Ok(())
}

/// Takes the payments from the balances and counts them.
///
/// Source: capella and gloas `apply_withdrawals`, `update_next_withdrawal_index`.
fn pay(state: &mut State, withdrawals: &[Withdrawal]) -> Result<(), TransitionError> {
    for withdrawal in withdrawals {
        if state.fork >= Fork::Gloas && withdrawal.validator_index & BUILDER_INDEX_FLAG != 0 {
            let builder = state.builder_mut(withdrawal.validator_index & !BUILDER_INDEX_FLAG)?;
            builder.balance = builder.balance.saturating_sub(withdrawal.amount);
        } else {
            state.decrease_balance(withdrawal.validator_index, withdrawal.amount)?;
        }
    }
    if let Some(last) = withdrawals.last() {
        state.data.next_withdrawal_index = add(last.index, 1, "the number of withdrawals")?;
    }
    Ok(())
}

/// Moves the sweep: behind the last payment of a full payload, else by the whole window.
///
/// Source: capella `update_next_withdrawal_validator_index`.
fn move_sweep(state: &mut State, withdrawals: &[Withdrawal]) -> Result<(), TransitionError> {
    let what = "the place of the sweep";
    let preset = &state.spec.preset;
    let next = match withdrawals.last() {
        Some(last) if withdrawals.len() as u64 == preset.max_withdrawals_per_payload => {
            add(last.validator_index, 1, what)?
        }
        _ => add(
            state.data.next_withdrawal_validator_index,
            preset.max_validators_per_withdrawals_sweep,
            what,
        )?,
    };
    state.data.next_withdrawal_validator_index = rem(next, state.data.validators.len() as u64, what)?;
    Ok(())
}
