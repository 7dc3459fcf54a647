//! What happens on the chain, as nodes tell it: one node at a time, the next one when it falls silent.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use consensus::{Epoch, Root, Slot};
use futures::future::{Either, select};
use reqwest::header::ACCEPT;
use reqwest::{Response, StatusCode};

use super::answers::At;
use super::ask::{Nodes, cut_or_wrong, refusal};
use super::error::ApiProblem;
use super::sse::{RawEvent, SseParser};

/// What a node may be asked to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Another block is the head.
    Head,
    /// A block was taken in.
    Block,
    /// The chain changed to another branch.
    ChainReorg,
    /// A checkpoint was finalized.
    FinalizedCheckpoint,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Head, Self::Block, Self::ChainReorg, Self::FinalizedCheckpoint];

    /// The name in the address and in the stream.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Block => "block",
            Self::ChainReorg => "chain_reorg",
            Self::FinalizedCheckpoint => "finalized_checkpoint",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainEvent {
    /// Another block is the head.
    Head {
        /// Its slot.
        slot: Slot,
        /// Its root.
        block: Root,
        /// The root of the state after it.
        state: Root,
        /// Whether it is the first of an epoch.
        epoch_transition: bool,
        /// Whether its payload is not verified yet.
        optimistic: bool,
    },
    /// A block was taken in, into the chain or beside it.
    Block {
        /// Its slot.
        slot: Slot,
        /// Its root.
        block: Root,
        /// Whether its payload is not verified yet.
        optimistic: bool,
    },
    /// The chain changed to another branch.
    ChainReorg {
        /// The slot in which it happened.
        slot: Slot,
        /// Slots that were undone.
        depth: u64,
        /// The head before.
        old_head: Root,
        /// The head since.
        new_head: Root,
        /// The epoch in which it happened.
        epoch: Epoch,
    },
    /// A checkpoint was finalized.
    FinalizedCheckpoint {
        /// The root of its block.
        block: Root,
        /// The root of its state.
        state: Root,
        /// Its epoch.
        epoch: Epoch,
    },
}

impl ChainEvent {
    /// Reads an event. Nothing for one that was not asked for.
    pub(super) fn read(event: &RawEvent) -> Result<Option<Self>, ApiProblem> {
        let Some(topic) = Topic::ALL.into_iter().find(|topic| topic.name() == event.name) else {
            return Ok(None);
        };
        let value = serde_json::from_str(&event.data).map_err(|error| cut_or_wrong(&error))?;
        let data = At::new(&value);
        let slot = |name| data.field(name)?.number().map(Slot);
        let epoch = |name| data.field(name)?.number().map(Epoch);
        let root = |name| data.field(name)?.root();
        let flag = |name| data.optional(name).map_or(Ok(false), At::flag);
        Ok(Some(match topic {
            Topic::Head => Self::Head {
                slot: slot("slot")?,
                block: root("block")?,
                state: root("state")?,
                epoch_transition: flag("epoch_transition")?,
                optimistic: flag("execution_optimistic")?,
            },
            Topic::Block => Self::Block {
                slot: slot("slot")?,
                block: root("block")?,
                optimistic: flag("execution_optimistic")?,
            },
            Topic::ChainReorg => Self::ChainReorg {
                slot: slot("slot")?,
                depth: data.field("depth")?.number()?,
                old_head: root("old_head_block")?,
                new_head: root("new_head_block")?,
                epoch: epoch("epoch")?,
            },
            Topic::FinalizedCheckpoint => Self::FinalizedCheckpoint {
                block: root("block")?,
                state: root("state")?,
                epoch: epoch("epoch")?,
            },
        }))
    }
}

/// How patient to be with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventOptions {
    /// The longest silence. Every slot has an event unless its proposer is late or away.
    pub silence: Duration,
}

impl Default for EventOptions {
    fn default() -> Self {
        // Five slots of mainnet.
        Self { silence: Duration::from_secs(60) }
    }
}

/// What a stream gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventItem {
    /// A node tells from now on. What happened before it, or since the one before fell silent, is not told: look
    /// it up.
    Connected {
        /// The node.
        node: Arc<str>,
    },
    /// Something happened.
    Event(ChainEvent),
    /// A node told something that can't be read. The stream goes on.
    Unreadable {
        /// The node.
        node: Arc<str>,
        /// The name of the event.
        event: String,
        /// What is wrong with it.
        problem: ApiProblem,
    },
    /// The stream ended or could not begin. It is tried again after a pause, with another node if there is one.
    Disconnected {
        /// The node.
        node: Arc<str>,
        /// Why.
        problem: ApiProblem,
        /// How long until the next attempt.
        pause: Duration,
    },
}

/// Events as they happen, without end. Dropping it ends the connection.
#[derive(Debug)]
pub struct Events {
    nodes: Arc<Nodes>,
    topics: Vec<&'static str>,
    options: EventOptions,
    stream: Option<Stream>,
    ready: VecDeque<EventItem>,
    /// Failures since the last event.
    failures: u32,
    resume_at: Option<Duration>,
}

#[derive(Debug)]
struct Stream {
    index: usize,
    node: Arc<str>,
    response: Response,
    parser: SseParser,
}

impl Events {
    pub(super) fn new(nodes: Arc<Nodes>, topics: &[Topic], options: EventOptions) -> Self {
        Self {
            nodes,
            topics: topics.iter().map(|topic| topic.name()).collect(),
            options,
            stream: None,
            ready: VecDeque::new(),
            failures: 0,
            resume_at: None,
        }
    }

    /// The next item. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> EventItem {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return item;
            }
            if self.stream.is_some() {
                self.read().await;
            } else {
                self.rest().await;
                self.connect().await;
            }
        }
    }

    /// Waits until the pause after a failure is over.
    async fn rest(&mut self) {
        if let Some(until) = self.resume_at {
            let left = until.saturating_sub(self.nodes.pacing.now());
            if !left.is_zero() {
                self.nodes.pacing.sleep(left).await;
            }
            self.resume_at = None;
        }
    }

    async fn connect(&mut self) {
        let nodes = Arc::clone(&self.nodes);
        let index = nodes.health.order(nodes.pacing.now()).first().copied().unwrap_or_default();
        let Some(node) = nodes.list.get(index) else { return };
        let mut url = node.address.join("eth/v1/events");
        // One pair for each, as the standard says. To a list with commas Lodestar 1.5.1 answers 200 and sends nothing.
        url.query_pairs_mut().extend_pairs(self.topics.iter().map(|topic| ("topics", topic)));
        let sent = crate::http::send(node.stream.get(url).header(ACCEPT, "text/event-stream"));
        let timeout = nodes.options.read_timeout;
        let problem = match select(Box::pin(sent), nodes.pacing.sleep(timeout)).await {
            Either::Left((Ok(response), _)) if response.status() == StatusCode::OK => {
                let stream =
                    Stream { index, node: Arc::clone(&node.name), response, parser: SseParser::default() };
                self.stream = Some(stream);
                self.ready.push_back(EventItem::Connected { node: Arc::clone(&node.name) });
                return;
            }
            Either::Left((Ok(mut response), _)) => {
                match select(Box::pin(refusal(&mut response)), nodes.pacing.sleep(timeout)).await {
                    Either::Left((problem, _)) => problem,
                    Either::Right(_) => ApiProblem::Timeout { timeout },
                }
            }
            Either::Left((Err(error), _)) => nodes.unsent(&error),
            Either::Right(_) => ApiProblem::Timeout { timeout },
        };
        self.disconnect(index, Arc::clone(&node.name), problem);
    }

    async fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let silence = self.options.silence;
        let chunk = match select(Box::pin(stream.response.chunk()), self.nodes.pacing.sleep(silence)).await {
            Either::Left((Ok(Some(chunk)), _)) => Ok(chunk),
            Either::Left((Ok(None), _)) => {
                Err(ApiProblem::BrokenOff { reason: "the stream of events ended".to_owned() })
            }
            Either::Left((Err(error), _)) => Err(self.nodes.transport(&error)),
            Either::Right(_) => Err(ApiProblem::Timeout { timeout: silence }),
        };
        let mut events = Vec::new();
        let parsed = chunk.and_then(|chunk| {
            let limit = ApiProblem::unreadable("an event is longer than any");
            stream.parser.push(&chunk, &mut events).map_err(|_| limit)
        });
        let node = Arc::clone(&stream.node);
        for event in events {
            match ChainEvent::read(&event) {
                Ok(Some(event)) => {
                    self.failures = 0;
                    self.nodes.health.told(stream.index, self.nodes.pacing.now());
                    self.ready.push_back(EventItem::Event(event));
                }
                Ok(None) => {}
                Err(problem) => {
                    let node = Arc::clone(&node);
                    self.ready.push_back(EventItem::Unreadable { node, event: event.name, problem });
                }
            }
        }
        if let Err(problem) = parsed {
            let index = stream.index;
            self.disconnect(index, node, problem);
        }
    }

    fn disconnect(&mut self, index: usize, node: Arc<str>, problem: ApiProblem) {
        self.stream = None;
        self.failures = self.failures.saturating_add(1);
        let nodes = &self.nodes;
        nodes.health.failed(index, nodes.pacing.now(), &nodes.options);
        // The first time another node is asked at once.
        let others = nodes.list.len().saturating_sub(1);
        let pause = match (self.failures as usize).checked_sub(others) {
            None | Some(0) => Duration::ZERO,
            Some(round) => nodes.pause(round as u32, problem.wait()),
        };
        self.resume_at = Some(nodes.pacing.now().saturating_add(pause));
        self.ready.push_back(EventItem::Disconnected { node, problem, pause });
    }
}
