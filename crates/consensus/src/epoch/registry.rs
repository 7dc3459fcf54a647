//! Who becomes active, and who is ejected.

use std::sync::Arc;

use crate::spec::{FAR_FUTURE_EPOCH, Fork};
use crate::state::State;
use crate::transition::math::{add, index};
use crate::transition::{TransitionError, Violation};

/// Validators for which the registry may change at the end of the epoch, ascending.
#[derive(Default)]
pub(super) struct Candidates {
    /// Those that have the balance for activation and did not ask yet.
    pub(super) ready: Vec<u32>,
    /// Active ones with too little balance.
    pub(super) poor: Vec<u32>,
    /// Those that asked and wait.
    pub(super) waiting: Vec<u32>,
}

/// What makes a validator a candidate.
#[derive(Clone, Copy)]
pub(super) struct CandidateRule {
    epoch: u64,
    least: u64,
    most: u64,
    ejection: u64,
}

impl CandidateRule {
    pub(super) fn of(state: &State) -> Self {
        let preset = &state.spec.preset;
        let (least, most) = if state.fork >= Fork::Electra {
            (preset.min_activation_balance, u64::MAX)
        } else {
            (preset.max_effective_balance, preset.max_effective_balance)
        };
        let ejection = state.spec.config.ejection_balance;
        Self { epoch: state.current_epoch(), least, most, ejection }
    }

    /// Puts a validator among the candidates where it belongs there.
    ///
    /// Source: phase0 and electra `is_eligible_for_activation_queue`, `is_eligible_for_activation` but for finality.
    #[inline]
    pub(super) fn sort_in(
        self,
        candidates: &mut Candidates,
        validator: u32,
        eligibility: u64,
        activation: u64,
        exit: u64,
        effective_balance: u64,
    ) {
        if eligibility == FAR_FUTURE_EPOCH && (self.least..=self.most).contains(&effective_balance) {
            candidates.ready.push(validator);
        }
        if effective_balance <= self.ejection && activation <= self.epoch && self.epoch < exit {
            candidates.poor.push(validator);
        }
        if activation == FAR_FUTURE_EPOCH && eligibility != FAR_FUTURE_EPOCH {
            candidates.waiting.push(validator);
        }
    }
}

fn candidates(state: &State) -> Candidates {
    let rule = CandidateRule::of(state);
    let columns = &state.data.validators;
    let mut candidates = Candidates::default();
    let epochs = columns
        .activation_eligibility_epochs
        .iter()
        .zip(columns.activation_epochs.iter())
        .zip(columns.exit_epochs.iter())
        .zip(columns.effective_balances.iter());
    for (validator, (((eligibility, activation), exit), balance)) in (0_u32..).zip(epochs) {
        rule.sort_in(&mut candidates, validator, *eligibility, *activation, *exit, *balance);
    }
    candidates
}

/// Source: phase0 and electra `process_registry_updates`.
pub(super) fn process_registry_updates(state: &mut State) -> Result<(), TransitionError> {
    let candidates = candidates(state);
    update(state, candidates)
}

/// Changes the registry for the candidates, after justification.
pub(super) fn update(state: &mut State, candidates: Candidates) -> Result<(), TransitionError> {
    let what = "the epoch of an activation";
    let current = state.current_epoch();
    let asked = add(current, 1, what)?;
    let activation = state.activation_exit_epoch(current)?;
    for validator in &candidates.ready {
        set(&mut state.data.validators.activation_eligibility_epochs, *validator, asked)?;
        state.touch(u64::from(*validator));
    }
    for validator in &candidates.poor {
        let ready = state.fork >= Fork::Electra && candidates.ready.binary_search(validator).is_ok();
        // From Electra on a validator that asks for activation is not looked at any further.
        if !ready {
            state.initiate_validator_exit(u64::from(*validator))?;
        }
    }
    let finalized = state.data.finalized_checkpoint.epoch;
    let asked_at = |validator: &u32| {
        let epochs = &state.data.validators.activation_eligibility_epochs;
        epochs.get(*validator as usize).copied().unwrap_or(FAR_FUTURE_EPOCH)
    };
    let mut waiting = candidates.waiting;
    waiting.retain(|validator| asked_at(validator) <= finalized);
    if state.fork < Fork::Electra {
        waiting.sort_by_key(|validator| (asked_at(validator), *validator));
        waiting.truncate(index(state.validator_activation_churn_limit()?));
    }
    for validator in waiting {
        set(&mut state.data.validators.activation_epochs, validator, activation)?;
        state.touch(u64::from(validator));
    }
    Ok(())
}

fn set(column: &mut Arc<Vec<u64>>, validator: u32, epoch: u64) -> Result<(), TransitionError> {
    let place = Arc::make_mut(column).get_mut(validator as usize);
    *place.ok_or(Violation::NoValidator(u64::from(validator)))? = epoch;
    Ok(())
}
