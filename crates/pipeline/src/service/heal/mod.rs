//! Fills gaps in the background: the newest first, a chunk at a time, from whoever has the blocks.
//!
//! [`HealPlan`] says what to fill and what to leave, from the gaps, the notes on them and the time; [`check_links`]
//! whether what came belongs there. Both are pure. What is to be filled goes into the queue of the database, from which
//! any number of workers and processes take chunks. Each chunk is stored after the one above it, to which it must lead:
//! so everything hangs on the block that the followed chain says is final. What can't be filled is noted with its reason, and tried
//! again after a time that grows.

mod links;
mod plan;
mod read;

use std::sync::Arc;
use std::time::Duration;

use consensus::Slot;
use source::StopSwitch;
use store::{
    BlockPlace, BlockRow, CanonicalState, ChainMarks, Gap, GapCause, GapNote, Store, StoreError, WorkItem,
};
use tokio::sync::Notify;

use super::judge::ChainJudge;
use super::measure;

pub use links::{Above, check_links};
pub(super) use plan::time_span;
pub use plan::{HealPlan, HealPolicy, History};
pub use read::{ChunkError, HealSource};

/// How often the gaps are looked at where nothing else happens.
const LOOK_EVERY: Duration = Duration::from_secs(12);

/// How often a chunk that is read looks whether the one above it is stored.
const WAIT_FOR_ABOVE: Duration = Duration::from_millis(250);

/// Chunks that are put into the queue ahead.
const OFFERED: usize = 16;

/// Pages of this many blocks are read to find the neighbours of a chunk.
const NEIGHBOURS: usize = 64;

/// What a round did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealStep {
    /// A chunk was filled.
    Filled {
        /// The chunk.
        gap: Gap,
        /// Blocks that were stored.
        blocks: usize,
    },
    /// A chunk can't be filled for now. It is noted.
    Failed(GapNote),
    /// A chunk needed nothing any more, or was left to others.
    Passed(Gap),
    /// There is nothing to do until a time, in seconds of Unix time.
    Idle {
        /// The time; none where nothing waits.
        until: Option<u64>,
    },
    /// It was stopped.
    Stopped,
}

/// The time in seconds of Unix time.
pub type UnixClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Fills gaps. Copies share the database and work side by side.
#[derive(Clone)]
pub struct Healer {
    store: Store,
    judge: ChainJudge,
    sources: Vec<HealSource>,
    policy: HealPolicy,
    clock: UnixClock,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for Healer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Healer")
            .field("sources", &self.sources)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The gaps at a moment.
struct Sight {
    marks: ChainMarks,
    plan: HealPlan,
    notes: Vec<GapNote>,
    now: u64,
}

/// Whether blocks that came are where they belong.
enum Linked {
    Fits,
    Wrong(ChunkError),
    /// Nobody stored the slots above, or is about to.
    Waits,
}

/// Stops a thread that reads for somebody who is gone.
struct StopOnDrop(StopSwitch);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Healer {
    /// Fills the gaps of a database from the sources, which are asked in order.
    pub fn new(
        store: Store,
        judge: ChainJudge,
        sources: Vec<HealSource>,
        policy: HealPolicy,
        clock: UnixClock,
    ) -> Self {
        Self { store, judge, sources, policy, clock, wake: Arc::default() }
    }

    /// Runs until it is stopped. Chunks under way are given up and put back: they are gaps still.
    pub async fn run(self, stop: StopSwitch) {
        measure::begin();
        let workers = (0..self.policy.workers.max(1)).map(|_| self.work_on(&stop));
        futures::future::join_all(workers).await;
    }

    async fn work_on(&self, stop: &StopSwitch) {
        while !stop.is_stopped() {
            let pause = match self.step(stop).await {
                Ok(HealStep::Filled { .. } | HealStep::Failed(_) | HealStep::Passed(_)) => {
                    // Another worker may wait for this one.
                    self.wake.notify_waiters();
                    Duration::ZERO
                }
                Ok(HealStep::Stopped) => return,
                Ok(HealStep::Idle { until }) => {
                    let wait = until.map(|at| Duration::from_secs(at.saturating_sub((self.clock)()).max(1)));
                    wait.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY))
                }
                Err(error) => {
                    measure::heal_error();
                    tracing::error!(%error, "Gaps can't be filled for now");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.stopped() => return,
            }
        }
    }

    /// One round: the newest chunk that nobody works on, or what there is to wait for.
    pub async fn step(&self, stop: &StopSwitch) -> Result<HealStep, StoreError> {
        let Sight { plan, .. } = self.look().await?;
        if !plan.unwanted.is_empty() {
            self.store.note_gaps(&plan.unwanted).await?;
        }
        let chunks = plan.chunks(self.policy.chunk_slots, OFFERED);
        if !chunks.is_empty() {
            self.store.offer_work(&chunks).await?;
        }
        let Some(item) = self.store.take_work(self.now_ms(), self.lease_end()).await? else {
            return Ok(HealStep::Idle { until: plan.until });
        };
        // Work on an item that another process has by now ends here, and with it the thread that reads.
        let read_stop = StopSwitch::default();
        let _stop_on_drop = StopOnDrop(read_stop.clone());
        // Side by side: the work may hold the connection that keeping waits for.
        let ended = tokio::select! {
            done = self.work(&item, &read_stop) => Some(done?),
            () = self.keep_until_lost(&item) => Some(HealStep::Passed(item.gap)),
            () = stop.stopped() => None,
        };
        if let Some(step) = ended {
            return Ok(step);
        }
        self.store.put_work_back(&item, "stopped", self.now_ms()).await?;
        Ok(HealStep::Stopped)
    }

    /// Keeps an item again and again, until another process has it.
    async fn keep_until_lost(&self, item: &WorkItem) {
        loop {
            tokio::time::sleep(Duration::from_secs(self.policy.lease_seconds.max(1)) / 3).await;
            match self.store.keep_work(item, self.lease_end()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "Work on a gap can't be kept for now"),
            }
        }
    }

    fn now_ms(&self) -> u64 {
        (self.clock)().saturating_mul(1_000)
    }

    fn lease_end(&self) -> u64 {
        self.now_ms().saturating_add(self.policy.lease_seconds.max(1).saturating_mul(1_000))
    }

    async fn look(&self) -> Result<Sight, StoreError> {
        let marks = self.store.chain_marks().await?;
        let (gaps, notes) = (self.store.unknown_slots().await?, self.store.gap_notes().await?);
        let now = (self.clock)();
        let plan = HealPlan::of(&gaps, &notes, &marks, &self.policy, now);
        Ok(Sight { marks, plan, notes, now })
    }

    /// Fills what is due of an item, or notes why not.
    async fn work(&self, item: &WorkItem, stop: &StopSwitch) -> Result<HealStep, StoreError> {
        let Sight { plan, notes, now, .. } = self.look().await?;
        let Some((chunk, stretch)) = plan.within(item.gap) else {
            self.store.finish_work(item).await?;
            return Ok(HealStep::Passed(item.gap));
        };
        let mut failures: Vec<ChunkError> = Vec::new();
        for source in &self.sources {
            let rows = match self.read(source, chunk, stop).await {
                Ok(rows) => rows,
                Err(error) => {
                    failures.push(error);
                    continue;
                }
            };
            match self.linked(&rows, chunk).await? {
                Linked::Fits => {
                    self.store.fill_final(&rows, chunk.start..=chunk.end).await?;
                    self.store.finish_work(item).await?;
                    measure::healed("filled", rows.len());
                    tracing::info!(
                        start = chunk.start.0,
                        end = chunk.end.0,
                        blocks = rows.len(),
                        "Missing slots are filled"
                    );
                    return Ok(HealStep::Filled { gap: chunk, blocks: rows.len() });
                }
                Linked::Wrong(error) => failures.push(error),
                Linked::Waits => {
                    // It comes again with the next plan, cut to fit the piece above.
                    self.store.finish_work(item).await?;
                    return Ok(HealStep::Passed(item.gap));
                }
            }
        }
        let note = self.note(chunk, stretch, &notes, failures, now);
        tracing::warn!(
            start = note.gap.start.0,
            end = note.gap.end.0,
            cause = note.cause.name(),
            detail = note.detail,
            tries = note.tries,
            "Missing slots can't be filled"
        );
        measure::healed(note.cause.name(), 0);
        self.store.note_gaps(std::slice::from_ref(&note)).await?;
        self.store.finish_work(item).await?;
        Ok(HealStep::Failed(note))
    }

    async fn read(
        &self,
        source: &HealSource,
        chunk: Gap,
        stop: &StopSwitch,
    ) -> Result<Vec<BlockRow>, ChunkError> {
        let (source, judge, stop) = (source.clone(), self.judge.clone(), stop.clone());
        let read = tokio::task::spawn_blocking(move || source.read(chunk, &judge, &stop));
        read.await.unwrap_or_else(|error| {
            Err(ChunkError {
                cause: GapCause::BadData,
                detail: format!("the work on missing blocks broke off: {error}"),
            })
        })
    }

    /// Waits until the slots above a chunk are stored, and checks that blocks lead there.
    async fn linked(&self, rows: &[BlockRow], chunk: Gap) -> Result<Linked, StoreError> {
        let waiting = async {
            loop {
                let Sight { marks, plan, .. } = self.look().await?;
                let (above, below) = self.neighbours(chunk).await?;
                // What is stored above the final block may be of a branch that is given up.
                let above = match (&above, marks.finalized) {
                    (_, Some(last)) if last.slot == chunk.end => Some(Above::Root(last.root)),
                    (Some(above), _) if above.parent_slot <= chunk.end => Some(Above::Block(above)),
                    _ => None,
                };
                if let Some(above) = above {
                    return Ok(match check_links(rows, chunk, above, &below) {
                        Ok(()) => Linked::Fits,
                        Err(error) => Linked::Wrong(error),
                    });
                }
                let next = Slot(chunk.end.0.saturating_add(1));
                let is_due = plan.within(Gap { start: next, end: next }).is_some();
                if !is_due || !self.store.has_work_at(next).await? {
                    return Ok(Linked::Waits);
                }
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(WAIT_FOR_ABOVE) => {}
                }
            }
        };
        // Whoever has the slots above may be gone, and everybody else waiting like this one.
        let patience = Duration::from_secs(self.policy.lease_seconds.max(1));
        tokio::time::timeout(patience, waiting).await.unwrap_or(Ok(Linked::Waits))
    }

    /// What is written down of a chunk that nobody could fill.
    fn note(
        &self,
        chunk: Gap,
        stretch: Gap,
        notes: &[GapNote],
        failures: Vec<ChunkError>,
        now: u64,
    ) -> GapNote {
        let cause = failures.first().map_or(GapCause::Unreachable, |failure| failure.cause);
        let detail: Vec<&str> = failures.iter().map(|failure| failure.detail.as_str()).collect();
        let detail = if detail.is_empty() {
            "no source of blocks is configured".to_owned()
        } else {
            detail.join("; ")
        };
        // Older ones hang on these.
        let gap = Gap { end: chunk.end, ..stretch };
        let before = notes.iter().filter(|note| note.gap.start <= gap.end && note.gap.end >= chunk.start);
        // Tries that ended alike: who could not be asked for an hour has refused nothing yet.
        let nobody = |cause| cause == GapCause::Unreachable;
        let before = before.filter(|note| nobody(note.cause) == nobody(cause));
        let tries = before.map(|note| note.tries).max().unwrap_or(0).saturating_add(1);
        let next_try = Some(now.saturating_add(self.policy.pause(cause, tries)));
        GapNote { gap, cause, detail, tries, last_try: now, next_try }
    }

    /// The lowest block above a chunk, and the blocks shortly below it, orphaned ones left out.
    async fn neighbours(&self, chunk: Gap) -> Result<(Option<BlockRow>, Vec<BlockPlace>), StoreError> {
        let counts = |row: &BlockRow| row.canonical != CanonicalState::Orphaned;
        let mut above = None;
        let mut after = None;
        let from = Slot(chunk.end.0.saturating_add(1))..Slot(u64::MAX >> 24);
        loop {
            let page = self.store.blocks(from.clone(), after, NEIGHBOURS).await?;
            if let Some(row) = page.items.into_iter().find(counts) {
                above = Some(row);
                break;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let below = Slot(chunk.start.0.saturating_sub(NEIGHBOURS as u64))..chunk.start;
        let page = self.store.blocks(below, None, usize::MAX).await?;
        let below =
            page.items.iter().filter(|row| counts(row) && row.root_known == store::RootOrigin::Reported);
        Ok((above, below.map(|row| BlockPlace { root: row.block_root, slot: row.slot }).collect()))
    }
}
