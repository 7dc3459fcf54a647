//! Keeps a view up with the nodes: from a state up to the head, then by events, and by asking where they are silent.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use consensus::spec::{Config, Spec, UnknownFork};
use futures::future::{Either, select};
use tokio::sync::broadcast;

use super::error::FollowError;
use super::event::FollowEvent;
use super::follower::{Follower, Phase};
use super::limits::ViewLimits;
use super::plans::{self, Plans};
use super::start::{self, Start};
use crate::StopSwitch;
use crate::beacon_api::{BeaconApi, ChainEvent, EventItem, EventOptions, Events, Topic};

/// How a chain is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// What is kept.
    pub limits: ViewLimits,
    /// How patient to be with the stream of events.
    pub events: EventOptions,
    /// The head is asked for after so long a silence: a slot of mainnet.
    pub poll: Duration,
    /// The forks to come are asked for so often, and where a stream of events begins: the node may have been upgraded.
    pub plans: Duration,
    /// Ancestors that are fetched for a block at most.
    pub ancestors: usize,
    /// Blocks fetched at a time while catching up.
    pub parallel: usize,
    /// Events kept for a listener that is slow.
    pub queue: usize,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            limits: ViewLimits::default(),
            events: EventOptions::default(),
            poll: Duration::from_secs(12),
            plans: Duration::from_secs(600),
            ancestors: 64,
            parallel: 4,
            queue: 256,
        }
    }
}

/// Plans of forks that are remembered after they were given up.
const GIVEN_UP: usize = 8;

/// How often the pause doubles at most while the state to begin with does not fit.
const MOST_DOUBLINGS: u32 = 6;

/// Feeds a [`Follower`]. The events end when it is dropped.
#[derive(Debug)]
pub struct Driver {
    pub(super) api: BeaconApi,
    pub(super) follower: Follower,
    pub(super) options: FollowOptions,
    start: Start,
    /// Plans of forks that were replaced by others.
    given_up: VecDeque<Config>,
    /// The plans to begin anew with.
    taken_over: Option<Spec>,
    plans_asked: Duration,
    events: broadcast::Sender<FollowEvent>,
}

/// What to do after an error.
enum After {
    /// Go on: the next event or question may do better.
    GoOn,
    /// Begin anew from the node's finalized state.
    BeginAnew,
}

impl Driver {
    /// A driver, and what it feeds. Nothing happens before [`Self::run`].
    pub fn new(api: BeaconApi, start: Start, options: FollowOptions) -> (Follower, Self) {
        let (events, _) = broadcast::channel(options.queue.max(1));
        let follower = Follower::new(&events, api.clone());
        let (given_up, taken_over, plans_asked) = (VecDeque::new(), None, api.now());
        let driver = Self { api, follower, options, start, given_up, taken_over, plans_asked, events };
        (driver.follower.clone(), driver)
    }

    /// Follows until it is stopped. An error means that the state to begin with does not fit the node; everything
    /// else is tried again.
    pub async fn run(mut self, stop: StopSwitch) -> Result<(), FollowError> {
        let result = match select(pin!(self.follow()), pin!(stop.stopped())).await {
            Either::Left((error, _)) => Err(error),
            Either::Right(_) => Ok(()),
        };
        self.follower.note(|status| status.phase = Phase::Stopped);
        result
    }

    async fn follow(&mut self) -> FollowError {
        let mut begun = false;
        // A state is large: one that does not fit the node yet is asked for ever more seldom.
        let mut unfit: u32 = 0;
        loop {
            match start::begin(&self.api, &self.start, self.taken_over.take(), self.options.limits).await {
                Ok(view) => {
                    let anchor = view.anchor();
                    tracing::info!(slot = anchor.slot.0, root = %anchor.root, "Following begins behind a block");
                    self.note_unknown(view.spec().config.unknown_forks.first());
                    self.follower.install(view);
                    self.follower.note(|status| status.phase = Phase::CatchingUp);
                    if begun {
                        self.tell([FollowEvent::Restarted { root: anchor.root, slot: anchor.slot }]);
                    }
                    (begun, unfit) = (true, 0);
                    let error = self.keep_up().await;
                    if let FollowError::Rescheduled { epoch } = error {
                        tracing::info!(epoch, "The nodes plan other forks; following begins anew with them");
                    } else {
                        tracing::warn!(%error, "The chain is lost and followed anew from the finalized state");
                        self.failed(&error);
                    }
                    // The state that was given is behind by now.
                    self.start = Start::Finalized;
                }
                Err(error @ (FollowError::Network { .. } | FollowError::State(_))) => return error,
                // A state that was given stays what it is. A node gives another one, or changes its mind about its head.
                Err(error @ FollowError::NotCanonical { .. }) if matches!(self.start, Start::State(_)) => {
                    return error;
                }
                Err(error) => {
                    tracing::warn!(%error, "Following can't begin; it is tried again");
                    self.failed(&error);
                    if matches!(error, FollowError::NotCanonical { .. }) {
                        unfit = (unfit + 1).min(MOST_DOUBLINGS);
                    }
                }
            }
            self.api.pause(self.options.poll.saturating_mul(1 << unfit)).await;
        }
    }

    /// Takes events until the thread is lost.
    async fn keep_up(&mut self) -> FollowError {
        let mut events = self.api.events(&Topic::ALL, self.options.events);
        let mut done = self.look_up().await;
        loop {
            match &done {
                Ok(()) => self.follower.note(|status| status.error = None),
                Err(error) => match after(error) {
                    After::BeginAnew => break,
                    After::GoOn => {
                        tracing::warn!(%error, "A block could not be taken in");
                        self.failed(error);
                    }
                },
            }
            let item = self.next(&mut events).await;
            let begins = matches!(item, Some(EventItem::Connected { .. }));
            done = match item {
                None | Some(EventItem::Connected { .. }) => self.look_up().await,
                Some(EventItem::Event(event)) => self.on_event(event).await,
                Some(EventItem::Unreadable { node, event, problem }) => {
                    tracing::warn!(%node, event, %problem, "An event can't be read");
                    Ok(())
                }
                Some(EventItem::Disconnected { node, problem, .. }) => {
                    tracing::warn!(%node, %problem, "The events ended");
                    Ok(())
                }
            };
            // What came is taken in first: a node that stalls here holds no block up.
            if begins || self.api.now().saturating_sub(self.plans_asked) >= self.options.plans {
                done = match self.check_plans().await {
                    Ok(()) => done,
                    anew => anew,
                };
            }
        }
        match done {
            Err(error) => error,
            Ok(()) => FollowError::Work("following ended".to_owned()),
        }
    }

    /// The next item, or nothing after a silence.
    async fn next(&self, events: &mut Events) -> Option<EventItem> {
        match select(pin!(events.next()), pin!(self.api.pause(self.options.poll))).await {
            Either::Left((item, _)) => Some(item),
            Either::Right(_) => None,
        }
    }

    /// Asks for the forks to come. An error means that following has to begin anew with them.
    async fn check_plans(&mut self) -> Result<(), FollowError> {
        self.plans_asked = self.api.now();
        let Ok((theirs, _)) = self.api.spec().await else { return Ok(()) };
        self.note_unknown(theirs.config.unknown_forks.first());
        let known = self.follower.view(|view| {
            let spec = view.spec();
            (Arc::clone(spec), spec.epoch_at(view.anchor().slot.0))
        });
        let Some((ours, final_epoch)) = known else { return Ok(()) };
        let given_up = self.given_up.make_contiguous();
        match plans::judge(&ours.config, &theirs.config, final_epoch, given_up) {
            Plans::Same => Ok(()),
            Plans::Strange(epoch) => {
                tracing::warn!(
                    epoch,
                    "Plans of other forks are not taken over: they change what is final, or come and go"
                );
                Ok(())
            }
            Plans::Changed(epoch) => {
                if self.given_up.len() >= GIVEN_UP {
                    self.given_up.pop_front();
                }
                self.given_up.push_back(ours.config.clone());
                self.taken_over = Some(theirs);
                Err(FollowError::Rescheduled { epoch })
            }
        }
    }

    /// Takes note of the next fork that has no rules here, and says so once.
    fn note_unknown(&self, fork: Option<&UnknownFork>) {
        if let Some(UnknownFork { name, epoch }) = fork
            && self.follower.status().unknown_fork.as_ref() != fork
        {
            tracing::warn!(
                name,
                epoch,
                "The network plans a fork that this program has no rules for: upgrade it before"
            );
        }
        self.follower.note(|status| status.unknown_fork = fork.cloned());
    }

    async fn on_event(&self, event: ChainEvent) -> Result<(), FollowError> {
        if let ChainEvent::Block { block, .. } | ChainEvent::Head { block, .. } = &event {
            self.follower.note_arrival(*block);
        }
        match event {
            ChainEvent::Block { block, .. } => match self.take(block).await {
                // A side branch that does not connect loses nothing. If it were the head, that is told, too.
                Err(error @ FollowError::Lost { .. }) => {
                    tracing::warn!(%error, "A block is left out");
                    Ok(())
                }
                result => result.map(drop),
            },
            ChainEvent::Head { block, .. } => self.head(block).await,
            ChainEvent::ChainReorg { new_head, .. } => self.head(new_head).await,
            ChainEvent::FinalizedCheckpoint { block, .. } => self.finalize(block).await,
        }
    }

    pub(super) fn tell(&self, events: impl IntoIterator<Item = FollowEvent>) {
        for event in events {
            // Nobody has to listen.
            let _ = self.events.send(event);
        }
    }

    fn failed(&self, error: &FollowError) {
        self.follower.note(|status| status.error = Some(error.to_string()));
    }
}

fn after(error: &FollowError) -> After {
    match error {
        FollowError::Lost { .. } | FollowError::Full { .. } | FollowError::Rescheduled { .. } => {
            After::BeginAnew
        }
        _ => After::GoOn,
    }
}
