//! Payloads that chain to each other; from Gloas on the bids for them, and whether they came.

use consensus::Root;
use consensus::block::{expected_withdrawals, is_merge_transition_complete};
use consensus::containers::{
    ExecutionPayload, ExecutionPayloadBid, ExecutionRequests, PayloadAttestation, PayloadAttestationData,
    SignedExecutionPayloadBid,
};
use consensus::spec::{BUILDER_INDEX_SELF_BUILD, DOMAIN_PTC_ATTESTER, Fork};
use consensus::ssz::{Bits, ByteList, Ssz, Uint256, merkle};
use consensus::state::{State, compute_signing_root};
use consensus::transition::TransitionError;
use rand::Rng;

use super::ChainPlan;
use super::keys::{Signing, sign};

/// Bytes of a simulated transaction.
const TRANSACTION_BYTES: usize = 512;

/// Gas that a payload may use.
const GAS_LIMIT: u64 = 45_000_000;

/// Of a thousand members of a payload timeliness committee, how many do not vote.
const ABSENT: u16 = 10;

/// Of a thousand members of a payload timeliness committee, how many saw the contrary of the others.
const CONTRARY: u16 = 20;

/// The hash of the block of the execution chain that the first payload builds on.
pub(super) fn first_hash(plan: &ChainPlan) -> Root {
    Root(merkle::hash(&plan.seed.to_le_bytes()))
}

/// The hash of the payload of a slot.
fn hash(parent: Root, slot: u64) -> Root {
    let mut seed = parent.0.to_vec();
    seed.extend_from_slice(&slot.to_le_bytes());
    Root(merkle::hash(&seed))
}

/// The payload of the block of the state's slot, before Gloas. Where the chain has none yet, this is the merge.
pub(super) fn payload(plan: &ChainPlan, state: &State) -> Result<ExecutionPayload, TransitionError> {
    let slot = state.slot;
    let header = &state.latest_execution_payload_header;
    let parent_hash = if is_merge_transition_complete(state) { header.block_hash } else { first_hash(plan) };
    let mut random = plan.random(slot, 6);
    let mut transactions = Vec::new();
    let mut left = plan.payload_bytes;
    while left > 0 {
        let mut bytes = vec![0; left.min(TRANSACTION_BYTES)];
        random.fill(bytes.as_mut_slice());
        left -= bytes.len();
        transactions.push(ByteList::new(bytes));
    }
    let mut base_fee = [0; 32];
    base_fee[0] = 7;
    let seconds = plan.spec.config.slot_duration_ms / 1_000;
    Ok(ExecutionPayload {
        parent_hash,
        prev_randao: state.randao_mix(state.current_epoch())?,
        block_number: header.block_number.saturating_add(1),
        gas_limit: GAS_LIMIT,
        timestamp: plan.genesis_time.saturating_add(slot.saturating_mul(seconds)),
        base_fee_per_gas: Uint256(base_fee),
        block_hash: hash(parent_hash, slot),
        transactions: transactions.into(),
        withdrawals: if state.fork_name() >= Fork::Capella {
            expected_withdrawals(state)?.withdrawals.into()
        } else {
            Vec::new().into()
        },
        ..ExecutionPayload::default()
    })
}

/// Whether the payload of the state's latest block came, or will come: as often as blocks are missed it does not.
pub(super) fn came(plan: &ChainPlan, state: &State) -> bool {
    let bid = &state.latest_execution_payload_bid;
    bid.block_hash == state.latest_block_hash || plan.chance(bid.slot, 9) >= u64::from(plan.missed_permille)
}

/// The bid of a proposer who builds the payload of the state's slot itself, upon the latest payload that came.
pub(super) fn bid(
    plan: &ChainPlan,
    state: &State,
    parent_root: Root,
) -> Result<SignedExecutionPayloadBid, TransitionError> {
    let parent = &state.latest_execution_payload_bid;
    let parent_hash = if came(plan, state) { parent.block_hash } else { state.latest_block_hash };
    let message = ExecutionPayloadBid {
        parent_block_hash: parent_hash,
        parent_block_root: parent_root,
        block_hash: hash(parent_hash, state.slot),
        prev_randao: state.randao_mix(state.current_epoch())?,
        gas_limit: GAS_LIMIT,
        builder_index: BUILDER_INDEX_SELF_BUILD,
        slot: state.slot,
        execution_requests_root: Root(ExecutionRequests::default().hash_tree_root(&state.shape())),
        ..ExecutionPayloadBid::default()
    };
    // A bid of the proposer itself is not signed.
    let signature = sign(Signing::Unsigned, std::iter::empty(), || [0; 32]);
    Ok(SignedExecutionPayloadBid { message, signature })
}

/// What the payload timeliness committee of the slot before says of the payload of its block.
pub(super) fn votes(
    plan: &ChainPlan,
    state: &State,
    parent_root: Root,
) -> Result<Vec<PayloadAttestation>, TransitionError> {
    let slot = state.slot.saturating_sub(1);
    // Nobody votes on the payload of a missed slot, of genesis, or of a block that has its payload inside.
    let has_bid = state.latest_block_header.slot == slot && state.latest_execution_payload_bid.slot == slot;
    if slot == 0 || !has_bid || state.spec().fork_at_slot(slot) < Fork::Gloas {
        return Ok(Vec::new());
    }
    let shape = state.shape();
    let domain = state.domain(DOMAIN_PTC_ATTESTER, plan.spec.epoch_at(slot));
    let came = came(plan, state);
    let mut random = plan.random(slot, 10);
    let mut groups = [came, !came].map(|seen| (seen, Bits::empty_vector(&shape), Vec::new()));
    for (place, member) in state.payload_committee(slot)?.into_iter().enumerate() {
        let ticket = random.random_range(0..1_000_u16);
        if ticket < ABSENT {
            continue;
        }
        let [(_, with, them), (_, against, others)] = &mut groups;
        let (bits, members) = if ticket < ABSENT + CONTRARY { (against, others) } else { (with, them) };
        bits.set(place, true);
        members.push(u32::try_from(member).unwrap_or_default());
    }
    let voted = groups.into_iter().filter(|(_, _, members)| !members.is_empty());
    let votes = voted.map(|(seen, aggregation_bits, members)| {
        let data = PayloadAttestationData {
            beacon_block_root: parent_root,
            slot,
            payload_present: seen,
            blob_data_available: seen,
        };
        let message = || compute_signing_root(&data, domain, &shape);
        let signature = sign(plan.signing, members.iter().copied(), message);
        PayloadAttestation { aggregation_bits, data, signature }
    });
    Ok(votes.collect())
}
