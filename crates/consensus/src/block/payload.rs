//! The payload of the execution chain that a block carries, before Gloas.

use crate::containers::{BeaconBlockBody, ExecutionPayload, ExecutionPayloadHeader};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::math::{add, mul};
use crate::transition::{Checks, PayloadStatus, StateRoot, TransitionError, ensure};

/// Takes in the payload of a block.
///
/// Source: bellatrix `process_execution_payload`, and what capella to fulu change in it.
pub fn process_execution_payload(
    state: &mut State,
    body: &BeaconBlockBody,
    checks: Checks,
) -> Result<(), TransitionError> {
    let payload = &body.execution_payload;
    if state.fork >= Fork::Capella || is_merge_transition_complete(state) {
        let parent = state.data.latest_execution_payload_header.block_hash;
        if payload.parent_hash != parent {
            return Err(TransitionError::mismatch("the parent hash", parent, payload.parent_hash));
        }
    }
    ensure!(
        payload.prev_randao == state.randao_mix(state.current_epoch())?,
        "the randomness of the payload is not that of the state"
    );
    let time = state.time_of_slot()?;
    if payload.timestamp != time {
        return Err(TransitionError::mismatch("the timestamp", time, payload.timestamp));
    }
    if state.fork >= Fork::Deneb {
        let most = state.spec.config.max_blobs_at(state.current_epoch());
        ensure!(body.blob_kzg_commitments.len() as u64 <= most, "there are more blobs than a block may have");
    }
    ensure!(checks.payload == PayloadStatus::Valid, "the execution client refuses the payload");
    // The roots of the lists can be put off only where the block is kept.
    let put_off = checks.state_root == StateRoot::Trust && state.deferred.block.is_some();
    state.data.latest_execution_payload_header =
        if put_off { payload.to_header_without_roots() } else { payload.to_header(&state.shape()) };
    state.deferred.payload_roots = put_off;
    Ok(())
}

/// Whether the chain has payloads already.
///
/// Source: bellatrix `is_merge_transition_complete`.
pub fn is_merge_transition_complete(state: &State) -> bool {
    state.fork >= Fork::Capella
        || state.data.latest_execution_payload_header != ExecutionPayloadHeader::default()
}

/// Whether a block of Bellatrix or later has a payload to process.
///
/// Source: bellatrix `is_execution_enabled`.
pub(super) fn is_execution_enabled(state: &State, body: &BeaconBlockBody) -> bool {
    is_merge_transition_complete(state) || is_merge_transition_block(state, body)
}

/// Whether a block is the first one with a payload.
///
/// Source: bellatrix `is_merge_transition_block`.
pub fn is_merge_transition_block(state: &State, body: &BeaconBlockBody) -> bool {
    !is_merge_transition_complete(state) && body.execution_payload != ExecutionPayload::default()
}

impl State {
    /// Unix time of the state's slot, seconds.
    ///
    /// Source: bellatrix `compute_timestamp_at_slot`.
    pub(crate) fn time_of_slot(&self) -> Result<u64, TransitionError> {
        let what = "the time of a slot";
        let since_genesis = mul(self.data.slot, self.spec.config.slot_duration_ms / 1_000, what)?;
        add(self.data.genesis_time, since_genesis, what)
    }
}
