//! `/sync`: how far the database goes and what is missing.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::shapes::respond;
use crate::error::ApiError;
use crate::state::AppState;

#[derive(Serialize)]
struct Status {
    greatest_block_slot: u64,
    synced: bool,
}

#[derive(Serialize)]
struct GapShape {
    start: u64,
    end: u64,
}

/// The highest slot with a block, and whether there is no gap below it.
#[utoipa::path(
    get,
    path = "/sync/status",
    tag = "blockprint",
    responses((status = 200, description = "`{\"greatest_block_slot\": n, \"synced\": bool}`"))
)]
pub(crate) async fn status(State(state): State<AppState>) -> Result<Response, ApiError> {
    let status = state.store().sync_status().await?;
    respond(&Status { greatest_block_slot: status.greatest_block_slot.0, synced: status.synced })
}

/// Slots that are missing, both ends included, in order and without overlap.
#[utoipa::path(
    get,
    path = "/sync/gaps",
    tag = "blockprint",
    responses((status = 200, description = "`[{\"start\": n, \"end\": n}, …]`"))
)]
pub(crate) async fn gaps(State(state): State<AppState>) -> Result<Response, ApiError> {
    let gaps = state.store().gaps().await?;
    let shapes: Vec<_> = gaps.iter().map(|gap| GapShape { start: gap.start.0, end: gap.end.0 }).collect();
    respond(&shapes)
}
