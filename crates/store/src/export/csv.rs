//! Comma-separated values, one block a line.

use std::io::Write;

use fingerprint::Client;

use super::{Form, canonical_word, origin_word, ruled_out_words, signs_words};
use crate::error::StoreError;
use crate::row::BlockRow;

/// The columns before, between and after the probabilities.
const HEADER: &str = "slot,parent_slot,proposer_index,block_root,root_origin,parent_root,best_guess_single,\
best_guess_multi,pr_grandine,pr_lighthouse,pr_lodestar,pr_nimbus,pr_other,pr_prysm,pr_teku,graffiti,graffiti_guess,\
canonical,model_hash,attestations,signs,ruled_out,first_seen_ms";

/// Lines under a line of names.
pub(super) struct Lines<'a> {
    writer: &'a mut (dyn Write + Send),
    line: String,
}

impl<'a> Lines<'a> {
    pub(super) fn new(writer: &'a mut (dyn Write + Send)) -> Result<Self, StoreError> {
        writeln!(writer, "{HEADER}")?;
        Ok(Self { writer, line: String::new() })
    }
}

impl Form for Lines<'_> {
    fn add(&mut self, row: BlockRow) -> Result<(), StoreError> {
        self.line.clear();
        csv_line(&row, &mut self.line);
        Ok(self.writer.write_all(self.line.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.writer.flush()?)
    }
}

fn csv_line(row: &BlockRow, line: &mut String) {
    use std::fmt::Write;
    let verdict = &row.classification;
    let (origin, canonical) = (origin_word(row.root_known), canonical_word(row.canonical));
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
    line.push(',');
    if let Some(count) = row.attestations.count() {
        let _ = write!(line, "{count}");
    }
    line.push(',');
    line.push_str(&signs_words(row).unwrap_or_default());
    line.push(',');
    line.push_str(&ruled_out_words(row).unwrap_or_default());
    line.push(',');
    if let Some(first_seen) = row.first_seen_ms {
        let _ = write!(line, "{first_seen}");
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
