//! Whether the process lives, and whether it should get readers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::state::AppState;

/// The answer of `/health/ready`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether readers should be sent here.
    ready: bool,
    /// The newest slot with a block; 0 if there is none.
    newest_slot: u64,
    /// How old it is.
    freshness: Freshness,
    /// The loaded model's name; null if there is none, and `/classify` answers 503.
    model: Option<String>,
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It does.")))]
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "live": true }))
}

/// Whether the database answers and its newest verdict is at most 32 slots old. Recorded data have no age and are
/// always ready.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Stale."))
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Response, ApiError> {
    let newest_slot = state.store().sync_status().await?.greatest_block_slot.0;
    let freshness = state.freshness(newest_slot);
    let ready = freshness.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let model = state.model().map(|_| state.model_name().to_owned());
    Ok((status, Json(Readiness { ready, newest_slot, freshness, model })).into_response())
}
