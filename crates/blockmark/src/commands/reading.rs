//! Reading blocks for commands: every file of the input, bad ones listed instead of lost.

use anyhow::Result;
use fingerprint::{BlockObservation, Client};
use pipeline::Progress;
use source::rewards::{Limits, RewardError};
use source::{BeaconNode, Inputs, NodeOptions, Place};

use super::runtime;
use crate::cli::InputArgs;
use crate::failure::usage;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct ReadReport {
    /// Blocks that were handed on.
    pub(crate) blocks: u64,
    /// One sentence for each block or file that could not be read.
    pub(crate) bad: Vec<String>,
}

impl ReadReport {
    /// Good and bad together.
    pub(crate) fn inputs(&self) -> u64 {
        self.blocks + self.bad.len() as u64
    }
}

/// Slots asked of a node at a time.
const NODE_BATCH_SLOTS: u64 = 512;

/// Hands every block of the input to `each`; an error of `each` stops, a bad block does not.
pub(crate) fn for_each_block(
    input: &InputArgs,
    progress: &dyn Progress,
    mut each: impl FnMut(BlockObservation, Option<Client>) -> Result<()>,
) -> Result<ReadReport> {
    let mut report = ReadReport::default();
    match Place::recognise(&input.input) {
        Place::Path(path) => {
            let found = Inputs::find(&path)?;
            progress.start("Reading", Some(found.files.len() as u64), "files");
            for file in &found.files {
                match file.open(Limits::default()) {
                    Err(error) => {
                        report.bad.push(format!("{}: can't be read, because {error}", file.path.display()));
                    }
                    Ok(reader) => {
                        for record in reader {
                            match record {
                                Ok(record) => {
                                    each(record.observation, file.label)?;
                                    report.blocks += 1;
                                }
                                Err(error) => report.bad.push(error.in_file(&file.path).to_string()),
                            }
                        }
                    }
                }
                progress.advance(1);
            }
        }
        Place::Node(url) => {
            let (Some(start), Some(end)) = (input.start, input.end) else {
                return Err(usage(
                    "a node needs a range of slots",
                    "add --start SLOT and --end SLOT (both inclusive)",
                ));
            };
            let node = BeaconNode::new(&url, NodeOptions::default())?;
            let runtime = runtime()?;
            progress.start("Reading", Some(end.saturating_sub(start) + 1), "slots");
            let mut first = start.max(1);
            while first <= end {
                let last = end.min(first.saturating_add(NODE_BATCH_SLOTS - 1));
                let body = runtime.block_on(node.block_rewards(first.into(), last.into()))?;
                let blocks = source::rewards::parse_block_rewards(&body, &Limits::default())
                    .map_err(|error: RewardError| anyhow::anyhow!("slots {first} to {last}: {error}"))?;
                for block in blocks {
                    each(block, None)?;
                    report.blocks += 1;
                }
                progress.advance(last - first + 1);
                first = last + 1;
            }
        }
    }
    progress.finish("");
    Ok(report)
}
