//! The end of an epoch as a whole is that of its parts one by one.

use std::sync::Arc;

use proptest::prelude::*;

use super::{SubTransition, process_epoch, process_sub_transition};
use crate::containers::{
    BeaconState, BuilderPendingPayment, Checkpoint, PendingConsolidation, PendingDeposit, Registry, Validator,
};
use crate::primitives::Root;
use crate::spec::{Config, FAR_FUTURE_EPOCH, Fork, Preset, Spec};
use crate::ssz::{Bits, Bytes, Column};
use crate::state::State;
use crate::transition::StateRoot;

const ETH: u64 = 1_000_000_000;

/// Numbers without pattern from a seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

fn key(number: u64) -> Bytes<48> {
    let mut key = [7; 48];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Bytes(key)
}

/// A validator at any stage of its life, and its balance.
fn validator(number: u64, epoch: u64, preset: &Preset, noise: &mut Noise) -> (Validator, u64) {
    let prefix = noise.pick(&[0, 1, 1, 2]);
    let mut credentials = [0; 32];
    credentials[0] = prefix;
    let most = if prefix == 2 { 2_048 } else { 32 };
    let effective = noise.pick(&[most, 32, 32, 32, 31, 17, 16, 3, 0]) * ETH;
    let near = effective.saturating_add(noise.below(3 * ETH)).saturating_sub(ETH);
    let balance = noise.pick(&[effective, near, near, noise.0 % 3_000, 0, noise.0 % (3_000 * ETH)]);
    let mut around = || [epoch.saturating_sub(noise.below(4)), epoch + noise.below(6)];
    let ([past, ahead], [before, after], [left, leaving]) = (around(), around(), around());
    let asked = noise.pick(&[0, 0, 0, past, ahead, FAR_FUTURE_EPOCH]);
    let active = match asked {
        FAR_FUTURE_EPOCH => FAR_FUTURE_EPOCH,
        _ => noise.pick(&[0, 0, 0, before, after, FAR_FUTURE_EPOCH]),
    };
    let slashed = noise.one_in(6);
    let exit = if slashed || noise.one_in(5) {
        noise.pick(&[left, leaving]).max(active.saturating_add(1))
    } else {
        FAR_FUTURE_EPOCH
    };
    let due = epoch + preset.epochs_per_slashings_vector / 2;
    let withdrawable = match exit {
        FAR_FUTURE_EPOCH => FAR_FUTURE_EPOCH,
        _ => noise.pick(&[exit.saturating_add(1), due, due + 1, due + 2]).max(exit),
    };
    let record = Validator {
        pubkey: key(number),
        withdrawal_credentials: Root(credentials),
        effective_balance: effective,
        slashed,
        activation_eligibility_epoch: asked,
        activation_epoch: active,
        exit_epoch: exit,
        withdrawable_epoch: withdrawable,
    };
    (record, balance)
}

fn state(fork: Fork, noise: &mut Noise) -> State {
    let preset = Preset::MINIMAL;
    let config = Config {
        churn_limit_quotient: 32,
        min_per_epoch_churn_limit_electra: 64 * ETH,
        max_per_epoch_activation_exit_churn_limit: 128 * ETH,
        inactivity_score_recovery_rate: noise.pick(&[16, 16, 2]),
        ..Config::default()
    };
    // No sync committee is drawn at the end of the epochs that follow: these keys are no keys.
    let epoch = noise.pick(&[0, 1, 2, 9, 17]);
    let count = noise.pick(&[1, 9, 40, 1_024, 1_100]);
    let mut registry = Registry::default();
    let mut balances = Vec::new();
    let mut scores = Vec::new();
    for number in 0..count {
        let (record, balance) = validator(number, epoch, &preset, noise);
        registry.push(&record);
        balances.push(balance);
        scores.push(noise.pick(&[0, 0, 0, 1, 5, 1_000, 1 << 22]));
    }
    if noise.one_in(8) {
        Arc::make_mut(&mut registry.effective_balances)[0] += 1;
    }
    let spec = Arc::new(Spec { preset, config });
    let preset = &spec.preset;
    let roots = |number: u64| (0..number).map(|number| Root([number as u8; 32])).collect::<Vec<_>>();
    let checkpoint = |noise: &mut Noise| Checkpoint {
        epoch: epoch.saturating_sub(noise.pick(&[0, 1, 2, 2, 3, 7])),
        root: Root([9; 32]),
    };
    let mut bits = Bits::empty_vector(&spec.shape(fork));
    (0..4).for_each(|bit| assert!(bits.set(bit, noise.one_in(2))));
    let mut data = BeaconState {
        slot: epoch * preset.slots_per_epoch + preset.slots_per_epoch - 1,
        block_roots: Column::new(roots(preset.slots_per_historical_root)),
        state_roots: Column::new(roots(preset.slots_per_historical_root)),
        randao_mixes: Column::new(roots(preset.epochs_per_historical_vector)),
        slashings: (0..preset.epochs_per_slashings_vector)
            .map(|_| noise.pick(&[0, 0, 32 * ETH]))
            .collect::<Vec<_>>()
            .into(),
        validators: registry,
        balances: balances.into(),
        previous_epoch_participation: vec![0; count as usize].into(),
        current_epoch_participation: vec![0; count as usize].into(),
        inactivity_scores: scores.into(),
        justification_bits: bits,
        previous_justified_checkpoint: checkpoint(noise),
        current_justified_checkpoint: checkpoint(noise),
        finalized_checkpoint: checkpoint(noise),
        proposer_lookahead: vec![0; 2 * preset.slots_per_epoch as usize].into(),
        ..BeaconState::default()
    };
    if fork >= Fork::Electra {
        data.pending_deposits = pending_deposits(count, epoch, noise).into();
        let consolidations = (0..noise.below(6)).map(|_| PendingConsolidation {
            source_index: noise.below(count),
            target_index: noise.below(count),
        });
        data.pending_consolidations = consolidations.collect::<Vec<_>>().into();
        data.deposit_balance_to_consume = noise.below(40 * ETH);
        data.earliest_exit_epoch = epoch + noise.below(8);
        data.exit_balance_to_consume = noise.below(40 * ETH);
    }
    if fork >= Fork::Gloas {
        let payments = (0..2 * preset.slots_per_epoch).map(|_| BuilderPendingPayment {
            weight: noise.pick(&[0, 20 * ETH, 2_000 * ETH, 100_000 * ETH]),
            ..BuilderPendingPayment::default()
        });
        data.builder_pending_payments = payments.collect::<Vec<_>>().into();
        data.execution_payload_availability = Bits::empty_vector(&spec.shape(fork));
    }
    State::new(spec, fork, data).expect("the columns fit")
}

fn pending_deposits(count: u64, epoch: u64, noise: &mut Noise) -> Vec<PendingDeposit> {
    let deposits = (0..noise.below(25)).map(|_| PendingDeposit {
        pubkey: key(noise.below(count + 2)),
        amount: noise.pick(&[ETH, 32 * ETH, 5, 100 * ETH]),
        slot: noise.pick(&[0, 0, 0, epoch * 4]),
        ..PendingDeposit::default()
    });
    deposits.collect()
}

/// What blocks do in an epoch, to both states alike.
fn live(states: [&mut State; 2], noise: &mut Noise) {
    let count = states[0].data.validators.len();
    let flags = |noise: &mut Noise, often: u64| -> Vec<u8> {
        (0..count).map(|_| if noise.one_in(often) { noise.below(8) as u8 } else { 7 }).collect()
    };
    let often = noise.pick(&[1, 3, 60]);
    let (previous, current) = (flags(noise, often), flags(noise, often));
    let leaving: Vec<u64> = (0..noise.below(3)).map(|_| noise.below(count as u64)).collect();
    let slashed: Vec<u64> = (0..noise.below(2)).map(|_| noise.below(count as u64)).collect();
    for state in states {
        state.data.previous_epoch_participation = previous.clone().into();
        state.data.current_epoch_participation = current.clone().into();
        for validator in &leaving {
            state.initiate_validator_exit(*validator).expect("there is such a validator");
        }
        state.trust_proposer(0);
        for validator in &slashed {
            state.slash_validator(*validator).expect("there is such a validator");
        }
    }
}

/// The fields in which two states differ.
fn differing(one: &State, other: &State) -> Vec<&'static str> {
    let shape = one.shape();
    let roots = one.data.field_roots(&shape).into_iter().zip(other.data.field_roots(&shape));
    let names = BeaconState::field_names(&shape).into_iter().zip(roots);
    names.filter(|(_, (one, other))| one != other).map(|(name, _)| name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_epoch_is_its_parts_one_by_one(seed: u64) {
        let mut noise = Noise(seed);
        // All but the first, whose votes are no flags.
        let fork = noise.pick(&Fork::ALL[1..]);
        let mut whole = state(fork, &mut noise);
        let mut parts = whole.clone();
        for _ in 0..4 {
            live([&mut whole, &mut parts], &mut noise);
            let of_whole = process_epoch(&mut whole, StateRoot::Trust);
            parts.data_mut();
            let of_parts = SubTransition::of(fork)
                .filter(|part| !matches!(part, SubTransition::ProposerLookahead | SubTransition::PtcWindow))
                .try_for_each(|part| process_sub_transition(&mut parts, part));
            prop_assert_eq!(of_whole.is_ok(), of_parts.is_ok(), "{:?} {:?}", of_whole, of_parts);
            if of_whole.is_err() {
                break;
            }
            whole.data.proposer_lookahead = parts.data.proposer_lookahead.clone();
            whole.data.ptc_window = parts.data.ptc_window.clone();
            prop_assert!(whole.data == parts.data, "{fork}: {:?}", differing(&whole, &parts));
            for state in [&mut whole, &mut parts] {
                state.data.slot += state.spec.preset.slots_per_epoch;
            }
            // What is kept of balances for the next epoch is what the next epoch finds.
            let kept = (whole.total_active_balance(), whole.increments());
            parts.data_mut();
            prop_assert_eq!(kept, (parts.total_active_balance(), parts.increments()));
        }
    }
}
