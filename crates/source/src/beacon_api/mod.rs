//! A client of standard Beacon API nodes: blocks, states and what explains them, from one node or several.
//!
//! ```text
//! BeaconApi ─▶ ask ─▶ node 1 ─▶ read and check ─▶ value
//!                │       └─ no answer, or a wrong one
//!                ├─▶ node 2 …      each at most once a round, healthy ones first
//!                └─▶ pause, next round
//! ```
//!
//! Blocks and states are asked for as SSZ and taken as JSON too. Every answer is checked against the question:
//! a node that gives another slot, another block or another fork than was asked for is named with what it said,
//! and the next one is asked. Answers are bounded in size, and patience in time.

mod answers;
mod ask;
mod blocks;
mod client;
mod error;
mod events;
mod health;
#[doc(hidden)]
pub mod hostile;
mod id;
mod lists;
mod options;
mod plans;
mod sse;

pub use answers::{
    BlockRewards, Checkpoint, Committee, FinalityCheckpoints, Header, Health, Syncing, ValidatorEntry,
};
pub use blocks::{ApiBlock, ApiState};
pub use client::{BeaconApi, NodeReport};
pub use error::{ApiError, ApiProblem};
pub use events::{ChainEvent, EventItem, EventOptions, Events, Topic};
pub use health::NodeRecord;
pub use id::{BlockId, StateId};
pub use options::{ApiOptions, Pacing, SystemPacing};
pub use plans::NodeNetwork;
