//! Queued consolidations: the balance of one validator goes to another (EIP-7251).

use crate::state::State;
use crate::transition::math::{add, index};
use crate::transition::{TransitionError, Violation};

/// Carries out those whose source may be withdrawn. The validators whose balance changed.
///
/// Source: electra `process_pending_consolidations`.
pub(super) fn process_pending_consolidations(state: &mut State) -> Result<Vec<u32>, TransitionError> {
    let next_epoch = add(state.current_epoch(), 1, "the epoch")?;
    let mut taken = 0_usize;
    let mut touched = Vec::new();
    for consolidation in &state.data.pending_consolidations.clone() {
        let source = state.validator(consolidation.source_index)?;
        if !source.slashed {
            if source.withdrawable_epoch > next_epoch {
                break;
            }
            let balance = state.data.balances.get(index(consolidation.source_index)).copied();
            let balance = balance.ok_or(Violation::NoValidator(consolidation.source_index))?;
            let moved = balance.min(source.effective_balance);
            state.decrease_balance(consolidation.source_index, moved)?;
            state.increase_balance(consolidation.target_index, moved)?;
            for validator in [consolidation.source_index, consolidation.target_index] {
                touched.push(u32::try_from(validator).map_err(|_| Violation::NoValidator(validator))?);
            }
        }
        taken += 1;
    }
    if taken > 0 {
        state.data.pending_consolidations.make_mut().drain(..taken);
    }
    Ok(touched)
}
