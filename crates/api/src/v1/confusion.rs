//! `/api/v1/confusion`: verdicts against graffiti, for every client.

use axum::extract::State;
use fingerprint::Client;
use fingerprint::score::wilson;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, ListForm};
use super::range::{RangeQuery, counted, validity};
use super::shapes::{FormQuery, Searched, client_name};
use super::table::{Cell, Kind, Table};
use crate::error::ApiError;
use crate::query::With;
use crate::state::AppState;

/// How often verdict and graffiti agree, per client.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confusions {
    /// What counts as true: the graffiti, which anybody may write.
    truth: &'static str,
    /// The slots counted.
    counted: Searched,
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

/// Verdicts against graffiti, without a start above the newest gap. Blocks whose graffiti name no client are left out.
#[utoipa::path(
    get,
    path = "/api/v1/confusion",
    tag = "v1",
    params(RangeQuery, FormQuery),
    responses(
        (status = 200, description = "Every client.", content(
            (Confusions = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names.")
    )
)]
pub(crate) async fn confusion(
    State(state): State<AppState>,
    ListForm(form): ListForm,
    With(bounds, _): With<RangeQuery, FormQuery>,
) -> Result<Answer, ApiError> {
    let wanted = bounds.slots(&state)?;
    let range = counted(&state, wanted, bounds.partial).await?;
    let matrix = state.store().confusion_matrix(range.clone()).await?;
    let client = |client: Client| {
        let score = matrix.score(client);
        ClientConfusion {
            client: client_name(client),
            true_pos: score.true_positives,
            true_neg: score.true_negatives,
            false_pos: score.false_positives,
            false_neg: score.false_negatives,
            recall: rate(score.true_positives, score.true_positives + score.false_negatives),
            precision: rate(score.true_positives, score.true_positives + score.false_positives),
        }
    };
    let clients = Client::NAMED.into_iter().map(client).collect();
    let answer = Confusions { truth: "graffiti", counted: range.into(), clients };
    Answer::list(form, &answer, table, validity(&state, wanted).await?)
}

fn table(confusions: &Confusions) -> Table {
    let names = ["true_pos", "true_neg", "false_pos", "false_neg"];
    let rates = ["recall", "recall_low", "recall_high", "precision", "precision_low", "precision_high"];
    let columns = [("client", Kind::Text)].into_iter().chain(names.map(|name| (name, Kind::Number)));
    let mut table = Table::new(columns.chain(rates.map(|name| (name, Kind::Real))));
    for one in &confusions.clients {
        let cells = |rate: &Option<Rate>| -> [Cell; 3] {
            let part = |part: fn(&Rate) -> f64| rate.as_ref().map(part).into();
            [part(|rate| rate.value), part(|rate| rate.low), part(|rate| rate.high)]
        };
        let counts = [one.true_pos, one.true_neg, one.false_pos, one.false_neg].map(Cell::from);
        let row = [Cell::from(one.client.as_str())].into_iter().chain(counts);
        table.row(row.chain(cells(&one.recall)).chain(cells(&one.precision)));
    }
    table
}
