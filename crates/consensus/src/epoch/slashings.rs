//! The penalty that grows with how much else was slashed around the same time.

use crate::spec::Fork;
use crate::state::State;
use crate::transition::math::{add, div, mul};
use crate::transition::{TransitionError, Violation};

/// Source: phase0, altair, bellatrix and electra `process_slashings`.
pub(super) fn process_slashings(state: &mut State) -> Result<(), TransitionError> {
    let slashed = state.data.validators.slashed.iter();
    let slashed = (0_u32..).zip(slashed).filter(|(_, slashed)| **slashed).map(|(index, _)| index).collect();
    fine(state, slashed).map(drop)
}

/// Fines those of the slashed validators whose time has come, and names them.
pub(super) fn fine(state: &mut State, mut slashed: Vec<u32>) -> Result<Vec<u32>, TransitionError> {
    let what = "the penalty of a slashing";
    let preset = &state.spec.preset;
    let due = add(state.current_epoch(), preset.epochs_per_slashings_vector / 2, what)?;
    let withdrawable = &state.data.validators.withdrawable_epochs;
    slashed.retain(|validator| withdrawable.get(*validator as usize) == Some(&due));
    if slashed.is_empty() {
        return Ok(slashed);
    }
    let multiplier = match state.fork {
        Fork::Phase0 => preset.proportional_slashing_multiplier,
        Fork::Altair => preset.proportional_slashing_multiplier_altair,
        _ => preset.proportional_slashing_multiplier_bellatrix,
    };
    let increment = preset.effective_balance_increment;
    let mut sum = 0;
    for balance in &state.data.slashings {
        sum = add(sum, *balance, what)?;
    }
    let total = state.total_active_balance()?;
    let adjusted = mul(sum, multiplier, what)?.min(total);
    for validator in &slashed {
        let missing = Violation::NoValidator(u64::from(*validator));
        let balance = state.data.validators.effective_balances.get(*validator as usize);
        let increments = div(*balance.ok_or(missing)?, increment, what)?;
        let penalty = if state.fork >= Fork::Electra {
            mul(div(adjusted, div(total, increment, what)?, what)?, increments, what)?
        } else {
            mul(div(mul(increments, adjusted, what)?, total, what)?, increment, what)?
        };
        state.decrease_balance(u64::from(*validator), penalty)?;
    }
    Ok(slashed)
}
