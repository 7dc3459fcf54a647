//! States and blocks that no chain makes: each ends in an error or in what the rules say, in bounded time.

use std::sync::Arc;

use consensus::Root;
use consensus::bls::aggregate_public_keys;
use consensus::containers::{
    Attestation, BeaconState, Checkpoint, PublicKeyBytes, SignedBeaconBlock, SyncCommittee, Validator,
};
use consensus::epoch::process_epoch;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork, Network, Spec};
use consensus::ssz::{Bits, Bytes, Column, Ssz};
use consensus::state::State;
use consensus::transition::{
    Checks, FromScratch, MAX_EMPTY_SLOTS, StateRoot, process_slots, process_slots_trusting, state_transition,
};

const ETH: u64 = 1_000_000_000;
const VALIDATORS: usize = 16;

/// The generator of the group that public keys are in.
const GENERATOR: [u8; 48] = [
    0x97, 0xf1, 0xd3, 0xa7, 0x31, 0x97, 0xd7, 0x94, 0x26, 0x95, 0x63, 0x8c, 0x4f, 0xa9, 0xac, 0x0f, 0xc3,
    0x68, 0x8c, 0x4f, 0x97, 0x74, 0xb9, 0x05, 0xa1, 0x4e, 0x3a, 0x3f, 0x17, 0x1b, 0xac, 0x58, 0x6c, 0x55,
    0xe8, 0x3f, 0xf9, 0x7a, 0x1a, 0xef, 0xfb, 0x3a, 0xf0, 0x0a, 0xdb, 0x22, 0xc6, 0xbb,
];

fn keys() -> Vec<PublicKeyBytes> {
    let mut keys = vec![Bytes(GENERATOR)];
    while keys.len() < VALIDATORS {
        keys.push(aggregate_public_keys(&[keys[keys.len() - 1], Bytes(GENERATOR)]).unwrap());
    }
    keys
}

fn spec() -> Spec {
    let mut spec = Network::Minimal.spec();
    spec.config.set_fork_epoch(Fork::Altair, 0);
    spec
}

/// A state of Altair at a slot, everybody active.
fn state(spec: Spec, slot: u64, effective_balance: u64) -> State {
    let spec = Arc::new(spec);
    let preset = &spec.preset;
    let validator = |pubkey| Validator {
        pubkey,
        withdrawal_credentials: Root::default(),
        effective_balance,
        slashed: false,
        activation_eligibility_epoch: 0,
        activation_epoch: 0,
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    };
    let roots = || Column::new(vec![Root::default(); preset.slots_per_historical_root as usize]);
    let members = keys().into_iter().cycle().take(preset.sync_committee_size as usize).collect::<Vec<_>>();
    let committee = SyncCommittee { pubkeys: Column::new(members), aggregate_pubkey: Bytes(GENERATOR) };
    let data = BeaconState {
        slot,
        block_roots: roots(),
        state_roots: roots(),
        randao_mixes: Column::new(vec![Root([3; 32]); preset.epochs_per_historical_vector as usize]),
        slashings: Column::new(vec![0; preset.epochs_per_slashings_vector as usize]),
        justification_bits: Bits::empty_vector(&spec.shape(Fork::Altair)),
        validators: keys().into_iter().map(validator).collect(),
        balances: Column::new(vec![effective_balance; VALIDATORS]),
        previous_epoch_participation: Column::new(vec![7; VALIDATORS]),
        current_epoch_participation: Column::new(vec![7; VALIDATORS]),
        inactivity_scores: Column::new(vec![0; VALIDATORS]),
        current_sync_committee: committee.clone(),
        next_sync_committee: committee,
        ..BeaconState::default()
    };
    State::new(Arc::clone(&spec), Fork::Altair, data).unwrap()
}

#[test]
fn an_offset_that_lies_is_named_by_its_field() {
    let spec = spec();
    let shape = spec.shape(Fork::Phase0);
    let mut block = SignedBeaconBlock::default();
    let vote = || Attestation { aggregation_bits: [true; 9].into_iter().collect(), ..Attestation::default() };
    block.message.body.attestations = vec![vote(), vote(), vote()].into();
    let good = block.to_ssz(&shape);
    assert_eq!(SignedBeaconBlock::decode(&good, &shape), Ok(block));
    // The message begins at 100, the body at 184, its offsets at 384, its attestations at 404.
    for (place, offset, says) in [
        (0, 101, "message: the first offset is 101 where 100 was expected"),
        (0, 90_000, "message: the offset 90000 lies outside"),
        (180, 83, "message.body: the offset 83 lies outside"),
        (384, 221, "message.body.proposer_slashings: the offset 221 lies outside 220..=220"),
        (392, u32::MAX, "message.body.attestations: the offset 4294967295 lies outside"),
        (400, 219, "message.body.voluntary_exits: the offset 219 lies outside"),
        (404, 13, "message.body.attestations[0]: the first offset is 13"),
        (412, 90_000, "message.body.attestations[2]: the offset 90000 lies outside"),
        (416, 229, "message.body.attestations[0].aggregation_bits: the first offset is 229"),
    ] {
        let mut bytes = good.clone();
        bytes[place..place + 4].copy_from_slice(&offset.to_le_bytes());
        let error = SignedBeaconBlock::decode(&bytes, &shape).unwrap_err().to_string();
        assert!(error.starts_with(says), "at {place}: {error}");
    }
    let long = [&Checkpoint::default().to_ssz(&shape)[..], &[0]].concat();
    let error = Checkpoint::decode(&long, &shape).unwrap_err().to_string();
    assert_eq!(error, "41 bytes where 40 were expected");
}

#[test]
fn a_slot_that_is_too_far_ahead_is_refused_at_once() {
    let state = state(spec(), 9, 32 * ETH);
    for slot in [9 + MAX_EMPTY_SLOTS + 1, u64::MAX] {
        let mut block = SignedBeaconBlock::default();
        block.message.slot = slot;
        let block = Arc::new(block);
        let errors = [
            process_slots(&mut state.clone(), slot, &mut FromScratch).unwrap_err(),
            process_slots_trusting(&mut state.clone(), slot, Root::default()).unwrap_err(),
            state_transition(&mut state.clone(), &block, Checks::ALL, &mut FromScratch, &mut ()).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains("further from that of the state"), "{error}");
        }
    }
}

#[test]
fn a_reward_does_not_carry_a_balance_over_the_end_of_numbers() {
    // A reward of about the effective balance: over the end it would lead right back to it.
    let mut spec = spec();
    spec.config.min_validator_withdrawability_delay = 1;
    spec.preset.base_reward_factor = 150_000;
    let mut state = state(spec, 3 * 8 - 1, ETH);
    state.data_mut().finalized_checkpoint.epoch = 1;
    let per_increment = state.base_reward_per_increment().unwrap();
    assert!((ETH..2 * ETH).contains(&(per_increment / 64 * 54)), "{per_increment}");
    process_epoch(&mut state.clone(), StateRoot::Verify).unwrap();
    state.data_mut().balances.make_mut()[3] = u64::MAX - ETH / 10;
    let error = process_epoch(&mut state, StateRoot::Verify).unwrap_err();
    assert!(error.to_string().contains("a balance goes out of range"), "{error}");
}

#[test]
fn a_sync_committee_is_told_by_all_of_its_keys() {
    let mut state = state(spec(), 8 * 8 - 1, 32 * ETH);
    let mut others = keys().into_iter().rev().cycle();
    // The same sum, stated for other members.
    let next = (0..32).map(|_| others.next().unwrap()).collect::<Vec<_>>();
    state.data_mut().next_sync_committee.pubkeys = Column::new(next);
    let members = state.sync_members().unwrap();
    assert_eq!(members[..3], [0, 1, 2]);
    process_slots(&mut state, 8 * 8, &mut FromScratch).unwrap();
    assert_eq!(state.sync_members().unwrap()[..3], [15, 14, 13]);
}

#[test]
fn a_configuration_that_asks_for_too_much_is_refused() {
    for line in ["MIN_SEED_LOOKAHEAD: 18446744073709551615", "MAX_WITHDRAWALS_PER_PAYLOAD: 0"] {
        let error = Spec::parse(&format!("PRESET_BASE: minimal\n{line}\n")).unwrap_err().to_string();
        let (key, _) = line.split_once(':').unwrap();
        assert!(error.contains(key), "{error}");
    }
}
