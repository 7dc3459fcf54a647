//! What every handler shares: database, model, settings, clock.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fingerprint::classifier::Model;
use source::follow::ArchivedParents;
use store::Store;
use tokio::sync::Semaphore;

use crate::dashboard::TakenFor;
use crate::entities::Entities;
use crate::feed::Feed;
use crate::freshness::Freshness;
use crate::kept::KeptAnswers;
use crate::measured::Measured;
use crate::rate::Limiter;
use crate::settings::Settings;

/// The current Unix time; a parameter, so that tests can stand in time.
pub type Now = fn() -> u64;

/// Shared by all requests; clones are cheap.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    store: Store,
    model: Option<Arc<Model>>,
    model_name: String,
    settings: Settings,
    now: Now,
    requests: Arc<Semaphore>,
    classifications: Arc<Semaphore>,
    rewards: Arc<Semaphore>,
    archived: ArchivedParents,
    event_streams: Arc<Semaphore>,
    feed: Arc<Feed>,
    limiter: Option<Limiter>,
    kept: Option<KeptAnswers>,
    taken_for: TakenFor,
    measured: Measured,
}

impl AppState {
    /// The state of a server. Without a model nothing can be classified, but everything stored can be read.
    pub fn new(store: Store, model: Option<Arc<Model>>, settings: Settings) -> Self {
        Self::at(store, model, settings, system_time)
    }

    /// Like [`AppState::new`], with another clock.
    pub fn at(store: Store, model: Option<Arc<Model>>, settings: Settings, now: Now) -> Self {
        let requests = Arc::new(Semaphore::new(settings.limits.requests_in_flight.max(1)));
        let classifications = Arc::new(Semaphore::new(settings.limits.classify_in_flight.max(1)));
        let rewards = Arc::new(Semaphore::new(settings.limits.rewards_in_flight.max(1)));
        let event_streams = Arc::new(Semaphore::new(settings.limits.event_streams.max(1)));
        let model_name = model.as_ref().map_or_else(String::new, |model| model.name(&settings.model_name));
        let feed = Feed::new(store.clone());
        let limiter = settings.rate.map(Limiter::new);
        let kept_bytes = settings.limits.kept_bytes;
        let kept = (kept_bytes > 0).then(|| KeptAnswers::new(kept_bytes));
        Self(Arc::new(Inner {
            store,
            model,
            model_name,
            settings,
            now,
            requests,
            classifications,
            rewards,
            archived: ArchivedParents::default(),
            event_streams,
            feed,
            limiter,
            kept,
            taken_for: TakenFor::default(),
            measured: Measured::default(),
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn model(&self) -> Option<&Arc<Model>> {
        self.0.model.as_ref()
    }

    /// The loaded model's name; empty without a model.
    pub(crate) fn model_name(&self) -> &str {
        &self.0.model_name
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The current Unix time.
    pub(crate) fn now(&self) -> u64 {
        (self.0.now)()
    }

    pub(crate) fn requests(&self) -> &Semaphore {
        &self.0.requests
    }

    pub(crate) fn classifications(&self) -> &Arc<Semaphore> {
        &self.0.classifications
    }

    pub(crate) fn rewards_in_flight(&self) -> &Arc<Semaphore> {
        &self.0.rewards
    }

    /// States of the chain on disk, for blocks that are posted.
    pub(crate) fn archived(&self) -> &ArchivedParents {
        &self.0.archived
    }

    pub(crate) fn event_streams(&self) -> &Arc<Semaphore> {
        &self.0.event_streams
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    pub(crate) fn limiter(&self) -> Option<&Limiter> {
        self.0.limiter.as_ref()
    }

    /// Answers that are kept for those who ask the same; `None` where none are.
    pub(crate) fn kept(&self) -> Option<&KeptAnswers> {
        self.0.kept.as_ref()
    }

    pub(crate) fn measured(&self) -> &Measured {
        &self.0.measured
    }

    pub(crate) fn taken_for(&self) -> &TakenFor {
        &self.0.taken_for
    }

    pub(crate) fn entities(&self) -> &Entities {
        &self.settings().entities
    }

    /// Ends streams of verdicts, which would keep a server from stopping.
    pub fn end_streams(&self) {
        self.0.feed.end();
    }

    /// How fresh the newest judged slot is.
    pub(crate) fn freshness(&self, newest_slot: u64) -> Freshness {
        Freshness::of(newest_slot, self.settings().clock, self.now())
    }
}

fn system_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
