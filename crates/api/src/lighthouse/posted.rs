//! `POST /lighthouse/analysis/block_rewards`: what blocks would earn that nobody signed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use consensus::rewards::Scale;
use serde_json::Value;
use source::follow::{ChainView, Follower, Proposal};

use super::error::BeaconError;
use crate::body;
use crate::state::AppState;

/// What blocks would earn that nobody signed: unsigned, blinded blocks, as nodes propose them. Their parents must be
/// known, in the chain or beside it. The first block that can't be answered ends the request.
#[utoipa::path(
    post,
    path = "/lighthouse/analysis/block_rewards",
    tag = "lighthouse",
    request_body(content = Vec<Object>, description = "A list of blinded blocks in the JSON of the Beacon API."),
    responses(
        (status = 200, description = "A list of block rewards with attestations, in the order of the request."),
        (status = 400, description = "A block is none, or its parent is not known; `{code, message, stacktraces}`."),
        (status = 401, description = "Private."),
        (status = 413, description = "Too many blocks or bytes."),
        (status = 501, description = "No chain is followed."),
        (status = 503, description = "The chain is being caught up with.")
    )
)]
pub(crate) async fn posted(State(state): State<AppState>, request: Request) -> Response {
    match answer(&state, request).await {
        Ok(body) => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn answer(state: &AppState, request: Request) -> Result<Vec<u8>, BeaconError> {
    let settings = state.settings();
    let follower = settings.rewards.follower.clone().ok_or_else(BeaconError::turned_off)?;
    let permit = Arc::clone(state.rewards_in_flight()).acquire_owned().await.map_err(BeaconError::ours)?;
    let limits = settings.limits;
    let body = body::within(Bytes::from_request(request, state).await, limits.reward_body_bytes)
        .map_err(BeaconError::too_large)?;
    let scale = settings.rewards.scale;
    let work = move || {
        let _permit = permit;
        rewards(&follower, &body, limits.reward_blocks, scale)
    };
    tokio::task::spawn_blocking(work).await.map_err(BeaconError::ours)?
}

fn rewards(follower: &Follower, body: &[u8], most: usize, scale: Scale) -> Result<Vec<u8>, BeaconError> {
    let blocks: Vec<Value> = serde_json::from_slice(body)
        .map_err(|error| BeaconError::bad(format!("expected a list of blinded blocks: {error}")))?;
    if blocks.len() > most {
        return Err(BeaconError::too_large(format!("{} blocks are more than {most} at once", blocks.len())));
    }
    let catching_up = || BeaconError::later("the chain is being caught up with; try again in a while");
    let spec = follower.view(|view: &ChainView| Arc::clone(view.spec())).ok_or_else(catching_up)?;
    let mut out = b"[".to_vec();
    for (place, block) in blocks.iter().enumerate() {
        let proposal = Proposal::read(&spec, block)?;
        let reward = follower.preview(proposal, scale).ok_or_else(catching_up)??;
        if place > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut out, &reward).map_err(BeaconError::ours)?;
    }
    out.push(b']');
    Ok(out)
}
