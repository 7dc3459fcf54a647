//! Where blocks come from: recordings, era files, standard Beacon API nodes, and block-reward JSON.
//!
//! ```text
//! Beacon API node ─▶ beacon_api ─▶ record ─▶ recording ─┐
//!                        └─▶ events                     ├─▶ chain_input: a state, and the blocks after it
//!                                            era file ──┘
//!
//! file, directory ─▶ inputs ─▶ rewards ─▶ BlockObservation ─┐
//! Lighthouse node ─▶ fetch ─▶ files            ▲            ├─▶ place: whatever was named, part by part
//!                └─▶ node_blocks ──────────────┘────────────┘
//! ```

pub mod beacon_api;
pub mod beacon_node;
pub mod chain;
pub mod chain_input;
pub mod compression;
pub mod era;
pub mod fetch;
mod http;
pub mod inputs;
pub mod node_blocks;
mod part_file;
pub mod place;
pub mod record;
pub mod recording;
pub mod replay;
pub mod rewards;

pub use beacon_node::{BeaconNode, NodeError, NodeOptions, Retry};
pub use fetch::{FetchError, FetchPlan, FetchProgress, FetchReport, StopSwitch, fetch};
pub use inputs::{InputError, InputFile, InputKind, Inputs};
pub use node_blocks::{NodeBatch, NodeBlocks};
pub use place::{Part, PartError, Parts, Place, PlaceError, Reading};
pub use replay::{Links, Replay, ReplayError, ReplayedBlock, ReusedLog};
pub use rewards::{
    FileError, KeepText, Limits, Reason, RewardError, RewardReader, RewardRecord, parse_block_reward,
    parse_block_rewards,
};
