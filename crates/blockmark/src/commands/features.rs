//! `blockmark features`: one line per block, features by name.

use std::io::{self, BufWriter, Write as _};

use anyhow::{Context as _, Result};
use fingerprint::features::FeatureSet;
use pipeline::FeatureRow;

use super::input::{input_failure, place};
use crate::cli::FeaturesArgs;
use crate::failure::{Outcome, list_bad, usage};
use crate::output::progress::Shown;
use crate::output::say;

/// A set by name, or a list of features; `command` is where the person can read about them.
pub(crate) fn feature_set(text: &str, command: &str) -> Result<FeatureSet> {
    FeatureSet::named(text)
        .or_else(|_| FeatureSet::parse(text))
        .map_err(|error| usage(error, format!("blockmark help {command}")))
}

/// Prints the feature rows.
pub(crate) fn run(context: &super::Context, args: &FeaturesArgs) -> Result<Outcome> {
    let set = feature_set(&args.set, "features")?;
    let input = place(&args.input, "features", "")?;
    let json = context.global.json;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut head =
        (!json).then(|| format!("block_root\tslot\t{}\n", set.names().collect::<Vec<_>>().join("\t")));
    let print = |row: FeatureRow| {
        if json {
            serde_json::to_writer(&mut out, &row)?;
        } else {
            if let Some(head) = head.take() {
                out.write_all(head.as_bytes())?;
            }
            write!(out, "{}\t{}", row.block_root, row.slot)?;
            for (_, value) in &row.features {
                write!(out, "\t{value}")?;
            }
        }
        out.write_all(b"\n")
    };
    let report = pipeline::features(&input, &set, print, &Shown::new())
        .map_err(|error| input_failure(error.into(), &input, "features", ""))?;
    out.flush().context("the result can't be written")?;
    say::repeated(report.repeated);
    Ok(list_bad(&report.bad, report.rows, "inputs", json))
}
