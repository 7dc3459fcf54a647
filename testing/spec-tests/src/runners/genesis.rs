//! The first state of a chain.

use std::sync::Arc;

use consensus::Root;
use consensus::genesis::{initialize_beacon_state_from_eth1, is_valid_genesis_state};
use consensus::spec::Fork;
use consensus::ssz::Json;
use serde_json::Value;

use super::states::{checks, expect_state, meta, need_number, need_state};
use super::{Check, Context};
use crate::failure::{Failure, Within, expect_equal};

pub(super) fn handler(name: &str) -> Option<Check> {
    match name {
        "initialization" => Some(initialization),
        "validity" => Some(validity),
        _ => None,
    }
}

/// Chains begin with phase 0. Beginning with a later fork is of the tests alone, each fork with rules of its own for
/// it.
fn initialization(context: &Context<'_>) -> Result<(), Failure> {
    if context.fork > Fork::Phase0 {
        return Err(Failure::unsupported(format!("a chain that begins with {}", context.fork)));
    }
    let meta = meta(context)?;
    checks(&meta)?;
    let shape = context.shape();
    let eth1 = context.case.need_yaml("eth1")?;
    let block_hash = eth1.get("eth1_block_hash").unwrap_or_default();
    let block_hash = Root::from_json(block_hash, &shape).within("eth1_block_hash")?;
    let timestamp = eth1.get("eth1_timestamp").unwrap_or_default();
    let timestamp = u64::from_json(timestamp, &shape).within("eth1_timestamp")?;
    let deposits = (0..need_number(&meta, "deposits_count")?)
        .map(|number| context.case.need_ssz(&format!("deposits_{number}"), &shape))
        .collect::<Result<Vec<_>, _>>()?;
    let outcome =
        initialize_beacon_state_from_eth1(Arc::clone(&context.spec), block_hash, timestamp, &deposits);
    expect_state(context, "state", outcome)
}

fn validity(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let state = need_state(context, "genesis", &context.spec, context.fork)?;
    let expected = context.case.need_yaml("is_valid")?;
    expect_equal("validity", &Value::Bool(is_valid_genesis_state(&state)), &expected)
}
