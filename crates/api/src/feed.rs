//! Verdicts as they are stored, by whichever process: the newest blocks are looked at once a second, and what is new
//! or different goes to all who listen.
//!
//! One task asks for all listeners. It begins with the first of them and ends when the last one is gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use consensus::{Root, Slot};
use fingerprint::Client;
use store::{BlockRow, CanonicalState, Store, StoreError};
use tokio::sync::{broadcast, watch};

/// How often the database is asked.
const EVERY: Duration = Duration::from_secs(1);

/// The newest blocks that are looked at: those of four epochs, so that what becomes final is heard of.
const WATCHED: usize = 128;

/// Events that wait for a slow listener; more are dropped, and it is told how many.
const WAITING: usize = 512;

/// What happened to a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FeedEvent {
    /// It was stored, or judged anew.
    Verdict(Arc<BlockRow>),
    /// The chain made something else of it.
    State(Arc<BlockRow>),
}

/// What listeners share.
#[derive(Debug)]
pub(crate) struct Feed {
    store: Store,
    sender: Mutex<Option<broadcast::Sender<FeedEvent>>>,
    ended: watch::Sender<bool>,
    changes: AtomicU64,
}

impl Feed {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            sender: Mutex::new(None),
            ended: watch::Sender::new(false),
            changes: AtomicU64::new(0),
        })
    }

    /// A listener's end. Must be called inside of a runtime.
    pub(crate) fn subscribe(self: &Arc<Self>) -> broadcast::Receiver<FeedEvent> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            return sender.subscribe();
        }
        let (new, receiver) = broadcast::channel(WAITING);
        *sender = Some(new.clone());
        tokio::spawn(Arc::clone(self).watch(new));
        receiver
    }

    /// How often something new was seen. Who listens has not heard of it yet when this says so.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Ends when the server stops.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Ends all streams, now and later.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    async fn watch(self: Arc<Self>, sender: broadcast::Sender<FeedEvent>) {
        let mut seen = Seen::default();
        let mut ended = self.ended();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = ended.wait_for(|ended| *ended) => break,
            }
            match newest(&self.store).await {
                Ok(rows) => {
                    let events = seen.update(rows);
                    if !events.is_empty() {
                        self.changes.fetch_add(1, Ordering::Release);
                    }
                    for event in events {
                        // Whether anybody listens is asked below.
                        let _ = sender.send(event);
                    }
                }
                Err(error) => tracing::warn!(%error, "The newest verdicts can't be read for streams"),
            }
            let mut current = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            if sender.receiver_count() == 0 {
                *current = None;
                return;
            }
        }
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

async fn newest(store: &Store) -> Result<Vec<BlockRow>, StoreError> {
    let mut rows = store.recent(WATCHED).await?;
    rows.reverse();
    Ok(rows)
}

/// What is compared of a block.
#[derive(Clone, Debug, PartialEq)]
struct Looks {
    verdict: Option<Client>,
    probability: Option<f64>,
    model: Option<[u8; 32]>,
    state: CanonicalState,
}

impl Looks {
    fn of(row: &BlockRow) -> Self {
        let verdict = row.classification.best_guess_single;
        Self {
            verdict,
            probability: verdict.map(|client| row.classification.probability(client)),
            model: row.model_hash,
            state: row.canonical,
        }
    }
}

/// The newest blocks as they looked last.
#[derive(Default)]
struct Seen {
    blocks: Option<HashMap<Root, (Slot, Looks)>>,
    /// Blocks that were below the newest ones are history, which streams leave out.
    lowest: Slot,
}

impl Seen {
    /// What is new or different among the newest blocks, in their order. The first look tells nothing.
    fn update(&mut self, rows: Vec<BlockRow>) -> Vec<FeedEvent> {
        let lowest = rows.first().map_or(Slot(0), |row| row.slot).max(self.lowest);
        let mut now = HashMap::with_capacity(rows.len());
        let mut events = Vec::new();
        for row in rows.into_iter().filter(|row| row.slot >= self.lowest) {
            let looks = Looks::of(&row);
            let row = Arc::new(row);
            if let Some(before) = &self.blocks {
                match before.get(&row.block_root).map(|(_, before)| before) {
                    Some(before) if *before == looks => {}
                    Some(before) if Looks { state: looks.state, ..before.clone() } == looks => {
                        events.push(FeedEvent::State(Arc::clone(&row)));
                    }
                    _ => events.push(FeedEvent::Verdict(Arc::clone(&row))),
                }
            }
            now.insert(row.block_root, (row.slot, looks));
        }
        self.blocks = Some(now);
        // A block as old as the oldest watched one may still come.
        self.lowest = lowest;
        events
    }
}

#[cfg(test)]
mod tests {
    use consensus::ValidatorIndex;
    use fingerprint::Classification;
    use store::{Attestations, RootOrigin};

    use super::*;

    fn row(slot: u64, state: CanonicalState) -> BlockRow {
        BlockRow {
            block_root: Root([u8::try_from(slot).unwrap(); 32]),
            root_known: RootOrigin::Reported,
            parent_root: None,
            slot: Slot(slot),
            parent_slot: Slot(slot - 1),
            proposer_index: ValidatorIndex(1),
            graffiti: None,
            classification: Classification::uncertain(None),
            model_hash: None,
            canonical: state,
            features: None,
            attestations: Attestations::NotRecorded,
            signs: None,
            first_seen_ms: None,
        }
    }

    #[test]
    fn what_is_new_or_different_is_told_once() {
        use CanonicalState::{Canonical, Orphaned};
        let mut seen = Seen::default();
        let (five, six) = (row(5, Canonical), row(6, Canonical));
        assert!(seen.update(vec![five.clone(), six.clone()]).is_empty(), "the first look tells nothing");
        assert!(seen.update(vec![five.clone(), six.clone()]).is_empty());
        let (lost, seven) = (row(6, Orphaned), row(7, Canonical));
        let events = seen.update(vec![five.clone(), lost.clone(), seven.clone()]);
        assert_eq!(
            events,
            [FeedEvent::State(Arc::new(lost.clone())), FeedEvent::Verdict(Arc::new(seven.clone()))]
        );
        let mut judged = five.clone();
        judged.model_hash = Some([1; 32]);
        let events = seen.update(vec![judged.clone(), lost.clone(), seven.clone()]);
        assert_eq!(events, [FeedEvent::Verdict(Arc::new(judged))]);
        // History that is filled below the newest blocks is no news.
        assert!(seen.update(vec![row(3, Canonical), lost, seven]).is_empty());
    }
}
