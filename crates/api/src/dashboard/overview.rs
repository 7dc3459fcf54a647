//! `/`: is any client above one third, how sure, since when.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Slot};
use serde::Deserialize;
use store::ClientCounts;

use super::charts::Series;
use super::embed::EmbedCode;
use super::format::{self, NBSP, Utc};
use super::headline;
use super::history::{BucketRow, History, TimeCard, default_history, time_card};
use super::latest::{self, LatestRow};
use super::method::Method;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Counted, Extent, NowCard, blocks_of, now_card};
use crate::auth;
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::query::Params;
use crate::state::AppState;
use crate::v1::missing;

/// Rows of the table of blocks.
const LATEST_BLOCKS: usize = 10;
/// Epochs shown to readers who may not see single blocks.
const LATEST_EPOCHS: u64 = 8;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    method: Option<String>,
    period: Option<String>,
    history: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    over: String,
    headline: String,
    lede: String,
    now: NowCard,
    time: TimeCard,
    /// `None` for readers who may not see single blocks.
    latest: Option<Vec<LatestRow>>,
    has_clock: bool,
    reload: String,
    methods: Vec<Choice>,
    now_embed: EmbedCode,
    time_embed: EmbedCode,
    epoch_heads: Vec<&'static str>,
    epochs: Vec<BucketRow>,
}

/// The overview.
pub(super) async fn overview(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build(&state, &headers, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<OverviewPage, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let extent = Extent::read(state).await?;
    let history = Period::parse("history", query.history.as_deref(), default_history(&extent))?;
    let theme = page::theme_of(query.theme.as_deref())?;
    let method = Method::parse(query.method.as_deref())?;
    let clock = state.settings().clock;
    let counted = Counted::read(state, &extent, period, method).await?;
    let answer = headline_of(state, &extent, &counted);
    let links = Links { period, history, method, theme };
    let now = now_card(&extent, &counted, links.now());
    let drawn = History::read(state, &extent, history, &counted.basis).await?;
    let time = time_card(state, &extent, &drawn, links.history(), &counted.basis);
    let allowed = auth::is_allowed(&state.settings().private, headers);
    let latest = if allowed { Some(latest::rows(state, LATEST_BLOCKS).await?) } else { None };
    let (epoch_heads, epochs) =
        if allowed { (Vec::new(), Vec::new()) } else { epochs(state, &extent).await? };
    Ok(OverviewPage {
        frame: Frame {
            filling: filling(state, &extent).await?,
            ..Frame::new(state, Section::Overview, extent.newest.0, theme)
        },
        over: over_text(state, &extent),
        headline: answer.title,
        lede: answer.lede,
        now,
        time,
        methods: counted
            .basis
            .choices(state, &counted.counts, |method| links.with(period, history, Some(method))),
        now_embed: EmbedCode::shares(period, &counted),
        time_embed: EmbedCode::timeline(history, counted.basis.method(), &drawn),
        latest,
        has_clock: clock.is_some(),
        reload: links.href(period, history),
        epoch_heads,
        epochs,
    })
}

#[derive(Template)]
#[template(path = "latest.html")]
struct LatestPage {
    frame: Frame,
    latest: Vec<LatestRow>,
    has_clock: bool,
}

/// The newest rows and the freshness alone, for script.
pub(super) async fn latest(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let page = build_latest(&state, &headers).await;
    page::answer(&state, page).await
}

async fn build_latest(state: &AppState, headers: &HeaderMap) -> Result<LatestPage, ApiError> {
    let access = &state.settings().private;
    if !auth::is_allowed(access, headers) {
        return Err(auth::refusal(access));
    }
    let newest = state.store().sync_status().await?.greatest_block_slot;
    Ok(LatestPage {
        frame: Frame::new(state, Section::Overview, newest.0, None),
        latest: latest::rows(state, LATEST_BLOCKS).await?,
        has_clock: state.settings().clock.is_some(),
    })
}

/// The notice while ranges of history wait to be filled, or are.
async fn filling(state: &AppState, extent: &Extent) -> Result<Option<String>, ApiError> {
    let work = state.store().work_status(state.now().saturating_mul(1_000)).await?;
    if work.taken + work.waiting == 0 || !extent.has_blocks {
        return Ok(None);
    }
    let after = extent.newest.0 + 1;
    let slots = after.saturating_sub(extent.first);
    let absent = missing(&extent.gaps, Slot(extent.first), Slot(after)).min(slots);
    Ok((absent > 0).then(|| {
        format!(
            "History is being filled: {} of {} are there. Shares use what is there.",
            format::count(slots - absent),
            format::counted(slots, "slot")
        )
    }))
}

/// The answer for a period.
pub(super) fn headline_of(state: &AppState, extent: &Extent, counted: &Counted) -> headline::Headline {
    let n = counted.counts.total();
    let period = counted.stretch.period;
    if n == 0 && extent.has_blocks {
        return headline::Headline {
            title: format!("No blocks {}.", period.within()),
            lede: "None of this period is stored. The page on completeness says why.".to_owned(),
        };
    }
    // A period between two ends says itself how old it is.
    let since = match (state.freshness(extent.newest.0), period) {
        (Freshness::Stale { since, .. }, named) if !matches!(named, Period::Between(_)) => {
            Some(page::since_text(since))
        }
        _ => None,
    };
    let span = counted.stretch.text(state);
    headline::overview(&counted.rows, n, since.as_deref(), &span, counted.basis.unnamed())
}

struct Links {
    period: Period,
    history: Period,
    method: Option<Method>,
    theme: Option<&'static str>,
}

impl Links {
    fn href(&self, period: Period, history: Period) -> String {
        self.with(period, history, self.method)
    }

    fn with(&self, period: Period, history: Period, method: Option<Method>) -> String {
        let theme = self.theme.map_or_else(String::new, |theme| format!("&theme={theme}"));
        let method = Method::parameter(method);
        format!("/?period={}&history={}{method}{theme}", period.code(), history.code())
    }

    fn now(&self) -> Vec<Choice<String>> {
        self.period.choices(&Period::NOW, |period| self.href(period, self.history))
    }

    fn history(&self) -> Vec<Choice<String>> {
        self.history.choices(&Period::HISTORY, |history| self.href(self.period, history))
    }
}

fn over_text(state: &AppState, extent: &Extent) -> String {
    if !extent.has_blocks {
        return "Consensus clients".to_owned();
    }
    match state.settings().clock {
        Some(clock) => {
            let time = Utc::from_unix(clock.start_of(extent.newest.0));
            format!("Consensus clients, to {} {}{NBSP}UTC", time.date(), time.hour_and_minute())
        }
        None => format!("Consensus clients, to slot{NBSP}{}", format::count(extent.newest.0)),
    }
}

async fn epochs(state: &AppState, extent: &Extent) -> Result<(Vec<&'static str>, Vec<BucketRow>), ApiError> {
    let end = extent.end_epoch();
    let range = Epoch(end.saturating_sub(LATEST_EPOCHS)).start_slot()..Epoch(end).start_slot();
    let counts = state.store().shares(range, SLOTS_PER_EPOCH).await?;
    let shown: Vec<_> =
        Series::all().filter(|series| series.is_named() || *series == Series::Unknown).collect();
    let row = |(slot, counts): &(Slot, ClientCounts)| BucketRow {
        start: format::count(slot.epoch().0),
        n: format::count(counts.total()),
        cells: shown.iter().map(|series| format::count(blocks_of(counts, *series))).collect(),
    };
    Ok((shown.iter().map(|series| series.name()).collect(), counts.iter().rev().map(row).collect()))
}
