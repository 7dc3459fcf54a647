//! Measurements for Prometheus, and what they mean.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use consensus::Epoch;
use fingerprint::Classification;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::ApiError;
use crate::health::PlannedFork;
use crate::settings::ChainClock;
use crate::state::AppState;

const REQUESTS: &str = "blockmark_http_requests_total";
const SECONDS: &str = "blockmark_http_request_duration_seconds";
const VERDICTS: &str = "blockmark_verdicts_total";
const BLOCKS: &str = "blockmark_blocks";
const GAPS: &str = "blockmark_gaps";
const GAP_SLOTS: &str = "blockmark_gap_slots";
const DATABASE_BYTES: &str = "blockmark_database_bytes";
const SLOT_LAG: &str = "blockmark_slot_lag";
const LATENCY: &str = "blockmark_verdict_latency_seconds";
const REORG_DEPTH: &str = "blockmark_reorg_depth_slots";
const NEWEST_SLOT: &str = "blockmark_newest_slot";
const WORK: &str = "blockmark_backfill_chunks";

const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// From 50 milliseconds to a slot and more.
const LATENCY_BUCKETS: [f64; 14] =
    [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0, 12.0];

const DEPTH_BUCKETS: [f64; 8] = [1.0, 2.0, 3.0, 5.0, 8.0, 16.0, 32.0, 64.0];

/// After this many requests the samples of histograms are folded, even if nobody asks for them.
const UPKEEP_EVERY: u64 = 4_096;

/// Samples are folded after so long at the latest.
const UPKEEP_PAUSE: Duration = Duration::from_secs(60);

/// The one recorder of this process; `None` if another one was installed before.
static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Starts to record, once per process; later calls change nothing.
pub(crate) fn install() {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full(LATENCY.to_owned()), &LATENCY_BUCKETS)
            })
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full(REORG_DEPTH.to_owned()), &DEPTH_BUCKETS)
            })
            .ok()?;
        let recorder = recorder.build_recorder();
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder).ok()?;
        describe_counter!(REQUESTS, "Requests answered, by route, method and status.");
        describe_histogram!(SECONDS, "Time until the answer began, by route.");
        describe_counter!(VERDICTS, "Blocks judged and stored since the start, by client.");
        describe_gauge!(BLOCKS, "Blocks in the database, orphaned ones left out.");
        describe_gauge!(GAPS, "Gaps in the database.");
        describe_gauge!(GAP_SLOTS, "Slots that are missing in gaps.");
        describe_gauge!(NEWEST_SLOT, "The newest slot with a block.");
        describe_gauge!(DATABASE_BYTES, "Bytes of the tables and indexes of the database.");
        describe_gauge!(SLOT_LAG, "Slots between the clock and the head that is followed.");
        describe_histogram!(LATENCY, "Time from the event that named a block until its verdict was stored.");
        describe_histogram!(REORG_DEPTH, "Depth of reorganisations.");
        describe_counter!("blockmark_reorgs_total", "Reorganisations of any depth.");
        describe_counter!(
            "blockmark_state_changes_total",
            "Blocks that became canonical, orphaned or final."
        );
        describe_counter!("blockmark_store_failures_total", "Transactions that failed and were tried again.");
        describe_counter!("blockmark_unjudged_blocks_total", "Blocks that no model could judge.");
        describe_counter!(
            "blockmark_blocks_with_signs_total",
            "Blocks of which it is known whether they break rules of clients."
        );
        describe_counter!(
            "blockmark_blocks_without_known_packer_total",
            "Of these, blocks that break the rules of every client."
        );
        describe_counter!(
            "blockmark_blocks_against_verdict_total",
            "Of these, blocks that break a rule of the client they are judged as."
        );
        describe_counter!(
            "blockmark_heal_chunks_total",
            "Stretches of missing slots that were tried, by outcome."
        );
        describe_counter!("blockmark_healed_blocks_total", "Blocks stored for missing slots.");
        describe_gauge!("blockmark_queue_blocks", "Blocks that wait, by queue.");
        describe_gauge!(WORK, "Pieces of gaps in the queue, by state; all processes of a database share it.");
        describe_gauge!(
            "blockmark_head_beside_final",
            "1 while the node's head is not above the newest final block that is stored."
        );
        describe_gauge!("blockmark_leader", "1 where this process records the chain, 0 where it stands by.");
        describe_gauge!("blockmark_head_slot", "The head that is followed.");
        describe_gauge!("blockmark_finalized_slot", "The newest final block that is followed.");
        describe_gauge!("blockmark_node_head_slot", "The node's head when it was last asked.");
        describe_gauge!(
            "blockmark_unknown_fork_timestamp_seconds",
            "When a fork begins that the network plans and this program has no rules for; infinite without any."
        );
        Some(handle)
    });
}

/// A task that ends when this is dropped.
pub(crate) struct Upkeep(tokio::task::JoinHandle<()>);

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Folds the samples of histograms from time to time: blocks are measured also where nobody asks for anything.
pub(crate) fn keep_up() -> Upkeep {
    Upkeep(tokio::spawn(async {
        loop {
            tokio::time::sleep(UPKEEP_PAUSE).await;
            if let Some(Some(handle)) = HANDLE.get() {
                handle.run_upkeep();
            }
        }
    }))
}

pub(crate) fn request(route: String, method: &Method, status: StatusCode, time: Duration) {
    let labels =
        [("route", route.clone()), ("method", method.to_string()), ("status", status.as_u16().to_string())];
    counter!(REQUESTS, &labels).increment(1);
    histogram!(SECONDS, "route" => route).record(time.as_secs_f64());
    if SEEN.fetch_add(1, Ordering::Relaxed) % UPKEEP_EVERY == UPKEEP_EVERY - 1
        && let Some(Some(handle)) = HANDLE.get()
    {
        handle.run_upkeep();
    }
}

pub(crate) fn verdicts<'a>(classifications: impl Iterator<Item = &'a Classification>) {
    for classification in classifications {
        counter!(VERDICTS, "client" => classification.single_name()).increment(1);
    }
}

/// How long verdicts took, as far as this process knows: seconds between the edges of the histogram's buckets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    /// Verdicts that were measured.
    pub(crate) verdicts: u64,
    /// Half of them took at most so long: between the lower edge and the upper one, which is endless in the last bucket.
    pub(crate) median: (f64, f64),
    /// The same for 99 of 100.
    pub(crate) p99: (f64, f64),
}

/// The latency of verdicts since the start; `None` where this process made none.
pub(crate) fn verdict_latency() -> Option<Latency> {
    latency_of(&HANDLE.get()?.as_ref()?.render())
}

/// Reads the histogram of latencies from measurements as they are rendered.
fn latency_of(text: &str) -> Option<Latency> {
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    for line in text.lines() {
        let bucket = line.strip_prefix(LATENCY).and_then(|rest| rest.strip_prefix("_bucket{le=\""));
        let Some((edge, count)) = bucket.and_then(|rest| rest.split_once("\"} ")) else { continue };
        let edge = if edge == "+Inf" { f64::INFINITY } else { edge.parse().ok()? };
        buckets.push((edge, count.trim().parse().ok()?));
    }
    let verdicts = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0)?;
    let quantile = |percent: u64| {
        let rank = verdicts.saturating_mul(percent).div_ceil(100);
        let at = buckets.iter().position(|(_, count)| *count >= rank)?;
        let low = at.checked_sub(1).and_then(|before| buckets.get(before)).map_or(0.0, |(edge, _)| *edge);
        Some((low, buckets.get(at)?.0))
    };
    Some(Latency { verdicts, median: quantile(50)?, p99: quantile(99)? })
}

/// Measurements in the text format of Prometheus.
pub(crate) async fn render(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let store = state.store();
    let counts = store.blocks_per_client(Epoch(0)..Epoch(u64::MAX)).await?;
    let gaps = store.gaps().await?;
    let missing: u64 = gaps.iter().map(|gap| gap.end.0.saturating_sub(gap.start.0) + 1).sum();
    let status = store.sync_status().await?;
    gauge!(BLOCKS).set(counts.total() as f64);
    gauge!(GAPS).set(gaps.len() as f64);
    gauge!(GAP_SLOTS).set(missing as f64);
    gauge!(NEWEST_SLOT).set(status.greatest_block_slot.0 as f64);
    gauge!(DATABASE_BYTES).set(store.size_bytes().await? as f64);
    let work = store.work_status(state.now().saturating_mul(1_000)).await?;
    for (name, count) in [("waiting", work.waiting), ("taken", work.taken), ("delayed", work.delayed)] {
        gauge!(WORK, "state" => name).set(count as f64);
    }
    if let Some(follower) = &state.settings().rewards.follower {
        let status = follower.status();
        let slots = [
            ("blockmark_head_slot", status.head.map(|head| head.slot)),
            ("blockmark_finalized_slot", status.anchor.map(|anchor| anchor.slot)),
            ("blockmark_node_head_slot", status.node_head),
        ];
        for (name, slot) in slots {
            if let Some(slot) = slot {
                gauge!(name).set(slot.0 as f64);
            }
        }
        match PlannedFork::unknown(follower) {
            None => gauge!("blockmark_unknown_fork_timestamp_seconds").set(f64::INFINITY),
            // Without a clock there is no time yet; the last one stands.
            Some(PlannedFork { time: None, .. }) => {}
            Some(PlannedFork { time: Some(at), .. }) => {
                gauge!("blockmark_unknown_fork_timestamp_seconds").set(at as f64);
            }
        }
        let clock = ChainClock::of_followed(follower).or(state.settings().clock);
        if let (Some(clock), Some(head)) = (clock, status.head) {
            gauge!(SLOT_LAG).set(clock.slot_at(state.now()).saturating_sub(head.slot.0) as f64);
        }
    }
    let text = HANDLE.get().and_then(Option::as_ref).map_or_else(String::new, PrometheusHandle::render);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_lie_between_the_edges_of_buckets() {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(LATENCY.to_owned()), &LATENCY_BUCKETS)
            .unwrap()
            .build_recorder();
        let rendered = |seconds: &[f64]| {
            ::metrics::with_local_recorder(&recorder, || {
                seconds.iter().for_each(|seconds| histogram!(LATENCY).record(*seconds));
            });
            latency_of(&recorder.handle().render())
        };
        assert_eq!(rendered(&[]), None);
        let latency = rendered(&[0.12; 60]).unwrap();
        assert_eq!((latency.verdicts, latency.median, latency.p99), (60, (0.1, 0.15), (0.1, 0.15)));
        let latency = rendered(&[[1.7; 38].as_slice(), &[60.0; 2]].concat()).unwrap();
        assert_eq!(
            (latency.verdicts, latency.median, latency.p99),
            (100, (0.1, 0.15), (12.0, f64::INFINITY))
        );
        assert_eq!(rendered(&[0.001; 9_900]).unwrap().median, (0.0, 0.02));
    }
}
