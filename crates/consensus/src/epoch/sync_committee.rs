//! The next sync committee.

use super::resets::next_epoch;
use crate::bls;
use crate::containers::SyncCommittee;
use crate::spec::DOMAIN_SYNC_COMMITTEE;
use crate::ssz::Column;
use crate::state::{Lottery, State, active_indices, shuffle_list};
use crate::transition::math::{add, index, rem};
use crate::transition::{TransitionError, Violation, ensure};

/// Candidates that are tried before the sampling is given up: far more than chance needs.
const MAX_TRIALS: u64 = 1 << 28;

/// Source: altair `process_sync_committee_updates`.
pub(super) fn process_sync_committee_updates(state: &mut State) -> Result<(), TransitionError> {
    let period = state.spec.preset.epochs_per_sync_committee_period;
    if rem(next_epoch(state)?, period, "the period of sync committees")? == 0 {
        let next = next_sync_committee(state)?;
        state.data.current_sync_committee = std::mem::replace(&mut state.data.next_sync_committee, next);
    }
    Ok(())
}

/// Draws the sync committee that follows the next one.
///
/// Source: altair `get_next_sync_committee`.
pub fn next_sync_committee(state: &State) -> Result<SyncCommittee, TransitionError> {
    let members = next_members(state)?;
    let mut keys = Vec::with_capacity(members.len());
    for member in members {
        let key = state.data.validators.pubkeys.get(member as usize);
        keys.push(*key.ok_or(Violation::NoValidator(u64::from(member)))?);
    }
    let aggregate = bls::aggregate_public_keys(&keys);
    let aggregate = aggregate.ok_or(Violation::State("a member of the sync committee has no valid key"))?;
    Ok(SyncCommittee { pubkeys: Column::new(keys), aggregate_pubkey: aggregate })
}

/// Every active validator is a candidate in shuffled order, over and over, and wins by its effective balance. So
/// many of them are tried that shuffling all of them once is less work than finding them one by one.
///
/// Source: altair and electra `get_next_sync_committee_indices`.
fn next_members(state: &State) -> Result<Vec<u32>, TransitionError> {
    let epoch = add(state.current_epoch(), 1, "the epoch")?;
    let seed = state.seed(epoch, DOMAIN_SYNC_COMMITTEE)?;
    let mut candidates = active_indices(&state.data.validators, epoch);
    ensure!(!candidates.is_empty(), "there is no active validator for the sync committee");
    shuffle_list(&mut candidates, &seed, state.spec.preset.shuffle_round_count as u8);
    let size = index(state.spec.preset.sync_committee_size);
    let mut lottery = Lottery::new(state, seed);
    let mut members = Vec::with_capacity(size);
    for (trial, candidate) in (0..MAX_TRIALS).zip(candidates.iter().cycle()) {
        if members.len() >= size {
            break;
        }
        let balance = state.data.validators.effective_balances.get(*candidate as usize).copied();
        if lottery.wins(trial, balance.unwrap_or_default()) {
            members.push(*candidate);
        }
    }
    ensure!(
        members.len() >= size,
        "the active validators have too little effective balance for a sync committee"
    );
    Ok(members)
}
