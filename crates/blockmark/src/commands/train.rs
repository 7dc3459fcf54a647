//! `blockmark train`: from a training set to a model file.

use std::path::Path;

use anyhow::{Context as _, Result};
use fingerprint::ClientSet;
use fingerprint::classifier::{Method, ModelOrigin, TrainingOptions};
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
    Ok(rules.for_network(&args.network))
}

/// What was typed, as the trainer wants it, if it goes together.
pub(crate) fn options(args: &MethodArgs, trained_on: String) -> Result<TrainingOptions> {
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
        note: ModelOrigin { trained_on, evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    };
    options.check().map_err(|error| usage(error, "blockmark help train"))?;
    Ok(options)
}

/// How a training set is named in the model.
pub(crate) fn origin_of(data: &Path) -> String {
    data.file_name().map_or_else(|| "labelled blocks".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Trains and writes the model file.
pub(crate) fn run(context: &Context, args: &TrainArgs) -> Result<Outcome> {
    let training = options(&args.method, origin_of(&args.data))?;
    let report = train(&args.data, &args.model, TrainOptions { training, folds: None }, &Shown::new())?;
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
        say::result_line(format_args!("{table}\nWrote {} ({hash}).", args.model.display()))?;
    }
    Ok(list_bad(&report.bad, report.info.rows, "inputs", context.global.json))
}
