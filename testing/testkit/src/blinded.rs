//! Blocks as proposals that nobody signed yet.

use consensus::containers::{BlindedBeaconBlock, BlindedBeaconBlockBody};
use consensus::spec::Spec;
use consensus::ssz::Json as _;
use serde_json::Value;
use source::chain::ChainBlock;

/// A block as nodes propose it, without signature and with the header of its payload, in the JSON of the Beacon API.
pub fn blinded(spec: &Spec, block: &ChainBlock) -> Value {
    let (shape, message) = (spec.shape(block.fork), &block.block.message);
    let body = message.body.clone();
    let blinded = BlindedBeaconBlock {
        slot: message.slot,
        proposer_index: message.proposer_index,
        parent_root: message.parent_root,
        state_root: message.state_root,
        body: BlindedBeaconBlockBody {
            execution_payload_header: body.execution_payload.to_header(&shape),
            randao_reveal: body.randao_reveal,
            eth1_data: body.eth1_data,
            graffiti: body.graffiti,
            proposer_slashings: body.proposer_slashings,
            attester_slashings: body.attester_slashings,
            attestations: body.attestations,
            deposits: body.deposits,
            voluntary_exits: body.voluntary_exits,
            sync_aggregate: body.sync_aggregate,
            bls_to_execution_changes: body.bls_to_execution_changes,
            blob_kzg_commitments: body.blob_kzg_commitments,
            execution_requests: body.execution_requests,
        },
    };
    blinded.to_json(&shape)
}
