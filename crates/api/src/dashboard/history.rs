//! Shares over time: the stretch, its buckets, the chart and its table.

use consensus::Slot;
use consensus::primitives::SLOTS_PER_EPOCH;
use store::{ClientCounts, Gap};

use super::charts::{Estimate, IntervalRow, Layout, Multiple, Series, Timeline, TimelineSeries};
use super::format::{self, NBSP, Precision};
use super::method::Basis;
use super::period::Period;
use super::shares::{Choice, Extent, Only};
use super::time_axis::TimeAxis;
use crate::error::ApiError;
use crate::settings::ChainClock;
use crate::state::AppState;
use crate::v1::missing;

/// Stretches of time that a line needs.
const FEWEST_BUCKETS: u64 = 3;
/// A stretch is drawn from this part of its slots on: less is all noise.
const FEWEST_OF_BUCKET: u64 = 4;
/// Gaps that the note below a chart names.
const NAMED_GAPS: usize = 2;

/// The card of shares over time.
pub(super) struct TimeCard {
    pub(super) subtitle: String,
    pub(super) choices: Vec<Choice<String>>,
    pub(super) wide: String,
    pub(super) multiples: Vec<Multiple>,
    pub(super) note: String,
    pub(super) empty: String,
    pub(super) caption: String,
    pub(super) bucket_head: &'static str,
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<BucketRow>,
    /// Where the API has the same.
    pub(super) data: String,
    /// What script needs to draw the same from that; nothing where the API has other blocks.
    pub(super) plot: Option<Plot>,
}

/// A chart as script draws it.
pub(super) struct Plot {
    /// The first slot.
    pub(super) start: u64,
    /// The slot after the last.
    pub(super) end: u64,
    /// Slots of a bucket.
    pub(super) bucket: u64,
    /// Slots of an epoch.
    pub(super) epoch: u64,
    pub(super) clock: Option<ChainClock>,
    /// Hatched slots: `100-200 300-400`, ends left out.
    pub(super) gaps: String,
    /// Slots from which forks are in force: `13164544-Fulu`.
    pub(super) forks: String,
    /// Whether the newest bucket is still being filled.
    pub(super) is_open: bool,
}

impl Plot {
    fn of(axis: &TimeAxis, timeline: &Timeline, clock: Option<ChainClock>) -> Option<Self> {
        let (start, end) = (axis.start_slot(), axis.end_slot());
        let slot = |at: f64| start + (at * (end - start) as f64).round() as u64;
        let gaps: Vec<String> =
            timeline.gaps.iter().map(|(from, to)| format!("{}-{}", slot(*from), slot(*to))).collect();
        let forks: Vec<String> =
            timeline.forks.iter().map(|(at, name)| format!("{}-{name}", slot(*at))).collect();
        timeline.series.iter().any(|line| line.points.iter().flatten().count() > 1).then(|| Self {
            start,
            end,
            bucket: axis.bucket_slots(),
            epoch: SLOTS_PER_EPOCH,
            clock,
            gaps: gaps.join(" "),
            forks: forks.join(" "),
            is_open: timeline.incomplete,
        })
    }
}

/// A row of a table by time.
pub(super) struct BucketRow {
    pub(super) start: String,
    pub(super) n: String,
    pub(super) cells: Vec<String>,
}

/// The shortest history that shows all there is, at most 90 days.
pub(super) fn default_history(extent: &Extent) -> Period {
    let epochs = extent.end_epoch() - Slot(extent.first).epoch().0;
    [Period::Week, Period::Month]
        .into_iter()
        .find(|period| period.epochs().is_some_and(|length| epochs <= length))
        .unwrap_or(Period::Quarter)
}

/// Blocks of a bucket, and the shares that follow.
pub(super) struct Bucket {
    start: Slot,
    counts: ClientCounts,
    rows: Vec<IntervalRow>,
}

/// What was counted over a stretch of time, and the chart of it.
pub(super) struct History {
    axis: TimeAxis,
    buckets: Vec<Bucket>,
    /// The chart.
    pub(super) timeline: Timeline,
    /// The newest values in words.
    pub(super) description: String,
    /// What stands in place of lines.
    pub(super) empty: String,
}

impl History {
    /// Reads and draws a period. Its first and last buckets are whole ones.
    pub(super) async fn read(
        state: &AppState,
        extent: &Extent,
        history: Period,
        basis: &Basis,
    ) -> Result<Self, ApiError> {
        let epochs = extent.stretch(history)?.epochs;
        let axis = TimeAxis::new(epochs.start, epochs.end, state.settings().clock);
        let range = Slot(axis.start_slot())..Slot(axis.end_slot());
        let counted = state.store().shares(range, axis.bucket_slots()).await?;
        Self::draw(axis, counted, extent, basis).await
    }

    /// Draws blocks that were counted by the buckets of an axis.
    pub(super) async fn draw(
        axis: TimeAxis,
        mut counted: Vec<(Slot, ClientCounts)>,
        extent: &Extent,
        basis: &Basis,
    ) -> Result<Self, ApiError> {
        let mut empty = "No blocks yet. Lines appear with the first blocks that are classified.".to_owned();
        if extent.has_blocks && axis.buckets < FEWEST_BUCKETS {
            counted.clear();
            empty = format!(
                "Too few blocks for a line. It begins with {FEWEST_BUCKETS} stretches of {}.",
                axis.bucket_name()
            );
        }
        let mut sum = ClientCounts::default();
        counted.iter().for_each(|(_, counts)| sum += *counts);
        let sums = counted.iter().map(|(_, counts)| *counts).chain([sum]).collect();
        let mut rows = basis.rows_of(sums).await?;
        let order: Vec<Series> = rows.pop().unwrap_or_default().iter().map(|row| row.series).collect();
        let bucket = |((start, counts), rows)| Bucket { start, counts, rows };
        let buckets: Vec<Bucket> = counted.into_iter().zip(rows).map(bucket).collect();
        let timeline = timeline(&axis, &buckets, extent, &order);
        let description = newest_values(&timeline);
        Ok(Self { axis, buckets, timeline, description, empty })
    }

    /// The same with the lines of some clients alone.
    pub(super) fn only(mut self, only: &Only) -> Self {
        self.timeline.series.retain(|line| only.has(line.series));
        self.description = newest_values(&self.timeline);
        self
    }

    /// Blocks counted.
    pub(super) fn n(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.counts.total()).sum()
    }

    /// `By day, with 95 % bands`
    pub(super) fn subtitle(&self) -> String {
        format!("{}, with 95{NBSP}% bands", sentence_start(&self.axis.steps()))
    }
}

fn newest_values(timeline: &Timeline) -> String {
    let last_known = timeline.series.iter().filter_map(|series| {
        let last = series.points.iter().rev().flatten().next()?;
        Some(format!("{} {}", series.series.name(), format::share(last.share, last.low, last.high)))
    });
    format!("Newest values: {}", last_known.collect::<Vec<_>>().join("; "))
}

/// The card of shares over time.
pub(super) fn time_card(
    state: &AppState,
    extent: &Extent,
    history: &History,
    choices: Vec<Choice<String>>,
    basis: &Basis,
) -> TimeCard {
    let History { axis, buckets, timeline, description, empty } = history;
    let shown: Vec<Series> = timeline.series.iter().map(|series| series.series).collect();
    let table_row = |bucket: &Bucket| bucket_row(axis.bucket_label(bucket.start.0), bucket, &shown);
    let query = format!(
        "/api/v1/shares?start_epoch={}&end_epoch={}&bucket_epochs={}&partial=true{}",
        axis.start_epoch,
        axis.end_epoch(),
        axis.bucket_epochs,
        basis.api_parameter()
    );
    TimeCard {
        subtitle: history.subtitle(),
        choices,
        wide: timeline.wide("time", Layout::Wide, description),
        multiples: timeline.multiples("time-m"),
        note: gap_note(extent, axis),
        empty: empty.clone(),
        caption: format!("Share of blocks in %, {}, with n", axis.steps()),
        bucket_head: if state.settings().clock.is_some() { "From (UTC)" } else { "From slot" },
        heads: shown.iter().map(|series| series.name()).collect(),
        rows: buckets.iter().rev().map(table_row).collect(),
        data: query,
        plot: Plot::of(axis, timeline, state.settings().clock),
    }
}

fn bucket_row(start: String, bucket: &Bucket, shown: &[Series]) -> BucketRow {
    let cell = |series: &Series| match bucket.rows.iter().find(|row| row.series == *series) {
        Some(row) => {
            let precision = Precision::of([(row.low, row.high)]);
            format!("{} ({})", precision.number(row.share), precision.interval(row.low, row.high))
        }
        None => "–".to_owned(),
    };
    BucketRow { start, n: format::count(bucket.counts.total()), cells: shown.iter().map(cell).collect() }
}

fn timeline(axis: &TimeAxis, buckets: &[Bucket], extent: &Extent, order: &[Series]) -> Timeline {
    let slots = usize::try_from(axis.buckets).unwrap_or(0);
    let mut lines: Vec<TimelineSeries> =
        order.iter().map(|series| TimelineSeries { series: *series, points: vec![None; slots] }).collect();
    // Beside full stretches those that are mostly missing would be all noise.
    let is_full = |n: u64| n * FEWEST_OF_BUCKET >= axis.bucket_slots();
    let has_full = buckets.iter().any(|bucket| is_full(bucket.counts.total()));
    for bucket in buckets {
        let place = (bucket.start.0 - axis.start_slot().min(bucket.start.0)) / axis.bucket_slots().max(1);
        let Ok(place) = usize::try_from(place) else { continue };
        let n = bucket.counts.total();
        if n == 0 || (has_full && !is_full(n)) {
            continue;
        }
        for row in &bucket.rows {
            let line = lines.iter_mut().find(|line| line.series == row.series);
            if let Some(point) = line.and_then(|line| line.points.get_mut(place)) {
                *point = Some(Estimate { share: row.share, low: row.low, high: row.high });
            }
        }
    }
    let shown_gap = |gap: &&Gap| {
        let is_inside = gap.end.0 >= axis.start_slot().max(extent.first) && gap.start.0 < axis.end_slot();
        is_inside && is_wide(gap, axis)
    };
    Timeline {
        series: lines,
        buckets: slots,
        ticks: if extent.has_blocks && slots > 0 { axis.ticks() } else { Vec::new() },
        gaps: extent
            .gaps
            .iter()
            .filter(shown_gap)
            .map(|gap| (axis.position(gap.start.0), axis.position(gap.end.0 + 1)))
            .collect(),
        forks: extent
            .forks()
            .into_iter()
            .filter(|(slot, _)| (axis.start_slot() + 1..axis.end_slot()).contains(slot))
            .map(|(slot, name)| (axis.position(slot), name))
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
    let is_inside = |gap: &&Gap| gap.end.0 >= start && gap.start.0 < axis.end_slot();
    let inside: Vec<&Gap> = extent.gaps.iter().filter(is_inside).collect();
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
