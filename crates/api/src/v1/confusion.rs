//! `/api/v1/confusion`: verdicts against graffiti, for every client.

use axum::Json;
use axum::extract::State;
use consensus::Slot;
use fingerprint::Client;
use fingerprint::score::wilson;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shapes::client_name;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// The range of slots.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Range {
    /// The first slot; the default is 0.
    start_slot: Option<u64>,
    /// The slot after the last; the default is no end.
    end_slot: Option<u64>,
}

/// How often verdict and graffiti agree, per client.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confusions {
    /// What counts as true: the graffiti, which anybody may write.
    truth: &'static str,
    clients: Vec<ClientConfusion>,
}

/// One client's part.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientConfusion {
    client: String,
    true_pos: u64,
    true_neg: u64,
    false_pos: u64,
    false_neg: u64,
    /// Share of the blocks signed by the client that were given to it; null without such blocks.
    recall: Option<Rate>,
    /// Share of the blocks given to the client that it signed; null without such blocks.
    precision: Option<Rate>,
}

/// A rate with its 95 % interval.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rate {
    value: f64,
    low: f64,
    high: f64,
    n: u64,
}

fn rate(part: u64, n: u64) -> Option<Rate> {
    let (low, high) = wilson(part, n);
    (n > 0).then(|| Rate { value: part as f64 / n as f64, low, high, n })
}

/// Verdicts against graffiti. Blocks whose graffiti name no client are left out.
#[utoipa::path(
    get,
    path = "/api/v1/confusion",
    tag = "v1",
    params(Range),
    responses((status = 200, body = Confusions), (status = 401, description = "Private."))
)]
pub(crate) async fn confusion(
    State(state): State<AppState>,
    Params(range): Params<Range>,
) -> Result<Json<Confusions>, ApiError> {
    let start = range.start_slot.unwrap_or(0);
    let slots = Slot(start)..Slot(range.end_slot.unwrap_or(u64::MAX).max(start));
    let mut clients = Vec::new();
    for client in Client::NAMED {
        let counts = state.store().confusion(client, slots.clone()).await?;
        clients.push(ClientConfusion {
            client: client_name(client),
            true_pos: counts.true_pos,
            true_neg: counts.true_neg,
            false_pos: counts.false_pos,
            false_neg: counts.false_neg,
            recall: rate(counts.true_pos, counts.true_pos + counts.false_neg),
            precision: rate(counts.true_pos, counts.true_pos + counts.false_pos),
        });
    }
    Ok(Json(Confusions { truth: "graffiti", clients }))
}
