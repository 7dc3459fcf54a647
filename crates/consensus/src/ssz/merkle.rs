//! SHA-256 over pairs of nodes, and the roots of trees of chunks.

use std::sync::LazyLock;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

pub(crate) use super::pairs::hash_padded;
pub use super::pairs::hash_pairs;

/// Levels for which the root of a tree of zeros is kept: one more than any limit of the specification needs.
const ZERO_LEVELS: usize = 64;

static ZEROS: LazyLock<[[u8; 32]; ZERO_LEVELS]> = LazyLock::new(|| {
    let mut zeros = [[0; 32]; ZERO_LEVELS];
    let mut node = [0; 32];
    for zero in zeros.iter_mut().skip(1) {
        node = hash_pair(&node, &node);
        *zero = node;
    }
    zeros
});

/// The first state of SHA-256.
pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The padding that follows 64 bytes: one bit, and the length of 512 bits.
const PADDING: [u8; 64] = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 0x02;
    block
};

/// SHA-256 of any bytes.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of two nodes.
pub fn hash_pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(left);
    block[32..].copy_from_slice(right);
    hash_block(&block)
}

/// SHA-256 of 64 bytes.
pub fn hash_block(block: &[u8; 64]) -> [u8; 32] {
    digest_of(&[*block, PADDING])
}

/// SHA-256 of a message that is padded already.
pub(crate) fn digest_of(blocks: &[[u8; 64]]) -> [u8; 32] {
    let mut state = INITIAL;
    compress256(&mut state, blocks);
    let mut out = [0; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// The root of a tree of zeros with `depth` levels below it.
pub fn zero_root(depth: u32) -> [u8; 32] {
    ZEROS.get(depth as usize).copied().unwrap_or_default()
}

/// Levels of the smallest tree with room for `leaves`.
pub fn depth_of(leaves: u64) -> u32 {
    if leaves <= 1 { 0 } else { u64::BITS - (leaves - 1).leading_zeros() }
}

/// The root of a tree with room for `limit` chunks, the missing ones zero.
pub fn merkleize(mut nodes: Vec<[u8; 32]>, limit: u64) -> [u8; 32] {
    let depth = depth_of(limit);
    if nodes.is_empty() {
        return zero_root(depth);
    }
    for level in 0..depth {
        if nodes.len() == 1 {
            return root_above(nodes.first().copied().unwrap_or_default(), level, depth);
        }
        if !nodes.len().is_multiple_of(2) {
            nodes.push(zero_root(level));
        }
        let mut parents = vec![[0; 32]; nodes.len() / 2];
        hash_pairs(nodes.as_flattened().as_chunks().0, &mut parents);
        nodes = parents;
    }
    nodes.first().copied().unwrap_or_default()
}

/// The root of a tree of which only the first node of a level is not zero.
pub fn root_above(node: [u8; 32], level: u32, depth: u32) -> [u8; 32] {
    (level..depth).fold(node, |node, level| hash_pair(&node, &zero_root(level)))
}

/// The bytes as chunks of 32, the last one filled with zeros.
pub fn chunks(bytes: &[u8]) -> Vec<[u8; 32]> {
    let (full, rest) = bytes.as_chunks();
    let mut chunks = Vec::with_capacity(full.len() + 1);
    chunks.extend_from_slice(full);
    if !rest.is_empty() {
        let mut last = [0; 32];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        chunks.push(last);
    }
    chunks
}

/// The root of a list, from the root of its elements and their number.
pub fn mix_in_length(root: &[u8; 32], length: u64) -> [u8; 32] {
    let mut chunk = [0; 32];
    for (to, from) in chunk.iter_mut().zip(length.to_le_bytes()) {
        *to = from;
    }
    hash_pair(root, &chunk)
}

/// The root of a progressive tree (EIP-7916): subtrees of 1, 4, 16, … chunks, each the left
/// child of a node whose right child holds the ones after it.
pub fn merkleize_progressive(chunks: &[[u8; 32]]) -> [u8; 32] {
    join_growing(&growing_trees(chunks))
}

/// The root of a row of subtrees.
pub(super) fn join_growing(trees: &[[u8; 32]]) -> [u8; 32] {
    trees.iter().rev().fold([0; 32], |after, tree| hash_pair(tree, &after))
}

/// The root of each of the subtrees of 1, 4, 16, … chunks.
pub(super) fn growing_trees(chunks: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut parts = Vec::new();
    let mut rest = chunks;
    let mut width: usize = 1;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(width.min(rest.len()));
        parts.push(merkleize(part.to_vec(), width as u64));
        rest = after;
        width = width.saturating_mul(4);
    }
    parts
}

/// The siblings on the way from the leaf at `index` up to the root of a tree of `depth` levels.
pub fn branch(leaves: &[[u8; 32]], depth: u32, index: u64) -> Vec<[u8; 32]> {
    let mut nodes = leaves.to_vec();
    let mut place = index;
    let mut siblings = Vec::new();
    for level in 0..depth {
        let zero = zero_root(level);
        let at = |place: u64| usize::try_from(place).ok().and_then(|place| nodes.get(place)).unwrap_or(&zero);
        siblings.push(*at(place ^ 1));
        nodes = (0..nodes.len().div_ceil(2) as u64)
            .map(|pair| hash_pair(at(2 * pair), at(2 * pair + 1)))
            .collect();
        place >>= 1;
    }
    siblings
}

/// The root of a progressive container (EIP-7495) whose first fields are all in use, from the roots of its fields.
pub fn progressive_container(fields: &[[u8; 32]]) -> [u8; 32] {
    hash_pair(&merkleize_progressive(fields), &active_fields(fields.len()))
}

/// The label of a progressive container whose first fields are all in use.
pub fn active_fields(count: usize) -> [u8; 32] {
    let mut active = [0; 32];
    for (number, byte) in active.iter_mut().enumerate() {
        let bits = count.saturating_sub(number * 8).min(8);
        *byte = ((1_u16 << bits) - 1) as u8;
    }
    active
}

/// Whether `branch` leads from `leaf` at `index` to `root`.
///
/// Source: phase0 `is_valid_merkle_branch`.
pub fn is_valid_merkle_branch(
    leaf: &[u8; 32],
    branch: &[[u8; 32]],
    depth: u32,
    index: u64,
    root: &[u8; 32],
) -> bool {
    if branch.len() != depth as usize {
        return false;
    }
    let mut node = *leaf;
    for (level, sibling) in branch.iter().enumerate() {
        let right = index.checked_shr(level as u32).is_some_and(|bits| bits & 1 == 1);
        node = if right { hash_pair(sibling, &node) } else { hash_pair(&node, sibling) };
    }
    node == *root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tree_is_hashed_as_its_definition_says(
            nodes in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
            more in 0_u64..100,
        ) {
            fn root(nodes: &[[u8; 32]], depth: u32) -> [u8; 32] {
                let Some(below) = depth.checked_sub(1) else {
                    return nodes.first().copied().unwrap_or_default();
                };
                let (left, right) = nodes.split_at(nodes.len().min(1 << below));
                hash(&[root(left, below), root(right, below)].concat())
            }
            let limit = nodes.len() as u64 + more;
            prop_assert_eq!(merkleize(nodes.clone(), limit), root(&nodes, depth_of(limit)));
        }
    }
}
