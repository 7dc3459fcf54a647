//! `/confusion`: how often verdict and graffiti agree about a client.

use axum::extract::{Path, State};
use axum::response::Response;
use consensus::Slot;
use fingerprint::Client;
use serde::Serialize;

use super::params::{self, OPEN_END, Partial};
use super::shapes::respond;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

#[derive(Serialize)]
struct ConfusionShape {
    true_pos: u64,
    true_neg: u64,
    false_pos: u64,
    false_neg: u64,
}

/// How often verdict and graffiti agree about a client, in a range of slots. Blocks whose graffiti say nothing are
/// left out.
#[utoipa::path(
    get,
    path = "/confusion/{client}/{start_slot}/{end_slot}",
    tag = "blockprint",
    params(
        ("client" = String, Path, description = "A client's name."),
        ("start_slot" = u64, Path, description = "The first slot."),
        ("end_slot" = u64, Path, description = "The slot after the last; 0 stands for no end."),
        ("partial" = Option<bool>, Query, description = "Count what is there, even if slots are missing.")
    ),
    responses(
        (status = 200, description = "`{\"true_pos\": n, \"true_neg\": n, \"false_pos\": n, \"false_neg\": n}`"),
        (status = 401, description = "Private."),
        (status = 404, description = "No such client, or the range touches a gap; the body says which.")
    )
)]
pub(crate) async fn confusion(
    State(state): State<AppState>,
    Path((client, start, end)): Path<(String, String, String)>,
    Params(partial): Params<Partial>,
) -> Result<Response, ApiError> {
    let start = params::number("start_slot", &start)?;
    let end = params::end("end_slot", &end, OPEN_END)?;
    let client: Client = client
        .parse()
        .map_err(|error: fingerprint::client::UnknownClient| ApiError::Missing(error.to_string()))?;
    partial.check(&state, start..end).await?;
    let confusion = state.store().confusion(client, Slot(start)..Slot(end.max(start))).await?;
    respond(&ConfusionShape {
        true_pos: confusion.true_pos,
        true_neg: confusion.true_neg,
        false_pos: confusion.false_pos,
        false_neg: confusion.false_neg,
    })
}
