//! The votes of the sync committee.

use crate::bls;
use crate::containers::SyncAggregate;
use crate::spec::DOMAIN_SYNC_COMMITTEE;
use crate::state::{State, compute_signing_root};
use crate::transition::math::{add, index, mul};
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
    let what = "a balance";
    let rewards = state.sync_rewards()?;
    let members = state.sync_members()?;
    ensure!(
        members.len() == aggregate.sync_committee_bits.len(),
        "the number of bits is not that of the committee"
    );
    let proposer = state.proposer_index()?;
    let participants = aggregate.sync_committee_bits.count() as u64;
    let earned = mul(rewards.proposer, participants, "the reward of the proposer")?;
    let balances = state.data.balances.make_mut();
    // A fine ends at nothing, so the order of the members matters to one who is there more than once, and to a
    // proposer who is there too. Nothing else tells when the proposer is paid.
    let mut proposer_pay = 0_u64;
    for (member, present) in members.iter().zip(aggregate.sync_committee_bits.iter()) {
        let missing = Violation::NoValidator(u64::from(*member));
        let balance = balances.get_mut(*member as usize).ok_or(missing)?;
        let is_proposer = u64::from(*member) == proposer;
        if is_proposer {
            *balance = add(*balance, proposer_pay, what)?;
            proposer_pay = 0;
        }
        if present {
            *balance = add(*balance, rewards.participant, what)?;
            proposer_pay = add(proposer_pay, rewards.proposer, what)?;
        } else {
            *balance = balance.saturating_sub(rewards.participant);
        }
    }
    let balance = balances.get_mut(index(proposer)).ok_or(Violation::NoValidator(proposer))?;
    *balance = add(*balance, proposer_pay, what)?;
    debug_assert!(proposer_pay <= earned);
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
