//! How each client chooses and orders attestations, as far as its blocks show it.
//!
//! These are sketches of published behaviour, enough to leave each client's signature in the order; they
//! are not the clients' algorithms.

use std::collections::BTreeMap;

use consensus::{Root, Slot};
use fingerprint::Client;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::pool::{Aggregate, Covered, Pool};

/// Most attestations of a block since Electra.
const ELECTRA_LIMIT: usize = 8;

/// Aggregates that Grandine picks before its block takes the first of them.
const GRANDINE_PICKS: usize = 128;

/// The aggregates a client would put into its block, in its order.
pub(super) fn pack<'a>(
    client: Client,
    pool: &'a Pool,
    limit: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<&'a Aggregate> {
    let mut order = match client {
        Client::Lighthouse => most_pay(pool, limit),
        Client::Prysm => prysm(pool, limit),
        Client::Teku => teku(pool, limit, rng),
        Client::Nimbus => nimbus(pool, limit, rng),
        Client::Lodestar if limit > ELECTRA_LIMIT => lodestar(pool, limit),
        Client::Lodestar => greedy(pool, limit, |item, covered| {
            u64::from(pool.count(item, covered)) * 1_000 / u64::max(1, pool.block_slot - item.slot)
        }),
        Client::Grandine => grandine(pool, rng),
        Client::Other => other(pool, rng),
    };
    order.truncate(limit);
    order
}

/// Picks what pays most on top of what was picked. Lighthouse keeps this order.
fn most_pay(pool: &Pool, limit: usize) -> Vec<&Aggregate> {
    greedy(pool, limit, |item, covered| pool.reward(item, covered))
}

/// Picks what scores most on top of what was picked, again and again, and stops where nothing adds.
fn greedy(pool: &Pool, limit: usize, score: impl Fn(&Aggregate, &Covered) -> u64) -> Vec<&Aggregate> {
    let mut covered = pool.nothing_covered();
    let mut left: Vec<&Aggregate> = pool.aggregates.iter().collect();
    let mut picked = Vec::new();
    while picked.len() < limit {
        let scores = left.iter().enumerate().map(|(place, item)| (score(item, &covered), place));
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
    if limit > ELECTRA_LIMIT {
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

/// Nimbus picks well, and puts what it picked into a hash table: the block has the table's order. Since Electra data has
/// one place in the table, and a second aggregate of it is lost.
fn nimbus<'a>(pool: &'a Pool, limit: usize, rng: &mut ChaCha8Rng) -> Vec<&'a Aggregate> {
    let mut order = if limit > ELECTRA_LIMIT {
        most_pay(pool, limit)
    } else {
        let mut picked =
            greedy(pool, pool.aggregates.len(), |item, covered| u64::from(pool.count(item, covered)));
        let mut datas = Vec::new();
        picked.retain(|item| {
            let is_first = !datas.contains(&(item.slot, item.head));
            datas.push((item.slot, item.head));
            is_first
        });
        picked
    };
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

/// Before Electra Lodestar counts unseen attesters over the distance to the block, and sorts by that.
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

/// Grandine solves each group of equal data for itself. The block has the groups of the current epoch first, in no other
/// order, and is cut by that order: what pays most may be left out.
fn grandine<'a>(pool: &'a Pool, rng: &mut ChaCha8Rng) -> Vec<&'a Aggregate> {
    let mut groups: BTreeMap<(u64, u64, Root), Vec<&Aggregate>> = BTreeMap::new();
    for item in most_pay(pool, GRANDINE_PICKS) {
        groups.entry((item.slot, item.index, item.head)).or_default().push(item);
    }
    let mut groups: Vec<Vec<&Aggregate>> = groups.into_values().collect();
    groups.shuffle(rng);
    groups.sort_by_key(|items| std::cmp::Reverse(items.first().map(|item| Slot(item.slot).epoch())));
    groups.into_iter().flatten().collect()
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
