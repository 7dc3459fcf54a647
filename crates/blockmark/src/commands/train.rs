//! `blockmark train`: from a training set to a model file.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use fingerprint::ClientSet;
use fingerprint::classifier::{Method, TrainingOptions};
use fingerprint::graffiti::{GraffitiRules, RuleSet};
use pipeline::{TrainOptions, train};

use super::Context;
use super::features::feature_set;
use crate::cli::{Classifier, ClientOrNone, MethodArgs, RuleArgs, TrainArgs};
use crate::failure::{Outcome, hinted, list_bad, usage};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::{Align, render, thousands};

/// The rules that were asked for: a built-in set by name, or a file.
pub(crate) fn graffiti_rules(args: &RuleArgs) -> Result<GraffitiRules> {
    let rules = match RuleSet::ALL.into_iter().find(|set| set.name() == args.patterns) {
        Some(set) => GraffitiRules::built_in(set),
        None => {
            let text = std::fs::read_to_string(&args.patterns).map_err(|error| {
                hinted(
                    format!("the graffiti rules \"{}\" can't be read, because {error}", args.patterns),
                    "blockmark help label",
                )
            })?;
            GraffitiRules::from_toml(&text).with_context(|| format!("{} is no rule file", args.patterns))?
        }
    };
    let Some(network) = &args.network else { return Ok(rules.for_network("mainnet")) };
    let mut known: BTreeSet<&str> = pipeline::label::known_networks().collect();
    known.extend(rules.networks());
    if !known.contains(network.as_str()) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(usage(
            format!(
                "\"{network}\" is no network with rules of its own or known forks; known are {}",
                known.join(", ")
            ),
            "blockmark help label",
        ));
    }
    Ok(rules.for_network(network))
}

/// What was typed, as the trainer wants it, if it goes together.
pub(crate) fn options(args: &MethodArgs) -> Result<TrainingOptions> {
    let graffiti_only: ClientSet = args
        .graffiti_only
        .iter()
        .filter_map(|choice| match choice {
            ClientOrNone::Client(client) => Some(*client),
            ClientOrNone::None => None,
        })
        .collect();
    let options = TrainingOptions {
        method: match args.classifier {
            Classifier::Knn => Method::knn(),
            Classifier::Mlp => Method::mlp(),
        },
        features: feature_set(&args.features, "train")?,
        grouped: args.group.iter().copied().collect(),
        disabled: args.disable.iter().copied().collect(),
        graffiti_only,
        seed: args.seed,
        rules: graffiti_rules(&args.rules)?,
        max_imbalance: args.max_imbalance,
        ..TrainingOptions::default()
    };
    options.check().map_err(|error| usage(error, "blockmark help train"))?;
    Ok(options)
}

/// Trains and writes the model file.
pub(crate) fn run(context: &Context, args: &TrainArgs) -> Result<Outcome> {
    let training = options(&args.method)?;
    let folds = args.cv.map(usize::from);
    let report = train(&args.data, &args.model, TrainOptions { training, folds }, &Shown::new())?;
    if context.global.json {
        say::result_line(serde_json::to_string(&report)?)?;
    } else {
        let rows: Vec<_> = report
            .info
            .rows_per_client
            .iter()
            .map(|(client, rows)| vec![client.name().to_owned(), thousands(*rows)])
            .collect();
        let table = render(context.style, &[("Client", Align::Left), ("Rows", Align::Right)], &rows);
        let hash = report.hash.get(..12).unwrap_or(&report.hash);
        let measured = report.info.scores.as_ref().map(|scores| {
            let folds = &scores.balanced_accuracy;
            let mean = folds.iter().sum::<f64>() / folds.len().max(1) as f64;
            format!("\nBalanced accuracy {mean:.4} (mean of {} folds), noted in the model.", folds.len())
        });
        let measured = measured.unwrap_or_default();
        say::result_line(format_args!("{table}{measured}\nWrote {} ({hash}).", args.model.display()))?;
    }
    if report.incomplete_rows > 0 {
        let rows = thousands(report.incomplete_rows);
        say::note(format_args!(
            "note: {rows} rows were left out: they have no value of a feature trained on."
        ));
    }
    Ok(list_bad(&report.bad, report.info.rows, "inputs", context.global.json))
}
