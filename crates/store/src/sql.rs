//! Small help for statements with many rows.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type};

use crate::error::StoreError;

/// Lengths of multi-row statements. Few of them, so that every statement stays prepared.
const BATCH_LENGTHS: [usize; 4] = [256, 32, 4, 1];

/// Cuts items into pieces of the fixed lengths.
pub(crate) fn pieces<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = BATCH_LENGTHS.into_iter().find(|length| *length <= items.len())?;
        let (piece, rest) = items.split_at_checked(length)?;
        items = rest;
        Some(piece)
    })
}

/// Cuts items into pieces for questions where an item may be asked for twice: as few pieces as possible, each filled up
/// to one of the fixed lengths with its last item.
pub(crate) fn filled_pieces<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> {
    let [longest, ..] = BATCH_LENGTHS;
    items.chunks(longest).map(move |piece| {
        let length = BATCH_LENGTHS.into_iter().filter(|length| *length >= piece.len()).min();
        let mut filled = piece.to_vec();
        if let Some(last) = piece.last() {
            filled.resize(length.unwrap_or(longest), last.clone());
        }
        filled
    })
}

/// `(?,?),(?,?)` for two rows of two columns.
///
/// Bare `?` and not `$1`: SQLite keeps names of parameters in a list and walks it for every binding, which makes a
/// statement with thousands of `$n` slow by the square of their number. PostgreSQL needs `$n` here.
pub(crate) fn placeholders(rows: usize, columns: usize) -> String {
    let row = format!("({})", marks(columns));
    vec![row; rows].join(",")
}

/// `?,?,?` for three values.
pub(crate) fn marks(values: usize) -> String {
    vec!["?"; values].join(",")
}

/// Limits a query on `blocks` to the buckets that have blocks, so that the indexes led by the bucket serve it.
/// To be followed by `AND` and the column that the index goes on with. The `+` takes the column's type affinity away:
/// with it SQLite would have to convert before it compares, and would scan the table instead.
pub(crate) const ANY_BUCKET: &str = "slot / 262144 IN (SELECT +bucket FROM slot_buckets)";

/// Values to bind, in order.
#[derive(Default)]
pub(crate) struct Values(SqliteArguments);

impl Values {
    pub(crate) fn with_capacity(values: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Self(arguments)
    }

    pub(crate) fn push<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> Result<(), StoreError> {
        self.0.add(value).map_err(|error| StoreError::from(sqlx::Error::Encode(error)))
    }

    /// Runs the statement and tells how many rows it changed.
    pub(crate) async fn execute(
        self,
        sql: String,
        connection: &mut SqliteConnection,
    ) -> Result<u64, StoreError> {
        Ok(sqlx::query_with(AssertSqlSafe(sql), self.0).execute(connection).await?.rows_affected())
    }

    /// Runs the query and collects its rows.
    pub(crate) async fn fetch(
        self,
        sql: String,
        connection: &mut SqliteConnection,
    ) -> Result<Vec<sqlx::sqlite::SqliteRow>, StoreError> {
        Ok(sqlx::query_with(AssertSqlSafe(sql), self.0).fetch_all(connection).await?)
    }
}

/// A number of the chain as the database keeps it.
pub(crate) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number of the database that is never negative.
pub(crate) fn to_u64(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::damaged(format!("{value} where no negative number can be")))
}

#[cfg(test)]
mod unit {
    use sqlx::{AssertSqlSafe, ConnectOptions, Row};

    use super::*;

    #[test]
    fn pieces_are_filled_up_to_the_next_length() {
        let filled =
            |count: usize| -> Vec<Vec<usize>> { filled_pieces(&(0..count).collect::<Vec<_>>()).collect() };
        assert!(filled(0).is_empty());
        assert_eq!(filled(3), [[0, 1, 2, 2]]);
        assert_eq!(filled(10).iter().map(Vec::len).collect::<Vec<_>>(), [32]);
        assert_eq!(filled(300).iter().map(Vec::len).collect::<Vec<_>>(), [256, 256]);
    }

    #[tokio::test]
    async fn questions_without_a_slot_look_into_each_bucket() {
        let mut connection =
            sqlx::sqlite::SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).await.unwrap();
        for (rest, index) in [
            ("block_root = x'00'", "blocks_by_root"),
            ("block_root IN (x'00', x'01')", "blocks_by_root"),
            ("proposer_index = 7 ORDER BY id DESC LIMIT 1", "blocks_by_proposer"),
            ("proposer_index IN (7, 8) AND id >= 9 ORDER BY proposer_index, id", "blocks_by_proposer"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM blocks WHERE {ANY_BUCKET} AND {rest}");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let wanted = format!("SEARCH blocks USING INDEX {index} (<expr>=? AND ");
            assert!(plan.iter().any(|line| line.starts_with(&wanted)), "{rest}: {plan:?}");
        }
    }
}
