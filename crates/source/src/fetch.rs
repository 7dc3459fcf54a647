//! Stores the block rewards of a range of slots as files, to be continued at any time.
//!
//! The range is cut into batches from its start. Each becomes `slot_A_to_B.json`, both ends included,
//! written beside its name first and renamed when it is whole and has been read through. A file that is
//! there is therefore complete, and the same command goes on where it was stopped.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consensus::Slot;
use futures::StreamExt;
use tokio::sync::Notify;

use crate::beacon_node::{BeaconNode, NodeError, Retry};
use crate::inputs::{InputError, slots_of_name};
use crate::node_blocks::{Unusable, off_the_loop, read_range};
use crate::part_file::PartFile;
use crate::rewards::{Limits, RewardReader};

/// Slots of one request: what the node's stored states are spaced by.
pub const DEFAULT_BATCH_SLOTS: u64 = 2048;

/// What to do with files that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// They are complete: keep them.
    #[default]
    Keep,
    /// Fetch them again; the old one stays until the new one is whole.
    Replace,
}

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPlan {
    /// First slot. Slot 0 is the genesis block, which has no rewards: fetching begins at 1.
    pub start: Slot,
    /// Last slot, included.
    pub end: Slot,
    /// Where the files go; made if needed.
    pub directory: PathBuf,
    /// Slots of one request and file.
    pub batch_slots: u64,
    /// Requests at the same time.
    pub parallel: usize,
    /// What to do with files that are there.
    pub existing: Existing,
}

impl FetchPlan {
    /// A plan with batches of [`DEFAULT_BATCH_SLOTS`], four at a time, that keeps what is there.
    pub fn new(start: Slot, end: Slot, directory: impl Into<PathBuf>) -> Self {
        Self {
            start,
            end,
            directory: directory.into(),
            batch_slots: DEFAULT_BATCH_SLOTS,
            parallel: 4,
            existing: Existing::Keep,
        }
    }

    /// The first slot that is asked for.
    pub fn first_slot(&self) -> Slot {
        Slot(self.start.0.max(1))
    }

    /// The batches where nothing is stored yet, both ends of each included.
    pub fn batches(&self) -> impl Iterator<Item = (Slot, Slot)> + use<> {
        self.batches_of(self.first_slot(), self.end)
    }

    /// The batches of a part of the range.
    fn batches_of(&self, first: Slot, last: Slot) -> impl Iterator<Item = (Slot, Slot)> + use<> {
        let (end, size) = (last.0, self.batch_slots.max(1));
        let mut next = Some(first.0);
        std::iter::from_fn(move || {
            let first = next.filter(|first| *first <= end)?;
            let last = first.saturating_add(size - 1).min(end);
            next = last.checked_add(1);
            Some((Slot(first), Slot(last)))
        })
    }

    /// The parts of the range that complete files of any batch size hold, in order and apart from each other.
    pub(crate) fn stored(&self) -> Vec<(Slot, Slot)> {
        if self.existing == Existing::Replace {
            return Vec::new();
        }
        let mut files: Vec<(u64, u64)> = batch_files(&self.directory)
            .filter(|(path, ..)| is_complete(path))
            .map(|(_, first, last)| (first.0.max(self.first_slot().0), last.0.min(self.end.0)))
            .filter(|(first, last)| first <= last)
            .collect();
        files.sort_unstable();
        let mut stored: Vec<(Slot, Slot)> = Vec::new();
        for (first, last) in files {
            match stored.last_mut() {
                Some((_, end)) if first <= end.0.saturating_add(1) => end.0 = end.0.max(last),
                _ => stored.push((Slot(first), Slot(last))),
            }
        }
        stored
    }

    /// The batches of what is not stored.
    pub(crate) fn missing_batches(&self, stored: &[(Slot, Slot)]) -> Vec<(Slot, Slot)> {
        let missing = self.missing(stored);
        missing.into_iter().flat_map(|(first, last)| self.batches_of(first, last)).collect()
    }

    /// The parts of the range between those that are stored.
    fn missing(&self, stored: &[(Slot, Slot)]) -> Vec<(Slot, Slot)> {
        let mut missing = Vec::new();
        let mut next = Some(self.first_slot().0);
        for (first, last) in stored {
            if let Some(from) = next.filter(|from| *from < first.0) {
                missing.push((Slot(from), Slot(first.0 - 1)));
            }
            next = last.0.checked_add(1);
        }
        missing.extend(next.filter(|from| *from <= self.end.0).map(|from| (Slot(from), self.end)));
        missing
    }

    pub(crate) fn slots(&self) -> u64 {
        (self.end.0 - self.first_slot().0).saturating_add(1)
    }

    /// Where a batch goes.
    pub(crate) fn file(&self, first: Slot, last: Slot) -> PathBuf {
        self.directory.join(format!("slot_{first}_to_{last}.json"))
    }

    /// Refuses what is no range.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if self.end < self.start {
            return Err(FetchError::Range { start: self.start, end: self.end });
        }
        if self.end.0 == 0 {
            return Err(FetchError::OnlyGenesis);
        }
        Ok(())
    }
}

/// Hears how a fetch goes. Called from the fetch itself: be quick.
pub trait FetchProgress: Sync {
    /// Begins: so many slots in all.
    fn start(&self, _slots: u64) {}
    /// A batch is done.
    fn batch(&self, _done: &BatchDone) {}
    /// An attempt failed and will be repeated.
    fn retry(&self, _retry: &Retry) {}
}

/// No progress shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl FetchProgress for NoProgress {}

/// How one batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchDone {
    /// First slot.
    pub first: Slot,
    /// Last slot, included.
    pub last: Slot,
    /// What became of it.
    pub outcome: BatchOutcome,
}

impl BatchDone {
    /// Slots of the batch.
    pub fn slots(&self) -> u64 {
        (self.last.0 - self.first.0).saturating_add(1)
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Fetched, with so many blocks.
    Fetched {
        /// Blocks in it.
        blocks: u64,
    },
    /// Files that hold it were there.
    Kept,
    /// It could not be fetched.
    Failed,
}

/// What a fetch came to.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// Slots of batches that are now stored by this call.
    pub fetched_slots: u64,
    /// Slots whose files were there before.
    pub kept_slots: u64,
    /// Blocks fetched.
    pub blocks: u64,
    /// Slots fetched that have no block.
    pub missed: u64,
    /// Batches that could not be had, in order of slots.
    pub failed: Vec<FailedBatch>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl FetchReport {
    /// Slots of the batches that could not be had.
    pub fn failed_slots(&self) -> u64 {
        self.failed.iter().map(|batch| (batch.last.0 - batch.first.0).saturating_add(1)).sum()
    }
}

/// A batch that could not be had.
#[derive(Debug)]
pub struct FailedBatch {
    /// First slot.
    pub first: Slot,
    /// Last slot, included.
    pub last: Slot,
    /// Why.
    pub error: BatchError,
}

/// Why a batch could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The node gave no answer, or a bad one.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The answer is not the block rewards of the range.
    #[error("the answer of the beacon node at {node} for slots {first} to {last} can't be used: {reason}")]
    Answer {
        /// The node.
        node: String,
        /// First slot asked for.
        first: Slot,
        /// Last slot asked for.
        last: Slot,
        /// What is wrong with it.
        reason: String,
    },
    /// The rewards could not be computed, from some slot on.
    #[error("the rewards of slots {first} to {last} can't be computed: {reason}")]
    Computed {
        /// First slot.
        first: Slot,
        /// Last slot.
        last: Slot,
        /// Why.
        reason: String,
    },
    /// A file could not be written.
    #[error("\"{}\" can't be written, because {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// Why nothing more was fetched. What was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The end lies before the start.
    #[error("slots {start} to {end} are no range: the end is before the start")]
    Range {
        /// First slot.
        start: Slot,
        /// Last slot.
        end: Slot,
    },
    /// Only the genesis block was asked for.
    #[error("slot 0 is the genesis block, which has no rewards; begin at slot 1")]
    OnlyGenesis,
    /// The directory can't be made.
    #[error("the directory \"{}\" can't be made, because {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The nodes give nothing to compute rewards from.
    #[error("{error}; {stored_slots} slots are stored, and the same command continues from there")]
    Nodes {
        /// The reason.
        error: Box<InputError>,
        /// Slots stored so far, by this and earlier calls.
        stored_slots: u64,
    },
    /// A reason that the other batches share.
    #[error("{error}; {stored_slots} slots are stored, and the same command continues from there")]
    Batch {
        /// The reason.
        error: BatchError,
        /// Slots stored so far, by this and earlier calls.
        stored_slots: u64,
    },
}

/// Stops a fetch from elsewhere, such as from Ctrl-C. Copies are the same switch.
#[derive(Clone, Debug, Default)]
pub struct StopSwitch(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    notify: Notify,
}

impl StopSwitch {
    /// Stops: requests under way are dropped, what is stored stays.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) {
        let notified = self.0.notify.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_stopped() {
            notified.await;
        }
    }
}

/// Fetches a range. Dropping the future stops it as [`StopSwitch::stop`] does.
pub async fn fetch(
    plan: &FetchPlan,
    node: &BeaconNode,
    progress: &dyn FetchProgress,
    stop: &StopSwitch,
) -> Result<FetchReport, FetchError> {
    plan.check()?;
    fs::create_dir_all(&plan.directory)
        .map_err(|error| FetchError::Directory { path: plan.directory.clone(), error })?;
    progress.start(plan.slots());

    let mut report = FetchReport::default();
    let stored = plan.stored();
    for (first, last) in &stored {
        let done = BatchDone { first: *first, last: *last, outcome: BatchOutcome::Kept };
        report.kept_slots += done.slots();
        progress.batch(&done);
    }
    let mut results = futures::stream::iter(plan.missing_batches(&stored))
        .map(|(first, last)| async move { (first, last, batch(plan, node, first, last, progress).await) })
        .buffer_unordered(plan.parallel.max(1));
    let mut fetched = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            () = stop.stopped() => {
                report.stopped = true;
                break;
            }
            next = results.next() => next,
        };
        let Some((first, last, result)) = next else { break };
        let slots = (last.0 - first.0).saturating_add(1);
        let outcome = match result {
            Ok(BatchOutcome::Fetched { blocks }) => {
                fetched.push((first, last));
                report.fetched_slots += slots;
                report.blocks += blocks;
                report.missed += slots.saturating_sub(blocks);
                BatchOutcome::Fetched { blocks }
            }
            Ok(outcome) => outcome,
            Err(error) if error.concerns_all() => {
                let stored_slots = report.fetched_slots + report.kept_slots;
                return Err(FetchError::Batch { error, stored_slots });
            }
            Err(error) => {
                report.failed.push(FailedBatch { first, last, error });
                BatchOutcome::Failed
            }
        };
        progress.batch(&BatchDone { first, last, outcome });
    }
    report.failed.sort_by_key(|batch| batch.first);
    remove_covered(&plan.directory, &fetched);
    Ok(report)
}

/// Removes the files of other batches that a fetched one holds too: their blocks would be read twice. One that can't
/// be removed does no other harm.
pub(crate) fn remove_covered(directory: &Path, fetched: &[(Slot, Slot)]) {
    for (path, first, last) in batch_files(directory) {
        let covers = |&(from, to): &(Slot, Slot)| from <= first && last <= to && (from, to) != (first, last);
        if fetched.iter().any(covers) {
            let _ = fs::remove_file(path);
        }
    }
}

impl BatchError {
    /// Whether the other batches would end the same way.
    fn concerns_all(&self) -> bool {
        match self {
            Self::Node(error) => error.concerns_the_node(),
            Self::Write { .. } => true,
            Self::Answer { .. } | Self::Computed { .. } => false,
        }
    }
}

async fn batch(
    plan: &FetchPlan,
    node: &BeaconNode,
    first: Slot,
    last: Slot,
    progress: &dyn FetchProgress,
) -> Result<BatchOutcome, BatchError> {
    let path = plan.file(first, last);
    let part = PartFile::beside(&path);
    let on_retry = |retry: &Retry| progress.retry(retry);
    let mut attempt = 1;
    let blocks = loop {
        node.block_rewards_to_file(first, last, part.path(), &on_retry).await?;
        let reason = match checked(part.path().to_owned(), first, last).await {
            Ok(blocks) => break blocks,
            Err(Unusable::Final(reason)) => return Err(answer_error(node, first, last, reason)),
            Err(Unusable::CutShort(reason)) => reason,
        };
        // A proxy in between may cut an answer without anybody noticing: that is worth another attempt.
        if attempt >= node.options().attempts {
            return Err(answer_error(node, first, last, reason));
        }
        let pause = node.pause(attempt, None);
        progress.retry(&Retry { start: first, end: last, attempt, reason, pause });
        tokio::time::sleep(pause).await;
        attempt += 1;
    };
    part.rename(&path).map_err(|error| BatchError::Write { path, error })?;
    Ok(BatchOutcome::Fetched { blocks })
}

fn answer_error(node: &BeaconNode, first: Slot, last: Slot, reason: String) -> BatchError {
    BatchError::Answer { node: node.name().to_owned(), first, last, reason }
}

/// The files in a directory that are named after slots, with the first and the last.
fn batch_files(directory: &Path) -> impl Iterator<Item = (PathBuf, Slot, Slot)> {
    let paths = fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter_map(|path| {
        let name = path.file_name()?.to_str().filter(|name| name.ends_with(".json"))?;
        let (first, last) = slots_of_name(name).filter(|(first, last)| first <= last)?;
        Some((path, first, last))
    })
}

/// Whether a file is what a finished batch leaves: an array with both brackets. It was read through before
/// it got its name, so its ends are enough to tell a file that something else has cut or filled with zeros.
pub(crate) fn is_complete(path: &Path) -> bool {
    fn ends(path: &Path) -> io::Result<(u8, u8)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; 1];
        file.read_exact(&mut head)?;
        file.seek(SeekFrom::Start(length.saturating_sub(16)))?;
        let mut tail = Vec::new();
        file.take(16).read_to_end(&mut tail)?;
        Ok((head[0], tail.trim_ascii_end().last().copied().unwrap_or_default()))
    }
    matches!(ends(path), Ok((b'[', b']')))
}

/// Reads a batch through. Returns how many blocks it has.
async fn checked(path: PathBuf, first: Slot, last: Slot) -> Result<u64, Unusable> {
    off_the_loop(move || {
        let reader = RewardReader::open_path(&path, Limits::default())
            .map_err(|error| Unusable::Final(format!("it can't be read again, because {error}")))?;
        let mut blocks = 0;
        read_range(reader, first, last, |_| blocks += 1)?;
        Ok(blocks)
    })
    .await
}
