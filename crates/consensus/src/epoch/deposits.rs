//! Queued deposits: they enter as fast as the churn allows (EIP-7251, EIP-6110).

use crate::containers::PendingDeposit;
use crate::spec::{FAR_FUTURE_EPOCH, Fork, GENESIS_SLOT};
use crate::state::State;
use crate::transition::math::{add, index, sub};
use crate::transition::{TransitionError, Violation};

/// Takes in what the queue, finality and the churn allow. The validators whose balance changed, or that are new.
///
/// Source: electra `process_pending_deposits`.
pub(super) fn process_pending_deposits(state: &mut State) -> Result<Vec<u32>, TransitionError> {
    let what = "the churn of deposits";
    let next_epoch = add(state.current_epoch(), 1, what)?;
    let left_over = state.data.deposit_balance_to_consume;
    let available = add(left_over, state.activation_churn_limit()?, what)?;
    let finalized_slot = state.spec.start_slot(state.data.finalized_checkpoint.epoch);
    let bridge_is_behind =
        state.fork < Fork::Gloas && state.data.eth1_deposit_index < state.data.deposit_requests_start_index;
    let most = index(state.spec.preset.max_pending_deposits_per_epoch);

    let mut taken = 0_usize;
    let mut processed = 0_u64;
    let mut churn_is_used_up = false;
    let mut postponed = Vec::new();
    let mut touched = Vec::new();
    let front: Vec<PendingDeposit> = state.data.pending_deposits.iter().take(most).cloned().collect();
    for deposit in front {
        let waits_for_bridge = deposit.slot > GENESIS_SLOT && bridge_is_behind;
        if waits_for_bridge || deposit.slot > finalized_slot {
            break;
        }
        let known = state.validator_of(&deposit.pubkey);
        let (exited, withdrawn) = match known {
            Some(validator) => {
                let place = validator as usize;
                let columns = &state.data.validators;
                let missing = || Violation::NoValidator(u64::from(validator));
                let exit = *columns.exit_epochs.get(place).ok_or_else(missing)?;
                let withdrawable = *columns.withdrawable_epochs.get(place).ok_or_else(missing)?;
                (exit < FAR_FUTURE_EPOCH, withdrawable < next_epoch)
            }
            None => (false, false),
        };
        if exited && !withdrawn {
            postponed.push(deposit);
        } else {
            // What can never become active takes nothing from the churn.
            if !withdrawn {
                let with_this = add(processed, deposit.amount, what)?;
                if with_this > available {
                    churn_is_used_up = true;
                    break;
                }
                processed = with_this;
            }
            touched.extend(apply(state, &deposit, known)?);
        }
        taken += 1;
    }
    if taken > 0 {
        let queue = state.data.pending_deposits.make_mut();
        queue.drain(..taken.min(queue.len()));
        queue.extend(postponed);
    }
    state.data.deposit_balance_to_consume =
        if churn_is_used_up { sub(available, processed, what)? } else { 0 };
    Ok(touched)
}

/// Adds a deposit to the balance of a known validator, or makes a new one where the depositor holds the key.
///
/// Source: electra `apply_pending_deposit`.
fn apply(
    state: &mut State,
    deposit: &PendingDeposit,
    known: Option<u32>,
) -> Result<Option<u32>, TransitionError> {
    if let Some(validator) = known {
        state.increase_balance(u64::from(validator), deposit.amount)?;
        return Ok(known);
    }
    let PendingDeposit { pubkey, withdrawal_credentials, amount, signature, .. } = deposit;
    if !state.is_valid_deposit_signature(pubkey, *withdrawal_credentials, *amount, signature) {
        return Ok(None);
    }
    let new = u32::try_from(state.data.validators.len());
    let new = new.map_err(|_| Violation::State("more than 2^32 validators"))?;
    state.add_validator(*pubkey, *withdrawal_credentials, *amount)?;
    Ok(Some(new))
}
