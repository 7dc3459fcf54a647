//! Replaying blocks: a simulated chain of a million validators, or any recording.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use consensus::containers::SignedBeaconBlock;
use consensus::hasher::StateHasher;
use consensus::rewards::RewardLog;
use consensus::spec::{Fork, Network};
use consensus::ssz::Ssz as _;
use consensus::state::{Shuffling, State};
use consensus::transition::{
    Checks, FromScratch, apply_signed_block, process_slots, process_slots_trusting, state_transition,
};
use simulate::chain::{Chain, ChainPlan, Signing};
use source::chain::ChainBlock;
use source::chain_input::ChainInput;
use source::{Links, Replay};

use super::memory::peak_bytes;
use super::{Print, percentile};
use crate::cli::BenchArgs;

/// Bytes of transactions in the payload of a simulated block: what a block of mainnet had in 2025, on average.
const PAYLOAD_BYTES: usize = 100_000;

/// Blocks whose state roots are verified.
const VERIFIED_BLOCKS: usize = 48;

/// A chain in memory: the state before it and its blocks.
pub(super) struct Input {
    pub(super) state: State,
    pub(super) blocks: Vec<Arc<SignedBeaconBlock>>,
    pub(super) name: String,
}

impl Input {
    /// The blocks, with their fork.
    pub(super) fn blocks(&self) -> Vec<ChainBlock> {
        let fork = self.state.fork_name();
        self.blocks.iter().map(|block| ChainBlock { fork, block: Arc::clone(block) }).collect()
    }

    /// The same chain with other blocks.
    pub(super) fn with_blocks(&self, blocks: Vec<Arc<SignedBeaconBlock>>) -> Self {
        Self { state: self.state.clone(), blocks, name: self.name.clone() }
    }
}

/// How long blocks and ends of epochs took, milliseconds.
#[derive(Default)]
pub(super) struct Times {
    pub(super) blocks: Vec<f64>,
    pub(super) epochs: Vec<f64>,
    /// Attesters that were noted.
    attesters: usize,
}

/// Measures everything on one chain.
pub(super) fn measure(args: &BenchArgs, print: Print<'_>) -> Result<()> {
    let input = match &args.recording {
        Some(path) => recorded(path)?,
        None => simulated(args.validators, args.slots, print)?,
    };
    let Some(last) = input.blocks.last().map(|block| block.message.slot) else {
        bail!("{} has no blocks", input.name);
    };
    let slots = last.saturating_sub(input.state.slot);
    let name = &input.name;
    decode(&input, print)?;
    columns(&input.state, print, name);
    shuffle(&input.state, print, name)?;
    by_part(&input, print)?;
    sustained(&input, slots, print)?;
    verified(&input, print)?;
    if let Some(peak) = peak_bytes() {
        print(
            "replay: peak memory",
            "MB",
            peak as f64 / 1e6,
            &format!("{name}, all of its blocks in memory"),
        );
    }
    Ok(())
}

fn recorded(path: &std::path::Path) -> Result<Input> {
    let chain = ChainInput::open(path)?.replay_all()?;
    let blocks: Result<Vec<_>, _> = chain.blocks.map(|block| block.map(|block| block.block)).collect();
    Ok(Input { state: chain.state, blocks: blocks?, name: path.display().to_string() })
}

/// A chain of full blocks.
pub(super) fn simulated(validators: u32, slots: u64, print: Print<'_>) -> Result<Input> {
    let plan = ChainPlan {
        spec: Network::Mainnet.spec(),
        fork: Fork::Electra,
        upgrades: Vec::new(),
        validators,
        seed: 1,
        signing: Signing::Unsigned,
        missed_permille: 10,
        payload_bytes: PAYLOAD_BYTES,
        genesis_time: 1_704_067_200,
    };
    let name = format!("simulated, electra, mainnet preset, {validators} validators, {slots} slots");
    let begun = Instant::now();
    let mut chain = Chain::new(plan)?;
    let state = chain.state().clone();
    let mut roots = StateHasher::default();
    let mut blocks = Vec::new();
    for _ in 0..slots {
        blocks.extend(chain.advance(&mut roots)?);
    }
    print("replay: making the chain", "s", begun.elapsed().as_secs_f64(), &name);
    Ok(Input { state, blocks, name })
}

/// The floor: unpacking and decoding the same blocks, and nothing else.
fn decode(input: &Input, print: Print<'_>) -> Result<()> {
    let spec = input.state.spec();
    let shape = spec.shape(input.state.fork_name());
    let mut encoder = snap::raw::Encoder::new();
    let mut packed = Vec::new();
    let mut bytes = 0;
    for block in &input.blocks {
        let ssz = block.to_ssz(&shape);
        bytes += ssz.len();
        packed.push(encoder.compress_vec(&ssz)?);
    }
    let mut times = Vec::new();
    let mut decoder = snap::raw::Decoder::new();
    for block in &packed {
        let begun = Instant::now();
        let ssz = decoder.decompress_vec(block)?;
        black_box(ChainBlock::decode(spec, &ssz)?);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let input = format!("{}, {:.0} kB each", input.name, bytes as f64 / packed.len().max(1) as f64 / 1e3);
    print("floor: snappy and SSZ of a block", "ms", percentile(&mut times, 0.5), &input);
    Ok(())
}

/// The other floor: one pass over the columns that the end of an epoch must look at.
fn columns(state: &State, print: Print<'_>, input: &str) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        let validators = &state.validators;
        let mut sum = 0_u64;
        for ((((balance, effective), flags), score), (start, end)) in state
            .balances
            .iter()
            .zip(validators.effective_balances.iter())
            .zip(state.current_epoch_participation.iter())
            .zip(state.inactivity_scores.iter())
            .zip(validators.activation_epochs.iter().zip(validators.exit_epochs.iter()))
        {
            sum = sum
                .wrapping_add(*balance)
                .wrapping_add(*effective)
                .wrapping_add(u64::from(*flags))
                .wrapping_add(*score)
                .wrapping_add(start ^ end);
        }
        black_box(sum);
        best = best.min(begun.elapsed().as_secs_f64() * 1e3);
    }
    print("floor: a pass over the columns", "ms", best, input);
    let mut copies = Vec::new();
    for _ in 0..1_000 {
        let begun = Instant::now();
        black_box(state.clone());
        copies.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    print("copy of a state that is only read", "us", percentile(&mut copies, 0.5), input);
}

fn shuffle(state: &State, print: Print<'_>, input: &str) -> Result<()> {
    print("shuffling, one core", "ms", shuffling(state), input);
    Ok(())
}

/// The median time of one shuffling, milliseconds.
pub(super) fn shuffling(state: &State) -> f64 {
    let mut times = Vec::new();
    for round in 0..7 {
        let begun = Instant::now();
        black_box(Shuffling::compute(state.spec(), &state.validators, 0, [round; 32]));
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    percentile(&mut times, 0.5)
}

/// Applies blocks one by one, on one thread, the shuffling of the next epoch done before the clock runs.
pub(super) fn apply(input: &Input) -> Result<Times> {
    let mut state = input.state.clone();
    let mut times = Times::default();
    let mut log = RewardLog::default();
    let per_epoch = state.spec().preset.slots_per_epoch;
    for block in &input.blocks {
        let slot = block.message.slot;
        let boundary = state.slot / per_epoch != slot / per_epoch;
        if boundary {
            state.prepare_next_shuffling()?.run();
        }
        let begun = Instant::now();
        process_slots_trusting(&mut state, slot, block.message.parent_root)?;
        if boundary {
            times.epochs.push(begun.elapsed().as_secs_f64() * 1e3);
            let epoch = slot / per_epoch;
            black_box(state.shuffling(epoch)?);
        }
        log.clear();
        let begun = Instant::now();
        apply_signed_block(&mut state, block, Checks::TRUST, &mut FromScratch, &mut log)?;
        times.blocks.push(begun.elapsed().as_secs_f64() * 1e3);
        times.attesters +=
            log.attestations.iter().map(|attestation| attestation.attesters.len()).sum::<usize>();
    }
    Ok(times)
}

fn by_part(input: &Input, print: Print<'_>) -> Result<()> {
    let Times { mut blocks, mut epochs, attesters } = apply(input)?;
    let each = attesters / blocks.len().max(1);
    let name = format!("{}, {each} rewarded attesters a block", input.name);
    print("block with rewards, median", "ms", percentile(&mut blocks, 0.5), &name);
    print("block with rewards, p99", "ms", percentile(&mut blocks, 0.99), &name);
    if !epochs.is_empty() {
        print("epoch transition, median", "ms", percentile(&mut epochs, 0.5), &input.name);
        print("epoch transition, largest", "ms", percentile(&mut epochs, 1.0), &input.name);
    }
    Ok(())
}

/// The replay as commands run it on what nodes give: encoded blocks, decoded ahead, the shuffling on the other core.
/// Each block's word is taken for the root of the one before it. Commands on files hash every block beside this, and
/// the state once.
fn sustained(input: &Input, slots: u64, print: Print<'_>) -> Result<()> {
    let spec = Arc::clone(input.state.spec());
    let shape = spec.shape(input.state.fork_name());
    let mut encoder = snap::raw::Encoder::new();
    let mut packed = Vec::new();
    for block in &input.blocks {
        packed.push(encoder.compress_vec(&block.to_ssz(&shape))?);
    }
    let reader = Arc::clone(&spec);
    let blocks = packed.into_iter().map(move |packed| -> Result<ChainBlock, std::io::Error> {
        let ssz = snap::raw::Decoder::new().decompress_vec(&packed).map_err(std::io::Error::other)?;
        ChainBlock::decode(&reader, &ssz).map_err(std::io::Error::other)
    });
    let ahead = source::chain::ReadAhead::start(blocks, 64);
    let begun = Instant::now();
    let mut paid = 0_u64;
    for block in Replay::new(input.state.clone(), ahead, Links::Trust).by_epochs() {
        paid = paid.wrapping_add(block?.log.sync_paid());
    }
    black_box(paid);
    let seconds = begun.elapsed().as_secs_f64();
    print("replay, decoding and epochs included", "slots/s", slots as f64 / seconds, &input.name);
    print("a year of mainnet at that rate", "min", 2_629_800.0 * seconds / slots as f64 / 60.0, &input.name);
    Ok(())
}

/// Blocks with their state roots computed and compared, signatures skipped.
fn verified(input: &Input, print: Print<'_>) -> Result<()> {
    let mut state = input.state.clone();
    let mut hasher = StateHasher::default();
    let Some((first, rest)) = input.blocks.split_first() else { return Ok(()) };
    let begun = Instant::now();
    process_slots(&mut state, first.message.slot, &mut hasher)?;
    print("first root of the state", "ms", begun.elapsed().as_secs_f64() * 1e3, &input.name);
    apply_signed_block(&mut state, first, Checks::ROOTS, &mut hasher, &mut ())?;
    let mut times = Vec::new();
    for block in rest.iter().take(VERIFIED_BLOCKS) {
        let begun = Instant::now();
        state_transition(&mut state, block, Checks::ROOTS, &mut hasher, &mut ())?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let name = format!("{}, the first {} blocks", input.name, times.len());
    print("block with its state root verified, median", "ms", percentile(&mut times, 0.5), &name);
    print("memory of the hasher", "MB", hasher.size_bytes() as f64 / 1e6, &input.name);
    Ok(())
}
