//! SHA-256 of many pairs of nodes, or of other short messages, at once.
//!
//! Where the processor has wide vectors, sixteen pairs are hashed side by side, one in each lane: per pair that takes
//! about half the time of the processor's SHA instructions. The code is plain arithmetic on arrays, compiled once for
//! each kind of vector and chosen at run time.

use multiversion::multiversion;

use super::merkle::{INITIAL, digest_of, hash_block};

/// Pairs that are hashed side by side.
const LANES: usize = 16;

/// From so many pairs on, filling the lanes up is faster than hashing one pair after the other.
const WORTH_FILLING: usize = 9;

/// One word of each lane.
type Lanes = [u32; LANES];

/// The round constants of SHA-256.
#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The message words of the block that pads 64 bytes, each with its round constant added.
const PADDING_ROUNDS: [u32; 64] = {
    let mut words = [0; 64];
    words[0] = 0x8000_0000;
    words[15] = 512;
    let mut at = 16;
    while at < 64 {
        words[at] = next_word(words[at - 2], words[at - 7], words[at - 15], words[at - 16]);
        at += 1;
    }
    let mut at = 0;
    while at < 64 {
        words[at] = words[at].wrapping_add(ROUNDS[at]);
        at += 1;
    }
    words
};

/// A word of the message schedule from the words 2, 7, 15 and 16 places before it.
#[inline(always)]
const fn next_word(two: u32, seven: u32, fifteen: u32, sixteen: u32) -> u32 {
    let low = fifteen.rotate_right(7) ^ fifteen.rotate_right(18) ^ (fifteen >> 3);
    let high = two.rotate_right(17) ^ two.rotate_right(19) ^ (two >> 10);
    sixteen.wrapping_add(low).wrapping_add(seven).wrapping_add(high)
}

/// Where the padding of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    /// In a block after the one with the message.
    Follows,
    /// In the block with the message.
    Within,
}

/// Writes SHA-256 of each 64 bytes to the place with the same number, as far as both reach.
pub fn hash_pairs(pairs: &[[u8; 64]], out: &mut [[u8; 32]]) {
    hash_all(pairs, Padding::Follows, out);
}

/// Writes SHA-256 of each message that fills one block together with its padding to the place with the same number, as
/// far as both reach.
pub(crate) fn hash_padded(blocks: &[[u8; 64]], out: &mut [[u8; 32]]) {
    hash_all(blocks, Padding::Within, out);
}

fn hash_all(messages: &[[u8; 64]], padding: Padding, out: &mut [[u8; 32]]) {
    let messages = messages.get(..out.len()).unwrap_or(messages);
    let (blocks, rest) = messages.as_chunks();
    let (true, Some((to, rest_to))) = (lanes_pay(), out.split_at_mut_checked(blocks.len() * LANES)) else {
        return one_by_one(messages, padding, out);
    };
    hash_lanes(blocks, padding, to.as_chunks_mut().0);
    if rest.len() < WORTH_FILLING {
        return one_by_one(rest, padding, rest_to);
    }
    let mut block = [[[0; 64]; LANES]];
    let mut digests = [[[0; 32]; LANES]];
    for (to, from) in block.as_flattened_mut().iter_mut().zip(rest) {
        *to = *from;
    }
    hash_lanes(&block, padding, &mut digests);
    for (to, from) in rest_to.iter_mut().zip(digests.as_flattened().iter().take(rest.len())) {
        *to = *from;
    }
}

fn one_by_one(messages: &[[u8; 64]], padding: Padding, out: &mut [[u8; 32]]) {
    for (to, message) in out.iter_mut().zip(messages) {
        *to = match padding {
            Padding::Follows => hash_block(message),
            Padding::Within => digest_of(&[*message]),
        };
    }
}

/// Whether the lanes are faster than hashing one pair after the other: with wide vectors, and with narrower ones
/// where there are no SHA instructions. Never in a build without optimisation.
#[cfg(target_arch = "x86_64")]
fn lanes_pay() -> bool {
    use std::is_x86_feature_detected as has;
    !cfg!(debug_assertions)
        && ((has!("avx512f") && has!("avx512bw") && has!("avx512vl")) || (has!("avx2") && !has!("sha")))
}

#[cfg(not(target_arch = "x86_64"))]
fn lanes_pay() -> bool {
    false
}

/// The part of a round that all lanes share: `h` becomes the next `a`, `d` the next `e`.
macro_rules! round {
    ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $lane:ident, $word:expr) => {
        for $lane in 0..LANES {
            let choice = $g[$lane] ^ ($e[$lane] & ($f[$lane] ^ $g[$lane]));
            let majority = ($a[$lane] & $b[$lane]) | ($c[$lane] & ($a[$lane] | $b[$lane]));
            let high = $e[$lane].rotate_right(6) ^ $e[$lane].rotate_right(11) ^ $e[$lane].rotate_right(25);
            let low = $a[$lane].rotate_right(2) ^ $a[$lane].rotate_right(13) ^ $a[$lane].rotate_right(22);
            let step = $h[$lane].wrapping_add($word).wrapping_add(choice).wrapping_add(high);
            $d[$lane] = $d[$lane].wrapping_add(step);
            $h[$lane] = step.wrapping_add(low).wrapping_add(majority);
        }
    };
}

/// Eight rounds, after which every variable is at its place again. The word of a round is given by its number.
macro_rules! eight_rounds {
    ($state:ident, $round:ident, $lane:ident, $word:expr, $after:block) => {{
        let [a, b, c, d, e, f, g, h] = &mut $state;
        eight_rounds!(@one 0, a b c d e f g h, $round, $lane, $word, $after);
        eight_rounds!(@one 1, h a b c d e f g, $round, $lane, $word, $after);
        eight_rounds!(@one 2, g h a b c d e f, $round, $lane, $word, $after);
        eight_rounds!(@one 3, f g h a b c d e, $round, $lane, $word, $after);
        eight_rounds!(@one 4, e f g h a b c d, $round, $lane, $word, $after);
        eight_rounds!(@one 5, d e f g h a b c, $round, $lane, $word, $after);
        eight_rounds!(@one 6, c d e f g h a b, $round, $lane, $word, $after);
        eight_rounds!(@one 7, b c d e f g h a, $round, $lane, $word, $after);
    }};
    (@one $number:literal, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
        $round:ident, $lane:ident, $word:expr, $after:block) => {
        let $round = $number;
        round!($a $b $c $d $e $f $g $h, $lane, $word);
        $after
    };
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn hash_lanes(blocks: &[[[u8; 64]; LANES]], padding: Padding, out: &mut [[[u8; 32]; LANES]]) {
    for (block, out) in blocks.iter().zip(out) {
        let mut words = [[0; LANES]; 16];
        for (lane, pair) in block.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(pair.as_chunks().0) {
                word[lane] = u32::from_be_bytes(*bytes);
            }
        }
        let state = compress(&mut words, padding);
        for (lane, digest) in out.iter_mut().enumerate() {
            for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(&state) {
                *bytes = word[lane].to_be_bytes();
            }
        }
    }
}

/// The block of a message, by its words, and the block of its padding, if it has one.
#[inline(always)]
fn compress(words: &mut [Lanes; 16], padding: Padding) -> [Lanes; 8] {
    let mut state = INITIAL.map(|word| [word; LANES]);
    for (eight, constants) in ROUNDS.as_chunks::<8>().0.iter().enumerate() {
        let first = eight % 2 * 8;
        eight_rounds!(state, round, lane, words[first + round][lane].wrapping_add(constants[round]), {
            if eight < 6 {
                let at = first + round;
                let (two, seven) = (words[(at + 14) % 16], words[(at + 9) % 16]);
                let (fifteen, sixteen) = (words[(at + 1) % 16], words[at]);
                for lane in 0..LANES {
                    words[at][lane] = next_word(two[lane], seven[lane], fifteen[lane], sixteen[lane]);
                }
            }
        });
    }
    for (lanes, initial) in state.iter_mut().zip(INITIAL) {
        lanes.iter_mut().for_each(|word| *word = word.wrapping_add(initial));
    }
    if padding == Padding::Within {
        return state;
    }
    let middle = state;
    for constants in PADDING_ROUNDS.as_chunks::<8>().0 {
        eight_rounds!(state, round, lane, constants[round], {});
    }
    for (lanes, middle) in state.iter_mut().zip(&middle) {
        for (word, middle) in lanes.iter_mut().zip(middle) {
            *word = word.wrapping_add(*middle);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ssz::merkle::hash;

    proptest! {
        #[test]
        fn pairs_are_hashed_as_single_messages_are(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
            let pairs = bytes.as_chunks().0;
            let mut out = vec![[0; 32]; pairs.len()];
            hash_pairs(pairs, &mut out);
            let expected: Vec<_> = pairs.iter().map(|pair| hash(pair)).collect();
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn lanes_hash_as_single_messages_are(bytes in proptest::collection::vec(any::<u8>(), 64 * LANES)) {
            let blocks = bytes.as_chunks().0.as_chunks().0;
            let mut out = [[[0; 32]; LANES]];
            hash_lanes(blocks, Padding::Follows, &mut out);
            for (pair, digest) in blocks.as_flattened().iter().zip(out.as_flattened()) {
                prop_assert_eq!(hash(pair), *digest);
            }
            hash_lanes(blocks, Padding::Within, &mut out);
            for (block, digest) in blocks.as_flattened().iter().zip(out.as_flattened()) {
                prop_assert_eq!(digest_of(&[*block]), *digest);
            }
        }
    }
}
