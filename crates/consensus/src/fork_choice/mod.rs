//! Fork choice: which of the known blocks is the head of the chain.
//!
//! A [`Store`] is told of time, blocks, votes and slashings, and answers with a head. Time is a parameter, and whether
//! the data of a block is there is asked of a [`DataAvailability`]. What is refused changes nothing. Blocks that can
//! no longer be on the chain are let go when a checkpoint is finalized.
//!
//! Where texts differ, the newest is followed, which deployed nodes may not follow yet: proposer boost is given only to a
//! block with the head's root for the shuffling, and proposers that signed two blocks count in `proposer_head` and in
//! whether a head is weak. The state transition follows the deployed text.
//!
//! The blocks that a chain merged with are not looked up: whoever gives the verdict on payloads knows them.
//!
//! Source: consensus-specs `specs/phase0/fork-choice.md`, `specs/bellatrix/fork-choice.md`, and what deneb and fulu
//! change in them.

mod availability;
mod blocks;
mod checkpoints;
mod clock;
mod error;
mod head;
mod reorg;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod votes;

pub use availability::{DataAvailability, DataProblem, OnTrust, check_data_column_sidecar};
pub use error::ForkChoiceError;
pub use store::Store;
pub use votes::Origin;
