//! The orders a block's attestations are compared with, sharing keys and sorts between features.

use crate::similarity::Matcher;
use crate::{AttestationSummary, AttestationVote};

/// Bits for the position of an attestation in a sort key.
const POSITION_BITS: u32 = 12;
/// Bits for each of the two numbers that a sort key is made of.
const NUMBER_BITS: u32 = 26;

const _: () = assert!(super::MAX_ATTESTATIONS < 1 << POSITION_BITS);
const _: () = assert!(2 * NUMBER_BITS + POSITION_BITS == u64::BITS);

/// What attestations are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortKey {
    Slot,
    SlotIndex,
    IndexSlot,
    SlotReward,
}

/// Which end comes first. Equal keys keep the block's order either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// The attestations that have both a vote and a reward, as small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Attestations {
    slots: Vec<u32>,
    indices: Vec<u32>,
    rewards: Vec<u32>,
    /// Attestations equal in slot, index, head and reward have the same id.
    ids: Vec<u32>,
    /// The key of `sorted` and whether it is still that of this block.
    sorted_by: Option<SortKey>,
    sorted: Vec<u64>,
    sorted_ids: Vec<u32>,
    wide: Vec<u128>,
    values: Vec<u64>,
}

impl Attestations {
    /// Takes in the attestations of a block.
    pub(super) fn set(&mut self, votes: &[AttestationVote], rewards: &[AttestationSummary]) {
        let paired = votes.len().min(rewards.len());
        let (votes, rewards) = (&votes[..paired], &rewards[..paired]);
        shrink(votes.iter().map(|vote| vote.slot.0), &mut self.values, &mut self.slots);
        shrink(votes.iter().map(|vote| vote.index), &mut self.values, &mut self.indices);
        shrink(rewards.iter().map(|reward| reward.total.0), &mut self.values, &mut self.rewards);
        self.sorted_by = None;
        self.number(votes);
    }

    /// Gives every attestation the id of its value.
    fn number(&mut self, votes: &[AttestationVote]) {
        self.wide.clear();
        for (position, ((slot, index), reward)) in
            self.slots.iter().zip(&self.indices).zip(&self.rewards).enumerate()
        {
            let numbers = [*slot, *index, *reward]
                .into_iter()
                .fold(0, |key, number| key << NUMBER_BITS | u128::from(number));
            self.wide.push(numbers << POSITION_BITS | position as u128);
        }
        self.wide.sort_unstable();
        self.ids.clear();
        self.ids.resize(votes.len(), 0);
        let position = |key: &u128| (*key as usize) & ((1 << POSITION_BITS) - 1);
        let root = |key: &u128| votes[position(key)].beacon_block_root;
        let mut next = 0;
        for group in self.wide.chunk_by_mut(|x, y| x >> POSITION_BITS == y >> POSITION_BITS) {
            if group.len() > 1 {
                group.sort_unstable_by_key(root);
            }
            for same in group.chunk_by(|x, y| root(x) == root(y)) {
                for key in same {
                    self.ids[position(key)] = next;
                }
                next += 1;
            }
        }
    }

    /// How similar the block's order is to the sorted one.
    pub(super) fn similarity(&mut self, key: SortKey, direction: Direction, matcher: &mut Matcher) -> f64 {
        if self.ids.is_empty() {
            return 1.0;
        }
        self.sort(key);
        let ids = &self.ids;
        let id = |key: &u64| ids[(*key as usize) & ((1 << POSITION_BITS) - 1)];
        self.sorted_ids.clear();
        match direction {
            Direction::Ascending => self.sorted_ids.extend(self.sorted.iter().map(id)),
            Direction::Descending => {
                for group in self.sorted.chunk_by(|x, y| x >> POSITION_BITS == y >> POSITION_BITS).rev() {
                    self.sorted_ids.extend(group.iter().map(id));
                }
            }
        }
        matcher.ratio(&self.ids, &self.sorted_ids)
    }

    fn sort(&mut self, by: SortKey) {
        if self.sorted_by == Some(by) {
            return;
        }
        self.sorted_by = Some(by);
        self.sorted.clear();
        let keys = self.slots.iter().zip(&self.indices).zip(&self.rewards).enumerate();
        self.sorted.extend(keys.map(|(position, ((slot, index), reward))| {
            let (major, minor) = match by {
                SortKey::Slot => (slot, &0),
                SortKey::SlotIndex => (slot, index),
                SortKey::IndexSlot => (index, slot),
                SortKey::SlotReward => (slot, reward),
            };
            (u64::from(*major) << NUMBER_BITS | u64::from(*minor)) << POSITION_BITS | position as u64
        }));
        self.sorted.sort_unstable();
    }
}

/// Replaces numbers by smaller ones that compare the same way: their distance from the least, or, where
/// that needs more than [`NUMBER_BITS`] bits, their position among the distinct numbers.
fn shrink(numbers: impl Iterator<Item = u64> + Clone, values: &mut Vec<u64>, out: &mut Vec<u32>) {
    out.clear();
    let least = numbers.clone().min().unwrap_or(0);
    let most = numbers.clone().max().unwrap_or(0);
    if most - least < 1 << NUMBER_BITS {
        out.extend(numbers.map(|number| (number - least) as u32));
        return;
    }
    values.clear();
    values.extend(numbers.clone());
    values.sort_unstable();
    values.dedup();
    out.extend(numbers.map(|number| values.partition_point(|value| *value < number) as u32));
}
