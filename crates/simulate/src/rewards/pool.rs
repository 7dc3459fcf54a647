//! What a node has seen when it proposes: aggregates of each committee, and who is not on chain yet.

use std::collections::BTreeMap;

use consensus::{Gwei, Root, ValidatorIndex};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Shape;

/// How far back stragglers attest, in slots before the parent.
const STRAGGLING_SLOTS: u64 = 6;
/// Share of committee members who attest at all.
const ONLINE_SHARE: f64 = 0.985;
/// Committees of which some members voted for another head.
const SPLIT_SHARE: f64 = 0.04;
/// What a validator of 32 ETH earns the proposer when all flags are set, before Electra.
const FULL_REWARD: u64 = 290;

/// The last blocks of the generated chain.
#[derive(Debug)]
pub(super) struct History {
    roots: BTreeMap<u64, Root>,
}

impl History {
    pub(super) fn new(start: u64, root: [u8; 32]) -> Self {
        Self { roots: BTreeMap::from([(start.saturating_sub(1), Root(root))]) }
    }

    pub(super) fn last_slot(&self) -> u64 {
        self.roots.last_key_value().map_or(0, |(slot, _)| *slot)
    }

    pub(super) fn add(&mut self, slot: u64, root: Root) {
        self.roots.insert(slot, root);
        while self.roots.len() > 128 {
            self.roots.pop_first();
        }
    }

    /// The root of the newest block at or before a slot; the oldest known one where none is.
    pub(super) fn root_at(&self, slot: u64) -> Root {
        let at = self.roots.range(..=slot).next_back().or_else(|| self.roots.first_key_value());
        at.map_or(Root::default(), |(_, root)| *root)
    }
}

/// Members of one committee.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) committee: usize,
    pub(super) members: u128,
}

/// Attestations with the same data, added up.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    /// Position of its slot in the pool.
    age: usize,
    pub(super) slot: u64,
    /// As in the attestation's data: 0 since Electra.
    pub(super) index: u64,
    pub(super) head: Root,
    /// 0 for the best of its committee, 1 for the second, and so on.
    pub(super) rank: usize,
    pub(super) parts: Vec<Part>,
}

impl Aggregate {
    /// How many validators it names, on chain or not.
    pub(super) fn bits(&self) -> u32 {
        self.parts.iter().map(|part| part.members.count_ones()).sum()
    }
}

/// Per slot and committee, members that are in the block already.
pub(super) type Covered = Vec<Vec<u128>>;

#[derive(Debug)]
pub(super) struct Pool {
    shape: Shape,
    pub(super) block_slot: u64,
    /// By age, then committee: members that no earlier block has.
    fresh: Covered,
    /// In order of slots (newest first), committees, ranks.
    pub(super) aggregates: Vec<Aggregate>,
}

impl Pool {
    pub(super) fn draw(shape: Shape, block_slot: u64, history: &History, rng: &mut ChaCha8Rng) -> Self {
        let parent = history.last_slot();
        let oldest = parent.saturating_sub(STRAGGLING_SLOTS);
        let mut pool = Self { shape, block_slot, fresh: Vec::new(), aggregates: Vec::new() };
        for slot in (oldest..block_slot).rev().take(32) {
            let head = history.root_at(slot);
            let other_head = history.root_at(slot.saturating_sub(1));
            let age = pool.fresh.len();
            let mut fresh = Vec::with_capacity(shape.committees_per_slot());
            let mut of_slot = Vec::new();
            for committee in 0..shape.committees_per_slot() {
                let online = members(shape, ONLINE_SHARE, rng);
                // Slots that the parent could not include yet are all fresh; of older ones stragglers are.
                let is_fresh = if slot >= parent {
                    online
                } else {
                    online & members(shape, 0.035 / (parent - slot) as f64, rng)
                };
                fresh.push(is_fresh);
                let split = if rng.random_bool(SPLIT_SHARE) { online & members(shape, 0.2, rng) } else { 0 };
                for (voters, head) in [(online & !split, head), (split, other_head)] {
                    for (rank, members) in aggregates(shape, voters, is_fresh, rng).into_iter().enumerate() {
                        let parts = vec![Part { committee, members }];
                        let index = committee as u64;
                        of_slot.push(Aggregate { age, slot, index, head, rank, parts });
                    }
                }
            }
            pool.fresh.push(fresh);
            pool.aggregates.extend(match shape {
                Shape::Phase0Like => of_slot,
                Shape::ElectraLike => merge_committees(of_slot),
            });
        }
        pool
    }

    pub(super) fn nothing_covered(&self) -> Covered {
        self.fresh.iter().map(|committees| vec![0; committees.len()]).collect()
    }

    pub(super) fn cover(&self, aggregate: &Aggregate, covered: &mut Covered) {
        for part in &aggregate.parts {
            if let Some(seen) = covered.get_mut(aggregate.age).and_then(|slot| slot.get_mut(part.committee)) {
                *seen |= part.members;
            }
        }
    }

    fn fresh_members<'a>(
        &'a self,
        aggregate: &'a Aggregate,
        covered: &'a Covered,
    ) -> impl Iterator<Item = (usize, u128)> + 'a {
        aggregate.parts.iter().filter_map(move |part| {
            let fresh = self.fresh.get(aggregate.age)?.get(part.committee)?;
            let covered = covered.get(aggregate.age)?.get(part.committee)?;
            Some((part.committee, part.members & fresh & !covered))
        })
    }

    /// How many validators an aggregate adds.
    pub(super) fn count(&self, aggregate: &Aggregate, covered: &Covered) -> u32 {
        self.fresh_members(aggregate, covered).map(|(_, members)| members.count_ones()).sum()
    }

    /// What an aggregate adds, in gwei.
    pub(super) fn reward(&self, aggregate: &Aggregate, covered: &Covered) -> u64 {
        let each = self.full_reward(aggregate);
        self.fresh_members(aggregate, covered)
            .map(|(committee, members)| match self.shape {
                Shape::Phase0Like => each * u64::from(members.count_ones()),
                Shape::ElectraLike => positions(members)
                    .map(|position| each * self.balance(aggregate.slot, committee, position))
                    .sum(),
            })
            .sum()
    }

    /// The validators an aggregate adds, with what each is worth.
    pub(super) fn fresh_validators(
        &self,
        aggregate: &Aggregate,
        covered: &Covered,
    ) -> Vec<(ValidatorIndex, Gwei)> {
        let each = self.full_reward(aggregate);
        self.fresh_members(aggregate, covered)
            .flat_map(|(committee, members)| {
                positions(members).map(move |position| {
                    let reward = each * self.balance(aggregate.slot, committee, position);
                    (ValidatorIndex(self.validator(aggregate.slot, committee, position)), Gwei(reward))
                })
            })
            .collect()
    }

    /// The flags an attestation of this age earns: source, target and head; source and target; target.
    fn full_reward(&self, aggregate: &Aggregate) -> u64 {
        let weight = match self.block_slot - aggregate.slot {
            0..=1 => 54,
            2..=5 => 40,
            _ => 26,
        };
        FULL_REWARD * weight / 54
    }

    /// Effective balance in units of 32 ETH: since Electra some validators hold up to 64 of them.
    fn balance(&self, slot: u64, committee: usize, position: usize) -> u64 {
        match self.shape {
            Shape::Phase0Like => 1,
            Shape::ElectraLike => match self.validator(slot, committee, position) % 97 {
                0 => 64,
                1..=4 => 8,
                5..=9 => 2,
                _ => 1,
            },
        }
    }

    /// The validator at a place of a committee: every validator stands once in an epoch.
    fn validator(&self, slot: u64, committee: usize, position: usize) -> u64 {
        let size = self.shape.committee_size() as u64;
        let per_slot = self.shape.committees_per_slot() as u64 * size;
        let place = (slot % 32) * per_slot + committee as u64 * size + position as u64;
        // 48,271 is prime and no factor of the number of validators: a permutation.
        ((place + slot / 32) * 48_271 + slot / 32) % self.shape.validators()
    }
}

fn positions(mut members: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = members.trailing_zeros() as usize;
        members &= members.wrapping_sub(1);
        (position < 128).then_some(position)
    })
}

/// A random share of a committee.
fn members(shape: Shape, share: f64, rng: &mut ChaCha8Rng) -> u128 {
    let share = share.clamp(0.0, 1.0);
    (0..shape.committee_size())
        .fold(0, |members, position| members | (u128::from(rng.random_bool(share)) << position))
}

/// The aggregates of one committee that were gossiped, best first. Who is late is in few of them.
fn aggregates(shape: Shape, voters: u128, fresh: u128, rng: &mut ChaCha8Rng) -> Vec<u128> {
    if voters & fresh == 0 {
        return Vec::new();
    }
    let count = rng.random_range(1..=3);
    let mut found: Vec<u128> = (0..count)
        .map(|_| {
            let share = if rng.random_bool(0.35) { 1.0 } else { rng.random_range(0.82..0.995) };
            voters & members(shape, share, rng)
        })
        .filter(|members| members & fresh != 0)
        .collect();
    found.sort_by_key(|members| std::cmp::Reverse(members.count_ones()));
    found.dedup();
    found
}

/// Electra: the first of every committee with the same data become one, then the second, and so on.
fn merge_committees(aggregates: Vec<Aggregate>) -> Vec<Aggregate> {
    let mut merged: Vec<Aggregate> = Vec::new();
    for aggregate in aggregates {
        let same = merged.iter_mut().find(|other| {
            (other.slot, other.rank, other.head) == (aggregate.slot, aggregate.rank, aggregate.head)
        });
        match same {
            Some(other) => other.parts.extend(aggregate.parts),
            None => merged.push(Aggregate { index: 0, ..aggregate }),
        }
    }
    merged
}
