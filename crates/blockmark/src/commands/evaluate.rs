//! `blockmark evaluate`: cross-validation, feature search, confusion matrix.

use std::fmt::Write as _;

use anyhow::Result;
use fingerprint::score::ConfusionMatrix;
use pipeline::evaluate::{SearchPlan, Tried, evaluate};
use pipeline::{EvaluateOptions, EvaluateReport};

use super::Context;
use super::train::options;
use crate::cli::EvaluateArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::{Align, render, thousands};

/// Characters of a line.
const WIDTH: usize = 80;

/// Combinations of a search that are printed.
const SHOWN_ATTEMPTS: usize = 10;

/// Measures the classifier, or searches for a better one.
pub(crate) fn run(context: &Context, args: &EvaluateArgs) -> Result<Outcome> {
    let training = options(&args.method)?;
    let search = (args.search.is_some() || args.search_group > 0).then(|| SearchPlan {
        features: args.search.map(usize::from),
        group_size: usize::from(args.search_group),
    });
    let options = EvaluateOptions {
        training,
        folds: usize::from(args.cv),
        search,
        report: args.report.clone(),
        ..EvaluateOptions::default()
    };
    let report = evaluate(&args.data, options, &Shown::new())?;
    for note in
        report.notes.iter().chain(report.search_refused.iter().map(|refused| &refused.reason)).take(10)
    {
        say::note(format_args!("note: {note}"));
    }
    if context.global.json {
        say::result_line(serde_json::to_string(&report)?)?;
    } else {
        say::result(report_text(context, &report))?;
    }
    Ok(list_bad(&report.bad, report.rows, "inputs", context.global.json))
}

fn report_text(context: &Context, report: &EvaluateReport) -> String {
    let mut text = String::new();
    if let Some(tried) = &report.search {
        let grouped =
            |attempt: &Tried| attempt.grouped.iter().map(|client| client.name()).collect::<Vec<_>>();
        let shown = || tried.iter().take(SHOWN_ATTEMPTS);
        // The columns before the features: ten characters, the groups, and two blanks after each.
        let group = shown().flat_map(grouped).map(str::len).max().unwrap_or(0).max("Group".len()) + 1;
        let mut rows = Vec::new();
        for attempt in shown() {
            let groups = wrapped(&grouped(attempt), group);
            let features = wrapped(&attempt.features.names().collect::<Vec<_>>(), WIDTH - 10 - group - 4);
            for line in 0..groups.len().max(features.len()).max(1) {
                let cell = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
                let score = if line == 0 { format!("{:.4}", attempt.lowest) } else { String::new() };
                rows.push(vec![score, cell(&groups), cell(&features)]);
            }
        }
        let head = [("Worst fold", Align::Right), ("Group", Align::Left), ("Features", Align::Left)];
        text.push_str(&render(context.style, &head, &rows));
        text.push('\n');
    }
    let folds: Vec<_> = report.fold_scores.iter().map(|score| format!("{score:.4}")).collect();
    let _ = writeln!(
        text,
        "Balanced accuracy {:.4} (mean of {} folds: {}), {} rows.\n",
        report.mean,
        folds.len(),
        folds.join(", "),
        thousands(report.rows)
    );
    text.push_str(&confusion_table(context, &report.confusion));
    text.push_str("\nRows: label. Columns: verdict of a classifier that had not seen the block.\n");
    let number = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"));
    let fared = &report.probabilities;
    let _ = writeln!(
        text,
        "Log loss {}, Brier score {}, expected calibration error {}.",
        number(fared.log_loss),
        number(fared.brier),
        number(fared.calibration_error)
    );
    if let Some(dir) = report.files.first().and_then(|file| file.parent()) {
        let _ = writeln!(text, "Wrote {} files to {}.", report.files.len(), dir.display());
    }
    text
}

/// Words with commas between them, in lines of at most so many characters; a longer word has a line of its own.
fn wrapped(words: &[&str], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let comma = if position + 1 < words.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + comma.len() <= width => {
                line.push_str(word);
                line.push_str(comma);
            }
            _ => lines.push(format!("{word}{comma}")),
        }
    }
    lines
}

fn confusion_table(context: &Context, matrix: &ConfusionMatrix) -> String {
    let clients: Vec<_> = matrix.clients().collect();
    let mut head = vec![("True \\ verdict", Align::Left)];
    head.extend(clients.iter().map(|client| (client.name(), Align::Right)));
    head.push(("Unknown", Align::Right));
    let rows: Vec<_> = clients
        .iter()
        .map(|truth| {
            let mut row = vec![truth.name().to_owned()];
            row.extend(clients.iter().map(|verdict| thousands(matrix.count(*truth, Some(*verdict)))));
            row.push(thousands(matrix.count(*truth, None)));
            row
        })
        .collect();
    render(context.style, &head, &rows)
}
