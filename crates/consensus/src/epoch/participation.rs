//! Whose votes of an epoch count, and for what.

use super::has_flags;
use crate::containers::PendingAttestation;
use crate::spec::{TIMELY_HEAD_FLAG_INDEX, TIMELY_SOURCE_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX};
use crate::state::State;
use crate::transition::math::{add, div};
use crate::transition::{TransitionError, Violation};

/// The mark of a timely source vote.
pub(super) const SOURCE: u8 = 1 << TIMELY_SOURCE_FLAG_INDEX;
/// The mark of a timely target vote.
pub(super) const TARGET: u8 = 1 << TIMELY_TARGET_FLAG_INDEX;
/// The mark of a timely head vote.
pub(super) const HEAD: u8 = 1 << TIMELY_HEAD_FLAG_INDEX;
/// All flags.
pub(super) const FLAGS: u8 = SOURCE | TARGET | HEAD;
/// The mark of a validator that rewards and penalties concern.
pub(super) const ELIGIBLE: u8 = 1 << 7;

/// Votes of the previous epoch as rewards count them.
pub(super) struct Votes {
    /// By validator: [`ELIGIBLE`], and the flags of those that were active and are not slashed.
    pub(super) marks: Vec<u8>,
    /// Effective balance behind each flag, in increments, at least one.
    pub(super) increments: [u64; 3],
}

/// The votes of the previous epoch.
///
/// Source: phase0 `get_eligible_validator_indices`, altair `get_unslashed_participating_indices`; in phase 0
/// `get_matching_source_attestations` and its like.
pub(super) fn previous_votes(state: &mut State) -> Result<Votes, TransitionError> {
    let epoch = state.previous_epoch();
    let flags = flags_of(state, epoch)?;
    let validators = &state.data.validators;
    let mut balances = [0_u64; 3];
    let mut marks = Vec::with_capacity(flags.len());
    for (place, ((flags, slashed), stake)) in
        flags.iter().zip(validators.slashed.iter()).zip(validators.effective_balances.iter()).enumerate()
    {
        let active = validators.is_active(place, epoch);
        let withdrawable = validators.withdrawable_epochs.get(place).copied().unwrap_or_default();
        let mut mark = if active && !slashed { flags & FLAGS } else { 0 };
        for (flag, sum) in balances.iter_mut().enumerate() {
            if mark >> flag & 1 == 1 {
                *sum = add(*sum, *stake, "the balance of the attesters")?;
            }
        }
        if active || (*slashed && epoch.saturating_add(1) < withdrawable) {
            mark |= ELIGIBLE;
        }
        marks.push(mark);
    }
    let increment = state.spec.preset.effective_balance_increment;
    let mut increments = [0; 3];
    for (to, balance) in increments.iter_mut().zip(balances) {
        *to = div(balance.max(increment), increment, "the balance of the attesters")?;
    }
    Ok(Votes { marks, increments })
}

/// The effective balance behind timely target votes of an epoch, gwei.
///
/// Source: altair `process_justification_and_finalization`, phase0 `get_attesting_balance`.
pub(super) fn target_balance(state: &mut State, epoch: u64) -> Result<u64, TransitionError> {
    let flags = flags_of(state, epoch)?;
    let validators = &state.data.validators;
    let mut sum = 0_u64;
    for (place, ((flags, slashed), balance)) in
        flags.iter().zip(validators.slashed.iter()).zip(validators.effective_balances.iter()).enumerate()
    {
        if flags & TARGET != 0 && !slashed && validators.is_active(place, epoch) {
            sum = add(sum, *balance, "the balance of the attesters")?;
        }
    }
    Ok(sum.max(state.spec.preset.effective_balance_increment))
}

/// The flags of each validator for the previous or the current epoch.
fn flags_of(state: &mut State, epoch: u64) -> Result<Vec<u8>, TransitionError> {
    if !has_flags(state) {
        return pending_flags(state, epoch);
    }
    let flags = if epoch == state.current_epoch() {
        &state.data.current_epoch_participation
    } else {
        &state.data.previous_epoch_participation
    };
    Ok(flags.to_vec())
}

/// What pending attestations voted for, as flags: source for all of them.
fn pending_flags(state: &mut State, epoch: u64) -> Result<Vec<u8>, TransitionError> {
    let list = if epoch == state.current_epoch() {
        state.data.current_epoch_attestations.clone()
    } else {
        state.data.previous_epoch_attestations.clone()
    };
    let mut flags = vec![0_u8; state.data.validators.len()];
    for attestation in &list {
        let mut vote = SOURCE;
        if attestation.data.target.root == state.block_root(epoch)? {
            vote |= TARGET;
            // In the current epoch, where only targets matter, an attestation may be of the state's own slot.
            if attestation.data.slot < state.data.slot
                && attestation.data.beacon_block_root == state.block_root_at_slot(attestation.data.slot)?
            {
                vote |= HEAD;
            }
        }
        for member in pending_attesters(state, attestation)? {
            *flags.get_mut(member as usize).ok_or(Violation::NoValidator(u64::from(member)))? |= vote;
        }
    }
    Ok(flags)
}

/// The validators who took part in a pending attestation, in committee order.
///
/// Source: phase0 `get_attesting_indices`.
pub(crate) fn pending_attesters(
    state: &mut State,
    attestation: &PendingAttestation,
) -> Result<Vec<u32>, TransitionError> {
    let data = &attestation.data;
    let shuffling = state.shuffling(data.target.epoch)?;
    let committee = shuffling.committee(data.slot, data.index);
    let committee = committee.ok_or(Violation::Rule("there is no such committee"))?;
    Ok(attestation.aggregation_bits.ones().filter_map(|bit| committee.get(bit).copied()).collect())
}
