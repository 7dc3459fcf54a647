//! `blockmark plot`: pictures of a training set: every pair of features, a grid, the confusion matrix.

use anyhow::Result;
use fingerprint::classifier::TrainingOptions;
use pipeline::plot::{Confusion, PlotOptions, plot_data};

use super::Context;
use super::features::feature_set;
use crate::cli::PlotArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;

/// Folds of the cross-validation behind the confusion matrix.
const FOLDS: usize = 5;

/// Draws.
pub(crate) fn run(context: &Context, args: &PlotArgs) -> Result<Outcome> {
    let features = feature_set(&args.features)?;
    let training = Box::new(TrainingOptions { features: features.clone(), ..TrainingOptions::default() });
    let options = PlotOptions { features: Some(features), ..PlotOptions::default() };
    let confusion = Confusion::CrossValidate { training, folds: FOLDS };
    let (report, bad) = plot_data(&args.data, &args.out, &options, &confusion, &Shown::new())?;
    if context.global.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("Wrote {} pictures to {}.", report.files.len(), args.out.display());
    }
    if !report.constant.is_empty() {
        eprintln!("note: not drawn, because every block has the same value: {}.", report.constant.join(", "));
    }
    let bad: Vec<_> = bad.iter().map(ToString::to_string).collect();
    Ok(list_bad(&bad, report.files.len() as u64 + bad.len() as u64, "inputs"))
}
