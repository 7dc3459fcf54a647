//! `/blocks_per_client`: verdicts counted by epochs.

use axum::extract::{Path, State};
use axum::response::Response;
use consensus::Epoch;

use super::params::{self, Partial};
use super::shapes::{CountsShape, respond};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Blocks by verdict in one epoch.
#[utoipa::path(
    get,
    path = "/blocks_per_client/{start_epoch}",
    tag = "blockprint",
    params(
        ("start_epoch" = u64, Path, description = "The epoch."),
        ("partial" = Option<bool>, Query, description = "Count what is there, even if slots are missing.")
    ),
    responses(
        (status = 200, description = "`{\"Uncertain\": n, \"Grandine\": n, …}` in the order of the client list."),
        (status = 404, description = "The epoch touches a gap; the body names it.")
    )
)]
pub(crate) async fn one_epoch(
    State(state): State<AppState>,
    Path(start): Path<String>,
    Params(partial): Params<Partial>,
) -> Result<Response, ApiError> {
    let start = params::number("start_epoch", &start)?;
    answer(&state, start, start + 1, &partial).await
}

/// Blocks by verdict from one epoch up to, but not including, another.
#[utoipa::path(
    get,
    path = "/blocks_per_client/{start_epoch}/{end_epoch}",
    tag = "blockprint",
    params(
        ("start_epoch" = u64, Path, description = "The first epoch."),
        ("end_epoch" = u64, Path, description = "The epoch after the last; 0 stands for start_epoch + 1."),
        ("partial" = Option<bool>, Query, description = "Count what is there, even if slots are missing.")
    ),
    responses(
        (status = 200, description = "`{\"Uncertain\": n, \"Grandine\": n, …}` in the order of the client list."),
        (status = 404, description = "The range touches a gap; the body names it.")
    )
)]
pub(crate) async fn epochs(
    State(state): State<AppState>,
    Path((start, end)): Path<(String, String)>,
    Params(partial): Params<Partial>,
) -> Result<Response, ApiError> {
    let start = params::number("start_epoch", &start)?;
    let end = params::end("end_epoch", &end, start + 1)?;
    answer(&state, start, end, &partial).await
}

async fn answer(state: &AppState, start: u64, end: u64, partial: &Partial) -> Result<Response, ApiError> {
    let (start, end) = (Epoch(start), Epoch(end));
    partial.check(state, start.start_slot().0..end.start_slot().0).await?;
    respond(&CountsShape(state.store().blocks_per_client(start..end).await?))
}
