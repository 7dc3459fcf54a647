//! `/validator`: the verdicts on single proposers.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use consensus::{Slot, ValidatorIndex};
use serde_json::Value;

use super::params;
use super::shapes::{BlockShape, ByValidator, Proposer, latest_text, respond, respond_in_pages};
use crate::body;
use crate::error::ApiError;
use crate::state::AppState;

/// Validators read from the database at a time.
const PAGE: usize = 8_192;

/// All blocks of a validator, in order.
#[utoipa::path(
    get,
    path = "/validator/{index}/blocks",
    tag = "blockprint",
    params(("index" = u64, Path, description = "The validator.")),
    responses(
        (status = 200, description = "A list of `{slot, best_guess_single, best_guess_multi, probability_map}`."),
        (status = 401, description = "Private.")
    )
)]
pub(crate) async fn blocks(
    State(state): State<AppState>,
    Path(index): Path<String>,
) -> Result<Response, ApiError> {
    one(&state, params::number("index", &index)?, 0).await
}

/// Blocks of a validator from a slot on, in order.
#[utoipa::path(
    get,
    path = "/validator/{index}/blocks/{since_slot}",
    tag = "blockprint",
    params(
        ("index" = u64, Path, description = "The validator."),
        ("since_slot" = u64, Path, description = "The first slot.")
    ),
    responses(
        (status = 200, description = "A list of `{slot, best_guess_single, best_guess_multi, probability_map}`."),
        (status = 401, description = "Private.")
    )
)]
pub(crate) async fn blocks_since(
    State(state): State<AppState>,
    Path((index, since)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    one(&state, params::number("index", &index)?, params::number("since_slot", &since)?).await
}

async fn one(state: &AppState, index: u64, since: u64) -> Result<Response, ApiError> {
    let rows = state.store().validator_blocks(ValidatorIndex(index), Slot(since)).await?;
    let shapes: Vec<_> = rows.iter().map(|row| BlockShape(row, Proposer::Hidden)).collect();
    respond(&shapes)
}

/// All blocks of several validators.
#[utoipa::path(
    post,
    path = "/validator/blocks",
    tag = "blockprint",
    request_body(content = Vec<u64>, description = "Validator indices."),
    responses(
        (status = 200, description = "A map of index (as text) to the list that `/validator/{index}/blocks` gives, in the order asked for."),
        (status = 400, description = "Not a list of integers; the body names the entry."),
        (status = 401, description = "Private."),
        (status = 413, description = "Too many validators.")
    )
)]
pub(crate) async fn bulk(
    State(state): State<AppState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    several(&state, body, 0).await
}

/// Blocks of several validators from a slot on.
#[utoipa::path(
    post,
    path = "/validator/blocks/{since_slot}",
    tag = "blockprint",
    params(("since_slot" = u64, Path, description = "The first slot.")),
    request_body(content = Vec<u64>, description = "Validator indices."),
    responses(
        (status = 200, description = "A map of index (as text) to the list that `/validator/{index}/blocks` gives, in the order asked for."),
        (status = 400, description = "Not a list of integers; the body names the entry."),
        (status = 401, description = "Private."),
        (status = 413, description = "Too many validators.")
    )
)]
pub(crate) async fn bulk_since(
    State(state): State<AppState>,
    Path(since): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    several(&state, body, params::number("since_slot", &since)?).await
}

async fn several(
    state: &AppState,
    body: Result<Bytes, BytesRejection>,
    since: u64,
) -> Result<Response, ApiError> {
    let limits = state.settings().limits;
    let body = body::within(body, limits.validators_body_bytes)?;
    let wanted = indices(&body, limits.validators)?;
    let validators: Vec<_> = wanted.iter().copied().map(ValidatorIndex).collect();
    let rows = state.store().validators_blocks(&validators, Slot(since)).await?;
    let mut places = HashMap::with_capacity(wanted.len());
    let mut answer: Vec<(u64, Vec<_>)> = Vec::with_capacity(wanted.len());
    for validator in wanted {
        places.entry(validator).or_insert_with(|| {
            answer.push((validator, Vec::new()));
            answer.len() - 1
        });
    }
    for row in &rows {
        if let Some((_, list)) = places.get(&row.proposer_index.0).and_then(|place| answer.get_mut(*place)) {
            list.push(row);
        }
    }
    respond(&ByValidator(answer))
}

/// The validators of a body, in order.
fn indices(body: &[u8], limit: usize) -> Result<Vec<u64>, ApiError> {
    let not_integers = |index, reason: String| ApiError::NotIntegers { index, reason };
    let value: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::InvalidJson(body::json_fault(&error)))?;
    let Value::Array(entries) = value else {
        return Err(not_integers(None, format!("found {}", body::kind_of(&value))));
    };
    if entries.len() > limit {
        let count = entries.len();
        return Err(ApiError::TooLarge(format!(
            "{count} validators are too many for one request, {limit} are taken"
        )));
    }
    let index = |(at, entry): (usize, &Value)| match whole(entry) {
        Some(index) if index < params::OPEN_END => Ok(index),
        _ => {
            let found = if entry.is_number() { entry.to_string() } else { body::kind_of(entry).to_owned() };
            Err(not_integers(Some(at), format!("entry {at} is {found}, expected a validator index")))
        }
    };
    entries.iter().enumerate().map(index).collect()
}

/// A whole number, which JSON may also write as `7.0`.
fn whole(entry: &Value) -> Option<u64> {
    let exact = |number: f64| number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
    entry.as_u64().or_else(|| entry.as_f64().filter(|number| exact(*number)).map(|number| number as u64))
}

/// The newest block of every validator, ordered by validator.
#[utoipa::path(
    get,
    path = "/validator/blocks/latest",
    tag = "blockprint",
    responses(
        (status = 200, description = "A list of `{proposer_index, slot, best_guess_single}`."),
        (status = 401, description = "Private.")
    )
)]
pub(crate) async fn latest(State(state): State<AppState>) -> Result<Response, ApiError> {
    let page = move |after| {
        let store = state.store().clone();
        async move { store.latest_per_validator(after, PAGE).await }
    };
    respond_in_pages(page, latest_text).await
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn lists_of_integers_and_nothing_else() {
        assert!(matches!(indices(b"[3, 1, 3]", 10).as_deref(), Ok([3, 1, 3])));
        for (body, at) in [("[1, -2]", 1), ("[true]", 0), ("[1.5]", 0), ("[\"7\"]", 0), ("[1, [2]]", 1)] {
            let error = indices(body.as_bytes(), 10);
            assert!(matches!(error, Err(ApiError::NotIntegers { index: Some(i), .. }) if i == at), "{body}");
        }
        for body in ["{}", "7", "\"\"", "null"] {
            let error = indices(body.as_bytes(), 10);
            assert!(matches!(error, Err(ApiError::NotIntegers { index: None, .. })), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(indices(deep.as_bytes(), 10), Err(ApiError::InvalidJson(_))));
        assert!(matches!(indices(b"[1,2,3]", 2), Err(ApiError::TooLarge(_))));
    }
}
