//! Times the end of an epoch on a made-up state of a million validators and more.
//!
//! Run with `cargo bench -p consensus --bench epoch [-- <validators in thousands>]`. Each line gives the least and
//! the median of the runs in milliseconds of wall time. The copy of all balances, eight bytes for each validator, says
//! how busy the machine is.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use consensus::block::{Inclusion, process_attestation};
use consensus::containers::{Attestation, AttestationData, BeaconState, Checkpoint, Registry, Validator};
use consensus::epoch::{SubTransition, process_sub_transition};
use consensus::primitives::Root;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork, Network, Spec};
use consensus::ssz::{Bits, Bytes, Column};
use consensus::state::State;
use consensus::transition::{Checks, process_slots_trusting};

const EPOCH: u64 = 380_000;
const BLOCK_ROOT: Root = Root([1; 32]);
const ETH: u64 = 1_000_000_000;

/// Numbers without pattern, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Whether something happens that happens so many times in a thousand.
    fn in_thousand(&mut self, times: u64) -> bool {
        self.next() % 1_000 < times
    }
}

fn validator(number: u64, noise: &mut Noise, exited: bool) -> (Validator, u64) {
    let compounding = noise.in_thousand(20);
    let mut credentials = [0; 32];
    credentials[0] = if compounding { 2 } else { 1 };
    let balance = match (exited, compounding) {
        (true, _) => 0,
        (false, true) => (32 + noise.next() % 2_000) * ETH + noise.next() % (ETH / 4),
        (false, false) => 32 * ETH + noise.next() % (ETH / 10),
    };
    let mut pubkey = [0; 48];
    for (to, from) in pubkey.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    let (exit, withdrawable) = if exited { (300_000, 300_256) } else { (FAR_FUTURE_EPOCH, FAR_FUTURE_EPOCH) };
    let record = Validator {
        pubkey: Bytes(pubkey),
        withdrawal_credentials: Root(credentials),
        effective_balance: balance / ETH * ETH,
        slashed: number % 5_000 == 17,
        activation_eligibility_epoch: 1_000,
        activation_epoch: 2_000,
        exit_epoch: exit,
        withdrawable_epoch: withdrawable,
    };
    (record, balance)
}

/// An Electra state at the end of an epoch: 98.5 % took part, one in 200 has an inactivity score.
fn state(active: u64, exited: u64) -> State {
    let spec: Arc<Spec> = Arc::new(Network::Mainnet.spec());
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let count = (active + exited) as usize;
    let mut registry = Registry::default();
    let mut balances = Vec::with_capacity(count);
    let mut flags = Vec::with_capacity(count);
    let mut scores = Vec::with_capacity(count);
    for number in 0..active + exited {
        let gone = number % (active + exited) < exited;
        let (record, balance) = validator(number, &mut noise, gone);
        registry.push(&record);
        balances.push(balance);
        flags.push(if !gone && noise.in_thousand(985) { 7_u8 } else { 0 });
        scores.push(if !gone && noise.in_thousand(5) { noise.next() % 500 } else { 0 });
    }
    let slots = spec.preset.slots_per_epoch;
    let roots = |number: u64| vec![Root::default(); number as usize];
    let data = BeaconState {
        slot: EPOCH * slots + slots - 1,
        block_roots: Column::new(roots(spec.preset.slots_per_historical_root)),
        state_roots: Column::new(roots(spec.preset.slots_per_historical_root)),
        randao_mixes: Column::new(roots(spec.preset.epochs_per_historical_vector)),
        slashings: Column::new(vec![0; spec.preset.epochs_per_slashings_vector as usize]),
        validators: registry,
        balances: Column::new(balances),
        previous_epoch_participation: Column::new(flags.clone()),
        current_epoch_participation: Column::new(flags),
        inactivity_scores: Column::new(scores),
        justification_bits: Bits::empty_vector(&spec.shape(Fork::Electra)),
        finalized_checkpoint: Checkpoint { epoch: EPOCH - 2, root: BLOCK_ROOT },
        earliest_exit_epoch: EPOCH + 5,
        deposit_requests_start_index: u64::MAX,
        ..BeaconState::default()
    };
    State::new(spec, Fork::Electra, data).expect("the columns fit")
}

/// Milliseconds that the runs of one thing took.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn measure<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = run();
        self.0.push(start.elapsed().as_secs_f64() * 1e3);
        result
    }

    fn report(mut self, name: &str) {
        self.0.sort_by(f64::total_cmp);
        let least = self.0.first().copied().unwrap_or_default();
        let median = self.0.get(self.0.len() / 2).copied().unwrap_or_default();
        println!("{name:<66} {least:>8.2} [{median:.2}] ms");
    }
}

/// All committees of the slot before the state's vote, but for one member in 64, and are included.
fn attest(state: &mut State) {
    let slot = state.slot - 1;
    let epoch = state.spec().epoch_at(slot);
    let shuffling = state.shuffling(epoch).expect("the committees are known");
    let committees = shuffling.committees_per_slot();
    let members: usize =
        (0..committees).filter_map(|number| shuffling.committee(slot, number)).map(<[u32]>::len).sum();
    let source = if epoch == state.current_epoch() {
        &state.current_justified_checkpoint
    } else {
        &state.previous_justified_checkpoint
    };
    let attestation = Attestation {
        aggregation_bits: (0..members).map(|member| member % 64 != 5).collect(),
        data: AttestationData {
            slot,
            index: 0,
            beacon_block_root: BLOCK_ROOT,
            source: source.clone(),
            target: Checkpoint { epoch, root: BLOCK_ROOT },
        },
        committee_bits: (0..64).map(|number| number < committees).collect(),
        ..Attestation::default()
    };
    process_attestation(state, &attestation, Inclusion::default(), Checks::TRUST, &mut ())
        .expect("the vote counts");
}

/// Runs epochs in a row, as a replay does: nobody else holds the state, and votes come in between.
fn epochs_in_a_row(name: &str, mut state: State, runs: usize) {
    let (mut first, mut later, mut copies) = (Times::default(), Times::default(), Times::default());
    let mut copy = state.balances.to_vec();
    for run in 0..runs {
        let slot = state.slot + 1;
        let times = if run == 0 { &mut first } else { &mut later };
        times.measure(|| process_slots_trusting(&mut state, slot, BLOCK_ROOT).expect("the epoch ends"));
        copies.measure(|| copy.copy_from_slice(&state.balances));
        attest(&mut state);
        for slot in slot + 1..slot + state.spec().preset.slots_per_epoch {
            process_slots_trusting(&mut state, slot, BLOCK_ROOT).expect("the slot passes");
            attest(&mut state);
        }
    }
    first.report(&format!("{name}: first, nothing derived yet"));
    later.report(name);
    copies.report(&format!("{name}: copy of all balances"));
}

fn main() {
    let thousands = std::env::args().find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(1_000);
    let active = thousands * 1_000;
    println!("{active} active validators");
    epochs_in_a_row("epoch", state(active, 0), 31);
    epochs_in_a_row("epoch, with as many that left", state(active, active), 31);
    for part in SubTransition::of(Fork::Electra) {
        let base = state(active, 0);
        let mut times = Times::default();
        // Its made-up keys are no points: the aggregate of a sync committee is not to be had.
        if part == SubTransition::SyncCommitteeUpdates {
            continue;
        }
        for _ in 0..5 {
            let mut state = base.clone();
            times.measure(|| process_sub_transition(&mut state, part).expect("the part runs"));
        }
        times.report(&format!("by itself, nothing derived yet: {part}"));
    }
}
