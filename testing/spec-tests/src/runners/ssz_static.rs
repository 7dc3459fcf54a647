//! Containers of the specification: encoding, root and JSON of values.

use consensus::spec::Fork;

use super::{Check, Context};
use crate::failure::{Failure, expect_equal};
use crate::types::{check_value, container};

/// Containers that Gloas has with other fields, which nothing here needs.
const OTHERWISE_IN_GLOAS: [&str; 5] = [
    "DataColumnSidecar",
    "PartialDataColumnGroupID",
    "PartialDataColumnHeader",
    "PartialDataColumnPartsMetadata",
    "PartialDataColumnSidecar",
];

pub(super) fn handler(name: &str) -> Option<Check> {
    container(name).map(|_| check as Check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    let name = &context.case.name.handler;
    let container = container(name).ok_or_else(|| Failure::new(format!("there is no container {name}")))?;
    if container.since > context.fork {
        return Err(Failure::new(format!("{name} is there since {} only", container.since)));
    }
    if context.fork >= Fork::Gloas && OTHERWISE_IN_GLOAS.contains(&name.as_str()) {
        return Err(Failure::unsupported(format!("{name} as {} has it", context.fork)));
    }
    let roots = context.case.need_yaml("roots")?;
    expect_equal("fields of roots.yaml", &roots.as_object().map(serde_json::Map::len), &Some(1))?;
    check_value(context.case, &container.of, &context.shape(), roots.get("root").unwrap_or_default())
}
