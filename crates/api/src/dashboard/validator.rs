//! `/validators/{index}`: which client a validator runs, since when, from which blocks.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use serde::Deserialize;
use store::{BlockRow, History, history};

use super::charts::{Course, CourseBlock, Layout, course};
use super::format::{self, NBSP, Utc};
use super::headline::likelihood_words;
use super::latest::LatestRow;
use super::names;
use super::page::{self, Frame, Section};
use super::rows::{Between, rows};
use super::validators::FEWEST_BLOCKS;
use crate::auth;
use crate::compat::number;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Blocks that the page shows, the newest ones.
const SHOWN: usize = 100;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "validator.html")]
struct ValidatorPage {
    frame: Frame,
    index: String,
    entity: Option<(String, String)>,
    headline: String,
    lede: String,
    changes: Vec<String>,
    wide: String,
    narrow: String,
    note: String,
    latest: Vec<LatestRow>,
    has_clock: bool,
    more: String,
    /// Where the API has the same blocks.
    data: String,
}

/// The page.
pub(super) async fn validator(
    State(state): State<AppState>,
    Path(index): Path<String>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let access = &state.settings().private;
    if !auth::is_allowed(access, &headers) {
        return super::errors::failure(&state, auth::refusal(access)).await;
    }
    let page = match query {
        Ok(Params(query)) => build(&state, &index, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(state: &AppState, index: &str, query: &Query) -> Result<ValidatorPage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let index = ValidatorIndex(number("index", index)?);
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let mut blocks = state.store().validator_blocks(index, Slot(0)).await?;
    let all = blocks.len();
    if all == 0 {
        return Err(ApiError::Missing(format!(
            "no block of validator {} is stored; it may not exist, or not have proposed yet",
            format::count(index.0)
        )));
    }
    // The newest ones, oldest first.
    blocks.drain(..all.saturating_sub(SHOWN));
    let verdicts: Vec<_> = blocks.iter().map(|block| &block.classification).collect();
    let history = history(&verdicts);
    let name = format::count(index.0);
    let (headline, lede) = headline(state, &name, &blocks, &history);
    let picture = picture(state, &blocks, &history);
    let newest_first: Vec<BlockRow> = blocks.iter().rev().cloned().collect();
    let entity = names::entity_of(state, index);
    Ok(ValidatorPage {
        frame: Frame::new(state, Section::Validators, newest.0, theme).await.titled(
            format!("Validator {name}"),
            format!("Which client validator {name} likely runs, judged by its blocks."),
        ),
        index: name,
        entity: entity.map(|entity| (format::visible(&entity.name), format!("/entities/{}", entity.slug))),
        headline,
        lede,
        changes: changes(state, &blocks, &history),
        wide: [Layout::Exact(1_180), Layout::Wide].map(|layout| course("course", layout, &picture)).concat(),
        narrow: course("course", Layout::Narrow, &picture),
        note: "A mark is a block. Filled: probability of 0.90 or more; pale: less. Line: what the blocks say together."
            .to_owned(),
        latest: rows(state, &newest_first, Between::Hidden),
        has_clock: state.settings().clock.is_some(),
        more: if all > SHOWN {
            format!("The newest {SHOWN} of {} blocks.", format::count(all as u64))
        } else {
            String::new()
        },
        data: format!("/api/v1/validators/{index}/blocks?since_slot=0"),
    })
}

fn when(state: &AppState, slot: Slot) -> String {
    match state.settings().clock {
        Some(clock) => Utc::from_unix(clock.start_of(slot.0)).date(),
        None => format!("slot{NBSP}{}", format::count(slot.0)),
    }
}

fn headline(state: &AppState, name: &str, blocks: &[BlockRow], history: &History) -> (String, String) {
    let first = blocks.first().map_or_else(String::new, |block| when(state, block.slot));
    let last = match (blocks.last(), state.settings().clock) {
        (Some(block), Some(clock)) => format::age(state.now().saturating_sub(clock.start_of(block.slot.0))),
        (Some(block), None) => format!("in slot{NBSP}{}", format::count(block.slot.0)),
        (None, _) => String::new(),
    };
    if blocks.len() < FEWEST_BLOCKS {
        let seen = if blocks.len() == 1 { "once" } else { "twice" };
        return (
            format!("Validator {name} was seen {seen}."),
            "Too little for a history; the single verdicts are below.".to_owned(),
        );
    }
    let from =
        format!("From {} since {first}; the last one {last}.", format::counted(blocks.len() as u64, "block"));
    match history.now {
        Some(now) => (
            format!(
                "Validator {name} {} {}: {}",
                likelihood_words(now.probability),
                now.client,
                format::probability(now.probability)
            ),
            format!("{from} Blocks are taken together: a validator that changes its client does so seldom."),
        ),
        None => (format!("Nothing tells which client validator {name} runs."), from),
    }
}

fn changes(state: &AppState, blocks: &[BlockRow], history: &History) -> Vec<String> {
    if blocks.len() < FEWEST_BLOCKS {
        return Vec::new();
    }
    let sentence = |at: &usize| {
        let before = (blocks.get(at.checked_sub(1)?)?, history.course.get(at.checked_sub(1)?)?);
        let after = (blocks.get(*at)?, history.course.get(*at)?);
        Some(format!(
            "Changed from {} to {} between {} and {} (probability {}).",
            before.1.client,
            after.1.client,
            when(state, before.0.slot),
            when(state, after.0.slot),
            format::probability(after.1.probability)
        ))
    };
    history.changes.iter().filter_map(sentence).collect()
}

fn picture(state: &AppState, blocks: &[BlockRow], history: &History) -> Course {
    let clients: Vec<Option<Client>> = Client::ALL
        .into_iter()
        .map(Some)
        .chain([None])
        .filter(|client| {
            blocks.iter().any(|block| block.classification.best_guess_single == *client)
                || history.course.iter().any(|at| Some(at.client) == *client)
        })
        .collect();
    let (first, last) = match (blocks.first(), blocks.last()) {
        (Some(first), Some(last)) => (first.slot.0, last.slot.0),
        _ => (0, 0),
    };
    let span = (last.saturating_sub(first)).max(1) as f64;
    let row = |client: Option<Client>| clients.iter().position(|known| *known == client).unwrap_or(0);
    let has_history = blocks.len() >= FEWEST_BLOCKS;
    Course {
        clients: clients.clone(),
        blocks: blocks
            .iter()
            .enumerate()
            .map(|(at, block)| {
                let verdict = &block.classification;
                let best = verdict.best_guess_single;
                CourseBlock {
                    at: block.slot.0.saturating_sub(first) as f64 / span,
                    row: row(best),
                    is_sure: best.is_some_and(|client| verdict.probability(client) >= 0.9),
                    smoothed: history
                        .course
                        .get(at)
                        .filter(|_| has_history)
                        .map(|smoothed| row(Some(smoothed.client))),
                }
            })
            .collect(),
        from: when(state, Slot(first)),
        to: when(state, Slot(last)),
        description: format!(
            "{} from {} to {}",
            format::counted(blocks.len() as u64, "block"),
            when(state, Slot(first)),
            when(state, Slot(last))
        ),
    }
}
