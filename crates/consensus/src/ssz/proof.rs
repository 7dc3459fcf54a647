//! Proofs that a part belongs to a value: the node of the part, and its siblings on the way to the root.
//!
//! Source: consensus-specs `ssz/merkle-proofs.md`.

use super::{Size, Ssz, items, merkle};
use crate::spec::Shape;

/// One step from a value into a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// To a field of a container, by its name.
    Field(&'a str),
    /// To an element of a list or vector. One of a basic type stands for the chunk that it is in.
    Item(u64),
    /// To the length of a list.
    Length,
}

/// A node of the tree of a value, with what leads from it to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The generalized index of the node: 1 for the root, `2i` and `2i + 1` for what is below node `i`.
    pub index: u64,
    /// The node.
    pub leaf: [u8; 32],
    /// The siblings, that of the node first.
    pub branch: Vec<[u8; 32]>,
}

impl Proof {
    /// Proves the part of a value at a generalized index. `None` where the value has no part there, or where the part
    /// is no field, element or length, but a node between them.
    pub fn at<T: Ssz>(value: &T, index: u64, shape: &Shape<'_>) -> Option<Self> {
        let mut branch = Vec::new();
        let leaf = value.prove(index, shape, &mut branch)?;
        Some(Self { index, leaf, branch })
    }

    /// Proves a part of a value. `None` where the value has no such part.
    pub fn of<T: Ssz>(value: &T, path: &[Step<'_>], shape: &Shape<'_>) -> Option<Self> {
        Self::at(value, T::generalized_index(path, shape)?, shape)
    }

    /// Whether the branch leads from the node to this root.
    pub fn is_valid(&self, root: &[u8; 32]) -> bool {
        let Some(depth) = self.index.checked_ilog2() else { return false };
        merkle::is_valid_merkle_branch(&self.leaf, &self.branch, depth, self.index ^ (1 << depth), root)
    }
}

/// How the leaves of a value lie in its tree.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Levels of the one tree; none where it is a row of growing ones (EIP-7916).
    depth: Option<u32>,
    /// Whether a node beside the tree tells its length or its active fields.
    labelled: bool,
}

/// Where a generalized index leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To a leaf, and on by the second index within it.
    Leaf(u64, u64),
    /// To the label beside the tree.
    Label,
}

/// The index of a node by the index of a node above it and its index below that one.
pub fn join(above: u64, below: u64) -> Option<u64> {
    let depth = below.checked_ilog2()?;
    let shifted = above.checked_mul(1_u64.checked_shl(depth)?)?;
    Some(shifted | (below ^ (1 << depth)))
}

impl Layout {
    /// The layout of a container with so many fields.
    pub fn of_fields(count: usize) -> Self {
        Self { depth: Some(merkle::depth_of(count as u64)), labelled: false }
    }

    /// The layout of a progressive container.
    pub fn of_progressive_fields() -> Self {
        Self { depth: None, labelled: true }
    }

    /// The layout of a list or vector.
    pub(super) fn of_items<T: Ssz, S: Size>(shape: &Shape<'_>) -> Self {
        let depth = match S::is_progressive(shape) {
            true => None,
            false => Some(merkle::depth_of(items::chunk_limit::<T, S>(shape))),
        };
        Self { depth, labelled: !S::EXACT }
    }

    /// The first leaf and the levels of the growing tree that has a leaf, and its number.
    fn growing_tree(place: u64) -> (u64, u32) {
        let (mut start, mut number) = (0_u64, 0_u32);
        while let Some(next) = 4_u64.checked_pow(number).and_then(|size| start.checked_add(size)) {
            if place < next {
                break;
            }
            start = next;
            number += 1;
        }
        (start, number)
    }

    /// The generalized index of a leaf.
    pub fn index_of(self, place: u64) -> Option<u64> {
        let top = if self.labelled { 2 } else { 1 };
        match self.depth {
            Some(depth) => {
                let width = 1_u64.checked_shl(depth)?;
                (place < width).then_some(())?;
                join(top, width | place)
            }
            None => {
                let (start, number) = Self::growing_tree(place);
                // So many steps to the right, one to the left, then into the tree.
                let tree = 1_u64.checked_shl(number + 2)?.checked_sub(2)?;
                let width = 1_u64.checked_shl(2 * number)?;
                join(join(top, tree)?, width | (place - start))
            }
        }
    }

    /// The generalized index of the label beside the tree.
    pub fn index_of_label(self) -> Option<u64> {
        self.labelled.then_some(3)
    }

    /// Where a generalized index leads.
    pub fn find(self, index: u64) -> Option<Place> {
        let mut rest = index.checked_ilog2()?;
        let mut take = |count: u32| -> Option<u64> {
            rest = rest.checked_sub(count)?;
            Some((index >> rest) & (1_u64.checked_shl(count)?.wrapping_sub(1)))
        };
        if self.labelled && take(1)? == 1 {
            return (rest == 0).then_some(Place::Label);
        }
        let place = match self.depth {
            Some(depth) => take(depth)?,
            None => {
                let (mut start, mut number) = (0_u64, 0_u32);
                while take(1)? == 1 {
                    start = start.checked_add(4_u64.checked_pow(number)?)?;
                    number += 1;
                }
                start.checked_add(take(2 * number)?)?
            }
        };
        Some(Place::Leaf(place, (1 << rest) | (index & ((1 << rest) - 1))))
    }

    /// Appends the siblings of a leaf.
    pub fn push_siblings(
        self,
        leaves: &[[u8; 32]],
        label: Option<[u8; 32]>,
        place: u64,
        branch: &mut Vec<[u8; 32]>,
    ) {
        match self.depth {
            Some(depth) => branch.extend(merkle::branch(leaves, depth, place)),
            None => {
                let (start, number) = Self::growing_tree(place);
                let trees = merkle::growing_trees(leaves);
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                let own = leaves.get(from.min(leaves.len())..).unwrap_or_default();
                let own = own.get(..4_usize.saturating_pow(number).min(own.len())).unwrap_or_default();
                branch.extend(merkle::branch(own, 2 * number, place - start));
                let (before, after) = trees.split_at((number as usize).min(trees.len()));
                branch.push(merkle::join_growing(after.get(1..).unwrap_or_default()));
                branch.extend(before.iter().rev());
            }
        }
        branch.extend(label);
    }

    /// The tree's root, the sibling of the label.
    pub fn root_of(self, leaves: &[[u8; 32]]) -> [u8; 32] {
        match self.depth {
            Some(depth) => merkle::merkleize(leaves.to_vec(), 1_u64.checked_shl(depth).unwrap_or(u64::MAX)),
            None => merkle::merkleize_progressive(leaves),
        }
    }
}

/// The generalized index of a part of a list or vector.
pub(super) fn index_of_item<T: Ssz, S: Size>(path: &[Step<'_>], shape: &Shape<'_>) -> Option<u64> {
    let layout = Layout::of_items::<T, S>(shape);
    match path {
        [] => Some(1),
        [Step::Length] => layout.index_of_label(),
        [Step::Item(place), rest @ ..] => {
            (S::is_progressive(shape) || *place < S::of(shape)).then_some(())?;
            if T::BASIC {
                let per_chunk = 32_u64.checked_div(T::fixed_len(shape)? as u64)?;
                return rest.is_empty().then(|| layout.index_of(place / per_chunk.max(1)))?;
            }
            join(layout.index_of(*place)?, T::generalized_index(rest, shape)?)
        }
        _ => None,
    }
}

/// Proves a part of a list or vector.
pub(super) fn prove_item<T: Ssz, S: Size>(
    items: &[T],
    index: u64,
    shape: &Shape<'_>,
    branch: &mut Vec<[u8; 32]>,
) -> Option<[u8; 32]> {
    if index == 1 {
        return Some(items::hash_tree_root::<T, S>(items, shape));
    }
    let layout = Layout::of_items::<T, S>(shape);
    let leaves = items::leaves(items, shape);
    let label = (!S::EXACT).then(|| (items.len() as u64).hash_tree_root(shape));
    prove_leaf(layout, &leaves, label, index, branch, |place, rest, branch| {
        if T::BASIC { None } else { items.get(place)?.prove(rest, shape, branch) }
    })
}

/// Proves a part of a value with leaves. `inner` proves a part below the leaf with a number.
pub fn prove_leaf(
    layout: Layout,
    leaves: &[[u8; 32]],
    label: Option<[u8; 32]>,
    index: u64,
    branch: &mut Vec<[u8; 32]>,
    inner: impl FnOnce(usize, u64, &mut Vec<[u8; 32]>) -> Option<[u8; 32]>,
) -> Option<[u8; 32]> {
    match layout.find(index)? {
        Place::Label => {
            branch.push(layout.root_of(leaves));
            label
        }
        Place::Leaf(place, rest) => {
            let number = usize::try_from(place).ok()?;
            let leaf = match rest {
                // A leaf that is not there is zero.
                1 => leaves.get(number).copied().unwrap_or_default(),
                _ => inner(number, rest, branch)?,
            };
            layout.push_siblings(leaves, label, place, branch);
            Some(leaf)
        }
    }
}
