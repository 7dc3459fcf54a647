//! Why the store refuses something or has no answer.

use super::availability::DataProblem;
use crate::primitives::Root;
use crate::transition::{TransitionError, Violation};

/// Why the store refuses something or has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkChoiceError {
    /// The block that comes before, or that a vote is for, is not known. It may be later.
    #[error("the block {0} is not known")]
    UnknownBlock(Root),
    /// The slot has not begun, or the slot of a vote not ended. It will.
    #[error("slot {slot} is too early at slot {now}")]
    Early {
        /// The slot of the block or vote.
        slot: u64,
        /// The slot of the store's clock.
        now: u64,
    },
    /// A block that can't be on the chain any more.
    #[error("the block at slot {0} does not descend from the finalized block")]
    NotFinalized(u64),
    /// The data of a block is missing or wrong.
    #[error("the block's data: {0}")]
    Data(#[from] DataProblem),
    /// The clock was set back.
    #[error("the time goes back from {from} to {to} milliseconds")]
    Time {
        /// The time of the store, Unix time in milliseconds.
        from: u64,
        /// The time that was given.
        to: u64,
    },
    /// A state transition or signature that the rules refuse.
    #[error("{0}")]
    Transition(#[from] TransitionError),
}

impl From<Violation> for ForkChoiceError {
    fn from(violation: Violation) -> Self {
        Self::Transition(violation.into())
    }
}
