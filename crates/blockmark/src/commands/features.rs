//! `blockmark features`: one line per block, features by name.

use std::io::{BufWriter, Write as _};

use anyhow::Result;
use fingerprint::features::FeatureSet;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Context;
use super::reading::for_each_block;
use crate::cli::FeaturesArgs;
use crate::failure::{Outcome, list_bad, usage};
use crate::output::progress::Shown;

/// Names with values, in the order of the set; whole numbers without a fraction.
pub(crate) struct Named<'a>(pub(crate) &'a [(&'static str, f64)]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    block_root: consensus::Root,
    slot: u64,
    features: Named<'a>,
}

/// A set by name, or a list of features.
pub(crate) fn feature_set(text: &str) -> Result<FeatureSet> {
    FeatureSet::named(text).or_else(|_| FeatureSet::parse(text)).map_err(|error| {
        usage(error, "a set (all, default, viable, electra, everything) or names separated by commas")
    })
}

/// Prints the feature rows.
pub(crate) fn run(context: &Context, args: &FeaturesArgs) -> Result<Outcome> {
    let set = feature_set(&args.set)?;
    let progress = Shown::new();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut row = Vec::with_capacity(set.len());
    let mut uncomputed = Vec::new();
    let mut head = (!context.global.json)
        .then(|| format!("block_root\tslot\t{}\n", set.names().collect::<Vec<_>>().join("\t")));
    let mut report = for_each_block(&args.input, &progress, |block, _| {
        row.clear();
        if let Err(error) = set.compute(&block, &mut row) {
            uncomputed.push(format!("block {} at slot {}: {error}", block.block_root, block.slot));
            return Ok(());
        }
        if context.global.json {
            let named: Vec<_> = set.names().zip(row.iter().copied()).collect();
            let line = Line { block_root: block.block_root, slot: block.slot.0, features: Named(&named) };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        } else {
            if let Some(head) = head.take() {
                out.write_all(head.as_bytes())?;
            }
            write!(out, "{}\t{}", block.block_root, block.slot)?;
            for value in &row {
                write!(out, "\t{value}")?;
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    out.flush()?;
    report.blocks -= uncomputed.len() as u64;
    report.bad.append(&mut uncomputed);
    let of = report.inputs();
    Ok(list_bad(&report.bad, of, "inputs"))
}
