//! `/entities`: which clients those who run many validators build their blocks with.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::Slot;
use consensus::primitives::SLOTS_PER_EPOCH;
use serde::Deserialize;
use store::ClientCounts;

use super::charts::{IntervalRow, Layout, Series, interval_bars, parts};
use super::format::{self, NBSP, Precision};
use super::headline::{ENOUGH_BLOCKS, against};
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Extent, blocks_of, in_words, interval_rows, period_text};
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Entities of the list.
const LISTED: usize = 200;
/// The periods offered: longer ones would read too many rows.
const PERIODS: [Period; 3] = [Period::Day, Period::Week, Period::Month];

/// The parameters of the pages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "entities.html")]
struct EntitiesPage {
    frame: Frame,
    headline: String,
    lede: String,
    choices: Vec<Choice>,
    rows: Vec<Row>,
    note: String,
    empty: String,
}

struct Row {
    name: String,
    href: String,
    blocks: String,
    share: String,
    /// The bar, as SVG.
    bar: String,
    /// The largest client with its interval, as HTML.
    largest: String,
}

fn period_of(query: &Query) -> Result<Period, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    if PERIODS.contains(&period) {
        return Ok(period);
    }
    Err(ApiError::BadParameter(format!("period is {:?}; allowed are 1d, 7d, 30d here", period.code())))
}

fn choices(path: &str, period: Period) -> Vec<Choice> {
    let choice = |each: Period| Choice {
        href: format!("{path}?period={}", each.code()),
        label: each.label(),
        current: each == period,
    };
    PERIODS.into_iter().map(choice).collect()
}

/// The list.
pub(super) async fn entities(
    State(state): State<AppState>,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build(&state, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

/// Blocks per entity, in the order of the list, and those of nobody.
async fn counts(state: &AppState, extent: &Extent, period: Period) -> Result<Vec<ClientCounts>, ApiError> {
    let known = state.entities();
    let range = Slot(extent.start_epoch(period) * SLOTS_PER_EPOCH)..Slot(extent.newest.0 + 1);
    let groups = known.list().len();
    Ok(state.store().blocks_per_group(range, groups, |validator| known.position_of(validator)).await?)
}

async fn build(state: &AppState, query: &Query) -> Result<EntitiesPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let period = period_of(query)?;
    let extent = Extent::read(state).await?;
    let frame = Frame::new(state, Section::Entities, extent.newest.0, theme)
        .titled("Entities", "Which consensus clients those who run many validators build their blocks with.");
    let known = state.entities();
    if known.is_empty() {
        return Ok(EntitiesPage {
            frame,
            headline: "No entities are listed on this server.".to_owned(),
            lede: "Validators have no names of their own. The operator may give a file that names who runs which."
                .to_owned(),
            choices: Vec::new(),
            rows: Vec::new(),
            note: String::new(),
            empty: "Without such a file blocks belong to validators only.".to_owned(),
        });
    }
    let counts = counts(state, &extent, period).await?;
    let all: u64 = counts.iter().map(ClientCounts::total).sum();
    let unlisted = counts.last().map_or(0, ClientCounts::total);
    let mut found: Vec<_> =
        known.list().iter().zip(&counts).filter(|(_, counts)| counts.total() > 0).collect();
    found.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.total()));
    let names_one_client = |rows: &[IntervalRow]| rows.iter().any(|row| against(row).1 == "above");
    let decided = found
        .iter()
        .filter(|(_, counts)| counts.total() >= ENOUGH_BLOCKS && names_one_client(&interval_rows(counts)))
        .count();
    let enough = found.iter().filter(|(_, counts)| counts.total() >= ENOUGH_BLOCKS).count();
    let headline = if found.is_empty() {
        "No block of a listed entity in this period.".to_owned()
    } else if enough == 0 {
        "Too few blocks yet to say what an entity builds with.".to_owned()
    } else {
        let of = if enough == 1 {
            "1 entity".to_owned()
        } else {
            format!("{} entities", format::count(enough as u64))
        };
        match decided {
            0 => format!("None of {of} builds more than two thirds of its blocks with one client."),
            1 => format!("1 of {of} builds more than two thirds of its blocks with one client."),
            _ => format!(
                "{} of {of} build more than two thirds of their blocks with one client.",
                format::count(decided as u64)
            ),
        }
    };
    // One order of clients in all bars: that of all blocks.
    let mut sum = ClientCounts::default();
    counts.iter().for_each(|counts| sum += *counts);
    let order: Vec<Series> = interval_rows(&sum).iter().map(|row| row.series).collect();
    let rows = found
        .iter()
        .take(LISTED)
        .enumerate()
        .map(|(at, (entity, counts))| Row {
            name: format::visible(&entity.name),
            href: format!("/entities/{}", entity.slug),
            blocks: format::count(counts.total()),
            share: format!("{:.1}", counts.total() as f64 * 100.0 / all.max(1) as f64),
            bar: bar(at, &entity.name, counts, &order),
            largest: largest(counts),
        })
        .collect();
    let percent = unlisted as f64 * 100.0 / all.max(1) as f64;
    Ok(EntitiesPage {
        frame,
        headline,
        lede: format!(
            "Of entities with at least {ENOUGH_BLOCKS} blocks {}. Counted by likeliest client.",
            period_text(state, &extent, extent.start_epoch(period))
        ),
        choices: choices("/entities", period),
        rows,
        note: format!(
            "Names come from {}. {percent:.0}{NBSP}% of blocks belong to no listed entity.",
            format::visible(known.source())
        ),
        empty: "No block of a listed entity in this period.".to_owned(),
    })
}

fn bar(at: usize, name: &str, counts: &ClientCounts, order: &[Series]) -> String {
    let n = counts.total().max(1);
    let rows: Vec<(Series, f64)> =
        order.iter().map(|series| (*series, blocks_of(counts, *series) as f64 / n as f64)).collect();
    let words: Vec<_> = rows
        .iter()
        .filter(|(_, part)| *part > 0.0)
        .map(|(series, part)| format!("{} {:.0}{NBSP}%", series.name(), part * 100.0))
        .collect();
    parts(&format!("entity-{at}"), &format!("Blocks of {}", format::visible(name)), &rows, &words.join(", "))
}

fn largest(counts: &ClientCounts) -> String {
    let rows = interval_rows(counts);
    if counts.total() < ENOUGH_BLOCKS {
        return format!("<span class=\"quiet\">too few to say: n{NBSP}={NBSP}{}</span>", counts.total());
    }
    rows.iter().find(|row| row.series.is_named()).map_or_else(String::new, |row| {
        let precision = Precision::of([(row.low, row.high)]);
        format!(
            "{} {} <span class=\"quiet\">{}</span>",
            row.series.label(),
            precision.share(row.share),
            precision.interval(row.low, row.high)
        )
    })
}

#[derive(Template)]
#[template(path = "entity.html")]
struct EntityPage {
    frame: Frame,
    name: String,
    headline: String,
    lede: String,
    choices: Vec<Choice>,
    wide: String,
    narrow: String,
    rows: Vec<EntityRow>,
    note: String,
    validators: String,
    /// Where its blocks are listed; empty for readers who may not see them.
    blocks: String,
    list: String,
}

struct EntityRow {
    label: String,
    share: String,
    interval: String,
    blocks: String,
    third: &'static str,
    two_thirds: &'static str,
}

/// One entity.
pub(super) async fn entity(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build_entity(&state, &slug, &headers, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build_entity(
    state: &AppState,
    slug: &str,
    headers: &HeaderMap,
    query: &Query,
) -> Result<EntityPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let period = period_of(query)?;
    let entity = state.entities().by_slug(slug).ok_or_else(|| {
        ApiError::Missing(format!("there is no entity {:?}", slug.chars().take(60).collect::<String>()))
    })?;
    let extent = Extent::read(state).await?;
    let range = Slot(extent.start_epoch(period) * SLOTS_PER_EPOCH)..Slot(extent.newest.0 + 1);
    let groups = state
        .store()
        .blocks_per_group(range, 1, |validator| entity.validators.contains(validator).then_some(0))
        .await?;
    let counts = groups.first().copied().unwrap_or_default();
    let rows = interval_rows(&counts);
    let n = counts.total();
    let name = format::visible(&entity.name);
    let span = period_text(state, &extent, extent.start_epoch(period));
    let headline = match rows.iter().find(|row| row.series.is_named()) {
        Some(top) if n >= ENOUGH_BLOCKS => {
            let precision = Precision::of([(top.low, top.high)]);
            format!(
                "{name} builds {} of its blocks with {} ({}{NBSP}%, n{NBSP}={NBSP}{}).",
                precision.share(top.share),
                top.series.name(),
                precision.interval(top.low, top.high),
                format::count(n)
            )
        }
        _ => format!("Too few blocks of {name} to say: n{NBSP}={NBSP}{}.", format::count(n)),
    };
    let words = in_words(&rows);
    let precision = Precision::of(rows.iter().map(|row| (row.low, row.high)));
    let table_row = |row: &IntervalRow| {
        let (third, two_thirds) = against(row);
        EntityRow {
            label: row.series.label(),
            share: precision.share(row.share),
            interval: precision.interval(row.low, row.high),
            blocks: format::count(blocks_of(&counts, row.series)),
            third,
            two_thirds,
        }
    };
    let allowed = auth::is_allowed(&state.settings().private, headers);
    Ok(EntityPage {
        frame: Frame::new(state, Section::Entities, extent.newest.0, theme)
            .titled(name.clone(), format!("Which consensus clients {name} builds its blocks with.")),
        headline,
        lede: format!("From {} {span}. Counted by likeliest client.", format::counted(n, "block")),
        choices: choices(&format!("/entities/{}", entity.slug), period),
        wide: interval_bars("entity", Layout::Wide, &rows, &words),
        narrow: interval_bars("entity", Layout::Narrow, &rows, &words),
        rows: rows.iter().map(table_row).collect(),
        note: format!(
            "Solid part: 95{NBSP}% interval. Upright tick: share. n{NBSP}={NBSP}{}.",
            format::counted(n, "block")
        ),
        validators: format::counted(entity.validators.len(), "validator"),
        blocks: if allowed { format!("/blocks?entity={}", entity.slug) } else { String::new() },
        list: if allowed { format!("/validators?entity={}", entity.slug) } else { String::new() },
        name,
    })
}
