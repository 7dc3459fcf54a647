//! `blockmark evaluate`: cross-validation, feature search, confusion matrix.

use anyhow::{Context as _, Result};
use fingerprint::FeatureSet;
use fingerprint::score::{ConfusionMatrix, CvScores, FeatureChoice, SearchOptions, cross_validate, search};
use pipeline::Progress as _;
use pipeline::plot::{Images, Theme, heat_map, write_picture};
use pipeline::training_store::{WantedFeatures, read_training_set};
use serde_json::{Value, json};

use super::Context;
use super::train::{options, origin_of};
use crate::cli::EvaluateArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;
use crate::output::table::{Align, render, thousands};

/// Measures the classifier, or searches for a better one.
pub(crate) fn run(context: &Context, args: &EvaluateArgs) -> Result<Outcome> {
    let options = options(&args.method, origin_of(&args.data))?;
    options.check()?;
    let searching = args.search.is_some() || args.search_group > 0;
    let wanted = if args.search.is_some() { FeatureSet::viable() } else { options.features.clone() };
    let progress = Shown::new();
    let loaded = read_training_set(&args.data, WantedFeatures::Only(&wanted), &progress)?;
    let folds = usize::from(args.cv);
    let result = if searching {
        let search_options = SearchOptions {
            base: options,
            features: match args.search {
                Some(n) => FeatureChoice::Combinations(usize::from(n)),
                None => FeatureChoice::Given,
            },
            group_size: usize::from(args.search_group),
            folds,
        };
        progress.start("Searching", None, "combinations");
        let report = search(&loaded.set, &search_options, &|_, _| progress.advance(1))?;
        progress.finish("");
        for refused in report.refused.iter().take(10) {
            eprintln!("note: not tried: {}", refused.reason);
        }
        let Some(best) = report.best() else {
            anyhow::bail!("none of the {} combinations could be measured", report.refused.len());
        };
        let mut ranked: Vec<_> = report.attempts.iter().collect();
        ranked.sort_by(|a, b| b.scores.lowest().total_cmp(&a.scores.lowest()));
        if !context.global.json {
            let rows: Vec<_> = ranked
                .iter()
                .take(10)
                .map(|attempt| {
                    vec![
                        format!("{:.4}", attempt.scores.lowest()),
                        format!("{:.4}", attempt.scores.mean()),
                        attempt.grouped.iter().map(|client| client.name()).collect::<Vec<_>>().join(","),
                        attempt.features.names().collect::<Vec<_>>().join(","),
                    ]
                })
                .collect();
            let head = [
                ("Worst fold", Align::Right),
                ("Mean", Align::Right),
                ("Group", Align::Left),
                ("Features", Align::Left),
            ];
            println!("{}", render(context.style, &head, &rows));
        }
        let mut value = scores_json(&best.scores);
        if let Value::Object(map) = &mut value {
            map.insert("features".into(), json!(best.features.names().collect::<Vec<_>>()));
            map.insert("grouped".into(), json!(best.grouped));
            map.insert("combinations".into(), json!(report.attempts.len()));
        }
        (best.scores.clone(), value)
    } else {
        let scores = cross_validate(&loaded.set, &options, folds)?;
        let mut value = scores_json(&scores);
        if let Value::Object(map) = &mut value {
            map.insert("features".into(), json!(options.features.names().collect::<Vec<_>>()));
        }
        (scores, value)
    };
    let (scores, value) = result;
    if context.global.json {
        println!("{value}");
    } else {
        print_scores(context, &scores, loaded.set.len());
    }
    if let Some(dir) = &args.report {
        write_report(dir, &scores, &value)
            .with_context(|| format!("the report can't be written to {}", dir.display()))?;
        eprintln!("Wrote the report to {}.", dir.display());
    }
    let bad: Vec<_> = loaded.bad.iter().map(ToString::to_string).collect();
    Ok(list_bad(&bad, loaded.set.len() as u64 + bad.len() as u64, "inputs"))
}

fn scores_json(scores: &CvScores) -> Value {
    let confusion: Vec<_> = rows_of(&scores.confusion)
        .into_iter()
        .map(|(truth, verdicts, unknown)| json!({ "truth": truth, "verdicts": verdicts, "unknown": unknown }))
        .collect();
    json!({
        "fold_scores": scores.fold_scores,
        "lowest": scores.lowest(),
        "mean": scores.mean(),
        "confusion": confusion,
    })
}

type ConfusionRow = (fingerprint::Client, Vec<(fingerprint::Client, u64)>, u64);

fn rows_of(matrix: &ConfusionMatrix) -> Vec<ConfusionRow> {
    let clients: Vec<_> = matrix.clients().collect();
    clients
        .iter()
        .map(|truth| {
            let verdicts =
                clients.iter().map(|verdict| (*verdict, matrix.count(*truth, Some(*verdict)))).collect();
            (*truth, verdicts, matrix.count(*truth, None))
        })
        .collect()
}

fn print_scores(context: &Context, scores: &CvScores, rows: usize) {
    let folds: Vec<_> = scores.fold_scores.iter().map(|score| format!("{score:.4}")).collect();
    println!(
        "Balanced accuracy {:.4} (mean of {} folds: {}), {} rows.\n",
        scores.mean(),
        folds.len(),
        folds.join(", "),
        thousands(rows as u64)
    );
    let confusion = rows_of(&scores.confusion);
    let mut head = vec![("True \\ verdict", Align::Left)];
    head.extend(confusion.iter().map(|(client, _, _)| (client.name(), Align::Right)));
    head.push(("Unknown", Align::Right));
    let table: Vec<_> = confusion
        .iter()
        .map(|(truth, verdicts, unknown)| {
            let mut row = vec![truth.name().to_owned()];
            row.extend(verdicts.iter().map(|(_, count)| thousands(*count)));
            row.push(thousands(*unknown));
            row
        })
        .collect();
    print!("{}", render(context.style, &head, &table));
    println!("\nRows: the label. Columns: the verdict of a classifier that had not seen the block.");
}

fn write_report(dir: &std::path::Path, scores: &CvScores, value: &Value) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("report.json"), serde_json::to_vec_pretty(value)?)?;
    let note = format!(
        "{} blocks, each judged by a classifier that had not seen it",
        thousands(scores.confusion.total())
    );
    for (theme, name) in [(Theme::Light, "confusion"), (Theme::Dark, "confusion_dark")] {
        let picture = heat_map(&scores.confusion, "Verdicts against labels", &note, theme);
        write_picture(dir, name, &picture, Images::SvgAndPng)?;
    }
    Ok(())
}
