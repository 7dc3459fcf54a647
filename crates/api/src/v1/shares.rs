//! `/api/v1/shares`: shares of clients with intervals, over time by slot, epoch or day.

use std::ops::Range;

use axum::extract::{OriginalUri, State};
use consensus::{Slot, primitives::SLOTS_PER_EPOCH};
use fingerprint::Client;
use fingerprint::score::{ConfusionMatrix, CorrectionError, corrected_shares};
use serde::{Deserialize, Serialize};
use store::ClientCounts;
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, ListForm};
use super::cursor;
use super::range::{RangeQuery, latest, refuse_gaps, validity, with_cursor};
use super::shapes::{FormParam, Share, client_name, shares_of};
use super::table::{Cell, Kind, Table};
use crate::error::ApiError;
use crate::query::With;
use crate::settings::ChainClock;
use crate::state::AppState;

/// Most buckets of one page.
const MAX_BUCKETS: u64 = 5_000;
/// Most buckets of one page of estimates, each of which takes some thousand steps.
const MAX_ESTIMATED: u64 = 1_000;
/// Most slots of one page in buckets that are no whole epochs.
const MAX_SLOTS: u64 = 65_536;
/// Labelled blocks this far before the end of a range say what clients are taken for: 90 days of mainnet.
const LABELLED_SLOTS: u64 = 90 * 7_200;
/// Epochs of a day where no clock says it.
const EPOCHS_PER_DAY: u64 = 225;

/// Which slots, how divided.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The measure of buckets; without it there is one bucket. Days begin with the first epoch that begins in them.
    #[param(inline)]
    by: Option<ByParam>,
    /// So many slots, epochs or days make a bucket.
    #[param(minimum = 1, maximum = 1_000_000, default = 1)]
    every: Option<u64>,
    /// The same as `by=epoch` and `every`; counts only without `by`.
    #[param(minimum = 1, maximum = 1_000_000)]
    bucket_epochs: Option<u64>,
    /// How blocks become shares; the default is `counted`.
    #[param(inline)]
    method: Option<MethodParam>,
    /// A place in the list, from `next`.
    #[param(pattern = "^after-[0-9]{1,12}$")]
    cursor: Option<String>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// The measure of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ByParam {
    Slot,
    Epoch,
    Day,
}

/// How blocks become shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MethodParam {
    /// Each block counts for its likeliest client.
    #[default]
    Counted,
    /// Corrected for how often each client is taken for another, as far as labelled blocks tell.
    Estimated,
}

/// Shares of clients.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shares {
    /// The epoch of the first slot.
    start_epoch: u64,
    /// The epoch after that of the last slot.
    end_epoch: u64,
    start_slot: u64,
    /// The slot after the last.
    end_slot: u64,
    /// Whether no slot of the range is missing.
    complete: bool,
    /// Slots of the range that lie in gaps.
    missing_slots: u64,
    method: MethodParam,
    /// Where it is known from what clients are taken for; null where nothing is corrected.
    confusion: Option<ConfusionSource>,
    /// In order; buckets without a block are left out.
    buckets: Vec<Bucket>,
    /// The address of later buckets; null at the end.
    next: Option<String>,
}

/// Where it is known from what clients are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ConfusionSource {
    labels: Labels,
    /// How many labelled blocks there are.
    blocks: u64,
}

/// What gave labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Labels {
    /// Stored blocks whose graffiti name a client, of the last 90 days of the range.
    Graffiti,
    /// The cross-validation that the loaded model keeps.
    Model,
}

/// One stretch of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bucket {
    start_slot: u64,
    /// The slot after the last.
    end_slot: u64,
    /// Unix time of the first slot; null for recorded data that no clock applies to.
    start_time: Option<u64>,
    /// Blocks counted.
    n: u64,
    shares: Vec<Share>,
}

/// Shares of clients with 95 % intervals, without a start of the last 1,575 epochs, or of those above the newest gap.
#[utoipa::path(
    get,
    path = "/api/v1/shares",
    tag = "v1",
    params(RangeQuery, Query),
    responses(
        (status = 200, description = "Shares per bucket.", content(
            (Shares = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names; or shares can't be estimated.")
    )
)]
pub(crate) async fn shares(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    With(bounds, query): With<RangeQuery, Query>,
) -> Result<Answer, ApiError> {
    let wanted = bounds.slots(&state)?;
    let (range, gaps) = latest(&state, wanted).await?;
    refuse_gaps(&state, &range, bounds.partial).await?;
    let method = query.method.unwrap_or_default();
    let page = Slot(cursor::after(query.cursor.as_deref())?.unwrap_or(0).clamp(range.start.0, range.end.0));
    let cut = cut(&query, page..range.end, state.settings().clock, method)?;
    let counts = counts(&state, &cut).await?;
    let matrices = match method {
        MethodParam::Counted => Vec::new(),
        MethodParam::Estimated => matrices(&state, &range).await?,
    };
    let clock = state.settings().clock;
    let work = move || -> Result<(Vec<Bucket>, Option<ConfusionSource>), CorrectionError> {
        let bucket = |(slots, counts): &(Range<u64>, ClientCounts), shares| Bucket {
            start_slot: slots.start,
            end_slot: slots.end,
            start_time: clock.map(|clock| clock.start_of(slots.start)),
            n: counts.total(),
            shares,
        };
        if method == MethodParam::Counted {
            return Ok((counts.iter().map(|part| bucket(part, shares_of(&part.1))).collect(), None));
        }
        // Labels of this network say more than those that the model was tested with, if there are enough of them.
        let mut refusal = CorrectionError::NotTold;
        for (labels, matrix) in &matrices {
            let corrected = counts.iter().map(|part| Ok(bucket(part, estimated(&part.1, matrix)?)));
            match corrected.collect() {
                Ok(buckets) => {
                    return Ok((buckets, Some(ConfusionSource { labels: *labels, blocks: matrix.total() })));
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    };
    let (buckets, confusion) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ApiError::Internal(error.to_string()))?
        .map_err(|error| {
            ApiError::Missing(format!("shares can't be estimated: {error}; ask for method=counted"))
        })?;
    let missing_slots = missing(&gaps, range.start, range.end);
    let next = cut.next.map(|slot| with_cursor(&uri, &cursor::after_text(slot)));
    let shares = Shares {
        start_epoch: range.start.epoch().0,
        end_epoch: range.end.0.div_ceil(SLOTS_PER_EPOCH),
        start_slot: range.start.0,
        end_slot: range.end.0,
        complete: missing_slots == 0,
        missing_slots,
        method,
        confusion,
        buckets,
        next,
    };
    let answer = Answer::list(form, &shares, table, validity(&state, wanted).await?)?;
    Ok(answer.link("next", shares.next.as_deref()))
}

/// What clients are taken for, from all there is to know it from, the best first.
pub(crate) async fn matrices(
    state: &AppState,
    range: &Range<Slot>,
) -> Result<Vec<(Labels, ConfusionMatrix)>, ApiError> {
    let from = range.end.0.saturating_sub(LABELLED_SLOTS);
    let signed = state.store().confusion_matrix(Slot(from)..range.end).await?;
    let tested = state.model().and_then(|model| model.info().scores.as_ref()?.confusion.clone());
    Ok([(Labels::Graffiti, signed)].into_iter().chain(tested.map(|matrix| (Labels::Model, matrix))).collect())
}

/// A page of the range, divided.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    /// Parts of the page with the length of their buckets, which begin with the part.
    parts: Vec<(Range<u64>, u64)>,
    /// Where the next page begins.
    next: Option<u64>,
}

fn cut(
    query: &Query,
    range: Range<Slot>,
    clock: Option<ChainClock>,
    method: MethodParam,
) -> Result<Cut, ApiError> {
    let every = query.every.unwrap_or(1);
    for (name, value) in [("every", Some(every)), ("bucket_epochs", query.bucket_epochs)] {
        if value.is_some_and(|value| !(1..=1_000_000).contains(&value)) {
            return Err(ApiError::BadParameter(format!("{name} must be from 1 to 1000000")));
        }
    }
    let (start, end) = (range.start.0, range.end.0);
    let day = clock
        .map_or(EPOCHS_PER_DAY, |clock| (86_400 / (clock.seconds_per_slot.max(1) * SLOTS_PER_EPOCH)).max(1))
        * SLOTS_PER_EPOCH;
    // Where the first bucket ends, and how long the others are.
    let (first_end, length) = match (query.by, query.bucket_epochs) {
        (Some(ByParam::Slot), _) => (start, every),
        (Some(ByParam::Epoch), _) => (start, every * SLOTS_PER_EPOCH),
        (Some(ByParam::Day), _) => (next_day(start, day, clock), every * day),
        (None, Some(epochs)) => (start, epochs * SLOTS_PER_EPOCH),
        // Buckets are counted from the epoch of the start, so that the one there is has to reach from there.
        (None, None) => {
            let epoch = start - start % SLOTS_PER_EPOCH;
            (start, end.saturating_sub(epoch).max(1).next_multiple_of(SLOTS_PER_EPOCH))
        }
    };
    // Buckets of epochs begin with one.
    let is_fine = !length.is_multiple_of(SLOTS_PER_EPOCH);
    let first_end = if is_fine { first_end } else { first_end.next_multiple_of(SLOTS_PER_EPOCH) };
    let most = if method == MethodParam::Estimated { MAX_ESTIMATED } else { MAX_BUCKETS };
    let slots = most.saturating_mul(length);
    let slots = if is_fine { slots.min(MAX_SLOTS / length.min(MAX_SLOTS) * length) } else { slots };
    let has_one = query.by.is_none() && query.bucket_epochs.is_none();
    if has_one || start >= end {
        return Ok(Cut { parts: vec![(start..end, length)], next: None });
    }
    let page_end = first_end.saturating_add(slots.max(length)).min(end);
    let head = start..first_end.min(page_end);
    let rest = head.end..page_end;
    let parts = [(head, length), (rest, length)].into_iter().filter(|(part, _)| !part.is_empty()).collect();
    Ok(Cut { parts, next: (page_end < end).then_some(page_end) })
}

/// The first slot from a slot on that begins a day; days are as long as they can be in whole epochs.
fn next_day(slot: u64, day: u64, clock: Option<ChainClock>) -> u64 {
    let offset = clock.map_or(0, |clock| {
        // The first epoch that begins at or after midnight, counted from slot 0.
        let seconds = clock.seconds_per_slot.max(1);
        let to_midnight = (86_400 - clock.genesis_time % 86_400) % 86_400;
        to_midnight.div_ceil(seconds).next_multiple_of(SLOTS_PER_EPOCH) % day.max(1)
    });
    if slot <= offset {
        return offset;
    }
    offset.saturating_add((slot - offset).next_multiple_of(day.max(1)))
}

/// Blocks by verdict in each bucket that has some.
async fn counts(state: &AppState, cut: &Cut) -> Result<Vec<(Range<u64>, ClientCounts)>, ApiError> {
    let mut counts = Vec::new();
    for (part, length) in &cut.parts {
        let slots = Slot(part.start)..Slot(part.end);
        let found = if length.is_multiple_of(SLOTS_PER_EPOCH) {
            state.store().shares(slots, *length).await?
        } else {
            state.store().shares_of_slots(slots, *length).await?
        };
        counts.extend(found.into_iter().map(|(slot, counts)| {
            // Buckets are counted from the epoch of the start.
            let bucket = slot.0.max(part.start)..slot.0.saturating_add(*length).min(part.end);
            (bucket, counts)
        }));
    }
    Ok(counts)
}

/// Shares corrected for confusion, in the order of the counted ones. Blocks without a client have no share: whoever
/// built them is among the others.
fn estimated(counts: &ClientCounts, matrix: &ConfusionMatrix) -> Result<Vec<Share>, CorrectionError> {
    let corrected = corrected_shares(&counts.counts, counts.uncertain, matrix)?;
    let share = |client: Option<Client>, blocks: u64| {
        let found = client.and_then(|client| corrected.iter().find(|share| share.client == client));
        Share {
            client: client.map(client_name),
            blocks,
            share: found.map(|share| share.share),
            share_low: found.map(|share| share.low),
            share_high: found.map(|share| share.high),
        }
    };
    let clients = Client::ALL.into_iter().map(|client| share(Some(client), counts.get(client)));
    Ok(clients.chain([share(None, counts.uncertain)]).collect())
}

/// How many slots of a range lie in gaps.
pub(crate) fn missing(gaps: &[store::Gap], start: Slot, end: Slot) -> u64 {
    gaps.iter()
        .map(|gap| {
            let from = gap.start.0.max(start.0);
            (gap.end.0.saturating_add(1)).min(end.0).saturating_sub(from)
        })
        .sum()
}

fn table(shares: &Shares) -> Table {
    let mut table = Table::new([
        ("start_slot", Kind::Number),
        ("end_slot", Kind::Number),
        ("client", Kind::Text),
        ("blocks", Kind::Number),
        ("n", Kind::Number),
        ("share", Kind::Real),
        ("share_low", Kind::Real),
        ("share_high", Kind::Real),
    ]);
    for bucket in &shares.buckets {
        for share in &bucket.shares {
            table.row([
                Cell::from(bucket.start_slot),
                bucket.end_slot.into(),
                share.client.as_deref().unwrap_or("unknown").into(),
                share.blocks.into(),
                bucket.n.into(),
                share.share.into(),
                share.share_low.into(),
                share.share_high.into(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_of_a_gap_inside_the_range_is_missing() {
        let gaps = [
            store::Gap { start: Slot(5), end: Slot(9) },
            store::Gap { start: Slot(20), end: Slot(29) },
            store::Gap { start: Slot(90), end: Slot(99) },
        ];
        assert_eq!(missing(&gaps, Slot(8), Slot(25)), 2 + 5);
        assert_eq!(missing(&gaps, Slot(10), Slot(20)), 0);
    }

    fn query(by: Option<ByParam>, every: u64) -> Query {
        Query { by, every: Some(every), bucket_epochs: None, method: None, cursor: None, _format: None }
    }

    #[test]
    fn ranges_are_cut_into_pages_of_buckets() {
        let cut = |by, every, range: Range<u64>, clock| {
            let cut = cut(&query(by, every), Slot(range.start)..Slot(range.end), clock, MethodParam::Counted);
            cut.map(|cut| (cut.parts, cut.next)).unwrap()
        };
        assert_eq!(cut(None, 1, 10..70, None), (vec![(10..70, 96)], None));
        assert_eq!(cut(Some(ByParam::Epoch), 2, 10..200, None), (vec![(10..32, 64), (32..200, 64)], None));
        let (parts, next) = cut(Some(ByParam::Slot), 1, 10..20_000, None);
        assert_eq!((parts, next), (vec![(10..5_010, 1)], Some(5_010)));
        let (parts, next) = cut(Some(ByParam::Slot), 100, 0..200_000, None);
        assert_eq!((parts, next), (vec![(0..65_500, 100)], Some(65_500)));
        // Mainnet began at 12:00:23: its first day ends with the 113th epoch.
        let (parts, next) = cut(Some(ByParam::Day), 1, 0..20_000, Some(ChainClock::MAINNET));
        assert_eq!((parts, next), (vec![(0..3_616, 7_200), (3_616..20_000, 7_200)], None));
        assert_eq!(ChainClock::MAINNET.start_of(3_616 + 7_200) / 86_400, 18_599);
        assert!(super::cut(&query(None, 0), Slot(0)..Slot(9), None, MethodParam::Counted).is_err());
    }
}
