//! Proposing a block on a state that stands at the block's slot.

use std::sync::Arc;

use consensus::Root;
use consensus::block::process_block;
use consensus::containers::{
    Attestation, BeaconBlock, BeaconBlockBody, ExecutionPayload, SignedBeaconBlock, SyncAggregate,
};
use consensus::spec::{DOMAIN_BEACON_PROPOSER, DOMAIN_RANDAO, DOMAIN_SYNC_COMMITTEE, Fork};
use consensus::ssz::{Bits, Ssz};
use consensus::state::{State, compute_signing_root};
use consensus::transition::{Checks, StateRoots, TransitionError};
use rand::Rng;

use super::keys::{Signing, sign};
use super::{ChainError, ChainPlan, payload};

/// Of a thousand members of the sync committee, how many do not vote.
const SYNC_ABSENT: u16 = 10;

/// Makes the block of the state's slot and applies it.
pub(super) fn propose(
    plan: &ChainPlan,
    state: &mut State,
    graffiti: Root,
    attestations: Vec<Attestation>,
    roots: &mut dyn StateRoots,
) -> Result<Arc<SignedBeaconBlock>, ChainError> {
    let slot = state.slot;
    let fork = state.fork_name();
    let shape = plan.spec.shape(fork);
    let parent_root = Root(state.latest_block_header.hash_tree_root(&shape));
    let proposer = state.proposer_index()?;
    let signer = u32::try_from(proposer).unwrap_or_default();
    let epoch = state.current_epoch();
    let randao_domain = state.domain(DOMAIN_RANDAO, epoch);
    let mut body = BeaconBlockBody {
        randao_reveal: randao(plan, slot, signer, || compute_signing_root(&epoch, randao_domain, &shape)),
        eth1_data: state.eth1_data.clone(),
        graffiti,
        attestations: attestations.into(),
        sync_aggregate: if fork >= Fork::Altair {
            sync_aggregate(plan, state)?
        } else {
            SyncAggregate::default()
        },
        execution_payload: if (Fork::Bellatrix..Fork::Gloas).contains(&fork) {
            payload::payload(plan, state)?
        } else {
            ExecutionPayload::default()
        },
        ..BeaconBlockBody::default()
    };
    if fork >= Fork::Gloas {
        body.signed_execution_payload_bid = payload::bid(plan, state, parent_root)?;
        body.payload_attestations = payload::votes(plan, state, parent_root)?.into();
    }
    let message =
        BeaconBlock { slot, proposer_index: proposer, parent_root, state_root: Root::default(), body };
    let mut block = Arc::new(SignedBeaconBlock { message, ..SignedBeaconBlock::default() });
    process_block(state, &block, Checks::ROOTS, &mut ())?;
    let state_root = roots.state_root(state)?;
    let domain = state.domain(DOMAIN_BEACON_PROPOSER, epoch);
    let signed = Arc::make_mut(&mut block);
    signed.message.state_root = state_root;
    let message = &signed.message;
    signed.signature =
        sign(plan.signing, std::iter::once(signer), || compute_signing_root(message, domain, &shape));
    Ok(block)
}

/// The proposer's signature of the epoch; in an unsigned chain random bytes, so that proposers differ.
fn randao(
    plan: &ChainPlan,
    slot: u64,
    proposer: u32,
    message: impl FnOnce() -> [u8; 32],
) -> consensus::containers::SignatureBytes {
    let mut reveal = sign(plan.signing, std::iter::once(proposer), message);
    if plan.signing == Signing::Unsigned {
        plan.random(slot, 4).fill(&mut reveal.0[1..]);
    }
    reveal
}

fn sync_aggregate(plan: &ChainPlan, state: &mut State) -> Result<SyncAggregate, TransitionError> {
    let shape = plan.spec.shape(state.fork_name());
    let slot = state.slot;
    let before = slot.saturating_sub(1);
    let members = state.sync_members()?;
    let mut random = plan.random(slot, 5);
    let mut bits = Bits::empty_vector(&shape);
    let mut present = Vec::new();
    for (place, member) in members.iter().enumerate() {
        if random.random_range(0..1_000) >= SYNC_ABSENT {
            bits.set(place, true);
            present.push(*member);
        }
    }
    let root = state.block_root_at_slot(before)?;
    let domain = state.domain(DOMAIN_SYNC_COMMITTEE, plan.spec.epoch_at(before));
    let signature = sign(plan.signing, present.into_iter(), || compute_signing_root(&root, domain, &shape));
    Ok(SyncAggregate { sync_committee_bits: bits, sync_committee_signature: signature })
}
