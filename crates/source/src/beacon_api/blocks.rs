//! Blocks and states as nodes give them: decoded, and compared with what was asked for.

use std::sync::Arc;

use bytes::Bytes;
use consensus::containers::{BeaconState, SignedBeaconBlock};
use consensus::spec::{Fork, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::{Root, Slot};
use serde_json::Value;

use super::answers::At;
use super::ask::Answer;
use super::error::ApiProblem;
use super::id::{BlockId, StateId};
use crate::chain::{ChainBlock, block_slot, state_slot};

/// What errors call the fork that a node names.
const VERSION: &str = "Eth-Consensus-Version";

/// A block and who gave it.
#[derive(Clone, Debug)]
pub struct ApiBlock {
    /// The block.
    pub block: ChainBlock,
    /// Its root.
    pub root: Root,
    /// The node, without user and password.
    pub node: Arc<str>,
}

/// A state and who gave it.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The state.
    pub state: State,
    /// Its encoding.
    pub ssz: Bytes,
    /// The node, without user and password.
    pub node: Arc<str>,
}

/// Reads a block and checks that it is the one that was asked for.
pub(super) fn read_block(answer: &Answer, id: BlockId, spec: &Spec) -> Result<ApiBlock, ApiProblem> {
    let block = if answer.is_ssz { block_from_ssz(answer, spec) } else { block_from_json(answer, spec) }?;
    let slot = block.slot();
    if let BlockId::Slot(asked) = id
        && asked != slot
    {
        return Err(ApiProblem::wrong(Some(asked.0), "message.slot", asked, slot));
    }
    let root = block.root(spec);
    if let BlockId::Root(asked) = id
        && asked != root
    {
        return Err(ApiProblem::wrong(Some(slot.0), "the root of the block", asked, root));
    }
    Ok(ApiBlock { block, root, node: Arc::clone(&answer.node) })
}

fn block_from_ssz(answer: &Answer, spec: &Spec) -> Result<ChainBlock, ApiProblem> {
    let bytes = &answer.body;
    let slot = block_slot(bytes)
        .ok_or_else(|| ApiProblem::CutShort { reason: format!("{} bytes are no block", bytes.len()) })?;
    let fork = agreed_fork(spec, slot, &[(VERSION, answer.version.as_deref())])?;
    ChainBlock::decode(spec, bytes).map_err(|error| {
        ApiProblem::unreadable(format!("the block of slot {slot} as one of {fork}: {error}"))
    })
}

fn block_from_json(answer: &Answer, spec: &Spec) -> Result<ChainBlock, ApiProblem> {
    let body = answer.json()?;
    let data = At::new(&body).field("data")?;
    let slot = data.field("message")?.field("slot")?.number()?;
    let fork = agreed_fork(spec, slot, &named_forks(answer, &body))?;
    let block = SignedBeaconBlock::from_json(data.value(), &spec.shape(fork)).map_err(|error| {
        ApiProblem::unreadable(format!("the block of slot {slot} as one of {fork}: {error}"))
    })?;
    Ok(ChainBlock { fork, block: Arc::new(block) })
}

/// Reads a state and checks that it is the one that was asked for.
pub(super) fn read_state(answer: &Answer, id: StateId, spec: &Arc<Spec>) -> Result<ApiState, ApiProblem> {
    let (state, ssz) =
        if answer.is_ssz { state_from_ssz(answer, spec) } else { state_from_json(answer, spec) }?;
    let slot = state.slot;
    if let StateId::Slot(asked) = id
        && asked.0 != slot
    {
        return Err(ApiProblem::wrong(Some(asked.0), "slot", asked, slot));
    }
    if let StateId::Root(asked) = id {
        let root = state.hash_tree_root().map(Root).map_err(ApiProblem::unreadable)?;
        if root != asked {
            return Err(ApiProblem::wrong(Some(slot), "the root of the state", asked, root));
        }
    }
    Ok(ApiState { state, ssz, node: Arc::clone(&answer.node) })
}

fn state_from_ssz(answer: &Answer, spec: &Arc<Spec>) -> Result<(State, Bytes), ApiProblem> {
    let bytes = &answer.body;
    let slot = state_slot(bytes)
        .ok_or_else(|| ApiProblem::CutShort { reason: format!("{} bytes are no state", bytes.len()) })?;
    let fork = agreed_fork(spec, slot, &[(VERSION, answer.version.as_deref())])?;
    let state = State::decode(Arc::clone(spec), fork, bytes).map_err(|error| {
        ApiProblem::unreadable(format!("the state of slot {slot} as one of {fork}: {error}"))
    })?;
    Ok((state, bytes.clone()))
}

fn state_from_json(answer: &Answer, spec: &Arc<Spec>) -> Result<(State, Bytes), ApiProblem> {
    let body = answer.json()?;
    let data = At::new(&body).field("data")?;
    let slot = data.field("slot")?.number()?;
    let fork = agreed_fork(spec, slot, &named_forks(answer, &body))?;
    let unreadable =
        |error: String| ApiProblem::unreadable(format!("the state of slot {slot} as one of {fork}: {error}"));
    let data = BeaconState::from_json(data.value(), &spec.shape(fork))
        .map_err(|error| unreadable(error.to_string()))?;
    let state = State::new(Arc::clone(spec), fork, data).map_err(|error| unreadable(error.to_string()))?;
    let ssz = state.encode().map_err(|error| unreadable(error.to_string()))?;
    Ok((state, ssz.into()))
}

/// The forks that an answer names: in its header, and in its JSON.
fn named_forks<'a>(answer: &'a Answer, body: &'a Value) -> [(&'static str, Option<&'a str>); 2] {
    [(VERSION, answer.version.as_deref()), ("version", body.get("version").and_then(Value::as_str))]
}

/// The fork that holds at a slot. A node that names one must name this one.
fn agreed_fork(spec: &Spec, slot: u64, named: &[(&'static str, Option<&str>)]) -> Result<Fork, ApiProblem> {
    let fork = spec.fork_at_slot(slot);
    for (field, name) in named {
        if let Some(name) = name.filter(|name| !name.eq_ignore_ascii_case(fork.name())) {
            let expected = match name.parse::<Fork>() {
                Ok(_) => format!("{fork}, which holds at this slot"),
                Err(_) => format!(
                    "{fork}, which holds at this slot (this program has no rules for {}; a newer one may)",
                    crate::http::shortened(name)
                ),
            };
            return Err(ApiProblem::wrong(Some(slot), field, expected, name));
        }
    }
    Ok(fork)
}

/// The slot of an answer about a block, for checking answers that are not blocks.
pub(super) fn check_slot(id: BlockId, slot: Slot) -> Result<(), ApiProblem> {
    match id {
        BlockId::Slot(asked) if asked != slot => {
            Err(ApiProblem::wrong(Some(asked.0), "message.slot", asked, slot))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use consensus::spec::Network;

    use super::*;

    #[test]
    fn every_fork_is_known_by_name_and_must_be_the_one_of_the_slot() {
        let mut spec = Network::Mainnet.spec();
        for (epoch, fork) in (0..).zip(Fork::ALL) {
            spec.config.set_fork_epoch(fork, epoch * 10);
        }
        for fork in Fork::ALL {
            let slot = spec.start_slot(spec.config.fork_epoch(fork));
            for name in Fork::ALL.map(Fork::name) {
                let agreed = agreed_fork(&spec, slot, &[(VERSION, Some(name)), ("version", None)]);
                assert_eq!(agreed.is_ok(), name == fork.name(), "{name} at slot {slot}");
            }
            assert_eq!(agreed_fork(&spec, slot, &[(VERSION, None)]), Ok(fork));
            let before = slot.saturating_sub(1);
            assert_eq!(agreed_fork(&spec, before, &[]), Ok(fork.previous().unwrap_or(Fork::Phase0)));
            let error =
                agreed_fork(&spec, slot, &[(VERSION, Some("heze"))]).expect_err("unknown").to_string();
            let expected = format!("wrong for slot {slot}: {VERSION} is heze, where {fork}, which holds");
            assert!(error.contains(&expected), "{error}");
        }
    }
}
