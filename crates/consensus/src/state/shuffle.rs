//! The swap-or-not shuffle, of one index and of a whole list.
//!
//! Source: phase0 `compute_shuffled_index`. A whole list is shuffled in place, round by round. The pairs of a round
//! mirror each other around two centres, and one bit for each pair, that of the higher position, says whether they
//! change places. Whole rounds of bits are hashed first, then blocks of sixteen pairs are exchanged without branches.

use crate::ssz::merkle;

/// Pairs that are exchanged at a time.
const BLOCK: usize = 16;

/// Positions whose bits come from one digest.
const WINDOW: usize = 256;

/// Digests that are computed in one go.
const BATCH: usize = 64;

/// Hashes `seed ‖ round ‖ window`, whose length fits one block of SHA-256.
struct BitSource {
    block: [u8; 64],
}

impl BitSource {
    fn new(seed: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(seed) {
            *to = *from;
        }
        Self { block }
    }

    /// The digest of `seed ‖ round`, whose first eight bytes give the pivot.
    fn pivot(&self, round: u8, count: u64) -> u64 {
        let mut block = self.block;
        block[32] = round;
        block[33] = 0x80;
        // 33 bytes are 264 bits.
        block[62] = 0x01;
        block[63] = 0x08;
        let digest = merkle::digest_of(&[block]);
        let head = digest.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_le_bytes(head).checked_rem(count).unwrap_or_default()
    }

    /// The message whose digest is the bits of 256 positions, padded.
    fn window(&self, round: u8, window: u32) -> [u8; 64] {
        let mut block = self.block;
        block[32] = round;
        let [a, b, c, d] = window.to_le_bytes();
        block[33] = a;
        block[34] = b;
        block[35] = c;
        block[36] = d;
        block[37] = 0x80;
        // 37 bytes are 296 bits.
        block[62] = 0x01;
        block[63] = 0x28;
        block
    }
}

/// Where the shuffle puts an index among `count`. The index itself where it is not below the count.
pub fn compute_shuffled_index(index: u64, count: u64, seed: &[u8; 32], rounds: u8) -> u64 {
    if index >= count {
        return index;
    }
    let source = BitSource::new(seed);
    let mut index = index;
    for round in 0..rounds {
        let pivot = source.pivot(round, count);
        let flip = (u128::from(pivot) + u128::from(count) - u128::from(index))
            .checked_rem(u128::from(count))
            .unwrap_or_default() as u64;
        let position = index.max(flip);
        let digest = merkle::digest_of(&[source.window(round, (position / WINDOW as u64) as u32)]);
        let byte = digest.get((position as usize % WINDOW) / 8).copied().unwrap_or_default();
        if byte >> (position % 8) & 1 == 1 {
            index = flip;
        }
    }
    index
}

/// Shuffles a list so that `list[i]` becomes what was at `compute_shuffled_index(i)`.
pub fn shuffle_list(list: &mut [u32], seed: &[u8; 32], rounds: u8) {
    let count = list.len();
    if count < 2 || u32::try_from(count).is_err() {
        return;
    }
    let source = BitSource::new(seed);
    let mut bits = Vec::new();
    for round in (0..rounds).rev() {
        let pivot = source.pivot(round, count as u64) as usize;
        // Pairs (i, pivot - i) below the pivot, and (i, pivot + count - i) above it.
        exchange(list, pivot.div_ceil(2), pivot + 1, pivot, round, &source, &mut bits);
        exchange(list, (pivot + count).div_ceil(2), count, pivot + count, round, &source, &mut bits);
    }
}

/// Exchanges `list[i]` with `list[sum - i]` for `i` in `start..end` where the bit of `i` says so.
fn exchange(
    list: &mut [u32],
    start: usize,
    end: usize,
    sum: usize,
    round: u8,
    source: &BitSource,
    bits: &mut Vec<[u8; 32]>,
) {
    if start >= end || end > list.len() {
        return;
    }
    hash_windows(start, end, round, source, bits);
    let first_window = start / WINDOW;
    let (low, high) = list.split_at_mut(start);
    let Some(high) = high.get_mut(..end - start) else { return };
    // `sum - i` for i = start is either start (its own partner) or just below it.
    let mut upper = sum - start;
    let mut place = start;
    let mut high = high;
    if upper >= start {
        // The centre of an even sum is its own partner.
        let (Some((_, rest)), Some(below)) = (high.split_first_mut(), upper.checked_sub(1)) else { return };
        high = rest;
        place += 1;
        upper = below;
    }
    // Now the end of `low[..=upper]` mirrors `high`.
    let Some(low) = low.get_mut((upper + 1).saturating_sub(high.len())..=upper) else { return };
    if low.len() < high.len() {
        return;
    }
    let bits = bits.as_flattened();
    let from = first_window * WINDOW;
    // The bits of a block of pairs are whole bytes where it begins at a multiple of its length.
    let head = (place.next_multiple_of(BLOCK) - place).min(high.len());
    let (first, high) = high.split_at_mut(head);
    let (low, mirror) = low.split_at_mut(low.len() - head);
    exchange_singly(mirror, first, bits, place - from);
    place += head;
    let (blocks, rest) = high.as_chunks_mut();
    let (left, mirrored) = low.as_rchunks_mut();
    exchange_blocks(mirrored, blocks, bits.get((place - from) / 8..).unwrap_or_default().as_chunks().0);
    exchange_singly(left, rest, bits, place + blocks.len() * BLOCK - from);
}

/// Exchanges `high[k]` with the `k`-th of `low` from its end where the bit `first + k` is set.
fn exchange_singly(low: &mut [u32], high: &mut [u32], bits: &[u8], first: usize) {
    for (place, (left, right)) in (first..).zip(low.iter_mut().rev().zip(high)) {
        let byte = bits.get(place / 8).copied().unwrap_or_default();
        let mask = 0_u32.wrapping_sub(u32::from(byte >> (place % 8) & 1));
        let change = (*left ^ *right) & mask;
        *left ^= change;
        *right ^= change;
    }
}

/// Exchanges whole blocks, the first of `high` with the last of `low`, each mirrored. Memory is the limit here, so
/// vectors wider than those every processor has bring nothing; compiled for them, it is slower.
#[inline(never)]
fn exchange_blocks(low: &mut [[u32; BLOCK]], high: &mut [[u32; BLOCK]], masks: &[[u8; BLOCK / 8]]) {
    /// The bit of each pair in a block.
    const BIT: [u32; BLOCK] = {
        let mut bits = [0; BLOCK];
        let mut pair = 0;
        while pair < BLOCK {
            bits[pair] = 1 << pair;
            pair += 1;
        }
        bits
    };
    for ((left, right), mask) in low.iter_mut().rev().zip(high).zip(masks) {
        let mask = u32::from(u16::from_le_bytes(*mask));
        let mut mirrored = *left;
        mirrored.reverse();
        let mut kept = *right;
        for ((a, b), bit) in mirrored.iter_mut().zip(&mut kept).zip(BIT) {
            let chosen = 0_u32.wrapping_sub(u32::from(mask & bit != 0));
            let change = (*a ^ *b) & chosen;
            *a ^= change;
            *b ^= change;
        }
        mirrored.reverse();
        *left = mirrored;
        *right = kept;
    }
}

/// Hashes the bits of all positions in `start..end`. Kept apart from the exchange: mixing the SHA instructions with
/// wide vector code in one function is slow.
#[inline(never)]
fn hash_windows(start: usize, end: usize, round: u8, source: &BitSource, bits: &mut Vec<[u8; 32]>) {
    let first = start / WINDOW;
    bits.resize((end - 1) / WINDOW - first + 1, [0; 32]);
    let mut messages = [[0; 64]; BATCH];
    for (bits, first) in bits.chunks_mut(BATCH).zip((first..).step_by(BATCH)) {
        for (message, window) in messages.iter_mut().zip(first..first + bits.len()) {
            *message = source.window(round, window as u32);
        }
        merkle::hash_padded(&messages, bits);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // In short lists the pivot is often at an end.
        #[test]
        fn a_short_list_is_shuffled_as_its_indices_are(count in 0_u32..20, seed: [u8; 32]) {
            let mut list: Vec<u32> = (0..count).collect();
            shuffle_list(&mut list, &seed, 90);
            for (index, value) in list.iter().enumerate() {
                let expected = compute_shuffled_index(index as u64, u64::from(count), &seed, 90);
                prop_assert_eq!(u64::from(*value), expected);
            }
        }

        #[test]
        fn a_list_is_shuffled_as_its_indices_are(count in 0_u32..3_000, seed: [u8; 32], rounds in 0_u8..12) {
            let mut list: Vec<u32> = (0..count).collect();
            shuffle_list(&mut list, &seed, rounds);
            for (index, value) in list.iter().enumerate() {
                let expected = compute_shuffled_index(index as u64, u64::from(count), &seed, rounds);
                prop_assert_eq!(u64::from(*value), expected);
            }
        }
    }
}
