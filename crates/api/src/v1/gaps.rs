//! `/api/v1/gaps`: missing slots, why they are missing, and what comes next.

use axum::extract::{OriginalUri, State};
use consensus::Slot;
use serde::{Deserialize, Serialize};
use store::{GapCause, MissingSlots};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, ListForm, Validity};
use super::blocks::limit;
use super::cursor;
use super::range::with_cursor;
use super::shapes::FormParam;
use super::table::{Cell, Kind, Table};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// A place in the list, from `next`.
    #[param(pattern = "^after-[0-9]{1,12}$")]
    cursor: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// A page of missing slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct Gaps {
    /// In order. A gap is cut where its cause changes.
    gaps: Vec<GapEntry>,
    /// The address of later ones; null at the end.
    next: Option<String>,
}

/// Missing slots with one cause.
#[derive(Serialize, ToSchema)]
pub(crate) struct GapEntry {
    start_slot: u64,
    /// The last missing slot.
    last_slot: u64,
    /// How many they are.
    slots: u64,
    /// The first slot of the whole gap.
    gap_start_slot: u64,
    /// The last slot of the whole gap.
    gap_last_slot: u64,
    /// Why they are missing; null while nobody tried.
    cause: Option<Cause>,
    /// The same in a sentence.
    detail: Option<String>,
    next_step: NextStep,
    /// How often they were tried.
    tries: u64,
    /// When they were tried last, in seconds of Unix time.
    last_try: Option<u64>,
    /// When they are tried again, in seconds of Unix time.
    next_try: Option<u64>,
}

/// Why slots are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// They lie before the slot from which on history is wanted.
    NotWanted,
    /// Those who were asked do not have the blocks or the state before them.
    Pruned,
    /// Those who were asked have an answer, and refuse it.
    Refused,
    /// Nobody could be asked.
    Unreachable,
    /// What was given does not connect to the blocks around it.
    Contradicted,
    /// What was given can't be read or judged.
    BadData,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NextStep {
    /// Somebody fills them at the moment.
    Filling,
    /// They wait for somebody who fills gaps.
    Waiting,
    /// They are tried again at `next_try`.
    Retry,
    /// They are not tried again.
    Never,
}

impl From<GapCause> for Cause {
    fn from(cause: GapCause) -> Self {
        match cause {
            GapCause::NotWanted => Self::NotWanted,
            GapCause::Pruned => Self::Pruned,
            GapCause::Refused => Self::Refused,
            GapCause::Unreachable => Self::Unreachable,
            GapCause::Contradicted => Self::Contradicted,
            GapCause::BadData => Self::BadData,
        }
    }
}

impl From<MissingSlots> for GapEntry {
    fn from(missing: MissingSlots) -> Self {
        let MissingSlots { slots, gap, note, is_filling } = missing;
        let next_step = match &note {
            _ if is_filling => NextStep::Filling,
            None => NextStep::Waiting,
            Some(note) if note.next_try.is_some() => NextStep::Retry,
            Some(_) => NextStep::Never,
        };
        Self {
            start_slot: slots.start.0,
            last_slot: slots.end.0,
            slots: slots.end.0.saturating_sub(slots.start.0).saturating_add(1),
            gap_start_slot: gap.start.0,
            gap_last_slot: gap.end.0,
            cause: note.as_ref().map(|note| note.cause.into()),
            detail: note.as_ref().map(|note| note.detail.clone()),
            next_step,
            tries: note.as_ref().map_or(0, |note| note.tries),
            last_try: note.as_ref().filter(|note| note.tries > 0).map(|note| note.last_try),
            next_try: note.and_then(|note| note.next_try),
        }
    }
}

/// Missing slots with their causes, in order.
#[utoipa::path(
    get,
    path = "/api/v1/gaps",
    tag = "v1",
    params(Query),
    responses((status = 200, description = "A page of missing slots.", content(
        (Gaps = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
    )))
)]
pub(crate) async fn gaps(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    Params(query): Params<Query>,
) -> Result<Answer, ApiError> {
    let after = cursor::after(query.cursor.as_deref())?.map(Slot);
    let limit = limit(query.limit, 100, 1_000)?;
    let page = state.store().missing_slots(after, limit, state.now().saturating_mul(1_000)).await?;
    let list = Gaps {
        gaps: page.items.into_iter().map(GapEntry::from).collect(),
        next: page.next.map(|last| with_cursor(&uri, &cursor::after_text(last.0))),
    };
    Ok(Answer::list(form, &list, table, Validity::Changing)?.link("next", list.next.as_deref()))
}

fn table(list: &Gaps) -> Table {
    let mut table = Table::new([
        ("start_slot", Kind::Number),
        ("last_slot", Kind::Number),
        ("slots", Kind::Number),
        ("gap_start_slot", Kind::Number),
        ("gap_last_slot", Kind::Number),
        ("cause", Kind::Text),
        ("detail", Kind::Text),
        ("next_step", Kind::Text),
        ("tries", Kind::Number),
        ("last_try", Kind::Number),
        ("next_try", Kind::Number),
    ]);
    for gap in &list.gaps {
        table.row([
            Cell::from(gap.start_slot),
            gap.last_slot.into(),
            gap.slots.into(),
            gap.gap_start_slot.into(),
            gap.gap_last_slot.into(),
            gap.cause.map(word).into(),
            gap.detail.clone().into(),
            word(gap.next_step).into(),
            gap.tries.into(),
            gap.last_try.into(),
            gap.next_try.into(),
        ]);
    }
    table
}

/// A variant as it stands in JSON.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
