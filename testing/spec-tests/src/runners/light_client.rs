//! Light clients: following the chain, ranking updates, and collecting what they are told.

use std::sync::Arc;

use consensus::Root;
use consensus::containers::{LightClientHeader, LightClientUpdate};
use consensus::light_client::{Store, is_better_update};
use consensus::spec::{Fork, Spec};
use consensus::ssz::{Bytes, Json, Ssz};
use consensus::state::compute_fork_digest;
use serde_json::Value;

use super::states::{checks, meta, need_number};
use super::{Check, Context, merkle_proof};
use crate::failure::{Failure, Within, expect_equal};

mod collection;

pub(super) fn handler(name: &str) -> Option<Check> {
    match name {
        "data_collection" => Some(collection::check),
        "single_merkle_proof" => Some(merkle_proof::check),
        "sync" => Some(sync),
        "update_ranking" => Some(ranking),
        _ => None,
    }
}

/// A field of a mapping, read as `T`.
fn field<T: Json>(context: &Context<'_>, value: &Value, name: &str) -> Result<T, Failure> {
    T::from_json(value.get(name).unwrap_or_default(), &context.shape()).within(name)
}

/// The name of a part, as steps give it.
fn part<'a>(value: &'a Value, name: &str) -> Result<&'a str, Failure> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Failure::new(format!("{name} names no part")))
}

/// The fork whose digest this is.
fn fork_of_digest(spec: &Spec, genesis_validators_root: Root, digest: Bytes<4>) -> Result<Fork, Failure> {
    Fork::ALL
        .into_iter()
        .rev()
        .find(|fork| {
            let epoch = spec.config.fork_epoch(*fork);
            spec.config.fork_at(epoch) == *fork
                && compute_fork_digest(spec, genesis_validators_root, epoch) == digest.0
        })
        .ok_or_else(|| Failure::new(format!("{digest} is the digest of no fork")))
}

/// The best update comes first.
fn ranking(context: &Context<'_>) -> Result<(), Failure> {
    let meta = meta(context)?;
    checks(&meta)?;
    let updates: Vec<LightClientUpdate> = (0..need_number(&meta, "updates_count")?)
        .map(|number| context.case.need_ssz(&format!("updates_{number}"), &context.shape()))
        .collect::<Result<_, _>>()?;
    for (place, better) in updates.iter().enumerate() {
        for (behind, worse) in updates.iter().enumerate().skip(place + 1) {
            if !is_better_update(&context.spec, better, worse)
                || is_better_update(&context.spec, worse, better)
            {
                return Err(Failure::new(format!("update {place} is not better than update {behind}")));
            }
        }
    }
    Ok(())
}

/// A light client follows the chain.
fn sync(context: &Context<'_>) -> Result<(), Failure> {
    let case = context.case;
    let meta = case.need_yaml("meta")?;
    checks(&meta)?;
    let spec = &context.spec;
    let genesis: Root = field(context, &meta, "genesis_validators_root")?;
    let trusted: Root = field(context, &meta, "trusted_block_root")?;
    let fork = fork_of_digest(spec, genesis, field(context, &meta, "bootstrap_fork_digest")?)?;
    let bootstrap = case.need_ssz("bootstrap", &spec.shape(fork))?;
    let mut store = Store::new(Arc::clone(spec), genesis, trusted, bootstrap).within("bootstrap")?;
    let steps = case.need_yaml("steps")?;
    for (number, step) in steps.as_array().into_iter().flatten().enumerate() {
        follow(context, genesis, &mut store, step).within(format!("step {number}"))?;
    }
    Ok(())
}

fn follow(context: &Context<'_>, genesis: Root, store: &mut Store, step: &Value) -> Result<(), Failure> {
    let (kind, step) = only_entry(step)?;
    match kind {
        "process_update" => {
            let digest = field(context, step, "update_fork_digest")?;
            let fork = fork_of_digest(&context.spec, genesis, digest)?;
            let update = context.case.need_ssz(part(step, "update")?, &context.spec.shape(fork))?;
            store.process_update(&update, field(context, step, "current_slot")?)?;
        }
        "force_update" => store.force_update(field(context, step, "current_slot")?)?,
        // One set of types serves all forks: there is nothing to convert.
        "upgrade_store" => {}
        other => return Err(Failure::new(format!("the step {other:?} is not known"))),
    }
    let checks =
        step.get("checks").and_then(Value::as_object).ok_or_else(|| Failure::new("checks are missing"))?;
    for (name, expected) in checks {
        let header = match name.as_str() {
            "finalized_header" => store.finalized_header(),
            "optimistic_header" => store.optimistic_header(),
            other => return Err(Failure::new(format!("the check {other:?} is not known"))),
        };
        check_header(context, header, expected).within(name)?;
    }
    Ok(())
}

fn check_header(context: &Context<'_>, header: &LightClientHeader, expected: &Value) -> Result<(), Failure> {
    let fork = context.spec.fork_at_slot(header.beacon.slot);
    let shape = context.spec.shape(fork);
    expect_equal("slot", &header.beacon.slot, &field(context, expected, "slot")?)?;
    let root = Root(header.beacon.hash_tree_root(&shape));
    expect_equal("beacon_root", &root, &field(context, expected, "beacon_root")?)?;
    let payload =
        if fork >= Fork::Capella { Root(header.execution.hash_tree_root(&shape)) } else { Root::default() };
    match expected.get("execution_root") {
        Some(_) => expect_equal("execution_root", &payload, &field(context, expected, "execution_root")?),
        None => Ok(()),
    }
}

/// The kind of a step and what belongs to it.
fn only_entry(step: &Value) -> Result<(&str, &Value), Failure> {
    let mut entries = step.as_object().into_iter().flatten();
    match (entries.next(), entries.next()) {
        (Some((kind, step)), None) => Ok((kind, step)),
        _ => Err(Failure::new("a step is not of one kind")),
    }
}
