//! `/blocks`: the verdicts of a range of slots.

use axum::extract::{Path, State};
use axum::response::Response;
use consensus::Slot;

use super::params::{self, OPEN_END, Partial};
use super::shapes::{block_text, respond_in_pages};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Blocks read from the database at a time.
const PAGE: usize = 2_048;

/// Blocks from a slot on, in order.
#[utoipa::path(
    get,
    path = "/blocks/{start_slot}",
    tag = "blockprint",
    params(
        ("start_slot" = u64, Path, description = "The first slot."),
        ("partial" = Option<bool>, Query, description = "List what is there, even if slots are missing.")
    ),
    responses(
        (status = 200, description = "A list of `{slot, proposer_index, best_guess_single, best_guess_multi, probability_map}`."),
        (status = 401, description = "Private."),
        (status = 404, description = "The range touches a gap; the body names it.")
    )
)]
pub(crate) async fn open_range(
    State(state): State<AppState>,
    Path(start): Path<String>,
    Params(partial): Params<Partial>,
) -> Result<Response, ApiError> {
    answer(state, params::number("start_slot", &start)?, OPEN_END, &partial).await
}

/// Blocks from one slot up to, but not including, another, in order.
#[utoipa::path(
    get,
    path = "/blocks/{start_slot}/{end_slot}",
    tag = "blockprint",
    params(
        ("start_slot" = u64, Path, description = "The first slot."),
        ("end_slot" = u64, Path, description = "The slot after the last; 0 stands for no end."),
        ("partial" = Option<bool>, Query, description = "List what is there, even if slots are missing.")
    ),
    responses(
        (status = 200, description = "A list of `{slot, proposer_index, best_guess_single, best_guess_multi, probability_map}`."),
        (status = 401, description = "Private."),
        (status = 404, description = "The range touches a gap; the body names it.")
    )
)]
pub(crate) async fn range(
    State(state): State<AppState>,
    Path((start, end)): Path<(String, String)>,
    Params(partial): Params<Partial>,
) -> Result<Response, ApiError> {
    let start = params::number("start_slot", &start)?;
    let end = params::end("end_slot", &end, OPEN_END)?;
    answer(state, start, end, &partial).await
}

async fn answer(state: AppState, start: u64, end: u64, partial: &Partial) -> Result<Response, ApiError> {
    partial.check(&state, start..end).await?;
    let page = move |after| {
        let store = state.store().clone();
        async move { store.blocks(Slot(start)..Slot(end.max(start)), after, PAGE).await }
    };
    respond_in_pages(page, block_text).await
}
