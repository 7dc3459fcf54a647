//! What a block would earn, without applying all of it: enough of it is applied to a copy to know.

use crate::block::{Inclusion, process_attestation};
use crate::containers::{Attestation, BeaconBlockBody, SyncAggregate};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::{Checks, Recorder, TransitionError};

/// Records the rewards of attestations and sync aggregate of a block by the given proposer. `state` stands at the
/// block's slot, and is left with the attestations applied: give a copy.
pub fn record_body<R: Recorder>(
    state: &mut State,
    proposer_index: u64,
    body: &BeaconBlockBody,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    record_parts(state, proposer_index, &body.attestations, &body.sync_aggregate, recorder)
}

/// As [`record_body`], from the two parts of a block that rewards depend on.
pub fn record_parts<R: Recorder>(
    state: &mut State,
    proposer_index: u64,
    attestations: &[Attestation],
    sync_aggregate: &SyncAggregate,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    state.trust_proposer(proposer_index);
    let parent_slot = state.latest_block_header.slot;
    for (position, attestation) in attestations.iter().enumerate() {
        let inclusion = Inclusion { position, parent_slot };
        process_attestation(state, attestation, inclusion, Checks::TRUST, recorder)
            .map_err(|error| error.in_operation("attestations", position).at_slot(state.slot))?;
    }
    if state.fork_name() >= Fork::Altair {
        let rewards = state.sync_rewards()?;
        recorder.sync_aggregate(sync_aggregate.sync_committee_bits.count() as u64, rewards.proposer);
    }
    Ok(())
}
