//! `blockmark train`: from a training set to a model file.

use std::path::Path;

use anyhow::{Context as _, Result};
use fingerprint::ClientSet;
use fingerprint::classifier::{Method, Model, ModelOrigin, TrainingOptions};
use fingerprint::graffiti::{GraffitiRules, RuleSet};
use pipeline::training_store::{WantedFeatures, read_training_set};
use serde_json::json;

use super::Context;
use super::features::feature_set;
use crate::cli::{Classifier, ClientOrNone, MethodArgs, RuleArgs, TrainArgs};
use crate::failure::{Outcome, hinted, list_bad};
use crate::output::progress::Shown;
use crate::output::table::{Align, render, thousands};

/// The rules that were asked for: a built-in set by name, or a file.
pub(crate) fn graffiti_rules(args: &RuleArgs) -> Result<GraffitiRules> {
    let rules = match RuleSet::ALL.into_iter().find(|set| set.name() == args.patterns) {
        Some(set) => GraffitiRules::built_in(set),
        None => {
            let text = std::fs::read_to_string(&args.patterns).map_err(|error| {
                hinted(
                    format!("the graffiti rules \"{}\" can't be read, because {error}", args.patterns),
                    "--patterns blockmark, --patterns blockprint, or the path of a rule file",
                )
            })?;
            GraffitiRules::from_toml(&text).with_context(|| format!("{} is no rule file", args.patterns))?
        }
    };
    Ok(rules.for_network(&args.network))
}

/// What was typed, as the trainer wants it.
pub(crate) fn options(args: &MethodArgs, trained_on: String) -> Result<TrainingOptions> {
    let graffiti_only: ClientSet = args
        .graffiti_only
        .iter()
        .filter_map(|choice| match choice {
            ClientOrNone::Client(client) => Some(*client),
            ClientOrNone::None => None,
        })
        .collect();
    Ok(TrainingOptions {
        method: match args.classifier {
            Classifier::Knn => Method::knn(),
            Classifier::Mlp => Method::mlp(),
        },
        features: feature_set(&args.features)?,
        grouped: args.group.iter().copied().collect(),
        disabled: args.disable.iter().copied().collect(),
        graffiti_only,
        seed: args.seed,
        rules: graffiti_rules(&args.rules)?,
        max_imbalance: args.max_imbalance,
        note: ModelOrigin { trained_on, evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    })
}

/// How a training set is named in the model.
pub(crate) fn origin_of(data: &Path) -> String {
    data.file_name().map_or_else(|| "labelled blocks".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Trains and writes the model file.
pub(crate) fn run(context: &Context, args: &TrainArgs) -> Result<Outcome> {
    let options = options(&args.method, origin_of(&args.data))?;
    options.check()?;
    let progress = Shown::new();
    let loaded = read_training_set(&args.data, WantedFeatures::Only(&options.features), &progress)?;
    let model = Model::train(&loaded.set, options)?;
    write_model(&args.model, &model)?;
    let info = model.info();
    if context.global.json {
        println!("{}", json!({ "model": args.model, "hash": hex(&model.hash()), "info": info }));
    } else {
        let rows: Vec<_> = info
            .rows_per_client
            .iter()
            .map(|(client, rows)| vec![client.name().to_owned(), thousands(*rows)])
            .collect();
        print!("{}", render(context.style, &[("Client", Align::Left), ("Rows", Align::Right)], &rows));
        println!("\nWrote {} ({}).", args.model.display(), model.name("model"));
    }
    let bad: Vec<_> = loaded.bad.iter().map(ToString::to_string).collect();
    Ok(list_bad(&bad, loaded.set.len() as u64 + bad.len() as u64, "inputs"))
}

/// Writes the file beside its place and renames it, so that a reader never sees half a model.
fn write_model(path: &Path, model: &Model) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let write = || {
        std::fs::write(&partial, model.to_bytes())?;
        std::fs::rename(&partial, path)
    };
    write().with_context(|| format!("the model file {} can't be written", path.display()))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
