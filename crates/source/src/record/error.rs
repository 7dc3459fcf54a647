//! Why nothing more was recorded.

use consensus::{Root, Slot};

use crate::beacon_api::ApiError;
use crate::recording::RecordingError;

/// Why nothing more was recorded. What was stored before stays, and the same call continues.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The end lies before the start.
    #[error("slots {start} to {end} are no range: the end is before the start")]
    Range {
        /// First slot.
        start: Slot,
        /// Last slot.
        end: Slot,
    },
    /// Only the genesis block was asked for.
    #[error("slot 0 is the genesis block, which nobody signed; begin at slot 1")]
    OnlyGenesis,
    /// A node has no answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The state to begin with can't be had.
    #[error(
        "{0}; nodes keep few states of old slots: name the slot of one that it keeps, begin at a later slot, or record without a state"
    )]
    State(#[source] ApiError),
    /// The recording can't be written or continued.
    #[error(transparent)]
    Recording(#[from] RecordingError),
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
    /// The state to begin with is of another chain.
    #[error(
        "the state of slot {slot} from the beacon node at {node} is wrong: genesis_validators_root is {found}, where {expected} was expected"
    )]
    OtherChain {
        /// The node.
        node: String,
        /// The slot of the state.
        slot: Slot,
        /// The network of the nodes.
        expected: Root,
        /// The network of the state.
        found: Root,
    },
    /// A block does not follow what is stored, and asking again does not help.
    #[error(
        "the block of slot {slot} from the beacon node at {node} does not fit: parent_root is {found}, and the block before it, of slot {before}, is {expected}"
    )]
    Branch {
        /// The node.
        node: String,
        /// The block's slot.
        slot: Slot,
        /// The slot of the block that is stored before it.
        before: Slot,
        /// The root of that one.
        expected: Root,
        /// The parent that the block names.
        found: Root,
    },
    /// Work beside the requests failed.
    #[error("the recording stopped in the middle: {0}")]
    Failed(String),
}
