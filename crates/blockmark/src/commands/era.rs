//! `blockmark era`: the eras that a recording has whole, as era files.

use anyhow::{Result, anyhow};
use pipeline::Progress as _;
use serde_json::json;
use source::StopSwitch;
use source::era::{EraExportError, EraProgress, WrittenEra, write_eras};
use source::recording::{Recording, RecordingLimits};

use super::{Context, runtime, stop_on_ctrl_c};
use crate::cli::EraArgs;
use crate::failure::{Outcome, hinted, quoted, usage};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::thousands;

struct Slots {
    shown: Shown,
    json: bool,
}

impl EraProgress for Slots {
    fn start(&self, slots: u64) {
        self.shown.start("Replaying", Some(slots), "slots");
    }

    fn advance(&self, slots: u64) {
        self.shown.advance(slots);
    }

    fn written(&self, era: &WrittenEra) {
        if !self.json {
            let file = era.path.display();
            say::note(format_args!("Era {}: {} blocks, in {file}", era.era, thousands(era.blocks)));
        }
    }
}

/// Writes the files, until done or Ctrl-C.
pub(crate) fn run(context: &Context, args: &EraArgs) -> Result<Outcome> {
    let again = format!("blockmark era {} {}", quoted(args.recording.display()), quoted(args.dir.display()));
    if args.recording.to_string_lossy().contains("://") {
        return Err(usage(
            "era files are made of recordings: record the slots of the node first",
            "blockmark record 1 8192 recording --beacon-node http://localhost:5052",
        ));
    }
    let recording = Recording::open(&args.recording, RecordingLimits::default())?;
    let progress = Slots { shown: Shown::new(), json: context.global.json };
    let stop = StopSwitch::default();
    let runtime = runtime()?;
    runtime.block_on(async { stop_on_ctrl_c(&stop) });
    let report = write_eras(&recording, &args.dir, &progress, &stop);
    progress.shown.finish("");
    let report = report.map_err(|error| match error {
        EraExportError::Io { .. } | EraExportError::Era(_) => {
            hinted(format!("{error}; files that are whole stay"), again.clone())
        }
        other => other.into(),
    })?;
    let slots = recording.spec().preset.slots_per_historical_root;
    for partial in &report.partial {
        say::note(format_args!(
            "Slots {} to {} are of eras that the recording does not have whole: an era has {} slots, and needs the \
             slot behind them.",
            thousands(partial.first.0),
            thousands(partial.last.0),
            thousands(slots)
        ));
    }
    if context.global.json {
        for era in &report.eras {
            say::result_line(json!({
                "era": era.era, "file": era.path, "blocks": era.blocks,
                "state_slot": era.state_slot, "state_root": era.state_root,
            }))?;
        }
    } else {
        let blocks: u64 = report.eras.iter().map(|era| era.blocks).sum();
        say::result_line(format_args!(
            "{} era files with {} blocks, in {}",
            report.eras.len(),
            thousands(blocks),
            args.dir.display()
        ))?;
    }
    if report.stopped {
        return Err(hinted(anyhow!("stopped: the files that are there are whole"), again));
    }
    Ok(Outcome::Done)
}
