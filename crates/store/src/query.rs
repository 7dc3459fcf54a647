//! Questions to the database.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Root, Slot, ValidatorIndex};
use fingerprint::Client;
use serde::{Deserialize, Serialize};

use crate::attestations::{self, Attestations};
use crate::codes::{client_code, verdict_of_code};
use crate::counts::{ClientCounts, Confusion};
use crate::error::StoreError;
use crate::record::{Record, select};
use crate::row::{BlockRow, SLOTS_PER_BUCKET, first_id, slot_of_id};
use crate::sql::{
    Arguments, Batch, Connection, Engine, Kind, any_bucket, filled_pieces, pieces, query, to_i64, to_u64,
};
use crate::{coverage_table, rollup};

/// How far the database goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// The highest slot with a block; 0 if there is none.
    pub greatest_block_slot: Slot,
    /// Whether there is no gap below it.
    pub synced: bool,
}

/// The place after a block in the order of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockCursor(pub(crate) i64);

impl fmt::Display for BlockCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BlockCursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, C> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next part begins; `None` at the end of the list.
    pub next: Option<C>,
}

/// The newest block of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestBlock {
    /// The validator.
    pub proposer_index: ValidatorIndex,
    /// The slot of its newest block.
    pub slot: Slot,
    /// The verdict on it; `None` is "Uncertain".
    pub best_guess_single: Option<Client>,
}

/// At most this many items come in one page.
const MAX_PAGE: usize = 100_000;

fn page_size(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

pub(crate) async fn records(
    connection: &mut Connection<'_>,
    rest: &str,
    arguments: Arguments,
) -> Result<Vec<Record>, StoreError> {
    let rows = arguments.fetch(format!("{} FROM blocks {rest}", select("blocks")), connection).await?;
    rows.iter().map(Record::read).collect()
}

fn block_rows(records: Vec<Record>) -> Vec<BlockRow> {
    records.into_iter().map(|record| record.row).collect()
}

pub(crate) async fn blocks(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    after: Option<BlockCursor>,
    limit: usize,
) -> Result<Page<BlockRow, BlockCursor>, StoreError> {
    let limit = page_size(limit);
    let mut arguments = Arguments::new(connection.engine());
    let low = first_id(range.start.0);
    let from = arguments.one(after.map_or(low, |cursor| cursor.0.saturating_add(1).max(low)))?;
    let until = arguments.one(first_id(range.end.0))?;
    let most = arguments.one(i64::try_from(limit).unwrap_or(i64::MAX))?;
    let rest = format!("WHERE id >= {from} AND id < {until} ORDER BY id LIMIT {most}");
    let found = records(connection, &rest, arguments).await?;
    let next = if found.len() < limit { None } else { found.last().map(|record| BlockCursor(record.id)) };
    Ok(Page { items: block_rows(found), next })
}

/// Records after an id, in order.
pub(crate) async fn records_after(
    connection: &mut Connection<'_>,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let after = arguments.one(after.unwrap_or(i64::MIN))?;
    let most = arguments.one(i64::try_from(limit).unwrap_or(i64::MAX))?;
    records(connection, &format!("WHERE id > {after} ORDER BY id LIMIT {most}"), arguments).await
}

pub(crate) async fn recent(
    connection: &mut Connection<'_>,
    count: usize,
) -> Result<Vec<BlockRow>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let most = arguments.one(i64::try_from(count.min(MAX_PAGE)).unwrap_or(i64::MAX))?;
    Ok(block_rows(records(connection, &format!("ORDER BY id DESC LIMIT {most}"), arguments).await?))
}

pub(crate) async fn by_root(
    connection: &mut Connection<'_>,
    root: Root,
) -> Result<Option<BlockRow>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let root = arguments.one(root.0.to_vec())?;
    let rest = format!("WHERE {} AND block_root = {root}", any_bucket(connection.engine()));
    let Some(record) = records(connection, &rest, arguments).await?.pop() else {
        return Ok(None);
    };
    let features = crate::evidence::read(connection, record.id).await?;
    let listed = attestations::read(connection, record.id).await?;
    let attestations = listed.map_or(record.row.attestations, Attestations::Listed);
    Ok(Some(BlockRow { features, attestations, ..record.row }))
}

/// Blocks whose root begins with hexadecimal digits, oldest first.
pub(crate) async fn by_root_prefix(
    connection: &mut Connection<'_>,
    digits: &str,
    limit: usize,
) -> Result<Vec<BlockRow>, StoreError> {
    let is_prefix = digits.len() <= 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let end = |filler: char| -> Option<Root> {
        let filled: String = digits.chars().chain(std::iter::repeat(filler)).take(64).collect();
        format!("0x{filled}").parse().ok()
    };
    let (true, Some(first), Some(last)) = (is_prefix, end('0'), end('f')) else {
        return Ok(Vec::new());
    };
    let mut arguments = Arguments::new(connection.engine());
    let first = arguments.one(first.0.to_vec())?;
    let last = arguments.one(last.0.to_vec())?;
    let most = arguments.one(i64::try_from(page_size(limit)).unwrap_or(i64::MAX))?;
    let rest = format!(
        "WHERE {} AND block_root >= {first} AND block_root <= {last} ORDER BY id LIMIT {most}",
        any_bucket(connection.engine())
    );
    Ok(block_rows(records(connection, &rest, arguments).await?))
}

pub(crate) async fn of_validators(
    connection: &mut Connection<'_>,
    validators: &[ValidatorIndex],
    since: Slot,
) -> Result<Vec<BlockRow>, StoreError> {
    let mut sorted = validators.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found = Vec::new();
    let engine = connection.engine();
    // One question for all of them where that can be: each one goes through all buckets.
    for piece in filled_pieces(engine, &sorted) {
        let mut arguments = Arguments::new(engine);
        let numbers: Vec<i64> = piece.iter().map(|validator| to_i64(validator.0)).collect();
        let proposers = arguments.any_number(&numbers)?;
        let buckets = match engine {
            Engine::Sqlite => {
                let since = arguments.one(to_i64(since.0))?;
                format!(
                    "slot / 262144 IN (SELECT +bucket FROM slot_buckets WHERE bucket >= {since} / 262144)"
                )
            }
            Engine::Postgres => any_bucket(engine).to_owned(),
        };
        let since = arguments.one(first_id(since.0))?;
        let rest = format!(
            "WHERE proposer_index {proposers} AND {buckets} AND id >= {since} ORDER BY proposer_index, id"
        );
        found.extend(block_rows(records(connection, &rest, arguments).await?));
    }
    Ok(found)
}

pub(crate) async fn latest(
    connection: &mut Connection<'_>,
    after: Option<ValidatorIndex>,
    limit: usize,
) -> Result<Page<LatestBlock, ValidatorIndex>, StoreError> {
    let limit = page_size(limit);
    let rows = query(
        "SELECT proposer_index, block_id, best_guess FROM validator_latest WHERE proposer_index > $1 \
         ORDER BY proposer_index LIMIT $2",
    )
    .bind(after.map_or(-1, |validator| to_i64(validator.0)))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let items = rows
        .iter()
        .map(|row| {
            Ok(LatestBlock {
                proposer_index: ValidatorIndex(to_u64(row.try_get(0)?)?),
                slot: slot_of_id(row.try_get(1)?),
                best_guess_single: verdict_of_code(row.try_get(2)?)?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let next = if items.len() < limit { None } else { items.last().map(|item| item.proposer_index) };
    Ok(Page { items, next })
}

pub(crate) async fn sync_status(connection: &mut Connection<'_>) -> Result<SyncStatus, StoreError> {
    let row = query(
        "SELECT COALESCE((SELECT slot FROM blocks WHERE canonical <> 2 ORDER BY id DESC LIMIT 1), 0), \
         NOT EXISTS (SELECT 1 FROM coverage WHERE start_slot > 0)",
    )
    .fetch_one(connection)
    .await?;
    Ok(SyncStatus { greatest_block_slot: Slot(to_u64(row.try_get(0)?)?), synced: row.try_get(1)? })
}

pub(crate) async fn confusion(
    connection: &mut Connection<'_>,
    client: Client,
    range: Range<Slot>,
) -> Result<Confusion, StoreError> {
    let rows = query(
        "SELECT best_guess = $1, graffiti_guess = $1, COUNT(*) FROM blocks \
         WHERE graffiti_guess IS NOT NULL AND slot >= $2 AND slot < $3 GROUP BY 1, 2",
    )
    .bind(client_code(client))
    .bind(to_i64(range.start.0))
    .bind(to_i64(range.end.0))
    .fetch_all(connection)
    .await?;
    let mut confusion = Confusion::default();
    for row in &rows {
        let (guessed, signed): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
        let field = match (guessed, signed) {
            (true, true) => &mut confusion.true_pos,
            (false, false) => &mut confusion.true_neg,
            (true, false) => &mut confusion.false_pos,
            (false, true) => &mut confusion.false_neg,
        };
        *field = to_u64(row.try_get(2)?)?;
    }
    Ok(confusion)
}

/// Counts of the blocks of a range of slots, orphaned ones left out.
async fn count_slots(connection: &mut Connection<'_>, range: Range<u64>) -> Result<ClientCounts, StoreError> {
    let rows = query("SELECT best_guess FROM blocks WHERE id >= $1 AND id < $2 AND canonical <> 2")
        .bind(first_id(range.start))
        .bind(first_id(range.end))
        .fetch_all(connection)
        .await?;
    let mut counts = ClientCounts::default();
    for row in &rows {
        counts.count(verdict_of_code(row.try_get(0)?)?);
    }
    Ok(counts)
}

pub(crate) async fn shares(
    connection: &mut Connection<'_>,
    range: Range<Slot>,
    bucket_slots: u64,
) -> Result<Vec<(Slot, ClientCounts)>, StoreError> {
    let epoch = SLOTS_PER_EPOCH;
    let (start, end) = (range.start.0, range.end.0);
    if start >= end {
        return Ok(Vec::new());
    }
    let epochs_per_bucket = bucket_slots.div_ceil(epoch).max(1);
    let base = start / epoch;
    let (first, last) = (start.div_ceil(epoch), end / epoch);
    let bucket_of = |epoch: u64| (epoch - base) / epochs_per_bucket;
    let mut buckets: BTreeMap<u64, ClientCounts> =
        rollup::buckets(connection, Epoch(base), Epoch(first)..Epoch(last), epochs_per_bucket).await?;
    // Whole epochs come from the counts; the slots of an epoch that the range cuts are counted one by one.
    let head = start..end.min(first.saturating_mul(epoch));
    let tail = head.end.max(last.saturating_mul(epoch))..end;
    for cut in [head, tail] {
        if cut.start < cut.end {
            *buckets.entry(bucket_of(cut.start / epoch)).or_default() += count_slots(connection, cut).await?;
        }
    }
    let first_slot =
        |bucket: u64| base.saturating_add(bucket.saturating_mul(epochs_per_bucket)).saturating_mul(epoch);
    Ok(buckets
        .into_iter()
        .filter(|(_, counts)| counts.total() > 0)
        .map(|(bucket, counts)| (Slot(first_slot(bucket)), counts))
        .collect())
}

pub(crate) async fn contains(
    connection: &mut Connection<'_>,
    roots: &[Root],
) -> Result<HashSet<Root>, StoreError> {
    let mut known = HashSet::new();
    let engine = connection.engine();
    for piece in pieces(engine, roots) {
        let mut arguments = Arguments::new(engine);
        let wanted = arguments.any_root(piece)?;
        let sql =
            format!("SELECT block_root FROM blocks WHERE {} AND block_root {wanted}", any_bucket(engine));
        for row in arguments.fetch(sql, connection).await? {
            known.insert(crate::record::root_of_bytes(row.try_get(0)?)?);
        }
    }
    Ok(known)
}

/// As [`contains`], looking only into the buckets of the slots.
pub(crate) async fn contains_at(
    connection: &mut Connection<'_>,
    keys: &[(Slot, Root)],
) -> Result<HashSet<Root>, StoreError> {
    let mut known = HashSet::new();
    let engine = connection.engine();
    for piece in pieces(engine, keys) {
        let mut batch = Batch::new(engine, &[Kind::Integer, Kind::Bytes], piece.len());
        for (slot, root) in piece {
            batch.push(to_i64(slot.0 / SLOTS_PER_BUCKET))?;
            batch.push(root.0.to_vec())?;
        }
        let (rows, arguments) = batch.finish()?;
        let sql = format!(
            "WITH wanted (bucket, root) AS ({rows}) SELECT b.block_root FROM wanted w CROSS JOIN blocks b \
             WHERE b.slot / 262144 = w.bucket AND b.block_root = w.root"
        );
        for row in arguments.fetch(sql, connection).await? {
            known.insert(crate::record::root_of_bytes(row.try_get(0)?)?);
        }
    }
    Ok(known)
}

pub(crate) async fn gaps(connection: &mut Connection<'_>) -> Result<Vec<crate::coverage::Gap>, StoreError> {
    Ok(crate::coverage::holes(&coverage_table::all(connection).await?))
}

pub(crate) async fn missing(
    connection: &mut Connection<'_>,
) -> Result<Vec<crate::coverage::Gap>, StoreError> {
    let known = coverage_table::all(connection).await?;
    let between = known.iter().zip(known.iter().skip(1)).map(|(below, above)| crate::coverage::Gap {
        start: Slot(below.end.saturating_add(1)),
        end: Slot(above.start.saturating_sub(1)),
    });
    Ok(between.collect())
}

pub(crate) async fn count(connection: &mut Connection<'_>, sql: &'static str) -> Result<u64, StoreError> {
    to_u64(query(sql).fetch_one(connection).await?.try_get(0)?)
}

/// What the tables and indexes take, in bytes.
pub(crate) async fn size_bytes(connection: &mut Connection<'_>) -> Result<u64, StoreError> {
    let sql = match connection.engine() {
        Engine::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        Engine::Postgres => {
            "SELECT CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS BIGINT) FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        }
    };
    count(connection, sql).await
}
