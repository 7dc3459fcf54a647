//! The parts of epoch processing by name, each to be run by itself.

use std::fmt;
use std::str::FromStr;

use super::{
    builders, consolidations, deposits, effective_balances, inactivity, justification, lookahead, registry,
    resets, rewards, slashings, sync_committee,
};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::TransitionError;

/// A part of epoch processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubTransition {
    /// Justifies and finalizes checkpoints.
    JustificationAndFinalization,
    /// Moves inactivity scores.
    InactivityUpdates,
    /// Pays and fines the attesters of the previous epoch.
    RewardsAndPenalties,
    /// Activates and ejects validators.
    RegistryUpdates,
    /// Fines slashed validators by how many others were slashed.
    Slashings,
    /// Ends a voting period on the deposit chain.
    Eth1DataReset,
    /// Takes in queued deposits.
    PendingDeposits,
    /// Carries out queued consolidations.
    PendingConsolidations,
    /// Makes payments of builders due, from Gloas on.
    BuilderPendingPayments,
    /// Lets effective balances follow balances.
    EffectiveBalanceUpdates,
    /// Frees the place of the next epoch's slashed balance.
    SlashingsReset,
    /// Carries the randao mix into the next epoch.
    RandaoMixesReset,
    /// Keeps the root of a finished period, before Capella.
    HistoricalRootsUpdate,
    /// Keeps the roots of a finished period, from Capella on.
    HistoricalSummariesUpdate,
    /// Makes the current pending attestations the previous ones, phase 0.
    ParticipationRecordUpdates,
    /// Makes the current flags the previous ones.
    ParticipationFlagUpdates,
    /// Draws the sync committee after the next.
    SyncCommitteeUpdates,
    /// Draws the proposers of an epoch ahead.
    ProposerLookahead,
    /// Draws the committees that vote on payloads of an epoch ahead, from Gloas on.
    PtcWindow,
}

/// A name that is no part of epoch processing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of epoch processing; the specification's names after `process_` are")]
pub struct ParseSubTransitionError(String);

impl SubTransition {
    /// All parts, in the order in which they run.
    pub const ALL: [Self; 19] = [
        Self::JustificationAndFinalization,
        Self::InactivityUpdates,
        Self::RewardsAndPenalties,
        Self::RegistryUpdates,
        Self::Slashings,
        Self::Eth1DataReset,
        Self::PendingDeposits,
        Self::PendingConsolidations,
        Self::BuilderPendingPayments,
        Self::EffectiveBalanceUpdates,
        Self::SlashingsReset,
        Self::RandaoMixesReset,
        Self::HistoricalRootsUpdate,
        Self::HistoricalSummariesUpdate,
        Self::ParticipationRecordUpdates,
        Self::ParticipationFlagUpdates,
        Self::SyncCommitteeUpdates,
        Self::ProposerLookahead,
        Self::PtcWindow,
    ];

    /// The parts that a fork has, in order.
    pub fn of(fork: Fork) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |part| part.is_in(fork))
    }

    /// Whether a fork has this part.
    pub fn is_in(self, fork: Fork) -> bool {
        match self {
            Self::InactivityUpdates | Self::ParticipationFlagUpdates | Self::SyncCommitteeUpdates => {
                fork >= Fork::Altair
            }
            Self::ParticipationRecordUpdates => fork < Fork::Altair,
            Self::HistoricalRootsUpdate => fork < Fork::Capella,
            Self::HistoricalSummariesUpdate => fork >= Fork::Capella,
            Self::PendingDeposits | Self::PendingConsolidations => fork >= Fork::Electra,
            Self::ProposerLookahead => fork >= Fork::Fulu,
            Self::BuilderPendingPayments | Self::PtcWindow => fork >= Fork::Gloas,
            _ => true,
        }
    }

    /// The specification's name, after `process_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::JustificationAndFinalization => "justification_and_finalization",
            Self::InactivityUpdates => "inactivity_updates",
            Self::RewardsAndPenalties => "rewards_and_penalties",
            Self::RegistryUpdates => "registry_updates",
            Self::Slashings => "slashings",
            Self::Eth1DataReset => "eth1_data_reset",
            Self::PendingDeposits => "pending_deposits",
            Self::PendingConsolidations => "pending_consolidations",
            Self::EffectiveBalanceUpdates => "effective_balance_updates",
            Self::SlashingsReset => "slashings_reset",
            Self::RandaoMixesReset => "randao_mixes_reset",
            Self::HistoricalRootsUpdate => "historical_roots_update",
            Self::HistoricalSummariesUpdate => "historical_summaries_update",
            Self::ParticipationRecordUpdates => "participation_record_updates",
            Self::ParticipationFlagUpdates => "participation_flag_updates",
            Self::SyncCommitteeUpdates => "sync_committee_updates",
            Self::ProposerLookahead => "proposer_lookahead",
            Self::BuilderPendingPayments => "builder_pending_payments",
            Self::PtcWindow => "ptc_window",
        }
    }
}

impl fmt::Display for SubTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SubTransition {
    type Err = ParseSubTransitionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| ParseSubTransitionError(name.chars().take(60).collect()))
    }
}

/// Runs one part of epoch processing by itself. Nothing where the state's fork does not have it.
pub fn process_sub_transition(state: &mut State, part: SubTransition) -> Result<(), TransitionError> {
    if !part.is_in(state.fork) {
        return Ok(());
    }
    let result = match part {
        SubTransition::JustificationAndFinalization => {
            justification::process_justification_and_finalization(state)
        }
        SubTransition::InactivityUpdates => inactivity::process_inactivity_updates(state),
        SubTransition::RewardsAndPenalties => rewards::process_rewards_and_penalties(state),
        SubTransition::RegistryUpdates => registry::process_registry_updates(state),
        SubTransition::Slashings => slashings::process_slashings(state),
        SubTransition::Eth1DataReset => resets::process_eth1_data_reset(state),
        SubTransition::PendingDeposits => deposits::process_pending_deposits(state).map(drop),
        SubTransition::PendingConsolidations => {
            consolidations::process_pending_consolidations(state).map(drop)
        }
        SubTransition::EffectiveBalanceUpdates => {
            effective_balances::process_effective_balance_updates(state)
        }
        SubTransition::SlashingsReset => resets::process_slashings_reset(state),
        SubTransition::RandaoMixesReset => resets::process_randao_mixes_reset(state),
        SubTransition::HistoricalRootsUpdate => resets::process_historical_roots_update(state),
        SubTransition::HistoricalSummariesUpdate => resets::process_historical_summaries_update(state),
        SubTransition::ParticipationRecordUpdates => {
            resets::process_participation_record_updates(state);
            Ok(())
        }
        SubTransition::ParticipationFlagUpdates => {
            resets::process_participation_flag_updates(state);
            Ok(())
        }
        SubTransition::SyncCommitteeUpdates => sync_committee::process_sync_committee_updates(state),
        SubTransition::ProposerLookahead => lookahead::process_proposer_lookahead(state),
        SubTransition::BuilderPendingPayments => builders::process_builder_pending_payments(state),
        SubTransition::PtcWindow => builders::process_ptc_window(state),
    };
    result.map_err(|error| error.in_part(part.name()))
}
