//! `/entities`: which clients those who run many validators build their blocks with.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use store::ClientCounts;

use super::charts::{IntervalRow, Series, parts};
use super::format::{self, NBSP, Precision, Utc};
use super::headline::{ENOUGH_BLOCKS, against};
use super::method::{Basis, Method};
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Extent, Stretch};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Entities of the list.
const LISTED: usize = 200;
/// The periods offered: longer ones would read too many rows.
const PERIODS: [Period; 3] = [Period::Day, Period::Week, Period::Month];
/// The longest stretch between two ends: 31 days of mainnet.
const MOST_EPOCHS: u64 = 31 * 225;

/// The parameters of the pages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    method: Option<String>,
    pub(super) theme: Option<String>,
}

#[derive(Template)]
#[template(path = "entities.html")]
struct EntitiesPage {
    frame: Frame,
    headline: String,
    lede: String,
    methods: Vec<Choice>,
    choices: Vec<Choice<String>>,
    rows: Vec<Row>,
    note: String,
    empty: String,
    /// Where the API has the blocks counted.
    data: String,
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

/// The period and the method of an address.
pub(super) struct Asked {
    path: String,
    period: Period,
    pub(super) method: Option<Method>,
    pub(super) stretch: Stretch,
}

impl Asked {
    pub(super) fn read(query: &Query, extent: &Extent, path: String) -> Result<Self, ApiError> {
        let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
        let method = Method::parse(query.method.as_deref())?;
        let is_offered = PERIODS.contains(&period) || matches!(period, Period::Between(_));
        if !is_offered {
            return Err(ApiError::BadParameter(format!(
                "period is {:?}; allowed are 1d, 7d, 30d here, and two epochs or days",
                period.code()
            )));
        }
        let stretch = extent.stretch(period)?;
        let epochs = stretch.epochs.end - stretch.epochs.start;
        if epochs > MOST_EPOCHS {
            return Err(ApiError::BadParameter(format!(
                "period is {}, which are {} epochs; at most {} (31{NBSP}days) can be divided among entities",
                period.code(),
                format::count(epochs),
                format::count(MOST_EPOCHS)
            )));
        }
        Ok(Self { path, period, method, stretch })
    }

    fn href(&self, period: Period, method: Option<Method>) -> String {
        format!("{}?period={}{}", self.path, period.code(), Method::parameter(method))
    }

    /// The page of an entity, with the same period and method.
    fn of_entity(&self, slug: &str) -> String {
        format!("/entities/{slug}?period={}{}", self.period.code(), Method::parameter(self.method))
    }

    /// The end of an address of the API that has the same slots.
    pub(super) fn slots(&self) -> String {
        format!("start_slot={}&end_slot={}&partial=true", self.stretch.slots.start, self.stretch.slots.end)
    }

    pub(super) fn periods(&self) -> Vec<Choice<String>> {
        self.period.choices(&PERIODS, |period| self.href(period, self.method))
    }

    pub(super) fn methods(&self, state: &AppState, basis: &Basis, counts: &ClientCounts) -> Vec<Choice> {
        basis.choices(state, counts, |method| self.href(self.period, Some(method)))
    }
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
async fn counts(state: &AppState, stretch: &Stretch) -> Result<Vec<ClientCounts>, ApiError> {
    let known = state.entities();
    let groups = known.list().len();
    Ok(state
        .store()
        .blocks_per_group(stretch.range(), groups, |validator| known.position_of(validator))
        .await?)
}

async fn build(state: &AppState, query: &Query) -> Result<EntitiesPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let extent = Extent::read(state).await?;
    let asked = Asked::read(query, &extent, "/entities".to_owned())?;
    let frame = Frame::new(state, Section::Entities, extent.newest.0, theme)
        .await
        .titled("Entities", "Which consensus clients those who run many validators build their blocks with.");
    let known = state.entities();
    if known.is_empty() {
        return Ok(EntitiesPage {
            frame,
            headline: "No entities are listed on this server.".to_owned(),
            lede: "Validators have no names of their own. The operator may give a file that names who runs which."
                .to_owned(),
            methods: Vec::new(),
            choices: Vec::new(),
            rows: Vec::new(),
            note: String::new(),
            empty: "Without such a file blocks belong to validators only.".to_owned(),
            data: String::new(),
        });
    }
    let counts = counts(state, &asked.stretch).await?;
    let mut sum = ClientCounts::default();
    counts.iter().for_each(|counts| sum += *counts);
    let all = sum.total();
    let unlisted = counts.last().map_or(0, ClientCounts::total);
    let basis = Basis::of(state, &asked.stretch, asked.method, &sum).await?;
    let mut found: Vec<_> =
        known.list().iter().zip(&counts).filter(|(_, counts)| counts.total() > 0).collect();
    found.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.total()));
    // One order of clients in all bars: that of all blocks.
    let mut shares =
        basis.rows_of([sum].into_iter().chain(found.iter().map(|(_, counts)| **counts)).collect()).await?;
    let order: Vec<Series> = shares.drain(..1).flatten().map(|row| row.series).collect();
    let names_one_client = |rows: &[IntervalRow]| rows.iter().any(|row| against(row).1 == "above");
    let decided = found
        .iter()
        .zip(&shares)
        .filter(|((_, counts), rows)| counts.total() >= ENOUGH_BLOCKS && names_one_client(rows))
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
    let rows = found
        .iter()
        .zip(&shares)
        .take(LISTED)
        .enumerate()
        .map(|(at, ((entity, counts), shares))| Row {
            name: format::visible(&entity.name),
            href: asked.of_entity(&entity.slug),
            blocks: format::count(counts.total()),
            share: format!("{:.1}", counts.total() as f64 * 100.0 / all.max(1) as f64),
            bar: bar(at, &entity.name, shares, &order),
            largest: largest(counts.total(), shares),
        })
        .collect();
    let percent = unlisted as f64 * 100.0 / all.max(1) as f64;
    Ok(EntitiesPage {
        frame,
        headline,
        lede: format!(
            "Of entities with at least {ENOUGH_BLOCKS} blocks {}. {}",
            asked.stretch.text(state),
            basis.in_short()
        ),
        methods: asked.methods(state, &basis, &sum),
        choices: asked.periods(),
        rows,
        note: format!(
            "Names come from {}{}. {percent:.0}{NBSP}% of blocks belong to no listed entity.",
            format::visible(known.source()),
            known.changed().map_or_else(String::new, |unix| format!(" ({})", Utc::from_unix(unix).date()))
        ),
        empty: "No block of a listed entity in this period.".to_owned(),
        data: format!("/api/v1/entities?{}", asked.slots()),
    })
}

fn bar(at: usize, name: &str, shares: &[IntervalRow], order: &[Series]) -> String {
    let share_of =
        |series: &Series| shares.iter().find(|row| row.series == *series).map_or(0.0, |row| row.share);
    let rows: Vec<(Series, f64)> = order.iter().map(|series| (*series, share_of(series))).collect();
    let words: Vec<_> = rows
        .iter()
        .filter(|(_, part)| *part >= 0.005)
        .map(|(series, part)| format!("{} {:.0}{NBSP}%", series.name(), part * 100.0))
        .collect();
    parts(&format!("entity-{at}"), &format!("Blocks of {}", format::visible(name)), &rows, &words.join(", "))
}

fn largest(n: u64, shares: &[IntervalRow]) -> String {
    if n < ENOUGH_BLOCKS {
        return format!("<span class=\"quiet\">too few to say: n{NBSP}={NBSP}{n}</span>");
    }
    shares.iter().find(|row| row.series.is_named()).map_or_else(String::new, |row| {
        let precision = Precision::of([(row.low, row.high)]);
        format!(
            "{} {} <span class=\"quiet\">{}</span>",
            row.series.label(),
            precision.share(row.share),
            precision.interval(row.low, row.high)
        )
    })
}
