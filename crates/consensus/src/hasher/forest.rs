//! The trees above the leaves of a list or vector: one tree, or from Gloas on a row of growing ones.

use super::tree::Tree;
use crate::ssz::merkle::{hash_pair, zero_root};

/// How leaves are put into trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One tree with so many levels.
    Limited(u32),
    /// Trees of 1, 4, 16, … leaves (EIP-7916).
    Growing,
}

/// The trees above the leaves. Leaves are named by pairs: pair `i` has the leaves `2i` and `2i + 1`.
#[derive(Default)]
pub(super) enum Forest {
    /// No leaf was seen yet.
    #[default]
    Empty,
    /// One tree.
    Limited(Tree),
    /// The first leaf, and the trees of 4, 16, … leaves after it.
    Growing {
        /// The first leaf, if there is one.
        first: Option<[u8; 32]>,
        /// Each tree that has leaves.
        trees: Vec<Tree>,
    },
}

impl Forest {
    /// Whether the trees are of a form. How many levels a limit gives makes no difference.
    pub(super) fn is_like(&self, form: Form) -> bool {
        matches!((self, form), (Self::Limited(_), Form::Limited(_)) | (Self::Growing { .. }, Form::Growing))
    }

    /// Hashes again what is above changed pairs. `changed` names them, ascending; where the number of leaves is not
    /// what it was, the last pair is among them. The names are used up. `read` gives the pair with a number, with
    /// zeros where there are no leaves.
    pub(super) fn update<R>(&mut self, form: Form, leaves: usize, changed: &mut Vec<u32>, read: R)
    where
        R: Fn(usize, &mut [u8; 64]) + Sync,
    {
        if !self.is_like(form) {
            changed.clear();
            changed.extend(0..leaves.div_ceil(2) as u32);
            *self = match form {
                Form::Limited(_) => Self::Limited(Tree::default()),
                Form::Growing => Self::Growing { first: None, trees: Vec::new() },
            };
        }
        match self {
            Self::Empty => {}
            Self::Limited(tree) => tree.update(leaves, changed, read),
            Self::Growing { first, trees } => {
                let mut pair = [0; 64];
                read(0, &mut pair);
                *first = pair.first_chunk().copied().filter(|_| leaves > 0);
                update_growing(trees, leaves, changed, &read);
            }
        }
    }

    /// The root, without the number of elements.
    pub(super) fn root(&self, form: Form) -> [u8; 32] {
        match (self, form) {
            (Self::Limited(tree), Form::Limited(depth)) => tree.root(depth),
            (Self::Growing { first: Some(first), trees }, _) => {
                let after = trees.iter().enumerate().rev().fold([0; 32], |after, (number, tree)| {
                    hash_pair(&tree.root(2 * number as u32 + 2), &after)
                });
                hash_pair(first, &after)
            }
            (_, Form::Limited(depth)) => zero_root(depth),
            _ => [0; 32],
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Limited(tree) => tree.bytes(),
            Self::Growing { trees, .. } => trees.iter().map(Tree::bytes).sum(),
        }
    }
}

/// Updates the trees of 4, 16, … leaves. The first leaf of each has an odd number, so that its pairs lie across those
/// that `changed` and `read` speak of.
fn update_growing<R>(trees: &mut Vec<Tree>, leaves: usize, changed: &[u32], read: &R)
where
    R: Fn(usize, &mut [u8; 64]) + Sync,
{
    let (mut start, mut size, mut number) = (1_usize, 4_usize, 0);
    while start < leaves {
        let count = size.min(leaves - start);
        if trees.len() == number {
            trees.push(Tree::default());
        }
        if let Some(tree) = trees.get_mut(number) {
            let last = count.div_ceil(2) - 1;
            // Pair j of this tree has the second leaf of pair `before + j` and the first one of the pair after it.
            let before = start / 2;
            let mut own = Vec::new();
            let from = changed.partition_point(|pair| (*pair as usize) < before);
            for pair in changed.get(from..).unwrap_or_default() {
                let place = *pair as usize - before;
                if place > last + 1 {
                    break;
                }
                if let Some(lower) = place.checked_sub(1).filter(|lower| own.last() != Some(&(*lower as u32)))
                {
                    own.push(lower as u32);
                }
                if place <= last {
                    own.push(place as u32);
                }
            }
            tree.update(count, &mut own, |place, pair| {
                let (mut low, mut high) = ([0; 64], [0; 64]);
                read(before + place, &mut low);
                read(before + place + 1, &mut high);
                pair[..32].copy_from_slice(&low[32..]);
                pair[32..].copy_from_slice(&high[..32]);
            });
        }
        start += count;
        size = size.saturating_mul(4);
        number += 1;
    }
    trees.truncate(number);
}
