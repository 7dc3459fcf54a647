//! Branches from a part of a container to its root.

use consensus::Root;
use consensus::containers::{BeaconBlockBody, BeaconState};
use consensus::spec::Shape;
use consensus::ssz::proof::Proof;
use consensus::ssz::{Json, Ssz};

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
    let (root, own) = match context.case.name.suite.as_str() {
        "BeaconState" => prove::<BeaconState>(context, place, &shape)?,
        "BeaconBlockBody" => prove::<BeaconBlockBody>(context, place, &shape)?,
        other => return Err(Failure::new(format!("proofs in {other} are not known"))),
    };
    let own = own.ok_or_else(|| Failure::new("the branch leads to no known part"))?;
    expect_equal("leaf", &own.leaf, &leaf.0)?;
    expect_equal("branch", &own.branch, &branch)?;
    if !own.is_valid(&root) {
        return Err(Failure::new("the branch does not lead from the leaf to the root"));
    }
    Ok(())
}

/// The root of a container, and the proof of its part.
fn prove<T: Ssz>(
    context: &Context<'_>,
    place: u64,
    shape: &Shape<'_>,
) -> Result<([u8; 32], Option<Proof>), Failure> {
    let value: T = context.case.need_ssz("object", shape)?;
    Ok((value.hash_tree_root(shape), Proof::at(&value, place, shape)))
}
