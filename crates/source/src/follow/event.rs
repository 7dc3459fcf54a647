//! What a view tells those who listen.

use std::sync::Arc;

use consensus::{Root, Slot};

use crate::replay::ReplayedBlock;

/// Something that happened to the view.
#[derive(Clone, Debug)]
pub enum FollowEvent {
    /// A block was taken in, into the chain or beside it. Every block comes once, after its parent.
    BlockSeen(Arc<ReplayedBlock>),
    /// Another block is the head. Comes after the head's own [`FollowEvent::BlockSeen`].
    HeadChanged(Arc<HeadChange>),
    /// All up to this block is final: it can't be undone.
    Finalized {
        /// The root of the block.
        root: Root,
        /// Its slot.
        slot: Slot,
    },
    /// The thread was lost, and the view begins anew behind this block. What comes next may have come before.
    Restarted {
        /// The root of the block.
        root: Root,
        /// Its slot.
        slot: Slot,
    },
}

/// From one head to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadChange {
    /// The head before.
    pub old: Root,
    /// The head now.
    pub new: Root,
    /// The slot of the head now.
    pub slot: Slot,
    /// Slots from the last common block to the old head, as the Beacon API counts; 0 where the chain only grew.
    pub depth: u64,
    /// Blocks that are not in the chain any more, newest first.
    pub undone: Vec<Root>,
    /// Blocks that are in the chain now, oldest first.
    pub joined: Vec<Root>,
}
