//! `blockmark classify`: a verdict per block, and the client table.

use std::io::{self, BufWriter, Write as _};

use anyhow::{Context as _, Result};
use pipeline::{BlockVerdict, Explain, Progress as _};

use super::input::{input_failure, place};
use super::{Context, model};
use crate::cli::ClassifyArgs;
use crate::failure::{Outcome, list_bad, quoted};
use crate::output::progress::Shown;
use crate::output::{say, shares};

/// Judges every block of the input.
pub(crate) fn run(context: &Context, args: &ClassifyArgs) -> Result<Outcome> {
    let rest = format!(" --model {}", quoted(args.model.display()));
    let input = place(&args.input, "classify", &rest)?;
    let json = context.global.json;
    let progress = Shown::new();
    let (models, mut bad) = model::open_range(&args.model, &progress)?;
    progress.finish("");
    let mut out = BufWriter::new(io::stdout().lock());
    let print = |verdict: BlockVerdict| {
        if json {
            serde_json::to_writer(&mut out, &verdict)?;
            out.write_all(b"\n")
        } else if args.explain {
            explain(&mut out, context, &verdict)
        } else {
            Ok(())
        }
    };
    let wanted = if args.explain { Explain::Yes } else { Explain::No };
    let report = pipeline::classify(&input, &models, wanted, print, &progress)
        .map_err(|error| input_failure(error.into(), &input, "classify", &rest))?;
    out.flush().context("the result can't be written")?;
    drop(out);
    if !json {
        say::result(shares::table(context.style, &report.single))?;
    }
    let origins = models.ranges().iter().map(|range| &range.model.info().origin);
    if let Some(origin) = origins.into_iter().find(|origin| !origin.is_checked_on("mainnet")) {
        say::note(format_args!(
            "note: this model was trained on {} and has not been checked on mainnet.",
            origin.trained_on
        ));
    }
    say::repeated(report.repeated);
    bad.extend(report.bad);
    Ok(list_bad(&bad, report.blocks, "inputs", json))
}

/// The verdict line, the probabilities, and this block's features against each client's middle 80 %.
fn explain(out: &mut impl io::Write, context: &Context, verdict: &BlockVerdict) -> io::Result<()> {
    let classification = &verdict.classification;
    let graffiti = match classification.graffiti_guess {
        Some(client) => format!("the graffiti says {client}"),
        None => "the graffiti does not say".to_owned(),
    };
    writeln!(out, "Slot {}: {}; {graffiti}.", verdict.slot, classification.best_guess_multi)?;
    let mut sorted = classification.probabilities.clone();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (client, probability) in sorted {
        let shown = if probability > 0.995 { "> 0.99".to_owned() } else { format!("{probability:.2}") };
        writeln!(out, "  {} {:<11}{shown:>7}", context.style.mark(Some(client)), client.name())?;
    }
    for evidence in verdict.explanation.iter().flat_map(|explanation| &explanation.features) {
        let inside: Vec<_> = evidence
            .clients
            .iter()
            .filter(|range| (range.p10..=range.p90).contains(&evidence.value))
            .map(|range| range.client.name())
            .collect();
        let inside = if inside.is_empty() { "no client".to_owned() } else { inside.join(", ") };
        writeln!(out, "  {:<28}{:>9.3}  in the middle 80 % of {inside}", evidence.feature, evidence.value)?;
    }
    writeln!(out)
}
