//! `/validators`: what the blocks of each validator say together.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::ValidatorIndex;
use serde::Deserialize;
use store::{ValidatorFilter, ValidatorSet, ValidatorSummary};

use super::blocks::{ClientChoice, client_choices, verdict_of};
use super::charts::Series;
use super::format::{self, NBSP, Utc};
use super::names;
use super::page::{self, Frame, Section};
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Validators of a page.
const VALIDATORS: usize = 50;
/// With fewer blocks there is no history to speak of.
pub(super) const FEWEST_BLOCKS: usize = 3;
/// The highest index there can be.
const MAX_INDEX: u64 = (1 << 40) - 1;

/// The parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    client: Option<String>,
    entity: Option<String>,
    from: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "validators.html")]
struct ValidatorsPage {
    frame: Frame,
    headline: String,
    lede: String,
    clients: Vec<ClientChoice>,
    entity: String,
    from: String,
    rows: Vec<Row>,
    start: Option<String>,
    next: Option<String>,
}

struct Row {
    index: u64,
    name: String,
    entity: String,
    /// Mark and name, as HTML.
    verdict: String,
    probability: String,
    note: String,
    blocks: String,
    last: String,
    last_href: String,
}

/// The page.
pub(super) async fn validators(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let access = &state.settings().private;
    if !auth::is_allowed(access, &headers) {
        return super::errors::failure(&state, auth::refusal(access)).await;
    }
    let page = match query {
        Ok(Params(query)) => build(&state, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty() && *text != "any")
}

async fn build(state: &AppState, query: &Query) -> Result<ValidatorsPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let client = given(query.client.as_ref());
    let latest = verdict_of(client)?;
    let entity = given(query.entity.as_ref());
    let set: Option<ValidatorSet> = match entity {
        None => None,
        Some(name) => Some(names::entity_named(state, name)?.validators.clone()),
    };
    let from = match given(query.from.as_ref()) {
        None => 0,
        Some(text) => {
            let index = text.replace([',', ' '], "").parse::<u64>().ok().filter(|index| *index <= MAX_INDEX);
            index.ok_or_else(|| {
                ApiError::BadParameter(format!("from is {text:?}; the index of a validator is wanted"))
            })?
        }
    };
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let filter = ValidatorFilter { set, latest };
    let after = from.checked_sub(1).map(ValidatorIndex);
    let page = state.store().validators(&filter, after, VALIDATORS).await?;
    let link = |from: Option<u64>| {
        let from = from.map(|from| from.to_string());
        let pairs: Vec<(&str, &str)> = [("client", client), ("entity", entity), ("from", from.as_deref())]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        format::address("/validators", &pairs)
    };
    let rows: Vec<Row> = page.items.iter().map(|summary| row(state, summary)).collect();
    let headline = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if rows.len() > 1 => {
            format!(
                "{} from {} to {}",
                format::counted(rows.len() as u64, "validator"),
                first.name,
                last.name
            )
        }
        (Some(only), _) => format!("Validator {}", only.name),
        _ if newest.0 == 0 => "No blocks yet, so no validators.".to_owned(),
        _ => "No validator matches.".to_owned(),
    };
    Ok(ValidatorsPage {
        frame: Frame::new(state, Section::Validators, newest.0, theme)
            .titled("Validators", "Which client each validator likely runs, judged by its blocks."),
        headline,
        lede: format!(
            "The newest blocks of a validator, judged together: one that changes its client seldom is told more surely \
             than one block. Fewer than {FEWEST_BLOCKS} blocks are too few for that."
        ),
        clients: client_choices(latest),
        entity: entity.unwrap_or_default().to_owned(),
        from: if from > 0 { from.to_string() } else { String::new() },
        rows,
        start: (from > 0).then(|| link(None)),
        next: page.next.map(|last| link(Some(last.0.saturating_add(1)))),
    })
}

fn row(state: &AppState, summary: &ValidatorSummary) -> Row {
    let index = summary.latest.proposer_index;
    let history = &summary.history;
    let (verdict, probability, note) = match history.now {
        Some(now) if history.blocks >= FEWEST_BLOCKS => {
            let note = match history.changes.len() {
                0 => String::new(),
                changes => format!("changed {}", if changes == 1 { "once" } else { "more than once" }),
            };
            (Series::Client(now.client), format::probability(now.probability), note)
        }
        _ => (
            Series::from(summary.latest.best_guess_single),
            "–".to_owned(),
            "newest block only: too few for a history".to_owned(),
        ),
    };
    Row {
        index: index.0,
        name: format::count(index.0),
        entity: names::entity_of(state, index)
            .map_or_else(|| "–".to_owned(), |entity| format::visible(&entity.name)),
        verdict: verdict.label(),
        probability,
        note,
        blocks: format::count(history.blocks as u64),
        last: match state.settings().clock {
            Some(clock) => {
                let start = clock.start_of(summary.latest.slot.0);
                format!(
                    "{}, {}",
                    Utc::from_unix(start).date(),
                    format::age(state.now().saturating_sub(start))
                )
            }
            None => format!("slot{NBSP}{}", format::count(summary.latest.slot.0)),
        },
        last_href: format!("/block/{}", summary.latest.slot),
    }
}
