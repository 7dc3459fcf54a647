//! Blocks by filters.
//!
//! How the work is bounded, for a table of any length:
//!
//! - without a filter but slots, rows are read in the order of the key;
//! - orphaned blocks alone have the index `blocks_orphaned`, of which one question looks at [`SCANNED_ORPHANS`];
//! - blocks of a few validators come by `blocks_by_proposer`, if they have at most [`PROPOSED_ROWS`] blocks in all;
//! - everything else looks at [`SCANNED_ROWS`] rows in the order of the key, and tells where it stopped.

use std::ops::{Range, RangeInclusive};

use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use futures::TryStreamExt;

use super::{Found, MAX_ITEMS, SCANNED_ORPHANS, SCANNED_ROWS, Seek};
use crate::codes::{canonical_code, client_code, verdict_code};
use crate::error::StoreError;
use crate::query::{BlockCursor, records};
use crate::record::Record;
use crate::row::{BlockRow, CanonicalState, SLOTS_PER_BUCKET, first_id, slot_of_id};
use crate::sql::{Arguments, Connection, Engine, filled_pieces, query, to_i64, to_u64};
use crate::validator_set::ValidatorSet;

/// Which blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockFilter {
    /// The slots; all of them where there is none.
    pub slots: Option<Range<Slot>>,
    /// Only blocks of these validators.
    pub proposers: Option<ValidatorSet>,
    /// Only blocks with this verdict, where `Some(None)` is "Uncertain".
    pub verdict: Option<Option<Client>>,
    /// Only blocks whose verdict has a probability within these bounds. Leaves out blocks without a verdict.
    pub probability: Option<RangeInclusive<f64>>,
    /// Only blocks whose graffiti contain this text; small and capital letters of ASCII are the same.
    pub graffiti: Option<String>,
    /// Only blocks in these states; in any where the list is empty.
    pub states: Vec<CanonicalState>,
    /// Only blocks whose graffiti name another client than the verdict.
    pub conflict: bool,
}

/// Rows that are looked at first where filters apply: mostly a page is full before them. Finding the end of
/// [`SCANNED_ROWS`] rows takes longer than filling the page.
const FIRST_LOOK: i64 = 1_024;

/// Up to so many validators are looked up by the index on proposers.
const LISTED_PROPOSERS: u64 = 256;

/// Up to so many blocks are sorted, when they come by the index on proposers.
pub(super) const PROPOSED_ROWS: i64 = 8_192;

/// A stretch of the key, the end not included, and the direction it is read in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) order: Order,
}

/// The direction in which a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Falling,
    Rising,
}

impl Order {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Falling => "DESC",
            Self::Rising => "ASC",
        }
    }
}

impl Stretch {
    pub(super) fn of(slots: &Range<Slot>, seek: Seek) -> Self {
        let (low, high) = (first_id(slots.start.0), first_id(slots.end.0));
        match seek {
            Seek::Newest => Self { low, high, order: Order::Falling },
            Seek::Before(BlockCursor(id)) => Self { low, high: high.min(id), order: Order::Falling },
            Seek::Oldest => Self { low, high, order: Order::Rising },
            Seek::After(BlockCursor(id)) => {
                Self { low: low.max(id.saturating_add(1)), high, order: Order::Rising }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.low >= self.high
    }

    /// The same stretch, ending with the block where a question stops, if there are more behind it.
    pub(super) fn until(self, last: Option<i64>) -> Self {
        match (last, self.order) {
            (None, _) => self,
            (Some(id), Order::Falling) => Self { low: id, ..self },
            (Some(id), Order::Rising) => Self { high: id.saturating_add(1), ..self },
        }
    }

    /// The slots of the stretch.
    pub(super) fn slots(&self) -> Range<Slot> {
        let last = slot_of_id(self.high.saturating_sub(1));
        slot_of_id(self.low)..Slot(last.0.saturating_add(1))
    }

    /// A page of what was found in the whole stretch; `last` is where the question stopped before the end of the list.
    pub(super) fn page<T>(self, mut items: Vec<T>, seek: Seek, last: Option<i64>) -> Found<T> {
        if self.order == Order::Rising {
            items.reverse();
        }
        let behind = match seek {
            Seek::Newest | Seek::Oldest => None,
            Seek::Before(BlockCursor(id)) => Some(BlockCursor(id.saturating_sub(1))),
            Seek::After(BlockCursor(id)) => Some(BlockCursor(id.saturating_add(1))),
        };
        let ahead = last.map(BlockCursor);
        let (older, newer) = match self.order {
            Order::Falling => (ahead, behind),
            Order::Rising => (behind, ahead),
        };
        let searched = self.until(last).slots();
        Found { items, older, newer, searched }
    }
}

/// How the blocks are come by.
enum Way {
    /// In the order of the key.
    Key,
    /// By the index of orphaned blocks.
    Orphans,
    /// By the index on proposers.
    Proposers(Vec<u64>),
}

pub(super) async fn search(
    connection: &mut Connection<'_>,
    filter: &BlockFilter,
    seek: Seek,
    limit: usize,
) -> Result<Found<BlockRow>, StoreError> {
    let limit = limit.clamp(1, MAX_ITEMS);
    let slots = known_slots(connection, filter.slots.clone()).await?;
    let stretch = Stretch::of(&slots, seek);
    if stretch.is_empty() || filter.proposers.as_ref().is_some_and(ValidatorSet::is_empty) {
        return Ok(stretch.page(Vec::new(), seek, None));
    }
    let way = way(connection, filter, &stretch).await?;
    let has_conditions = BlockFilter { slots: None, ..filter.clone() } != BlockFilter::default();
    let mut stop = match way {
        Way::Key if has_conditions => nth(connection, &stretch, false, FIRST_LOOK).await?,
        Way::Orphans => self::stop(connection, &stretch, true).await?,
        Way::Key | Way::Proposers(_) => None,
    };
    let mut found = look(connection, filter, &way, &stretch.until(stop), limit).await?;
    if matches!(way, Way::Key) && stop.is_some() && found.len() <= limit {
        stop = self::stop(connection, &stretch, false).await?;
        found = look(connection, filter, &way, &stretch.until(stop), limit).await?;
    }
    let last = if found.len() > limit {
        found.truncate(limit);
        found.last().map(|record| record.id)
    } else {
        stop
    };
    Ok(stretch.page(found.into_iter().map(|record| record.row).collect(), seek, last))
}

/// The blocks of a stretch that has an end, one more than the limit if there are more.
async fn look(
    connection: &mut Connection<'_>,
    filter: &BlockFilter,
    way: &Way,
    seen: &Stretch,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    match (way, &filter.proposers) {
        (Way::Key | Way::Orphans, Some(set)) => of_set(connection, filter, set, way, seen, limit).await,
        _ => rows(connection, filter, way, seen, limit + 1).await,
    }
}

/// The slots asked for, up to the newest stored one.
pub(super) async fn known_slots(
    connection: &mut Connection<'_>,
    slots: Option<Range<Slot>>,
) -> Result<Range<Slot>, StoreError> {
    let row = query("SELECT COALESCE((SELECT id FROM blocks ORDER BY id DESC LIMIT 1), -1)")
        .fetch_one(connection)
        .await?;
    let newest: i64 = row.try_get(0)?;
    let end = if newest < 0 { 0 } else { slot_of_id(newest).0.saturating_add(1) };
    let slots = slots.unwrap_or(Slot(0)..Slot(u64::MAX));
    Ok(slots.start.min(Slot(end))..slots.end.min(Slot(end)))
}

async fn way(
    connection: &mut Connection<'_>,
    filter: &BlockFilter,
    stretch: &Stretch,
) -> Result<Way, StoreError> {
    if let Some(set) = &filter.proposers
        && set.len() <= LISTED_PROPOSERS
    {
        let list = set.from(0, usize::MAX);
        if has_few_blocks(connection, &list, stretch).await? {
            return Ok(Way::Proposers(list));
        }
    }
    Ok(if filter.states == [CanonicalState::Orphaned] { Way::Orphans } else { Way::Key })
}

/// Whether validators have at most [`PROPOSED_ROWS`] blocks in a stretch.
pub(super) async fn has_few_blocks(
    connection: &mut Connection<'_>,
    validators: &[u64],
    stretch: &Stretch,
) -> Result<bool, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let proposers = proposers(&mut arguments, connection.engine(), validators, stretch)?;
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM blocks WHERE {proposers} LIMIT {}) AS counted",
        PROPOSED_ROWS + 1
    );
    let rows = arguments.fetch(sql, connection).await?;
    let count: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    Ok(count <= PROPOSED_ROWS)
}

/// The condition on proposers and the stretch, for the index on proposers.
pub(super) fn proposers(
    arguments: &mut Arguments,
    engine: Engine,
    validators: &[u64],
    stretch: &Stretch,
) -> Result<String, StoreError> {
    let buckets = match engine {
        Engine::Sqlite => {
            let slots = stretch.slots();
            let first = arguments.one(to_i64(slots.start.0 / SLOTS_PER_BUCKET))?;
            let last = arguments.one(to_i64(slots.end.0 / SLOTS_PER_BUCKET))?;
            format!(
                "slot / 262144 IN (SELECT +bucket FROM slot_buckets WHERE bucket BETWEEN {first} AND {last}) AND "
            )
        }
        Engine::Postgres => String::new(),
    };
    let numbers: Vec<i64> = validators.iter().map(|validator| to_i64(*validator)).collect();
    let filled = filled_pieces(engine, &numbers).next().unwrap_or_default();
    let list = arguments.any_number(&filled)?;
    let low = arguments.one(stretch.low)?;
    let high = arguments.one(stretch.high)?;
    // The plus keeps SQLite from reading the whole stretch instead of the index, which ends with the id anyway.
    let id = if engine == Engine::Sqlite { "+id" } else { "id" };
    Ok(format!("{buckets}proposer_index {list} AND {id} >= {low} AND {id} < {high}"))
}

/// The block at which a question that looks at many rows stops; `None` if the stretch ends before.
pub(super) async fn stop(
    connection: &mut Connection<'_>,
    stretch: &Stretch,
    orphans: bool,
) -> Result<Option<i64>, StoreError> {
    nth(connection, stretch, orphans, if orphans { SCANNED_ORPHANS } else { SCANNED_ROWS }).await
}

/// The last of so many blocks of a stretch; `None` if it has fewer.
async fn nth(
    connection: &mut Connection<'_>,
    stretch: &Stretch,
    orphans: bool,
    number: i64,
) -> Result<Option<i64>, StoreError> {
    let mut arguments = Arguments::new(connection.engine());
    let (place, order) = if orphans {
        (orphaned(&mut arguments, stretch)?, orphan_order(stretch.order))
    } else {
        (key(&mut arguments, stretch)?, format!("id {}", stretch.order.sql()))
    };
    let passed = number.saturating_sub(1);
    let sql = format!("SELECT id FROM blocks WHERE {place} ORDER BY {order} LIMIT 1 OFFSET {passed}");
    let rows = arguments.fetch(sql, connection).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// The condition on the key.
fn key(arguments: &mut Arguments, stretch: &Stretch) -> Result<String, StoreError> {
    let low = arguments.one(stretch.low)?;
    let high = arguments.one(stretch.high)?;
    Ok(format!("id >= {low} AND id < {high}"))
}

/// The condition for orphaned blocks of a stretch, as the index of orphaned blocks takes it.
pub(super) fn orphaned(arguments: &mut Arguments, stretch: &Stretch) -> Result<String, StoreError> {
    let slots = stretch.slots();
    let first = arguments.one(to_i64(slots.start.0))?;
    let end = arguments.one(to_i64(slots.end.0))?;
    let low = arguments.one(stretch.low)?;
    let high = arguments.one(stretch.high)?;
    Ok(format!("canonical = 2 AND slot >= {first} AND slot < {end} AND +id >= {low} AND +id < {high}"))
}

/// The order that the index of orphaned blocks has.
pub(super) fn orphan_order(order: Order) -> String {
    format!("slot {0}, id {0}", order.sql())
}

fn place(
    arguments: &mut Arguments,
    engine: Engine,
    way: &Way,
    stretch: &Stretch,
) -> Result<(String, String), StoreError> {
    let by_key = format!("id {}", stretch.order.sql());
    Ok(match way {
        Way::Key => (key(arguments, stretch)?, by_key),
        Way::Orphans => (orphaned(arguments, stretch)?, orphan_order(stretch.order)),
        Way::Proposers(list) => (proposers(arguments, engine, list, stretch)?, by_key),
    })
}

async fn rows(
    connection: &mut Connection<'_>,
    filter: &BlockFilter,
    way: &Way,
    stretch: &Stretch,
    most: usize,
) -> Result<Vec<Record>, StoreError> {
    let engine = connection.engine();
    let mut arguments = Arguments::new(engine);
    let (place, order) = place(&mut arguments, engine, way, stretch)?;
    let conditions = conditions(filter, engine, &mut arguments)?;
    let most = arguments.one(i64::try_from(most).unwrap_or(i64::MAX))?;
    records(connection, &format!("WHERE {place}{conditions} ORDER BY {order} LIMIT {most}"), arguments).await
}

/// As [`rows`], for a set of validators too large to be named in a statement, with one row more than the limit.
async fn of_set(
    connection: &mut Connection<'_>,
    filter: &BlockFilter,
    set: &ValidatorSet,
    way: &Way,
    stretch: &Stretch,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let engine = connection.engine();
    let mut arguments = Arguments::new(engine);
    let (place, order) = place(&mut arguments, engine, way, stretch)?;
    let conditions = conditions(filter, engine, &mut arguments)?;
    let sql = format!("SELECT id, proposer_index FROM blocks WHERE {place}{conditions} ORDER BY {order}");
    let mut ids: Vec<i64> = Vec::new();
    {
        let mut found = arguments.stream(sql, connection);
        while let Some(row) = found.try_next().await? {
            if set.contains(ValidatorIndex(to_u64(row.try_get(1)?)?)) {
                ids.push(row.try_get(0)?);
                if ids.len() > limit {
                    break;
                }
            }
        }
    }
    let mut wanted: Vec<Record> = Vec::with_capacity(ids.len());
    for piece in filled_pieces(engine, &ids) {
        let mut arguments = Arguments::new(engine);
        let list = arguments.any_number(&piece)?;
        wanted.extend(records(connection, &format!("WHERE id {list}"), arguments).await?);
    }
    wanted.sort_unstable_by_key(|record| record.id);
    if stretch.order == Order::Falling {
        wanted.reverse();
    }
    Ok(wanted)
}

/// What the filter asks of a row beside its place; begins with ` AND ` if there is something.
fn conditions(filter: &BlockFilter, engine: Engine, arguments: &mut Arguments) -> Result<String, StoreError> {
    let mut text = String::new();
    if let Some(verdict) = filter.verdict {
        text += &format!(" AND best_guess = {}", arguments.one(verdict_code(verdict))?);
    }
    if let Some(bounds) = &filter.probability {
        let cases: Vec<String> = Client::ALL
            .into_iter()
            .map(|client| format!("WHEN {} THEN pr_{}", client_code(client), client.name().to_lowercase()))
            .collect();
        let low = arguments.one(*bounds.start())?;
        let high = arguments.one(*bounds.end())?;
        text += &format!(" AND CASE best_guess {} END BETWEEN {low} AND {high}", cases.join(" "));
    }
    if let Some(part) = &filter.graffiti {
        let part = arguments.one(part.replace('\0', "").to_ascii_lowercase())?;
        text += &match engine {
            Engine::Sqlite => format!(" AND instr(lower(graffiti), {part}) > 0"),
            Engine::Postgres => format!(" AND strpos(lower(graffiti COLLATE \"C\"), {part}) > 0"),
        };
    }
    if !filter.states.is_empty() {
        let codes: Vec<String> =
            filter.states.iter().map(|state| canonical_code(*state).to_string()).collect();
        text += &format!(" AND canonical IN ({})", codes.join(", "));
    }
    if filter.conflict {
        text += " AND best_guess <> 0 AND graffiti_guess <> best_guess";
    }
    Ok(text)
}

#[cfg(test)]
mod unit {
    use sqlx::{AssertSqlSafe, ConnectOptions, Row};

    use super::*;

    #[tokio::test]
    async fn every_way_has_its_index() {
        let mut file = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        crate::schema::migrate_file(&mut file, std::path::Path::new("memory")).await.unwrap();
        let stretch = Stretch { low: 1 << 20, high: 9 << 20, order: Order::Falling };
        for (way, index) in [
            (Way::Key, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            (Way::Orphans, "SEARCH blocks USING INDEX blocks_orphaned (slot>? AND slot<?)"),
            (Way::Proposers(vec![7, 8]), "SEARCH blocks USING INDEX blocks_by_proposer (<expr>=? AND "),
        ] {
            let engine = Engine::Sqlite;
            let mut arguments = Arguments::new(engine);
            let (place, order) = place(&mut arguments, engine, &way, &stretch).unwrap();
            let filter = BlockFilter {
                graffiti: Some("x".to_owned()),
                conflict: true,
                probability: Some(0.1..=0.2),
                verdict: Some(None),
                states: vec![CanonicalState::Orphaned],
                ..BlockFilter::default()
            };
            let conditions = conditions(&filter, engine, &mut arguments).unwrap();
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT * FROM blocks WHERE {place}{conditions} ORDER BY {order} LIMIT 50"
            );
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut file).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().any(|line| line.starts_with(index)), "{plan:?}");
            let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE"));
            assert_eq!(sorts, matches!(way, Way::Proposers(_)), "{plan:?}");
        }
    }
}
