//! `blockmark plot`: pictures of a training set, every pair of features.

use anyhow::Result;
use pipeline::plot::{PlotOptions, plot};
use pipeline::training_store::{WantedFeatures, read_training_set};

use super::Context;
use super::features::feature_set;
use crate::cli::PlotArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;

/// Draws.
pub(crate) fn run(context: &Context, args: &PlotArgs) -> Result<Outcome> {
    let features = feature_set(&args.features)?;
    let progress = Shown::new();
    let loaded = read_training_set(&args.data, WantedFeatures::Only(&features), &progress)?;
    let report = plot(&loaded.set, &args.out, &PlotOptions::default(), &progress)?;
    if context.global.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("Wrote {} pictures to {}.", report.files.len(), args.out.display());
    }
    if !report.constant.is_empty() {
        eprintln!("note: not drawn, because every block has the same value: {}.", report.constant.join(", "));
    }
    let bad: Vec<_> = loaded.bad.iter().map(ToString::to_string).collect();
    Ok(list_bad(&bad, loaded.set.len() as u64 + bad.len() as u64, "inputs"))
}
