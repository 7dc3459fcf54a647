//! Why a chain can't be had from nodes.

use std::path::PathBuf;

use consensus::transition::TransitionError;
use consensus::{Root, Slot};

use crate::beacon_api::{ApiError, ApiProblem};

/// Why a chain, or more of it, can't be had from nodes. Nodes are named without user and password.
#[derive(Debug, thiserror::Error)]
pub enum NodeChainError {
    /// A node has no answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The nodes are of different networks.
    #[error(
        "the beacon nodes are of different networks: genesis_validators_root is {first} at {first_node}, and {second} at {second_node}"
    )]
    Networks {
        /// One node.
        first_node: String,
        /// Its network.
        first: Root,
        /// Another node.
        second_node: String,
        /// Its network.
        second: Root,
    },
    /// The end is not reached yet.
    #[error("slot {end} is not there yet: the beacon nodes are at slot {head}")]
    NotYet {
        /// The last slot.
        end: Slot,
        /// The slot of the head.
        head: Slot,
    },
    /// No state to begin with.
    #[error(
        "no state of slot {before} or shortly before it can be had from {nodes}: {}",
        oldest.map_or_else(
            || "states are not given at all; name a file of one with --state, or take the rewards from blocks alone with --via blocks".to_owned(),
            |oldest| format!(
                "the oldest state that is given is of slot {oldest}; begin behind it, or name a file of an older state with --state"
            )
        )
    )]
    NoState {
        /// The nodes.
        nodes: String,
        /// The slot before the first one.
        before: Slot,
        /// The oldest state that nodes have, if they give any.
        oldest: Option<Slot>,
    },
    /// There is no such block.
    #[error("{nodes} has no such block: {block}")]
    NoBlock {
        /// The nodes.
        nodes: String,
        /// The block.
        block: String,
    },
    /// A state is of another chain.
    #[error(
        "{what} is of another network: genesis_validators_root is {found}, where the beacon nodes have {expected}"
    )]
    OtherChain {
        /// Which state.
        what: String,
        /// The network of the nodes.
        expected: Root,
        /// The network of the state.
        found: Root,
    },
    /// A file of a state can't be used.
    #[error("the state \"{}\" can't be used: {reason}", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A block follows another one than the nodes gave before it.
    #[error(
        "the block of slot {slot} from the beacon node at {node} does not follow {before}: its parent_root is {found}, and {expected} was expected; the chain changed, or a node misses blocks"
    )]
    Broken {
        /// The node.
        node: String,
        /// The block's slot.
        slot: Slot,
        /// What is before it.
        before: String,
        /// The root of that.
        expected: Root,
        /// The parent that the block names.
        found: Root,
    },
    /// A block or an epoch does not fit the rules.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The committees of an epoch are no shuffling.
    #[error("the committees of epoch {epoch} have sizes that no shuffling has")]
    Committees {
        /// The epoch.
        epoch: u64,
    },
    /// It was stopped from outside.
    #[error("stopped")]
    Stopped,
    /// The network can't be used, or work beside it failed.
    #[error("the network can't be used, because {0}")]
    Network(String),
}

impl NodeChainError {
    /// Whether nodes answer and do not have what was asked for.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Api(error) if matches!(error.problem(), Some(ApiProblem::Absent { .. })))
    }
}

/// Whether nodes answer, and do not give this: another slot may fare better.
pub(super) fn is_not_given(error: &ApiError) -> bool {
    matches!(
        error.problem(),
        Some(
            ApiProblem::Absent { .. }
                | ApiProblem::Refused { .. }
                | ApiProblem::Failed { .. }
                | ApiProblem::Unauthorized { .. }
        )
    )
}
