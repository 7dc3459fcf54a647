//! `/wall`: the answer for a screen on a wall, without navigation or scrolling.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::assets;
use super::charts::{Layout, interval_bars};
use super::confusion_table::{ConfusionTable, View};
use super::epochs::LatestEpochs;
use super::history::{History, default_history};
use super::latest::{self, LatestRow};
use super::method::Method;
use super::model;
use super::overview::headline_of;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Counted, Extent, in_words};
use crate::auth;
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::query::Params;
use crate::state::AppState;

/// Rows of latest blocks.
const ROWS: usize = 13;
/// Seconds between reloads without script.
const RELOAD_SECONDS: u64 = 60;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    method: Option<String>,
    theme: Option<String>,
    rotate: Option<String>,
    every: Option<u64>,
    view: Option<String>,
}

#[derive(Template)]
#[template(path = "wall.html")]
struct WallPage {
    frame: Frame,
    assets: &'static str,
    theme: &'static str,
    headline: String,
    lede: String,
    is_stale: bool,
    model: String,
    now: String,
    time: String,
    time_subtitle: String,
    latest: Option<Vec<LatestRow>>,
    /// What readers who may not see single blocks see instead.
    epochs: LatestEpochs,
    confusion: Option<ConfusionTable>,
    is_overview: bool,
    /// `60;url=…`
    refresh: String,
    /// Whether the refresh is wanted with script too, because it leads to another view.
    rotates: bool,
}

/// What the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Overview,
    Model,
    Sync,
}

impl Shown {
    const ALL: [Self; 3] = [Self::Overview, Self::Model, Self::Sync];

    const fn code(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Model => "model",
            Self::Sync => "sync",
        }
    }

    fn parse(text: &str) -> Result<Self, ApiError> {
        Self::ALL.into_iter().find(|shown| shown.code() == text).ok_or_else(|| {
            ApiError::BadParameter(format!("{text:?} is no view; allowed are overview, model and sync"))
        })
    }
}

/// The page.
pub(super) async fn wall(
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

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<WallPage, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let method = Method::parse(query.method.as_deref())?;
    let theme = page::theme_of(query.theme.as_deref())?.unwrap_or("dark");
    let every = query.every.unwrap_or(RELOAD_SECONDS).clamp(5, 3_600);
    let rotation = match query.rotate.as_deref() {
        None => Vec::new(),
        Some(list) => list.split(',').map(Shown::parse).collect::<Result<_, _>>()?,
    };
    if rotation.len() > 12 {
        return Err(ApiError::BadParameter("rotate names more than 12 views".to_owned()));
    }
    let shown = match query.view.as_deref() {
        Some(view) => Shown::parse(view)?,
        None => rotation.first().copied().unwrap_or(Shown::Overview),
    };
    let place = rotation.iter().position(|view| *view == shown).unwrap_or(0);
    let next = rotation.get(place + 1).or(rotation.first());
    let refresh = match next {
        Some(next) => format!(
            "{every};url=/wall?view={}&rotate={}&every={every}&period={}&theme={theme}{}",
            next.code(),
            rotation.iter().map(|view| view.code()).collect::<Vec<_>>().join(","),
            period.code(),
            Method::parameter(method)
        ),
        None => RELOAD_SECONDS.to_string(),
    };
    let extent = Extent::read(state).await?;
    let counted = Counted::read(state, &extent, period, method).await?;
    let answer = match shown {
        Shown::Overview => headline_of(state, &extent, &counted),
        Shown::Model => model::wall_answer(state),
        Shown::Sync => super::sync::wall_answer(state, &extent).await?,
    };
    let history = History::read(state, &extent, default_history(&extent), &counted.basis).await?;
    let allowed = auth::is_allowed(&state.settings().private, headers);
    let info = state.model().map(|model| model.info());
    let confusion = info
        .and_then(model::confusion_of)
        .filter(|_| shown == Shown::Model)
        .map(|matrix| ConfusionTable::of(matrix, View::Rows, "built by", "taken for"));
    Ok(WallPage {
        frame: Frame::new(state, Section::Overview, extent.newest.0, Some(theme)).await,
        assets: assets::version(),
        theme,
        headline: answer.title,
        lede: answer.lede,
        is_stale: matches!(state.freshness(extent.newest.0), Freshness::Stale { .. }),
        model: page::model_text(state),
        now: interval_bars("now", Layout::Wall, &counted.rows, &in_words(&counted.rows)),
        time: history.timeline.wide("time", Layout::Wall, &history.description),
        time_subtitle: history.subtitle(),
        latest: if allowed { Some(latest::rows(state, ROWS).await?) } else { None },
        epochs: if allowed {
            LatestEpochs::default()
        } else {
            LatestEpochs::read(state, &extent, ROWS as u64).await?
        },
        confusion,
        is_overview: shown != Shown::Model,
        refresh,
        rotates: next.is_some(),
    })
}
