//! The votes of the sync committee.

use crate::bls;
use crate::containers::SyncAggregate;
use crate::spec::DOMAIN_SYNC_COMMITTEE;
use crate::state::{State, compute_signing_root};
use crate::transition::{Checks, Recorder, Signatures, TransitionError, Violation, ensure};

/// Pays the members of the sync committee who took part, and the proposer for them; fines the others.
///
/// Source: altair `process_sync_aggregate`.
pub fn process_sync_aggregate<R: Recorder>(
    state: &mut State,
    aggregate: &SyncAggregate,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    if checks.signatures == Signatures::Verify {
        verify(state, aggregate)?;
    }
    let rewards = state.sync_rewards()?;
    let members = state.sync_members()?;
    ensure!(
        members.len() == aggregate.sync_committee_bits.len(),
        "the number of bits is not that of the committee"
    );
    let proposer = state.proposer_index()?;
    let mut participants = 0;
    // One after another: a fine ends at nothing, and a validator may be there more than once.
    for (member, present) in members.iter().zip(aggregate.sync_committee_bits.iter()) {
        if present {
            state.increase_balance(u64::from(*member), rewards.participant)?;
            state.increase_balance(proposer, rewards.proposer)?;
            participants += 1;
        } else {
            state.decrease_balance(u64::from(*member), rewards.participant)?;
        }
    }
    recorder.sync_aggregate(participants, rewards.proposer);
    Ok(())
}

/// The members sign the block of the slot before.
fn verify(state: &State, aggregate: &SyncAggregate) -> Result<(), TransitionError> {
    let slot = state.data.slot.saturating_sub(1);
    let keys: Vec<_> = state
        .data
        .current_sync_committee
        .pubkeys
        .iter()
        .zip(aggregate.sync_committee_bits.iter())
        .filter(|(_, present)| *present)
        .map(|(key, _)| *key)
        .collect();
    let domain = state.domain(DOMAIN_SYNC_COMMITTEE, state.spec.epoch_at(slot));
    let root = compute_signing_root(&state.block_root_at_slot(slot)?, domain, &state.shape());
    if !bls::eth_fast_aggregate_verify(&keys, &root, &aggregate.sync_committee_signature) {
        return Err(Violation::Signature("the sync committee").into());
    }
    Ok(())
}
