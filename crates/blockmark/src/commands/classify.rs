//! `blockmark classify`: a verdict per block, and the client table.

use std::io::{self, BufWriter, Write as _};

use anyhow::{Context as _, Result};
use fingerprint::classifier::{Explanation, Telling};
use fingerprint::{Client, Sign, Signs};
use pipeline::{BlockVerdict, Explain, Progress as _};

use super::input::{input_failure, place};
use super::{Context, model};
use crate::cli::ClassifyArgs;
use crate::failure::{Outcome, list_bad, quoted};
use crate::output::progress::Shown;
use crate::output::style::Characters;
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
    if args.explain && !json {
        say::note(if models.ranges().iter().any(|range| range.model.keeps_counts()) {
            "note: +0.7 in log odds doubles the odds, -0.7 halves them. Each number is looked at alone; they overlap, so \
             they do not add up to the verdict."
        } else {
            "note: the model file does not say how its training rows lie, so there are no log odds. A model that is \
             trained anew has them."
        });
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

/// The verdict line, the probabilities, whom rules speak against, what each number says for and against clients, and the
/// numbers against each client's middle 80 %.
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
    if let Some(explanation) = &verdict.explanation {
        rules(out, explanation.signs, classification.best_guess_single)?;
        odds(out, context, explanation, classification.best_guess_single)?;
        ranges(out, explanation)?;
    }
    writeln!(out)
}

/// Clients that can't have built the block.
fn rules(out: &mut impl io::Write, signs: Option<Signs>, verdict: Option<Client>) -> io::Result<()> {
    let Some(signs) = signs else {
        return writeln!(out, "  No rule was looked at: that takes the block itself, of Electra or later.");
    };
    if signs == Signs::NONE {
        return writeln!(out, "  No rule speaks against any client.");
    }
    for client in Client::NAMED.into_iter().filter(|client| signs.rules_out(*client)) {
        let of_client = signs.iter().filter(|sign| sign.rules_out(client));
        let why: Vec<_> = of_client.map(Sign::sentence).collect();
        let but = if verdict == Some(client) { ", although it is the verdict" } else { "" };
        writeln!(out, "  Not {client}{but}: {}.", why.join("; "))?;
    }
    if signs.rules_out_all() {
        writeln!(
            out,
            "  So no client that is known here: another one, or a version that packs differently."
        )?;
    }
    Ok(())
}

/// What each number says for and against clients, looked at alone.
fn odds(
    out: &mut impl io::Write,
    context: &Context,
    explanation: &Explanation,
    verdict: Option<Client>,
) -> io::Result<()> {
    let telling = Telling::of(&explanation.odds, verdict);
    for odds in telling.first.iter().chain(&telling.rest) {
        let sign = match (odds.log_odds > 0.0, context.style.characters) {
            (true, _) => '+',
            (false, Characters::Unicode) => '\u{2212}',
            (false, Characters::Ascii) => '-',
        };
        let size = format!("{sign}{:.1}", odds.log_odds.abs());
        let word = if odds.log_odds > 0.0 { "for" } else { "against" };
        let client = odds.client.name();
        writeln!(out, "  {size:>5}  {word:<7} {client:<11}{} {:.3}", odds.feature, odds.value)?;
    }
    Ok(())
}

/// The numbers, and the clients in whose middle 80 % each lies.
fn ranges(out: &mut impl io::Write, explanation: &Explanation) -> io::Result<()> {
    for evidence in &explanation.features {
        let inside: Vec<_> = evidence
            .clients
            .iter()
            .filter(|range| (range.p10..=range.p90).contains(&evidence.value))
            .map(|range| range.client.name())
            .collect();
        let inside = if inside.is_empty() { "no client".to_owned() } else { inside.join(", ") };
        writeln!(out, "  {:<28}{:>9.3}  in the middle 80 % of {inside}", evidence.feature, evidence.value)?;
    }
    Ok(())
}
