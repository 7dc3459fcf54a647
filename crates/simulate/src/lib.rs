//! Generated block rewards of known packers, and whole simulated chains: demonstration, fixtures, benchmarks. Pure, seeded.
//!
//! Nothing here is a real block. The orders follow what is publicly known of how each client chooses and
//! orders attestations; pools, validators, roots and amounts are drawn from a random number generator with
//! a seed. A model trained on these blocks says nothing about a real network.
//!
//! ```text
//! RewardPlan ─▶ pool (what a node has seen) ─▶ packer (what a client makes of it) ─▶ BlockReward
//! ```

pub mod chain;
pub mod rewards;
pub mod rows;

pub use rewards::{GraffitiHabit, LabelledReward, RewardPlan, Shape, blocks, generate, write_json};
pub use rows::rows;
