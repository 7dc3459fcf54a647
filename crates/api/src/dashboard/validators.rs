//! `/validators`: what the blocks of each validator say together.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::ValidatorIndex;
use fingerprint::Client;
use serde::Deserialize;
use store::{HISTORY_BLOCKS, HistoryFilter, ValidatorFilter, ValidatorSet, ValidatorSummary};

use super::blocks::{ClientChoice, client_choices, probability, verdict_of};
use super::charts::Series;
use super::format::{self, NBSP, Utc};
use super::names;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::Extent;
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
    /// An index, or the name of an entity.
    q: Option<String>,
    client: Option<String>,
    p_min: Option<String>,
    p_max: Option<String>,
    changed: Option<String>,
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
    sought: String,
    entity: String,
    p_min: String,
    p_max: String,
    changes: Vec<PeriodChoice>,
    from: String,
    rows: Vec<Row>,
    empty: String,
    /// Where the API has the same rows; it does not know all filters.
    data: Option<String>,
    start: Option<String>,
    next: Option<String>,
}

/// An option of the list of periods.
struct PeriodChoice {
    value: String,
    label: String,
    is_chosen: bool,
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

impl Query {
    /// The filters that are given, as an address has them.
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        [
            ("q", &self.q),
            ("client", &self.client),
            ("p_min", &self.p_min),
            ("p_max", &self.p_max),
            ("changed", &self.changed),
            ("entity", &self.entity),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, given(value.as_ref())?)))
        .collect()
    }
}

fn index(name: &str, text: &str) -> Result<u64, ApiError> {
    let found = text.replace([',', ' ', NBSP], "").parse::<u64>().ok().filter(|index| *index <= MAX_INDEX);
    found.ok_or_else(|| {
        let text: String = text.chars().take(60).collect();
        ApiError::BadParameter(format!("{name} is {text:?}; the index of a validator is wanted"))
    })
}

/// Validators that are searched for, by index or entity.
fn set(state: &AppState, query: &Query) -> Result<Option<ValidatorSet>, ApiError> {
    match (given(query.q.as_ref()), given(query.entity.as_ref())) {
        (Some(_), Some(_)) => Err(ApiError::BadParameter(
            "a search and an entity are given; the search finds entities too, so give one of both".to_owned(),
        )),
        (None, None) => Ok(None),
        (None, Some(name)) => Ok(Some(names::entity_named(state, name)?.validators.clone())),
        (Some(text), None) if text.starts_with(|c: char| c.is_ascii_digit()) => match index("q", text) {
            Ok(index) => Ok(Some([ValidatorIndex(index)].into_iter().collect())),
            // Names may begin with a digit too.
            Err(error) => {
                names::entity_like(state, text).map(|of| Some(of.validators.clone())).map_err(|_| error)
            }
        },
        (Some(text), None) => Ok(Some(names::entity_like(state, text)?.validators.clone())),
    }
}

/// What the blocks of the validators shall say together; `None` where nothing is asked about that.
fn history_filter(
    extent: &Extent,
    query: &Query,
    client: Option<Client>,
) -> Result<Option<HistoryFilter>, ApiError> {
    let low = probability("p_min", given(query.p_min.as_ref()))?;
    let high = probability("p_max", given(query.p_max.as_ref()))?;
    let changed = match given(query.changed.as_ref()) {
        None => None,
        Some(text) => Some(extent.stretch(Period::parse("changed", Some(text), Period::All)?)?.range()),
    };
    if low.is_none() && high.is_none() && changed.is_none() {
        return Ok(None);
    }
    let probability = (low.is_some() || high.is_some()).then(|| low.unwrap_or(0.0)..=high.unwrap_or(1.0));
    Ok(Some(HistoryFilter { client, probability, changed, least_blocks: FEWEST_BLOCKS }))
}

/// What was found.
struct Found {
    items: Vec<ValidatorSummary>,
    next: Option<ValidatorIndex>,
    /// How many were weighed, where a filter on their history applies.
    weighed: Option<usize>,
}

async fn build(state: &AppState, query: &Query) -> Result<ValidatorsPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let latest = verdict_of(given(query.client.as_ref()))?;
    let set = set(state, query)?;
    let from = given(query.from.as_ref()).map_or(Ok(0), |text| index("from", text))?;
    let extent = Extent::read(state).await?;
    let filter = ValidatorFilter { set, latest };
    let after = from.checked_sub(1).map(ValidatorIndex);
    let found = match history_filter(&extent, query, latest.flatten())? {
        None => {
            let page = state.store().validators(&filter, after, VALIDATORS).await?;
            Found { items: page.items, next: page.next, weighed: None }
        }
        Some(history) => {
            let page = state.store().validators_by_history(&filter, &history, after, VALIDATORS).await?;
            Found { items: page.items, next: page.next, weighed: Some(page.weighed) }
        }
    };
    let link = |from: Option<u64>| {
        let from = from.map(|from| from.to_string());
        let pairs: Vec<_> =
            query.pairs().into_iter().chain(from.as_deref().map(|from| ("from", from))).collect();
        format::address("/validators", &pairs)
    };
    let rows: Vec<Row> = found.items.iter().map(|summary| row(state, summary)).collect();
    let next = found.next.map(|last| last.0.saturating_add(1));
    let text = |value: &Option<String>| given(value.as_ref()).unwrap_or_default().to_owned();
    Ok(ValidatorsPage {
        frame: Frame::new(state, Section::Validators, extent.newest.0, theme)
            .await
            .titled("Validators", "Which client each validator likely runs, judged by its blocks."),
        headline: headline(&rows, &extent, next.is_some()),
        lede: lede(&found, from),
        clients: client_choices(latest),
        sought: text(&query.q),
        entity: text(&query.entity),
        p_min: text(&query.p_min),
        p_max: text(&query.p_max),
        changes: changes(given(query.changed.as_ref()))?,
        from: if from > 0 { from.to_string() } else { String::new() },
        rows,
        empty: match next {
            Some(next) => format!("None so far. Next goes on from validator {}.", format::count(next)),
            None => "Nothing to list.".to_owned(),
        },
        data: data_address(state, query, from),
        start: (from > 0).then(|| link(None)),
        next: next.map(|next| link(Some(next))),
    })
}

/// The address of the API for the rows of a page, where it has the filters in use.
fn data_address(state: &AppState, query: &Query, from: u64) -> Option<String> {
    let mut pairs = vec![("limit", VALIDATORS.to_string())];
    for (name, value) in query.pairs() {
        match name {
            "client" => pairs.push((name, value.to_owned())),
            "entity" => pairs.push((name, names::entity_named(state, value).ok()?.slug.clone())),
            "q" if !value.starts_with(|c: char| c.is_ascii_digit()) => {
                pairs.push(("entity", names::entity_like(state, value).ok()?.slug.clone()));
            }
            _ => return None,
        }
    }
    pairs.extend(from.checked_sub(1).map(|last| ("cursor", format!("after-{last}"))));
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Some(format::address("/api/v1/validators", &pairs))
}

fn headline(rows: &[Row], extent: &Extent, has_more: bool) -> String {
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if rows.len() > 1 => {
            format!(
                "{} from {} to {}",
                format::counted(rows.len() as u64, "validator"),
                first.name,
                last.name
            )
        }
        (Some(only), _) => format!("Validator {}", only.name),
        _ if !extent.has_blocks => "No blocks yet, so no validators.".to_owned(),
        _ if has_more => "No validator of this part of the list matches.".to_owned(),
        _ => "No validator matches.".to_owned(),
    }
}

fn lede(found: &Found, from: u64) -> String {
    match found.weighed {
        None => format!(
            "The newest blocks of a validator, judged together: one that changes its client seldom is told more surely \
             than one block. Fewer than {FEWEST_BLOCKS} blocks are too few for that."
        ),
        Some(weighed) => {
            let to = match found.next {
                Some(last) => format!("from {} to {}", format::count(from), format::count(last.0)),
                None if from > 0 => format!("from {} on, to the last one", format::count(from)),
                None => "in all".to_owned(),
            };
            format!(
                "The blocks of {} were weighed, {to}. Those with fewer than {FEWEST_BLOCKS} blocks are left out.",
                format::counted(weighed as u64, "validator")
            )
        }
    }
}

fn changes(chosen: Option<&str>) -> Result<Vec<PeriodChoice>, ApiError> {
    let current = chosen.map(|text| Period::parse("changed", Some(text), Period::All)).transpose()?;
    let any = PeriodChoice { value: "any".to_owned(), label: "any".to_owned(), is_chosen: current.is_none() };
    let option = |period: Period| PeriodChoice {
        value: period.code(),
        label: if period == Period::All { "ever".to_owned() } else { period.within() },
        is_chosen: current == Some(period),
    };
    let other = current.filter(|period| !Period::HISTORY.contains(period));
    Ok([any].into_iter().chain(Period::HISTORY.into_iter().chain(other).map(option)).collect())
}

fn row(state: &AppState, summary: &ValidatorSummary) -> Row {
    let index = summary.latest.proposer_index;
    let history = &summary.history;
    let (verdict, probability, note) = match history.now {
        Some(now) if history.blocks >= FEWEST_BLOCKS => {
            let note = match (summary.changes.last(), state.settings().clock) {
                (None, _) => String::new(),
                (Some(slot), Some(clock)) => {
                    format!("changed {}", Utc::from_unix(clock.start_of(slot.0)).date())
                }
                (Some(slot), None) => format!("changed at slot{NBSP}{}", format::count(slot.0)),
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
        blocks: match history.blocks {
            HISTORY_BLOCKS.. => format!("{HISTORY_BLOCKS} or more"),
            blocks => format::count(blocks as u64),
        },
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
