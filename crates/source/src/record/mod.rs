//! Makes a recording of what nodes have: a state, and the blocks after it. To be continued at any time.
//!
//! Blocks are asked for several at a time and stored in order, each only when it names the one before it as its
//! parent. So what is stored is always one chain, and a slot counts as empty only when the block after it says so.
//! Where a block does not fit, the nodes have changed to another branch, or do not tell the truth: what is stored
//! is compared with what they say now, back to the last block that both know, and recorded anew from there.

mod error;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use consensus::Slot;

pub use error::RecordError;
use run::{Counts, Run};

use crate::beacon_api::{BeaconApi, NodeReport};
use crate::compression::Compression;
use crate::fetch::StopSwitch;
use crate::recording::{Identity, Manifest, RecordingWriter};

/// The state that a recording begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartState {
    /// That of the slot before the first.
    #[default]
    BeforeStart,
    /// That of a slot before the first, where the node has none later. Blocks are recorded from there on.
    Slot(Slot),
    /// The latest finalized one. Blocks are recorded from there on, whatever the first slot is.
    Finalized,
    /// None.
    Without,
}

/// What to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlan {
    /// First slot. Slot 0 is the genesis block, which nobody signed: recording begins at 1.
    pub start: Slot,
    /// Last slot, included.
    pub end: Slot,
    /// Where the recording goes; made if needed, continued if there.
    pub directory: PathBuf,
    /// The state to begin with.
    pub state: StartState,
    /// How blocks and states are compressed.
    pub compression: Compression,
    /// Requests at the same time.
    pub parallel: usize,
}

impl RecordPlan {
    /// A plan with the state before the first slot, zstd, eight requests at a time.
    pub fn new(start: Slot, end: Slot, directory: impl Into<PathBuf>) -> Self {
        Self {
            start,
            end,
            directory: directory.into(),
            state: StartState::default(),
            compression: Compression::default(),
            parallel: 8,
        }
    }
}

/// Hears how a recording goes. Called from the recording itself: be quick.
pub trait RecordProgress: Sync {
    /// Begins with the blocks: so many slots in all.
    fn start(&self, _slots: u64) {}
    /// The state to begin with is stored.
    fn state(&self, _slot: Slot, _size_bytes: u64) {}
    /// A slot is done.
    fn slot(&self, _slot: Slot, _outcome: SlotOutcome) {}
    /// The chain changed: what was recorded after a slot is recorded anew.
    fn back_to(&self, _slot: Slot) {}
}

/// No progress shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecordProgress;

impl RecordProgress for NoRecordProgress {}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotOutcome {
    /// Its block is stored.
    Stored,
    /// It has no block.
    Empty,
    /// It was done before.
    Kept,
}

/// What a recording came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordReport {
    /// The first slot that was asked for, behind the state.
    pub first: Slot,
    /// The last slot.
    pub last: Slot,
    /// Blocks stored by this call.
    pub stored: u64,
    /// Slots without a block, found by this call.
    pub empty: u64,
    /// Slots that were done before.
    pub kept: u64,
    /// The slot of the state to begin with.
    pub state: Option<Slot>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// What the recording says of itself.
    pub manifest: Manifest,
}

/// Records a range. Dropping the future stops it as [`StopSwitch::stop`] does.
pub async fn record(
    plan: &RecordPlan,
    api: &BeaconApi,
    progress: &dyn RecordProgress,
    stop: &StopSwitch,
) -> Result<RecordReport, RecordError> {
    if plan.end < plan.start {
        return Err(RecordError::Range { start: plan.start, end: plan.end });
    }
    if plan.end.0 == 0 {
        return Err(RecordError::OnlyGenesis);
    }
    let reports = api.survey().await;
    one_network(&reports)?;
    let (spec, config) = api.spec().await?;
    let genesis = api.genesis().await?;
    let head = api.syncing().await?.head_slot;
    if head < plan.end {
        return Err(RecordError::NotYet { end: plan.end, head });
    }
    let (directory, compression) = (plan.directory.clone(), plan.compression);
    let writer = off_the_loop(move || {
        Ok(RecordingWriter::open(directory, Identity { config: &config, genesis }, compression)?)
    })
    .await?;
    for report in &reports {
        writer.note_origin(&report.node);
        if let Ok(version) = &report.version {
            writer.note_client_version(version);
        }
    }
    let mut run = Run {
        plan,
        api,
        progress,
        writer: Arc::new(writer),
        spec: Arc::new(spec),
        genesis,
        first: Slot(plan.start.0.max(1)),
        report: Counts::default(),
    };
    let work = run.all();
    let result = tokio::select! {
        biased;
        () = stop.stopped() => Ok(None),
        result = work => result.map(Some),
    };
    // What was stored is told by the manifest, whatever came.
    let (first, counts) = (run.first, run.report);
    let writer = run.writer;
    let manifest = off_the_loop(move || Ok(writer.write_progress()?)).await?;
    let state = result?;
    Ok(RecordReport {
        first,
        last: plan.end,
        stored: counts.stored,
        empty: counts.empty,
        kept: counts.kept,
        state: state.flatten(),
        stopped: state.is_none(),
        manifest,
    })
}

fn one_network(reports: &[NodeReport]) -> Result<(), RecordError> {
    let mut roots = reports
        .iter()
        .filter_map(|report| Some((&report.node, report.genesis.as_ref().ok()?.validators_root)));
    let Some((first_node, first)) = roots.next() else { return Ok(()) };
    match roots.find(|(_, root)| *root != first) {
        None => Ok(()),
        Some((second_node, second)) => Err(RecordError::Networks {
            first_node: first_node.to_string(),
            first,
            second_node: second_node.to_string(),
            second,
        }),
    }
}

/// Work that would hold up the requests.
async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecordError> + Send + 'static,
) -> Result<T, RecordError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(RecordError::Failed(error.to_string())))
}
