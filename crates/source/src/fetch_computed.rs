//! Stores block rewards of a range that are computed here, from what any node gives.
//!
//! The files are those of [`fetch`](mod@crate::fetch), and a range is continued the same way: batches that are there
//! are kept, and each stretch of missing ones is computed from the state before it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use consensus::Slot;
use consensus::rewards::{Attestations, Scale};

use crate::beacon_node::BeaconNode;
use crate::fetch::{
    BatchDone, BatchError, BatchOutcome, FailedBatch, FetchError, FetchPlan, FetchProgress, FetchReport,
    StopSwitch, is_complete, remove_covered,
};
use crate::inputs::InputError;
use crate::node_chain::NodeChainError;
use crate::node_place::{NodePlace, OpenNode};
use crate::part_file::PartFile;
use crate::place::{PartError, Replayed};
use crate::replay::ReplayError;

/// What a fetch from nodes came to.
#[derive(Debug)]
pub enum Computed {
    /// It was computed.
    Report(FetchReport),
    /// The node gives rewards itself and nothing else will do: [`fetch`](crate::fetch::fetch) them.
    Lighthouse(Box<BeaconNode>),
}

/// A range of slots, both ends included.
type Range = (Slot, Slot);

/// Fetches a range. Asks the nodes, and waits for them: not for an async task. The switch must be that of the nodes.
pub fn fetch_computed(
    plan: &FetchPlan,
    nodes: &NodePlace,
    scale: Scale,
    progress: &dyn FetchProgress,
    stop: &StopSwitch,
) -> Result<Computed, FetchError> {
    plan.check()?;
    fs::create_dir_all(&plan.directory)
        .map_err(|error| FetchError::Directory { path: plan.directory.clone(), error })?;
    let kept = plan.stored();
    let missing = plan.missing_batches(&kept);
    let mut work = Work { plan, scale, progress, stop, report: FetchReport::default() };
    // Asked before anything is said to have begun: the nodes may have another way only.
    let mut begun = false;
    for stretch in stretches(&missing) {
        let Some((first, _)) = stretch.first().copied() else { continue };
        let Some((_, last)) = stretch.last().copied() else { continue };
        let blocks = match nodes.with_range(first, last).open() {
            Ok(OpenNode::Computed(blocks)) => blocks,
            Ok(OpenNode::Lighthouse(node)) => return Ok(Computed::Lighthouse(node)),
            Err(InputError::NodeChain(error)) if matches!(*error, NodeChainError::Stopped) => {
                work.report.stopped = true;
                break;
            }
            Err(error) => {
                let stored_slots = work.report.fetched_slots + slots_of(&kept);
                return Err(FetchError::Nodes { error: Box::new(error), stored_slots });
            }
        };
        if !std::mem::replace(&mut begun, true) {
            work.begin(&kept);
        }
        work.stretch(&stretch, blocks)?;
        if work.report.stopped {
            break;
        }
    }
    if !begun {
        work.begin(&kept);
    }
    let computed: Vec<Range> =
        missing.into_iter().filter(|(first, last)| is_complete(&plan.file(*first, *last))).collect();
    remove_covered(&plan.directory, &computed);
    Ok(Computed::Report(work.report))
}

fn slots_of(batches: &[Range]) -> u64 {
    batches.iter().map(|(first, last)| (last.0 - first.0).saturating_add(1)).sum()
}

/// Batches that follow each other, put together.
fn stretches(batches: &[Range]) -> Vec<Vec<Range>> {
    let mut stretches: Vec<Vec<Range>> = Vec::new();
    for batch in batches {
        match stretches.last_mut() {
            Some(stretch)
                if stretch.last().is_some_and(|(_, last)| last.0.checked_add(1) == Some(batch.0.0)) =>
            {
                stretch.push(*batch);
            }
            _ => stretches.push(vec![*batch]),
        }
    }
    stretches
}

struct Work<'a> {
    plan: &'a FetchPlan,
    scale: Scale,
    progress: &'a dyn FetchProgress,
    stop: &'a StopSwitch,
    report: FetchReport,
}

impl Work<'_> {
    fn begin(&mut self, kept: &[Range]) {
        self.progress.start(self.plan.slots());
        for (first, last) in kept.iter().copied() {
            self.progress.batch(&BatchDone { first, last, outcome: BatchOutcome::Kept });
        }
        self.report.kept_slots = slots_of(kept);
    }

    /// Computes batches that follow each other. What ends them before their time is in the report.
    fn stretch(&mut self, batches: &[Range], blocks: Replayed) -> Result<(), FetchError> {
        let mut rest = batches.iter().copied();
        let Some(mut file) = rest.next().map(|batch| self.open(batch)).transpose()? else { return Ok(()) };
        for block in blocks {
            if self.stop.is_stopped() {
                self.report.stopped = true;
                return Ok(());
            }
            let block = match block {
                Ok(block) => block,
                Err(error) if is_stop(&error) => {
                    self.report.stopped = true;
                    return Ok(());
                }
                Err(error) => {
                    let (first, last) =
                        (file.batch.0, batches.last().map_or(file.batch.1, |(_, last)| *last));
                    let (reason, nothing) = (error.to_string(), BatchOutcome::Failed);
                    self.report.failed.push(FailedBatch {
                        first,
                        last,
                        error: BatchError::Computed { first, last, reason },
                    });
                    self.progress.batch(&BatchDone { first, last, outcome: nothing });
                    return Ok(());
                }
            };
            while block.block.slot() > file.batch.1 {
                let Some(next) = rest.next() else { return Ok(()) };
                let next = self.open(next)?;
                self.close(std::mem::replace(&mut file, next))?;
            }
            let reward = block.reward(self.scale, Attestations::Include);
            file.put(&reward).map_err(|error| self.write_error(&file, error))?;
        }
        self.close(file)?;
        for batch in rest {
            let file = self.open(batch)?;
            self.close(file)?;
        }
        Ok(())
    }

    fn open(&self, batch: Range) -> Result<BatchFile, FetchError> {
        BatchFile::create(self.plan, batch).map_err(|error| {
            let path = self.plan.file(batch.0, batch.1);
            let stored_slots = self.report.fetched_slots + self.report.kept_slots;
            FetchError::Batch { error: BatchError::Write { path, error }, stored_slots }
        })
    }

    fn write_error(&self, file: &BatchFile, error: std::io::Error) -> FetchError {
        let path = self.plan.file(file.batch.0, file.batch.1);
        let stored_slots = self.report.fetched_slots + self.report.kept_slots;
        FetchError::Batch { error: BatchError::Write { path, error }, stored_slots }
    }

    fn close(&mut self, file: BatchFile) -> Result<(), FetchError> {
        let (batch, blocks) = (file.batch, file.blocks);
        let path = self.plan.file(batch.0, batch.1);
        let stored_slots = self.report.fetched_slots + self.report.kept_slots;
        file.finish(&path)
            .map_err(|error| FetchError::Batch { error: BatchError::Write { path, error }, stored_slots })?;
        let slots = slots_of(&[batch]);
        self.report.fetched_slots += slots;
        self.report.blocks += blocks;
        self.report.missed += slots.saturating_sub(blocks);
        self.progress.batch(&BatchDone {
            first: batch.0,
            last: batch.1,
            outcome: BatchOutcome::Fetched { blocks },
        });
        Ok(())
    }
}

/// Whether it was stopped from outside.
fn is_stop(error: &PartError) -> bool {
    match error {
        PartError::Node(error) => matches!(**error, ReplayError::Read(NodeChainError::Stopped)),
        PartError::FromBlocks(error) => matches!(**error, NodeChainError::Stopped),
        _ => false,
    }
}

/// A batch being written: an array, an element a line.
struct BatchFile {
    batch: Range,
    blocks: u64,
    part: PartFile,
    out: BufWriter<File>,
}

impl BatchFile {
    fn create(plan: &FetchPlan, batch: Range) -> std::io::Result<Self> {
        let part = PartFile::beside(&plan.file(batch.0, batch.1));
        let mut out = BufWriter::new(File::create(part.path())?);
        out.write_all(b"[")?;
        Ok(Self { batch, blocks: 0, part, out })
    }

    fn put(&mut self, reward: &consensus::rewards::BlockReward) -> std::io::Result<()> {
        self.out.write_all(if self.blocks == 0 { b"\n" } else { b",\n" })?;
        self.blocks += 1;
        serde_json::to_writer(&mut self.out, reward)?;
        Ok(())
    }

    fn finish(mut self, path: &std::path::Path) -> std::io::Result<()> {
        self.out.write_all(b"\n]\n")?;
        self.out.flush()?;
        self.out.get_ref().sync_data()?;
        self.part.rename(path)
    }
}
