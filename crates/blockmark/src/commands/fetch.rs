//! `blockmark fetch`: block rewards of a slot range as files.

use std::time::Instant;

use anyhow::Result;
use consensus::Slot;
use consensus::rewards::Scale;
use pipeline::Progress as _;
use serde_json::json;
use source::fetch::{BatchDone, Existing};
use source::node_chain::NodeChainError;
use source::{
    Computed, FetchError, FetchPlan, FetchProgress, InputError, NodeChoices, NodePlace, Notice, Retry,
    StopSwitch, Via,
};

use super::{Context, runtime, stop_on_ctrl_c};
use crate::cli::FetchArgs;
use crate::failure::{Outcome, hinted, quoted, usage};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::thousands;

struct Slots(Shown);

impl FetchProgress for Slots {
    fn start(&self, slots: u64) {
        self.0.start("Fetching", Some(slots), "slots");
    }

    fn batch(&self, done: &BatchDone) {
        self.0.advance(done.slots());
    }

    fn retry(&self, retry: &Retry) {
        tracing::info!(?retry, "A request failed and is repeated");
    }
}

/// Fetches, until done or Ctrl-C.
pub(crate) fn run(context: &Context, args: &FetchArgs) -> Result<Outcome> {
    let plan = FetchPlan {
        batch_slots: args.batch,
        parallel: usize::from(args.parallel),
        existing: if args.force { Existing::Replace } else { Existing::Keep },
        ..FetchPlan::new(Slot(args.start), Slot(args.end), &args.dir)
    };
    let stop = StopSwitch::default();
    let choices = NodeChoices {
        via: args.via,
        state: args.state.clone(),
        others: args.nodes.beacon_node.iter().skip(1).cloned().collect(),
        attempts: args.node.attempts,
        parallel: usize::from(args.parallel),
        notice: Notice::new(|text| say::note(text)),
        stop: stop.clone(),
    };
    let standard = [String::from("http://localhost:5052")];
    let first = args.nodes.beacon_node.first().unwrap_or(&standard[0]);
    let nodes = NodePlace::new(first, plan.start, plan.end, choices)
        .map_err(|error| usage(error, again(args, &standard)))?;
    let names: Vec<String> = nodes.names().map(str::to_owned).collect();
    if args.scale != Scale::Legacy && args.via == Via::Lighthouse {
        let better =
            format!("{} --scale {}", words(args, args.start, args.end, &names, Via::State), args.scale);
        return Err(usage("a node that gives rewards itself gives them in its own scale", better));
    }
    let begun = Instant::now();
    let progress = Slots(Shown::new());
    let runtime = runtime()?;
    runtime.block_on(async { stop_on_ctrl_c(&stop) });
    let report = match source::fetch_computed(&plan, &nodes, args.scale, &progress, &stop) {
        Ok(Computed::Report(report)) => Ok(report),
        Ok(Computed::Lighthouse(_)) if args.scale != Scale::Legacy => {
            let better = words(args, args.start, args.end, &names, args.via);
            return Err(hinted(
                format!("{} gives rewards in its own scale only, not in {}", nodes.name(), args.scale),
                better,
            ));
        }
        Ok(Computed::Lighthouse(node)) => runtime.block_on(source::fetch(&plan, &node, &progress, &stop)),
        Err(error) => Err(error),
    };
    let report = report.map_err(|error| match &error {
        FetchError::Range { start, end } => usage(&error, words(args, end.0, start.0, &names, args.via)),
        FetchError::OnlyGenesis => usage(&error, words(args, 1, args.batch, &names, args.via)),
        FetchError::Nodes { error: cause, .. } => hinted(&error, better(args, &names, cause)),
        FetchError::Batch { .. } => hinted(&error, again(args, &names)),
        FetchError::Directory { .. } => error.into(),
    })?;
    progress.0.finish("");
    let stored = report.fetched_slots + report.kept_slots;
    if context.global.json {
        say::result_line(json!({
            "fetched_slots": report.fetched_slots, "kept_slots": report.kept_slots, "blocks": report.blocks,
            "missed": report.missed, "failed_slots": report.failed_slots(), "stopped": report.stopped,
        }))?;
    } else {
        say::result_line(format_args!(
            "Fetched {} slots in {:.0} s: {} blocks, {} missed, {} failed; {} slots were there before.",
            thousands(report.fetched_slots),
            begun.elapsed().as_secs_f64(),
            thousands(report.blocks),
            thousands(report.missed),
            thousands(report.failed_slots()),
            thousands(report.kept_slots)
        ))?;
    }
    if report.stopped {
        return Err(hinted(
            format!("stopped: {} slots are stored; the same command continues from there", thousands(stored)),
            again(args, &names),
        ));
    }
    match report.failed.first() {
        None => Ok(Outcome::Done),
        Some(first) => Err(hinted(
            format!(
                "{} slots could not be fetched: {}; the same command fetches what is missing",
                thousands(report.failed_slots()),
                first.error
            ),
            again(args, &names),
        )),
    }
}

/// The same command once more. Passwords are not repeated.
fn again(args: &FetchArgs, nodes: &[String]) -> String {
    words(args, args.start, args.end, nodes, args.via)
}

/// A command that fares better where the nodes give nothing for this one.
fn better(args: &FetchArgs, nodes: &[String], error: &InputError) -> String {
    let InputError::NodeChain(error) = error else { return again(args, nodes) };
    match &**error {
        NodeChainError::NoState { oldest: Some(oldest), .. } if oldest.0 < args.end => {
            words(args, oldest.0.saturating_add(1), args.end, nodes, args.via)
        }
        NodeChainError::NoState { oldest: None, .. } => words(args, args.start, args.end, nodes, Via::Blocks),
        NodeChainError::NotYet { head, .. } if head.0 >= args.start.max(1) => {
            words(args, args.start, head.0, nodes, args.via)
        }
        _ => again(args, nodes),
    }
}

fn words(args: &FetchArgs, start: u64, end: u64, nodes: &[String], via: Via) -> String {
    let dir = quoted(args.dir.display());
    let nodes: String = nodes.iter().map(|node| format!(" --beacon-node {}", quoted(node))).collect();
    let via = if via == Via::Auto { String::new() } else { format!(" --via {via}") };
    let state = args.state.as_ref().map(|state| format!(" --state {}", quoted(state.display())));
    let state = state.unwrap_or_default();
    format!("blockmark fetch {start} {end} {dir} --batch {}{nodes}{via}{state}", args.batch)
}
