//! A service under test, and what it is fed with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use captures::pacing::options;
use consensus::{Root, Slot};
use fingerprint::classifier::{Model, TrainingOptions};
use fingerprint::training::TrainingRow;
use fingerprint::{Client, ClientSet, FeatureSet, TrainingSet};
use pipeline::service::{ChainJudge, Recorder};
use pipeline::{Evidence, ModelByRange};
use source::StopSwitch;
use source::beacon_api::{ApiOptions, BeaconApi, EventOptions, Pacing, SystemPacing};
use source::follow::{ChainView, Driver, FollowError, FollowOptions, Follower, Start};
use store::{Store, StoreError};
use testkit::DevNode;
use tokio::task::JoinHandle;

const OFTEN: Duration = Duration::from_millis(30);

/// A model that says anything about any block.
pub(crate) fn judge() -> ChainJudge {
    let features = FeatureSet::default_four();
    let mut set = TrainingSet::new(features.clone());
    for (at, label) in (0_u8..28).zip(Client::ALL.into_iter().cycle()) {
        let row = TrainingRow {
            block_root: Root([at; 32]),
            slot: Slot(u64::from(at)),
            label,
            features: vec![f64::from(at) / 28.0; features.len()],
        };
        set.push(row).expect("it fits");
    }
    let options = TrainingOptions { features, graffiti_only: ClientSet::EMPTY, ..TrainingOptions::default() };
    let model = Model::train(&set, options).expect("a model");
    ChainJudge::new(Arc::new(ModelByRange::single(model, Path::new("made.bmm"))), Evidence::Store)
}

fn patience() -> ApiOptions {
    ApiOptions {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        first_rest: Duration::from_millis(20),
        longest_rest: Duration::from_millis(20),
        ..options()
    }
}

/// The service under test.
pub(crate) struct Service {
    pub(crate) follower: Follower,
    store: Store,
    stop: StopSwitch,
    following: JoinHandle<Result<(), FollowError>>,
    recording: JoinHandle<Result<(), StoreError>>,
}

impl Service {
    pub(crate) fn start(nodes: &[DevNode], store: &Store, judge: &ChainJudge) -> Self {
        Self::start_at(nodes, store, judge, Arc::new(SystemPacing::default()))
    }

    /// As [`Self::start`], with another clock.
    pub(crate) fn start_at(
        nodes: &[DevNode],
        store: &Store,
        judge: &ChainJudge,
        pacing: Arc<dyn Pacing>,
    ) -> Self {
        let urls = nodes.iter().map(|node| &node.url);
        let api = BeaconApi::with_pacing(urls, patience(), pacing).expect("URLs");
        let options = FollowOptions {
            poll: OFTEN,
            queue: 32,
            events: EventOptions { silence: OFTEN * 4 },
            ..FollowOptions::default()
        };
        let (follower, driver) = Driver::new(api, Start::Finalized, options);
        let stop = StopSwitch::default();
        let recorder = Recorder::new(follower.clone(), store.clone(), judge.clone());
        let recording = tokio::spawn(recorder.run(stop.clone()));
        let following = tokio::spawn(driver.run(stop.clone()));
        Self { follower, store: store.clone(), stop, following, recording }
    }

    /// Ends in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.recording.abort();
        self.following.abort();
        let _ = (self.recording.await, self.following.await);
    }

    /// Whether it runs, a block is the head and another one final, for the database too.
    pub(crate) async fn is_at(&mut self, head: Root, last: Option<Root>) -> bool {
        if self.following.is_finished() {
            panic!("following ended by itself: {:?}", (&mut self.following).await);
        }
        if self.recording.is_finished() {
            panic!("recording ended by itself: {:?}", (&mut self.recording).await);
        }
        is_there(&self.follower, head, last) && self.has_stored(head).await
    }

    /// Waits until it is so far, then lets it end in order. Gives whether that was so still at the end: an event that
    /// comes late may lead away from the head.
    pub(crate) async fn finish(mut self, head: Root, last: Option<Root>) -> bool {
        // The lead of one that was killed may outlive it for a moment.
        while !self.is_at(head, last).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stop.stop();
        self.following.await.expect("no panic").expect("no error");
        self.recording.await.expect("no panic").expect("no error");
        is_there(&self.follower, head, last)
    }

    async fn has_stored(&self, head: Root) -> bool {
        self.store.chain_marks().await.expect("marks").head.is_some_and(|mark| mark.root == head)
    }
}

fn is_there(follower: &Follower, head: Root, last: Option<Root>) -> bool {
    let look =
        |view: &ChainView| view.head().root == head && last.is_none_or(|last| view.anchor().root == last);
    follower.view(look) == Some(true)
}
