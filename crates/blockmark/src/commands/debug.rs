//! `blockmark debug`: one step of the beacon chain on files.

mod replay;

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use consensus::Slot;
use consensus::containers::SignedBeaconBlock;
use consensus::rewards::{Attestations, BlockContext, RewardLog, Scale};
use consensus::spec::{Fork, Network, Spec};
use consensus::ssz::Ssz as _;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, apply_signed_block, process_slots};
use serde_json::json;
use source::beacon_api::{ApiOptions, BeaconApi, BlockId};
use source::chain::ChainBlock;
use source::node_chain::NodeChain;

use super::Context;
use crate::cli::{DebugCommand, NetworkArgs};
use crate::failure::{Outcome, quoted, usage};

/// Bytes of a file that is read whole.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Runs the step.
pub(crate) fn run(context: &Context, command: &DebugCommand) -> Result<Outcome> {
    match command {
        DebugCommand::SpecTest { dir } => spec_test(context, dir),
        DebugCommand::Transition { pre, block, post, no_signatures, network } => {
            let checks = if *no_signatures { Checks::ROOTS } else { Checks::ALL };
            transition(context, pre, block, post.as_deref(), checks, network)
        }
        DebugCommand::Replay { input, no_signatures } => {
            replay::run(context, input, if *no_signatures { Checks::ROOTS } else { Checks::ALL })
        }
        DebugCommand::Ssz { object, file, fork, network } => ssz(object, file, *fork, network),
    }
}

/// The network of the arguments.
fn spec(args: &NetworkArgs) -> Result<Spec> {
    if let Some(path) = &args.config {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("\"{}\" can't be read", path.display()))?;
        return Spec::parse(&text).with_context(|| format!("\"{}\"", path.display()));
    }
    Network::named(&args.network).map(Network::spec).ok_or_else(|| {
        usage(
            format!("\"{}\" is no built-in network", args.network),
            "blockmark debug transition pre.ssz block.ssz --config config.yaml",
        )
    })
}

/// The bytes of a file; those of snappy files unpacked.
fn read(path: &Path) -> Result<Vec<u8>> {
    let named = || format!("\"{}\" can't be read", path.display());
    let length = std::fs::metadata(path).with_context(named)?.len();
    if length > MAX_FILE_BYTES {
        bail!("\"{}\" has {length} bytes, and at most {MAX_FILE_BYTES} are read", path.display());
    }
    let bytes = std::fs::read(path).with_context(named)?;
    if path.extension().is_some_and(|extension| extension == "ssz_snappy" || extension == "snappy") {
        return unpack(&bytes).with_context(named);
    }
    Ok(bytes)
}

/// Raw snappy, as the official tests have it, bounded.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let length = snap::raw::decompress_len(bytes)?;
    if length as u64 > MAX_FILE_BYTES {
        bail!("unpacked it has {length} bytes, and at most {MAX_FILE_BYTES} are read");
    }
    Ok(snap::raw::Decoder::new().decompress_vec(bytes)?)
}

fn spec_test(context: &Context, dir: &Path) -> Result<Outcome> {
    let json = context.global.json;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let tell = |outcome: &spec_tests::Outcome| {
        if written.is_err() {
            return;
        }
        let (name, result, reason) = (outcome.name.to_string(), outcome.result(), outcome.reason());
        written = if json {
            writeln!(out, "{}", json!({ "case": name, "result": result, "reason": reason }))
        } else if reason.is_empty() {
            writeln!(out, "{result}  {name}")
        } else {
            writeln!(out, "{result}  {name}: {reason}")
        };
    };
    let begun = Instant::now();
    let summary = spec_tests::run(dir, |_| true, tell)?;
    written?;
    let (passed, failed, skipped) = (summary.passed, summary.failed, summary.skipped);
    if json {
        writeln!(out, "{}", json!({ "passed": passed, "failed": failed, "skipped": skipped }))?;
    } else {
        let seconds = begun.elapsed().as_secs_f64();
        writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s")?;
    }
    out.flush()?;
    if passed + failed + skipped == 0 {
        bail!("\"{}\" has no cases in the layout preset/fork/runner/handler/suite/case", dir.display());
    }
    if failed > 0 {
        bail!("{failed} of {} cases failed", passed + failed + skipped);
    }
    Ok(Outcome::Done)
}

fn transition(
    context: &Context,
    pre: &str,
    block: &str,
    post: Option<&Path>,
    checks: Checks,
    network: &NetworkArgs,
) -> Result<Outcome> {
    let is_node = ["http://", "https://"].iter().any(|scheme| pre.starts_with(scheme));
    let (block, mut state) = if is_node {
        of_node(pre, block)?
    } else {
        let spec = Arc::new(spec(network)?);
        let state = State::decode_any_fork(Arc::clone(&spec), &read(Path::new(pre))?)
            .with_context(|| format!("\"{pre}\""))?;
        let bytes = read(Path::new(block))?;
        let block = ChainBlock::decode(&spec, &bytes).map_err(|error| anyhow!("\"{block}\": {error}"))?;
        (block, state)
    };
    let spec = Arc::clone(state.spec());
    let shape_fork = block.fork;
    let block: Arc<SignedBeaconBlock> = block.block;
    let slot = block.message.slot;
    if state.slot < slot {
        process_slots(&mut state, slot, &mut FromScratch)?;
    }
    let parent_slot = state.latest_block_header.slot;
    let mut log = RewardLog::default();
    apply_signed_block(&mut state, &block, checks, &mut FromScratch, &mut log)?;
    let root = consensus::Root(state.hash_tree_root()?);
    if let Some(path) = post {
        std::fs::write(path, state.encode()?)
            .with_context(|| format!("\"{}\" can't be written", path.display()))?;
    }
    let shape = spec.shape(shape_fork);
    let context_of = BlockContext {
        block_root: consensus::Root(block.message.hash_tree_root(&shape)),
        slot,
        parent_slot,
        proposer_index: block.message.proposer_index,
        graffiti: &block.message.body.graffiti.0,
        slots_per_epoch: spec.preset.slots_per_epoch,
        phase0: shape_fork == Fork::Phase0,
    };
    let reward = log.block_reward(&context_of, Scale::Spec, Attestations::Omit);
    if context.global.json {
        println!(
            "{}",
            json!({ "slot": slot, "fork": shape_fork.name(), "state_root": root, "reward": reward })
        );
    } else {
        println!("slot {slot}, {shape_fork}: state root {root}");
        println!(
            "the proposer earned {} gwei: attestations {}, sync committee {}, slashings {}",
            reward.total.0.saturating_add(log.proposer_slashings).saturating_add(log.attester_slashings),
            reward.attestation_rewards.total,
            reward.sync_committee_rewards,
            log.proposer_slashings.saturating_add(log.attester_slashings)
        );
    }
    Ok(Outcome::Done)
}

/// A block of a node, by slot or root, and the state before it.
fn of_node(url: &str, block: &str) -> Result<(ChainBlock, State)> {
    let better = || format!("blockmark debug transition {} 1", quoted("http://localhost:5052"));
    let slot = block.parse().map(|slot| BlockId::Slot(Slot(slot)));
    let id = slot.or_else(|_| block.parse().map(BlockId::Root));
    let id = id.map_err(|_| {
        usage(format!("\"{block}\" is neither a slot nor a root, which name the block of a node"), better())
    })?;
    let api = BeaconApi::new([url], ApiOptions::default()).map_err(|error| usage(error, better()))?;
    let chain = NodeChain::connect(api, 1, &source::StopSwitch::default())?;
    Ok(chain.block_and_state(id)?)
}

fn ssz(object: &str, file: &Path, fork: Fork, network: &NetworkArgs) -> Result<Outcome> {
    let spec = spec(network)?;
    let shape = spec.shape(fork);
    let container = spec_tests::types::container(object).ok_or_else(|| {
        usage(
            format!("\"{object}\" is no container"),
            "blockmark debug ssz SignedBeaconBlock block.ssz --fork electra",
        )
    })?;
    let bytes = read(file)?;
    let value = container
        .of
        .decode(&bytes, &shape)
        .map_err(|error| anyhow!("\"{}\": {object} of {fork}: {error}", file.display()))?;
    let root = consensus::Root(value.root(&shape));
    println!(
        "{}",
        json!({ "object": object, "fork": fork.name(), "root": root, "value": value.json(&shape) })
    );
    Ok(Outcome::Done)
}
