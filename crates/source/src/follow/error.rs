//! Why the chain can't be followed, or a block not be judged.

use consensus::transition::TransitionError;
use consensus::{Root, Slot};

use crate::beacon_api::ApiError;
use crate::chain_input::ChainInputError;
use crate::replay::ReplayError;

/// Why a block is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block {root} of slot {slot} is refused: {reason}")]
pub struct Refusal {
    /// The block.
    pub root: Root,
    /// Its slot.
    pub slot: Slot,
    /// Why.
    pub reason: Box<TransitionError>,
}

/// Why the chain can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// No node gives what is needed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The state to begin with can't be used.
    #[error("the state to begin with can't be used: {0}")]
    State(TransitionError),
    /// The state to begin with is of another network.
    #[error(
        "the state to begin with is of the network with genesis_validators_root {found}, and the beacon node is of {expected}; give a state of the node's network"
    )]
    Network {
        /// The node's.
        expected: Root,
        /// The state's.
        found: Root,
    },
    /// The node does not have the block of the state to begin with in its chain.
    #[error(
        "the block {root} of slot {slot}, which the state to begin with stands on, is not in the chain of the beacon node; give the state of a block that is, or let the node catch up"
    )]
    NotCanonical {
        /// The block.
        root: Root,
        /// Its slot.
        slot: Slot,
    },
    /// A node's head lies before what is final here: it is behind.
    #[error(
        "a beacon node has its head at slot {slot} ({root}), before what is final: it is behind the others"
    )]
    Behind {
        /// The head.
        root: Root,
        /// Its slot.
        slot: Slot,
    },
    /// Too many ancestors of a block are unknown.
    #[error("the block {root} does not connect to what is known within {depth} blocks")]
    Lost {
        /// The block.
        root: Root,
        /// Blocks that were fetched.
        depth: usize,
    },
    /// A node does not have a block that it named.
    #[error("no beacon node has the block {root}, which one of them named")]
    Absent {
        /// The block.
        root: Root,
    },
    /// The nodes plan other forks than those that are followed.
    #[error("the beacon nodes plan other forks from epoch {epoch} on: they were upgraded")]
    Rescheduled {
        /// The first epoch that differs.
        epoch: u64,
    },
    /// No node tells its head.
    #[error("no beacon node tells its head: it is at the start of its synchronisation, or broken")]
    NoHead,
    /// A block does not follow from the state.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A block that was refused, or one that builds on such a block.
    #[error("the block {root} was refused before, or builds on one that was")]
    RefusedBefore {
        /// The block.
        root: Root,
    },
    /// The view holds as many blocks as it may.
    #[error("the block {root} finds no room: too many blocks are not final")]
    Full {
        /// The block.
        root: Root,
    },
    /// A thread that worked on a block is gone.
    #[error("the work on a block did not end: {0}")]
    Work(String),
}

/// Why the reward of a block that nobody signed can't be told.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The parent is not known.
    #[error("parent block not known or not canonical: {0}")]
    ParentUnknown(Root),
    /// The parent is known, and its state is not kept any more.
    #[error("no state known for parent block: {0}")]
    NoState(Root),
    /// The slot can't be that of a child.
    #[error(
        "slot {slot} can't be that of a child of {parent}, which is of slot {parent_slot}: {most} slots after it at most"
    )]
    Slot {
        /// The slot.
        slot: Slot,
        /// The parent.
        parent: Root,
        /// Its slot.
        parent_slot: Slot,
        /// The most slots between them.
        most: u64,
    },
    /// The fork has no blinded blocks.
    #[error("slot {slot} is of the fork {fork}, which has no blinded blocks")]
    NoBlinded {
        /// The slot.
        slot: Slot,
        /// The fork.
        fork: &'static str,
    },
    /// The JSON is not a block.
    #[error("not a blinded block of {fork}: {reason}")]
    NotABlock {
        /// The fork that holds at its slot.
        fork: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The rules refuse it.
    #[error("{0}")]
    Transition(#[from] TransitionError),
    /// The chain on disk can't be replayed up to its parent.
    #[error("{0}")]
    Disk(Box<ReplayError<ChainInputError>>),
}
