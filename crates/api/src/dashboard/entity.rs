//! `/entities/{slug}`: which clients one entity builds its blocks with, and since when.

use std::ops::Range;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::Slot;
use consensus::primitives::SLOTS_PER_EPOCH;
use store::ClientCounts;

use super::charts::{IntervalRow, Layout, interval_bars};
use super::entities::{Asked, Query};
use super::format::{self, NBSP, Precision};
use super::headline::{ENOUGH_BLOCKS, against};
use super::history::{History, TimeCard, time_card};
use super::method::{Basis, Method};
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Extent, Stretch, blocks_of, in_words};
use super::time_axis::TimeAxis;
use crate::auth;
use crate::entities::Entity;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Epochs of a day on mainnet.
const DAY: u64 = 225;
/// Days of a week.
const WEEK: usize = 7;
/// With fewer blocks a day, lines go by week.
const BLOCKS_PER_DAY: u64 = 50;

#[derive(Template)]
#[template(path = "entity.html")]
struct EntityPage {
    frame: Frame,
    name: String,
    headline: String,
    lede: String,
    methods: Vec<Choice>,
    choices: Vec<Choice<String>>,
    subtitle: String,
    wide: String,
    narrow: String,
    rows: Vec<EntityRow>,
    /// Where the API has the blocks counted.
    data: String,
    note: String,
    time: TimeCard,
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
        Ok(Params(query)) => build(&state, &slug, &headers, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(
    state: &AppState,
    slug: &str,
    headers: &HeaderMap,
    query: &Query,
) -> Result<EntityPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let entity = state.entities().by_slug(slug).ok_or_else(|| {
        ApiError::Missing(format!("there is no entity {:?}", slug.chars().take(60).collect::<String>()))
    })?;
    let extent = Extent::read(state).await?;
    let asked = Asked::read(query, &extent, format!("/entities/{}", entity.slug))?;
    let found = Found::read(state, &extent, entity, &asked.stretch).await?;
    let counts = found.counts;
    let basis = Basis::of(state, &asked.stretch, asked.method, &counts).await?;
    let rows = basis.rows(&counts);
    let n = counts.total();
    let name = format::visible(&entity.name);
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
            .await
            .titled(name.clone(), format!("Which consensus clients {name} builds its blocks with.")),
        headline: headline(&name, n, &rows, &basis),
        lede: format!(
            "From {} {}. {}",
            format::counted(n, "block"),
            asked.stretch.text(state),
            basis.in_short()
        ),
        methods: asked.methods(state, &basis, &counts),
        choices: asked.periods(),
        subtitle: match basis.method() {
            Method::Counted => format!("Share of its blocks, counted, with 95{NBSP}% intervals"),
            Method::Estimated => format!("Estimated share of its blocks, with 95{NBSP}% intervals"),
        },
        wide: interval_bars("entity", Layout::Wide, &rows, &words),
        narrow: interval_bars("entity", Layout::Narrow, &rows, &words),
        rows: rows.iter().map(table_row).collect(),
        data: format!("/api/v1/entities/{}?{}", entity.slug, asked.slots()),
        note: format!(
            "Solid part: 95{NBSP}% interval. Upright tick: share. n{NBSP}={NBSP}{}.",
            format::counted(n, "block")
        ),
        time: {
            let history = History::draw(found.axis, found.buckets, &extent, &basis).await?;
            // The API has no shares of one entity by day.
            TimeCard { plot: None, ..time_card(state, &extent, &history, Vec::new(), &basis) }
        },
        validators: format::counted(entity.validators.len(), "validator"),
        blocks: if allowed { format!("/blocks?entity={}", entity.slug) } else { String::new() },
        list: if allowed { format!("/validators?entity={}", entity.slug) } else { String::new() },
        name,
    })
}

fn headline(name: &str, n: u64, rows: &[IntervalRow], basis: &Basis) -> String {
    match rows.iter().find(|row| row.series.is_named()) {
        Some(top) if n >= ENOUGH_BLOCKS => {
            let precision = Precision::of([(top.low, top.high)]);
            let estimated = match basis.method() {
                Method::Counted => "",
                Method::Estimated => "an estimated ",
            };
            format!(
                "{name} builds {estimated}{} of its blocks with {} ({}{NBSP}%, n{NBSP}={NBSP}{}).",
                precision.share(top.share),
                top.series.name(),
                precision.interval(top.low, top.high),
                format::count(n)
            )
        }
        _ => format!("Too few blocks of {name} to say: n{NBSP}={NBSP}{}.", format::count(n)),
    }
}

/// What was counted of an entity.
struct Found {
    /// In the period asked for.
    counts: ClientCounts,
    axis: TimeAxis,
    /// By the buckets of the axis.
    buckets: Vec<(Slot, ClientCounts)>,
}

impl Found {
    /// Reads the rows once: for the period, and by day for the last thirty days, or the days between the ends named.
    async fn read(
        state: &AppState,
        extent: &Extent,
        entity: &Entity,
        stretch: &Stretch,
    ) -> Result<Self, ApiError> {
        let drawn = match stretch.period {
            Period::Between(_) => stretch.clone(),
            _ => extent.stretch(Period::Month)?,
        };
        let end = drawn.epochs.end.min(extent.newest.0.saturating_add(1) / SLOTS_PER_EPOCH);
        let clock = state.settings().clock;
        // As long as the stretch, though the epoch that has begun is left out.
        let start = match stretch.period {
            Period::Between(_) => drawn.epochs.start,
            _ => drawn.epochs.start.saturating_sub(drawn.epochs.end - end).max(Slot(extent.first).epoch().0),
        };
        let by_day = TimeAxis::counted_back(start, end, DAY, clock);
        let first = by_day.start_slot();
        let days = usize::try_from(by_day.buckets).unwrap_or(0);
        // Two groups for each day and for the rest: inside the period, and outside of it.
        let group_of = |slot: Slot| {
            let day = (by_day.start_slot()..by_day.end_slot())
                .contains(&slot.0)
                .then(|| usize::try_from((slot.0 - first) / by_day.bucket_slots()).ok())
                .flatten()
                .unwrap_or(days);
            day * 2 + usize::from(!stretch.slots.contains(&slot.0))
        };
        let read_from = first.min(drawn.slots.start).min(stretch.slots.start);
        let range: Range<Slot> = Slot(read_from)..Slot(drawn.slots.end.max(stretch.slots.end));
        let groups = state
            .store()
            .blocks_per_group_and_slot(range, (days + 1) * 2, |slot, validator| {
                entity.validators.contains(validator).then(|| group_of(slot))
            })
            .await?;
        // What comes last are blocks of others.
        let own = groups.get(..(days + 1) * 2).unwrap_or_default();
        let mut counts = ClientCounts::default();
        own.iter().step_by(2).for_each(|inside| counts += *inside);
        let of_days: Vec<ClientCounts> = own
            .chunks(2)
            .take(days)
            .map(|both| both.iter().fold(ClientCounts::default(), |sum, part| sum + *part))
            .collect();
        let n: u64 = of_days.iter().map(ClientCounts::total).sum();
        let (axis, of_buckets) = if n < BLOCKS_PER_DAY * by_day.buckets {
            let axis = TimeAxis::counted_back(start, end, DAY * WEEK as u64, clock);
            // Weeks are counted back from the same end.
            let weeks = of_days.get(days % WEEK..).unwrap_or_default().chunks(WEEK);
            (
                axis,
                weeks.map(|week| week.iter().fold(ClientCounts::default(), |sum, day| sum + *day)).collect(),
            )
        } else {
            (by_day, of_days)
        };
        let start_of = |at: usize| Slot(axis.start_slot() + at as u64 * axis.bucket_slots());
        let buckets = of_buckets
            .iter()
            .enumerate()
            .filter(|(_, counts): &(usize, &ClientCounts)| counts.total() > 0)
            .map(|(at, counts)| (start_of(at), *counts))
            .collect();
        Ok(Self { counts, axis, buckets })
    }
}
