//! A change of forks: by itself, and in the middle of a chain.

use std::sync::Arc;

use consensus::containers::SignedBeaconBlock;
use consensus::spec::Fork;
use consensus::upgrade::upgrade;
use serde_json::Value;

use super::sanity::{apply, on_trust};
use super::states::{checks, expect_state, meta, need_number, need_state};
use super::{Check, Context};
use crate::failure::{Failure, expect_equal};
use crate::network;

/// Handlers of chains across a fork.
pub(super) fn handler(name: &str) -> Option<Check> {
    (name == "core").then_some(chain)
}

/// Handlers of forks by themselves.
pub(super) fn forks(name: &str) -> Option<Check> {
    (name == "fork").then_some(fork)
}

fn before(context: &Context<'_>) -> Result<Fork, Failure> {
    context.fork.previous().ok_or_else(|| Failure::new("there is no fork before the first one"))
}

fn named_fork(meta: &Value, name: &str) -> Result<Fork, Failure> {
    let fork = meta.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(fork.parse()?)
}

fn fork(context: &Context<'_>) -> Result<(), Failure> {
    let meta = meta(context)?;
    checks(&meta)?;
    expect_equal("fork", &named_fork(&meta, "fork")?, &context.fork)?;
    let mut state = need_state(context, "pre", &context.spec, before(context)?)?;
    let outcome = upgrade(&mut state, context.fork).map(|()| state);
    expect_state(context, "post", outcome)
}

fn chain(context: &Context<'_>) -> Result<(), Failure> {
    let meta = meta(context)?;
    let checks = checks(&meta)?;
    expect_equal("post_fork", &named_fork(&meta, "post_fork")?, &context.fork)?;
    let epoch = need_number(&meta, "fork_epoch")?;
    let spec = Arc::new(network::with_fork_at(&context.spec, context.fork, epoch));
    let earlier = before(context)?;
    // The last block before the fork; none where the field is absent.
    let last_before = meta.get("fork_block").and_then(Value::as_u64);
    let mut blocks: Vec<Arc<SignedBeaconBlock>> = Vec::new();
    for number in 0..need_number(&meta, "blocks_count")? {
        let fork = if last_before.is_some_and(|last| number <= last) { earlier } else { context.fork };
        blocks.push(Arc::new(context.case.need_ssz(&format!("blocks_{number}"), &spec.shape(fork))?));
    }
    let state = need_state(context, "pre", &spec, earlier)?;
    let outcome = apply(state.clone(), &blocks, checks);
    let after = outcome.as_ref().ok().cloned();
    expect_state(context, "post", outcome)?;
    match after {
        Some(after) => on_trust(state, &blocks, &after),
        None => Ok(()),
    }
}
