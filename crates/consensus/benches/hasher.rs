//! Times of hash tree roots of a synthetic Electra state of mainnet's preset; prints one line per measurement, with the
//! time that passed and the processor time of all threads.
//!
//! `cargo bench -p consensus --bench hasher -- [VALIDATORS]`; without a number, one million validators.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consensus::Root;
use consensus::containers::{BeaconState, HistoricalSummary, PendingDeposit, Validator};
use consensus::hasher::StateHasher;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork, Network};
use consensus::ssz::merkle::{hash_block, hash_pairs};
use consensus::ssz::{Bits, Bytes, Column};
use consensus::state::State;
use consensus::transition::StateRoots;
use cpu_time::ProcessTime;

/// A generator of numbers that are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn any<'a, T>(&mut self, items: &'a mut [T]) -> &'a mut T {
        let place = self.below(items.len());
        &mut items[place]
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]));
        bytes
    }

    fn roots(&mut self, count: u64) -> Vec<Root> {
        (0..count).map(|_| Root(self.bytes())).collect()
    }

    fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut list: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|at| list.swap(at, self.below(at + 1)));
        list
    }
}

const GWEI: u64 = 1_000_000_000;

fn synthetic(numbers: &mut Numbers, validators: usize) -> State {
    let spec = Network::Mainnet.spec();
    let preset = spec.preset.clone();
    let mut data = BeaconState {
        slot: 12_000_000,
        block_roots: numbers.roots(preset.slots_per_historical_root).into(),
        state_roots: numbers.roots(preset.slots_per_historical_root).into(),
        historical_roots: numbers.roots(758).into(),
        historical_summaries: vec![HistoricalSummary::default(); 700].into(),
        randao_mixes: numbers.roots(preset.epochs_per_historical_vector).into(),
        slashings: vec![0; preset.epochs_per_slashings_vector as usize].into(),
        justification_bits: Bits::zeros(4),
        balances: (0..validators).map(|_| 32 * GWEI + numbers.next() % GWEI).collect::<Vec<_>>().into(),
        previous_epoch_participation: (0..validators)
            .map(|_| if numbers.below(100) < 2 { 0 } else { 7 })
            .collect::<Vec<_>>()
            .into(),
        current_epoch_participation: vec![0; validators].into(),
        inactivity_scores: (0..validators)
            .map(|_| if numbers.below(200) == 0 { 40 } else { 0 })
            .collect::<Vec<_>>()
            .into(),
        pending_deposits: (0..20_000)
            .map(|slot| PendingDeposit { amount: numbers.next(), slot, ..PendingDeposit::default() })
            .collect::<Vec<_>>()
            .into(),
        ..BeaconState::default()
    };
    let keys: Column<_, _> =
        (0..preset.sync_committee_size).map(|_| Bytes(numbers.bytes())).collect::<Vec<_>>().into();
    data.current_sync_committee.pubkeys = keys.clone();
    data.next_sync_committee.pubkeys = keys;
    data.validators = (0..validators)
        .map(|index| Validator {
            pubkey: Bytes(numbers.bytes()),
            withdrawal_credentials: Root(numbers.bytes()),
            effective_balance: 32 * GWEI,
            slashed: false,
            activation_eligibility_epoch: index as u64 / 900,
            activation_epoch: index as u64 / 900 + 5,
            exit_epoch: FAR_FUTURE_EPOCH,
            withdrawable_epoch: FAR_FUTURE_EPOCH,
        })
        .collect();
    State::new(Arc::new(spec), Fork::Electra, data).expect("columns that fit")
}

/// What a block changes: the flags of a slot's attesters and of some late ones, the balances of the sync committee
/// and of withdrawals, a randao mix, roots and headers.
fn apply_block(state: &mut State, numbers: &mut Numbers, attesters: &[usize]) {
    let data = state.data_mut();
    let flags = data.current_epoch_participation.make_mut();
    attesters.iter().for_each(|attester| flags[*attester] = 7);
    let late = data.previous_epoch_participation.make_mut();
    (0..attesters.len() / 100).for_each(|_| *numbers.any(late) |= 1);
    let balances = data.balances.make_mut();
    (0..530).for_each(|_| *numbers.any(balances) += 1_000);
    data.slot += 1;
    let place = data.slot as usize % data.block_roots.len();
    *data.block_roots.get_mut(place).expect("a place") = Root(numbers.bytes());
    *data.state_roots.get_mut(place).expect("a place") = Root(numbers.bytes());
    let epoch = data.slot as usize / 32 % data.randao_mixes.len();
    *data.randao_mixes.get_mut(epoch).expect("a place") = Root(numbers.bytes());
    data.latest_block_header.body_root = Root(numbers.bytes());
    data.latest_execution_payload_header.block_hash = Root(numbers.bytes());
}

/// What the end of an epoch changes: every balance, participation, some scores and effective balances, the front of
/// the deposits.
fn apply_epoch(state: &mut State, numbers: &mut Numbers) {
    let data = state.data_mut();
    data.balances.make_mut().iter_mut().for_each(|balance| *balance += 8_000 + (*balance & 63));
    std::mem::swap(&mut data.previous_epoch_participation, &mut data.current_epoch_participation);
    data.current_epoch_participation.make_mut().fill(0);
    data.inactivity_scores.make_mut().iter_mut().for_each(|score| *score = score.saturating_sub(1));
    let effective = Arc::make_mut(&mut data.validators.effective_balances);
    (0..500).for_each(|_| *numbers.any(effective) += GWEI);
    data.pending_deposits.make_mut().drain(..16);
    data.finalized_checkpoint.epoch += 1;
    data.slot = (data.slot / 32 + 1) * 32;
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The time that passed, and the processor time of all threads.
type Times = (Duration, Duration);

fn timed(run: impl FnOnce()) -> Times {
    let (start, processor) = (Instant::now(), ProcessTime::now());
    run();
    (start.elapsed(), processor.elapsed())
}

/// Prints the least and the middle of several times.
fn report(what: &str, times: &[Times]) {
    let of = |mut times: Vec<Duration>| {
        times.sort();
        (
            times.first().map_or(0.0, |time| ms(*time)),
            times.get(times.len() / 2).map_or(0.0, |time| ms(*time)),
        )
    };
    let (least, middle) = of(times.iter().map(|(passed, _)| *passed).collect());
    let (least_cpu, middle_cpu) = of(times.iter().map(|(_, processor)| *processor).collect());
    println!(
        "{what:<32} passed {least:>9.3} {middle:>9.3} ms   processor {least_cpu:>9.3} {middle_cpu:>9.3} ms   of {}",
        times.len()
    );
}

fn pairs(numbers: &mut Numbers) {
    let pairs: Vec<[u8; 64]> = (0..4_096).map(|_| numbers.bytes()).collect();
    let mut out = vec![[0; 32]; pairs.len()];
    for (what, many) in [("pairs, one after the other", false), ("pairs, many at once", true)] {
        let times = (0..50).map(|_| {
            let (_, processor) = timed(|| {
                match many {
                    true => hash_pairs(&pairs, &mut out),
                    false => out.iter_mut().zip(&pairs).for_each(|(out, pair)| *out = hash_block(pair)),
                }
                black_box(&out);
            });
            processor
        });
        let nanoseconds = ms(times.min().unwrap_or_default()) * 1e6 / pairs.len() as f64;
        println!("{what:<32} {nanoseconds:.1} ns each, least of 50");
    }
}

fn timed_root(hasher: &mut StateHasher, state: &State) -> Times {
    timed(|| {
        black_box(hasher.state_root(state)).expect("a root");
    })
}

/// Whether a copy of the state before is kept, as a fork choice does, or nothing, as a replay does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Kept,
    Gone,
}

fn follow(state: &mut State, numbers: &mut Numbers, validators: usize, before: Before) {
    println!("the state before each block is {before:?}");
    let mut hasher = StateHasher::new();
    report("first root", &[timed_root(&mut hasher, state)]);
    let (mut changes, mut blocks, mut again, mut epochs) = (vec![], vec![], vec![], vec![]);
    for _ in 0..4 {
        let order = numbers.shuffled(validators);
        for attesters in order.chunks(validators.div_ceil(32).max(1)).take(31) {
            let kept = (before == Before::Kept).then(|| state.clone());
            changes.push(timed(|| apply_block(state, numbers, attesters)));
            blocks.push(timed_root(&mut hasher, state));
            again.push(timed_root(&mut hasher, state));
            drop(kept);
        }
        apply_epoch(state, numbers);
        epochs.push(timed_root(&mut hasher, state));
    }
    report("what a block changes, written", &changes);
    report("root after a block", &blocks);
    report("root of the same state again", &again);
    report("root after an epoch", &epochs);
    println!("{:<32} {:.1} MB", "memory of the hasher", hasher.size_bytes() as f64 / 1e6);
}

fn main() {
    let validators = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let mut numbers = Numbers(42);
    pairs(&mut numbers);
    let mut state = synthetic(&mut numbers, validators);
    println!("{validators} validators, Electra, mainnet preset; least and middle of several times");
    follow(&mut state, &mut numbers, validators, Before::Gone);
    follow(&mut state, &mut numbers, validators, Before::Kept);
    let mut scratch = Default::default();
    report("root computed from nothing", &[timed(|| scratch = state.hash_tree_root().expect("a root"))]);
    assert_eq!(StateHasher::new().state_root(&state).expect("a root").0, scratch);
}
