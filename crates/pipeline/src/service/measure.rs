//! What the service measures. The names and what they mean are described where they are served.

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use source::follow::Follower;
use source::replay::ReplayedBlock;
use store::{BlockRow, ChainReport};

/// What is counted seldom begins with 0, so that the first time is seen as a step.
pub(super) fn begin() {
    for name in [
        "blockmark_reorgs_total",
        "blockmark_store_failures_total",
        "blockmark_unjudged_blocks_total",
        "blockmark_blocks_with_signs_total",
        "blockmark_blocks_without_known_packer_total",
        "blockmark_blocks_against_verdict_total",
    ] {
        counter!(name).increment(0);
    }
    // An empty histogram is told once it is known.
    let _ = histogram!("blockmark_reorg_depth_slots");
}

/// Blocks that were stored: verdicts by client, whether they break rules, and the time since an event named them.
pub(super) fn stored<'a>(follower: &Follower, rows: impl Iterator<Item = &'a BlockRow>, now: Instant) {
    for row in rows {
        counter!("blockmark_verdicts_total", "client" => row.classification.single_name()).increment(1);
        if let Some(signs) = row.signs {
            let verdict = row.classification.best_guess_single;
            let against_verdict = verdict.is_some_and(|client| signs.rules_out(client));
            counter!("blockmark_blocks_with_signs_total").increment(1);
            counter!("blockmark_blocks_without_known_packer_total")
                .increment(u64::from(signs.rules_out_all()));
            counter!("blockmark_blocks_against_verdict_total").increment(u64::from(against_verdict));
        }
        if let Some(arrival) = follower.arrival(&row.block_root) {
            let latency = now.saturating_duration_since(arrival.at);
            histogram!("blockmark_verdict_latency_seconds").record(latency.as_secs_f64());
            judged(row, latency);
        }
    }
}

fn judged(row: &BlockRow, latency: Duration) {
    let verdict = &row.classification;
    let probability =
        verdict.probabilities.iter().find(|(client, _)| Some(*client) == verdict.best_guess_single);
    tracing::info!(
        slot = row.slot.0,
        client = verdict.single_name(),
        p = probability.map(|(_, probability)| (probability * 100.0).round() / 100.0),
        late_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        "Block judged"
    );
}

/// What a transaction changed.
pub(super) fn settled(report: &ChainReport) {
    counter!("blockmark_state_changes_total").increment(report.changed);
    gauge!("blockmark_head_beside_final").set(if report.is_beside_final { 1.0 } else { 0.0 });
}

/// A reorganisation, by its depth in slots.
pub(super) fn head_changed(depth: u64) {
    if depth > 0 {
        counter!("blockmark_reorgs_total").increment(1);
        histogram!("blockmark_reorg_depth_slots").record(depth as f64);
    }
}

/// Blocks that wait to be stored.
pub(super) fn waiting(blocks: usize) {
    gauge!("blockmark_queue_blocks", "queue" => "record").set(blocks as f64);
}

/// A transaction that failed.
pub(super) fn store_failed() {
    counter!("blockmark_store_failures_total").increment(1);
}

/// A block without features, which is stored as uncertain.
pub(super) fn unjudged(block: &ReplayedBlock, reason: &str) {
    counter!("blockmark_unjudged_blocks_total").increment(1);
    tracing::warn!(slot = block.slot().0, root = %block.root, reason, "A block can't be judged and is stored as uncertain");
}

/// Whether this process is the one that records the chain.
pub(super) fn leads(leads: bool) {
    gauge!("blockmark_leader").set(if leads { 1.0 } else { 0.0 });
}

/// A round of filling gaps in which the database refused.
pub(super) fn heal_error() {
    counter!("blockmark_store_failures_total").increment(1);
}

/// A stretch of missing slots that was tried.
pub(super) fn healed(outcome: &'static str, blocks: usize) {
    counter!("blockmark_heal_chunks_total", "outcome" => outcome).increment(1);
    counter!("blockmark_healed_blocks_total").increment(u64::try_from(blocks).unwrap_or(u64::MAX));
}
