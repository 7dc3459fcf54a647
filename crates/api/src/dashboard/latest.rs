//! The newest blocks, as rows of the overview.

use store::{BlockRow, CanonicalState, RootOrigin};

use super::charts::{Series, bar};
use super::format::{self, NBSP, Utc};
use super::headline::NAMED_FROM;
use crate::error::ApiError;
use crate::state::AppState;

/// A block, or a stretch without one.
pub(super) struct LatestRow {
    pub(super) slot: String,
    /// What tells the row from others, for script.
    pub(super) key: String,
    /// The slot as a plain number, for script.
    pub(super) place: u64,
    pub(super) age: String,
    pub(super) datetime: String,
    /// What stands instead of a verdict.
    pub(super) missed: String,
    pub(super) block: Option<LatestBlock>,
}

/// The part of a row that only blocks have.
pub(super) struct LatestBlock {
    pub(super) href: String,
    pub(super) proposer: String,
    /// Mark and name, as HTML.
    pub(super) verdict: String,
    /// The small bar, as HTML.
    pub(super) bar: String,
    pub(super) probability: String,
    pub(super) runner_up: String,
    pub(super) state: &'static str,
    pub(super) orphaned: bool,
}

/// The newest blocks with the slots between them that had none.
pub(super) async fn rows(state: &AppState, count: usize) -> Result<Vec<LatestRow>, ApiError> {
    let blocks = state.store().recent(count).await?;
    let mut rows = Vec::with_capacity(count);
    for (at, block) in blocks.iter().enumerate() {
        let shown = latest_block(block);
        let key = block.block_root.to_string();
        rows.push(LatestRow { block: Some(shown), key, ..empty(state, block.slot.0) });
        let older = blocks.get(at + 1).map(|older| older.slot.0);
        if older == Some(block.parent_slot.0) && block.parent_slot.0 + 1 < block.slot.0 {
            rows.push(missed(state, block.parent_slot.0 + 1, block.slot.0 - 1));
        }
    }
    rows.truncate(count);
    Ok(rows)
}

fn empty(state: &AppState, slot: u64) -> LatestRow {
    let time = state.settings().clock.map(|clock| clock.start_of(slot));
    LatestRow {
        slot: format::count(slot),
        key: format!("missed-{slot}"),
        place: slot,
        age: time.map_or_else(String::new, |time| format::age(state.now().saturating_sub(time))),
        datetime: time.map_or_else(String::new, |time| Utc::from_unix(time).machine()),
        missed: String::new(),
        block: None,
    }
}

fn missed(state: &AppState, first: u64, last: u64) -> LatestRow {
    let row = empty(state, last);
    if first == last {
        return LatestRow { missed: "no block in this slot".to_owned(), ..row };
    }
    LatestRow {
        slot: format!("{}–{}", format::count(first), format::count(last)),
        missed: format!("no blocks in {}", format::counted(last - first + 1, "slot")),
        ..row
    }
}

fn latest_block(row: &BlockRow) -> LatestBlock {
    let verdict = &row.classification;
    let mut ranked = verdict.probabilities.clone();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = verdict.best_guess_single.map(|client| (client, verdict.probability(client)));
    let (series, probability, runner_up) = match best {
        Some((client, _)) if ranked.len() == 1 && verdict.graffiti_guess == Some(client) => {
            (Series::Client(client), "–".to_owned(), "told by its graffiti".to_owned())
        }
        Some((client, value)) if value >= NAMED_FROM => {
            let second = ranked.iter().find(|(other, value)| *other != client && *value > 0.0);
            let second = second.map_or_else(String::new, |(other, value)| {
                format!("then {other}{NBSP}{}", format::probability(*value))
            });
            (Series::Client(client), format::probability(value), second)
        }
        // Named all the same: the shares above count it for this client.
        Some((client, value)) => {
            let doubt = format!("below{NBSP}{NAMED_FROM:.2}, not told apart");
            (Series::Client(client), format::probability(value), doubt)
        }
        None => (Series::Unknown, "–".to_owned(), String::new()),
    };
    LatestBlock {
        href: block_href(row),
        proposer: row.proposer_index.to_string(),
        verdict: series.label(),
        bar: bar(series, best.map_or(0.0, |(_, value)| value)),
        probability,
        runner_up,
        state: state_text(row.canonical),
        orphaned: row.canonical == CanonicalState::Orphaned,
    }
}

/// The page of a block: by root, or by slot where the root is not its own.
pub(super) fn block_href(row: &BlockRow) -> String {
    match row.root_known {
        RootOrigin::Reported => format!("/block/{}", row.block_root),
        RootOrigin::Imported => format!("/block/{}", row.slot),
    }
}

/// What the chain made of a block, as on pages.
pub(super) const fn state_text(state: CanonicalState) -> &'static str {
    match state {
        CanonicalState::Unknown => "seen",
        CanonicalState::Canonical => "canonical",
        CanonicalState::Orphaned => "orphaned",
        CanonicalState::Finalized => "final",
    }
}
