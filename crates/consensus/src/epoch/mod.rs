//! Epoch processing, all forks.
//!
//! Source: consensus-specs `specs/<fork>/beacon-chain.md`, "Epoch processing".

mod builders;
mod consolidations;
mod deposits;
mod effective_balances;
mod inactivity;
mod justification;
mod lookahead;
mod participation;
mod registry;
mod resets;
mod rewards;
mod rewards_phase0;
mod settlement;
mod slashings;
mod sub_transition;
mod survey;
mod sync_committee;

pub(crate) use builders::initial_ptc_window;
pub(crate) use lookahead::initial_proposer_lookahead;
pub(crate) use participation::pending_attesters;
pub use rewards::{AttestationDeltas, Deltas, attestation_deltas};
pub use sub_transition::{SubTransition, process_sub_transition};
pub use sync_committee::next_sync_committee;

use crate::spec::{Fork, GENESIS_EPOCH};
use crate::state::State;
use crate::transition::{StateRoot, TransitionError};

/// Processes the end of the current epoch. With roots taken on trust, proposers ahead are not computed.
///
/// From Altair on all validators are gone over twice, not once for each part; the result is that of the parts one by
/// one.
///
/// Source: phase0 `process_epoch`, and what later forks change in it.
pub fn process_epoch(state: &mut State, roots: StateRoot) -> Result<(), TransitionError> {
    let mut parts = SubTransition::of(state.fork).collect::<Vec<_>>();
    if has_flags(state) && state.has_whole_increments()? {
        process_validators(state)?;
        let last = parts.iter().position(|part| *part == SubTransition::EffectiveBalanceUpdates);
        parts.drain(..last.map_or(0, |last| last.saturating_add(1)));
    }
    for part in parts {
        if part == SubTransition::ProposerLookahead && roots == StateRoot::Trust {
            lookahead::skip_proposer_lookahead(state);
        } else if part == SubTransition::PtcWindow && roots == StateRoot::Trust {
            builders::skip_ptc_window(state);
        } else {
            process_sub_transition(state, part)?;
        }
    }
    Ok(())
}

/// Everything up to and with the effective balances, from Altair on.
fn process_validators(state: &mut State) -> Result<(), TransitionError> {
    use SubTransition::*;
    let named = |part: SubTransition| move |error: TransitionError| error.in_part(part.name());
    let survey = survey::survey(state).map_err(named(JustificationAndFinalization))?;
    justification::process(state, &survey.sums).map_err(named(JustificationAndFinalization))?;
    let mut movers = settlement::settle(state, &survey).map_err(named(RewardsAndPenalties))?;
    // The registry ejects some, but slashes nobody.
    let slashed = state.slashed_and_kept().to_vec();
    registry::update(state, survey.candidates).map_err(named(RegistryUpdates))?;
    movers.extend(slashings::fine(state, slashed).map_err(named(Slashings))?);
    process_sub_transition(state, Eth1DataReset)?;
    if state.fork >= Fork::Electra {
        movers.extend(deposits::process_pending_deposits(state).map_err(named(PendingDeposits))?);
        movers.extend(
            consolidations::process_pending_consolidations(state).map_err(named(PendingConsolidations))?,
        );
    }
    process_sub_transition(state, BuilderPendingPayments)?;
    effective_balances::update(state, movers, survey.sums.active_next).map_err(named(EffectiveBalanceUpdates))
}

impl State {
    /// Epochs between the finalized and the previous one.
    ///
    /// Source: phase0 `get_finality_delay`.
    pub(crate) fn finality_delay(&self) -> u64 {
        self.previous_epoch().saturating_sub(self.data.finalized_checkpoint.epoch)
    }

    /// Whether the chain has not finalized for so long that absent validators lose balance.
    ///
    /// Source: phase0 `is_in_inactivity_leak`.
    pub(crate) fn is_in_inactivity_leak(&self) -> bool {
        self.finality_delay() > self.spec.preset.min_epochs_to_inactivity_penalty
    }
}

/// Whether there is no epoch before, whose votes could be paid.
fn is_first_epoch(state: &State) -> bool {
    state.current_epoch() == GENESIS_EPOCH
}

/// Whether votes are kept as flags.
fn has_flags(state: &State) -> bool {
    state.fork >= Fork::Altair
}

#[cfg(test)]
mod tests;
