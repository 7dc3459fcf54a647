//! All blocks as a file that other tools read.

use std::io::Write;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::error::StoreError;
use crate::models;
use crate::record::{Record, select};
use crate::row::{BlockRow, CanonicalState, RootOrigin};
use fingerprint::Client;

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Comma-separated values with a line of names, as RFC 4180 describes.
    #[default]
    Csv,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Blocks, one a line.
    pub blocks: u64,
}

/// The columns before, between and after the probabilities.
const HEADER: &str = "slot,parent_slot,proposer_index,block_root,root_origin,parent_root,best_guess_single,\
best_guess_multi,pr_grandine,pr_lighthouse,pr_lodestar,pr_nimbus,pr_other,pr_prysm,pr_teku,graffiti,graffiti_guess,\
canonical,model_hash";

pub(crate) async fn run(
    connection: &mut SqliteConnection,
    format: Format,
    writer: &mut (dyn Write + Send),
) -> Result<ExportReport, StoreError> {
    let Format::Csv = format;
    let models = models::hashes(connection).await?;
    writeln!(writer, "{HEADER}")?;
    let mut report = ExportReport::default();
    let sql = format!("{} FROM blocks ORDER BY id", select());
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
    let mut line = String::new();
    while let Some(row) = rows.try_next().await? {
        line.clear();
        csv_line(&Record::read(&row, &models)?.row, &mut line);
        writer.write_all(line.as_bytes())?;
        report.blocks += 1;
    }
    writer.flush()?;
    Ok(report)
}

fn csv_line(row: &BlockRow, line: &mut String) {
    use std::fmt::Write;
    let verdict = &row.classification;
    let origin = match row.root_known {
        RootOrigin::Reported => "reported",
        RootOrigin::Imported => "imported",
    };
    let canonical = match row.canonical {
        CanonicalState::Unknown => "unknown",
        CanonicalState::Canonical => "canonical",
        CanonicalState::Orphaned => "orphaned",
        CanonicalState::Finalized => "finalized",
    };
    // Writing to a string cannot fail.
    let _ =
        write!(line, "{},{},{},{},{origin},", row.slot, row.parent_slot, row.proposer_index, row.block_root);
    if let Some(root) = row.parent_root {
        let _ = write!(line, "{root}");
    }
    line.push(',');
    line.push_str(verdict.single_name());
    line.push(',');
    quoted(&verdict.best_guess_multi, line);
    for client in Client::ALL {
        line.push(',');
        if let Some((_, value)) = verdict.probabilities.iter().find(|(known, _)| *known == client) {
            let _ = write!(line, "{value}");
        }
    }
    line.push(',');
    quoted(row.graffiti.as_deref().unwrap_or_default(), line);
    line.push(',');
    line.push_str(verdict.graffiti_guess.map_or("", Client::name));
    let _ = write!(line, ",{canonical},");
    if let Some(hash) = row.model_hash {
        let _ = hash.iter().try_for_each(|byte| write!(line, "{byte:02x}"));
    }
    line.push('\n');
}

fn quoted(text: &str, line: &mut String) {
    if !text.contains([',', '"', '\n', '\r']) {
        line.push_str(text);
        return;
    }
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}
