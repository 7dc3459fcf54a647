//! Missing blocks from wherever they are: nodes, recordings, era files.

use consensus::Slot;
use fingerprint::FeatureScratch;
use source::beacon_api::{ApiError, ApiProblem};
use source::chain_input::ChainInputError;
use source::node_chain::NodeChainError;
use source::replay::ReplayError;
use source::rewards::Limits;
use source::{InputError, NodeChoices, PartError, Place, StopSwitch};
use store::{BlockRow, Gap, GapCause};

use crate::service::judge::ChainJudge;

/// Who is asked for missing blocks.
#[derive(Clone, Debug)]
pub struct HealSource {
    /// A URL of a node, or the path of a recording, an era file or a folder of them.
    pub place: String,
    /// How it is asked, where it is a node.
    pub choices: NodeChoices,
}

/// Why a chunk was not filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ChunkError {
    /// The kind of reason.
    pub cause: GapCause,
    /// The reason in a sentence, without secrets.
    pub detail: String,
}

impl HealSource {
    /// All blocks of a chunk, judged. Takes as long as replaying does: not for an async task.
    pub fn read(
        &self,
        chunk: Gap,
        judge: &ChainJudge,
        stop: &StopSwitch,
    ) -> Result<Vec<BlockRow>, ChunkError> {
        let bad = |error: &dyn std::fmt::Display| ChunkError {
            cause: GapCause::BadData,
            detail: error.to_string(),
        };
        let choices = NodeChoices { stop: stop.clone(), ..self.choices.clone() };
        let place = Place::recognise(&self.place, Some(chunk.start), Some(chunk.end), choices)
            .map_err(|error| bad(&error))?;
        let mut parts = place.parts().map_err(|error| of_input(&error))?;
        let mut scratch = FeatureScratch::default();
        let mut rows = Vec::new();
        while let Some(part) = parts.next_part().map_err(|error| of_input(&error))? {
            for record in part.blocks(Limits::default()) {
                if stop.is_stopped() {
                    return Err(ChunkError { cause: GapCause::Unreachable, detail: "stopped".to_owned() });
                }
                let record = record.map_err(|error| of_part(&error))?;
                let block = &record.observation;
                if block.slot == Slot(0) {
                    continue;
                }
                let row = judge.judged(block, &mut scratch).unwrap_or_else(|reason| {
                    tracing::warn!(
                        slot = block.slot.0,
                        reason,
                        "A block can't be judged and is stored as uncertain"
                    );
                    judge.uncertain(block)
                });
                rows.push(BlockRow { parent_root: record.parent_root, ..row });
            }
        }
        Ok(rows)
    }
}

fn of_input(error: &InputError) -> ChunkError {
    let cause = match error {
        InputError::NodeChain(error) => of_node_chain(error),
        InputError::Chain(error) => of_chain(error),
        InputError::Node(_) | InputError::Network(_) => GapCause::Unreachable,
        InputError::Absent { .. } | InputError::Empty { .. } => GapCause::Pruned,
        InputError::Unreadable { .. } | InputError::Unrecognised { .. } => GapCause::BadData,
    };
    ChunkError { cause, detail: error.to_string() }
}

fn of_part(error: &PartError) -> ChunkError {
    let cause = match error {
        PartError::Node(error) => match &**error {
            ReplayError::Read(error) => of_node_chain(error),
            ReplayError::Transition(_) => GapCause::BadData,
            ReplayError::Broken { .. } => GapCause::Contradicted,
        },
        PartError::Replay(error) => match &**error {
            ReplayError::Read(error) => of_chain(error),
            ReplayError::Transition(_) => GapCause::BadData,
            ReplayError::Broken { .. } => GapCause::Contradicted,
        },
        PartError::FromBlocks(error) => of_node_chain(error),
        PartError::Open(_) | PartError::Block(_) | PartError::Answer(_) | PartError::Write { .. } => {
            GapCause::BadData
        }
    };
    ChunkError { cause, detail: error.to_string() }
}

fn of_chain(error: &ChainInputError) -> GapCause {
    match error {
        ChainInputError::Outside { .. } | ChainInputError::NoState { .. } => GapCause::Pruned,
        _ => GapCause::BadData,
    }
}

fn of_node_chain(error: &NodeChainError) -> GapCause {
    match error {
        NodeChainError::NoState { .. } | NodeChainError::NoBlock { .. } => GapCause::Pruned,
        NodeChainError::Api(error) => of_api(error),
        NodeChainError::NotYet { .. } | NodeChainError::Stopped | NodeChainError::Network(_) => {
            GapCause::Unreachable
        }
        NodeChainError::Broken { .. }
        | NodeChainError::Networks { .. }
        | NodeChainError::OtherChain { .. } => GapCause::Contradicted,
        NodeChainError::StateFile { .. }
        | NodeChainError::Transition(_)
        | NodeChainError::Committees { .. } => GapCause::BadData,
    }
}

fn of_api(error: &ApiError) -> GapCause {
    match error.problem() {
        Some(ApiProblem::Absent { .. }) => GapCause::Pruned,
        Some(ApiProblem::Refused { .. } | ApiProblem::Unauthorized { .. }) => GapCause::Refused,
        Some(ApiProblem::TooLarge { .. } | ApiProblem::Unreadable { .. } | ApiProblem::Wrong { .. }) => {
            GapCause::BadData
        }
        Some(
            ApiProblem::Unreachable { .. }
            | ApiProblem::BrokenOff { .. }
            | ApiProblem::Timeout { .. }
            | ApiProblem::Failed { .. }
            | ApiProblem::CutShort { .. },
        )
        | None => GapCause::Unreachable,
    }
}
