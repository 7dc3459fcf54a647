//! Validators, with what their blocks say together.
//!
//! A page reads `validator_latest` in the order of its key, at most [`SCANNED_ROWS`] rows of it, then the blocks of
//! those on the page by the index on proposers. Where they have very many, as on a chain of few validators, the newest
//! [`SCANNED_ROWS`] rows of the chain are looked at instead.
//!
//! No index knows what blocks say together. A filter on that weighs the blocks of at most [`WEIGHED`] validators, and
//! tells how far it came.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use consensus::{Slot, ValidatorIndex};
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

/// Validators whose blocks are weighed for one page, at most, where a filter hangs on that.
const WEIGHED: usize = ROUNDS * WEIGHED_AT_ONCE;

/// Validators whose blocks are read at once.
const WEIGHED_AT_ONCE: usize = 64;

/// Stretches of `validator_latest` that are read for such a page, at most.
const ROUNDS: usize = 4;

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

/// What the blocks of a validator shall say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryFilter {
    /// Only validators that likely run this client.
    pub client: Option<Client>,
    /// Only those whose client has a probability within these bounds.
    pub probability: Option<RangeInclusive<f64>>,
    /// Only those that changed their client at a block of these slots.
    pub changed: Option<Range<Slot>>,
    /// Only those of which so many blocks are known.
    pub least_blocks: usize,
}

impl HistoryFilter {
    fn passes(&self, summary: &ValidatorSummary) -> bool {
        let Some(now) = summary.history.now else { return *self == Self::default() };
        summary.history.blocks >= self.least_blocks
            && self.client.is_none_or(|client| client == now.client)
            && self.probability.as_ref().is_none_or(|bounds| bounds.contains(&now.probability))
            && self
                .changed
                .as_ref()
                .is_none_or(|slots| summary.changes.iter().any(|slot| slots.contains(slot)))
    }
}

/// A part of the list of validators that pass a filter on their history.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// Those that pass. There may be few or none though there are more further on.
    pub items: Vec<ValidatorSummary>,
    /// How many were weighed.
    pub weighed: usize,
    /// The last one that was looked at, if there may be more behind it.
    pub next: Option<ValidatorIndex>,
}

/// What is known of a validator.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatorSummary {
    /// Its newest block.
    pub latest: LatestBlock,
    /// What its newest blocks, at most [`HISTORY_BLOCKS`] of them, say together.
    pub history: History,
    /// The slots of the blocks at which it had changed its client, oldest first.
    pub changes: Vec<Slot>,
}

/// What the newest block of a validator shall be.
#[derive(Clone, Copy)]
struct Newest {
    verdict: Option<Option<Client>>,
    since: Slot,
}

impl Newest {
    fn is_any(self) -> bool {
        self.verdict.is_none() && self.since.0 == 0
    }

    fn passes(self, latest: &LatestBlock) -> bool {
        latest.slot >= self.since
            && self
                .verdict
                .is_none_or(|verdict| verdict_code(verdict) == verdict_code(latest.best_guess_single))
    }
}

pub(super) async fn page(
    connection: &mut Connection<'_>,
    filter: &ValidatorFilter,
    after: Option<ValidatorIndex>,
    limit: usize,
) -> Result<Page<ValidatorSummary, ValidatorIndex>, StoreError> {
    let limit = limit.clamp(1, MAX_VALIDATORS);
    let newest = Newest { verdict: filter.latest, since: Slot(0) };
    summaries(connection, filter.set.as_ref(), newest, after, limit).await
}

/// Validators by what their blocks say together.
pub(super) async fn weighed(
    connection: &mut Connection<'_>,
    filter: &ValidatorFilter,
    history: &HistoryFilter,
    after: Option<ValidatorIndex>,
    limit: usize,
) -> Result<Weighed, StoreError> {
    let limit = limit.clamp(1, MAX_VALIDATORS);
    // Who changed at a block of some slots has one there or later.
    let since = history.changed.as_ref().map_or(Slot(0), |slots| slots.start);
    let newest = Newest { verdict: filter.latest, since };
    let mut found = Weighed { items: Vec::new(), weighed: 0, next: after };
    for _ in 0..ROUNDS {
        let at_once = WEIGHED_AT_ONCE.min(WEIGHED - found.weighed);
        let page = summaries(connection, filter.set.as_ref(), newest, found.next, at_once).await?;
        let mut summaries = page.items.into_iter().peekable();
        while let Some(summary) = summaries.next() {
            found.weighed += 1;
            let index = summary.latest.proposer_index;
            if history.passes(&summary) {
                found.items.push(summary);
            }
            if found.items.len() == limit {
                found.next = Some(index).filter(|_| summaries.peek().is_some() || page.next.is_some());
                return Ok(found);
            }
        }
        found.next = page.next;
        if found.next.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn summaries(
    connection: &mut Connection<'_>,
    set: Option<&ValidatorSet>,
    newest: Newest,
    after: Option<ValidatorIndex>,
    limit: usize,
) -> Result<Page<ValidatorSummary, ValidatorIndex>, StoreError> {
    let from = after.map_or(0, |after| after.0.saturating_add(1));
    let latest = match set {
        None => of_all(connection, newest, from, limit).await?,
        Some(set) => of_set(connection, set, newest, from, limit).await?,
    };
    let mut blocks = blocks(connection, &latest.items).await?;
    let items = latest.items.into_iter().map(|latest| {
        let rows = blocks.remove(&latest.proposer_index).unwrap_or_default();
        let verdicts: Vec<&Classification> = rows.iter().map(|row| &row.classification).collect();
        let history = history(&verdicts);
        let changes = history.changes.iter().filter_map(|at| Some(rows.get(*at)?.slot)).collect();
        ValidatorSummary { latest, history, changes }
    });
    Ok(Page { items: items.collect(), next: latest.next })
}

async fn of_all(
    connection: &mut Connection<'_>,
    newest: Newest,
    from: u64,
    limit: usize,
) -> Result<Page<LatestBlock, ValidatorIndex>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let from = arguments.one(to_i64(from))?;
    let most = if newest.is_any() { i64::try_from(limit + 1).unwrap_or(SCANNED_ROWS) } else { SCANNED_ROWS };
    let sql = format!(
        "SELECT proposer_index, block_id, best_guess FROM validator_latest WHERE proposer_index >= {from} \
         ORDER BY proposer_index LIMIT {most}"
    );
    let (mut items, mut seen, mut last) = (Vec::new(), 0, None);
    let mut rows = arguments.stream(sql, connection);
    while let Some(row) = rows.try_next().await? {
        let latest = latest_of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
        if newest.passes(&latest) {
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
    newest: Newest,
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
                if newest.passes(&latest) {
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
