//! From block rewards to rows of verdicts, as `/classify` stores them.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use fingerprint::classifier::Model;
use fingerprint::{BlockObservation, FeatureScratch, Signs};
use source::rewards::{Limits, Reason, RewardError, parse_block_rewards};
use store::{Attestations, BlockRow, CanonicalState, RootOrigin};

use crate::body;
use crate::error::ApiError;
use crate::state::AppState;

/// Reads a body of block rewards and judges every block, away from the threads that answer requests. All blocks or
/// an error that names the block. Only a few bodies are in memory at a time; more requests wait their turn.
pub(crate) async fn judge(state: &AppState, request: Request) -> Result<Vec<BlockRow>, ApiError> {
    let model = state.model().cloned().ok_or(ApiError::NoModel)?;
    let permit = state.classifications().clone().acquire_owned().await;
    let permit = permit.map_err(|error| ApiError::Internal(error.to_string()))?;
    let bounds = state.settings().limits;
    let body = body::within(Bytes::from_request(request, state).await, bounds.classify_body_bytes)?;
    let limits = Limits { blocks: bounds.classify_blocks, ..Limits::default() };
    let work = move || {
        let _permit = permit;
        let blocks = parse_block_rewards(&body, &limits).map_err(|error| refusal(error, &body))?;
        let mut scratch = FeatureScratch::default();
        let rows = blocks.into_iter().enumerate();
        rows.map(|(index, block)| row(&model, &mut scratch, index, block)).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::Internal(error.to_string()))?
}

fn row(
    model: &Model,
    scratch: &mut FeatureScratch,
    index: usize,
    block: BlockObservation,
) -> Result<BlockRow, ApiError> {
    let wrong = |error: &dyn std::fmt::Display| ApiError::NotBlockRewards {
        index: u64::try_from(index).ok(),
        field: String::new(),
        reason: format!("block {index}: {error}"),
    };
    let mut values = Vec::with_capacity(model.features().len());
    let computed = model.features().compute_with(scratch, &block, &mut values);
    let (classification, features) = match computed {
        Ok(()) => {
            let classification =
                model.classify_row(&block.graffiti, &values).map_err(|error| wrong(&error))?;
            let names = model.features().names().map(str::to_owned);
            (classification, Some(names.zip(values).collect()))
        }
        // A block without countable features may still be signed by a client that graffiti alone tells.
        Err(_) => (model.classify_with(scratch, &block).map_err(|error| wrong(&error))?, None),
    };
    Ok(BlockRow {
        block_root: block.block_root,
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: block.slot,
        parent_slot: block.parent_slot,
        proposer_index: block.proposer_index,
        graffiti: Some(block.graffiti.replace('\0', "")),
        classification,
        model_hash: Some(model.hash()),
        canonical: CanonicalState::Unknown,
        features,
        attestations: Attestations::of(&block),
        signs: Signs::of(&block),
        first_seen_ms: None,
    })
}

fn refusal(error: RewardError, body: &[u8]) -> ApiError {
    let text = error.to_string();
    // A body that is no list may be no JSON either, which is the more useful thing to hear.
    if error.index.is_none()
        && let Err(fault) = serde_json::from_slice::<serde::de::IgnoredAny>(body)
    {
        return ApiError::InvalidJson(fault.to_string());
    }
    match error.reason {
        Reason::Syntax { .. } | Reason::CutShort | Reason::TooDeep { .. } | Reason::Empty => {
            ApiError::InvalidJson(text)
        }
        Reason::TooMany { what: "block rewards", .. } | Reason::TooLarge { .. } => ApiError::TooLarge(text),
        _ => ApiError::NotBlockRewards { index: error.index, field: error.field, reason: text },
    }
}
