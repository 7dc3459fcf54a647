//! `blockmark fetch`: block rewards of a slot range as files.

use std::time::Instant;

use anyhow::Result;
use consensus::Slot;
use pipeline::Progress as _;
use serde_json::json;
use source::fetch::{BatchDone, Existing};
use source::{BeaconNode, FetchError, FetchPlan, FetchProgress, Retry, StopSwitch};

use super::input::node_options;
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
    let node = BeaconNode::new(&args.beacon_node, node_options(&args.node))
        .map_err(|error| usage(error, again(args, "http://localhost:5052")))?;
    let begun = Instant::now();
    let progress = Slots(Shown::new());
    let stop = StopSwitch::default();
    let report = runtime()?.block_on(async {
        stop_on_ctrl_c(&stop);
        source::fetch(&plan, &node, &progress, &stop).await
    });
    let report = report.map_err(|error| match error {
        FetchError::Range { start, end } => usage(&error, words(args, end.0, start.0, node.name())),
        FetchError::OnlyGenesis => usage(&error, words(args, 1, args.batch, node.name())),
        FetchError::Batch { .. } => hinted(&error, again(args, node.name())),
        error => error.into(),
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
            again(args, node.name()),
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
            again(args, node.name()),
        )),
    }
}

/// The same command once more. Passwords are not repeated.
fn again(args: &FetchArgs, node: &str) -> String {
    words(args, args.start, args.end, node)
}

fn words(args: &FetchArgs, start: u64, end: u64, node: &str) -> String {
    let dir = quoted(args.dir.display());
    format!("blockmark fetch {start} {end} {dir} --batch {} --beacon-node {}", args.batch, quoted(node))
}
