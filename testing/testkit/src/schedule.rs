//! Disturbed orders of what nodes tell.

use std::collections::BTreeMap;

use consensus::Root;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One thing that a node tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It took in a block.
    Block(Root),
    /// Another block is its head.
    Head(Root),
    /// All up to a block is final, as the checkpoint of an epoch.
    Final(Root, u64),
}

/// How much an order is disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// Of a hundred steps, how many come late.
    pub late_percent: u32,
    /// By how many steps they come late at most.
    pub late_by: usize,
    /// Of a hundred steps, how many are told again later.
    pub again_percent: u32,
    /// Of a hundred heads, how many are not told.
    pub lost_heads_percent: u32,
}

/// Disturbs an order as it comes: steps are told late, twice, or not at all. Every block and every finality is told at
/// least once.
#[derive(Debug)]
pub struct Disorder {
    disturbance: Disturbance,
    random: ChaCha8Rng,
    /// By the step at which they are told, and the order in which they came.
    due: BTreeMap<(usize, usize), Step>,
    at: usize,
    came: usize,
}

impl Disorder {
    /// The same seed disturbs the same steps in the same way.
    pub fn new(disturbance: Disturbance, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { disturbance, random, due: BTreeMap::new(), at: 0, came: 0 }
    }

    /// Takes the next step, and gives those that are told now.
    pub fn next(&mut self, step: Step) -> Vec<Step> {
        let mut chance = |percent: u32| self.random.random_range(0..100) < percent;
        let (lost, late, again) = (
            chance(self.disturbance.lost_heads_percent),
            chance(self.disturbance.late_percent),
            chance(self.disturbance.again_percent),
        );
        if !(lost && matches!(step, Step::Head(_))) {
            let mut delay = || self.random.random_range(0..=self.disturbance.late_by);
            let first = if late { delay() } else { 0 };
            let second = again.then(delay);
            for delay in [Some(first), second].into_iter().flatten() {
                self.due.insert((self.at + delay, self.came), step);
                self.came += 1;
            }
        }
        self.at += 1;
        let later = self.due.split_off(&(self.at, 0));
        std::mem::replace(&mut self.due, later).into_values().collect()
    }

    /// Gives all that is late.
    pub fn rest(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.due).into_values().collect()
    }
}

/// A whole disturbed order, with the last head and the last finality told once more at the end, as when somebody asks.
pub fn schedule(steps: &[Step], disturbance: Disturbance, seed: u64) -> Vec<Step> {
    let mut disorder = Disorder::new(disturbance, seed);
    let mut out: Vec<Step> = steps.iter().flat_map(|step| disorder.next(*step)).collect();
    out.extend(disorder.rest());
    let last = |wanted: fn(&Step) -> bool| steps.iter().rev().find(|step| wanted(step)).copied();
    out.extend(last(|step| matches!(step, Step::Head(_))));
    out.extend(last(|step| matches!(step, Step::Final(..))));
    out
}
