//! `blockmark record`: the blocks of a slot range and the state before them, as a recording.

use std::time::Instant;

use anyhow::Result;
use consensus::Slot;
use pipeline::Progress as _;
use serde_json::json;
use source::StopSwitch;
use source::beacon_api::BeaconApi;
use source::record::{RecordError, RecordPlan, RecordProgress, SlotOutcome, StartState};

use super::input::api_options;
use super::{Context, runtime, stop_on_ctrl_c};
use crate::cli::RecordArgs;
use crate::failure::{Outcome, hinted, quoted, usage};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::thousands;

struct Slots(Shown);

impl RecordProgress for Slots {
    fn start(&self, slots: u64) {
        self.0.start("Recording", Some(slots), "slots");
    }

    fn state(&self, slot: Slot, size_bytes: u64) {
        say::note(format_args!(
            "The state of slot {slot} is stored, {} bytes of SSZ.",
            thousands(size_bytes)
        ));
    }

    fn slot(&self, _: Slot, _: SlotOutcome) {
        self.0.advance(1);
    }

    fn back_to(&self, slot: Slot) {
        say::note(format_args!("The chain changed: slots after {slot} are recorded anew."));
    }
}

/// Records, until done or Ctrl-C.
pub(crate) fn run(context: &Context, args: &RecordArgs) -> Result<Outcome> {
    let plan = RecordPlan {
        state: args.state,
        compression: args.compression,
        parallel: usize::from(args.parallel),
        ..RecordPlan::new(Slot(args.start), Slot(args.end), &args.dir)
    };
    let standard = [String::from("http://localhost:5052")];
    let api = BeaconApi::new(&args.nodes.beacon_node, api_options(&args.node))
        .map_err(|error| usage(error, words(args, args.start, args.end, &standard, args.state)))?;
    let nodes: Vec<String> = api.names().map(str::to_owned).collect();
    let again = |state| words(args, args.start, args.end, &nodes, state);
    let begun = Instant::now();
    let progress = Slots(Shown::new());
    let stop = StopSwitch::default();
    let report = runtime()?.block_on(async {
        stop_on_ctrl_c(&stop);
        source::record::record(&plan, &api, &progress, &stop).await
    });
    progress.0.finish("");
    let report = report.map_err(|error| match &error {
        RecordError::Range { .. } if args.end < args.start => {
            usage(&error, words(args, args.end, args.start, &nodes, args.state))
        }
        RecordError::OnlyGenesis => usage(&error, words(args, 1, 32, &nodes, args.state)),
        RecordError::NotYet { head, .. } if head.0 >= args.start => {
            hinted(&error, words(args, args.start, head.0, &nodes, args.state))
        }
        RecordError::State(_) => hinted(&error, again(StartState::Finalized)),
        RecordError::Networks { first_node, .. } => {
            let first = [first_node.clone()];
            hinted(&error, words(args, args.start, args.end, &first, args.state))
        }
        RecordError::Api(_) | RecordError::Recording(_) | RecordError::Failed(_) => {
            hinted(format!("{error}; what is stored stays, and the same command goes on"), again(args.state))
        }
        _ => error.into(),
    })?;
    if context.global.json {
        say::result_line(json!({
            "directory": args.dir, "first": report.first, "last": report.last, "state": report.state,
            "stored": report.stored, "empty": report.empty, "kept": report.kept, "stopped": report.stopped,
        }))?;
    } else {
        let state = report
            .state
            .map_or_else(|| "no state".to_owned(), |slot| format!("the state of slot {}", thousands(slot.0)));
        say::result_line(format_args!(
            "Recorded {state} and {} blocks in {:.0} s; {} slots have no block; {} slots were there before. Wrote {}.",
            thousands(report.stored),
            begun.elapsed().as_secs_f64(),
            thousands(report.empty),
            thousands(report.kept),
            args.dir.display()
        ))?;
    }
    if report.stopped {
        let done = thousands(report.stored + report.empty + report.kept);
        return Err(hinted(
            format!("stopped: {done} slots are stored; the same command continues from there"),
            again(args.state),
        ));
    }
    Ok(Outcome::Done)
}

/// The command for a range. Passwords are not repeated.
fn words(args: &RecordArgs, start: u64, end: u64, nodes: &[String], state: StartState) -> String {
    let dir = quoted(args.dir.display());
    let nodes: String = nodes.iter().map(|node| format!(" --beacon-node {}", quoted(node))).collect();
    let state = match state {
        StartState::BeforeStart => String::new(),
        StartState::Finalized => " --state finalized".to_owned(),
        StartState::Without => " --state none".to_owned(),
        StartState::Slot(slot) => format!(" --state {slot}"),
    };
    format!("blockmark record {start} {end} {dir}{nodes}{state}")
}
