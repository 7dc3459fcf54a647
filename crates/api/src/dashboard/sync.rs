//! `/sync`: is the record complete, what is missing, why, and what happens next.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use consensus::Slot;
use serde::Deserialize;
use source::beacon_api::NodeRecord;
use store::{Gap, GapCause, GapNote, MissingSlots};

use super::charts::{Coverage, Layout, coverage};
use super::format::{self, NBSP, Utc};
use super::headline::Headline;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Extent, Stretch};
use super::time_axis::TimeAxis;
use crate::error::ApiError;
use crate::health::ChainHealth;
use crate::measured::Growth;
use crate::metrics::Latency;
use crate::query::Params;
use crate::settings::ChainClock;
use crate::state::AppState;
use crate::v1::missing;

/// Rows of the table of gaps.
const MOST_GAPS: usize = 100;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "sync.html")]
struct SyncPage {
    frame: Frame,
    headline: String,
    lede: String,
    choices: Vec<Choice<String>>,
    subtitle: String,
    wide: String,
    narrow: String,
    note: String,
    table: Vec<(String, String)>,
    gaps: Vec<GapRow>,
    more_gaps: String,
    gaps_empty: String,
    node: Vec<(&'static str, String)>,
    nodes: Vec<NodeRow>,
    latency: Vec<(&'static str, String)>,
    queue: String,
    database: Vec<(&'static str, String)>,
}

struct GapRow {
    from: String,
    to: String,
    slots: String,
    cause: String,
    detail: String,
    next: String,
    tries: String,
}

/// A node that is followed.
struct NodeRow {
    name: String,
    event: String,
    answer: String,
    errors: String,
}

/// What stands where a process has no measurement.
const NOT_MEASURED: &str = "not measured by this process";

/// The page.
pub(super) async fn sync(State(state): State<AppState>, query: Result<Params<Query>, ApiError>) -> Response {
    let page = match query {
        Ok(Params(query)) => build(&state, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

/// The answer for a wall.
pub(super) async fn wall_answer(state: &AppState, extent: &Extent) -> Result<Headline, ApiError> {
    let pieces = pieces(state).await?;
    let filling = pieces.iter().filter(|piece| piece.is_filling).count();
    let (title, lede) = headline(extent, &wanted(&pieces), filling, state.settings().clock);
    Ok(Headline { title, lede })
}

/// Pages of missing slots that are read, of a thousand each.
const MOST_PAGES: usize = 10;

/// Missing slots, cut where their causes differ. What lies before the first block is history that nobody asked for,
/// unless a note says otherwise.
async fn pieces(state: &AppState) -> Result<Vec<MissingSlots>, ApiError> {
    let now = state.now().saturating_mul(1_000);
    let mut pieces = Vec::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let page = state.store().missing_slots(after, 1_000, now).await?;
        pieces.extend(page.items.into_iter().filter(|piece| piece.gap.start.0 > 1 || piece.note.is_some()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(pieces)
}

fn is_wanted(piece: &MissingSlots) -> bool {
    piece.note.as_ref().is_none_or(|note| note.cause != GapCause::NotWanted)
}

fn wanted(pieces: &[MissingSlots]) -> Vec<Gap> {
    pieces.iter().filter(|piece| is_wanted(piece)).map(|piece| piece.slots).collect()
}

async fn build(state: &AppState, query: &Query) -> Result<SyncPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let period = Period::parse("period", query.period.as_deref(), Period::Quarter)?;
    let extent = Extent::read(state).await?;
    let clock = state.settings().clock;
    let pieces = pieces(state).await?;
    let wanted = wanted(&pieces);
    let work = state.store().work_status(state.now().saturating_mul(1_000)).await?;
    let filling = pieces.iter().filter(|piece| piece.is_filling).count();
    let (headline, lede) = headline(&extent, &wanted, filling, clock);
    let picture = picture(&extent, &pieces, &wanted, &extent.stretch(period)?, clock);
    let newest_first = pieces.iter().rev().take(MOST_GAPS);
    let size = state.store().size_bytes().await?;
    let everything =
        state.store().blocks_per_client(consensus::Epoch(0)..consensus::Epoch(extent.end_epoch())).await?;
    Ok(SyncPage {
        frame: Frame::new(state, Section::Sync, extent.newest.0, theme)
            .await
            .titled("Sync", "How complete the record of blocks is, and why slots are missing."),
        headline,
        lede,
        choices: period.choices(&Period::HISTORY, |each| format!("/sync?period={}", each.code())),
        subtitle: picture.subtitle,
        wide: picture.wide,
        narrow: picture.narrow,
        note: picture.note,
        table: picture.table,
        gaps: newest_first.map(|piece| gap_row(piece, clock, state.now())).collect(),
        more_gaps: match pieces.len().saturating_sub(MOST_GAPS) {
            0 => String::new(),
            more => format!("{} older ones are not listed here.", format::count(more as u64)),
        },
        gaps_empty: if extent.has_blocks {
            "No slot is missing.".to_owned()
        } else {
            "No blocks yet, so no gaps.".to_owned()
        },
        node: node(state),
        nodes: nodes(state),
        latency: latency(crate::metrics::verdict_latency()),
        queue: queue(state, &work, &pieces),
        database: database(state, &extent, size, everything.total()),
    })
}

fn headline(
    extent: &Extent,
    wanted: &[Gap],
    being_filled: usize,
    clock: Option<ChainClock>,
) -> (String, String) {
    if !extent.has_blocks {
        return (
            "No blocks yet.".to_owned(),
            "The record begins with the first block that is judged.".to_owned(),
        );
    }
    let since = match clock {
        Some(clock) if extent.first > 0 => Utc::from_unix(clock.start_of(extent.first)).date(),
        _ => format!("slot{NBSP}{}", format::count(extent.first)),
    };
    let slots: u64 = wanted.iter().map(|gap| (gap.end.0 + 1).saturating_sub(gap.start.0)).sum();
    let lede = format!(
        "Slots {} to {}: {}. A slot is known when its block is judged, or when the block after it says that there \
         was none.",
        format::count(extent.first),
        format::count(extent.newest.0),
        format::counted(extent.newest.0 + 1 - extent.first, "slot")
    );
    if slots == 0 {
        return (format!("Complete: every slot since {since} is known."), lede);
    }
    let are = if slots == 1 { "is" } else { "are" };
    let mut title = format!("{} {are} missing in {}", format::counted(slots, "slot"), gap_count(wanted));
    if being_filled > 0 {
        title.push_str(&format!(
            "; {being_filled} {} being filled",
            if being_filled == 1 { "is" } else { "are" }
        ));
    }
    title.push('.');
    (title, lede)
}

fn gap_count(gaps: &[Gap]) -> String {
    // Pieces of one gap lie side by side.
    let joints = gaps.windows(2).filter(|pair| matches!(pair, [a, b] if a.end.0 + 1 == b.start.0)).count();
    format::counted((gaps.len() - joints) as u64, "gap")
}

struct StripPicture {
    subtitle: String,
    wide: String,
    narrow: String,
    note: String,
    table: Vec<(String, String)>,
}

fn picture(
    extent: &Extent,
    pieces: &[MissingSlots],
    wanted: &[Gap],
    stretch: &Stretch,
    clock: Option<ChainClock>,
) -> StripPicture {
    let axis = TimeAxis::new(stretch.epochs.start, stretch.epochs.end, clock);
    let after = extent.newest.0 + 1;
    let mut buckets = Vec::new();
    let mut table = Vec::new();
    for bucket in 0..axis.buckets {
        let start = axis.start_slot() + bucket * axis.bucket_slots();
        let from = start.max(extent.first);
        let end = (start + axis.bucket_slots()).min(after);
        if !extent.has_blocks || from >= end {
            buckets.push(Coverage { known: None, filling: false });
            continue;
        }
        let slots = end - from;
        let absent = missing(wanted, Slot(from), Slot(end)).min(slots);
        let touches = |gap: &Gap| gap.start.0 < end && gap.end.0 >= from;
        let filling = pieces.iter().any(|piece| piece.is_filling && touches(&piece.slots));
        buckets.push(Coverage { known: Some((slots - absent) as f64 / slots as f64), filling });
        if absent > 0 {
            table.push((
                axis.bucket_label(start),
                format!("{} of {} missing", format::count(absent), format::counted(slots, "slot")),
            ));
        }
    }
    let complete = buckets.iter().filter(|bucket| bucket.known == Some(1.0)).count();
    let drawn = buckets.iter().filter(|bucket| bucket.known.is_some()).count();
    let description = format!("{complete} of {drawn} stretches are complete");
    let ticks = if extent.has_blocks { axis.ticks() } else { Vec::new() };
    StripPicture {
        subtitle: format!("Known part of the slots, {}", axis.steps()),
        wide: [Layout::Exact(1_180), Layout::Wide]
            .map(|layout| coverage("sync", layout, &buckets, &ticks, &description))
            .concat(),
        narrow: coverage("sync", Layout::Narrow, &buckets, &ticks, &description),
        note: "Bar: known part. Hatched: missing. Dot: being filled.".to_owned(),
        table,
    }
}

fn gap_row(piece: &MissingSlots, clock: Option<ChainClock>, now: u64) -> GapRow {
    let place = |slot: Slot| match clock {
        Some(clock) => {
            format!("{} ({})", format::count(slot.0), Utc::from_unix(clock.start_of(slot.0)).date())
        }
        None => format::count(slot.0),
    };
    let at = |unix: u64| {
        let time = Utc::from_unix(unix);
        let today = Utc::from_unix(now).date() == time.date();
        let date = if today { String::new() } else { format!("{} ", time.date()) };
        format!("{date}{}{NBSP}UTC", time.hour_and_minute())
    };
    let next = match &piece.note {
        _ if piece.is_filling => "being filled".to_owned(),
        None if clock.is_none() => "recorded data: nothing fills it".to_owned(),
        None => "waits to be tried".to_owned(),
        Some(GapNote { next_try: Some(time), .. }) if *time <= now => "tried again now".to_owned(),
        Some(GapNote { next_try: Some(time), .. }) => format!("tried again at {}", at(*time)),
        Some(GapNote { cause: GapCause::NotWanted, .. }) => "left out on purpose".to_owned(),
        Some(GapNote { cause: GapCause::Pruned, .. }) => "cannot be filled: no source has it".to_owned(),
        Some(_) => "not tried again".to_owned(),
    };
    let note = piece.note.as_ref();
    GapRow {
        from: place(piece.slots.start),
        to: place(piece.slots.end),
        slots: format::count((piece.slots.end.0 + 1).saturating_sub(piece.slots.start.0)),
        cause: note.map_or("not known yet", |note| cause_words(note.cause)).to_owned(),
        detail: note.map_or_else(String::new, |note| format::visible(&note.detail)),
        next,
        tries: note.map_or_else(|| "0".to_owned(), |note| format::count(note.tries)),
    }
}

/// A cause as pages say it.
pub(super) const fn cause_words(cause: GapCause) -> &'static str {
    match cause {
        GapCause::NotWanted => "before the history that is kept",
        GapCause::Pruned => "pruned: the sources no longer have it",
        GapCause::Refused => "the source refuses to answer",
        GapCause::Unreachable => "no source could be reached",
        GapCause::Contradicted => "what came does not fit the blocks around it",
        GapCause::BadData => "what came could not be read",
    }
}

fn node(state: &AppState) -> Vec<(&'static str, String)> {
    let Some(follower) = state.settings().rewards.follower.as_ref() else {
        return Vec::new();
    };
    let health = ChainHealth::of(follower, state.now());
    let slot = |slot: Option<u64>| slot.map_or_else(|| "–".to_owned(), format::count);
    let mut facts = vec![
        ("State", health.phase.replace('_', " ")),
        ("Head", slot(health.head_slot)),
        ("Newest final block", slot(health.finalized_slot)),
        ("The node’s head", slot(health.node_head_slot)),
    ];
    if let Some(fork) = &health.unknown_fork {
        let epoch = format::count(fork.epoch);
        let name = format::visible(&fork.name);
        facts.push((
            "Unknown fork",
            format!("{name}, from epoch {epoch} on: Blockmark has no rules for it, upgrade before"),
        ));
    }
    if let Some(error) = &health.error {
        facts.push(("Last error", format::visible(error)));
    }
    facts
}

fn nodes(state: &AppState) -> Vec<NodeRow> {
    let Some(follower) = state.settings().rewards.follower.as_ref() else {
        return Vec::new();
    };
    let age =
        |ago: Option<Duration>| ago.map_or_else(|| "none yet".to_owned(), |ago| format::age(ago.as_secs()));
    let row = |record: NodeRecord| NodeRow {
        name: format::visible(&record.node),
        event: age(record.told),
        answer: age(record.answered),
        errors: format!(
            "{} in {}",
            format::count(record.errors),
            format::duration(record.since.as_secs().max(1))
        ),
    };
    follower.nodes().into_iter().map(row).collect()
}

/// How long verdicts took.
fn latency(measured: Option<Latency>) -> Vec<(&'static str, String)> {
    let Some(latency) = measured else {
        return vec![("From event to verdict", NOT_MEASURED.to_owned())];
    };
    let between = |(low, high): (f64, f64)| {
        if high.is_finite() { format!("{low}–{high}{NBSP}s") } else { format!("more than {low}{NBSP}s") }
    };
    vec![
        ("From event to verdict, median", between(latency.median)),
        ("99 of 100 within", between(latency.p99)),
        ("Verdicts measured", format!("{} since the start", format::count(latency.verdicts))),
    ]
}

fn queue(state: &AppState, work: &store::WorkStatus, pieces: &[MissingSlots]) -> String {
    if work.waiting + work.taken + work.delayed == 0 {
        return "No range waits to be filled.".to_owned();
    }
    let can_be_filled = |piece: &&MissingSlots| {
        let cause = piece.note.as_ref().map(|note| note.cause);
        !matches!(cause, Some(GapCause::NotWanted | GapCause::Pruned))
    };
    let slots: u64 = pieces
        .iter()
        .filter(can_be_filled)
        .map(|piece| (piece.slots.end.0 + 1).saturating_sub(piece.slots.start.0))
        .sum();
    let left = match state.measured().filled_per_second() {
        Some(rate) => {
            let shown = if rate >= 1.0 { format!("{rate:.0}") } else { format!("{rate:.2}") };
            let time = format::duration((slots as f64 / rate).min(1e12) as u64);
            format!("about {time} at {shown}{NBSP}slots/s, if nothing is put off")
        }
        None => NOT_MEASURED.to_owned(),
    };
    format!(
        "{} in all: {} waiting, {} being filled, {} put off until the next attempt. Time left: {left}.",
        format::counted(work.waiting + work.taken + work.delayed, "range"),
        format::count(work.waiting),
        format::count(work.taken),
        format::count(work.delayed)
    )
}

/// `41 MB in a day`, from what was measured.
fn growth(measured: Option<Growth>) -> String {
    let Some(Growth { bytes_per_day, seconds }) = measured else {
        return NOT_MEASURED.to_owned();
    };
    let sign = if bytes_per_day < 0 { "\u{2212}" } else { "" };
    format!("{sign}{}, over {}", format::bytes(bytes_per_day.unsigned_abs()), format::duration(seconds))
}

fn database(state: &AppState, extent: &Extent, size: u64, blocks: u64) -> Vec<(&'static str, String)> {
    let engine = match state.store().url().path() {
        Some(_) => "SQLite",
        None => "PostgreSQL",
    };
    let mut facts = vec![
        ("Kind", engine.to_owned()),
        ("Size", format::bytes(size)),
        ("Growth in a day", growth(state.measured().growth())),
        ("Blocks counted", format::count(blocks)),
    ];
    if let Some(each) = size.checked_div(blocks) {
        facts.push(("Bytes per block", format::count(each)));
        facts.push(("Oldest slot", format::count(extent.first)));
        facts.push(("Newest slot", format::count(extent.newest.0)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_gap_count_once() {
        let gap = |start, end| Gap { start: Slot(start), end: Slot(end) };
        assert_eq!(gap_count(&[gap(5, 20), gap(21, 22), gap(40, 41)]), "2\u{a0}gaps");
    }

    #[test]
    fn what_was_not_measured_is_never_zero() {
        assert_eq!(growth(None), NOT_MEASURED);
        assert_eq!(latency(None), [("From event to verdict", NOT_MEASURED.to_owned())]);
        let shrunk = Growth { bytes_per_day: -2_000, seconds: 86_400 * 3 };
        assert_eq!(growth(Some(shrunk)), "\u{2212}2\u{a0}kB, over 3\u{a0}days");
        let slow = Latency { verdicts: 5, median: (0.1, 0.15), p99: (12.0, f64::INFINITY) };
        let said: Vec<String> = latency(Some(slow)).into_iter().map(|(_, text)| text).collect();
        assert_eq!(said, ["0.1–0.15\u{a0}s", "more than 12\u{a0}s", "5 since the start"]);
    }
}
