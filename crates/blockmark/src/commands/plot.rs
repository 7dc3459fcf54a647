//! `blockmark plot`: pictures of a training set: every pair of features, a grid, the confusion matrix.

use anyhow::Result;
use fingerprint::classifier::TrainingOptions;
use pipeline::plot::{Confusion, PlotOptions, plot_data};

use super::Context;
use super::features::feature_set;
use crate::cli::PlotArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;
use crate::output::say;

/// Folds of the cross-validation behind the confusion matrix.
const FOLDS: usize = 5;

/// Draws.
pub(crate) fn run(context: &Context, args: &PlotArgs) -> Result<Outcome> {
    let features = feature_set(&args.features, "plot")?;
    let training = Box::new(TrainingOptions { features: features.clone(), ..TrainingOptions::default() });
    let options = PlotOptions { features: Some(features), ..PlotOptions::default() };
    let confusion = Confusion::CrossValidate { training, folds: FOLDS };
    let (report, bad) = plot_data(&args.data, &args.out, &options, &confusion, &Shown::new())?;
    if context.global.json {
        say::result_line(serde_json::to_string(&report)?)?;
    } else {
        let count = report.files.len();
        say::result_line(format_args!("Wrote {count} pictures to {}.", args.out.display()))?;
    }
    if !report.constant.is_empty() {
        let names = report.constant.join(", ");
        say::note(format_args!("note: not drawn, because every block has the same value: {names}."));
    }
    Ok(list_bad(&bad, report.files.len() as u64, "inputs", context.global.json))
}
