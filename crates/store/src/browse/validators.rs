//! Validators, with what their blocks say together.
//!
//! A page reads `validator_latest` in the order of its key, at most [`SCANNED_ROWS`] rows of it, then the blocks of
//! those on the page by the index on proposers. Where they have very many, as on a chain of few validators, the newest
//! [`SCANNED_ROWS`] rows of the chain are looked at instead.

use std::collections::HashMap;

use consensus::ValidatorIndex;
use fingerprint::Client;
use fingerprint::classifier::Classification;
use futures::TryStreamExt;

use super::blocks::{PROPOSED_ROWS, Stretch, has_few_blocks, known_slots, proposers, stop};
use super::{SCANNED_ROWS, Seek};
use crate::codes::{verdict_code, verdict_of_code};
use crate::error::StoreError;
use crate::history::{HISTORY_BLOCKS, History, history};
use crate::query::{LatestBlock, Page, records};
use crate::row::{BlockRow, slot_of_id};
use crate::sql::{Arguments, Connection, filled_pieces, to_i64, to_u64};
use crate::validator_set::ValidatorSet;

/// Most validators of one page.
const MAX_VALIDATORS: usize = 200;

/// Validators of a set that are looked up in one statement.
const LOOKED_UP: usize = 256;

/// Statements that look up validators of a set, at most.
const LOOK_UPS: usize = 64;

/// Which validators.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidatorFilter {
    /// Only these.
    pub set: Option<ValidatorSet>,
    /// Only those whose newest block has this verdict, where `Some(None)` is "Uncertain".
    pub latest: Option<Option<Client>>,
}

/// What is known of a validator.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatorSummary {
    /// Its newest block.
    pub latest: LatestBlock,
    /// What its newest blocks, at most [`HISTORY_BLOCKS`] of them, say together.
    pub history: History,
}

pub(super) async fn page(
    connection: &mut Connection<'_>,
    filter: &ValidatorFilter,
    after: Option<ValidatorIndex>,
    limit: usize,
) -> Result<Page<ValidatorSummary, ValidatorIndex>, StoreError> {
    let limit = limit.clamp(1, MAX_VALIDATORS);
    let from = after.map_or(0, |after| after.0.saturating_add(1));
    let latest = match &filter.set {
        None => of_all(connection, filter.latest, from, limit).await?,
        Some(set) => of_set(connection, set, filter.latest, from, limit).await?,
    };
    let mut blocks = blocks(connection, &latest.items).await?;
    let items = latest.items.into_iter().map(|latest| {
        let rows = blocks.remove(&latest.proposer_index).unwrap_or_default();
        let verdicts: Vec<&Classification> = rows.iter().map(|row| &row.classification).collect();
        ValidatorSummary { latest, history: history(&verdicts) }
    });
    Ok(Page { items: items.collect(), next: latest.next })
}

async fn of_all(
    connection: &mut Connection<'_>,
    verdict: Option<Option<Client>>,
    from: u64,
    limit: usize,
) -> Result<Page<LatestBlock, ValidatorIndex>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let from = arguments.one(to_i64(from))?;
    let most =
        if verdict.is_some() { SCANNED_ROWS } else { i64::try_from(limit + 1).unwrap_or(SCANNED_ROWS) };
    let sql = format!(
        "SELECT proposer_index, block_id, best_guess FROM validator_latest WHERE proposer_index >= {from} \
         ORDER BY proposer_index LIMIT {most}"
    );
    let (mut items, mut seen, mut last) = (Vec::new(), 0, None);
    let mut rows = arguments.stream(sql, connection);
    while let Some(row) = rows.try_next().await? {
        let latest = latest_of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
        if is_wanted(&latest, verdict) {
            // One more than asked for tells that there are more.
            if items.len() == limit {
                return Ok(Page { items, next: last });
            }
            items.push(latest);
        }
        seen += 1;
        last = Some(latest.proposer_index);
    }
    Ok(Page { items, next: last.filter(|_| seen == SCANNED_ROWS) })
}

async fn of_set(
    connection: &mut Connection<'_>,
    set: &ValidatorSet,
    verdict: Option<Option<Client>>,
    from: u64,
    limit: usize,
) -> Result<Page<LatestBlock, ValidatorIndex>, StoreError> {
    let engine = connection.engine();
    let (mut items, mut from) = (Vec::new(), from);
    for _ in 0..LOOK_UPS {
        let wanted: Vec<i64> = set.from(from, LOOKED_UP).into_iter().map(to_i64).collect();
        let Some(last) = wanted.last().copied() else { return Ok(Page { items, next: None }) };
        for piece in filled_pieces(engine, &wanted) {
            let mut arguments = Arguments::new(engine);
            let list = arguments.any_number(&piece)?;
            let sql = format!(
                "SELECT proposer_index, block_id, best_guess FROM validator_latest WHERE proposer_index {list} \
                 ORDER BY proposer_index"
            );
            for row in arguments.fetch(sql, connection).await? {
                let latest = latest_of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
                if is_wanted(&latest, verdict) {
                    if items.len() == limit {
                        let next = items.last().map(|latest: &LatestBlock| latest.proposer_index);
                        return Ok(Page { items, next });
                    }
                    items.push(latest);
                }
            }
        }
        from = to_u64(last)?.saturating_add(1);
    }
    Ok(Page { items, next: from.checked_sub(1).map(ValidatorIndex) })
}

fn latest_of(proposer: i64, block: i64, verdict: i64) -> Result<LatestBlock, StoreError> {
    Ok(LatestBlock {
        proposer_index: ValidatorIndex(to_u64(proposer)?),
        slot: slot_of_id(block),
        best_guess_single: verdict_of_code(verdict)?,
    })
}

fn is_wanted(latest: &LatestBlock, verdict: Option<Option<Client>>) -> bool {
    verdict.is_none_or(|verdict| verdict_code(verdict) == verdict_code(latest.best_guess_single))
}

/// The newest blocks of validators, oldest first.
async fn blocks(
    connection: &mut Connection<'_>,
    latest: &[LatestBlock],
) -> Result<HashMap<ValidatorIndex, Vec<BlockRow>>, StoreError> {
    let validators: Vec<u64> = latest.iter().map(|latest| latest.proposer_index.0).collect();
    let mut blocks: HashMap<ValidatorIndex, Vec<BlockRow>> = HashMap::new();
    if validators.is_empty() {
        return Ok(blocks);
    }
    let slots = known_slots(connection, None).await?;
    let stretch = Stretch::of(&slots, Seek::Newest);
    let engine = connection.engine();
    let mut arguments = Arguments::new(engine);
    let place = if has_few_blocks(connection, &validators, &stretch).await? {
        proposers(&mut arguments, engine, &validators, &stretch)?
    } else {
        let seen = stretch.until(stop(connection, &stretch, false).await?);
        let numbers: Vec<i64> = validators.iter().map(|validator| to_i64(*validator)).collect();
        let filled = filled_pieces(engine, &numbers).next().unwrap_or_default();
        let list = arguments.any_number(&filled)?;
        let low = arguments.one(seen.low)?;
        format!("proposer_index {list} AND id >= {low}")
    };
    let rest = format!("WHERE {place} ORDER BY id DESC LIMIT {PROPOSED_ROWS}");
    for record in records(connection, &rest, arguments).await? {
        let rows = blocks.entry(record.row.proposer_index).or_default();
        if rows.len() < HISTORY_BLOCKS {
            rows.push(record.row);
        }
    }
    blocks.values_mut().for_each(|rows| rows.reverse());
    Ok(blocks)
}
