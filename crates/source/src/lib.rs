//! Where blocks come from: recordings, era files, standard Beacon API nodes, and block-reward JSON.
//!
//! ```text
//! Beacon API node ─▶ beacon_api ─▶ record ─▶ recording ─┐
//!                        ├─▶ events ─▶ follow           ├─▶ chain_input ─┐
//!                        │                   era file ──┘                ├─▶ replay ─┐
//!                        └─▶ node_chain: by a state ─────────────────────┘           │
//!                                    └─▶ by blocks alone ────────────────────────────┤
//!                                                                                    ▼
//! file, directory ─▶ inputs ─▶ rewards ─▶ BlockObservation ─▶ place: whatever was named, part by part
//! Lighthouse node ─▶ node_blocks ──┘                                                 │
//!                └─▶ fetch ─▶ files ◀─ fetch_computed ◀─ node_place: which way ──────┘
//! ```

pub mod beacon_api;
pub mod beacon_node;
pub mod chain;
pub mod chain_input;
pub mod compression;
pub mod era;
pub mod fetch;
pub mod fetch_computed;
pub mod follow;
mod http;
pub mod inputs;
pub mod node_blocks;
pub mod node_chain;
pub mod node_place;
mod part_file;
pub mod place;
pub mod record;
pub mod recording;
pub mod replay;
pub mod rewards;

pub use beacon_node::{BeaconNode, NodeError, NodeOptions, Retry};
pub use fetch::{FetchError, FetchPlan, FetchProgress, FetchReport, StopSwitch, fetch};
pub use fetch_computed::{Computed, fetch_computed};
pub use inputs::{InputError, InputFile, InputKind, Inputs};
pub use node_blocks::{NodeBatch, NodeBlocks};
pub use node_place::{NodeChoices, NodePlace, Notice, Via};
pub use place::{Part, PartError, Parts, Place, PlaceError, Reading, Replayed};
pub use replay::{Links, Replay, ReplayError, ReplayedBlock, ReusedLog};
pub use rewards::{
    FileError, KeepText, Limits, Reason, RewardError, RewardReader, RewardRecord, parse_block_reward,
    parse_block_rewards,
};
