//! Makes a recording of what nodes have: a state, and the blocks after it. To be continued at any time.
//!
//! Blocks are asked for several at a time and stored in order, each only when it names the one before it as its
//! parent. So what is stored is always one chain, and a slot counts as empty only when the block after it says so.
//! Where a block does not fit, the nodes have changed to another branch, or do not tell the truth: what is stored
//! is compared with what they say now, back to the last block that both know, and recorded anew from there.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::{Root, Slot};
use futures::{Stream, StreamExt};

use crate::beacon_api::{ApiBlock, ApiError, BeaconApi, BlockId, NodeReport, StateId};
use crate::chain::{ChainBlock, Genesis};
use crate::compression::Compression;
use crate::fetch::StopSwitch;
use crate::recording::{Identity, Manifest, RecordingError, RecordingWriter, head_root};

/// How far back a branch is followed: four epochs of mainnet, beyond which blocks are usually finalized.
const DEEPEST_BRANCH: u64 = 128;
/// How often a recording goes back to another branch before it gives up.
const MOST_BRANCHES: u32 = 3;

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

/// Why nothing more was recorded. What was stored before stays, and the same call continues.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The end lies before the start.
    #[error("slots {start} to {end} are no range: the end is before the start")]
    Range {
        /// First slot.
        start: Slot,
        /// Last slot.
        end: Slot,
    },
    /// Only the genesis block was asked for.
    #[error("slot 0 is the genesis block, which nobody signed; begin at slot 1")]
    OnlyGenesis,
    /// A node has no answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The state to begin with can't be had.
    #[error(
        "{0}; nodes keep few states of old slots: name the slot of one that it keeps, begin at a later slot, or record without a state"
    )]
    State(#[source] ApiError),
    /// The recording can't be written or continued.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The nodes are of different networks.
    #[error(
        "the beacon nodes are of different networks: genesis_validators_root is {first} at {first_node}, and {second} at {second_node}"
    )]
    Networks {
        /// One node.
        first_node: String,
        /// Its network.
        first: Root,
        /// Another node.
        second_node: String,
        /// Its network.
        second: Root,
    },
    /// The end is not reached yet.
    #[error("slot {end} is not there yet: the beacon nodes are at slot {head}")]
    NotYet {
        /// The last slot.
        end: Slot,
        /// The slot of the head.
        head: Slot,
    },
    /// The state to begin with is of another chain.
    #[error(
        "the state of slot {slot} from the beacon node at {node} is wrong: genesis_validators_root is {found}, where {expected} was expected"
    )]
    OtherChain {
        /// The node.
        node: String,
        /// The slot of the state.
        slot: Slot,
        /// The network of the nodes.
        expected: Root,
        /// The network of the state.
        found: Root,
    },
    /// A block does not follow what is stored, and asking again does not help.
    #[error(
        "the block of slot {slot} from the beacon node at {node} does not fit: parent_root is {found}, and the block before it, of slot {before}, is {expected}"
    )]
    Branch {
        /// The node.
        node: String,
        /// The block's slot.
        slot: Slot,
        /// The slot of the block that is stored before it.
        before: Slot,
        /// The root of that one.
        expected: Root,
        /// The parent that the block names.
        found: Root,
    },
    /// Work beside the requests failed.
    #[error("the recording stopped in the middle: {0}")]
    Failed(String),
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

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    stored: u64,
    empty: u64,
    kept: u64,
}

struct Run<'a> {
    plan: &'a RecordPlan,
    api: &'a BeaconApi,
    progress: &'a dyn RecordProgress,
    writer: Arc<RecordingWriter>,
    spec: Arc<Spec>,
    genesis: Genesis,
    first: Slot,
    report: Counts,
}

/// What is known of a slot.
enum Slotted {
    /// It was done before.
    Kept,
    /// No node has a block.
    Empty,
    /// A node has this block.
    Block(Box<ApiBlock>),
}

/// The block before the next one.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing is known: the first block is taken as it is.
    Anything,
    /// This one, stored or that of the state.
    Known(Slot, Root),
    /// The one that is stored for a slot.
    Stored(Slot),
}

/// How a pass over the slots ended.
enum Passed {
    /// At the end.
    All,
    /// At a block that names another parent than the one before it.
    Branch { node: Arc<str>, slot: Slot, before: Slot, expected: Root, found: Root },
}

impl Run<'_> {
    /// Returns the slot of the state.
    async fn all(&mut self) -> Result<Option<Slot>, RecordError> {
        let state = self.start_state().await?;
        let start = state.map_or(Before::Anything, |(slot, root)| Before::Known(slot, root));
        self.progress.start((self.plan.end.0 - self.first.0).saturating_add(1));
        let mut branches = 0;
        let (mut from, mut before) = (self.first, start);
        while let Passed::Branch { node, slot, before: at, expected, found } = self.pass(from, before).await?
        {
            branches += 1;
            let common = if branches > MOST_BRANCHES { None } else { self.common_block(at, state).await? };
            let Some((common, root)) = common else {
                let node = node.to_string();
                return Err(RecordError::Branch { node, slot, before: at, expected, found });
            };
            let writer = Arc::clone(&self.writer);
            let (first, last) = (Slot(common.0 + 1), slot);
            off_the_loop(move || Ok(writer.forget(first, last)?)).await?;
            self.progress.back_to(common);
            (from, before) = (first, Before::Known(common, root));
        }
        Ok(state.map(|(slot, _)| slot))
    }

    /// Stores the state to begin with, if it is not there, and sets the first slot behind it. Returns its slot and
    /// the root of its latest block.
    async fn start_state(&mut self) -> Result<Option<(Slot, Root)>, RecordError> {
        let there = self.writer.state_slots();
        let id = match self.plan.state {
            StartState::Without => return Ok(None),
            StartState::BeforeStart => StateId::Slot(Slot(self.first.0 - 1)),
            StartState::Slot(slot) => StateId::Slot(slot),
            // A recording that was begun goes on from its own state, not from one that is finalized since.
            StartState::Finalized => there.first().map_or(StateId::Finalized, |slot| StateId::Slot(*slot)),
        };
        let (slot, root) = match id {
            StateId::Slot(slot) if there.contains(&slot) => {
                let writer = Arc::clone(&self.writer);
                off_the_loop(move || {
                    let state = writer.state(slot)?;
                    let root = head_root(&state).map_err(|error| RecordError::Failed(error.to_string()))?;
                    Ok((slot, root))
                })
                .await?
            }
            id => {
                let had = self.api.state(id, &self.spec).await.map_err(RecordError::State)?;
                let (expected, found) = (self.genesis.validators_root, had.state.genesis_validators_root);
                let slot = Slot(had.state.slot);
                if found != expected {
                    let node = had.node.to_string();
                    return Err(RecordError::OtherChain { node, slot, expected, found });
                }
                let writer = Arc::clone(&self.writer);
                let size = had.ssz.len() as u64;
                let root = off_the_loop(move || {
                    let root =
                        head_root(&had.state).map_err(|error| RecordError::Failed(error.to_string()))?;
                    writer.write_state(slot, &had.ssz)?;
                    Ok(root)
                })
                .await?;
                self.progress.state(slot, size);
                (slot, root)
            }
        };
        if slot >= self.plan.end {
            return Err(RecordError::Range { start: Slot(slot.0.saturating_add(1)), end: self.plan.end });
        }
        self.first = Slot(slot.0 + 1);
        Ok(Some((slot, root)))
    }

    /// Records the slots from `from` to the end, as long as each block follows the one before it.
    async fn pass(&mut self, from: Slot, mut before: Before) -> Result<Passed, RecordError> {
        let mut slots = Box::pin(self.slots(from));
        // Slots without a block, until the next block says so too.
        let mut empty: VecDeque<Slot> = VecDeque::new();
        let mut writes = futures::stream::FuturesUnordered::new();
        let mut outcome = Passed::All;
        while let Some((slot, slotted)) = slots.next().await {
            match slotted? {
                Slotted::Empty => empty.push_back(slot),
                Slotted::Kept if !self.writer.has_block(slot) => {
                    self.report.kept += 1;
                    self.progress.slot(slot, SlotOutcome::Kept);
                }
                Slotted::Kept => {
                    // Between slots that were done before, nothing needs to be read again.
                    if !matches!(before, Before::Stored(_)) || !empty.is_empty() {
                        let block = self.stored(slot).await?;
                        let parent = block.block.message.parent_root;
                        if let Some(branch) =
                            self.branch(before, "this recording".into(), slot, parent).await?
                        {
                            outcome = branch;
                            break;
                        }
                    }
                    self.note_empty(&mut empty)?;
                    before = Before::Stored(slot);
                    self.report.kept += 1;
                    self.progress.slot(slot, SlotOutcome::Kept);
                }
                Slotted::Block(had) => {
                    let parent = had.block.block.message.parent_root;
                    if let Some(branch) = self.branch(before, Arc::clone(&had.node), slot, parent).await? {
                        outcome = branch;
                        break;
                    }
                    self.note_empty(&mut empty)?;
                    before = Before::Known(slot, had.root);
                    let writer = Arc::clone(&self.writer);
                    writes.push(off_the_loop(move || {
                        writer.write_block(&had.block)?;
                        Ok(slot)
                    }));
                    while writes.len() >= self.plan.parallel.max(1) {
                        self.written(writes.next().await)?;
                    }
                }
            }
        }
        while !writes.is_empty() {
            self.written(writes.next().await)?;
        }
        if matches!(outcome, Passed::All) {
            self.note_empty(&mut empty)?;
        }
        Ok(outcome)
    }

    fn written(&mut self, done: Option<Result<Slot, RecordError>>) -> Result<(), RecordError> {
        if let Some(slot) = done.transpose()? {
            self.report.stored += 1;
            self.progress.slot(slot, SlotOutcome::Stored);
        }
        Ok(())
    }

    fn note_empty(&mut self, empty: &mut VecDeque<Slot>) -> Result<(), RecordError> {
        while let Some(slot) = empty.pop_front() {
            self.writer.note_empty(slot)?;
            self.report.empty += 1;
            self.progress.slot(slot, SlotOutcome::Empty);
        }
        Ok(())
    }

    /// What is known of each slot, several asked for at a time, in order.
    fn slots(&self, from: Slot) -> impl Stream<Item = (Slot, Result<Slotted, RecordError>)> + use<> {
        let (api, spec, writer) = (self.api.clone(), Arc::clone(&self.spec), Arc::clone(&self.writer));
        futures::stream::iter((from.0..=self.plan.end.0).map(Slot))
            .map(move |slot| {
                let (api, spec, writer) = (api.clone(), Arc::clone(&spec), Arc::clone(&writer));
                async move {
                    if writer.covers(slot) {
                        return (slot, Ok(Slotted::Kept));
                    }
                    let slotted = match api.block(BlockId::Slot(slot), &spec).await {
                        Ok(Some(block)) => Ok(Slotted::Block(Box::new(block))),
                        Ok(None) => Ok(Slotted::Empty),
                        Err(error) => Err(error.into()),
                    };
                    (slot, slotted)
                }
            })
            .buffered(self.plan.parallel.max(1))
    }

    /// Whether a block names another parent than the one before it.
    async fn branch(
        &self,
        before: Before,
        node: Arc<str>,
        slot: Slot,
        found: Root,
    ) -> Result<Option<Passed>, RecordError> {
        let (at, expected) = match before {
            Before::Anything => return Ok(None),
            Before::Known(at, root) => (at, root),
            Before::Stored(at) => (at, self.stored(at).await?.root(&self.spec)),
        };
        let fits = found == expected;
        Ok((!fits).then_some(Passed::Branch { node, slot, before: at, expected, found }))
    }

    async fn stored(&self, slot: Slot) -> Result<ChainBlock, RecordError> {
        let writer = Arc::clone(&self.writer);
        off_the_loop(move || Ok(writer.block(slot)?)).await
    }

    /// The latest block, at a slot or before it, that is stored and that the nodes have too: where to go on from.
    /// The state's own block counts as one. Nothing within reach is nothing.
    async fn common_block(
        &self,
        from: Slot,
        state: Option<(Slot, Root)>,
    ) -> Result<Option<(Slot, Root)>, RecordError> {
        let lowest = from.0.saturating_sub(DEEPEST_BRANCH).max(self.first.0);
        for slot in (lowest..=from.0).rev().map(Slot).filter(|slot| self.writer.has_block(*slot)) {
            let stored = self.stored(slot).await?.root(&self.spec);
            let now = self.api.block(BlockId::Slot(slot), &self.spec).await?;
            if now.is_some_and(|now| now.root == stored) {
                return Ok(Some((slot, stored)));
            }
        }
        Ok(state.filter(|(slot, _)| lowest <= slot.0.saturating_add(1)))
    }
}
