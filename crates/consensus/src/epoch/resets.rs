//! What the end of an epoch clears, carries over or puts away.

use crate::containers::HistoricalSummary;
use crate::primitives::Root;
use crate::ssz::{Column, Ssz, merkle};
use crate::state::State;
use crate::transition::math::{add, div, index, rem};
use crate::transition::{TransitionError, Violation};

/// The number of the next epoch.
pub(super) fn next_epoch(state: &State) -> Result<u64, TransitionError> {
    add(state.current_epoch(), 1, "the epoch")
}

/// Source: phase0 `process_eth1_data_reset`.
pub(super) fn process_eth1_data_reset(state: &mut State) -> Result<(), TransitionError> {
    let period = state.spec.preset.epochs_per_eth1_voting_period;
    if rem(next_epoch(state)?, period, "the voting period")? == 0 {
        state.data.eth1_data_votes = Column::default();
    }
    Ok(())
}

/// Source: phase0 `process_slashings_reset`.
pub(super) fn process_slashings_reset(state: &mut State) -> Result<(), TransitionError> {
    let kept = state.spec.preset.epochs_per_slashings_vector;
    let place = index(rem(next_epoch(state)?, kept, "the number of slashed balances")?);
    if state.data.slashings.get(place) != Some(&0) {
        let slot = state.data.slashings.get_mut(place);
        *slot.ok_or(Violation::State("slashings is too short"))? = 0;
    }
    Ok(())
}

/// Source: phase0 `process_randao_mixes_reset`.
pub(super) fn process_randao_mixes_reset(state: &mut State) -> Result<(), TransitionError> {
    let mix = state.randao_mix(state.current_epoch())?;
    let kept = state.spec.preset.epochs_per_historical_vector;
    let place = index(rem(next_epoch(state)?, kept, "the number of randao mixes")?);
    let slot = state.data.randao_mixes.get_mut(place);
    *slot.ok_or(Violation::State("randao_mixes is too short"))? = mix;
    Ok(())
}

/// Whether the roots of blocks and states fill a period at the end of this epoch.
fn ends_period(state: &State) -> Result<bool, TransitionError> {
    let what = "the period of historical roots";
    let preset = &state.spec.preset;
    let period = div(preset.slots_per_historical_root, preset.slots_per_epoch, what)?;
    Ok(rem(next_epoch(state)?, period, what)? == 0)
}

/// Source: phase0 `process_historical_roots_update`.
pub(super) fn process_historical_roots_update(state: &mut State) -> Result<(), TransitionError> {
    if ends_period(state)? {
        let shape = state.shape();
        let blocks = state.data.block_roots.hash_tree_root(&shape);
        let states = state.data.state_roots.hash_tree_root(&shape);
        state.data.historical_roots.push(Root(merkle::hash_pair(&blocks, &states)));
    }
    Ok(())
}

/// Source: capella `process_historical_summaries_update`.
pub(super) fn process_historical_summaries_update(state: &mut State) -> Result<(), TransitionError> {
    if ends_period(state)? {
        let shape = state.shape();
        let summary = HistoricalSummary {
            block_summary_root: Root(state.data.block_roots.hash_tree_root(&shape)),
            state_summary_root: Root(state.data.state_roots.hash_tree_root(&shape)),
        };
        state.data.historical_summaries.push(summary);
    }
    Ok(())
}

/// Source: phase0 `process_participation_record_updates`.
pub(super) fn process_participation_record_updates(state: &mut State) {
    state.data.previous_epoch_attestations = std::mem::take(&mut state.data.current_epoch_attestations);
}

/// Source: altair `process_participation_flag_updates`.
pub(super) fn process_participation_flag_updates(state: &mut State) {
    let data = &mut state.data;
    std::mem::swap(&mut data.previous_epoch_participation, &mut data.current_epoch_participation);
    let count = data.validators.len();
    let flags = &mut data.current_epoch_participation;
    if std::sync::Arc::strong_count(flags.shared()) == 1 {
        let flags = flags.make_mut();
        flags.clear();
        flags.resize(count, 0);
    } else {
        *flags = Column::new(vec![0; count]);
    }
}
