//! Payments of builders, and the committees that vote on payloads (EIP-7732).

use crate::containers::BuilderPendingPayment;
use crate::spec::sizes::PtcSize;
use crate::spec::{BUILDER_PAYMENT_THRESHOLD_DENOMINATOR, BUILDER_PAYMENT_THRESHOLD_NUMERATOR};
use crate::ssz::List;
use crate::state::State;
use crate::transition::TransitionError;
use crate::transition::math::{add, div, index, mul};

/// Makes the payments of the previous epoch due whose block enough of its slot voted for; forgets the others.
///
/// Source: gloas `process_builder_pending_payments`, `get_builder_payment_quorum_threshold`.
pub(super) fn process_builder_pending_payments(state: &mut State) -> Result<(), TransitionError> {
    let what = "the quorum of a payment";
    let slots = state.spec.preset.slots_per_epoch;
    let per_slot = div(state.total_active_balance()?, slots, what)?;
    let quorum = div(
        mul(per_slot, BUILDER_PAYMENT_THRESHOLD_NUMERATOR, what)?,
        BUILDER_PAYMENT_THRESHOLD_DENOMINATOR,
        what,
    )?;
    let payments = state.data.builder_pending_payments.make_mut();
    let count = index(slots).min(payments.len());
    let past: Vec<BuilderPendingPayment> = payments.drain(..count).collect();
    payments.extend((0..count).map(|_| BuilderPendingPayment::default()));
    for payment in past {
        if payment.weight >= quorum {
            state.data.builder_pending_withdrawals.push(payment.withdrawal);
        }
    }
    Ok(())
}

/// Draws the payload timeliness committees of an epoch ahead.
///
/// Source: gloas `process_ptc_window`.
pub(super) fn process_ptc_window(state: &mut State) -> Result<(), TransitionError> {
    let ahead = add(state.spec.preset.min_seed_lookahead, 1, "the epoch")?;
    let epoch = add(state.current_epoch(), ahead, "the epoch")?;
    let committees = state.draw_payload_committees(epoch)?;
    shift(state, committees);
    Ok(())
}

/// Moves on without drawing committees: the state can't be hashed.
pub(super) fn skip_ptc_window(state: &mut State) {
    let slots = index(state.spec.preset.slots_per_epoch);
    shift(state, vec![List::default(); slots]);
    state.deferred.lost = true;
}

fn shift(state: &mut State, committees: Vec<List<u64, PtcSize>>) {
    let window = state.data.ptc_window.make_mut();
    window.drain(..committees.len().min(window.len()));
    window.extend(committees);
}

/// The payload timeliness committees of this epoch and those ahead, for a state that has none yet. Those of the
/// epoch before are not known.
///
/// Source: gloas `initialize_ptc_window`.
pub(crate) fn initial_ptc_window(state: &mut State) -> Result<Vec<List<u64, PtcSize>>, TransitionError> {
    let (slots, size) = (index(state.spec.preset.slots_per_epoch), index(state.spec.preset.ptc_size));
    let current = state.current_epoch();
    let mut window = vec![List::new(vec![0; size]); slots];
    for ahead in 0..=state.spec.preset.min_seed_lookahead {
        window.extend(state.draw_payload_committees(add(current, ahead, "the epoch")?)?);
    }
    Ok(window)
}
