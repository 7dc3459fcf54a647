//! Upgrades of a state from one fork to the next.
//!
//! Source: consensus-specs `specs/<fork>/fork.md`.

use crate::spec::Fork;
use crate::state::State;
use crate::transition::TransitionError;

/// Upgrades a state of the fork before to `next`.
pub fn upgrade(state: &mut State, next: Fork) -> Result<(), TransitionError> {
    let _ = (state, next);
    Ok(())
}
