//! Branches from a part of a container to its root.

use consensus::Root;
use consensus::containers::{BeaconBlockBody, BeaconState};
use consensus::spec::Shape;
use consensus::spec::sizes::MaxBlobCommitmentsPerBlock;
use consensus::ssz::{Json, Size, Ssz, merkle};

use super::states::{checks, meta};
use super::{Check, Context};
use crate::failure::{Failure, Within, expect_equal};

pub(super) fn handler(name: &str) -> Option<Check> {
    (name == "single_merkle_proof").then_some(check)
}

/// The tests of light clients have some of the same form.
pub(super) fn check(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let shape = context.shape();
    let proof = context.case.need_yaml("proof")?;
    let field = |name: &str| proof.get(name).unwrap_or_default();
    let leaf = Root::from_json(field("leaf"), &shape).within("leaf")?;
    let place = u64::from_json(field("leaf_index"), &shape).within("leaf_index")?;
    let branch = field("branch").as_array().ok_or_else(|| Failure::new("branch is no list"))?;
    let branch = branch
        .iter()
        .map(|node| Root::from_json(node, &shape).map(|node| node.0))
        .collect::<Result<Vec<_>, _>>()
        .within("branch")?;
    let tree = Tree::read(context, &shape)?;

    let depth = place.checked_ilog2().ok_or_else(|| Failure::new("leaf_index is 0"))?;
    let index = place ^ (1 << depth);
    if !merkle::is_valid_merkle_branch(&leaf.0, &branch, depth, index, &tree.root) {
        return Err(Failure::new("the branch does not lead from the leaf to the root"));
    }
    let own = tree.branch(depth, index).ok_or_else(|| Failure::new("the branch leads to no known part"))?;
    expect_equal("branch", &own, &branch)
}

/// A container: its root, the roots of its fields, and the trees of the fields that branches lead into.
struct Tree {
    root: [u8; 32],
    fields: Vec<[u8; 32]>,
    inner: Vec<(usize, Inner)>,
}

/// The tree of a field.
struct Inner {
    leaves: Vec<[u8; 32]>,
    depth: u32,
    /// The length of a list, beside the root of its elements.
    length: Option<u64>,
}

impl Tree {
    fn read(context: &Context<'_>, shape: &Shape<'_>) -> Result<Self, Failure> {
        match context.case.name.suite.as_str() {
            "BeaconState" => {
                let state: BeaconState = context.case.need_ssz("object", shape)?;
                let leaves = state.finalized_checkpoint.field_roots(shape);
                let inner = Inner { leaves, depth: 1, length: None };
                Ok(Self {
                    root: state.hash_tree_root(shape),
                    fields: state.field_roots(shape),
                    inner: place(&BeaconState::field_names(shape), "finalized_checkpoint", inner),
                })
            }
            "BeaconBlockBody" => {
                let body: BeaconBlockBody = context.case.need_ssz("object", shape)?;
                let commitments = &body.blob_kzg_commitments;
                let inner = Inner {
                    leaves: commitments.iter().map(|commitment| commitment.hash_tree_root(shape)).collect(),
                    depth: merkle::depth_of(MaxBlobCommitmentsPerBlock::of(shape)),
                    length: Some(commitments.len() as u64),
                };
                Ok(Self {
                    root: body.hash_tree_root(shape),
                    fields: body.field_roots(shape),
                    inner: place(&BeaconBlockBody::field_names(shape), "blob_kzg_commitments", inner),
                })
            }
            other => Err(Failure::new(format!("proofs in {other} are not known"))),
        }
    }

    /// The branch of the part at an index of a level; `None` where the tree is not known so far down.
    fn branch(&self, depth: u32, index: u64) -> Option<Vec<[u8; 32]>> {
        let top = merkle::depth_of(self.fields.len() as u64);
        let below = depth.checked_sub(top)?;
        let field = index >> below;
        let mut branch = Vec::new();
        if below > 0 {
            let (_, inner) = self.inner.iter().find(|(place, _)| *place as u64 == field)?;
            branch = inner.branch(below, index & ((1 << below) - 1))?;
        }
        branch.extend(merkle::branch(&self.fields, top, field));
        Some(branch)
    }
}

impl Inner {
    fn branch(&self, depth: u32, index: u64) -> Option<Vec<[u8; 32]>> {
        let Some(length) = self.length else {
            return (depth == self.depth).then(|| merkle::branch(&self.leaves, depth, index));
        };
        if depth != self.depth + 1 || index >> self.depth != 0 {
            return None;
        }
        let mut branch = merkle::branch(&self.leaves, self.depth, index);
        let mut chunk = [0; 32];
        for (to, from) in chunk.iter_mut().zip(length.to_le_bytes()) {
            *to = from;
        }
        branch.push(chunk);
        Some(branch)
    }
}

fn place(names: &[&str], name: &str, inner: Inner) -> Vec<(usize, Inner)> {
    names.iter().position(|field| *field == name).map(|place| (place, inner)).into_iter().collect()
}
