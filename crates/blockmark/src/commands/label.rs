//! `blockmark label`: a training set of the blocks whose graffiti tells the client.

use anyhow::Result;
use pipeline::label::{LabelFormat, LabelOptions, label};

use super::Context;
use super::train::graffiti_rules;
use crate::cli::LabelArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;
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
        println!("{}", serde_json::to_string(&report)?);
    } else {
        let rows: Vec<_> = report
            .labelled
            .iter()
            .filter(|(_, blocks)| *blocks > 0)
            .map(|(client, blocks)| vec![client.name().to_owned(), thousands(*blocks)])
            .collect();
        print!("{}", render(context.style, &[("Client", Align::Left), ("Blocks", Align::Right)], &rows));
        println!(
            "\n{} of {} blocks name their client. Wrote {}.",
            thousands(report.labelled.iter().map(|(_, blocks)| blocks).sum()),
            thousands(report.blocks),
            args.out.display()
        );
    }
    for (feature, blocks) in &report.features_left_out {
        eprintln!("note: {feature} is left out: {} blocks have no value for it.", thousands(*blocks));
    }
    let bad: Vec<_> = report.bad.iter().map(ToString::to_string).collect();
    Ok(list_bad(&bad, report.blocks + bad.len() as u64, "inputs"))
}
