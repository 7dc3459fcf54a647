//! `/reorgs`: blocks that the chain left behind, and what took their place.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::Epoch;
use fingerprint::score::wilson;
use serde::Deserialize;
use store::{BlockRow, ClientCounts, Reorg, Seek};

use super::charts::{Layout, RateAxis, RateRow, Series, TreeBlock, rates, tree};
use super::format::{self, NBSP, Utc};
use super::latest::block_href;
use super::page::{self, Frame, Section};
use super::period::Period;
use super::shares::{Choice, Extent, Stretch};
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Reorganisations that are counted for the headline.
const COUNTED: usize = 1_000;
/// Those that are listed.
const LISTED: usize = 30;
/// Blocks of a cell.
const NAMED: usize = 6;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "reorgs.html")]
struct ReorgsPage {
    frame: Frame,
    headline: String,
    lede: String,
    choices: Vec<Choice<String>>,
    rates: Option<Rates>,
    rows: Vec<Row>,
    /// Whether it is known of any block left behind when it was first seen.
    has_late: bool,
    more: String,
    empty: String,
    /// Where the API has the same.
    data: String,
}

struct Rates {
    wide: String,
    narrow: String,
    says: String,
    data: String,
    rows: Vec<(String, String, String)>,
}

struct Row {
    time: String,
    depth: String,
    ancestor: String,
    /// As HTML.
    left: String,
    /// Of each block left behind, as HTML.
    late: String,
    /// As HTML.
    replaced: String,
    tree: String,
}

/// The page.
pub(super) async fn reorgs(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build(&state, &headers, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<ReorgsPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let extent = Extent::read(state).await?;
    let stretch = extent.stretch(period)?;
    let range = stretch.range();
    let found = state.store().reorgs(range.clone(), Seek::Newest, COUNTED).await?;
    let sees_blocks = auth::is_allowed(&state.settings().private, headers);
    let slots = range.end.0.saturating_sub(range.start.0);
    let listed = found.items.get(..found.items.len().min(LISTED)).unwrap_or_default();
    let has_late = state.settings().clock.is_some()
        && listed.iter().flat_map(|reorg| &reorg.left).any(|block| block.first_seen_ms.is_some());
    let rates = if found.items.is_empty() { None } else { Some(orphan_rates(state, &stretch).await?) };
    Ok(ReorgsPage {
        frame: Frame::new(state, Section::Reorgs, extent.newest.0, theme).await
            .titled("Reorgs", "Blocks that the chain left behind, by the client that likely built them."),
        headline: headline(&extent, &found.items, found.older.is_some(), period, slots),
        lede: "A block is orphaned when the chain goes on without it. It is kept here, and not counted in shares."
            .to_owned(),
        choices: period.choices(&Period::NOW, |each| format!("/reorgs?period={}", each.code())),
        rates,
        has_late,
        rows: listed
            .iter()
            .enumerate()
            .map(|(at, reorg)| row(state, at, reorg, sees_blocks))
            .collect(),
        data: format!(
            "/api/v1/reorgs?start_slot={}&end_slot={}&partial=true&limit={LISTED}",
            range.start.0, range.end.0
        ),
        more: match found.items.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!("{} older ones are not listed here.", format::count(more as u64)),
        },
        empty: if extent.has_blocks {
            "No block of this period was left behind.".to_owned()
        } else {
            "No blocks yet.".to_owned()
        },
    })
}

fn headline(extent: &Extent, reorgs: &[Reorg], has_more: bool, period: Period, slots: u64) -> String {
    if !extent.has_blocks {
        return "No blocks yet.".to_owned();
    }
    let time = period.within();
    let deepest = reorgs.iter().map(|reorg| reorg.depth).max().unwrap_or(0);
    if reorgs.is_empty() {
        return format!("No reorgs {time}.");
    }
    let left: u64 = reorgs.iter().map(|reorg| reorg.left.len() as u64).sum();
    let percent = left as f64 * 100.0 / slots.max(1) as f64;
    let at_least = if has_more { "At least " } else { "" };
    format!(
        "{at_least}{} {time}, deepest {}; {percent:.2}{NBSP}% of slots.",
        format::counted(reorgs.len() as u64, "reorg"),
        format::counted(deepest, "slot")
    )
}

async fn orphan_rates(state: &AppState, stretch: &Stretch) -> Result<Rates, ApiError> {
    let epochs = Epoch(stretch.epochs.start)..Epoch(stretch.epochs.end);
    let orphaned =
        state.store().orphans_per_client(epochs.start.start_slot()..epochs.end.start_slot()).await?;
    let kept = state.store().blocks_per_client(epochs).await?;
    let both = |counts: &ClientCounts, series| super::shares::blocks_of(counts, series);
    let counted: Vec<(Series, u64, u64)> = Series::all()
        .map(|series| (series, both(&orphaned, series), both(&orphaned, series) + both(&kept, series)))
        .filter(|(_, _, n)| *n > 0)
        .collect();
    let row = |(series, orphaned, n): &(Series, u64, u64)| {
        let (low, high) = wilson(*orphaned, *n);
        let rate = *orphaned as f64 / *n as f64;
        RateRow {
            series: *series,
            rate: Some(rate),
            low,
            high,
            text: format!("{:.1} ({:.1}–{:.1})", rate * 1_000.0, low * 1_000.0, high * 1_000.0),
        }
    };
    let rows: Vec<RateRow> = counted.iter().map(row).collect();
    let highest = rows.iter().map(|row| row.high).fold(0.0, f64::max);
    let steps = [0.002, 0.004, 0.01, 0.02, 0.04, 0.1, 0.2, 0.4, 1.0];
    let end = steps.into_iter().find(|end| *end >= highest).unwrap_or(1.0);
    let axis = RateAxis { title: "Orphaned blocks per thousand", end, unit: 0.001, name: "\u{a0}‰" };
    let words: Vec<_> = rows.iter().map(|row| format!("{} {}", row.series.name(), row.text)).collect();
    let narrow: Vec<_> = rows
        .iter()
        .map(|row| RateRow { text: format!("{:.1}", row.rate.unwrap_or(0.0) * 1_000.0), ..row.clone() })
        .collect();
    let says = if differ(&counted) {
        "Rates differ by more than chance explains: at least one client loses more or fewer blocks than the others."
    } else {
        "Rates differ by less than chance explains."
    };
    Ok(Rates {
        wide: [Layout::Exact(1_180), Layout::Wide]
            .map(|layout| rates("orphans", layout, axis, &rows, &words.join("; ")))
            .concat(),
        narrow: rates("orphans", Layout::Narrow, axis, &narrow, &words.join("; ")),
        says: says.to_owned(),
        data: format!(
            "/api/v1/orphans?start_epoch={}&end_epoch={}&partial=true",
            stretch.epochs.start, stretch.epochs.end
        ),
        rows: rows
            .iter()
            .zip(&counted)
            .map(|(row, (_, orphaned, n))| {
                (
                    row.series.label(),
                    format!("{} of {}", format::count(*orphaned), format::count(*n)),
                    row.text.clone(),
                )
            })
            .collect(),
    })
}

/// Pearson's test whether rates of orphaned blocks differ between clients, at 95 %.
fn differ(counted: &[(Series, u64, u64)]) -> bool {
    /// Quantiles of the chi-squared distribution, by degrees of freedom from 1.
    const QUANTILES: [f64; 7] = [3.841, 5.991, 7.815, 9.488, 11.070, 12.592, 14.067];
    let orphaned: u64 = counted.iter().map(|(_, orphaned, _)| orphaned).sum();
    let n: u64 = counted.iter().map(|(_, _, n)| n).sum();
    if orphaned == 0 || orphaned >= n {
        return false;
    }
    let rate = orphaned as f64 / n as f64;
    let statistic: f64 = counted
        .iter()
        .map(|(_, orphaned, n)| {
            let expected = rate * *n as f64;
            let off = *orphaned as f64 - expected;
            off * off / expected + off * off / (*n as f64 - expected)
        })
        .sum();
    let degrees = counted.len().saturating_sub(1);
    degrees.checked_sub(1).and_then(|at| QUANTILES.get(at)).is_some_and(|limit| statistic > *limit)
}

fn row(state: &AppState, at: usize, reorg: &Reorg, sees_blocks: bool) -> Row {
    let first = reorg.left.first().map_or(reorg.ancestor_slot, |block| block.slot);
    let tree_block = |is_left: bool| {
        move |block: &BlockRow| TreeBlock {
            slot: block.slot.0,
            parent: block.parent_slot.0,
            series: sees_blocks.then(|| Series::from(block.classification.best_guess_single)),
            is_left,
        }
    };
    let blocks: Vec<TreeBlock> = reorg
        .left
        .iter()
        .map(tree_block(true))
        .chain(reorg.replaced_by.iter().map(tree_block(false)))
        .collect();
    let description = format!(
        "From slot {} on: {} left behind, {} in their place",
        format::count(reorg.ancestor_slot.0),
        format::counted(reorg.left.len() as u64, "block"),
        format::count(reorg.replaced_by.len() as u64)
    );
    Row {
        time: match state.settings().clock {
            Some(clock) => {
                let time = Utc::from_unix(clock.start_of(first.0));
                format!("{} {}", time.date(), time.hour_and_minute())
            }
            None => format!("slot{NBSP}{}", format::count(first.0)),
        },
        depth: format::count(reorg.depth),
        ancestor: format::count(reorg.ancestor_slot.0),
        left: cell(&reorg.left, sees_blocks),
        late: late(state, &reorg.left),
        replaced: cell(&reorg.replaced_by, sees_blocks),
        tree: tree(&format!("tree-{at}"), reorg.ancestor_slot.0, &blocks, &description),
    }
}

/// How long after the start of their slots blocks were first seen, a line each as in [`cell`].
fn late(state: &AppState, blocks: &[BlockRow]) -> String {
    let one = |block: &BlockRow| match (state.settings().clock, block.first_seen_ms) {
        (Some(clock), Some(seen)) => format::seconds(clock.late_ms(block.slot.0, seen)),
        _ => "–".to_owned(),
    };
    blocks.iter().take(NAMED).map(one).collect::<Vec<_>>().join("<br>")
}

/// Blocks with their verdicts; for readers who may not see single blocks, their roots.
fn cell(blocks: &[BlockRow], sees_blocks: bool) -> String {
    if blocks.is_empty() {
        return "<span class=\"quiet\">none yet</span>".to_owned();
    }
    let one = |block: &BlockRow| {
        let slot = format::count(block.slot.0);
        if sees_blocks {
            let label = Series::from(block.classification.best_guess_single).label();
            format!("<span class=\"nowrap\"><a href=\"{}\">{slot}</a> {label}</span>", block_href(block))
        } else {
            let root = format::short_root(&block.block_root.to_string());
            format!("<span class=\"nowrap\">{slot} <code>{root}</code></span>")
        }
    };
    let mut cell: Vec<String> = blocks.iter().take(NAMED).map(one).collect();
    if blocks.len() > NAMED {
        cell.push(format!("<span class=\"quiet\">and {} more</span>", blocks.len() - NAMED));
    }
    cell.join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_told_from_difference() {
        let of = |orphaned: [u64; 3]| {
            let series = [Series::Unknown; 3];
            series
                .into_iter()
                .zip(orphaned)
                .map(|(series, orphaned)| (series, orphaned, 10_000))
                .collect::<Vec<_>>()
        };
        assert!(!differ(&of([20, 24, 18])));
        assert!(differ(&of([20, 80, 18])));
        assert!(!differ(&of([0, 0, 0])) && !differ(&[]));
    }
}
