//! `blockmark debug`: one step of the beacon chain on files.

mod replay;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use consensus::Slot;
use consensus::containers::SignedBeaconBlock;
use consensus::hasher::StateHasher;
use consensus::rewards::{Attestations, BlockContext, RewardLog, Scale};
use consensus::spec::{Fork, Network, Spec};
use consensus::ssz::Ssz as _;
use consensus::state::State;
use consensus::transition::{Checks, StateRoots as _, apply_signed_block, process_slots};
use serde_json::json;
use source::beacon_api::{ApiOptions, BeaconApi, BlockId};
use source::chain::{ChainBlock, block_slot, state_slot};
use source::compression::Compression;
use source::node_chain::NodeChain;

use super::Context;
use crate::cli::{DebugCommand, NetworkArgs};
use crate::failure::{Outcome, quoted, usage};
use crate::output::say;

/// Bytes of an object that is read whole, unpacked. A state of mainnet has about 300 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;

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
        DebugCommand::Rewards(args) => super::rewards::run(context, args),
        DebugCommand::Features(args) => super::features::run(context, args),
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

/// The bytes of a file, unpacked as its name tells: as recordings are, or as the official tests are.
fn read(path: &Path) -> Result<Vec<u8>> {
    let named = || format!("\"{}\" can't be read", path.display());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let compression = match Compression::split_name(&name) {
        (plain, Compression::None) if plain.ends_with(".ssz_snappy") => Compression::Snappy,
        (_, compression) => compression,
    };
    let file = BufReader::new(File::open(path).with_context(named)?);
    compression.unpack(file, MAX_FILE_BYTES).with_context(named)
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
        for part in &outcome.unopened {
            say::note(format_args!("{name}/{part} was not opened"));
        }
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
    let (unopened, strays) = (summary.unopened, summary.strays.len());
    if json {
        let line = json!({
            "passed": passed, "failed": failed, "skipped": skipped, "unopened": unopened, "strays": strays,
        });
        writeln!(out, "{line}")?;
    } else {
        let seconds = begun.elapsed().as_secs_f64();
        writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s")?;
    }
    out.flush()?;
    if passed + failed + skipped == 0 {
        bail!("\"{}\" has no cases in the layout preset/fork/runner/handler/suite/case", dir.display());
    }
    for file in &summary.strays {
        say::note(format_args!("{file} belongs to no case"));
    }
    if failed > 0 {
        bail!("{failed} of {} cases failed", passed + failed + skipped);
    }
    if passed == 0 {
        bail!("all {skipped} cases were skipped: nothing was tested");
    }
    if unopened + strays > 0 {
        bail!("{unopened} files of cases were not opened, and {strays} files belong to no case");
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
        let block = ChainBlock::decode(&spec, &bytes).map_err(|error| {
            let slot = block_slot(&bytes).unwrap_or_default();
            let fork = spec.fork_at_slot(slot);
            anyhow!("\"{block}\": the block of slot {slot} is not one of the fork {fork}: {error}")
        })?;
        (block, state)
    };
    let spec = Arc::clone(state.spec());
    let shape_fork = block.fork;
    let block: Arc<SignedBeaconBlock> = block.block;
    let slot = block.message.slot;
    let mut roots = StateHasher::new();
    if state.slot < slot {
        process_slots(&mut state, slot, &mut roots)?;
    }
    let parent_slot = state.latest_block_header.slot;
    let mut log = RewardLog::default();
    apply_signed_block(&mut state, &block, checks, &mut roots, &mut log)?;
    let root = roots.state_root(&state)?;
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
        let fork = shape_fork.name();
        say::result_line(json!({ "slot": slot, "fork": fork, "state_root": root, "reward": reward }))?;
    } else {
        say::result_line(format_args!("slot {slot}, {shape_fork}: state root {root}"))?;
        say::result_line(format_args!(
            "the proposer earned {} gwei: attestations {}, sync committee {}, slashings {}",
            reward.total.0.saturating_add(log.proposer_slashings).saturating_add(log.attester_slashings),
            reward.attestation_rewards.total,
            reward.sync_committee_rewards,
            log.proposer_slashings.saturating_add(log.attester_slashings)
        ))?;
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
    let value = container.of.decode(&bytes, &shape).map_err(|error| {
        let slot = match object {
            "SignedBeaconBlock" => block_slot(&bytes),
            "BeaconState" => state_slot(&bytes),
            _ => None,
        };
        let slot = slot.map_or_else(String::new, |slot| format!(", slot {slot}"));
        anyhow!("\"{}\": {object} of {fork}{slot}: {error}", file.display())
    })?;
    let root = consensus::Root(value.root(&shape));
    let value = value.json(&shape);
    say::result_line(json!({ "object": object, "fork": fork.name(), "root": root, "value": value }))?;
    Ok(Outcome::Done)
}
