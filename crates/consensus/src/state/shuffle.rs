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
    // Now `low[..=upper]` mirrors `high`.
    let Some(mut low) = low.get_mut(..=upper) else { return };
    while !high.is_empty() {
        let window = bits.get(place / WINDOW - first_window).copied().unwrap_or_default();
        let offset = place % WINDOW;
        if offset.is_multiple_of(BLOCK) && high.len() >= BLOCK && low.len() >= BLOCK {
            let (right, rest) = high.split_at_mut(BLOCK);
            let (before, left) = low.split_at_mut(low.len() - BLOCK);
            let byte = offset / 8;
            let mask = u16::from_le_bytes([
                window.get(byte).copied().unwrap_or_default(),
                window.get(byte + 1).copied().unwrap_or_default(),
            ]);
            if let (Ok(left), Ok(right)) = (left.try_into(), right.try_into()) {
                exchange_block(left, right, mask);
            }
            high = rest;
            low = before;
            place += BLOCK;
        } else {
            let (Some((right, rest)), Some((left, before))) = (high.split_first_mut(), low.split_last_mut())
            else {
                return;
            };
            let byte = window.get(offset / 8).copied().unwrap_or_default();
            let mask = 0_u32.wrapping_sub(u32::from(byte >> (offset % 8) & 1));
            let change = (*left ^ *right) & mask;
            *left ^= change;
            *right ^= change;
            high = rest;
            low = before;
            place += 1;
        }
    }
}

/// Exchanges `right[k]` with `left[15 - k]` where bit `k` is set.
#[inline]
fn exchange_block(left: &mut [u32; BLOCK], right: &mut [u32; BLOCK], mask: u16) {
    let mut mirrored = *left;
    mirrored.reverse();
    let mut changes = [0; BLOCK];
    for (bit, ((change, a), b)) in changes.iter_mut().zip(&mirrored).zip(right.iter()).enumerate() {
        *change = (a ^ b) & 0_u32.wrapping_sub(u32::from(mask >> bit & 1));
    }
    for ((a, b), change) in mirrored.iter_mut().zip(right.iter_mut()).zip(changes) {
        *a ^= change;
        *b ^= change;
    }
    mirrored.reverse();
    *left = mirrored;
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
