//! Reads answers without asking for them: a door for the fuzz targets, which is no part of the interface.

use std::sync::Arc;

use consensus::spec::Spec;
use consensus::{Epoch, Root, Slot};

use super::answers::{At, BlockRewards, FinalityCheckpoints, Header, Syncing};
use super::ask::Answer;
use super::blocks::{read_block, read_state};
use super::client::{read_genesis, read_version};
use super::error::ApiProblem;
use super::events::ChainEvent;
use super::id::{BlockId, StateId};
use super::lists;
use super::sse::SseParser;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Any block.
    Block,
    /// The block of slot 1.
    BlockOfSlot,
    /// The block of a root.
    BlockOfRoot,
    /// Any state.
    State,
    /// The state of a root.
    StateOfRoot,
    /// A block's header.
    Header,
    /// The committees of epoch 1.
    Committees,
    /// All validators.
    Validators,
    /// Finality checkpoints.
    Finality,
    /// The rewards of a block.
    Rewards,
    /// How far the node is.
    Syncing,
    /// The version.
    Version,
    /// The genesis.
    Genesis,
    /// The network.
    Spec,
}

impl AnswerKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Block,
        Self::BlockOfSlot,
        Self::BlockOfRoot,
        Self::State,
        Self::StateOfRoot,
        Self::Header,
        Self::Committees,
        Self::Validators,
        Self::Finality,
        Self::Rewards,
        Self::Syncing,
        Self::Version,
        Self::Genesis,
        Self::Spec,
    ];
}

/// Reads an answer as the client does. An error is the sentence that the client would say.
pub fn read_answer(kind: AnswerKind, body: &[u8], is_ssz: bool, spec: &Arc<Spec>) -> Result<(), String> {
    let body = bytes::Bytes::copy_from_slice(body);
    let answer = Answer { node: "node".into(), is_ssz, version: None, body };
    read(kind, &answer, spec).map_err(|problem| problem.to_string())
}

fn read(kind: AnswerKind, answer: &Answer, spec: &Arc<Spec>) -> Result<(), ApiProblem> {
    let root = Root([1; 32]);
    match kind {
        AnswerKind::Block => read_block(answer, BlockId::Head, spec).map(drop),
        AnswerKind::BlockOfSlot => read_block(answer, BlockId::Slot(Slot(1)), spec).map(drop),
        AnswerKind::BlockOfRoot => read_block(answer, BlockId::Root(root), spec).map(drop),
        AnswerKind::State => read_state(answer, StateId::Head, spec).map(drop),
        AnswerKind::StateOfRoot => read_state(answer, StateId::Root(root), spec).map(drop),
        AnswerKind::Header => Header::read(At::new(&answer.json()?)).map(drop),
        AnswerKind::Committees => lists::committees(&answer.body, Epoch(1), spec).map(drop),
        AnswerKind::Validators => lists::validators(&answer.body).map(drop),
        AnswerKind::Finality => FinalityCheckpoints::read(At::new(&answer.json()?)).map(drop),
        AnswerKind::Rewards => BlockRewards::read(At::new(&answer.json()?)).map(drop),
        AnswerKind::Syncing => Syncing::read(At::new(&answer.json()?)).map(drop),
        AnswerKind::Version => read_version(answer).map(drop),
        AnswerKind::Genesis => read_genesis(answer).map(drop),
        AnswerKind::Spec => {
            let text = String::from_utf8_lossy(&answer.body);
            Spec::parse(&text).map(drop).map_err(ApiProblem::unreadable)
        }
    }
}

/// Reads a stream of events that comes in pieces: each event, or what is wrong with it.
pub fn read_events(pieces: &[&[u8]]) -> Vec<Result<Option<ChainEvent>, ApiProblem>> {
    let mut parser = SseParser::default();
    let mut events = Vec::new();
    for piece in pieces {
        if parser.push(piece, &mut events).is_err() {
            break;
        }
    }
    events.iter().map(ChainEvent::read).collect()
}
