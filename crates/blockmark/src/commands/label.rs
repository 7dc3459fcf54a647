//! `blockmark label`: a training set of the blocks whose graffiti tells the client.

use anyhow::Result;
use pipeline::label::{LabelFormat, LabelOptions, label};

use super::Context;
use super::train::graffiti_rules;
use crate::cli::LabelArgs;
use crate::failure::{Outcome, list_bad};
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
    let report = label(&args.raw_dir, &args.out, &options, &Shown::new())?;
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
