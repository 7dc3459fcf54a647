//! The rows of a blockprint database of any age.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use fingerprint::classifier::Classification;
use fingerprint::client::UNCERTAIN;
use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection, TypeInfo, ValueRef};

use super::surrogate_root;
use crate::attestations::Attestations;
use crate::error::{StoreError, message};
use crate::row::{BlockRow, CanonicalState, MAX_PROPOSER, MAX_SLOT, RootOrigin};

/// The columns that every blockprint database has.
const REQUIRED: [&str; 3] = ["slot", "proposer_index", "best_guess_single"];

/// The columns that came and went.
const OPTIONAL: [&str; 3] = ["parent_slot", "best_guess_multi", "graffiti_guess"];

/// An open blockprint database. It is only read.
pub(crate) struct LegacyFile {
    path: PathBuf,
    connection: SqliteConnection,
    table: &'static str,
    /// Columns that are there, in the order they are selected.
    columns: Vec<String>,
    digest: [u8; 32],
}

/// A row of the old table.
pub(crate) struct LegacyRow {
    pub(crate) row_id: i64,
    /// The columns as a JSON object.
    pub(crate) original: String,
    /// What stands for the verdict, if it is text and no client.
    pub(crate) unknown_client: Option<String>,
    pub(crate) fit: Fit,
}

/// How a row fits the new table.
pub(crate) enum Fit {
    /// As it is.
    Whole(Box<BlockRow>),
    /// With a value changed.
    Mended { block: Box<BlockRow>, reason: String },
    /// Not at all.
    No { reason: String },
}

impl LegacyRow {
    pub(crate) fn block(&self) -> Option<&BlockRow> {
        match &self.fit {
            Fit::Whole(block) | Fit::Mended { block, .. } => Some(block),
            Fit::No { .. } => None,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match &self.fit {
            Fit::Whole(_) => "",
            Fit::Mended { reason, .. } | Fit::No { reason } => reason,
        }
    }
}

impl LegacyFile {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let metadata = path.metadata().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StoreError::NotBlockprint {
                path: path.to_owned(),
                detail: "there is no such file".to_owned(),
            },
            _ => StoreError::CannotOpen { path: path.to_owned(), detail: error.to_string() },
        })?;
        let not = |detail: String| StoreError::NotBlockprint { path: path.to_owned(), detail };
        if metadata.is_dir() {
            return Err(not("it is a directory".to_owned()));
        }
        if metadata.len() == 0 {
            return Err(not("it is empty".to_owned()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = match options.clone().connect().await {
            Ok(connection) => connection,
            Err(_) => options.immutable(true).connect().await.map_err(|error| not(message(&error)))?,
        };
        let described = describe(&mut connection).await.map_err(|error| match StoreError::from(error) {
            StoreError::Busy => StoreError::Busy,
            StoreError::Damaged { detail } => not(detail),
            other => not(other.to_string()),
        })?;
        let Some((table, columns)) = described else {
            return Err(not("it has no table named blocks".to_owned()));
        };
        if let Some(missing) = REQUIRED.iter().find(|name| !columns.iter().any(|column| column == *name)) {
            return Err(not(format!("its table of blocks has no column {missing}")));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header(path)?);
        hasher.update(&metadata.len().to_le_bytes());
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hasher.update(&modified.unwrap_or_default().as_nanos().to_le_bytes());
        Ok(Self { path: path.to_owned(), connection, table, columns, digest: *hasher.finalize().as_bytes() })
    }

    /// Names this state of the file.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) async fn count(&mut self) -> Result<u64, StoreError> {
        self.count_until(i64::MAX).await
    }

    pub(crate) async fn count_until(&mut self, row_id: i64) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE rowid <= $1", self.table);
        let counted = sqlx::query(AssertSqlSafe(sql)).bind(row_id).fetch_one(&mut self.connection).await;
        let counted = counted.and_then(|row| row.try_get::<i64, usize>(0)).map_err(|error| {
            StoreError::ImportDamaged { path: self.path.clone(), detail: message(&error), rows: 0 }
        })?;
        Ok(u64::try_from(counted).unwrap_or(0))
    }

    /// The rows after a row id.
    pub(crate) async fn batch(&mut self, after: i64, limit: i64) -> Result<Vec<LegacyRow>, sqlx::Error> {
        let columns = self.columns.join(", ");
        let sql =
            format!("SELECT rowid, {columns} FROM {} WHERE rowid > $1 ORDER BY rowid LIMIT $2", self.table);
        let rows =
            sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| read(row, &self.columns)).collect()
    }
}

/// The first bytes of the file, which hold SQLite's change counter.
fn header(path: &Path) -> Result<Vec<u8>, StoreError> {
    use std::io::Read;
    let cannot =
        |error: std::io::Error| StoreError::CannotOpen { path: path.to_owned(), detail: error.to_string() };
    let mut header = Vec::with_capacity(100);
    std::fs::File::open(path).map_err(cannot)?.take(100).read_to_end(&mut header).map_err(cannot)?;
    Ok(header)
}

/// The table that holds the blocks, and those of its columns that are known.
async fn describe(
    connection: &mut SqliteConnection,
) -> Result<Option<(&'static str, Vec<String>)>, sqlx::Error> {
    // A migration by hand that was broken off leaves the old table under another name.
    for table in ["blocks", "blocks_legacy"] {
        let rows = sqlx::query("SELECT lower(name) FROM pragma_table_info($1)")
            .bind(table)
            .fetch_all(&mut *connection)
            .await?;
        let there: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if there.is_empty() {
            continue;
        }
        let probabilities = Client::ALL.map(column_of);
        let known = REQUIRED.into_iter().chain(OPTIONAL).map(str::to_owned).chain(probabilities);
        return Ok(Some((table, known.filter(|name| there.contains(name)).collect())));
    }
    Ok(None)
}

fn column_of(client: Client) -> String {
    format!("pr_{}", client.name().to_lowercase())
}

fn cell(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => json!(row.try_get_unchecked::<i64, usize>(index)?),
        "REAL" => {
            let number: f64 = row.try_get_unchecked(index)?;
            serde_json::Number::from_f64(number).map_or_else(|| json!(number.to_string()), Value::Number)
        }
        "TEXT" => {
            let bytes: &[u8] = row.try_get_unchecked(index)?;
            json!(String::from_utf8_lossy(bytes))
        }
        _ => {
            let bytes: &[u8] = row.try_get_unchecked(index)?;
            json!({ "bytes": bytes })
        }
    })
}

fn read(row: &SqliteRow, columns: &[String]) -> Result<LegacyRow, sqlx::Error> {
    let mut cells = Map::new();
    for (index, column) in columns.iter().enumerate() {
        cells.insert(column.clone(), cell(row, index + 1)?);
    }
    let fit = fit(&cells);
    let unknown_client = match cells.get("best_guess_single") {
        Some(Value::String(name))
            if name != UNCERTAIN && client(cells.get("best_guess_single")).is_none() =>
        {
            Some(name.clone())
        }
        _ => None,
    };
    let original = match &fit {
        Fit::Whole(_) => String::new(),
        Fit::Mended { .. } | Fit::No { .. } => Value::Object(cells).to_string(),
    };
    Ok(LegacyRow { row_id: row.try_get(0)?, original, unknown_client, fit })
}

fn number(cells: &Map<String, Value>, column: &str, highest: u64) -> Option<u64> {
    cells.get(column).and_then(Value::as_u64).filter(|value| *value <= highest)
}

fn fit(cells: &Map<String, Value>) -> Fit {
    let Some(slot) = number(cells, "slot", MAX_SLOT) else {
        return Fit::No { reason: "the slot is not a number of a slot".to_owned() };
    };
    let Some(proposer) = number(cells, "proposer_index", MAX_PROPOSER) else {
        return Fit::No { reason: "the proposer is not a validator index".to_owned() };
    };
    let mut mended: Vec<&str> = Vec::new();
    let parent_slot = number(cells, "parent_slot", MAX_SLOT).unwrap_or_else(|| {
        mended.push("parent_slot");
        slot.saturating_sub(1)
    });
    let best_guess_single = match cells.get("best_guess_single") {
        Some(Value::String(name)) if name == UNCERTAIN => None,
        value => client(value).or_else(|| {
            mended.push("best_guess_single");
            None
        }),
    };
    let best_guess_multi = match cells.get("best_guess_multi") {
        Some(Value::String(text)) if !text.contains('\0') => text.clone(),
        _ => {
            mended.push("best_guess_multi");
            best_guess_single.map_or(UNCERTAIN, Client::name).to_owned()
        }
    };
    let graffiti_guess = match cells.get("graffiti_guess") {
        None | Some(Value::Null) => None,
        value => client(value).or_else(|| {
            mended.push("graffiti_guess");
            None
        }),
    };
    let mut probabilities = Vec::with_capacity(Client::ALL.len());
    for known in Client::ALL {
        match cells.get(&column_of(known)) {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_f64() {
                Some(probability) => probabilities.push((known, probability)),
                None => mended.push("a probability"),
            },
        }
    }
    let (slot, proposer_index) = (Slot(slot), ValidatorIndex(proposer));
    let block = Box::new(BlockRow {
        block_root: surrogate_root(slot, proposer_index),
        root_known: RootOrigin::Imported,
        parent_root: None,
        slot,
        parent_slot: Slot(parent_slot),
        proposer_index,
        graffiti: None,
        classification: Classification { best_guess_single, best_guess_multi, probabilities, graffiti_guess },
        model_hash: None,
        canonical: CanonicalState::Unknown,
        features: None,
        attestations: Attestations::NotRecorded,
        signs: None,
        first_seen_ms: None,
    });
    if mended.is_empty() {
        return Fit::Whole(block);
    }
    Fit::Mended { block, reason: format!("no value that fits: {}", mended.join(", ")) }
}

/// The client that a cell names exactly.
fn client(value: Option<&Value>) -> Option<Client> {
    let Some(Value::String(name)) = value else { return None };
    Client::ALL.into_iter().find(|client| client.name() == name)
}
