//! How blocks and states are named in an address.

use std::fmt;

use consensus::{Root, Slot};

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// The head of the chain, as the node sees it.
    Head,
    /// The first one.
    Genesis,
    /// The latest finalized one.
    Finalized,
    /// The one of a slot in the chain that the node follows.
    Slot(Slot),
    /// The one with a root, in the chain or not.
    Root(Root),
}

/// Which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateId {
    /// That of the head.
    Head,
    /// The first one.
    Genesis,
    /// The latest finalized one.
    Finalized,
    /// The latest justified one.
    Justified,
    /// The one of a slot, with the slot's block if it has one.
    Slot(Slot),
    /// The one with a root.
    Root(Root),
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Genesis => f.write_str("genesis"),
            Self::Finalized => f.write_str("finalized"),
            Self::Slot(slot) => slot.fmt(f),
            Self::Root(root) => root.fmt(f),
        }
    }
}

impl fmt::Display for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Genesis => f.write_str("genesis"),
            Self::Finalized => f.write_str("finalized"),
            Self::Justified => f.write_str("justified"),
            Self::Slot(slot) => slot.fmt(f),
            Self::Root(root) => root.fmt(f),
        }
    }
}

impl From<Slot> for BlockId {
    fn from(slot: Slot) -> Self {
        Self::Slot(slot)
    }
}

impl From<Root> for BlockId {
    fn from(root: Root) -> Self {
        Self::Root(root)
    }
}

impl From<Slot> for StateId {
    fn from(slot: Slot) -> Self {
        Self::Slot(slot)
    }
}

impl BlockId {
    /// The block in a sentence.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Slot(slot) => format!("the block of slot {slot}"),
            Self::Root(root) => format!("the block {root}"),
            other => format!("the block \"{other}\""),
        }
    }
}

impl StateId {
    /// The state in a sentence.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Slot(slot) => format!("the state of slot {slot}"),
            Self::Root(root) => format!("the state {root}"),
            other => format!("the state \"{other}\""),
        }
    }
}
