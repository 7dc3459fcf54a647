//! Inactivity scores: they grow while a validator misses targets, and fall again outside of a leak.

use super::is_first_epoch;
use super::participation::{ELIGIBLE, TARGET, previous_votes};
use crate::state::State;
use crate::transition::{TransitionError, Violation};

/// How scores move in this epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoreRule {
    bias: u64,
    recovery: u64,
}

impl ScoreRule {
    /// The rule of the epoch, after justification.
    pub(super) fn of(state: &State) -> Self {
        let config = &state.spec.config;
        let recovery = if state.is_in_inactivity_leak() { 0 } else { config.inactivity_score_recovery_rate };
        Self { bias: config.inactivity_score_bias, recovery }
    }

    /// Whether a score of nothing stays so, whatever the validator did.
    pub(super) fn keeps_zero(self) -> bool {
        self.bias <= self.recovery
    }

    /// The score that follows. `None` where it goes out of range.
    #[inline]
    pub(super) fn next(self, score: u64, mark: u8) -> Option<u64> {
        if mark & ELIGIBLE == 0 {
            return Some(score);
        }
        let moved =
            if mark & TARGET != 0 { score.saturating_sub(1) } else { score.checked_add(self.bias)? };
        Some(moved.saturating_sub(self.recovery))
    }
}

/// Source: altair `process_inactivity_updates`.
pub(super) fn process_inactivity_updates(state: &mut State) -> Result<(), TransitionError> {
    if is_first_epoch(state) {
        return Ok(());
    }
    let votes = previous_votes(state)?;
    let rule = ScoreRule::of(state);
    for (score, mark) in state.data.inactivity_scores.make_mut().iter_mut().zip(&votes.marks) {
        *score = rule.next(*score, *mark).ok_or(Violation::Range("an inactivity score"))?;
    }
    Ok(())
}
