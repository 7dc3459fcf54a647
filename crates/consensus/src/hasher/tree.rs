//! The nodes of a Merkle tree above its leaves, of which only those above changed leaves are hashed again.

use crate::ssz::merkle::{hash_pairs, root_above, zero_root};

/// Nodes that are hashed in one go.
const BATCH: usize = 64;

/// From so many nodes on, a level is divided among threads.
const DIVIDE: usize = if cfg!(test) { 4 } else { 2_048 };

/// The nodes above the leaves, level by level. The leaves themselves lie elsewhere; two of them are a pair.
#[derive(Default)]
pub(super) struct Tree {
    /// First the nodes right above the pairs; last the level with one node.
    levels: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// Hashes again what is above changed pairs. `changed` names them, ascending. Where the number of leaves is not
    /// what it was, the last pair counts as changed. The names are used up. `read` gives the pair with a number.
    pub(super) fn update<R>(&mut self, leaves: usize, changed: &mut Vec<u32>, read: R)
    where
        R: Fn(usize, &mut [u8; 64]) + Sync,
    {
        let mut count = leaves.div_ceil(2);
        if count == 0 {
            self.levels.clear();
            return;
        }
        self.at(0).resize(count, [0; 32]);
        hash_nodes(changed, 0, self.at(0), &read, &zero_pair(0));
        let mut level = 0;
        while count > 1 {
            level += 1;
            count = count.div_ceil(2);
            changed.iter_mut().for_each(|place| *place /= 2);
            changed.dedup();
            self.at(level).resize(count, [0; 32]);
            let (below, above) = self.levels.split_at_mut(level);
            let (Some(below), Some(above)) = (below.last(), above.first_mut()) else { return };
            let zero = zero_pair(level as u32);
            hash_nodes(changed, 0, above, &|place, pair| read_nodes(below, &zero, place, pair), &zero);
        }
        self.levels.truncate(level + 1);
    }

    /// The root of the tree with so many levels below it, at least one.
    pub(super) fn root(&self, depth: u32) -> [u8; 32] {
        match self.levels.last().and_then(|level| level.first()) {
            Some(node) => root_above(*node, self.levels.len() as u32, depth),
            None => zero_root(depth),
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.capacity() * 32).sum()
    }

    fn at(&mut self, level: usize) -> &mut Vec<[u8; 32]> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        &mut self.levels[level]
    }
}

/// Two roots of trees of zeros with so many levels.
fn zero_pair(level: u32) -> [u8; 64] {
    let zero = zero_root(level);
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(&zero);
    pair[32..].copy_from_slice(&zero);
    pair
}

/// Whether two pairs are equal. Most differ in their first bytes.
#[inline(always)]
fn is_same(pair: &[u8; 64], zero: &[u8; 64]) -> bool {
    pair.first_chunk::<8>() == zero.first_chunk() && pair == zero
}

/// Two neighbours, with the second one zero where there is none.
#[inline(always)]
pub(super) fn read_nodes(nodes: &[[u8; 32]], zero: &[u8; 64], place: usize, pair: &mut [u8; 64]) {
    match nodes.get(2 * place..2 * place + 2) {
        Some([left, right]) => {
            pair[..32].copy_from_slice(left);
            pair[32..].copy_from_slice(right);
        }
        _ => {
            pair[..32].copy_from_slice(nodes.get(2 * place).unwrap_or(&[0; 32]));
            pair[32..].copy_from_slice(&zero[32..]);
        }
    }
}

/// Hashes the pairs at `places` into `out`, which begins with place `first`.
fn hash_nodes<R>(places: &[u32], first: u32, out: &mut [[u8; 32]], read: &R, zero: &[u8; 64])
where
    R: Fn(usize, &mut [u8; 64]) + Sync,
{
    if places.len() >= DIVIDE {
        let (low, high) = places.split_at(places.len() / 2);
        let middle = high.first().copied().unwrap_or(first);
        if let Some((out_low, out_high)) = out.split_at_mut_checked((middle - first) as usize) {
            rayon::join(
                || hash_nodes(low, first, out_low, read, zero),
                || hash_nodes(high, middle, out_high, read, zero),
            );
        }
        return;
    }
    // The pair of zeros is so frequent, in scores and slashings, that its hash is worth knowing.
    let mut hash_of_zero = [[0; 32]];
    hash_pairs(&[*zero], &mut hash_of_zero);
    let mut pairs = [[0; 64]; BATCH];
    let mut targets = [0; BATCH];
    let mut digests = [[0; 32]; BATCH];
    let mut waiting = 0;
    let mut write =
        |count: usize, pairs: &[[u8; 64]; BATCH], targets: &[usize; BATCH], out: &mut [[u8; 32]]| {
            hash_pairs(pairs.get(..count).unwrap_or_default(), &mut digests);
            for (target, digest) in targets.iter().zip(&digests).take(count) {
                if let Some(node) = out.get_mut(*target) {
                    *node = *digest;
                }
            }
        };
    for place in places {
        let target = (place - first) as usize;
        let pair = &mut pairs[waiting];
        read(*place as usize, pair);
        if is_same(pair, zero) {
            if let (Some(node), [hash]) = (out.get_mut(target), hash_of_zero) {
                *node = hash;
            }
            continue;
        }
        targets[waiting] = target;
        waiting += 1;
        if waiting == BATCH {
            write(waiting, &pairs, &targets, out);
            waiting = 0;
        }
    }
    write(waiting, &pairs, &targets, out);
}
