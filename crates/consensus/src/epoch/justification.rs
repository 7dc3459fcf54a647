//! Which checkpoints are justified and finalized.

use super::has_flags;
use super::participation::target_balance;
use super::survey::{Sums, survey};
use crate::containers::Checkpoint;
use crate::spec::GENESIS_EPOCH;
use crate::state::State;
use crate::transition::TransitionError;
use crate::transition::math::mul;

/// Source: phase0 and altair `process_justification_and_finalization`.
pub(super) fn process_justification_and_finalization(state: &mut State) -> Result<(), TransitionError> {
    if has_flags(state) && state.has_whole_increments()? {
        let survey = survey(state)?;
        return process(state, &survey.sums);
    }
    if !justifies(state) {
        return Ok(());
    }
    let previous = target_balance(state, state.previous_epoch())?;
    let current = target_balance(state, state.current_epoch())?;
    let total = state.total_active_balance()?;
    weigh(state, total, previous, current)
}

/// The same, with the votes added up already.
pub(super) fn process(state: &mut State, sums: &Sums) -> Result<(), TransitionError> {
    let increment = state.spec.preset.effective_balance_increment;
    let gwei = |increments: u64| mul(increments.max(1), increment, "the balance of the validators");
    let [_, previous, _] = sums.flags;
    let (total, previous, current) = (gwei(sums.active)?, gwei(previous)?, gwei(sums.current_target)?);
    state.remember_total_active_balance(state.current_epoch(), total);
    if justifies(state) { weigh(state, total, previous, current) } else { Ok(()) }
}

/// Whether votes justify anything yet: not in the first two epochs.
fn justifies(state: &State) -> bool {
    state.current_epoch() > GENESIS_EPOCH + 1
}

/// Justifies and finalizes by the balances, in gwei, behind the target votes of two epochs.
///
/// Source: phase0 `weigh_justification_and_finalization`.
fn weigh(
    state: &mut State,
    total: u64,
    previous_target: u64,
    current_target: u64,
) -> Result<(), TransitionError> {
    let what = "the balance of the attesters";
    let (previous_epoch, current_epoch) = (state.previous_epoch(), state.current_epoch());
    let old_previous = state.data.previous_justified_checkpoint.clone();
    let old_current = state.data.current_justified_checkpoint.clone();
    let enough = |balance| Ok::<_, TransitionError>(mul(balance, 3, what)? >= mul(total, 2, what)?);

    state.data.previous_justified_checkpoint = old_current.clone();
    let bits = &mut state.data.justification_bits;
    for bit in (1..bits.len()).rev() {
        let younger = bits.get(bit - 1).unwrap_or_default();
        bits.set(bit, younger);
    }
    bits.set(0, false);
    if enough(previous_target)? {
        let root = state.block_root(previous_epoch)?;
        state.data.current_justified_checkpoint = Checkpoint { epoch: previous_epoch, root };
        state.data.justification_bits.set(1, true);
    }
    if enough(current_target)? {
        let root = state.block_root(current_epoch)?;
        state.data.current_justified_checkpoint = Checkpoint { epoch: current_epoch, root };
        state.data.justification_bits.set(0, true);
    }

    let bits = &state.data.justification_bits;
    let all = |mut range: std::ops::Range<usize>| range.all(|bit| bits.get(bit) == Some(true));
    let is_back =
        |checkpoint: &Checkpoint, epochs: u64| checkpoint.epoch.checked_add(epochs) == Some(current_epoch);
    let mut finalized = None;
    // The 2nd to 4th latest epochs are justified, the 2nd using the 4th as source; and so on.
    if all(1..4) && is_back(&old_previous, 3) {
        finalized = Some(&old_previous);
    }
    if all(1..3) && is_back(&old_previous, 2) {
        finalized = Some(&old_previous);
    }
    if all(0..3) && is_back(&old_current, 2) {
        finalized = Some(&old_current);
    }
    if all(0..2) && is_back(&old_current, 1) {
        finalized = Some(&old_current);
    }
    if let Some(checkpoint) = finalized.cloned() {
        state.data.finalized_checkpoint = checkpoint;
    }
    Ok(())
}
