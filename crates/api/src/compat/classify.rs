//! `/classify`: verdicts on posted block rewards, stored or not.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use store::{BlockRow, StoreError};

use super::shapes::{ok, respond};
use crate::error::ApiError;
use crate::state::AppState;
use crate::{judge, metrics};

/// Judges blocks and stores the verdicts: all of them or, if one block is refused, none. A block that is already
/// stored gets its verdict anew, so a repeated request changes nothing.
#[utoipa::path(
    post,
    path = "/classify",
    tag = "blockprint",
    request_body(content = Vec<Object>, description = "A list of block rewards, as `/lighthouse/analysis/block_rewards` gives them."),
    responses(
        (status = 200, description = "The text `OK`, said to be JSON as blockprint says."),
        (status = 400, description = "Not JSON or not block rewards; the body names block and field."),
        (status = 401, description = "Private."),
        (status = 413, description = "Too many blocks or bytes."),
        (status = 503, description = "No model is loaded, or the database takes no writes.")
    )
)]
pub(crate) async fn classify(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let rows = judge::judge(&state, request).await?;
    state.store().insert_blocks(&rows).await.map_err(|error| refused(error, &rows))?;
    metrics::verdicts(rows.iter().map(|row| &row.classification));
    Ok(ok())
}

fn refused(error: StoreError, rows: &[BlockRow]) -> ApiError {
    match &error {
        StoreError::BadRow { block_root, field, .. } => ApiError::NotBlockRewards {
            index: rows.iter().position(|row| row.block_root == *block_root).map(|index| index as u64),
            field: (*field).to_owned(),
            reason: error.to_string(),
        },
        StoreError::SlotFull { .. } => ApiError::BadParameter(error.to_string()),
        _ => ApiError::Store(error),
    }
}

#[derive(Serialize)]
struct Guess {
    best_guess_single: &'static str,
}

/// Judges blocks without storing anything.
#[utoipa::path(
    post,
    path = "/classify/no_store",
    tag = "blockprint",
    request_body(content = Vec<Object>, description = "A list of block rewards, as `/lighthouse/analysis/block_rewards` gives them."),
    responses(
        (status = 200, description = "`[{\"best_guess_single\": client}, …]` in the order of the request."),
        (status = 400, description = "Not JSON or not block rewards; the body names block and field."),
        (status = 401, description = "Private."),
        (status = 413, description = "Too many blocks or bytes."),
        (status = 503, description = "No model is loaded.")
    )
)]
pub(crate) async fn classify_no_store(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let rows = judge::judge(&state, request).await?;
    rows.iter().try_for_each(store::check_row).map_err(|error| refused(error, &rows))?;
    let guesses: Vec<_> =
        rows.iter().map(|row| Guess { best_guess_single: row.classification.single_name() }).collect();
    respond(&guesses)
}
