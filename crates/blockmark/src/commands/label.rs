//! `blockmark label`: a training set of the blocks whose graffiti tells the client.

use anyhow::Result;
use pipeline::label::{LabelFormat, LabelOptions, label_input};

use super::Context;
use super::input::{input_failure, place};
use super::train::graffiti_rules;
use crate::cli::LabelArgs;
use crate::failure::{Outcome, list_bad, quoted};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::{Align, render, thousands};

/// Labels and writes the set.
pub(crate) fn run(context: &Context, args: &LabelArgs) -> Result<Outcome> {
    let options = LabelOptions {
        disabled: args.disable.iter().copied().collect(),
        rules: graffiti_rules(&args.rules)?,
        network: args.rules.network.clone(),
        format: LabelFormat::of_path(&args.out),
    };
    let out = format!(" {}", quoted(args.out.display().to_string()));
    let input = place(&args.input, "label", &out)?;
    let report = label_input(&input, &args.out, &options, &Shown::new())
        .map_err(|error| input_failure(error.into(), &input, "label", &out))?;
    if context.global.json {
        say::result_line(serde_json::to_string(&report)?)?;
    } else {
        let rows: Vec<_> = report
            .labelled
            .iter()
            .filter(|(_, blocks)| *blocks > 0)
            .map(|(client, blocks)| vec![client.name().to_owned(), thousands(*blocks)])
            .collect();
        say::result_line(format_args!(
            "{}\n{} of {} blocks name their client. Wrote {}.",
            render(context.style, &[("Client", Align::Left), ("Blocks", Align::Right)], &rows),
            thousands(report.labelled.iter().map(|(_, blocks)| blocks).sum()),
            thousands(report.blocks),
            args.out.display()
        ))?;
    }
    if report.leftovers > 0 {
        let blocks = thousands(report.leftovers);
        say::note(format_args!(
            "note: {} holds {blocks} more blocks of earlier runs; they are part of the training set.",
            args.out.display()
        ));
    }
    for (feature, blocks) in &report.values_missing {
        let blocks = thousands(*blocks);
        say::note(format_args!(
            "note: {blocks} blocks have no value of {feature}; they are left out where it is trained on."
        ));
    }
    Ok(list_bad(&report.bad, report.blocks, "inputs", context.global.json))
}
