//! What tests of states have in common: the state before, and the expected state after.

use std::sync::Arc;

use consensus::spec::{Fork, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::transition::{Checks, Signatures, TransitionError};
use serde_json::Value;

use super::Context;
use crate::failure::{Failure, Within};
use crate::types::difference;

/// The state in a part, which must be there.
pub(super) fn need_state(
    context: &Context<'_>,
    part: &str,
    spec: &Arc<Spec>,
    fork: Fork,
) -> Result<State, Failure> {
    let bytes = context.case.need_ssz_bytes(part)?;
    State::decode(Arc::clone(spec), fork, &bytes).within(part)
}

/// The state before, at the fork of the case.
pub(super) fn pre(context: &Context<'_>) -> Result<State, Failure> {
    need_state(context, "pre", &context.spec, context.fork)
}

/// What is checked: everything, but for signatures where the case says that they are not real.
pub(super) fn checks(meta: &Value) -> Result<Checks, Failure> {
    let setting = match meta.get("bls_setting") {
        None => 0,
        Some(setting) => setting.as_u64().ok_or_else(|| Failure::new("bls_setting is no number"))?,
    };
    match setting {
        0 | 1 => Ok(Checks::ALL),
        2 => Ok(Checks { signatures: Signatures::Skip, ..Checks::ALL }),
        other => Err(Failure::new(format!("bls_setting {other} is not known"))),
    }
}

/// A number of `meta.yaml`, which must be there.
pub(super) fn need_number(meta: &Value, name: &str) -> Result<u64, Failure> {
    meta.get(name)
        .and_then(Value::as_u64)
        .ok_or_else(|| Failure::new(format!("meta.yaml: {name} is no number")))
}

/// `meta.yaml`; an empty mapping where there is none.
pub(super) fn meta(context: &Context<'_>) -> Result<Value, Failure> {
    Ok(context.case.yaml("meta")?.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

/// Checks that the outcome is the state of a part at the fork of the case, or an error where there is no such part.
pub(super) fn expect_state(
    context: &Context<'_>,
    part: &str,
    outcome: Result<State, TransitionError>,
) -> Result<(), Failure> {
    let Some(bytes) = context.case.ssz_bytes(part)? else {
        return match outcome {
            Ok(_) => Err(Failure::new("it is accepted, and must be refused")),
            Err(_) => Ok(()),
        };
    };
    let state = outcome.within("it is refused, and must be accepted")?;
    if state.fork_name() != context.fork {
        return Err(Failure::new(format!(
            "the fork is {} where {} was expected",
            state.fork_name(),
            context.fork
        )));
    }
    if state.encode()? == bytes {
        return Ok(());
    }
    let expected = State::decode(Arc::clone(state.spec()), context.fork, &bytes).within(part)?;
    let shape = expected.shape();
    let place = difference(&state.to_json(&shape), &expected.to_json(&shape));
    Err(Failure::new(format!("{part} differs at {}", place.unwrap_or_else(|| "no field".to_owned()))))
}
