//! What a full node tells light clients, made of its blocks and states.
//!
//! Source: altair `specs/altair/light-client/full-node.md`.

use super::{
    Place, current_committee, empty_branch, empty_committee, empty_header, execution_payload, next_committee,
    period_at_slot,
};
use crate::containers::{
    BeaconBlock, BeaconBlockBody, LightClientBootstrap, LightClientFinalityUpdate, LightClientHeader,
    LightClientOptimisticUpdate, LightClientUpdate, SignatureBytes, SignedBeaconBlock, SyncAggregate,
};
use crate::primitives::Root;
use crate::spec::sizes::{FinalityBranchLength, SyncCommitteeBranchLength};
use crate::spec::{Fork, GENESIS_SLOT, Shape};
use crate::ssz::{Bits, List, Size, Ssz, merkle};
use crate::state::State;
use crate::transition::{TransitionError, Violation, ensure};

fn branch<S: Size>(fields: &[[u8; 32]], place: Option<Place>) -> Result<List<Root, S>, TransitionError> {
    let place = place.ok_or(Violation::Rule("light clients are served from Altair on"))?;
    let nodes = merkle::branch(fields, place.depth, place.index);
    Ok(List::new(nodes.into_iter().map(Root).collect()))
}

/// The header of a block.
///
/// Source: altair, capella and deneb `block_to_light_client_header`.
pub fn header_of(block: &BeaconBlock, shape: &Shape<'_>) -> Result<LightClientHeader, TransitionError> {
    let beacon = block.to_header(shape);
    if shape.fork < Fork::Capella {
        return Ok(LightClientHeader { beacon, ..LightClientHeader::default() });
    }
    let execution_branch = branch(&block.body.field_roots(shape), execution_payload(shape))?;
    Ok(LightClientHeader {
        beacon,
        execution: block.body.execution_payload.to_header(shape),
        execution_branch,
    })
}

/// The block of a state that no block led to: its body is empty.
pub fn anchor_block(state: &State) -> Result<SignedBeaconBlock, TransitionError> {
    let shape = state.shape();
    let aggregate =
        SyncAggregate { sync_committee_bits: Bits::empty_vector(&shape), ..SyncAggregate::default() };
    let header = &state.latest_block_header;
    let message = BeaconBlock {
        slot: header.slot,
        proposer_index: header.proposer_index,
        parent_root: header.parent_root,
        state_root: Root(state.hash_tree_root()?),
        body: BeaconBlockBody { sync_aggregate: aggregate, ..BeaconBlockBody::default() },
    };
    ensure!(
        message.body.hash_tree_root(&shape) == header.body_root.0,
        "the latest block has a body that is not known"
    );
    Ok(SignedBeaconBlock { message, signature: SignatureBytes::default() })
}

/// The root of a block whose state this is. An error where it is the state of another block, or of a later slot.
fn check_state(state: &State, block: &SignedBeaconBlock) -> Result<[u8; 32], TransitionError> {
    ensure!(state.slot == state.latest_block_header.slot, "the state is of a slot after its block");
    ensure!(state.fork >= Fork::Altair, "light clients are served from Altair on");
    let mut header = state.latest_block_header.clone();
    header.state_root = Root(state.hash_tree_root()?);
    let root = header.hash_tree_root(&state.shape());
    ensure!(root == block.message.hash_tree_root(&state.shape()), "the state is not that of the block");
    Ok(root)
}

/// Where a light client may begin, from a block and the state after it.
///
/// Source: altair `create_light_client_bootstrap`.
pub fn bootstrap_of(
    state: &State,
    block: &SignedBeaconBlock,
) -> Result<LightClientBootstrap, TransitionError> {
    check_state(state, block)?;
    let shape = state.shape();
    Ok(LightClientBootstrap {
        header: header_of(&block.message, &shape)?,
        current_sync_committee: state.current_sync_committee.clone(),
        current_sync_committee_branch: branch(&state.field_roots(&shape), current_committee(&shape))?,
    })
}

/// The update that a block makes with the votes it carries for its parent. The finalized block is that of the
/// checkpoint of the parent's state, where it is there.
///
/// Source: altair `create_light_client_update`.
pub fn update_of(
    block: &SignedBeaconBlock,
    attested_state: &State,
    attested_block: &SignedBeaconBlock,
    finalized: Option<(&SignedBeaconBlock, Fork)>,
) -> Result<LightClientUpdate, TransitionError> {
    let spec = attested_state.spec();
    let shape = attested_state.shape();
    let votes = block.message.body.sync_aggregate.sync_committee_bits.count() as u64;
    ensure!(votes >= spec.preset.min_sync_committee_participants, "too few took part");
    let attested_root = check_state(attested_state, attested_block)?;
    ensure!(attested_root == block.message.parent_root.0, "the attested block is not the parent");

    let fields = attested_state.field_roots(&shape);
    let signature_slot = block.message.slot;
    let mut update = LightClientUpdate {
        attested_header: header_of(&attested_block.message, &shape)?,
        next_sync_committee: empty_committee(&shape),
        next_sync_committee_branch: empty_branch::<SyncCommitteeBranchLength>(&shape),
        finalized_header: empty_header(&shape),
        finality_branch: empty_branch::<FinalityBranchLength>(&shape),
        sync_aggregate: block.message.body.sync_aggregate.clone(),
        signature_slot,
    };
    // The next committee is of use only where the current one signs.
    if period_at_slot(spec, attested_block.message.slot) == period_at_slot(spec, signature_slot) {
        update.next_sync_committee = attested_state.next_sync_committee.clone();
        update.next_sync_committee_branch = branch(&fields, next_committee(&shape))?;
    }
    if let Some((finalized, fork)) = finalized {
        let checkpoint = &attested_state.finalized_checkpoint;
        if finalized.message.slot == GENESIS_SLOT {
            ensure!(checkpoint.root == Root::default(), "the finalized block is another one");
        } else {
            let header = header_of(&finalized.message, &spec.shape(fork))?;
            let root = header.beacon.hash_tree_root(&shape);
            ensure!(root == checkpoint.root.0, "the finalized block is another one");
            update.finalized_header = header;
        }
        // Beside the root stands the checkpoint's epoch.
        let place = super::field_of_state(&shape, "finalized_checkpoint");
        let mut nodes = vec![Root(checkpoint.epoch.hash_tree_root(&shape))];
        nodes.extend(branch::<FinalityBranchLength>(&fields, place)?.into_inner());
        update.finality_branch = List::new(nodes);
    }
    Ok(update)
}

/// The finalized header of an update.
///
/// Source: altair `create_light_client_finality_update`.
pub fn finality_update_of(update: &LightClientUpdate) -> LightClientFinalityUpdate {
    LightClientFinalityUpdate {
        attested_header: update.attested_header.clone(),
        finalized_header: update.finalized_header.clone(),
        finality_branch: update.finality_branch.clone(),
        sync_aggregate: update.sync_aggregate.clone(),
        signature_slot: update.signature_slot,
    }
}

/// The attested header of an update.
///
/// Source: altair `create_light_client_optimistic_update`.
pub fn optimistic_update_of(update: &LightClientUpdate) -> LightClientOptimisticUpdate {
    LightClientOptimisticUpdate {
        attested_header: update.attested_header.clone(),
        sync_aggregate: update.sync_aggregate.clone(),
        signature_slot: update.signature_slot,
    }
}
