//! The queue of gaps to fill, shared by the processes that fill them.
//!
//! An item is a range of slots. Who takes it has it until a time that it may put off; an item whose worker is gone is
//! there for others again. On a server items that another process is just taking are passed over, not waited for.

use consensus::Slot;

use crate::coverage::Gap;
use crate::db::{Database, Writer};
use crate::error::StoreError;
use crate::sql::{Connection, Row, query, to_i64, to_u64};

/// A moment in milliseconds since 1970. The clocks of processes that share a queue should agree better than the time
/// for which items are taken.
pub type Milliseconds = u64;

/// A range of slots that this process is to fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    /// The slots, both ends included.
    pub gap: Gap,
    /// How often it was taken, this time included. Also tells this taking from another one.
    pub attempt: u64,
    /// What the last failure said.
    pub last_failure: Option<String>,
}

/// What is in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkStatus {
    /// Items that somebody may take now.
    pub waiting: u64,
    /// Items that somebody has.
    pub taken: u64,
    /// Items that wait for the time of their next attempt.
    pub delayed: u64,
}

/// Failures are kept up to this length.
const FAILURE_CHARACTERS: usize = 500;

/// Puts ranges into the queue, except those that share a slot with an item that is there. Gives the number put in.
pub(crate) async fn offer(database: &Database, gaps: &[Gap]) -> Result<u64, StoreError> {
    let mut writer = database.writer().await?;
    let mut transaction = writer.begin().await?;
    let connection = &mut transaction.connection();
    let mut added = 0;
    for gap in gaps.iter().filter(|gap| gap.start <= gap.end) {
        let taken = query("SELECT 1 FROM work_items WHERE start_slot <= $1 AND end_slot >= $2 LIMIT 1")
            .bind(to_i64(gap.end.0))
            .bind(to_i64(gap.start.0))
            .fetch_optional(connection)
            .await?;
        if taken.is_none() {
            query(
                "INSERT INTO work_items (start_slot, end_slot, attempts, taken_until, not_before) \
                 VALUES ($1, $2, 0, 0, 0)",
            )
            .bind(to_i64(gap.start.0))
            .bind(to_i64(gap.end.0))
            .execute(connection)
            .await?;
            added += 1;
        }
    }
    transaction.commit().await?;
    Ok(added)
}

/// Takes the item with the highest slots that nobody has, for a time.
pub(crate) async fn take(
    database: &Database,
    now: Milliseconds,
    until: Milliseconds,
) -> Result<Option<WorkItem>, StoreError> {
    let mut writer = database.writer().await?;
    // Takers of a server do not wait for one another, nor for one who writes blocks.
    let pass_over = match writer {
        Writer::Sqlite(..) => "",
        Writer::Postgres(..) => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE work_items SET attempts = attempts + 1, taken_until = $1 WHERE start_slot = \
         (SELECT start_slot FROM work_items WHERE taken_until <= $2 AND not_before <= $3 \
         ORDER BY start_slot DESC LIMIT 1 {pass_over}) \
         RETURNING start_slot, end_slot, attempts, last_failure"
    );
    let row = query(sql)
        .bind(to_i64(until))
        .bind(to_i64(now))
        .bind(to_i64(now))
        .fetch_optional(&mut writer.connection())
        .await?;
    row.as_ref().map(item).transpose()
}

fn item(row: &Row) -> Result<WorkItem, StoreError> {
    Ok(WorkItem {
        gap: Gap { start: Slot(to_u64(row.try_get(0)?)?), end: Slot(to_u64(row.try_get(1)?)?) },
        attempt: to_u64(row.try_get(2)?)?,
        last_failure: row.try_get(3)?,
    })
}

/// Changes an item, if this taking of it is still the last one.
async fn change(
    database: &Database,
    item: &WorkItem,
    change: &'static str,
    value: Option<u64>,
    text: Option<String>,
) -> Result<bool, StoreError> {
    let mut writer = database.writer().await?;
    let mut statement = query(change).bind(to_i64(item.gap.start.0)).bind(to_i64(item.attempt));
    if let Some(value) = value {
        statement = statement.bind(to_i64(value));
    }
    if let Some(text) = text {
        statement = statement.bind(text);
    }
    Ok(statement.execute(&mut writer.connection()).await? > 0)
}

/// Keeps the item longer. `false` if another process has it by now, or it is gone.
pub(crate) async fn keep(
    database: &Database,
    item: &WorkItem,
    until: Milliseconds,
) -> Result<bool, StoreError> {
    let sql = "UPDATE work_items SET taken_until = $3 WHERE start_slot = $1 AND attempts = $2";
    change(database, item, sql, Some(until), None).await
}

/// Takes the item out of the queue. `false` if another process has it by now, or it is gone.
pub(crate) async fn finish(database: &Database, item: &WorkItem) -> Result<bool, StoreError> {
    change(database, item, "DELETE FROM work_items WHERE start_slot = $1 AND attempts = $2", None, None).await
}

/// Puts the item back, not to be taken before a time. `false` if another process has it by now, or it is gone.
pub(crate) async fn put_back(
    database: &Database,
    item: &WorkItem,
    failure: &str,
    not_before: Milliseconds,
) -> Result<bool, StoreError> {
    let sql = "UPDATE work_items SET taken_until = 0, not_before = $3, last_failure = $4 \
               WHERE start_slot = $1 AND attempts = $2";
    let failure = failure.chars().filter(|letter| *letter != '\0').take(FAILURE_CHARACTERS).collect();
    change(database, item, sql, Some(not_before), Some(failure)).await
}

/// Whether a slot is in a range of the queue.
pub(crate) async fn holds(connection: &mut Connection<'_>, slot: Slot) -> Result<bool, StoreError> {
    let found = query("SELECT 1 FROM work_items WHERE start_slot <= $1 AND end_slot >= $2 LIMIT 1")
        .bind(to_i64(slot.0))
        .bind(to_i64(slot.0))
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

pub(crate) async fn status(
    connection: &mut Connection<'_>,
    now: Milliseconds,
) -> Result<WorkStatus, StoreError> {
    let row = query(
        "SELECT COUNT(CASE WHEN taken_until <= $1 AND not_before <= $1 THEN 1 END), \
         COUNT(CASE WHEN taken_until > $1 THEN 1 END), \
         COUNT(CASE WHEN taken_until <= $1 AND not_before > $1 THEN 1 END) FROM work_items",
    )
    .bind(to_i64(now))
    .fetch_one(connection)
    .await?;
    let number = |column| -> Result<u64, StoreError> { to_u64(row.try_get(column)?) };
    Ok(WorkStatus { waiting: number(0)?, taken: number(1)?, delayed: number(2)? })
}
