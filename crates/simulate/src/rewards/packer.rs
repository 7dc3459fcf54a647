//! How each client chooses and orders attestations, as far as its blocks show it.
//!
//! These are sketches of published behaviour, enough to leave each client's signature in the order; they
//! are not the clients' algorithms.

use fingerprint::Client;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::pool::{Aggregate, Pool};

/// The aggregates a client would put into its block, in its order.
pub(super) fn pack<'a>(
    client: Client,
    pool: &'a Pool,
    limit: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<&'a Aggregate> {
    let mut order = match client {
        Client::Lighthouse => greedy(pool, limit),
        Client::Prysm => prysm(pool, limit),
        Client::Teku => teku(pool, limit, rng),
        Client::Nimbus => nimbus(pool, limit, rng),
        Client::Lodestar => lodestar(pool, limit),
        Client::Grandine => grandine(pool, limit),
        Client::Other => other(pool, rng),
    };
    order.truncate(limit);
    order
}

/// Picks what adds most, again and again, and stops where nothing adds. Lighthouse keeps this order.
fn greedy(pool: &Pool, limit: usize) -> Vec<&Aggregate> {
    let mut covered = pool.nothing_covered();
    let mut left: Vec<&Aggregate> = pool.aggregates.iter().collect();
    let mut picked = Vec::new();
    while picked.len() < limit {
        let scores = left.iter().enumerate().map(|(place, item)| (pool.reward(item, &covered), place));
        // The first of equals.
        let best = scores.max_by_key(|(score, place)| (*score, std::cmp::Reverse(*place)));
        let Some((1.., place)) = best else { break };
        let item = left.remove(place);
        pool.cover(item, &mut covered);
        picked.push(item);
    }
    picked
}

/// Prysm scores against the state before the block and never again, so that the second best of a
/// committee is taken too although it adds little or nothing. Before Electra: newest slot first, then
/// the rank in the committee, then the number of bits.
fn prysm(pool: &Pool, limit: usize) -> Vec<&Aggregate> {
    let nothing = pool.nothing_covered();
    let mut order: Vec<&Aggregate> = pool.aggregates.iter().collect();
    if limit > 8 {
        order.sort_by_key(|item| std::cmp::Reverse((item.slot, std::cmp::Reverse(item.rank), item.bits())));
    } else {
        order.sort_by_key(|item| std::cmp::Reverse(pool.reward(item, &nothing)));
    }
    order
}

/// Teku goes from the newest slot to the oldest and does not sort; committees come as its map has them.
fn teku<'a>(pool: &'a Pool, limit: usize, rng: &mut ChaCha8Rng) -> Vec<&'a Aggregate> {
    let mut covered = pool.nothing_covered();
    let mut order = Vec::new();
    for slot in slots(pool) {
        let mut of_slot: Vec<&Aggregate> = pool.aggregates.iter().filter(|item| item.slot == slot).collect();
        of_slot.shuffle(rng);
        for item in of_slot {
            if pool.count(item, &covered) > 0 && order.len() < limit {
                pool.cover(item, &mut covered);
                order.push(item);
            }
        }
    }
    order
}

/// Nimbus picks well, and puts what it picked into a hash table: the block has the table's order.
fn nimbus<'a>(pool: &'a Pool, limit: usize, rng: &mut ChaCha8Rng) -> Vec<&'a Aggregate> {
    let mut order = greedy(pool, limit);
    let salt: u64 = rng.random();
    let hash = |item: &Aggregate| {
        let head: u64 = item.head.0.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte));
        let key = head ^ item.slot.rotate_left(24) ^ item.index.rotate_left(48) ^ salt;
        let key = (key ^ (key >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (key ^ (key >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 17
    };
    order.sort_by_key(|item| hash(item));
    order
}

/// Lodestar counts unseen attesters over the distance to the block, and sorts by that.
fn lodestar(pool: &Pool, limit: usize) -> Vec<&Aggregate> {
    let nothing = pool.nothing_covered();
    let mut scored = Vec::new();
    for slot in slots(pool) {
        let distance = u64::max(1, pool.block_slot - slot);
        for item in pool.aggregates.iter().filter(|item| item.slot == slot) {
            // A second aggregate counts where it has someone that the better one has not.
            let unseen = pool.count(item, &nothing);
            if unseen > 0 && item.rank < 2 {
                scored.push((u64::from(unseen) * 1_000 / distance, item));
            }
        }
        if scored.len() >= 2 * limit {
            break;
        }
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, item)| item).collect()
}

/// Grandine solves each group of equal data for itself; the block has the groups in the order they were
/// first seen, oldest first.
fn grandine(pool: &Pool, limit: usize) -> Vec<&Aggregate> {
    let mut order = greedy(pool, limit);
    order.sort_by_key(|item| (item.slot, item.index, item.head));
    order
}

/// An unknown packer: a little of everything, in no order.
fn other<'a>(pool: &'a Pool, rng: &mut ChaCha8Rng) -> Vec<&'a Aggregate> {
    let mut order: Vec<&Aggregate> = pool.aggregates.iter().collect();
    order.shuffle(rng);
    order
}

/// The slots of the pool, newest first.
fn slots(pool: &Pool) -> Vec<u64> {
    let mut slots: Vec<u64> = pool.aggregates.iter().map(|item| item.slot).collect();
    slots.sort_unstable_by_key(|slot| std::cmp::Reverse(*slot));
    slots.dedup();
    slots
}
