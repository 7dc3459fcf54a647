//! Block rewards: what a proposer earned with a block, from the transition, in the shape of Lighthouse's answer.

mod alone;
mod from_blocks;
mod graffiti;
mod log;
mod preview;
mod shape;

pub use from_blocks::{EpochFacts, FromBlocks};
pub use graffiti::graffiti_text;
pub use log::{AttestationLog, Attestations, BlockContext, ParseScaleError, RewardLog, Scale};
pub use preview::{record_body, record_parts};
pub use shape::{AttestationData, AttestationRewards, BlockReward, BlockRewardMeta, Checkpoint, RewardMap};
