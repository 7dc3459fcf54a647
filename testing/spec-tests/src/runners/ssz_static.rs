//! Containers of the specification: encoding, root and JSON of values.

use super::{Check, Context};
use crate::failure::{Failure, expect_equal};
use crate::types::{check_value, container};

pub(super) fn handler(name: &str) -> Option<Check> {
    container(name).map(|_| check as Check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    let name = &context.case.name.handler;
    let container = container(name).ok_or_else(|| Failure::new(format!("there is no container {name}")))?;
    if container.since > context.fork {
        return Err(Failure::new(format!("{name} is there since {} only", container.since)));
    }
    let roots = context.case.need_yaml("roots")?;
    expect_equal("fields of roots.yaml", &roots.as_object().map(serde_json::Map::len), &Some(1))?;
    check_value(context.case, &container.of, &context.shape(), roots.get("root").unwrap_or_default())
}
