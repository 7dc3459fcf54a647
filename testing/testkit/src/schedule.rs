//! Disturbed orders of what nodes tell.

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

/// Disturbs an order: steps come late, twice, or not at all. Every block and every finality is told at least once, and
/// the last head and the last finality once more at the end, as when somebody asks.
pub fn schedule(steps: &[Step], disturbance: Disturbance, seed: u64) -> Vec<Step> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut timed = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut chance = |percent: u32| random.random_range(0..100) < percent;
        let (lost, late, again) = (
            chance(disturbance.lost_heads_percent),
            chance(disturbance.late_percent),
            chance(disturbance.again_percent),
        );
        if lost && matches!(step, Step::Head(_)) {
            continue;
        }
        let mut delay = || random.random_range(0..=disturbance.late_by);
        timed.push((at + if late { delay() } else { 0 }, *step));
        if again {
            timed.push((at + delay(), *step));
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    let mut out: Vec<Step> = timed.into_iter().map(|(_, step)| step).collect();
    let last = |wanted: fn(&Step) -> bool| steps.iter().rev().find(|step| wanted(step)).copied();
    out.extend(last(|step| matches!(step, Step::Head(_))));
    out.extend(last(|step| matches!(step, Step::Final(..))));
    out
}
