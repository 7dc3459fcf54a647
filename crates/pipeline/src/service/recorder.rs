//! Stores what is followed: every block of every branch with its verdict, and what the chain makes of it.
//!
//! The view says what is to be in the database: blocks, head, finality. Each round stores in one transaction what is
//! not there yet. Events wake the rounds, and bring side branches that the view may forget before the next one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use consensus::{Root, Slot};
use fingerprint::FeatureScratch;
use source::StopSwitch;
use source::follow::{ChainView, FollowEvent, Follower};
use source::replay::ReplayedBlock;
use store::{BlockPlace, BlockRow, ChainUpdate, Store, StoreError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::judge::ChainJudge;
use super::{first_seen, measure};

/// Blocks that may wait while the database takes none; those of the view are found again anyway.
const WAITING_BLOCKS: usize = 4_096;

/// The pause after a transaction that failed; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a process that stands by asks for the lead.
const LEAD_EVERY: Duration = Duration::from_secs(1);

/// Stores what a [`Follower`] sees.
#[derive(Debug)]
pub struct Recorder {
    follower: Follower,
    store: Store,
    judge: ChainJudge,
    /// Blocks that wait to be stored, parents first.
    waiting: BTreeMap<(Slot, Root), Arc<ReplayedBlock>>,
    /// Blocks that the view still knows and that are stored.
    stored: HashSet<(Slot, Root)>,
    /// Head and final block as they were stored last.
    settled: Option<(Root, Root)>,
}

/// What a round is about.
struct Snapshot {
    head: BlockPlace,
    finalized: BlockPlace,
}

impl Recorder {
    /// Stores what is followed with the verdicts of a judge.
    pub fn new(follower: Follower, store: Store, judge: ChainJudge) -> Self {
        Self { follower, store, judge, waiting: BTreeMap::new(), stored: HashSet::new(), settled: None }
    }

    /// Records while this process is the leader of those that share the database, until it is stopped or following
    /// ends. What was seen until then is stored before it returns. A process that is not the leader waits, and is up
    /// with the chain when the lead falls to it.
    pub async fn run(mut self, stop: StopSwitch) -> Result<(), StoreError> {
        let mut is_told = false;
        let mut is_last_try = false;
        let mut complaint = String::new();
        measure::begin();
        measure::leads(false);
        loop {
            match self.store.try_lead().await {
                Ok(Some(mut lead)) => {
                    tracing::info!("This process records the chain");
                    complaint.clear();
                    measure::leads(true);
                    let ended = tokio::select! {
                        ended = self.record(&stop) => Some(ended),
                        () = lead.lost() => None,
                    };
                    measure::leads(false);
                    if let Some(ended) = ended {
                        lead.release().await;
                        return ended;
                    }
                    tracing::warn!("The lead is lost; another process may record the chain by now");
                    self.begin_anew();
                }
                Ok(None) if !is_told => {
                    tracing::info!("Another process records the chain; this one stands by");
                    is_told = true;
                }
                Ok(None) => {}
                Err(error @ StoreError::ReadOnly) => return Err(error),
                Err(error) => {
                    measure::store_failed();
                    // Said once, not every second.
                    let said = error.to_string();
                    if said != complaint {
                        tracing::warn!(%error, "Whether to record the chain can't be told for now");
                        complaint = said;
                    }
                }
            }
            if is_last_try {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(LEAD_EVERY) => {}
                // The leader may have ended just before.
                () = stop.stopped() => is_last_try = true,
            }
        }
    }

    /// Forgets what it knows of the database.
    fn begin_anew(&mut self) {
        self.waiting.clear();
        self.stored.clear();
        self.settled = None;
    }

    async fn record(&mut self, stop: &StopSwitch) -> Result<(), StoreError> {
        let Some(mut events) = self.follower.subscribe() else { return self.catch_up().await };
        // The view may know blocks already.
        self.look();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.round().await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => {
                    pause = FIRST_PAUSE;
                    let event = tokio::select! {
                        event = events.recv() => event,
                        () = stop.stopped() => return self.end(&mut events).await,
                    };
                    match event {
                        Ok(event) => self.take(event),
                        Err(RecvError::Lagged(missed)) => {
                            tracing::warn!(missed, "Events were missed; their blocks are looked up");
                            self.look();
                        }
                        Err(RecvError::Closed) => return self.end(&mut events).await,
                    }
                }
                Err(error) => {
                    measure::store_failed();
                    tracing::error!(%error, pause_ms = pause.as_millis() as u64, "Verdicts can't be stored; it is tried again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.stopped() => return self.end(&mut events).await,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            self.drain(&mut events);
        }
    }

    /// Stores what is left, once.
    async fn end(&mut self, events: &mut Receiver<FollowEvent>) -> Result<(), StoreError> {
        self.drain(events);
        self.catch_up().await
    }

    async fn catch_up(&mut self) -> Result<(), StoreError> {
        self.look();
        while self.round().await? {}
        Ok(())
    }

    /// Takes events that are there.
    fn drain(&mut self, events: &mut Receiver<FollowEvent>) {
        loop {
            match events.try_recv() {
                Ok(event) => self.take(event),
                Err(TryRecvError::Lagged(_)) => self.look(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn take(&mut self, event: FollowEvent) {
        match event {
            FollowEvent::BlockSeen(block) => self.wait(block),
            FollowEvent::HeadChanged(change) => measure::head_changed(change.depth),
            FollowEvent::Finalized { .. } => {}
            FollowEvent::Restarted { root, slot } => {
                tracing::info!(%root, slot = slot.0, "Recording goes on behind a newer final block");
                self.stored.clear();
            }
        }
    }

    fn wait(&mut self, block: Arc<ReplayedBlock>) {
        let key = (block.slot(), block.root);
        if self.stored.contains(&key) {
            return;
        }
        self.waiting.insert(key, block);
        while self.waiting.len() > WAITING_BLOCKS {
            self.waiting.pop_first();
        }
        measure::waiting(self.waiting.len());
    }

    /// Looks for blocks that the view knows and the database may not.
    fn look(&mut self) {
        let known = self.follower.view(|view| {
            let mut blocks = view.canonical(Slot(0), Slot(u64::MAX));
            blocks.extend(view.open_blocks());
            blocks
        });
        for block in known.into_iter().flatten() {
            self.wait(block);
        }
    }

    /// Stores some of what waits, and what the chain makes of it. Gives whether more may be to do.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let stored = &self.stored;
        let Some((snapshot, more)) = self.follower.view(|view| {
            // Of the head's chain what is not stored: without it the head's states could not be told.
            let from = view.oldest_slot();
            let missing = view.canonical(from, Slot(u64::MAX));
            let missing: Vec<_> =
                missing.into_iter().filter(|block| !stored.contains(&(block.slot(), block.root))).collect();
            (snapshot(view), missing)
        }) else {
            return Ok(false);
        };
        for block in more {
            self.wait(block);
        }
        let goal = (snapshot.head.root, snapshot.finalized.root);
        if self.waiting.is_empty() && self.settled == Some(goal) {
            return Ok(false);
        }
        let rows = self.rows(self.waiting.values().map(Arc::clone).collect()).await?;
        let Snapshot { head, finalized } = snapshot;
        // After a restart known blocks come again, and are no new verdicts.
        let keys: Vec<_> = rows.iter().map(|row| (row.slot, row.block_root)).collect();
        let known = self.store.contains_blocks(&keys).await?;
        let report = self.store.apply_chain_update(&ChainUpdate { rows: &rows, head, finalized }).await?;
        self.waiting.clear();
        self.stored.extend(keys);
        let fresh = rows.iter().filter(|row| !known.contains(&row.block_root));
        measure::stored(&self.follower, fresh, Instant::now());
        measure::waiting(0);
        if !report.settled {
            tracing::warn!(root = %head.root, "The head is not in the database; all that is known is stored again");
            self.stored.clear();
            self.look();
            return Ok(false);
        }
        if report.is_beside_final {
            tracing::warn!(
                root = %head.root,
                slot = head.slot.0,
                "The head is not above the newest final block that is stored: the node is behind, or follows another chain"
            );
        }
        measure::settled(&report);
        self.settled = Some(goal);
        self.forget();
        Ok(true)
    }

    /// Judges blocks away from the threads that wait for others.
    async fn rows(&self, blocks: Vec<Arc<ReplayedBlock>>) -> Result<Vec<BlockRow>, StoreError> {
        let judge = self.judge.clone();
        let work = move || {
            let mut scratch = FeatureScratch::default();
            blocks.iter().map(|block| judge.row(block, &mut scratch)).collect::<Vec<_>>()
        };
        let rows = tokio::task::spawn_blocking(work).await;
        let mut rows = rows.map_err(|error| StoreError::Write(std::io::Error::other(error)))?;
        first_seen::note(&self.follower, &mut rows);
        Ok(rows)
    }

    /// Forgets what the view forgot.
    fn forget(&mut self) {
        if let Some(oldest) = self.follower.view(ChainView::oldest_slot) {
            self.stored.retain(|(slot, _)| *slot >= oldest);
        }
    }
}

fn snapshot(view: &ChainView) -> Snapshot {
    let (head, anchor) = (view.head(), view.anchor());
    Snapshot {
        head: BlockPlace { root: head.root, slot: head.slot },
        finalized: BlockPlace { root: anchor.root, slot: anchor.slot },
    }
}
