//! What others hold of a chain that is followed: answers and events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use consensus::rewards::{BlockReward, Scale};
use consensus::spec::UnknownFork;
use consensus::{Root, Slot};
use tokio::sync::broadcast;

use super::error::PreviewError;
use super::event::FollowEvent;
use super::preview::{Previews, Proposal};
use super::view::{ChainView, Place};
use crate::beacon_api::{BeaconApi, NodeRecord};

/// A chain that is followed. Copies share it.
#[derive(Clone, Debug)]
pub struct Follower {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    view: RwLock<Option<ChainView>>,
    status: Mutex<FollowStatus>,
    /// Does not keep the events going: they end with the driver.
    events: broadcast::WeakSender<FollowEvent>,
    previews: Previews,
    /// The nodes that are followed.
    nodes: BeaconApi,
    /// Blocks that events or the head named last, and when.
    arrivals: Mutex<VecDeque<(Root, Arrival)>>,
}

/// Arrivals that are remembered.
const ARRIVALS: usize = 64;

/// When a block was named for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// By a clock that only goes on.
    pub at: Instant,
    /// By the clock of the system, in milliseconds since 1970.
    pub unix_ms: u64,
}

/// How far the driver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It has no state yet.
    #[default]
    Starting,
    /// It replays what happened before.
    CatchingUp,
    /// It takes in blocks as they come.
    Following,
    /// It has ended.
    Stopped,
}

impl Phase {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::Following => "following",
            Self::Stopped => "stopped",
        }
    }
}

/// How it stands with a chain that is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowStatus {
    /// How far the driver is.
    pub phase: Phase,
    /// The head.
    pub head: Option<Place>,
    /// The newest final block.
    pub anchor: Option<Place>,
    /// The first slot that can be answered.
    pub oldest_slot: Option<Slot>,
    /// The slot of the node's head when it was last asked.
    pub node_head: Option<Slot>,
    /// Blocks after the anchor.
    pub blocks: usize,
    /// States in memory.
    pub states: usize,
    /// The first fork that the network plans and this program has no rules for.
    pub unknown_fork: Option<UnknownFork>,
    /// What went wrong last, if nothing went well since.
    pub error: Option<String>,
}

impl Follower {
    pub(super) fn new(events: &broadcast::Sender<FollowEvent>, nodes: BeaconApi) -> Self {
        let shared = Shared {
            view: RwLock::new(None),
            status: Mutex::default(),
            events: events.downgrade(),
            previews: Previews::default(),
            nodes,
            arrivals: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Looks at the view for a short time; nothing before there is one.
    pub fn view<T>(&self, look: impl FnOnce(&ChainView) -> T) -> Option<T> {
        self.shared.view.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    /// Events from now on; nothing once the driver has ended. A listener that falls behind is told how many events it
    /// missed, and finds their blocks in the view.
    pub fn subscribe(&self) -> Option<broadcast::Receiver<FollowEvent>> {
        Some(self.shared.events.upgrade()?.subscribe())
    }

    /// When an event, or the node that was asked for its head, named a block for the first time; nothing where none did,
    /// or long ago.
    pub fn arrival(&self, root: &Root) -> Option<Arrival> {
        let arrivals = self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.iter().find(|(known, _)| known == root).map(|(_, at)| *at)
    }

    pub(super) fn note_arrival(&self, root: Root) {
        let mut arrivals = self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.iter().any(|(known, _)| *known == root) {
            return;
        }
        if arrivals.len() >= ARRIVALS {
            arrivals.pop_front();
        }
        arrivals.push_back((root, Arrival { at: Instant::now(), unix_ms: self.shared.nodes.unix_ms() }));
    }

    /// How it stands.
    pub fn status(&self) -> FollowStatus {
        let status = self.noted().clone();
        let seen = self.view(|view| FollowStatus {
            head: Some(view.head()),
            anchor: Some(view.anchor()),
            oldest_slot: Some(view.oldest_slot()),
            blocks: view.count().0,
            states: view.states(),
            ..status.clone()
        });
        seen.unwrap_or(status)
    }

    /// What each of the nodes that are followed gave so far.
    pub fn nodes(&self) -> Vec<NodeRecord> {
        self.shared.nodes.records()
    }

    /// What blocks that nobody signed would earn; nothing before there is a view. Takes as long as replaying up to
    /// their parents does: not for a thread that serves others.
    pub fn preview(&self, proposal: Proposal, scale: Scale) -> Option<Result<BlockReward, PreviewError>> {
        let previews = &self.shared.previews;
        let work = self.view(|view| previews.plan(view, proposal))?;
        Some(work.and_then(|work| previews.run(work, scale)))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut ChainView) -> T) -> Option<T> {
        self.shared.view.write().unwrap_or_else(PoisonError::into_inner).as_mut().map(change)
    }

    pub(super) fn install(&self, view: ChainView) {
        *self.shared.view.write().unwrap_or_else(PoisonError::into_inner) = Some(view);
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut FollowStatus)) {
        note(&mut self.noted());
    }

    fn noted(&self) -> MutexGuard<'_, FollowStatus> {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
