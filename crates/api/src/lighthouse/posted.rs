//! `POST /lighthouse/analysis/block_rewards`: what blocks would earn that nobody signed.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use consensus::rewards::BlockReward;
use serde_json::Value;
use source::follow::{PreviewError, Proposal};

use super::error::BeaconError;
use crate::body;
use crate::settings::RewardSettings;
use crate::state::AppState;

/// What blocks would earn that nobody signed: unsigned, blinded blocks, as nodes propose them. Their parents must be
/// known, in the chain or beside it; older ones in the chain on disk, where there is one. The first block that can't be
/// answered ends the request.
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
        (status = 501, description = "No chain is followed, and there is none on disk."),
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
    if !settings.rewards.is_on() {
        return Err(BeaconError::turned_off());
    }
    let permit = Arc::clone(state.rewards_in_flight()).acquire_owned().await.map_err(BeaconError::ours)?;
    let body = Bytes::from_request(request, state).await;
    let body = body::within(body, settings.limits.reward_body_bytes).map_err(BeaconError::too_large)?;
    let state = state.clone();
    let work = move || {
        let _permit = permit;
        rewards(&state, &body)
    };
    tokio::task::spawn_blocking(work).await.map_err(BeaconError::ours)?
}

fn rewards(state: &AppState, body: &[u8]) -> Result<Vec<u8>, BeaconError> {
    let (sources, most) = (&state.settings().rewards, state.settings().limits.reward_blocks);
    let blocks: Vec<Value> = serde_json::from_slice(body)
        .map_err(|error| BeaconError::bad(format!("expected a list of blinded blocks: {error}")))?;
    if blocks.len() > most {
        return Err(BeaconError::too_large(format!("{} blocks are more than {most} at once", blocks.len())));
    }
    let followed = sources.follower.as_ref().and_then(|one| one.view(|view| Arc::clone(view.spec())));
    let spec = followed.or_else(|| sources.archive.as_ref().map(|archive| Arc::clone(archive.spec())));
    let spec = spec.ok_or_else(catching_up)?;
    let until = Instant::now() + state.settings().limits.request_timeout;
    let mut out = b"[".to_vec();
    for (place, block) in blocks.iter().enumerate() {
        // Nobody waits for the answer any more.
        if Instant::now() > until {
            let reason = "the parents of these blocks take too long to replay; post fewer at once";
            return Err(BeaconError::later(reason));
        }
        let reward = reward(state, Proposal::read(&spec, block)?)?;
        if place > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut out, &reward).map_err(BeaconError::ours)?;
    }
    out.push(b']');
    Ok(out)
}

/// From the chain that is followed; where that does not know the parent's state, from the chain on disk.
fn reward(state: &AppState, proposal: Proposal) -> Result<BlockReward, BeaconError> {
    let RewardSettings { follower, archive, scale } = &state.settings().rewards;
    let Some(archive) = archive else {
        let followed = follower.as_ref().and_then(|follower| follower.preview(proposal, *scale));
        return Ok(followed.ok_or_else(catching_up)??);
    };
    let followed = follower.as_ref().map(|follower| follower.preview(proposal.clone(), *scale));
    let failed = match followed {
        None => None,
        Some(None) => Some(catching_up()),
        Some(Some(Err(error @ (PreviewError::ParentUnknown(_) | PreviewError::NoState(_))))) => {
            Some(error.into())
        }
        Some(Some(answer)) => return Ok(answer?),
    };
    match (state.archived().preview(archive, proposal, *scale), failed) {
        // What the chain that is followed says is nearer to the truth.
        (Err(PreviewError::ParentUnknown(_)), Some(failed)) => Err(failed),
        (Err(PreviewError::Disk(error)), Some(failed)) => {
            tracing::warn!(%error, "The chain on disk can't be read for a posted block");
            Err(failed)
        }
        (answer, _) => Ok(answer?),
    }
}

fn catching_up() -> BeaconError {
    BeaconError::later("the chain is being caught up with; try again in a while")
}
