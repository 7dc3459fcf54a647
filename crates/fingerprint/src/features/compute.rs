//! Computes the values of features, sharing what several of them need.

use std::cmp::Reverse;

use super::orders::{Attestations, Direction, SortKey};
use super::{Feature, FeatureError, Kind};
use crate::BlockObservation;
use crate::similarity::{Matcher, double_rank, rank_correlation};

/// A block with more attestations than this is refused: eight times what any fork allows.
///
/// It bounds the work for a hostile block (see [`similarity`](crate::similarity)) to a fraction of a second.
pub const MAX_ATTESTATIONS: usize = 1024;

/// The reward of a block in which everything is as it should be, as the original took it.
const FULL_REWARD: f64 = 30_000_000.0;
/// Validators in a committee, as the original took it.
const COMMITTEE: u32 = 128;
/// Committees that one attestation can cover since Electra, as the original's branch took it.
const COMMITTEES_PER_SLOT: u32 = 32;

/// Buffers that are kept from block to block.
#[derive(Clone, Debug, Default)]
pub struct FeatureScratch {
    matcher: Matcher,
    attestations: Attestations,
    numbers: Numbers,
    densities: Vec<u32>,
    fractions: Vec<f64>,
}

/// Appends the values of the features for a block, or leaves `out` as it was.
pub(super) fn append_row(
    features: impl Iterator<Item = &'static Feature>,
    scratch: &mut FeatureScratch,
    block: &BlockObservation,
    out: &mut Vec<f64>,
) -> Result<(), FeatureError> {
    let count = block.rewards.len().max(block.votes.len());
    if count > MAX_ATTESTATIONS {
        return Err(FeatureError::TooManyAttestations { count, limit: MAX_ATTESTATIONS });
    }
    let before = out.len();
    let mut row = Row::new(block, scratch);
    for feature in features {
        match row.value(feature.kind) {
            Ok(value) => out.push(value),
            Err(error) => {
                out.truncate(before);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// What is ready in the scratch buffers for the present block.
struct Row<'a> {
    block: &'a BlockObservation,
    scratch: &'a mut FeatureScratch,
    redundant: usize,
    single: usize,
    ordered: usize,
    attestations_ready: bool,
    numbered: Option<Numbered>,
}

impl<'a> Row<'a> {
    fn new(block: &'a BlockObservation, scratch: &'a mut FeatureScratch) -> Self {
        let with_fresh =
            |fresh| block.rewards.iter().filter(|reward| reward.fresh_validators == fresh).count();
        let ordered = block.rewards.windows(2).filter(|pair| matches!(pair, [x, y] if x.total >= y.total));
        Self {
            redundant: with_fresh(0),
            single: with_fresh(1),
            ordered: ordered.count() + 1,
            block,
            scratch,
            attestations_ready: false,
            numbered: None,
        }
    }

    fn value(&mut self, kind: Kind) -> Result<f64, FeatureError> {
        use Direction::{Ascending, Descending};
        let count = self.block.rewards.len() as f64;
        let reward = self.block.attestation_total.0 as f64;
        Ok(match kind {
            Kind::NumAttestations => count,
            Kind::NumRedundant => self.redundant as f64,
            Kind::PercentRedundant => share(self.redundant as f64, count),
            Kind::PercentRedundantBoost => match share(self.redundant as f64, count) {
                0.0 => 0.0,
                share => (share + 0.2).min(1.0),
            },
            Kind::NumPairwiseOrdered => self.ordered as f64,
            Kind::PercentPairwiseOrdered => share(self.ordered as f64, count),
            Kind::DifflibRewards => self.rewards_similarity(),
            Kind::DifflibSlotIndex => self.order_similarity(SortKey::SlotIndex, Ascending),
            Kind::DifflibIndexSlot => self.order_similarity(SortKey::IndexSlot, Ascending),
            Kind::DifflibSlotIndexRev => self.order_similarity(SortKey::SlotIndex, Descending),
            Kind::DifflibIndexSlotRev => self.order_similarity(SortKey::IndexSlot, Descending),
            Kind::DifflibSlot => self.order_similarity(SortKey::Slot, Ascending),
            Kind::DifflibSlotRev => self.order_similarity(SortKey::Slot, Descending),
            Kind::DifflibSlotReward => self.order_similarity(SortKey::SlotReward, Ascending),
            Kind::DifflibSlotRewardRev => self.order_similarity(SortKey::SlotReward, Descending),
            Kind::SpearmanCorrelation => self.rewards_correlation(),
            Kind::Reward => reward,
            Kind::NormReward => reward / FULL_REWARD,
            Kind::NormRewardPerSlot => reward / FULL_REWARD / self.slots_since_parent()?,
            Kind::RewardPerAttestation => share(reward, count),
            Kind::MedianDensity => self.median_fresh(COMMITTEE),
            Kind::MeanDensity => {
                let densities = self.block.rewards.iter().map(|reward| reward.fresh_validators / COMMITTEE);
                share(densities.map(u64::from).sum::<u64>() as f64, count)
            }
            Kind::NumSingleBit => self.single as f64,
            Kind::PercentSingleBit => share(self.single as f64, count),
            Kind::MedianDensityElectra => self.median_fresh(1) / f64::from(COMMITTEES_PER_SLOT * COMMITTEE),
            Kind::SpearmanCorrelationLodestar => self.distance_correlation()?,
        })
    }

    fn slots_since_parent(&self) -> Result<f64, FeatureError> {
        let (slot, parent_slot) = (self.block.slot, self.block.parent_slot);
        match slot.0.checked_sub(parent_slot.0) {
            None | Some(0) => Err(FeatureError::ParentNotBefore { slot, parent_slot }),
            Some(distance) => Ok(distance as f64),
        }
    }

    /// The median of how many whole times `unit` validators each attestation brought in.
    fn median_fresh(&mut self, unit: u32) -> f64 {
        let sorted = &mut self.scratch.densities;
        sorted.clear();
        sorted.extend(self.block.rewards.iter().map(|reward| reward.fresh_validators / unit));
        sorted.sort_unstable();
        let middle = |position: usize| sorted.get(position).map_or(0.0, |density| f64::from(*density));
        match sorted.len() {
            0 => 0.0,
            count if count % 2 == 1 => middle(count / 2),
            count => (middle(count / 2 - 1) + middle(count / 2)) / 2.0,
        }
    }

    fn order_similarity(&mut self, key: SortKey, direction: Direction) -> f64 {
        let FeatureScratch { matcher, attestations, .. } = self.scratch;
        if !self.attestations_ready {
            attestations.set(&self.block.votes, &self.block.rewards);
            self.attestations_ready = true;
        }
        attestations.similarity(key, direction, matcher)
    }

    /// Numbers the rewards by value from high to low.
    fn number_rewards(&mut self) {
        if self.numbered != Some(Numbered::Rewards) {
            let rewards = &self.block.rewards;
            let numbers = &mut self.scratch.numbers;
            numbers.order.clear();
            numbers.order.extend((0u32..).zip(rewards).map(|(position, _)| position));
            numbers.order.sort_unstable_by_key(|position| Reverse(rewards[*position as usize].total));
            numbers.assign(|x, y| rewards[x].total == rewards[y].total);
            self.numbered = Some(Numbered::Rewards);
        }
    }

    fn rewards_similarity(&mut self) -> f64 {
        self.number_rewards();
        self.scratch.matcher.ratio(&self.scratch.numbers.ids, &self.scratch.numbers.sorted_ids)
    }

    fn rewards_correlation(&mut self) -> f64 {
        self.number_rewards();
        // Numbered from the highest reward, both sides are turned round, which changes nothing.
        self.scratch.numbers.correlation()
    }

    /// The correlation of rewards divided by (attestation slot − block slot) with the same values sorted.
    fn distance_correlation(&mut self) -> Result<f64, FeatureError> {
        let block = self.block;
        let (rewards, votes) = (block.rewards.len(), block.votes.len());
        let FeatureScratch { numbers, fractions, .. } = &mut *self.scratch;
        fractions.clear();
        for (attestation, (reward, vote)) in block.rewards.iter().zip(&block.votes).enumerate() {
            let distance = i128::from(vote.slot.0) - i128::from(block.slot.0);
            if distance == 0 {
                return Err(FeatureError::NoInclusionDistance { attestation, slot: block.slot });
            }
            // Adding 0 makes the −0 of an attestation worth nothing equal to any other 0.
            fractions.push(reward.total.0 as f64 / distance as f64 + 0.0);
        }
        if votes < rewards {
            return Err(FeatureError::MissingVotes { rewards, votes });
        }
        self.numbered = None;
        numbers.order.clear();
        numbers.order.extend((0u32..).zip(&*fractions).map(|(position, _)| position));
        numbers.order.sort_unstable_by(|x, y| fractions[*x as usize].total_cmp(&fractions[*y as usize]));
        numbers.assign(|x, y| fractions[x] == fractions[y]);
        Ok(numbers.correlation())
    }
}

/// What the numbers in the scratch buffers stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbered {
    Rewards,
}

/// Values as small numbers: equal values have the same number, and numbers grow in sorted order.
#[derive(Clone, Debug, Default)]
struct Numbers {
    /// Positions in sorted order.
    order: Vec<u32>,
    /// In the block's order.
    ids: Vec<u32>,
    /// In sorted order.
    sorted_ids: Vec<u32>,
    /// Twice the rank of each number.
    rank_of: Vec<u32>,
    ranks: Vec<u32>,
    sorted_ranks: Vec<u32>,
}

impl Numbers {
    /// Numbers the groups of equal values in `order`.
    fn assign(&mut self, equal: impl Fn(usize, usize) -> bool) {
        self.ids.clear();
        self.ids.resize(self.order.len(), 0);
        self.sorted_ids.clear();
        self.rank_of.clear();
        for group in self.order.chunk_by(|x, y| equal(*x as usize, *y as usize)) {
            let id = self.rank_of.len() as u32;
            self.rank_of.push(double_rank(self.sorted_ids.len(), group.len()));
            for position in group {
                self.ids[*position as usize] = id;
                self.sorted_ids.push(id);
            }
        }
    }

    /// The rank correlation of the block's order with the sorted one; 1 if they are the same.
    fn correlation(&mut self) -> f64 {
        if self.ids == self.sorted_ids {
            return 1.0;
        }
        let rank = |id: &u32| self.rank_of[*id as usize];
        self.ranks.clear();
        self.ranks.extend(self.ids.iter().map(rank));
        self.sorted_ranks.clear();
        self.sorted_ranks.extend(self.sorted_ids.iter().map(rank));
        // Without a value only if all are equal, which the comparison above has answered.
        rank_correlation(&self.ranks, &self.sorted_ranks).unwrap_or(1.0)
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
