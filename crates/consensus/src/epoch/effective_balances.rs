//! Effective balances follow balances, with hysteresis.

use std::sync::Arc;

use crate::state::{State, max_effective_balance};
use crate::transition::math::{add, div, mul, rem, sub};
use crate::transition::{TransitionError, Violation};

/// When an effective balance moves, and to what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hysteresis {
    downward: u64,
    /// From the lowest to the highest balance that an effective balance stays with.
    width: u64,
    increment: u64,
}

impl Hysteresis {
    pub(super) fn of(state: &State) -> Result<Self, TransitionError> {
        let what = "the hysteresis of effective balances";
        let preset = &state.spec.preset;
        let step = div(preset.effective_balance_increment, preset.hysteresis_quotient, what)?;
        let downward = mul(step, preset.hysteresis_downward_multiplier, what)?;
        let upward = mul(step, preset.hysteresis_upward_multiplier, what)?;
        let width = add(downward, upward, what)?;
        Ok(Self { downward, width, increment: preset.effective_balance_increment })
    }

    /// Whether a balance is far enough from the effective one to move it.
    #[inline]
    pub(super) fn moves(self, balance: u64, effective: u64) -> bool {
        // One comparison for both sides: a balance below the lowest wraps around to the largest numbers.
        balance.wrapping_sub(effective).wrapping_add(self.downward) > self.width
    }

    /// The effective balance that a balance moves to.
    pub(super) fn target(self, balance: u64, most: u64) -> Result<u64, TransitionError> {
        let part = rem(balance, self.increment, "an effective balance")?;
        Ok(balance.saturating_sub(part).min(most))
    }
}

/// Source: phase0 and electra `process_effective_balance_updates`.
pub(super) fn process_effective_balance_updates(state: &mut State) -> Result<(), TransitionError> {
    let hysteresis = Hysteresis::of(state)?;
    let preset = &state.spec.preset;
    let columns = &mut state.data.validators;
    let credentials = columns.withdrawal_credentials.iter();
    let effective = Arc::make_mut(&mut columns.effective_balances).iter_mut();
    for ((effective, balance), credentials) in effective.zip(&state.data.balances).zip(credentials) {
        if hysteresis.moves(*balance, *effective) {
            let most = max_effective_balance(preset, state.fork, credentials);
            *effective = hysteresis.target(*balance, most)?;
        }
    }
    state.forget_balances();
    Ok(())
}

/// Lets the effective balances of some validators follow, the others' stay where they are. Given the sum of those
/// active in the next epoch before, in increments.
pub(super) fn update(state: &mut State, movers: Vec<u32>, active_next: u64) -> Result<(), TransitionError> {
    let what = "the total active balance";
    let hysteresis = Hysteresis::of(state)?;
    let next_epoch = add(state.current_epoch(), 1, "the epoch")?;
    let mut total = active_next;
    for validator in movers {
        let missing = || Violation::NoValidator(u64::from(validator));
        let place = validator as usize;
        let columns = &state.data.validators;
        let effective = *columns.effective_balances.get(place).ok_or_else(missing)?;
        let balance = *state.data.balances.get(place).ok_or_else(missing)?;
        if !hysteresis.moves(balance, effective) {
            continue;
        }
        let credentials = columns.withdrawal_credentials.get(place).ok_or_else(missing)?;
        let target =
            hysteresis.target(balance, max_effective_balance(&state.spec.preset, state.fork, credentials))?;
        if target == effective {
            continue;
        }
        let active = columns.is_active(place, next_epoch);
        let (before, after) = state.set_effective_balance(validator, target)?;
        if active {
            total = sub(add(total, u64::from(after), what)?, u64::from(before), what)?;
        }
    }
    let total = mul(total, state.spec.preset.effective_balance_increment, what)?;
    if state.spec.preset.max_seed_lookahead > 0 {
        state.remember_total_active_balance(next_epoch, total);
    } else {
        // The registry may have changed who is active in the next epoch.
        state.forget_balances();
    }
    Ok(())
}
