//! `/`: is any client above one third, how sure, since when.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::broken_rules::BrokenRules;
use super::embed::EmbedCode;
use super::epochs::LatestEpochs;
use super::format::{self, NBSP, Utc};
use super::headline;
use super::history::{History, TimeCard, default_history, time_card};
use super::latest::{self, LatestRow};
use super::method::Method;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Counted, Extent, Links as NameLinks, NowCard, Only, now_card};
use crate::auth;
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::query::Params;
use crate::state::AppState;

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
    clients: Option<String>,
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
    /// What readers who may not see single blocks see instead.
    epochs: LatestEpochs,
    /// The clients that alone are drawn, and the address with all of them.
    only: Option<(String, String)>,
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
    let only = Only::parse(query.clients.as_deref())?;
    let allowed = auth::is_allowed(&state.settings().private, headers);
    let links = Links { period, history, method, only: only.clone(), theme };
    let names = if allowed { NameLinks::ToBlocks } else { NameLinks::None };
    let now = now_card(&extent, &counted, &only, links.now(), names);
    let drawn = History::read(state, &extent, history, &counted.basis).await?.only(&only);
    let time = time_card(state, &extent, &drawn, links.history(), &counted.basis);
    let latest = if allowed { Some(latest::rows(state, LATEST_BLOCKS).await?) } else { None };
    let epochs = if allowed {
        LatestEpochs::default()
    } else {
        LatestEpochs::read(state, &extent, LATEST_EPOCHS).await?
    };
    Ok(OverviewPage {
        frame: Frame::new(state, Section::Overview, extent.newest.0, theme)
            .await
            .with_drift(BrokenRules::read(state, extent.newest).await?.notice()),
        over: over_text(state, &extent),
        headline: answer.title,
        lede: answer.lede,
        now,
        time,
        methods: counted
            .basis
            .choices(state, &counted.counts, |method| links.with(period, history, Some(method))),
        now_embed: EmbedCode::shares(period, &counted, &only),
        time_embed: EmbedCode::timeline(history, counted.basis.method(), &only, &drawn),
        latest,
        has_clock: clock.is_some(),
        reload: links.href(period, history),
        epochs,
        only: only.names().map(|names| {
            let all = Links { only: Only::default(), ..links };
            (names, all.href(period, history))
        }),
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
        frame: Frame::new(state, Section::Overview, newest.0, None).await,
        latest: latest::rows(state, LATEST_BLOCKS).await?,
        has_clock: state.settings().clock.is_some(),
    })
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
    only: Only,
    theme: Option<&'static str>,
}

impl Links {
    fn href(&self, period: Period, history: Period) -> String {
        self.with(period, history, self.method)
    }

    fn with(&self, period: Period, history: Period, method: Option<Method>) -> String {
        let theme = self.theme.map_or_else(String::new, |theme| format!("&theme={theme}"));
        let method = Method::parameter(method);
        let clients = self.only.parameter();
        format!("/?period={}&history={}{method}{clients}{theme}", period.code(), history.code())
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
