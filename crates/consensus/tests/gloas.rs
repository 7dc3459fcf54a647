//! A chain that goes on into Gloas: upgrades, blocks with and without payloads, payments of builders. There are no
//! official cases for chains of this fork yet.

use std::sync::Arc;

use consensus::Root;
use consensus::block::process_block;
use consensus::bls::aggregate_public_keys;
use consensus::containers::{
    BeaconBlock, BeaconBlockBody, BeaconState, Builder, BuilderPendingPayment, BuilderPendingWithdrawal,
    ExecutionPayloadBid, ForkRecord, PayloadAttestation, PayloadAttestationData, PendingDeposit,
    PublicKeyBytes, SignatureBytes, SignedBeaconBlock, SignedExecutionPayloadBid, SyncAggregate, Validator,
};
use consensus::spec::{BUILDER_INDEX_FLAG, BUILDER_INDEX_SELF_BUILD, FAR_FUTURE_EPOCH, Fork, Network, Spec};
use consensus::ssz::{Bits, Bytes, Column, Ssz};
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, TransitionError, process_slots, process_slots_trusting};

const ETH: u64 = 1_000_000_000;
const VALIDATORS: usize = 64;
/// The first slot of Gloas: epoch 2.
const GLOAS_SLOT: u64 = 16;

/// The generator of the group that public keys are in.
const GENERATOR: [u8; 48] = [
    0x97, 0xf1, 0xd3, 0xa7, 0x31, 0x97, 0xd7, 0x94, 0x26, 0x95, 0x63, 0x8c, 0x4f, 0xa9, 0xac, 0x0f, 0xc3,
    0x68, 0x8c, 0x4f, 0x97, 0x74, 0xb9, 0x05, 0xa1, 0x4e, 0x3a, 0x3f, 0x17, 0x1b, 0xac, 0x58, 0x6c, 0x55,
    0xe8, 0x3f, 0xf9, 0x7a, 0x1a, 0xef, 0xfb, 0x3a, 0xf0, 0x0a, 0xdb, 0x22, 0xc6, 0xbb,
];

fn infinity() -> SignatureBytes {
    let mut bytes = [0; 96];
    bytes[0] = 0xc0;
    Bytes(bytes)
}

/// Every key is the sum of the one before and the generator.
fn keys() -> Vec<PublicKeyBytes> {
    let mut keys = vec![Bytes(GENERATOR)];
    while keys.len() < VALIDATORS {
        keys.push(aggregate_public_keys(&[keys[keys.len() - 1], Bytes(GENERATOR)]).unwrap());
    }
    keys
}

/// All forks up to Fulu at epoch 1, Gloas at epoch 2.
fn spec() -> Arc<Spec> {
    let mut spec = Network::Minimal.spec();
    for fork in Fork::ALL {
        spec.config.set_fork_epoch(fork, (fork as u64).min(1) + u64::from(fork == Fork::Gloas));
    }
    Arc::new(spec)
}

fn credentials(prefix: u8) -> Root {
    let mut bytes = [0x11; 32];
    bytes[..12].fill(0);
    bytes[0] = prefix;
    Root(bytes)
}

/// A state at genesis, moved on to the first slot of Gloas.
fn gloas_state() -> State {
    let spec = spec();
    let preset = &spec.preset;
    let version = spec.config.fork_version(Fork::Phase0);
    let validator = |pubkey| Validator {
        pubkey,
        withdrawal_credentials: credentials(1),
        effective_balance: 32 * ETH,
        slashed: false,
        activation_eligibility_epoch: 0,
        activation_epoch: 0,
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
        validators: keys().into_iter().map(validator).collect(),
        balances: Column::new(vec![32 * ETH; VALIDATORS]),
        ..BeaconState::default()
    };
    let mut state = State::new(Arc::clone(&spec), Fork::Phase0, data).unwrap();
    process_slots(&mut state, GLOAS_SLOT - 1, &mut FromScratch).unwrap();
    // One deposit of a validator to be, one of a builder whose signature is not good.
    let deposit = |pubkey, prefix| PendingDeposit {
        pubkey,
        withdrawal_credentials: credentials(prefix),
        amount: ETH,
        signature: infinity(),
        // Not finalized: it waits.
        slot: 9,
    };
    let queue = vec![deposit(Bytes([1; 48]), 1), deposit(Bytes([2; 48]), 0xb0)];
    state.data_mut().pending_deposits = Column::new(queue);
    process_slots(&mut state, GLOAS_SLOT, &mut FromScratch).unwrap();
    state
}

fn root(byte: u8) -> Root {
    Root([byte; 32])
}

/// A block for the state's slot that builds on the payload with the given hash.
fn block(state: &mut State, parent_hash: Root, bid: ExecutionPayloadBid) -> Arc<SignedBeaconBlock> {
    let shape = state.shape();
    let slot = state.slot;
    let parent_root = Root(state.latest_block_header.hash_tree_root(&shape));
    let bid = ExecutionPayloadBid {
        slot,
        parent_block_hash: parent_hash,
        parent_block_root: parent_root,
        prev_randao: state.randao_mix(state.current_epoch()).unwrap(),
        execution_requests_root: Root(
            consensus::containers::ExecutionRequests::default().hash_tree_root(&shape),
        ),
        ..bid
    };
    let body = BeaconBlockBody {
        sync_aggregate: SyncAggregate {
            sync_committee_bits: Bits::empty_vector(&shape),
            sync_committee_signature: infinity(),
        },
        signed_execution_payload_bid: SignedExecutionPayloadBid { message: bid, signature: infinity() },
        ..BeaconBlockBody::default()
    };
    let proposer_index = state.proposer_index().unwrap();
    let message = BeaconBlock { slot, proposer_index, parent_root, state_root: Root::default(), body };
    Arc::new(SignedBeaconBlock { message, signature: SignatureBytes::default() })
}

fn self_built(hash: u8) -> ExecutionPayloadBid {
    ExecutionPayloadBid {
        block_hash: root(hash),
        builder_index: BUILDER_INDEX_SELF_BUILD,
        ..ExecutionPayloadBid::default()
    }
}

/// Goes to the next slot and applies a block there.
fn extend(state: &mut State, parent_hash: Root, bid: ExecutionPayloadBid) -> Result<(), TransitionError> {
    process_slots(state, state.slot + 1, &mut FromScratch)?;
    let block = block(state, parent_hash, bid);
    process_block(state, &block, Checks::ROOTS, &mut ())
}

fn round_trips(state: &State) {
    let bytes = state.encode().unwrap();
    let again = State::decode(Arc::clone(state.spec()), state.fork_name(), &bytes).unwrap();
    assert_eq!(again.encode().unwrap(), bytes);
    assert_eq!(again.hash_tree_root().unwrap(), state.hash_tree_root().unwrap());
}

#[test]
fn a_state_is_upgraded_with_committees_and_without_unsigned_builders() {
    let state = gloas_state();
    assert_eq!(state.fork_name(), Fork::Gloas);
    round_trips(&state);
    assert_eq!(state.ptc_window.len(), 24);
    assert!(state.ptc_window.iter().all(|committee| committee.len() == 16));
    assert!(state.ptc_window[..8].iter().all(|committee| committee.iter().all(|member| *member == 0)));
    assert_eq!(state.payload_committee(GLOAS_SLOT + 9).unwrap(), **state.ptc_window[17]);
    assert!(state.payload_committee(GLOAS_SLOT + 16).is_err());
    assert!(state.builders.is_empty());
    let waiting: Vec<_> = state.pending_deposits.iter().map(|deposit| deposit.pubkey).collect();
    assert_eq!(waiting, [Bytes([1; 48])]);
    assert_eq!(state.latest_execution_payload_bid.builder_index, BUILDER_INDEX_SELF_BUILD);
}

#[test]
fn the_committees_of_a_slot_are_drawn_from_its_attesters() {
    let mut state = gloas_state();
    for slot in GLOAS_SLOT..GLOAS_SLOT + 8 {
        let committees = state.shuffling(2).unwrap().committees_per_slot();
        let attesters: Vec<u64> = (0..committees)
            .flat_map(|number| state.beacon_committee(slot, number).unwrap())
            .map(u64::from)
            .collect();
        let members = state.payload_committee(slot).unwrap();
        assert!(members.iter().all(|member| attesters.contains(member)), "slot {slot}");
    }
}

#[test]
fn a_builder_pays_for_a_payload_that_came() {
    let mut state = gloas_state();
    let fee_recipient = Bytes([9; 20]);
    let builder = Builder {
        execution_address: Bytes([8; 20]),
        balance: 10 * ETH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
        ..Builder::default()
    };
    state.data_mut().builders.push(builder);
    state.data_mut().finalized_checkpoint.epoch = 1;
    let bid = ExecutionPayloadBid {
        block_hash: root(1),
        value: 2 * ETH,
        fee_recipient,
        ..ExecutionPayloadBid::default()
    };

    // More than it has beside the least deposit, it can't bid.
    let genesis_hash = state.latest_block_hash;
    let rich = ExecutionPayloadBid { value: 9 * ETH + 1, ..bid.clone() };
    assert!(extend(&mut state.clone(), genesis_hash, rich).is_err());

    extend(&mut state, genesis_hash, bid).unwrap();
    assert_eq!(state.builder_pending_payments[8 + 1].withdrawal.amount, 2 * ETH);
    assert_eq!(state.execution_payload_availability.get(17), Some(false));

    // The next block builds on the payload: it came, and its builder pays.
    let mut with_payload = state.clone();
    extend(&mut with_payload, root(1), self_built(2)).unwrap();
    assert_eq!(with_payload.latest_block_hash, root(1));
    assert_eq!(with_payload.execution_payload_availability.get(17), Some(true));
    assert_eq!(with_payload.builder_pending_payments[8 + 1], BuilderPendingPayment::default());
    let paid = &with_payload.payload_expected_withdrawals[0];
    assert_eq!((paid.validator_index, paid.amount), (BUILDER_INDEX_FLAG, 2 * ETH));
    assert_eq!(paid.address, fee_recipient);
    assert_eq!(with_payload.builders[0].balance, 8 * ETH);
    assert!(with_payload.builder_pending_withdrawals.is_empty());

    // Or it builds on the payload before: this one did not come, and nobody pays.
    extend(&mut state, genesis_hash, self_built(2)).unwrap();
    assert_eq!(state.latest_block_hash, genesis_hash);
    assert_eq!(state.execution_payload_availability.get(17), Some(false));
    assert_eq!(state.builders[0].balance, 10 * ETH);
    assert_eq!(state.builder_pending_payments[8 + 1].withdrawal.amount, 2 * ETH);
    // A payload that nobody bid for is no parent.
    assert!(extend(&mut state, root(7), self_built(3)).is_err());
}

#[test]
fn a_builder_pays_at_the_end_of_the_next_epoch_where_enough_voted() {
    let mut state = gloas_state();
    let payment = |amount, weight| BuilderPendingPayment {
        weight,
        withdrawal: BuilderPendingWithdrawal { amount, ..BuilderPendingWithdrawal::default() },
        proposer_index: 0,
    };
    // Six tenths of 64 validators of 32 ETH over 8 slots; the last votes cost them something until then.
    let quorum = state.total_active_balance().unwrap() / 8 * 6 / 10;
    let payments = state.data_mut().builder_pending_payments.make_mut();
    payments[8] = payment(1, quorum);
    payments[9] = payment(2, quorum / 2);
    process_slots(&mut state, 24, &mut FromScratch).unwrap();
    assert!(state.builder_pending_withdrawals.is_empty());
    assert_eq!(state.builder_pending_payments[0].withdrawal.amount, 1);
    let window = state.ptc_window[16..].to_vec();
    process_slots(&mut state, 32, &mut FromScratch).unwrap();
    assert_eq!(state.builder_pending_withdrawals.iter().map(|due| due.amount).collect::<Vec<_>>(), [1]);
    assert_eq!(state.builder_pending_payments.len(), 16);
    assert!(
        state.builder_pending_payments.iter().all(|payment| *payment == BuilderPendingPayment::default())
    );
    assert_eq!(state.ptc_window[8..16], window);
    round_trips(&state);
}

#[test]
fn votes_on_payloads_are_good_on_trust_though_no_committees_were_drawn() {
    let mut state = gloas_state();
    // The committees of the epochs 2 and 3 are known since the upgrade.
    let slot = 4 * 8 + 1;
    process_slots_trusting(&mut state, slot, root(5)).unwrap();
    assert!(state.payload_committee(slot - 1).unwrap().is_empty());
    let parent_hash = state.latest_block_hash;
    let mut block = block(&mut state, parent_hash, self_built(1));
    let message = &mut Arc::make_mut(&mut block).message;
    message.proposer_index = 0;
    message.parent_root = root(5);
    message.body.signed_execution_payload_bid.message.parent_block_root = root(5);
    let mut vote = PayloadAttestation {
        data: PayloadAttestationData { beacon_block_root: root(5), slot: slot - 1, ..Default::default() },
        aggregation_bits: Bits::empty_vector(&state.shape()),
        signature: infinity(),
    };
    vote.aggregation_bits.set(3, true);
    message.body.payload_attestations = vec![vote].into();
    process_block(&mut state, &block, Checks::TRUST, &mut ()).unwrap();
}
