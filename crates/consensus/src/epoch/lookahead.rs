//! The proposers of the epochs ahead (EIP-7917).

use crate::state::State;
use crate::transition::TransitionError;
use crate::transition::math::{add, index};

/// A proposer that was not computed.
const UNKNOWN_PROPOSER: u64 = u64::MAX;

/// Source: fulu `process_proposer_lookahead`.
pub(super) fn process_proposer_lookahead(state: &mut State) -> Result<(), TransitionError> {
    let ahead = add(state.spec.preset.min_seed_lookahead, 1, "the epoch")?;
    let epoch = add(state.current_epoch(), ahead, "the epoch")?;
    let proposers = state.compute_proposer_indices(epoch)?;
    shift(state, proposers);
    Ok(())
}

/// Moves on without computing proposers: they are to be taken from the blocks, and the state can't be hashed.
pub(super) fn skip_proposer_lookahead(state: &mut State) {
    let slots = index(state.spec.preset.slots_per_epoch);
    shift(state, vec![UNKNOWN_PROPOSER; slots]);
    state.deferred.lost = true;
}

fn shift(state: &mut State, proposers: Vec<u64>) {
    let lookahead = state.data.proposer_lookahead.make_mut();
    lookahead.drain(..proposers.len().min(lookahead.len()));
    lookahead.extend(proposers);
}

/// The proposers of this epoch and those ahead, for a state that has none yet.
///
/// Source: fulu `initialize_proposer_lookahead`.
pub(crate) fn initial_proposer_lookahead(state: &State) -> Result<Vec<u64>, TransitionError> {
    let current = state.current_epoch();
    let mut lookahead = Vec::new();
    for ahead in 0..=state.spec.preset.min_seed_lookahead {
        lookahead.extend(state.compute_proposer_indices(add(current, ahead, "the epoch")?)?);
    }
    Ok(lookahead)
}
