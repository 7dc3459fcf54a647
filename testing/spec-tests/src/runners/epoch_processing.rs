//! One part of epoch processing, and all of it around that part.

use consensus::epoch::{SubTransition, process_epoch, process_sub_transition};
use consensus::transition::StateRoot;

use super::states::{checks, expect_state, meta, need_state, pre};
use super::{Check, Context};
use crate::failure::{Failure, Within};

pub(super) fn handler(name: &str) -> Option<Check> {
    name.parse::<SubTransition>().is_ok().then_some(check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let part: SubTransition = context.case.name.handler.parse()?;
    if !part.is_in(context.fork) {
        return Err(Failure::new(format!("{} has no {part}", context.fork)));
    }
    let mut state = pre(context)?;
    let outcome = process_sub_transition(&mut state, part).map(|()| state);
    expect_state(context, "post", outcome)?;
    if context.case.has("pre_epoch") {
        whole_epoch(context, part)?;
    }
    Ok(())
}

/// The parts before the tested one lead to the state before it; all parts together lead to the state after all.
fn whole_epoch(context: &Context<'_>, part: SubTransition) -> Result<(), Failure> {
    let mut state = need_state(context, "pre_epoch", &context.spec, context.fork)?;
    let mut whole = state.clone();
    let outcome = SubTransition::of(context.fork)
        .take_while(|before| *before != part)
        .try_for_each(|before| process_sub_transition(&mut state, before))
        .map(|()| state);
    expect_state(context, "pre", outcome).within("the parts before")?;
    let outcome = process_epoch(&mut whole, StateRoot::Verify).map(|()| whole);
    expect_state(context, "post_epoch", outcome).within("the whole epoch")
}
