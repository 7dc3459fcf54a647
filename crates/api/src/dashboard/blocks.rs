//! `/blocks`: what was built lately, by whom, how sure; and the odd ones among it.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use serde::Deserialize;
use store::{BlockFilter, CanonicalState, Seek};

use super::format::{self, NBSP};
use super::latest::LatestRow;
use super::names;
use super::page::{self, Frame, Section};
use super::rows::{Between, rows};
use super::slots::{MAX_SLOT, SlotRange};
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;
use crate::v1::cursor;

/// Blocks of a page.
const BLOCKS: usize = 50;
/// Longest text of a filter.
const MAX_TEXT: usize = 32;
/// Seconds per slot where no clock says otherwise.
const SECONDS_PER_SLOT: u64 = 12;

/// The parameters of the page. Fields that are left empty count as not given, as a form sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    client: Option<String>,
    p_min: Option<String>,
    p_max: Option<String>,
    state: Option<String>,
    proposer: Option<String>,
    entity: Option<String>,
    graffiti: Option<String>,
    conflict: Option<String>,
    slots: Option<String>,
    missed: Option<String>,
    cursor: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "blocks.html")]
struct BlocksPage {
    frame: Frame,
    headline: String,
    lede: String,
    form: Form,
    chips: Vec<Chip>,
    latest: Vec<LatestRow>,
    has_clock: bool,
    empty: String,
    newest: String,
    newer: Option<String>,
    older: Option<String>,
    /// Where new rows come from, for script; empty where none are wanted.
    live: String,
    /// Where the API has the same rows.
    data: String,
}

/// What stands in the fields.
struct Form {
    clients: Vec<ClientChoice>,
    states: Vec<ClientChoice>,
    p_min: String,
    p_max: String,
    proposer: String,
    entity: String,
    graffiti: String,
    conflict: bool,
    slots: String,
    hides_missed: bool,
    is_filtered: bool,
}

/// An option of a list of clients or states.
pub(super) struct ClientChoice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// A filter that can be taken away.
struct Chip {
    text: String,
    href: String,
}

/// The page.
pub(super) async fn blocks(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let access = &state.settings().private;
    if !auth::is_allowed(access, &headers) {
        return super::errors::failure(&state, auth::refusal(access)).await;
    }
    let page = match query {
        Ok(Params(query)) => build(&state, query.trimmed()).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

const STATES: [(&str, &str, &[CanonicalState]); 5] = [
    ("any", "Any", &[]),
    (
        "canonical",
        "canonical",
        &[CanonicalState::Unknown, CanonicalState::Canonical, CanonicalState::Finalized],
    ),
    ("final", "final", &[CanonicalState::Finalized]),
    ("orphaned", "orphaned", &[CanonicalState::Orphaned]),
    ("seen", "seen", &[CanonicalState::Unknown]),
];

const CLIENTS: [(&str, Option<Option<Client>>); 9] = [
    ("any", None),
    ("lighthouse", Some(Some(Client::Lighthouse))),
    ("prysm", Some(Some(Client::Prysm))),
    ("nimbus", Some(Some(Client::Nimbus))),
    ("teku", Some(Some(Client::Teku))),
    ("lodestar", Some(Some(Client::Lodestar))),
    ("grandine", Some(Some(Client::Grandine))),
    ("other", Some(Some(Client::Other))),
    ("unknown", Some(None)),
];

fn client_label(verdict: Option<Option<Client>>) -> &'static str {
    match verdict {
        None => "Any",
        Some(verdict) => super::charts::Series::from(verdict).name(),
    }
}

/// The verdict that a parameter names; an unknown one is refused with those allowed.
pub(super) fn verdict_of(name: Option<&str>) -> Result<Option<Option<Client>>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    CLIENTS.into_iter().find(|(code, _)| *code == name).map(|(_, verdict)| verdict).ok_or_else(|| {
        let allowed: Vec<_> = CLIENTS.iter().map(|(code, _)| *code).collect();
        ApiError::BadParameter(format!("client is {name:?}; allowed are {}", allowed.join(", ")))
    })
}

/// The options of a list of clients.
pub(super) fn client_choices(chosen: Option<Option<Client>>) -> Vec<ClientChoice> {
    let choice =
        |(value, verdict)| ClientChoice { value, label: client_label(verdict), is_chosen: verdict == chosen };
    CLIENTS.into_iter().map(choice).collect()
}

impl Query {
    /// Without the fields that a form left empty.
    fn trimmed(self) -> Self {
        let some = |text: Option<String>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && text != "any")
        };
        Self {
            client: some(self.client),
            p_min: some(self.p_min),
            p_max: some(self.p_max),
            state: some(self.state),
            proposer: some(self.proposer),
            entity: some(self.entity),
            graffiti: some(self.graffiti),
            conflict: some(self.conflict),
            slots: some(self.slots),
            missed: some(self.missed),
            cursor: some(self.cursor),
            theme: some(self.theme),
        }
    }

    /// Names and values as they stand in an address, the cursor left out.
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        [
            ("client", &self.client),
            ("p_min", &self.p_min),
            ("p_max", &self.p_max),
            ("state", &self.state),
            ("proposer", &self.proposer),
            ("entity", &self.entity),
            ("graffiti", &self.graffiti),
            ("conflict", &self.conflict),
            ("slots", &self.slots),
            ("missed", &self.missed),
            ("theme", &self.theme),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect()
    }

    fn href(&self, without: &str, extra: Option<(&str, &str)>) -> String {
        let mut pairs: Vec<(&str, &str)> =
            self.pairs().into_iter().filter(|(name, _)| *name != without).collect();
        pairs.extend(extra);
        format::address("/blocks", &pairs)
    }
}

pub(super) fn probability(name: &str, text: Option<&str>) -> Result<Option<f64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let value = text.replace(',', ".").parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.map(Some).ok_or_else(|| {
        ApiError::BadParameter(format!("{name} is {text:?}; a probability from 0 to 1 is wanted"))
    })
}

/// The filter, with whether every block of its slots passes.
fn filter(state: &AppState, query: &Query) -> Result<(BlockFilter, bool), ApiError> {
    let refuse = |text: String| ApiError::BadParameter(text);
    let verdict = verdict_of(query.client.as_deref())?;
    let states = match query.state.as_deref() {
        None => &[][..],
        Some(name) => {
            STATES.into_iter().find(|(code, ..)| *code == name).map(|(.., states)| states).ok_or_else(
                || {
                    let allowed: Vec<_> = STATES.iter().map(|(code, ..)| *code).collect();
                    refuse(format!("state is {name:?}; allowed are {}", allowed.join(", ")))
                },
            )?
        }
    };
    let low = probability("p_min", query.p_min.as_deref())?;
    let high = probability("p_max", query.p_max.as_deref())?;
    let probability = match (low, high) {
        (None, None) => None,
        (low, high) => Some(low.unwrap_or(0.0)..=high.unwrap_or(1.0)),
    };
    let proposer = match query.proposer.as_deref() {
        None => None,
        Some(text) => {
            let digits = text.replace([',', ' '], "");
            let index =
                digits.parse::<u64>().ok().filter(|index| *index < 1 << 40).ok_or_else(|| {
                    refuse(format!("proposer is {text:?}; the index of a validator is wanted"))
                })?;
            Some(std::iter::once(ValidatorIndex(index)).collect())
        }
    };
    let entity = match query.entity.as_deref() {
        None => None,
        Some(name) => Some(names::entity_named(state, name)?),
    };
    if proposer.is_some() && entity.is_some() {
        return Err(refuse("proposer and entity are both given; give one of them".to_owned()));
    }
    if query.graffiti.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(refuse(format!("graffiti is longer than {MAX_TEXT} characters")));
    }
    let conflict = match query.conflict.as_deref() {
        None => false,
        Some("1") => true,
        Some(other) => return Err(refuse(format!("conflict is {other:?}; allowed is 1"))),
    };
    let slots = query.slots.as_deref().map(|text| SlotRange::parse(state, text)).transpose()?;
    let filter = BlockFilter {
        slots: slots.map(|slots| slots.range()),
        proposers: proposer.or_else(|| entity.map(|entity| entity.validators.clone())),
        verdict,
        probability,
        graffiti: query.graffiti.clone(),
        states: states.to_vec(),
        conflict,
    };
    let is_whole = BlockFilter { slots: None, ..filter.clone() } == BlockFilter::default();
    Ok((filter, is_whole))
}

async fn build(state: &AppState, query: Query) -> Result<BlocksPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let hides_missed = match query.missed.as_deref() {
        None | Some("show") => false,
        Some("hide") => true,
        Some(other) => {
            return Err(ApiError::BadParameter(format!("missed is {other:?}; allowed are show and hide")));
        }
    };
    let (filter, is_whole) = filter(state, &query)?;
    let seek = cursor::seek(query.cursor.as_deref())?;
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let found = state.store().search_blocks(&filter, seek, BLOCKS).await?;
    let between = if is_whole && !hides_missed { Between::Shown } else { Between::Hidden };
    let latest = rows(state, &found.items, between);
    let chips = chips(state, &query);
    let (headline, lede) = headline(state, found.items.len(), &found.searched, &chips, found.older.is_some());
    let is_first = matches!(seek, Seek::Newest);
    let place = |cursor: Option<String>| cursor.map(|cursor| query.href("", Some(("cursor", &cursor))));
    let slots = found.searched.start.0..found.searched.end.0;
    Ok(BlocksPage {
        frame: Frame::new(state, Section::Blocks, newest.0, theme)
            .await
            .titled("Blocks", "Blocks of the beacon chain with the client that likely built each."),
        headline,
        lede,
        form: form(&query, &filter, hides_missed),
        empty: empty(newest, &chips, &slots),
        chips,
        latest,
        has_clock: state.settings().clock.is_some(),
        newest: query.href("", None),
        newer: if is_first { None } else { place(cursor::newer(found.newer)) },
        older: place(cursor::older(found.older)),
        live: if is_whole && filter.slots.is_none() && is_first {
            query.href("", None)
        } else {
            String::new()
        },
        data: data_address(state, &query, &filter),
    })
}

/// The address of the API for the rows of a page: the same filters, slots and place in the list.
fn data_address(state: &AppState, query: &Query, filter: &BlockFilter) -> String {
    let mut pairs: Vec<(&str, String)> = vec![("limit", BLOCKS.to_string())];
    let mut add = |name: &'static str, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    add("client", query.client.clone());
    if let Some(between) = &filter.probability {
        add("min_probability", query.p_min.as_ref().map(|_| between.start().to_string()));
        add("max_probability", query.p_max.as_ref().map(|_| between.end().to_string()));
    }
    add("proposer", query.proposer.as_ref().map(|text| text.replace([',', ' '], "")));
    let entity = query.entity.as_ref().and_then(|name| names::entity_named(state, name).ok());
    add("entity", entity.map(|entity| entity.slug.clone()));
    add("graffiti", query.graffiti.clone());
    add(
        "state",
        query.state.as_ref().map(|state| match state.as_str() {
            "final" => "finalized".to_owned(),
            "seen" => "unknown".to_owned(),
            same => same.to_owned(),
        }),
    );
    add("conflict", filter.conflict.then(|| "true".to_owned()));
    if let Some(slots) = &filter.slots {
        add("start_slot", Some(slots.start.0.to_string()));
        add("end_slot", Some(slots.end.0).filter(|end| *end <= MAX_SLOT).map(|end| end.to_string()));
        add("partial", Some("true".to_owned()));
    }
    add("cursor", query.cursor.clone());
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    format::address("/api/v1/blocks", &pairs)
}

fn headline(
    state: &AppState,
    count: usize,
    searched: &std::ops::Range<Slot>,
    chips: &[Chip],
    has_more: bool,
) -> (String, String) {
    if searched.is_empty() {
        return ("No blocks here.".to_owned(), String::new());
    }
    let seconds = state.settings().clock.map_or(SECONDS_PER_SLOT, |clock| clock.seconds_per_slot);
    let slots = searched.end.0 - searched.start.0;
    let title = format!(
        "{} in slots {}–{} ({})",
        format::counted(count as u64, "block"),
        format::count(searched.start.0),
        format::count(searched.end.0 - 1),
        format::duration(slots * seconds)
    );
    let lede = match (chips.is_empty(), has_more) {
        (true, _) => "Newest first. The probability is what the model gives the client it names.".to_owned(),
        (false, true) => {
            "Those that pass the filters, newest first. Slots before these have not been searched yet: see Older."
                .to_owned()
        }
        (false, false) => "Those that pass the filters, newest first.".to_owned(),
    };
    (title, lede)
}

fn empty(newest: Slot, chips: &[Chip], slots: &std::ops::Range<u64>) -> String {
    if newest.0 == 0 {
        return "No blocks yet. The first verdict comes with the next block that is judged.".to_owned();
    }
    let chosen: Vec<&str> = chips.iter().map(|chip| chip.text.as_str()).collect();
    if chosen.is_empty() {
        return "There are no blocks in these slots.".to_owned();
    }
    format!(
        "No blocks match {} in slots {}–{}. Remove a filter above.",
        chosen.join(", "),
        format::count(slots.start),
        format::count(slots.end.saturating_sub(1))
    )
}

fn chips(state: &AppState, query: &Query) -> Vec<Chip> {
    let text = |name: &str, value: &str| match name {
        "client" => {
            let found = CLIENTS.into_iter().find(|(code, _)| *code == value);
            found.map_or_else(|| value.to_owned(), |(_, verdict)| client_label(verdict).to_owned())
        }
        "p_min" => format!("p{NBSP}≥{NBSP}{value}"),
        "p_max" => format!("p{NBSP}≤{NBSP}{value}"),
        "state" => value.to_owned(),
        "proposer" => format!("proposer {value}"),
        "entity" => {
            let name = state.entities().by_slug(value).map_or(value, |entity| &entity.name);
            format::visible(name)
        }
        "graffiti" => format!("graffiti “{}”", format::visible(value)),
        "conflict" => "packing ≠ graffiti".to_owned(),
        "slots" => format!("slots {}", value.replace("..", "–")),
        "missed" => "missed slots hidden".to_owned(),
        _ => String::new(),
    };
    query
        .pairs()
        .into_iter()
        .filter(|(name, value)| *name != "theme" && (*name, *value) != ("missed", "show"))
        .map(|(name, value)| Chip { text: text(name, value), href: query.href(name, None) })
        .collect()
}

fn form(query: &Query, filter: &BlockFilter, hides_missed: bool) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Form {
        clients: client_choices(filter.verdict),
        states: STATES
            .into_iter()
            .map(|(value, label, states)| ClientChoice {
                value,
                label,
                is_chosen: states == filter.states.as_slice(),
            })
            .collect(),
        p_min: text(&query.p_min),
        p_max: text(&query.p_max),
        proposer: text(&query.proposer),
        entity: text(&query.entity),
        graffiti: text(&query.graffiti),
        conflict: filter.conflict,
        slots: text(&query.slots),
        hides_missed,
        is_filtered: query.pairs().iter().any(|(name, _)| *name != "theme"),
    }
}
