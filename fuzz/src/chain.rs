//! A small network for blocks and states, and a short chain that goes through every fork.

use std::sync::Arc;

use consensus::Root;
use consensus::block::{expected_withdrawals, process_block};
use consensus::bls::aggregate_public_keys;
use consensus::containers::{
    Attestation, AttestationData, BeaconBlock, BeaconBlockBody, BeaconState, Builder, Checkpoint,
    ExecutionPayload, ExecutionPayloadBid, ExecutionRequests, ForkRecord, PayloadAttestation,
    PayloadAttestationData, PublicKeyBytes, SignatureBytes, SignedBeaconBlock, SyncAggregate, Validator,
};
use consensus::hasher::StateHasher;
use consensus::spec::{
    BUILDER_INDEX_SELF_BUILD, Config, FAR_FUTURE_EPOCH, Fork, PAYLOAD_BUILDER_VERSION, Preset, Spec,
};
use consensus::ssz::{Bits, Bytes, Column, Ssz, merkle};
use consensus::state::State;
use consensus::transition::{Checks, StateRoots, TransitionError, latest_header, process_slots};

const ETH: u64 = 1_000_000_000;
const VALIDATORS: usize = 40;
/// Epochs of each fork. The last one is more, so that payments of builders come due.
const EPOCHS: u64 = 2;

/// The minimal preset with a fork that holds from genesis on.
pub fn spec(fork: Fork) -> Spec {
    let mut spec = unscheduled();
    for earlier in Fork::ALL.into_iter().filter(|earlier| *earlier <= fork) {
        spec.config.set_fork_epoch(earlier, 0);
    }
    spec
}

fn unscheduled() -> Spec {
    Spec { preset: Preset::MINIMAL, config: Config { config_name: "fuzz".to_owned(), ..Config::default() } }
}

/// The minimal preset with a new fork every other epoch, and delays so short that a few epochs see everything.
pub fn all_forks() -> Spec {
    let mut spec = unscheduled();
    for (number, fork) in (0..).zip(Fork::ALL) {
        spec.config.set_fork_epoch(fork, number * EPOCHS);
    }
    spec.config.shard_committee_period = 1;
    spec.config.min_validator_withdrawability_delay = 1;
    spec.config.min_builder_withdrawability_delay = 1;
    spec
}

/// A block and the state that it is applied to, which stands at the slot before.
#[derive(Clone)]
pub struct Step {
    /// The state.
    pub before: State,
    /// The block.
    pub block: Arc<SignedBeaconBlock>,
}

/// A valid chain through all forks, slot by slot. Nothing is signed.
pub fn grow() -> Result<Vec<Step>, TransitionError> {
    let mut hasher = StateHasher::new();
    let mut state = genesis()?;
    let slots = (Fork::ALL.len() as u64 * EPOCHS + 1) * state.spec().preset.slots_per_epoch;
    let mut steps = Vec::new();
    for slot in 1..slots {
        let before = state.clone();
        process_slots(&mut state, slot, &mut hasher)?;
        if state.fork_name() == Fork::Gloas && state.builders.is_empty() {
            state.data_mut().builders = Column::new(builders());
        }
        let mut block = Arc::new(propose(&mut state, &mut hasher)?);
        process_block(&mut state, &block, Checks::ROOTS, &mut ())?;
        Arc::make_mut(&mut block).message.state_root = hasher.state_root(&state)?;
        steps.push(Step { before, block });
    }
    Ok(steps)
}

/// The keys of the validators and of some who are none yet: each is the sum of the one before and the first.
pub fn keys() -> Vec<PublicKeyBytes> {
    // The generator of the group that public keys are in.
    const GENERATOR: [u8; 48] = [
        0x97, 0xf1, 0xd3, 0xa7, 0x31, 0x97, 0xd7, 0x94, 0x26, 0x95, 0x63, 0x8c, 0x4f, 0xa9, 0xac, 0x0f, 0xc3,
        0x68, 0x8c, 0x4f, 0x97, 0x74, 0xb9, 0x05, 0xa1, 0x4e, 0x3a, 0x3f, 0x17, 0x1b, 0xac, 0x58, 0x6c, 0x55,
        0xe8, 0x3f, 0xf9, 0x7a, 0x1a, 0xef, 0xfb, 0x3a, 0xf0, 0x0a, 0xdb, 0x22, 0xc6, 0xbb,
    ];
    let mut keys = vec![Bytes(GENERATOR)];
    while let (Some(last), true) = (keys.last(), keys.len() < VALIDATORS + 4) {
        let next = aggregate_public_keys(&[*last, Bytes(GENERATOR)]);
        keys.push(next.expect("a sum of keys is a key"));
    }
    keys
}

/// Credentials of a kind: BLS, an address, compounding, a builder's.
pub fn credentials(prefix: u8) -> Root {
    let mut bytes = [0x11; 32];
    bytes[..12].fill(0);
    bytes[0] = prefix;
    Root(bytes)
}

fn genesis() -> Result<State, TransitionError> {
    let spec = Arc::new(all_forks());
    let preset = &spec.preset;
    let version = spec.config.fork_version(Fork::Phase0);
    let validator = |(place, pubkey): (usize, PublicKeyBytes)| Validator {
        pubkey,
        withdrawal_credentials: credentials([1, 2, 0, 1][place % 4]),
        effective_balance: 32 * ETH,
        slashed: false,
        activation_eligibility_epoch: 0,
        // A few wait to be activated.
        activation_epoch: if place % 13 == 12 { FAR_FUTURE_EPOCH } else { 0 },
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    };
    let roots = || Column::new(vec![Root::default(); preset.slots_per_historical_root as usize]);
    let data = BeaconState {
        fork: ForkRecord { previous_version: version, current_version: version, epoch: 0 },
        block_roots: roots(),
        state_roots: roots(),
        randao_mixes: Column::new(vec![Root([3; 32]); preset.epochs_per_historical_vector as usize]),
        slashings: Column::new(vec![0; preset.epochs_per_slashings_vector as usize]),
        justification_bits: Bits::empty_vector(&spec.shape(Fork::Phase0)),
        validators: keys().into_iter().take(VALIDATORS).enumerate().map(validator).collect(),
        balances: Column::new((0..VALIDATORS as u64).map(|place| 32 * ETH + place % 3 * ETH).collect()),
        ..BeaconState::default()
    };
    State::new(Arc::clone(&spec), Fork::Phase0, data)
}

/// Builders with balances, one of them on its way out.
fn builders() -> Vec<Builder> {
    let builder = |(place, pubkey): (usize, PublicKeyBytes)| Builder {
        pubkey,
        version: PAYLOAD_BUILDER_VERSION,
        execution_address: Bytes([0x22; 20]),
        balance: 100 * ETH,
        deposit_epoch: 0,
        withdrawable_epoch: if place == 0 { 20 } else { FAR_FUTURE_EPOCH },
    };
    keys().into_iter().skip(VALIDATORS).take(3).enumerate().map(builder).collect()
}

/// A valid block for the slot of a state, but for its own state root.
pub fn propose(state: &mut State, roots: &mut dyn StateRoots) -> Result<SignedBeaconBlock, TransitionError> {
    let mut block = SignedBeaconBlock::default();
    let body = &mut block.message.body;
    body.randao_reveal.0 = [state.slot as u8; 96];
    body.eth1_data = state.eth1_data.clone();
    body.attestations = votes(state)?.into();
    let mut bits = Bits::empty_vector(&state.shape());
    for place in (0..bits.len()).filter(|place| place % 7 != 3) {
        bits.set(place, true);
    }
    body.sync_aggregate = SyncAggregate { sync_committee_bits: bits, sync_committee_signature: infinity() };
    if state.fork_name() >= Fork::Gloas {
        body.signed_execution_payload_bid.message = bid(state);
        body.signed_execution_payload_bid.signature = infinity();
        body.payload_attestations = payload_votes(state, roots)?.into();
    }
    fit(&mut block.message, state, roots)?;
    Ok(block)
}

/// A bid of a builder in every third slot, and of the proposer itself in the others.
fn bid(state: &State) -> ExecutionPayloadBid {
    let paid = state.slot.is_multiple_of(3) && state.finalized_checkpoint.epoch > 0;
    ExecutionPayloadBid {
        builder_index: if paid { 1 } else { BUILDER_INDEX_SELF_BUILD },
        value: if paid { ETH } else { 0 },
        execution_requests_root: Root(ExecutionRequests::default().hash_tree_root(&state.shape())),
        ..ExecutionPayloadBid::default()
    }
}

/// What the payload timeliness committee of the slot before says.
fn payload_votes(
    state: &State,
    roots: &mut dyn StateRoots,
) -> Result<Vec<PayloadAttestation>, TransitionError> {
    let Some(slot) = state.slot.checked_sub(1) else { return Ok(Vec::new()) };
    let header = latest_header(state, roots)?;
    let data = PayloadAttestationData {
        beacon_block_root: Root(header.hash_tree_root(&state.shape())),
        slot,
        payload_present: true,
        blob_data_available: true,
    };
    let mut aggregation_bits = Bits::empty_vector(&state.shape());
    for place in 0..aggregation_bits.len() {
        aggregation_bits.set(place, true);
    }
    Ok(vec![PayloadAttestation { aggregation_bits, data, signature: infinity() }])
}

fn infinity() -> SignatureBytes {
    let mut bytes = [0; 96];
    bytes[0] = 0xc0;
    Bytes(bytes)
}

/// Makes whatever a block repeats of the state that it is applied to right: the state stands at its slot.
pub fn fit(
    block: &mut BeaconBlock,
    state: &mut State,
    roots: &mut dyn StateRoots,
) -> Result<(), TransitionError> {
    let spec = Arc::clone(state.spec());
    let shape = spec.shape(state.fork_name());
    block.slot = state.slot;
    block.proposer_index = state.proposer_index()?;
    block.parent_root = Root(latest_header(state, roots)?.hash_tree_root(&shape));
    let parent_root = block.parent_root;
    let fork = state.fork_name();
    let body = &mut block.body;
    if fork >= Fork::Gloas {
        fit_bid(body, state, parent_root)?;
    } else if fork >= Fork::Bellatrix {
        fit_payload(&mut body.execution_payload, state)?;
    }
    Ok(())
}

fn fit_payload(payload: &mut ExecutionPayload, state: &State) -> Result<(), TransitionError> {
    let seconds = state.spec().config.slot_duration_ms / 1_000;
    payload.parent_hash = state.latest_execution_payload_header.block_hash;
    payload.prev_randao = state.randao_mix(state.current_epoch())?;
    payload.timestamp = state.genesis_time.wrapping_add(state.slot.wrapping_mul(seconds));
    payload.block_hash = Root(merkle::hash(&state.slot.to_le_bytes()));
    if state.fork_name() >= Fork::Capella {
        payload.withdrawals = expected_withdrawals(state)?.withdrawals.into();
    }
    Ok(())
}

fn fit_bid(body: &mut BeaconBlockBody, state: &State, parent_root: Root) -> Result<(), TransitionError> {
    let bid = &mut body.signed_execution_payload_bid.message;
    // The parent's payload came.
    bid.parent_block_hash = state.latest_execution_payload_bid.block_hash;
    bid.parent_block_root = parent_root;
    bid.slot = state.slot;
    bid.prev_randao = state.randao_mix(state.current_epoch())?;
    bid.block_hash = Root(merkle::hash(&state.slot.to_le_bytes()));
    Ok(())
}

/// What all committees of the slot before vote for.
fn votes(state: &mut State) -> Result<Vec<Attestation>, TransitionError> {
    let Some(slot) = state.slot.checked_sub(1) else { return Ok(Vec::new()) };
    let epoch = state.spec().epoch_at(slot);
    let spec = Arc::clone(state.spec());
    let shape = spec.shape(state.fork_name());
    let source = if epoch == state.current_epoch() {
        state.current_justified_checkpoint.clone()
    } else {
        state.previous_justified_checkpoint.clone()
    };
    let root_of = |slot: u64| state.block_root_at_slot(slot);
    let data = AttestationData {
        slot,
        index: 0,
        beacon_block_root: root_of(slot)?,
        source,
        target: Checkpoint { epoch, root: root_of(state.spec().start_slot(epoch))? },
    };
    let count = state.shuffling(epoch)?.committees_per_slot();
    let mut votes: Vec<Attestation> = Vec::new();
    let mut members = Vec::new();
    for index in 0..count {
        let committee = state.beacon_committee(slot, index)?;
        let bits = |members: usize| (0..members).map(|place| place % 9 != 8).collect::<Bits<_>>();
        if state.fork_name() < Fork::Electra {
            votes.push(Attestation {
                aggregation_bits: bits(committee.len()),
                data: AttestationData { index, ..data.clone() },
                ..Attestation::default()
            });
        } else {
            members.extend(committee);
            votes.truncate(0);
            let mut committees = Bits::empty_vector(&shape);
            for place in 0..=index as usize {
                committees.set(place, true);
            }
            votes.push(Attestation {
                aggregation_bits: bits(members.len()),
                data: data.clone(),
                committee_bits: committees,
                ..Attestation::default()
            });
        }
    }
    Ok(votes)
}
