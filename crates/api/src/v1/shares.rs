//! `/api/v1/shares`: shares of clients with intervals, as JSON or CSV.

use std::fmt::Write;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use consensus::{Epoch, Slot, primitives::SLOTS_PER_EPOCH};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shapes::{Share, shares_of};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Seven days of mainnet.
const DEFAULT_EPOCHS: u64 = 1_575;
/// Most buckets of one answer.
const MAX_BUCKETS: u64 = 5_000;
/// No epoch lies above this one.
const MAX_EPOCH: u64 = 1 << 35;

/// Which epochs, how divided, in which format.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Range {
    /// The first epoch; the default is 1,575 before the end.
    start_epoch: Option<u64>,
    /// The epoch after the last; the default is the one after the newest stored block.
    end_epoch: Option<u64>,
    /// Epochs per bucket; the default is all in one.
    bucket_epochs: Option<u64>,
    /// `json` or `csv`; the default is `json`.
    format: Option<String>,
}

/// Shares of clients.
#[derive(Serialize, ToSchema)]
pub(crate) struct Shares {
    start_epoch: u64,
    end_epoch: u64,
    /// Whether no slot of the range is missing.
    complete: bool,
    /// Slots of the range that lie in gaps.
    missing_slots: u64,
    /// `counted`: each block counts for its likeliest client; nothing is corrected for confusion.
    method: &'static str,
    /// In order; buckets without a block are left out.
    buckets: Vec<Bucket>,
}

/// One stretch of time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bucket {
    start_slot: u64,
    /// The slot after the last.
    end_slot: u64,
    /// Blocks counted.
    n: u64,
    shares: Vec<Share>,
}

/// Shares of clients with 95 % intervals. Gaps do not refuse the answer; it says how many slots are missing.
#[utoipa::path(
    get,
    path = "/api/v1/shares",
    tag = "v1",
    params(Range),
    responses(
        (status = 200, body = Shares),
        (status = 400, description = "A parameter is out of range.")
    )
)]
pub(crate) async fn shares(
    State(state): State<AppState>,
    Params(range): Params<Range>,
) -> Result<Response, ApiError> {
    let store = state.store();
    let bad = |text: String| Err(ApiError::BadParameter(text));
    let newest = store.sync_status().await?.greatest_block_slot;
    let end = range.end_epoch.unwrap_or(newest.epoch().0 + 1);
    let start = range.start_epoch.unwrap_or(end.saturating_sub(DEFAULT_EPOCHS));
    if start > end || end > MAX_EPOCH {
        return bad(format!("epochs {start} to {end} are no range; start_epoch must not be above end_epoch"));
    }
    let bucket = range.bucket_epochs.unwrap_or((end - start).max(1));
    if bucket == 0 || (end - start).div_ceil(bucket) > MAX_BUCKETS {
        let epochs = end - start;
        return bad(format!("{epochs} epochs in buckets of {bucket} are more than {MAX_BUCKETS} buckets"));
    }
    let csv = match range.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => return bad(format!("format is {other:?}; json and csv are allowed")),
    };
    let (first, last) = (Epoch(start).start_slot(), Epoch(end).start_slot());
    let rows = store.shares(first..last, bucket * SLOTS_PER_EPOCH).await?;
    let missing_slots = missing(&store.gaps().await?, first, last);
    let buckets = rows
        .into_iter()
        .map(|(slot, counts)| Bucket {
            start_slot: slot.0,
            end_slot: (slot.0 + bucket * SLOTS_PER_EPOCH).min(last.0),
            n: counts.total(),
            shares: shares_of(&counts),
        })
        .collect();
    let shares = Shares {
        start_epoch: start,
        end_epoch: end,
        complete: missing_slots == 0,
        missing_slots,
        method: "counted",
        buckets,
    };
    Ok(if csv { as_csv(&shares) } else { Json(shares).into_response() })
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

fn as_csv(shares: &Shares) -> Response {
    let mut text = "start_slot,end_slot,client,blocks,n,share,share_low,share_high\n".to_owned();
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.6}"));
    for bucket in &shares.buckets {
        for share in &bucket.shares {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{}",
                bucket.start_slot,
                bucket.end_slot,
                share.client.as_deref().unwrap_or("unknown"),
                share.blocks,
                bucket.n,
                number(share.share),
                number(share.share_low),
                number(share.share_high)
            );
        }
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
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
}
