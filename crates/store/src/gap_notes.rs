//! Why gaps are there, and when they are tried again.

use consensus::Slot;
use serde::{Deserialize, Serialize};

use crate::coverage::Gap;
use crate::error::StoreError;
use crate::sql::{Connection, Row, query, to_i64, to_u64};

/// Why slots are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// They lie before the slot from which on history is wanted.
    NotWanted,
    /// Those who were asked do not have the blocks or the state before them.
    Pruned,
    /// Those who were asked have an answer, and refuse it.
    Refused,
    /// Nobody could be asked.
    Unreachable,
    /// What was given does not connect to the blocks around it.
    Contradicted,
    /// What was given can't be read or judged.
    BadData,
}

impl GapCause {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWanted => "not_wanted",
            Self::Pruned => "pruned",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Contradicted => "contradicted",
            Self::BadData => "bad_data",
        }
    }

    fn code(self) -> i64 {
        match self {
            Self::NotWanted => 0,
            Self::Pruned => 1,
            Self::Refused => 2,
            Self::Unreachable => 3,
            Self::Contradicted => 4,
            Self::BadData => 5,
        }
    }

    fn of_code(code: i64) -> Result<Self, StoreError> {
        [Self::NotWanted, Self::Pruned, Self::Refused, Self::Unreachable, Self::Contradicted, Self::BadData]
            .into_iter()
            .find(|cause| cause.code() == code)
            .ok_or_else(|| StoreError::damaged(format!("{code} stands for no cause of a gap")))
    }
}

/// What is known of missing slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapNote {
    /// The slots, both ends included.
    pub gap: Gap,
    /// Why they are missing.
    pub cause: GapCause,
    /// The same in a sentence.
    pub detail: String,
    /// How often they were tried.
    pub tries: u64,
    /// When they were tried last, in seconds of Unix time.
    pub last_try: u64,
    /// When they are tried again; never, where there is none.
    pub next_try: Option<u64>,
}

/// Notes take the place of those that overlap them.
pub(crate) async fn write(connection: &mut Connection<'_>, notes: &[GapNote]) -> Result<(), StoreError> {
    for note in notes {
        forget(connection, note.gap).await?;
    }
    for note in notes {
        query(
            "INSERT INTO gap_notes (start_slot, end_slot, cause, detail, tries, last_try, next_try) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (start_slot) DO NOTHING",
        )
        .bind(to_i64(note.gap.start.0))
        .bind(to_i64(note.gap.end.0))
        .bind(note.cause.code())
        .bind(note.detail.replace('\0', ""))
        .bind(to_i64(note.tries))
        .bind(to_i64(note.last_try))
        .bind(note.next_try.map(to_i64))
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Removes the notes that share a slot with the range.
pub(crate) async fn forget(connection: &mut Connection<'_>, range: Gap) -> Result<(), StoreError> {
    query("DELETE FROM gap_notes WHERE start_slot <= $1 AND end_slot >= $2")
        .bind(to_i64(range.end.0))
        .bind(to_i64(range.start.0))
        .execute(connection)
        .await?;
    Ok(())
}

/// The notes that share a slot with a range, in order, at most `most` of them. Notes do not overlap, so that only the
/// last one that begins below the range can reach into it.
pub(crate) async fn touching(
    connection: &mut Connection<'_>,
    range: Gap,
    most: usize,
) -> Result<Vec<GapNote>, StoreError> {
    let rows = query(
        "SELECT start_slot, end_slot, cause, detail, tries, last_try, next_try FROM gap_notes \
         WHERE start_slot <= $1 AND end_slot >= $2 AND start_slot >= \
         (SELECT COALESCE(MAX(start_slot), 0) FROM gap_notes WHERE start_slot <= $2) ORDER BY start_slot LIMIT $3",
    )
    .bind(to_i64(range.end.0))
    .bind(to_i64(range.start.0))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.iter().map(note).collect()
}

/// All notes, in order.
pub(crate) async fn all(connection: &mut Connection<'_>) -> Result<Vec<GapNote>, StoreError> {
    let rows = query(
        "SELECT start_slot, end_slot, cause, detail, tries, last_try, next_try FROM gap_notes ORDER BY start_slot",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(note).collect()
}

fn note(row: &Row) -> Result<GapNote, StoreError> {
    Ok(GapNote {
        gap: Gap { start: Slot(to_u64(row.try_get(0)?)?), end: Slot(to_u64(row.try_get(1)?)?) },
        cause: GapCause::of_code(row.try_get(2)?)?,
        detail: row.try_get(3)?,
        tries: to_u64(row.try_get(4)?)?,
        last_try: to_u64(row.try_get(5)?)?,
        next_try: row.try_get::<Option<i64>>(6)?.map(to_u64).transpose()?,
    })
}
