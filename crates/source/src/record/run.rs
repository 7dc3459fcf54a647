//! The recording itself: the state first, then slot after slot, and back where the chain changed.

use std::collections::VecDeque;
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::{Root, Slot};
use futures::{Stream, StreamExt};

use super::{RecordError, RecordPlan, RecordProgress, SlotOutcome, StartState, off_the_loop};
use crate::beacon_api::{ApiBlock, BeaconApi, BlockId, StateId};
use crate::chain::{ChainBlock, Genesis};
use crate::recording::{RecordingWriter, head_root};

/// How far back a branch is followed: four epochs of mainnet, beyond which blocks are usually finalized.
const DEEPEST_BRANCH: u64 = 128;
/// How often a recording goes back to another branch before it gives up.
const MOST_BRANCHES: u32 = 3;

/// What was done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) stored: u64,
    pub(super) empty: u64,
    pub(super) kept: u64,
}

/// A recording under way.
pub(super) struct Run<'a> {
    pub(super) plan: &'a RecordPlan,
    pub(super) api: &'a BeaconApi,
    pub(super) progress: &'a dyn RecordProgress,
    pub(super) writer: Arc<RecordingWriter>,
    pub(super) spec: Arc<Spec>,
    pub(super) genesis: Genesis,
    pub(super) first: Slot,
    pub(super) report: Counts,
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
    pub(super) async fn all(&mut self) -> Result<Option<Slot>, RecordError> {
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
