//! `/`: is any client above one third, how sure, since when.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Slot};
use fingerprint::score::wilson;
use serde::Deserialize;
use store::{ClientCounts, Gap};

use super::charts::{
    Estimate, IntervalRow, Layout, Multiple, Series, Timeline, TimelineSeries, interval_bars,
};
use super::format::{self, NBSP, Precision, Utc};
use super::headline::{self, NAMED_FROM};
use super::latest::{self, LatestRow};
use super::page::{self, Frame, Kind};
use super::period::Period;
use super::time_axis::TimeAxis;
use crate::auth;
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::query::Params;
use crate::state::AppState;
use crate::v1::missing;

/// Epochs shown to readers who may not see single blocks.
const LATEST_EPOCHS: u64 = 8;
/// Seconds per slot where no clock says otherwise.
const SECONDS_PER_SLOT: u64 = 12;
/// Stretches of time that a line needs.
const FEWEST_BUCKETS: u64 = 3;
/// The first and last stretch are drawn from this part of their slots on: less is all noise.
const FEWEST_OF_BUCKET: u64 = 4;
/// Gaps that the note below a chart names.
const NAMED_GAPS: usize = 2;

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
    epoch_heads: Vec<&'static str>,
    epochs: Vec<BucketRow>,
}

struct Choice {
    href: String,
    label: &'static str,
    current: bool,
}

struct NowCard {
    subtitle: String,
    choices: Vec<Choice>,
    rows: Vec<NowRow>,
    wide: String,
    narrow: String,
    empty: String,
    note: String,
    caption: String,
    json: String,
    csv: String,
}

struct NowRow {
    label: String,
    share: String,
    low: String,
    high: String,
    blocks: String,
    third: &'static str,
    two_thirds: &'static str,
}

struct TimeCard {
    subtitle: String,
    choices: Vec<Choice>,
    wide: String,
    multiples: Vec<Multiple>,
    note: String,
    empty: String,
    caption: String,
    bucket_head: &'static str,
    heads: Vec<&'static str>,
    rows: Vec<BucketRow>,
    json: String,
    csv: String,
}

struct BucketRow {
    start: String,
    n: String,
    cells: Vec<String>,
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
    match page {
        Ok(page) => page::render(StatusCode::OK, &page),
        Err(error) => super::failure(&state, error).await,
    }
}

/// What both cards need to know of the database.
struct Extent {
    newest: Slot,
    gaps: Vec<Gap>,
    /// The first slot after the gap that begins the database.
    first: u64,
    has_blocks: bool,
}

impl Extent {
    async fn read(state: &AppState) -> Result<Self, ApiError> {
        let newest = state.store().sync_status().await?.greatest_block_slot;
        let gaps = state.store().gaps().await?;
        let first = gaps.first().filter(|gap| gap.start.0 <= 1).map_or(0, |gap| gap.end.0 + 1);
        Ok(Self { newest, gaps, first, has_blocks: newest.0 > 0 })
    }

    fn end_epoch(&self) -> u64 {
        self.newest.epoch().0 + 1
    }

    /// The epochs of a period, cut where the database begins.
    fn start_epoch(&self, period: Period) -> u64 {
        let wanted = period.epochs().map_or(0, |epochs| self.end_epoch().saturating_sub(epochs));
        wanted.max(Slot(self.first).epoch().0)
    }
}

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<OverviewPage, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let extent = Extent::read(state).await?;
    let history = Period::parse("history", query.history.as_deref(), default_history(&extent))?;
    let theme = page::theme_of(query.theme.as_deref())?;
    check_method(query.method.as_deref())?;
    let clock = state.settings().clock;
    let start = extent.start_epoch(period);
    let counts = state.store().blocks_per_client(Epoch(start)..Epoch(extent.end_epoch())).await?;
    let rows = interval_rows(&counts);
    let since = match state.freshness(extent.newest.0) {
        Freshness::Stale { since, .. } => Some(page::since_text(since)),
        _ => None,
    };
    let span = period_text(state, &extent, start);
    let answer = headline::overview(&rows, counts.total(), since.as_deref(), &span);
    let choices = Links { period, history, theme };
    let now = now_card(&extent, &counts, &rows, start, &choices);
    let time = time_card(state, &extent, history, &choices).await?;
    let allowed = auth::is_allowed(&state.settings().private, headers);
    let latest = if allowed { Some(latest::rows(state).await?) } else { None };
    let (epoch_heads, epochs) =
        if allowed { (Vec::new(), Vec::new()) } else { epochs(state, &extent).await? };
    Ok(OverviewPage {
        frame: Frame::new(state, Kind::Overview, extent.newest.0, theme),
        over: over_text(state, &extent),
        headline: answer.title,
        lede: answer.lede,
        now,
        time,
        latest,
        has_clock: clock.is_some(),
        reload: choices.href(period, history),
        epoch_heads,
        epochs,
    })
}

/// Shares are verdicts as given; a correction for confusion needs measured confusion, which no model has yet.
fn check_method(method: Option<&str>) -> Result<(), ApiError> {
    match method {
        None | Some("counted") => Ok(()),
        Some(other) => Err(ApiError::BadParameter(format!("method is {other:?}; allowed is counted"))),
    }
}

/// The shortest history that shows all there is, at most 90 days.
fn default_history(extent: &Extent) -> Period {
    let epochs = extent.end_epoch() - Slot(extent.first).epoch().0;
    [Period::Week, Period::Month]
        .into_iter()
        .find(|period| period.epochs().is_some_and(|length| epochs <= length))
        .unwrap_or(Period::Quarter)
}

struct Links {
    period: Period,
    history: Period,
    theme: Option<&'static str>,
}

impl Links {
    fn href(&self, period: Period, history: Period) -> String {
        let theme = self.theme.map_or_else(String::new, |theme| format!("&theme={theme}"));
        format!("/?period={}&history={}{theme}", period.code(), history.code())
    }

    fn now(&self) -> Vec<Choice> {
        let choice = |period: Period| Choice {
            href: self.href(period, self.history),
            label: period.label(),
            current: period == self.period,
        };
        Period::NOW.into_iter().map(choice).collect()
    }

    fn history(&self) -> Vec<Choice> {
        let choice = |history: Period| Choice {
            href: self.href(self.period, history),
            label: history.label(),
            current: history == self.history,
        };
        Period::HISTORY.into_iter().map(choice).collect()
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

/// `in the last 7 days (slots 1 to 50,400)`: the time that the counted blocks cover.
fn period_text(state: &AppState, extent: &Extent, start_epoch: u64) -> String {
    let first = (start_epoch * SLOTS_PER_EPOCH).max(extent.first);
    let seconds = state.settings().clock.map_or(SECONDS_PER_SLOT, |clock| clock.seconds_per_slot);
    let slots = (extent.newest.0 + 1).saturating_sub(first);
    format!(
        "in {} (slots {} to {})",
        format::duration(slots * seconds),
        format::count(first),
        format::count(extent.newest.0)
    )
}

/// Rows sorted by share, `Other` and `Unknown` last and only if they have blocks.
fn interval_rows(counts: &ClientCounts) -> Vec<IntervalRow> {
    let n = counts.total();
    if n == 0 {
        return Vec::new();
    }
    let mut rows: Vec<_> = Series::all()
        .filter(|series| series.is_named() || blocks_of(counts, *series) > 0)
        .map(|series| {
            let blocks = blocks_of(counts, series);
            let (low, high) = wilson(blocks, n);
            IntervalRow { series, share: blocks as f64 / n as f64, low, high }
        })
        .collect();
    rows.sort_by(|a, b| b.series.is_named().cmp(&a.series.is_named()).then(b.share.total_cmp(&a.share)));
    rows
}

fn blocks_of(counts: &ClientCounts, series: Series) -> u64 {
    match series {
        Series::Client(client) => counts.get(client),
        Series::Unknown => counts.uncertain,
    }
}

fn now_card(
    extent: &Extent,
    counts: &ClientCounts,
    rows: &[IntervalRow],
    start: u64,
    links: &Links,
) -> NowCard {
    let n = counts.total();
    let end = extent.end_epoch();
    let in_words: Vec<String> = rows
        .iter()
        .map(|row| {
            let share = format::share(row.share, row.low, row.high);
            let interval = format::share_interval(row.low, row.high).replace('–', " to ");
            let against = headline::against(row).0;
            format!("{} {share} ({interval}), one third: {against}", row.series.name())
        })
        .collect();
    let description = if rows.is_empty() { "No blocks yet".to_owned() } else { in_words.join("; ") };
    let first = (start * SLOTS_PER_EPOCH).max(extent.first);
    let after = extent.newest.0 + 1;
    let slots = after.saturating_sub(first);
    let covered = slots - missing(&extent.gaps, Slot(first), Slot(after)).min(slots);
    let mut note = format!(
        "Solid part: 95{NBSP}% interval. Upright tick: share. Pale bar: from zero to it. n{NBSP}={NBSP}{}; \
         {} of {} slots are known.",
        format::counted(n, "block"),
        format::count(covered),
        format::count(slots)
    );
    if n < headline::ENOUGH_BLOCKS {
        note.push_str(&format!(
            " Too few blocks to say: from about {} the interval is narrower than ±7{NBSP}points.",
            headline::ENOUGH_BLOCKS
        ));
    }
    let precision = Precision::of(rows.iter().map(|row| (row.low, row.high)));
    let table_row = |row: &IntervalRow| {
        let (third, two_thirds) = headline::against(row);
        NowRow {
            label: row.series.label(),
            share: precision.share(row.share),
            low: precision.number(row.low),
            high: precision.number(row.high),
            blocks: format::count(blocks_of(counts, row.series)),
            third,
            two_thirds,
        }
    };
    NowCard {
        subtitle: format!(
            "Share of blocks, counted by likeliest client, also below a probability of {NAMED_FROM:.2}; not corrected \
             for confusion"
        ),
        choices: links.now(),
        rows: rows.iter().map(table_row).collect(),
        wide: interval_bars("now", Layout::Wide, rows, &description),
        narrow: interval_bars("now", Layout::Narrow, rows, &description),
        empty: "No blocks yet. Shares appear with the first blocks that are classified.".to_owned(),
        note,
        caption: format!("Share of {} by consensus client", format::counted(n, "block")),
        json: format!("/api/v1/shares?start_epoch={start}&end_epoch={end}"),
        csv: format!("/api/v1/shares?start_epoch={start}&end_epoch={end}&format=csv"),
    }
}

async fn time_card(
    state: &AppState,
    extent: &Extent,
    history: Period,
    links: &Links,
) -> Result<TimeCard, ApiError> {
    let clock = state.settings().clock;
    let axis = TimeAxis::new(extent.start_epoch(history), extent.end_epoch(), clock);
    let range = Slot(axis.start_slot())..Slot(axis.end_slot());
    let mut buckets = state.store().shares(range, axis.bucket_slots()).await?;
    let mut empty = "No blocks yet. Lines appear with the first blocks that are classified.".to_owned();
    if extent.has_blocks && axis.buckets < FEWEST_BUCKETS {
        buckets.clear();
        empty = format!(
            "Too few blocks for a line. It begins with {FEWEST_BUCKETS} stretches of {}.",
            axis.bucket_name()
        );
    }
    let timeline = timeline(&axis, &buckets, extent);
    let last_known = timeline.series.iter().filter_map(|series| {
        let last = series.points.iter().rev().flatten().next()?;
        Some(format!("{} {}", series.series.name(), format::share(last.share, last.low, last.high)))
    });
    let description = format!("Newest values: {}", last_known.collect::<Vec<_>>().join("; "));
    let shown: Vec<Series> = timeline.series.iter().map(|series| series.series).collect();
    let table_row =
        |(slot, counts): &(Slot, ClientCounts)| bucket_row(axis.bucket_label(slot.0), counts, &shown);
    let query = format!(
        "/api/v1/shares?start_epoch={}&end_epoch={}&bucket_epochs={}",
        axis.start_epoch,
        axis.end_epoch(),
        axis.bucket_epochs
    );
    Ok(TimeCard {
        subtitle: format!("{}, with 95{NBSP}% bands", sentence_start(&axis.steps())),
        choices: links.history(),
        wide: timeline.wide("time", &description),
        multiples: timeline.multiples("time-m"),
        note: gap_note(extent, &axis),
        empty,
        caption: format!("Share of blocks in %, {}, with n", axis.steps()),
        bucket_head: if clock.is_some() { "From (UTC)" } else { "From slot" },
        heads: shown.iter().map(|series| series.name()).collect(),
        rows: buckets.iter().rev().map(table_row).collect(),
        csv: format!("{query}&format=csv"),
        json: query,
    })
}

fn bucket_row(start: String, counts: &ClientCounts, shown: &[Series]) -> BucketRow {
    let n = counts.total();
    let cell = |series: &Series| {
        let blocks = blocks_of(counts, *series);
        let (low, high) = wilson(blocks, n);
        let precision = Precision::of([(low, high)]);
        format!("{} ({})", precision.number(blocks as f64 / n.max(1) as f64), precision.interval(low, high))
    };
    BucketRow { start, n: format::count(n), cells: shown.iter().map(cell).collect() }
}

fn timeline(axis: &TimeAxis, buckets: &[(Slot, ClientCounts)], extent: &Extent) -> Timeline {
    let mut sum = ClientCounts::default();
    buckets.iter().for_each(|(_, counts)| sum += *counts);
    let slots = usize::try_from(axis.buckets).unwrap_or(0);
    let rows = interval_rows(&sum);
    let line = |row: &IntervalRow| {
        let mut points = vec![None; slots];
        for (slot, counts) in buckets {
            let place = (slot.0 - axis.start_slot().min(slot.0)) / axis.bucket_slots().max(1);
            let place = usize::try_from(place).ok().and_then(|place| points.get_mut(place));
            let n = counts.total();
            let is_end = *slot == Slot(axis.start_slot()) || slot.0 + axis.bucket_slots() == axis.end_slot();
            let is_begun = is_end && n * FEWEST_OF_BUCKET < axis.bucket_slots();
            if let Some(point) = place.filter(|_| n > 0 && !is_begun) {
                let blocks = blocks_of(counts, row.series);
                let (low, high) = wilson(blocks, n);
                *point = Some(Estimate { share: blocks as f64 / n as f64, low, high });
            }
        }
        TimelineSeries { series: row.series, points }
    };
    let shown_gap = |gap: &&Gap| gap.end.0 >= axis.start_slot().max(extent.first) && is_wide(gap, axis);
    Timeline {
        series: rows.iter().map(line).collect(),
        buckets: slots,
        ticks: if extent.has_blocks { axis.ticks() } else { Vec::new() },
        gaps: extent
            .gaps
            .iter()
            .filter(shown_gap)
            .map(|gap| (axis.position(gap.start.0), axis.position(gap.end.0 + 1)))
            .collect(),
        incomplete: axis.end_slot() > extent.newest.0 + 1 && slots > 1,
    }
}

fn sentence_start(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters.clone()).collect()
}

/// Whether a gap is wide enough to be hatched: a quarter of a bucket.
fn is_wide(gap: &Gap, axis: &TimeAxis) -> bool {
    (gap.end.0 + 1).saturating_sub(gap.start.0) * 4 >= axis.bucket_slots()
}

fn gap_note(extent: &Extent, axis: &TimeAxis) -> String {
    let start = axis.start_slot().max(extent.first);
    let inside: Vec<&Gap> = extent.gaps.iter().filter(|gap| gap.end.0 >= start).collect();
    let slots = missing(&extent.gaps, Slot(start), Slot(axis.end_slot()));
    let mut note = String::new();
    if axis.end_slot() > extent.newest.0 + 1 && axis.buckets > 1 {
        note.push_str("The newest stretch is dashed, or left out, until it is complete. ");
    }
    if slots == 0 {
        note.push_str("No slot is missing.");
        return note;
    }
    let wide: Vec<_> = inside.iter().filter(|gap| is_wide(gap, axis)).collect();
    if !wide.is_empty() {
        let named: Vec<_> = wide
            .iter()
            .take(NAMED_GAPS)
            .map(|gap| format!("{} to {}", format::count(gap.start.0), format::count(gap.end.0)))
            .collect();
        note.push_str(&format!("Hatched: slots {} are missing. ", named.join(" and ")));
    }
    note.push_str(&format!(
        "In all, {} of this stretch are missing, in {}.",
        format::counted(slots, "slot"),
        format::counted(inside.len() as u64, "gap")
    ));
    note
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
