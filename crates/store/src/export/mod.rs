//! All blocks as a file that other tools read.

mod csv;
mod parquet;

use std::io::Write;
use std::path::Path;

use fingerprint::{Client, Sign};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::record::{Record, select};
use crate::row::{BlockRow, CanonicalState, RootOrigin};
use crate::sql::{Connection, query};

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a line of names, as RFC 4180 describes.
    #[default]
    Csv,
    /// Parquet, compressed with zstd. Roots and hashes are 32 bytes, everything else is as in CSV.
    Parquet,
}

impl Format {
    /// The form that a file's name asks for: Parquet for `.parquet`, else CSV.
    pub fn of_path(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("parquet") => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Blocks, in the order of their slots.
    pub blocks: u64,
}

/// A file in the making.
trait Form: Send {
    /// Takes the next block.
    fn add(&mut self, row: BlockRow) -> Result<(), StoreError>;

    /// Writes what is still held back, and the end.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

pub(crate) async fn run(
    connection: &mut Connection<'_>,
    format: Format,
    writer: &mut (dyn Write + Send),
) -> Result<ExportReport, StoreError> {
    let mut form: Box<dyn Form + '_> = match format {
        Format::Csv => Box::new(csv::Lines::new(writer)?),
        Format::Parquet => Box::new(parquet::Groups::new(writer)?),
    };
    let mut report = ExportReport::default();
    let mut last = None;
    let sql = format!("{} FROM blocks ORDER BY id", select("blocks"));
    let mut rows = query(sql).fetch(connection)?;
    loop {
        let next = match rows.try_next().await {
            Ok(row) => row.as_ref().map(Record::read).transpose(),
            Err(error) => Err(error.into()),
        };
        match next {
            Ok(Some(record)) => {
                last = Some(record.row.slot);
                form.add(record.row)?;
                report.blocks += 1;
            }
            Ok(None) => {
                form.finish()?;
                return Ok(report);
            }
            Err(StoreError::Damaged { detail }) => {
                // A Parquet file without an end could not be read at all.
                form.finish()?;
                return Err(StoreError::ExportStopped { detail, blocks: report.blocks, last });
            }
            Err(error) => return Err(error),
        }
    }
}

fn origin_word(origin: RootOrigin) -> &'static str {
    match origin {
        RootOrigin::Reported => "reported",
        RootOrigin::Imported => "imported",
    }
}

/// What of a block some client never does: codes with spaces between, or `none`; nothing where it is not known.
fn signs_words(row: &BlockRow) -> Option<String> {
    row.signs.map(|signs| words(signs.iter().map(Sign::code)))
}

/// The clients that this rules out, in the same form.
fn ruled_out_words(row: &BlockRow) -> Option<String> {
    row.signs.map(|signs| {
        words(Client::NAMED.into_iter().filter(|client| signs.rules_out(*client)).map(Client::name))
    })
}

fn words(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn canonical_word(state: CanonicalState) -> &'static str {
    match state {
        CanonicalState::Unknown => "unknown",
        CanonicalState::Canonical => "canonical",
        CanonicalState::Orphaned => "orphaned",
        CanonicalState::Finalized => "finalized",
    }
}
