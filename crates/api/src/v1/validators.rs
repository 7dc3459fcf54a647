//! `/api/v1/validators`: the blocks of a proposer, and which client they speak for.

use axum::Json;
use axum::extract::{Path, State};
use consensus::{Slot, ValidatorIndex};
use serde::{Deserialize, Serialize};
use store::{AffinityRule, Verdict, affinity as affinity_of};
use utoipa::{IntoParams, ToSchema};

use super::shapes::{Block, client_name};
use crate::compat::number;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// From which slot on.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Since {
    /// The first slot; the default is 0.
    since_slot: Option<u64>,
}

/// The blocks of a validator.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValidatorBlocks {
    validator_index: u64,
    /// In order.
    blocks: Vec<Block>,
}

/// The blocks of a validator, in order.
#[utoipa::path(
    get,
    path = "/api/v1/validators/{index}/blocks",
    tag = "v1",
    params(("index" = u64, Path, description = "The validator."), Since),
    responses((status = 200, body = ValidatorBlocks), (status = 401, description = "Private."))
)]
pub(crate) async fn blocks(
    State(state): State<AppState>,
    Path(index): Path<String>,
    Params(since): Params<Since>,
) -> Result<Json<ValidatorBlocks>, ApiError> {
    let index = number("index", &index)?;
    let since = Slot(since.since_slot.unwrap_or(0));
    let rows = state.store().validator_blocks(ValidatorIndex(index), since).await?;
    Ok(Json(ValidatorBlocks { validator_index: index, blocks: rows.into_iter().map(Block::from).collect() }))
}

/// Up to which slot.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Until {
    /// The last slot; the default is no end.
    until_slot: Option<u64>,
}

/// Which client a validator runs, judged by its blocks in five ways.
#[derive(Serialize, ToSchema)]
pub(crate) struct Affinity {
    validator_index: u64,
    /// How many blocks were looked at.
    blocks: usize,
    /// The newest block, if its probability is above 0.95.
    latest: Answer,
    /// The most frequent verdict of the newest three blocks.
    recent: Answer,
    /// The most frequent verdict of all blocks.
    mode: Answer,
    /// The client whose mean probability is above 0.95.
    mean: Answer,
    /// The client whose median probability is above 0.95.
    median: Answer,
}

/// One answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    /// `client`, `uncertain` (the blocks do not agree), or `unknown` (there is no block).
    verdict: &'static str,
    /// The client; null otherwise.
    client: Option<String>,
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Unknown => Self { verdict: "unknown", client: None },
            Verdict::Uncertain => Self { verdict: "uncertain", client: None },
            Verdict::Client(client) => Self { verdict: "client", client: Some(client_name(client)) },
        }
    }
}

/// Which client a validator runs, judged by its blocks.
#[utoipa::path(
    get,
    path = "/api/v1/validators/{index}/affinity",
    tag = "v1",
    params(("index" = u64, Path, description = "The validator."), Until),
    responses((status = 200, body = Affinity), (status = 401, description = "Private."))
)]
pub(crate) async fn affinity(
    State(state): State<AppState>,
    Path(index): Path<String>,
    Params(until): Params<Until>,
) -> Result<Json<Affinity>, ApiError> {
    let index = number("index", &index)?;
    let mut rows = state.store().validator_blocks(ValidatorIndex(index), Slot(0)).await?;
    rows.retain(|row| until.until_slot.is_none_or(|until| row.slot.0 <= until));
    let blocks: Vec<_> = rows.iter().map(|row| &row.classification).collect();
    let by = |rule| Answer::from(affinity_of(&blocks, rule));
    Ok(Json(Affinity {
        validator_index: index,
        blocks: blocks.len(),
        latest: by(AffinityRule::Latest),
        recent: by(AffinityRule::RECENT),
        mode: by(AffinityRule::Mode),
        mean: by(AffinityRule::WeightedAverage),
        median: by(AffinityRule::Median),
    }))
}
