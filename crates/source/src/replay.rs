//! Blocks replayed on a state: what each of them earned its proposer.
//!
//! The state stands before the first block; each block is applied with nothing checked that rewards do not need,
//! while a recorder notes what it pays. The shuffling of the next epoch is computed on another core.

use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use consensus::containers::Attestation;
use consensus::rewards::{AttestationLog, Attestations, BlockContext, BlockReward, RewardLog, Scale};
use consensus::spec::{Fork, TIMELY_TARGET_FLAG_INDEX};
use consensus::state::State;
use consensus::transition::{
    Checks, FromScratch, TransitionError, apply_signed_block, process_slots_trusting,
};
use consensus::{Epoch, Gwei, Root, Slot, ValidatorIndex};
use fingerprint::{AttestationShape, AttestationSummary, AttestationVote, BlockObservation};

use crate::chain::ChainBlock;
use crate::recording;

/// Why a replay ends early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E: std::error::Error + 'static> {
    /// A block can't be read.
    #[error(transparent)]
    Read(E),
    /// A block does not follow from the state.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// A block builds on another one than was replayed last, or than the state has as its latest.
    #[error("slot {slot}: the block builds on {expected}, and {before} is {found}: {}", before.likely())]
    Broken {
        /// The block's slot.
        slot: Slot,
        /// What it names as its parent.
        expected: Root,
        /// What stands before it.
        before: Before,
        /// The root of that block.
        found: Root,
    },
}

/// What a block that is replayed comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The block that was replayed last.
    Block,
    /// The latest block of the state of this slot, with which the replay begins.
    State(Slot),
}

impl Before {
    /// Why another block may stand there than the next one names.
    fn likely(self) -> &'static str {
        match self {
            Self::Block => "one is missing",
            Self::State(_) => "blocks between them are missing, or the state is of another chain",
        }
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => f.write_str("the block before it here"),
            Self::State(slot) => write!(f, "the latest block of the state of slot {slot}"),
        }
    }
}

/// How the roots of blocks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Each block is hashed, and the next one must name its root: no block can be missing. The first one must name
    /// the latest block of the state; where the state is of that block's slot, this hashes the state once.
    Check,
    /// The next block's word is taken, and only the last block is hashed: for sources that are known to be whole, and
    /// to follow the state.
    Trust,
}

/// A block that was replayed.
#[derive(Clone, Debug)]
pub struct ReplayedBlock {
    /// The block.
    pub block: ChainBlock,
    /// Its root.
    pub root: Root,
    /// The slot of its parent.
    pub parent_slot: Slot,
    /// What it paid.
    pub log: ReusedLog,
    pub(crate) slots_per_epoch: u64,
}

/// A log whose memory serves a later block once it is dropped: that of a block is a quarter of a megabyte.
#[derive(Clone, Debug)]
pub struct ReusedLog {
    log: RewardLog,
    pool: Arc<Mutex<Vec<RewardLog>>>,
}

/// Logs that are kept for later blocks.
const KEPT_LOGS: usize = 4;

impl ReusedLog {
    fn of(pool: &Arc<Mutex<Vec<RewardLog>>>) -> Self {
        let kept = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { log: kept.unwrap_or_default(), pool: Arc::clone(pool) }
    }
}

impl From<RewardLog> for ReusedLog {
    /// A log that serves no other block.
    fn from(log: RewardLog) -> Self {
        Self { log, pool: Arc::default() }
    }
}

impl Deref for ReusedLog {
    type Target = RewardLog;

    fn deref(&self) -> &RewardLog {
        &self.log
    }
}

impl Drop for ReusedLog {
    fn drop(&mut self) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < KEPT_LOGS {
            let mut log = std::mem::take(&mut self.log);
            log.clear();
            pool.push(log);
        }
    }
}

/// Replays blocks, one for each call of the iterator. After an error there is nothing more.
#[derive(Debug)]
pub struct Replay<I, E> {
    blocks: I,
    /// Blocks that were read and not replayed yet.
    queue: VecDeque<ChainBlock>,
    /// What came instead of the block after them.
    end: Option<End<E>>,
    state: State,
    /// The root of the block that was replayed last, where it was hashed or named by the block after it.
    parent: Option<Root>,
    links: Links,
    reading: Reading,
    /// Whether shufflings were begun ahead.
    ahead: bool,
    skip_before: Slot,
    done: bool,
    logs: Arc<Mutex<Vec<RewardLog>>>,
}

/// How many blocks a replay reads before it applies one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The next one, which names its root.
    NextBlock,
    /// All of the epoch, whose reveals tell the shuffling of the epoch after the next.
    WholeEpoch,
}

/// Blocks that are read ahead at most, to know the shufflings of later epochs early.
const LOOK_AHEAD: usize = 80;

/// Why no more blocks are read.
#[derive(Debug)]
enum End<E> {
    /// There are none.
    Done,
    /// The next one can't be read.
    Failed(E),
}

impl<I, E> Replay<I, E>
where
    I: Iterator<Item = Result<ChainBlock, E>>,
    E: std::error::Error + 'static,
{
    /// Blocks in order of their slots, on the state before the first of them. Blocks at or before the slot of the
    /// state's latest block are passed over.
    pub fn new(state: State, blocks: I, links: Links) -> Self {
        let skip_before = Slot(state.latest_block_header.slot.saturating_add(u64::from(state.slot > 0)));
        Self {
            blocks,
            queue: VecDeque::new(),
            end: None,
            state,
            parent: None,
            links,
            reading: Reading::NextBlock,
            ahead: false,
            skip_before,
            done: false,
            logs: Arc::default(),
        }
    }

    /// The root of the state's latest block, where it is known: a state that was replayed itself can't be hashed.
    #[must_use]
    pub fn after(self, parent: Root) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// Reads an epoch of blocks before the first of them is applied, so that shufflings are known two epochs ahead. For
    /// blocks that are at hand: of a source that stalls, nothing would be replayed meanwhile.
    #[must_use]
    pub fn by_epochs(self) -> Self {
        Self { reading: Reading::WholeEpoch, ..self }
    }

    /// The state after the latest block.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Reads until so many blocks wait. What can't be read is told once they are replayed.
    fn read(&mut self, wanted: usize) {
        while self.queue.len() < wanted && self.end.is_none() {
            match self.blocks.next() {
                None => self.end = Some(End::Done),
                Some(Err(error)) => self.end = Some(End::Failed(error)),
                Some(Ok(block)) if block.slot() >= self.skip_before.max(Slot(1)) => {
                    self.queue.push_back(block)
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// Begins the shuffling of the next epoch on another core, and where epochs are read ahead that of the one after it.
    fn shuffle_ahead(&mut self, block: &ChainBlock) -> Result<(), TransitionError> {
        let task = self.state.prepare_next_shuffling()?;
        rayon::spawn(move || drop(task.run()));
        self.ahead = true;
        if self.reading == Reading::NextBlock {
            return Ok(());
        }
        let spec = Arc::clone(self.state.spec());
        let end = spec.start_slot(self.state.current_epoch().saturating_add(1));
        while self.queue.back().is_none_or(|last| last.slot().0 < end)
            && self.queue.len() < LOOK_AHEAD
            && self.end.is_none()
        {
            self.read(self.queue.len() + 1);
        }
        let whole = self.end.is_some() || self.queue.back().is_some_and(|last| last.slot().0 >= end);
        if whole && spec.preset.max_seed_lookahead >= 2 && spec.preset.min_seed_lookahead == 1 {
            let rest = self.queue.iter().take_while(|block| block.slot().0 < end);
            let reveals = iter::once(block).chain(rest).map(|block| &block.block.message.body.randao_reveal);
            let task = self.state.prepare_shuffling_after_next(reveals)?;
            rayon::spawn(move || drop(task.run()));
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<ReplayedBlock>, ReplayError<E>> {
        self.read(2);
        let Some(block) = self.queue.pop_front() else {
            return match self.end.take() {
                Some(End::Failed(error)) => Err(ReplayError::Read(error)),
                _ => Ok(None),
            };
        };
        let message = &block.block.message;
        let (before, parent) = match (self.parent, self.links) {
            (None, Links::Check) => {
                (Before::State(Slot(self.state.slot)), Some(recording::head_root(&self.state)?))
            }
            (parent, _) => (Before::Block, parent),
        };
        if let Some(found) = parent.filter(|found| *found != message.parent_root) {
            let expected = message.parent_root;
            return Err(ReplayError::Broken { slot: block.slot(), expected, before, found });
        }
        let epoch = self.state.current_epoch();
        process_slots_trusting(&mut self.state, message.slot, message.parent_root)?;
        if self.state.current_epoch() != epoch || !self.ahead {
            self.shuffle_ahead(&block)?;
        }
        let parent_slot = Slot(self.state.latest_block_header.slot);
        let mut log = ReusedLog::of(&self.logs);
        apply_signed_block(&mut self.state, &block.block, Checks::TRUST, &mut FromScratch, &mut log.log)?;
        let root = match (self.queue.front(), self.links) {
            (Some(next), Links::Trust) => next.block.message.parent_root,
            _ => block.root(self.state.spec()),
        };
        self.parent = Some(root);
        let slots_per_epoch = self.state.spec().preset.slots_per_epoch;
        Ok(Some(ReplayedBlock { block, root, parent_slot, log, slots_per_epoch }))
    }
}

impl<I, E> Iterator for Replay<I, E>
where
    I: Iterator<Item = Result<ChainBlock, E>>,
    E: std::error::Error + 'static,
{
    type Item = Result<ReplayedBlock, ReplayError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

impl ReplayedBlock {
    /// The block's reward in Lighthouse's shape.
    pub fn reward(&self, scale: Scale, attestations: Attestations) -> BlockReward {
        self.log.block_reward(&self.context(), scale, attestations)
    }

    fn context(&self) -> BlockContext<'_> {
        let message = &self.block.block.message;
        BlockContext {
            block_root: self.root,
            slot: message.slot,
            parent_slot: self.parent_slot.0,
            proposer_index: message.proposer_index,
            graffiti: &message.body.graffiti.0,
            slots_per_epoch: self.slots_per_epoch,
            phase0: self.block.fork == Fork::Phase0,
        }
    }

    /// The block as features see it: what reading its reward in the legacy scale gives, without writing it.
    pub fn observation(&self) -> BlockObservation {
        let message = &self.block.block.message;
        let reward = self.reward(Scale::Legacy, Attestations::Omit);
        let rewards =
            reward.attestation_rewards.per_attestation_rewards.iter().map(|map| AttestationSummary {
                fresh_validators: u32::try_from(map.0.len()).unwrap_or(u32::MAX),
                total: Gwei(map.0.iter().map(|(_, Gwei(gwei))| *gwei).fold(0, u64::saturating_add)),
            });
        BlockObservation {
            block_root: self.root,
            slot: Slot(message.slot),
            parent_slot: self.parent_slot,
            fork: Some(self.block.fork),
            proposer_index: ValidatorIndex(message.proposer_index),
            rewards: rewards.collect(),
            attestation_total: reward.attestation_rewards.total,
            graffiti: reward.meta.graffiti,
            votes: self
                .log
                .attestations
                .iter()
                .map(|attestation| AttestationVote {
                    slot: Slot(attestation.data.slot),
                    index: attestation.data.index,
                    beacon_block_root: attestation.data.beacon_block_root,
                })
                .collect(),
            shapes: self.shapes(),
        }
    }

    /// What the attestations are made of; empty where the log leaves some of them out.
    fn shapes(&self) -> Vec<AttestationShape> {
        let included = &self.block.block.message.body.attestations;
        let logged = &self.log.attestations;
        if included.len() != logged.len() {
            return Vec::new();
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let bit =
            |committee: u64| 1_u64.checked_shl(u32::try_from(committee).unwrap_or(u32::MAX)).unwrap_or(0);
        let same_data = |log: &AttestationLog| logged.iter().position(|earlier| earlier.data == log.data);
        let shape = |(attestation, log): (&Attestation, &AttestationLog)| {
            let committees = if self.block.fork >= Fork::Electra {
                attestation.committee_bits.ones().fold(0, |set, committee| set | bit(committee as u64))
            } else {
                bit(attestation.data.index)
            };
            let (votes, new) = (attestation.aggregation_bits.count(), log.unseen());
            AttestationShape {
                committees,
                committees_of_slot: log.committees_of_slot,
                new: count(new),
                repeated: count(votes.saturating_sub(new)),
                paid: Gwei(log.paid),
                alone: Gwei(log.alone),
                same_data_as: count(same_data(log).unwrap_or(usize::MAX)),
                epoch: Epoch(log.data.target.epoch),
                right_target: log.flags >> TIMELY_TARGET_FLAG_INDEX & 1 == 1,
            }
        };
        included.iter().zip(logged).map(shape).collect()
    }
}
