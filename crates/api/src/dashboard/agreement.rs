//! Verdicts against graffiti of the newest blocks: which client is taken for which, and agreement week by week.

use axum::http::HeaderMap;
use consensus::Slot;
use fingerprint::score::ConfusionMatrix;
use store::MAX_GROUPED_SLOTS;

use super::charts::{DotAxis, DotGroup, DotRow, Layout, SURE_FROM, dots};
use super::confusion_table::{ConfusionTable, View};
use super::format::{self, NBSP, Utc};
use super::reliability::{Panel, share, share_and_interval};
use crate::auth;
use crate::error::ApiError;
use crate::state::AppState;

/// Weeks that are looked at, fewer where slots are short.
const WEEKS: u64 = 5;
const SECONDS_PER_WEEK: u64 = 7 * 86_400;
/// Where no clock says how long slots are.
const SLOTS_PER_WEEK: u64 = SECONDS_PER_WEEK / 12;

/// What stands on the accuracy page.
pub(super) struct Agreement {
    /// `5 weeks`
    pub(super) period: String,
    pub(super) table: Option<ConfusionTable>,
    pub(super) note: String,
    pub(super) weeks: Option<Panel>,
}

impl Agreement {
    /// Compares what is stored, for those who may see single blocks.
    pub(super) async fn read(
        state: &AppState,
        headers: &HeaderMap,
        newest: Slot,
        view: View,
    ) -> Result<Self, ApiError> {
        let clock = state.settings().clock;
        let week = clock
            .map_or(SLOTS_PER_WEEK, |clock| SECONDS_PER_WEEK / clock.seconds_per_slot.max(1))
            .clamp(1, MAX_GROUPED_SLOTS);
        let count = (MAX_GROUPED_SLOTS / week).min(WEEKS);
        let period = match clock {
            Some(_) if count == 1 => format!("1{NBSP}week"),
            Some(_) => format!("{count}{NBSP}weeks"),
            None => format!("{}{NBSP}slots", format::count(week * count)),
        };
        let without = |note: String| Self { period: period.clone(), table: None, note, weeks: None };
        if !auth::is_allowed(&state.settings().private, headers) {
            return Ok(without("Comparing verdicts with graffiti needs a token on this server.".to_owned()));
        }
        let end = newest.0.saturating_add(1);
        let start = end.saturating_sub(week * count);
        let weeks = state.store().confusion_of_runs(Slot(start)..Slot(end), week).await?;
        let mut matrix = ConfusionMatrix::default();
        weeks.iter().for_each(|(_, of_week)| matrix.merge(of_week));
        if matrix.total() == 0 {
            return Ok(without(format!(
                "No stored block of the last {period} is signed with a client’s name."
            )));
        }
        let note = format!(
            "{} of slots {} to {} are signed with a client’s name; {} of them were given to that client. Graffiti is \
             free text, and those who sign may not be like those who don’t: this is agreement, not accuracy.",
            format::counted(matrix.total(), "block"),
            format::count(start),
            format::count(newest.0),
            format::count(matrix.correct())
        );
        let name = |first: Slot| {
            let last = (first.0 + week - 1).min(newest.0);
            match clock {
                Some(clock) => format!("to {}", Utc::from_unix(clock.start_of(last)).day_and_month()),
                None => format::count(last),
            }
        };
        let named: Vec<_> = weeks.iter().map(|(first, matrix)| (name(*first), matrix)).collect();
        Ok(Self {
            weeks: Some(panel(&named, &matrix, clock.is_some(), week)),
            table: Some(ConfusionTable::of(&matrix, view, "signed as", "taken for")),
            period,
            note,
        })
    }
}

/// One row per week, the oldest first.
fn panel(weeks: &[(String, &ConfusionMatrix)], all: &ConfusionMatrix, has_dates: bool, slots: u64) -> Panel {
    let rate = |matrix: &ConfusionMatrix| matrix.accuracy().unwrap_or_default();
    let interval = |matrix: &ConfusionMatrix| fingerprint::wilson(matrix.correct(), matrix.total());
    let row = |(name, matrix): &(String, &ConfusionMatrix)| DotRow {
        name: name.clone(),
        rate: rate(matrix),
        interval: interval(matrix),
        limits: None,
        is_doubtful: matrix.total() < SURE_FROM,
        text: format!(
            "{}, n{NBSP}={NBSP}{}",
            share_and_interval(rate(matrix), interval(matrix)),
            format::count(matrix.total())
        ),
        short: format!("{} of {}", share(rate(matrix), interval(matrix)), format::count(matrix.total())),
    };
    let title =
        if has_dates { String::new() } else { format!("Runs of {} slots up to slot", format::count(slots)) };
    let group = DotGroup { title, rows: weeks.iter().map(row).collect() };
    let words: Vec<_> = group.rows.iter().map(|row| format!("{} {}", row.name, row.text)).collect();
    let words = words.join("; ");
    let all_rate = rate(all);
    let draw = |layout| {
        let name = "Agreement of verdicts with graffiti";
        dots("agreement", layout, name, std::slice::from_ref(&group), DotAxis::whole(all_rate), &words)
    };
    let cells = |(name, matrix): &(String, &ConfusionMatrix)| {
        let (low, high) = interval(matrix);
        vec![
            name.clone(),
            format::count(matrix.total()),
            format::count(matrix.correct()),
            share(rate(matrix), (low, high)),
            format::share_interval(low, high),
        ]
    };
    Panel {
        wide: draw(Layout::Wide),
        narrow: draw(Layout::Narrow),
        note: format!(
            "Share of signed blocks that were given to the client they name, with 95{NBSP}% intervals (Wilson). Dashed: \
             all of them, {}. The intervals cover chance, not a change of who signs. A fall may mean that a client packs \
             differently since then.",
            share(all_rate, interval(all))
        ),
        caption: "Agreement of verdicts with graffiti".to_owned(),
        heads: vec![if has_dates { "Week" } else { "Up to slot" }, "Signed", "Agree", "Share", "Interval %"],
        rows: weeks.iter().map(cells).collect(),
    }
}
