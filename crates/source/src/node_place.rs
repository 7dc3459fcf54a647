//! A range of slots of nodes: which way its rewards can be had, and having them.
//!
//! | way | needs | |
//! | --- | --- | --- |
//! | [`Via::State`] | a state before the range | exact |
//! | [`Via::Blocks`] | committees, validators and checkpoints of old epochs | exact from Altair to Fulu |
//! | [`Via::Lighthouse`] | an address that Lighthouse had until 2026 | as that version computed it |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use consensus::Slot;

use crate::beacon_api::{ApiError, ApiOptions, BeaconApi};
use crate::beacon_node::{BeaconNode, NodeError, NodeOptions};
use crate::fetch::StopSwitch;
use crate::inputs::InputError;
use crate::node_chain::{DEFAULT_PARALLEL, NodeChain, NodeChainError};
use crate::place::{PartError, Replayed};
use crate::replay::{Links, Replay};

/// Which way rewards come from nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// By a state, else by blocks alone, else by the address of Lighthouse.
    #[default]
    Auto,
    /// A state, and the blocks after it.
    State,
    /// Blocks, and what the nodes tell of each epoch.
    Blocks,
    /// `/lighthouse/analysis/block_rewards`.
    Lighthouse,
}

/// A word that names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way; the ways are auto, state, blocks and lighthouse")]
pub struct ParseViaError(String);

impl Via {
    /// All ways.
    pub const ALL: [Self; 4] = [Self::Auto, Self::State, Self::Blocks, Self::Lighthouse];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::State => "state",
            Self::Blocks => "blocks",
            Self::Lighthouse => "lighthouse",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Via {
    type Err = ParseViaError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|via| via.name() == name);
        found.ok_or_else(|| ParseViaError(name.chars().take(40).collect()))
    }
}

/// Who hears what a person should know and no result says.
#[derive(Clone)]
pub struct Notice(Arc<dyn Fn(&str) + Send + Sync>);

impl Notice {
    /// Tells a listener.
    pub fn new(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    fn tell(&self, text: &str) {
        (self.0)(text);
    }
}

impl Default for Notice {
    fn default() -> Self {
        Self::new(|text| tracing::info!("{text}"))
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

/// How nodes are asked.
#[derive(Clone, Debug)]
pub struct NodeChoices {
    /// Which way.
    pub via: Via,
    /// A file of the state to begin with.
    pub state: Option<PathBuf>,
    /// Nodes beside the one that was named, asked where it fails.
    pub others: Vec<String>,
    /// How often a request is made at most.
    pub attempts: u32,
    /// Requests at the same time.
    pub parallel: usize,
    /// Who hears which way was taken.
    pub notice: Notice,
    /// Stops what waits for nodes.
    pub stop: StopSwitch,
}

impl Default for NodeChoices {
    fn default() -> Self {
        Self {
            via: Via::default(),
            state: None,
            others: Vec::new(),
            attempts: NodeOptions::default().attempts,
            parallel: DEFAULT_PARALLEL,
            notice: Notice::default(),
            stop: StopSwitch::default(),
        }
    }
}

/// A range of slots of nodes.
#[derive(Clone, Debug)]
pub struct NodePlace {
    api: BeaconApi,
    lighthouse: BeaconNode,
    choices: NodeChoices,
    /// First slot.
    pub start: Slot,
    /// Last slot, included.
    pub end: Slot,
}

/// Nodes that are ready to give the rewards of a range.
#[derive(Debug)]
pub enum OpenNode {
    /// They are computed here.
    Computed(Replayed),
    /// The node gives them.
    Lighthouse(Box<BeaconNode>),
}

impl NodePlace {
    /// A range, both ends included, of the node at a URL.
    pub fn new(url: &str, start: Slot, end: Slot, choices: NodeChoices) -> Result<Self, NodeError> {
        let options = NodeOptions { attempts: choices.attempts, ..NodeOptions::default() };
        let lighthouse = BeaconNode::new(url, options)?;
        let options = ApiOptions { rounds: choices.attempts, ..ApiOptions::default() };
        let urls = std::iter::once(url).chain(choices.others.iter().map(String::as_str));
        let api = BeaconApi::new(urls, options).map_err(|error| match error {
            ApiError::Url { reason } => NodeError::Url { reason },
            error => NodeError::Url { reason: error.to_string() },
        })?;
        Ok(Self { api, lighthouse, choices, start: Slot(start.0.max(1)), end })
    }

    /// The node as it may be printed: without user and password.
    pub fn name(&self) -> &str {
        self.lighthouse.name()
    }

    /// All nodes as they may be printed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.api.names()
    }

    /// The same nodes with another range.
    pub fn with_range(&self, start: Slot, end: Slot) -> Self {
        Self { start: Slot(start.0.max(1)), end, ..self.clone() }
    }

    /// Finds the way and begins. Asks the nodes, and waits for them: not for an async task.
    pub fn open(&self) -> Result<OpenNode, InputError> {
        if self.choices.via == Via::Lighthouse {
            return Ok(OpenNode::Lighthouse(Box::new(self.lighthouse.clone())));
        }
        let auto = self.choices.via == Via::Auto;
        let chain = match NodeChain::connect(self.api.clone(), self.choices.parallel, &self.choices.stop) {
            Ok(chain) => chain,
            Err(error) if auto && error.is_absent() => {
                return Ok(self.take_lighthouse("it has no standard addresses"));
            }
            Err(error) => return Err(Box::new(error).into()),
        };
        chain.check_end(self.end).map_err(Box::new)?;
        if self.choices.via == Via::Blocks {
            return Ok(self.blocks_alone(&chain, "as asked for"));
        }
        let error = match chain.start_state(self.start, self.choices.state.as_deref()) {
            Ok(start) => {
                let slot = start.state.slot;
                let back = self.start.0.saturating_sub(slot).saturating_sub(1);
                if back > 0 {
                    self.choices.notice.tell(&format!(
                        "note: the nearest state is of slot {slot}: {back} slots are replayed before slot {}.",
                        self.start
                    ));
                }
                let blocks = chain.blocks(
                    Slot(slot.saturating_add(1)),
                    self.end,
                    Some((Slot(start.state.latest_block_header.slot), start.root)),
                );
                let replay = Replay::new(start.state, blocks, Links::Trust);
                let replay = replay.map(|block| block.map_err(|error| PartError::Node(Box::new(error))));
                return Ok(OpenNode::Computed(Replayed::from_slot(self.start, replay)));
            }
            Err(error @ NodeChainError::NoState { .. }) if auto => error,
            Err(error) => return Err(Box::new(error).into()),
        };
        if chain.knows_epochs(self.start).map_err(Box::new)? {
            return Ok(self.blocks_alone(&chain, "no state can be had"));
        }
        if self.lighthouse.has_block_rewards(self.start) {
            return Ok(self.take_lighthouse("no state can be had"));
        }
        Err(Box::new(error).into())
    }

    fn blocks_alone(&self, chain: &NodeChain, why: &str) -> OpenNode {
        self.choices.notice.tell(&format!(
            "note: {why}: rewards are computed from blocks alone, with the committees, validators and justified \
             checkpoints that {} names for each epoch. Nothing checks these against a state.",
            chain.nodes()
        ));
        let replay = chain.blocks_alone(self.start, self.end);
        let replay = replay.map(|block| block.map_err(|error| PartError::FromBlocks(Box::new(error))));
        OpenNode::Computed(Replayed::from_slot(self.start, replay))
    }

    fn take_lighthouse(&self, why: &str) -> OpenNode {
        self.choices.notice.tell(&format!(
            "note: {why}: {} is asked for rewards that it computes itself, at /lighthouse/analysis/block_rewards.",
            self.name()
        ));
        OpenNode::Lighthouse(Box::new(self.lighthouse.clone()))
    }
}
