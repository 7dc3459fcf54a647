//! How each client chooses and orders the aggregates of a simulated chain, as far as its blocks show it.
//!
//! These are sketches of published behaviour, enough to leave each client's signature in the order; they are not the
//! clients' algorithms.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use consensus::spec::{Fork, Preset};
use consensus::state::State;
use fingerprint::Client;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::votes::{Aggregate, Included};
use crate::rewards::{GraffitiHabit, client_of_validator};

/// Aggregates that Grandine picks before its block takes the first of them.
const GRANDINE_PICKS: usize = 128;

/// Who packs the blocks of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Packers {
    /// Clients with their weights. A validator keeps its client.
    pub mix: Vec<(Client, f64)>,
    /// How blocks sign themselves.
    pub graffiti: GraffitiHabit,
}

impl Packers {
    /// The client of a proposer. [`Client::Other`] without a positive weight.
    pub(super) fn client(&self, proposer: u64, seed: u64) -> Client {
        let weighed = |(_, weight): &&(Client, f64)| weight.is_finite() && *weight > 0.0;
        let mix: Vec<(Client, f64)> = self.mix.iter().filter(weighed).copied().collect();
        client_of_validator(proposer, seed, &mix)
    }
}

/// What a proposer sees.
pub(super) struct View<'a> {
    pool: &'a [Aggregate],
    included: &'a Included,
    block_slot: u64,
    fork: Fork,
    preset: &'a Preset,
    /// Gwei, by validator.
    balances: &'a [u64],
}

/// Votes that the block in the making has, by slot and validator.
type Covered = HashSet<(u64, u32)>;

impl<'a> View<'a> {
    /// What the proposer of the state's slot sees.
    pub(super) fn new(state: &'a State, pool: &'a [Aggregate], included: &'a Included) -> Self {
        let preset = &state.spec().preset;
        let balances = &state.validators.effective_balances;
        Self { pool, included, block_slot: state.slot, fork: state.fork_name(), preset, balances }
    }

    /// The places of the aggregates that a client would put into its block, in its order.
    pub(super) fn pack(&self, client: Client, limit: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
        let mut order = match client {
            Client::Lighthouse => self.most_pay(limit),
            Client::Prysm => self.by_first_sight(|place| self.pay(place, &Covered::new())),
            Client::Teku => self.newest_first(limit, random),
            Client::Nimbus => self.hashed(limit, random),
            Client::Lodestar if self.fork < Fork::Electra => self.by_first_sight(|place| {
                self.new_votes(place, &Covered::new()) * 1_000 / self.distance(place)
            }),
            Client::Lodestar => self.greedy(limit, |place, covered| {
                self.new_balance(place, covered) * 1_000 / self.distance(place)
            }),
            Client::Grandine => self.current_epoch_first(random),
            Client::Other => {
                let mut order: Vec<usize> = (0..self.pool.len()).collect();
                order.shuffle(random);
                order
            }
        };
        order.truncate(limit);
        order
    }
}

impl View<'_> {
    fn slot(&self, place: usize) -> u64 {
        self.pool.get(place).map_or(0, |aggregate| aggregate.attestation.data.slot)
    }

    fn distance(&self, place: usize) -> u64 {
        self.block_slot.saturating_sub(self.slot(place)).max(1)
    }

    /// Validators that neither the chain nor the block in the making has.
    fn fresh<'a>(&'a self, place: usize, covered: &'a Covered) -> impl Iterator<Item = u32> + 'a {
        let slot = self.slot(place);
        let seen = self.included.get(&slot);
        let members = self.pool.get(place).map_or(&[][..], |aggregate| &aggregate.members);
        members.iter().copied().filter(move |member| {
            seen.is_none_or(|seen| !seen.contains(member)) && !covered.contains(&(slot, *member))
        })
    }

    /// The weight of the flags that one vote of an aggregate brings. In phase 0 one vote is worth as much as another.
    fn weight(&self, place: usize) -> u64 {
        if self.fork == Fork::Phase0 {
            return 1;
        }
        let right_head = self.pool.get(place).is_some_and(|aggregate| aggregate.right_head);
        match self.distance(place) {
            1 if right_head => 54,
            distance if distance <= self.preset.slots_per_epoch.isqrt() => 40,
            _ => 26,
        }
    }

    /// How many validators an aggregate adds.
    fn new_votes(&self, place: usize, covered: &Covered) -> u64 {
        self.fresh(place, covered).count() as u64
    }

    /// What the validators that an aggregate adds hold, in increments.
    fn new_balance(&self, place: usize, covered: &Covered) -> u64 {
        let balance = |member: u32| self.balances.get(member as usize).copied().unwrap_or_default();
        let sum = self.fresh(place, covered).map(balance).fold(0, u64::saturating_add);
        sum.checked_div(self.preset.effective_balance_increment).unwrap_or_default()
    }

    /// What an aggregate pays.
    fn pay(&self, place: usize, covered: &Covered) -> u64 {
        self.new_balance(place, covered) * self.weight(place)
    }

    fn cover(&self, place: usize, covered: &mut Covered) {
        let slot = self.slot(place);
        let members = self.pool.get(place).map_or(&[][..], |aggregate| &aggregate.members);
        covered.extend(members.iter().map(|member| (slot, *member)));
    }

    /// Picks what scores most on top of what was picked, again and again, and stops where nothing adds.
    fn greedy(&self, limit: usize, score: impl Fn(usize, &Covered) -> u64) -> Vec<usize> {
        let mut covered = Covered::new();
        let mut left: Vec<usize> = (0..self.pool.len()).collect();
        let mut picked = Vec::new();
        while picked.len() < limit {
            let scores = left.iter().enumerate().map(|(at, place)| (score(*place, &covered), Reverse(at)));
            let Some((1.., Reverse(at))) = scores.max() else { break };
            let place = left.remove(at);
            self.cover(place, &mut covered);
            picked.push(place);
        }
        picked
    }

    /// Picks what pays most on top of what was picked. Lighthouse keeps this order.
    fn most_pay(&self, limit: usize) -> Vec<usize> {
        self.greedy(limit, |place, covered| self.pay(place, covered))
    }

    /// Scores each aggregate once, against the chain alone: what another one repeats is counted again. So the second
    /// aggregate of a slot comes early although it adds little.
    fn by_first_sight(&self, score: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut scored: Vec<(u64, usize)> = (0..self.pool.len()).map(|place| (score(place), place)).collect();
        scored.retain(|(score, _)| *score > 0);
        scored.sort_by_key(|(score, place)| (Reverse(*score), *place));
        scored.into_iter().map(|(_, place)| place).collect()
    }

    /// From the newest slot to the oldest; those of a slot come as a map has them.
    fn newest_first(&self, limit: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.pool.len()).collect();
        places.shuffle(random);
        places.sort_by_key(|place| Reverse(self.slot(*place)));
        let mut covered = Covered::new();
        let mut order = Vec::new();
        for place in places {
            if order.len() < limit && self.fresh(place, &covered).next().is_some() {
                self.cover(place, &mut covered);
                order.push(place);
            }
        }
        order
    }

    /// Picks well, and puts what it picked into a hash table: the block has the table's order. Since Electra data has one
    /// place in the table, and a second aggregate of it is lost.
    fn hashed(&self, limit: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
        let mut order = if self.fork < Fork::Electra {
            self.most_pay(limit)
        } else {
            let mut datas = Vec::new();
            let mut picked = self.greedy(self.pool.len(), |place, covered| self.new_votes(place, covered));
            picked.retain(|place| {
                let data = self.pool.get(*place).map(|aggregate| &aggregate.attestation.data);
                let is_first = !datas.contains(&data);
                datas.push(data);
                is_first
            });
            picked
        };
        let salt: u64 = random.random();
        order.sort_by_key(|place| {
            let key = self.slot(*place).rotate_left(24) ^ (*place as u64).rotate_left(48) ^ salt;
            let key = (key ^ (key >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (key ^ (key >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 17
        });
        order
    }

    /// Solves each group of equal data for itself. The block has the groups of the current epoch first, in no other
    /// order, and is cut by that order: what pays most may be left out.
    fn current_epoch_first(&self, random: &mut ChaCha8Rng) -> Vec<usize> {
        let mut groups: BTreeMap<(u64, u64, bool), Vec<usize>> = BTreeMap::new();
        for place in self.most_pay(GRANDINE_PICKS) {
            let Some(aggregate) = self.pool.get(place) else { continue };
            let data = &aggregate.attestation.data;
            groups.entry((data.slot, data.index, aggregate.right_head)).or_default().push(place);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.shuffle(random);
        let epoch = |place: &usize| self.slot(*place).checked_div(self.preset.slots_per_epoch);
        groups.sort_by_key(|places| Reverse(places.first().and_then(epoch)));
        groups.into_iter().flatten().collect()
    }
}
