//! One block as a row of a table.

use store::{BlockRow, CanonicalState, RootOrigin};

use super::charts::{Series, bar};
use super::format::{self, NBSP};
use super::headline::NAMED_FROM;
use super::names;
use super::rows::{Between, rows as rows_of};
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
    /// Whether the stretch is missing from the record.
    pub(super) is_gap: bool,
    pub(super) block: Option<LatestBlock>,
}

/// The part of a row that only blocks have.
pub(super) struct LatestBlock {
    pub(super) href: String,
    /// The proposer with its links, as HTML.
    pub(super) proposer: String,
    /// Mark and name, as HTML.
    pub(super) verdict: String,
    /// The small bar, as HTML.
    pub(super) bar: String,
    pub(super) probability: String,
    pub(super) runner_up: String,
    /// What the graffiti says, as HTML.
    pub(super) signed: String,
    /// How many attestations it has.
    pub(super) attestations: String,
    pub(super) state: &'static str,
    pub(super) orphaned: bool,
}

/// The newest blocks with the slots between them that had none.
pub(super) async fn rows(state: &AppState, count: usize) -> Result<Vec<LatestRow>, ApiError> {
    let blocks = state.store().recent(count).await?;
    let mut rows = rows_of(state, &blocks, Between::Shown);
    rows.truncate(count);
    Ok(rows)
}

pub(super) fn latest_block(state: &AppState, row: &BlockRow) -> LatestBlock {
    let verdict = &row.classification;
    let mut ranked = verdict.probabilities.clone();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = verdict.best_guess_single.map(|client| (client, verdict.probability(client)));
    let nearest = ranked.first().copied().filter(|(_, value)| *value > 0.0);
    let (series, probability, beside) = match (best, nearest) {
        (Some((client, _)), _) if ranked.len() == 1 && verdict.graffiti_guess == Some(client) => {
            (Series::Client(client), "–".to_owned(), "told by its graffiti".to_owned())
        }
        (Some((client, value)), _) if value >= NAMED_FROM => {
            let second = ranked.iter().find(|(other, value)| *other != client && *value > 0.0);
            let second = second.map_or_else(String::new, |(other, value)| {
                format!("then {other}{NBSP}{}", format::probability(*value))
            });
            (Series::Client(client), format::probability(value), second)
        }
        // Named all the same: the shares count it for this client.
        (Some((client, value)), _) => {
            let doubt = format!("below{NBSP}{NAMED_FROM:.2}, not told apart");
            // Never rounded up to the limit that it is below.
            (Series::Client(client), format::probability(value.min(NAMED_FROM - 0.006)), doubt)
        }
        (None, Some((client, value))) => {
            let nearest = format!("nearest {client}{NBSP}{}", format::probability(value));
            (Series::Unknown, "–".to_owned(), nearest)
        }
        (None, None) => (Series::Unknown, "–".to_owned(), String::new()),
    };
    let length = best.or(nearest).map_or(0.0, |(_, value)| value);
    let signed = match verdict.graffiti_guess {
        Some(client) => Series::Client(client).label(),
        None => "<span class=\"quiet\">–</span>".to_owned(),
    };
    LatestBlock {
        href: block_href(row),
        proposer: names::proposer(state, row.proposer_index),
        verdict: series.label(),
        bar: bar(series, length),
        probability,
        runner_up: beside,
        signed,
        attestations: row
            .attestations
            .count()
            .map_or_else(|| "<span class=\"quiet\">–</span>".to_owned(), |count| format::count(count.into())),
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
