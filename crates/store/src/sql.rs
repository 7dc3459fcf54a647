//! Statements in the words of either engine: connections, values, rows, and the few places where the dialects differ.
//!
//! Most statements are the same text for both engines, with `$1` for values. Many rows at once are `VALUES` for SQLite
//! and arrays for PostgreSQL, see [`Batch`].

use std::borrow::Cow;

use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, Type,
};

use crate::error::StoreError;
use crate::readers::Standing;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A connection of either engine, lent.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    /// With a note for the pool, if it wants one.
    Postgres(&'c mut PgConnection, Option<&'c mut Standing>),
}

impl Connection<'_> {
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(..) => Engine::Postgres,
        }
    }

    fn stands(&mut self, now: Standing) {
        if let Self::Postgres(_, Some(standing)) = self {
            **standing = now;
        }
    }
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column can be read as, whatever the engine.
pub(crate) trait Cell<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>> Cell<'r> for T {}

impl Row {
    pub(crate) fn try_get<'r, T: Cell<'r>>(&'r self, column: usize) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// A value to bind.
pub(crate) enum Value {
    Integer(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($kind:ident of $plain:ty),+) => { $(
        impl From<$plain> for Value {
            fn from(value: $plain) -> Self {
                Self::$kind(Some(value))
            }
        }
        impl From<Option<$plain>> for Value {
            fn from(value: Option<$plain>) -> Self {
                Self::$kind(value)
            }
        }
    )+ };
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

values!(Integer of i64, Real of f64, Text of String, Bytes of Vec<u8>);

/// The type of a column of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
    Bytes,
}

/// Bound values, in order.
pub(crate) enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Arguments {
    pub(crate) fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite(SqliteArguments::default()),
            Engine::Postgres => Self::Postgres(PgArguments::default()),
        }
    }

    fn add(&mut self, value: Value) -> Result<(), StoreError> {
        macro_rules! add {
            ($arguments:expr) => {
                match value {
                    Value::Integer(value) => $arguments.add(value),
                    Value::Real(value) => $arguments.add(value),
                    Value::Text(value) => $arguments.add(value),
                    Value::Bytes(value) => $arguments.add(value),
                }
            };
        }
        match self {
            Self::Sqlite(arguments) => add!(arguments),
            Self::Postgres(arguments) => add!(arguments),
        }
        .map_err(encoding)
    }

    /// Binds one value, and gives what stands for it in the statement. Values stand there in the order of binding.
    pub(crate) fn one(&mut self, value: impl Into<Value>) -> Result<String, StoreError> {
        self.add(value.into())?;
        Ok(match self {
            // Bare `?` and not `$1`: SQLite keeps names of parameters in a list and walks it for every binding, which
            // makes a statement with thousands of `$n` slow by the square of their number.
            Self::Sqlite(_) => "?".to_owned(),
            Self::Postgres(arguments) => format!("${}", arguments.len()),
        })
    }

    /// Binds numbers, and gives what follows a column that is one of them.
    pub(crate) fn any_number(&mut self, numbers: &[i64]) -> Result<String, StoreError> {
        self.any(numbers.iter().map(|number| Value::from(*number)), "BIGINT", |arguments| {
            arguments.add(numbers)
        })
    }

    /// Binds roots, and gives what follows a column that is one of them.
    pub(crate) fn any_root(&mut self, roots: &[consensus::Root]) -> Result<String, StoreError> {
        self.any(roots.iter().map(|root| Value::from(root.0.to_vec())), "BYTEA", |arguments| {
            arguments.add(roots.iter().map(|root| root.0.to_vec()).collect::<Vec<_>>())
        })
    }

    fn any(
        &mut self,
        values: impl Iterator<Item = Value>,
        kind: &str,
        add: impl FnOnce(&mut PgArguments) -> Result<(), sqlx::error::BoxDynError>,
    ) -> Result<String, StoreError> {
        if let Self::Postgres(arguments) = self {
            add(arguments).map_err(encoding)?;
            return Ok(format!("= ANY (${}::{kind}[])", arguments.len()));
        }
        let marks = values.map(|value| self.one(value)).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("IN ({})", marks.join(",")))
    }

    /// Runs the statement and tells how many rows it changed.
    pub(crate) async fn execute(
        self,
        sql: impl Into<Cow<'static, str>>,
        connection: &mut Connection<'_>,
    ) -> Result<u64, StoreError> {
        let sql = safe(sql);
        connection.stands(Standing::Unsure);
        Ok(match (self, connection) {
            (Self::Sqlite(arguments), Connection::Sqlite(connection)) => {
                sqlx::query_with(sql, arguments).execute(&mut **connection).await?.rows_affected()
            }
            (Self::Postgres(arguments), Connection::Postgres(connection, _)) => {
                sqlx::query_with(sql, arguments).execute(&mut **connection).await?.rows_affected()
            }
            _ => return Err(mixed()),
        })
    }

    /// Runs the query and collects its rows.
    pub(crate) async fn fetch(
        self,
        sql: impl Into<Cow<'static, str>>,
        connection: &mut Connection<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = safe(sql);
        // Until all of the answer is there: this may be given up, or fail.
        connection.stands(Standing::Unsure);
        let rows = match (self, &mut *connection) {
            (Self::Sqlite(arguments), Connection::Sqlite(connection)) => {
                let rows = sqlx::query_with(sql, arguments).fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            (Self::Postgres(arguments), Connection::Postgres(connection, _)) => {
                let rows = sqlx::query_with(sql, arguments).fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
            _ => return Err(mixed()),
        };
        connection.stands(Standing::Answered);
        Ok(rows)
    }

    /// Runs the query and hands its rows out as they come.
    pub(crate) fn stream<'e>(
        self,
        sql: impl Into<Cow<'static, str>>,
        connection: &'e mut Connection<'_>,
    ) -> BoxStream<'e, Result<Row, sqlx::Error>> {
        let sql = safe(sql);
        connection.stands(Standing::Unsure);
        match (self, connection) {
            (Self::Sqlite(arguments), Connection::Sqlite(connection)) => {
                sqlx::query_with(sql, arguments).fetch(&mut **connection).map_ok(Row::Sqlite).boxed()
            }
            (Self::Postgres(arguments), Connection::Postgres(connection, _)) => {
                sqlx::query_with(sql, arguments).fetch(&mut **connection).map_ok(Row::Postgres).boxed()
            }
            _ => futures::stream::iter([Err(sqlx::Error::Protocol(MIXED.to_owned()))]).boxed(),
        }
    }
}

/// Every text of a statement is put together in this crate; what comes from outside is bound.
fn safe(sql: impl Into<Cow<'static, str>>) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.into().into_owned())
}

fn encoding(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::from(sqlx::Error::Encode(error))
}

const MIXED: &str = "values of one engine for a connection of the other";

fn mixed() -> StoreError {
    StoreError::from(sqlx::Error::Protocol(MIXED.to_owned()))
}

/// A statement with few values, `$1` and so on, that both engines understand.
pub(crate) fn query(sql: impl Into<Cow<'static, str>>) -> Query {
    Query { sql: sql.into(), values: Vec::new() }
}

/// See [`query`].
pub(crate) struct Query {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

impl Query {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    fn arguments(values: Vec<Value>, engine: Engine) -> Result<Arguments, StoreError> {
        let mut arguments = Arguments::new(engine);
        values.into_iter().try_for_each(|value| arguments.add(value))?;
        Ok(arguments)
    }

    /// Runs the statement and tells how many rows it changed.
    pub(crate) async fn execute(self, connection: &mut Connection<'_>) -> Result<u64, StoreError> {
        Self::arguments(self.values, connection.engine())?.execute(self.sql, connection).await
    }

    pub(crate) async fn fetch_all(self, connection: &mut Connection<'_>) -> Result<Vec<Row>, StoreError> {
        Self::arguments(self.values, connection.engine())?.fetch(self.sql, connection).await
    }

    pub(crate) async fn fetch_optional(
        self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch_all(connection).await?.into_iter().next())
    }

    pub(crate) async fn fetch_one(self, connection: &mut Connection<'_>) -> Result<Row, StoreError> {
        let row = self.fetch_optional(connection).await?;
        row.ok_or_else(|| StoreError::from(sqlx::Error::RowNotFound))
    }

    /// Hands the rows out as they come.
    pub(crate) fn fetch<'e>(
        self,
        connection: &'e mut Connection<'_>,
    ) -> Result<BoxStream<'e, Result<Row, sqlx::Error>>, StoreError> {
        Ok(Self::arguments(self.values, connection.engine())?.stream(self.sql, connection))
    }
}

/// Statements without values, one after the other.
pub(crate) async fn script(sql: &'static str, connection: &mut Connection<'_>) -> Result<(), StoreError> {
    connection.stands(Standing::Unsure);
    match connection {
        Connection::Sqlite(connection) => {
            sqlx::raw_sql(sql).execute(&mut **connection).await?;
        }
        Connection::Postgres(connection, _) => {
            sqlx::raw_sql(sql).execute(&mut **connection).await?;
        }
    }
    Ok(())
}

/// Lengths of SQLite's multi-row statements. Few of them, so that every statement stays prepared.
const BATCH_LENGTHS: [usize; 4] = [256, 32, 4, 1];

/// Rows of one statement of PostgreSQL. Arrays make it the same statement whatever their length.
const ARRAY_LENGTH: usize = 8_192;

/// Cuts items into pieces for one statement each.
pub(crate) fn pieces<T>(engine: Engine, mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = match engine {
            Engine::Sqlite => BATCH_LENGTHS.into_iter().find(|length| *length <= items.len())?,
            Engine::Postgres if items.is_empty() => return None,
            Engine::Postgres => items.len().min(ARRAY_LENGTH),
        };
        let (piece, rest) = items.split_at_checked(length)?;
        items = rest;
        Some(piece)
    })
}

/// Cuts items into pieces for questions where an item may be asked for twice: as few pieces as possible, each filled up
/// with its last item to a length that SQLite keeps prepared.
pub(crate) fn filled_pieces<T: Clone>(engine: Engine, items: &[T]) -> impl Iterator<Item = Vec<T>> {
    let [longest, ..] = BATCH_LENGTHS;
    let chunk = if engine == Engine::Sqlite { longest } else { ARRAY_LENGTH };
    items.chunks(chunk).map(move |piece| {
        let length = BATCH_LENGTHS.into_iter().filter(|length| *length >= piece.len()).min();
        let mut filled = piece.to_vec();
        if let Some(last) = piece.last()
            && engine == Engine::Sqlite
        {
            filled.resize(length.unwrap_or(longest), last.clone());
        }
        filled
    })
}

/// Rows of values for one statement, filled value by value, row by row. The statement names them as
/// [`Batch::finish`] says: `VALUES (?,?),(?,?)` in SQLite, `SELECT * FROM UNNEST($1::BIGINT[], …)` in PostgreSQL.
pub(crate) struct Batch {
    rows: usize,
    columns: &'static [Kind],
    cells: Cells,
}

enum Cells {
    Sqlite(SqliteArguments),
    Postgres { columns: Vec<Array>, next: usize },
}

enum Array {
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Batch {
    pub(crate) fn new(engine: Engine, columns: &'static [Kind], rows: usize) -> Self {
        let cells = match engine {
            Engine::Sqlite => {
                let mut arguments = SqliteArguments::default();
                arguments.reserve(rows.saturating_mul(columns.len()), 0);
                Cells::Sqlite(arguments)
            }
            Engine::Postgres => {
                let array = |kind: &Kind| match kind {
                    Kind::Integer => Array::Integers(Vec::with_capacity(rows)),
                    Kind::Real => Array::Reals(Vec::with_capacity(rows)),
                    Kind::Text => Array::Texts(Vec::with_capacity(rows)),
                    Kind::Bytes => Array::Bytes(Vec::with_capacity(rows)),
                };
                Cells::Postgres { columns: columns.iter().map(array).collect(), next: 0 }
            }
        };
        Self { rows, columns, cells }
    }

    pub(crate) fn push(&mut self, value: impl Into<Value>) -> Result<(), StoreError> {
        let value = value.into();
        match &mut self.cells {
            Cells::Sqlite(arguments) => match value {
                Value::Integer(value) => arguments.add(value),
                Value::Real(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value),
            }
            .map_err(encoding),
            Cells::Postgres { columns, next } => {
                match (columns.get_mut(*next), value) {
                    (Some(Array::Integers(array)), Value::Integer(value)) => array.push(value),
                    (Some(Array::Reals(array)), Value::Real(value)) => array.push(value),
                    (Some(Array::Texts(array)), Value::Text(value)) => array.push(value),
                    (Some(Array::Bytes(array)), Value::Bytes(value)) => array.push(value),
                    _ => return Err(encoding("a value of another type than its column".into())),
                }
                *next = (*next + 1) % self.columns.len();
                Ok(())
            }
        }
    }

    /// The rows as they stand in a statement, and their values.
    pub(crate) fn finish(self) -> Result<(String, Arguments), StoreError> {
        match self.cells {
            Cells::Sqlite(arguments) => {
                let row = format!("({})", vec!["?"; self.columns.len()].join(","));
                let text = format!("VALUES {}", vec![row; self.rows].join(","));
                Ok((text, Arguments::Sqlite(arguments)))
            }
            Cells::Postgres { columns, .. } => {
                let mut arguments = PgArguments::default();
                let mut names = Vec::with_capacity(columns.len());
                for (number, column) in (1..).zip(columns) {
                    let (kind, added) = match column {
                        Array::Integers(array) => ("BIGINT", arguments.add(array)),
                        Array::Reals(array) => ("DOUBLE PRECISION", arguments.add(array)),
                        Array::Texts(array) => ("TEXT", arguments.add(array)),
                        Array::Bytes(array) => ("BYTEA", arguments.add(array)),
                    };
                    added.map_err(encoding)?;
                    names.push(format!("${number}::{kind}[]"));
                }
                let text = format!("SELECT * FROM UNNEST({})", names.join(", "));
                Ok((text, Arguments::Postgres(arguments)))
            }
        }
    }
}

/// What comes before a condition on the root or the proposer of `blocks`.
///
/// SQLite's indexes on them are led by the bucket of the slot, so that the buckets that have blocks are named. The `+`
/// takes the column's type affinity away: with it SQLite would have to convert before it compares, and would scan the
/// table instead. PostgreSQL's indexes begin with the column itself.
pub(crate) fn any_bucket(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "slot / 262144 IN (SELECT +bucket FROM slot_buckets)",
        Engine::Postgres => "TRUE",
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
        let filled = |count: usize| -> Vec<Vec<usize>> {
            filled_pieces(Engine::Sqlite, &(0..count).collect::<Vec<_>>()).collect()
        };
        assert!(filled(0).is_empty());
        assert_eq!(filled(3), [[0, 1, 2, 2]]);
        assert_eq!(filled(10).iter().map(Vec::len).collect::<Vec<_>>(), [32]);
        assert_eq!(filled(300).iter().map(Vec::len).collect::<Vec<_>>(), [256, 256]);
    }

    #[tokio::test]
    async fn questions_without_a_slot_look_into_each_bucket() {
        let mut connection =
            sqlx::sqlite::SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        crate::schema::migrate_file(&mut connection, std::path::Path::new("memory")).await.unwrap();
        let any_bucket = any_bucket(Engine::Sqlite);
        for (rest, index) in [
            ("block_root = x'00'", "blocks_by_root"),
            ("block_root IN (x'00', x'01')", "blocks_by_root"),
            ("proposer_index = 7 ORDER BY id DESC LIMIT 1", "blocks_by_proposer"),
            ("proposer_index IN (7, 8) AND id >= 9 ORDER BY proposer_index, id", "blocks_by_proposer"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM blocks WHERE {any_bucket} AND {rest}");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let wanted = format!("SEARCH blocks USING INDEX {index} (<expr>=? AND ");
            assert!(plan.iter().any(|line| line.starts_with(&wanted)), "{rest}: {plan:?}");
        }
    }
}
