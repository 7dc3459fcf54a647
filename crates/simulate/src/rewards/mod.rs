//! Block rewards whose packer is known, because it was chosen before the block was made.

mod graffiti;
mod packer;
mod pool;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use consensus::rewards::{
    AttestationData, AttestationRewards, BlockReward, BlockRewardMeta, Checkpoint, RewardMap,
};
use consensus::{Gwei, Root, Slot, ValidatorIndex};
use fingerprint::Client;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use pool::{History, Pool};

pub use graffiti::GraffitiHabit;
pub(crate) use graffiti::write as write_graffiti;

/// How many slots go by without a block.
const MISSED_SHARE: f64 = 0.02;

/// Which era the blocks look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Before Electra: up to 128 attestations of one committee each; about 57 kB of JSON a block.
    Phase0Like,
    /// Since Electra: up to 8 attestations of many committees each, in a small network.
    ElectraLike,
}

impl Shape {
    /// The greatest number of attestations in a block.
    pub const fn max_attestations(self) -> usize {
        match self {
            Self::Phase0Like => 128,
            Self::ElectraLike => 8,
        }
    }

    pub(crate) const fn committees_per_slot(self) -> usize {
        match self {
            Self::Phase0Like => 28,
            Self::ElectraLike => 64,
        }
    }

    /// At most 128: a committee is the bits of one number.
    pub(crate) const fn committee_size(self) -> usize {
        match self {
            Self::Phase0Like => 128,
            Self::ElectraLike => 16,
        }
    }

    pub(crate) const fn validators(self) -> u64 {
        32 * (self.committees_per_slot() * self.committee_size()) as u64
    }
}

/// What to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardPlan {
    /// Number of blocks. Missed slots come on top.
    pub blocks: usize,
    /// The first slot that may have a block; raised to 64 so that there is a past to attest to.
    pub start_slot: Slot,
    /// Same seed, same blocks.
    pub seed: u64,
    /// Clients with their weights. A validator keeps its client.
    pub mix: Vec<(Client, f64)>,
    /// The era.
    pub shape: Shape,
    /// How blocks sign themselves.
    pub graffiti: GraffitiHabit,
}

impl Default for RewardPlan {
    fn default() -> Self {
        Self {
            blocks: 64,
            start_slot: Slot(9_000_000),
            seed: 0,
            mix: vec![
                (Client::Grandine, 0.06),
                (Client::Lighthouse, 0.34),
                (Client::Lodestar, 0.07),
                (Client::Nimbus, 0.12),
                (Client::Prysm, 0.24),
                (Client::Teku, 0.17),
            ],
            shape: Shape::Phase0Like,
            graffiti: GraffitiHabit::Signed { share: 0.6 },
        }
    }
}

/// A generated block reward with the client whose packer made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledReward {
    /// Whose packer ordered the attestations.
    pub client: Client,
    /// The generated block reward.
    pub reward: BlockReward,
}

/// Generates all blocks of a plan. [`blocks`] gives them one at a time.
pub fn generate(plan: &RewardPlan) -> Vec<LabelledReward> {
    blocks(plan).collect()
}

/// Generates the blocks of a plan one at a time, in order of slots. None without a positive weight.
pub fn blocks(plan: &RewardPlan) -> impl Iterator<Item = LabelledReward> + use<> {
    let mix: Vec<(Client, f64)> =
        plan.mix.iter().copied().filter(|(_, weight)| weight.is_finite() && *weight > 0.0).collect();
    let count = if mix.is_empty() { 0 } else { plan.blocks };
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let start = plan.start_slot.0.max(64);
    let mut history = History::new(start, rng.random());
    let mut next_slot = start;
    let (shape, habit, seed) = (plan.shape, plan.graffiti, plan.seed);
    (0..count).map(move |number| {
        while rng.random_bool(MISSED_SHARE) {
            next_slot += 1;
        }
        let slot = next_slot;
        next_slot += 1;
        let proposer = rng.random_range(0..shape.validators());
        let client = client_of_validator(proposer, seed, &mix);
        let graffiti = graffiti::write(habit, client, number, &mut rng);
        let reward = block(shape, slot, proposer, client, graffiti, &mut history, &mut rng);
        LabelledReward { client, reward }
    })
}

/// Writes block rewards as one JSON array.
pub fn write_json<'a>(
    rewards: impl IntoIterator<Item = &'a BlockReward>,
    mut out: impl Write,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (position, reward) in rewards.into_iter().enumerate() {
        if position > 0 {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut out, reward)?;
    }
    out.write_all(b"]\n")
}

/// A validator keeps its client.
pub(crate) fn client_of_validator(validator: u64, seed: u64, mix: &[(Client, f64)]) -> Client {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ validator.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let sum: f64 = mix.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random::<f64>() * sum;
    let mut chosen = Client::Other;
    for (client, weight) in mix {
        chosen = *client;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    chosen
}

fn block(
    shape: Shape,
    slot: u64,
    proposer: u64,
    client: Client,
    graffiti: String,
    history: &mut History,
    rng: &mut ChaCha8Rng,
) -> BlockReward {
    let parent_slot = history.last_slot();
    let pool = Pool::draw(shape, slot, history, rng);
    let order = packer::pack(client, &pool, shape.max_attestations(), rng);

    let mut covered = pool.nothing_covered();
    let mut per_attestation_rewards = Vec::with_capacity(order.len());
    let mut attestations = Vec::with_capacity(order.len());
    let (mut prev_epoch_total, mut curr_epoch_total) = (0, 0);
    for aggregate in order {
        let fresh = pool.fresh_validators(aggregate, &covered);
        pool.cover(aggregate, &mut covered);
        let total: u64 = fresh.iter().map(|(_, reward)| reward.0).sum();
        let data = vote(aggregate.slot, aggregate.index, aggregate.head, history);
        if data.slot.epoch() == Slot(slot).epoch() {
            curr_epoch_total += total;
        } else {
            prev_epoch_total += total;
        }
        per_attestation_rewards.push(RewardMap(fresh));
        attestations.push(data);
    }
    let total = prev_epoch_total + curr_epoch_total;
    let sync_committee_rewards = rng.random_range(480..=512u64) * 2_950;
    let block_root = Root(rng.random());
    history.add(slot, block_root);
    BlockReward {
        total: Gwei(total + sync_committee_rewards),
        block_root,
        meta: BlockRewardMeta { slot, parent_slot, proposer_index: ValidatorIndex(proposer), graffiti },
        attestation_rewards: AttestationRewards {
            total: Gwei(total),
            prev_epoch_total: Gwei(prev_epoch_total),
            curr_epoch_total: Gwei(curr_epoch_total),
            per_attestation_rewards,
            attestations,
        },
        sync_committee_rewards: Gwei(sync_committee_rewards),
    }
}

fn vote(slot: u64, index: u64, head: Root, history: &History) -> AttestationData {
    let epoch = Slot(slot).epoch();
    let checkpoint =
        |epoch: consensus::Epoch| Checkpoint { epoch, root: history.root_at(epoch.start_slot().0) };
    AttestationData {
        slot: Slot(slot),
        index,
        beacon_block_root: head,
        source: checkpoint(consensus::Epoch(epoch.0.saturating_sub(1))),
        target: checkpoint(epoch),
    }
}
