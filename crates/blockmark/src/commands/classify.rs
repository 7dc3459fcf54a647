//! `blockmark classify`: a verdict per block, and the client table.

use std::io::{BufWriter, Write as _};

use anyhow::Result;
use fingerprint::classifier::{Classification, Explanation};
use fingerprint::{BlockObservation, Client};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Context;
use super::model::Models;
use super::reading::for_each_block;
use crate::cli::ClassifyArgs;
use crate::failure::{Outcome, list_bad};
use crate::output::progress::Shown;
use crate::output::shares;

struct ProbabilityMap<'a>(&'a [(Client, f64)]);

impl Serialize for ProbabilityMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (client, probability) in self.0 {
            map.serialize_entry(client.name(), probability)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    block_root: consensus::Root,
    slot: u64,
    proposer_index: u64,
    best_guess_single: &'static str,
    best_guess_multi: &'a str,
    probability_map: ProbabilityMap<'a>,
    graffiti_guess: Option<Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Counts per client.
#[derive(Default)]
pub(crate) struct Tally {
    counts: [u64; Client::ALL.len()],
    unknown: u64,
}

impl Tally {
    /// Counts a verdict.
    pub(crate) fn add(&mut self, verdict: Option<Client>) {
        match verdict.and_then(|client| self.counts.get_mut(client.index())) {
            Some(count) => *count += 1,
            None => self.unknown += 1,
        }
    }

    /// The lines of the table.
    pub(crate) fn shares(&self) -> Vec<shares::Share> {
        shares::shares(&self.counts, self.unknown)
    }

    /// The table and the sentence under it.
    pub(crate) fn print(&self, context: &Context) {
        let shares = self.shares();
        println!("{}\n{}", shares::render(context.style, &shares), shares::verdict(&shares));
    }
}

/// Judges every block of the input.
pub(crate) fn run(context: &Context, args: &ClassifyArgs) -> Result<Outcome> {
    let models = Models::open(&args.model)?;
    let progress = Shown::new();
    let mut tally = Tally::default();
    let mut unjudged = Vec::new();
    let mut out = BufWriter::new(std::io::stdout());
    let mut report = for_each_block(&args.input, &progress, |block, _| {
        let model = models.at(block.slot)?;
        let classification = match model.classify(&block) {
            Ok(classification) => classification,
            Err(error) => {
                unjudged.push(format!("block {} at slot {}: {error}", block.block_root, block.slot));
                return Ok(());
            }
        };
        tally.add(classification.best_guess_single);
        let explanation = if args.explain { model.explain(&block).ok() } else { None };
        if context.global.json {
            let line = Line {
                block_root: block.block_root,
                slot: block.slot.0,
                proposer_index: block.proposer_index.0,
                best_guess_single: classification.single_name(),
                best_guess_multi: &classification.best_guess_multi,
                probability_map: ProbabilityMap(&classification.probabilities),
                graffiti_guess: classification.graffiti_guess,
                explanation,
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        } else if args.explain {
            explain(&mut out, context, &block, &classification, explanation.as_ref())?;
        }
        Ok(())
    })?;
    out.flush()?;
    report.blocks -= unjudged.len() as u64;
    report.bad.append(&mut unjudged);
    if !context.global.json {
        tally.print(context);
    }
    if let Some(model) = models.iter().find(|model| model.info().origin.evaluated_on.is_empty()) {
        eprintln!(
            "note: this model was trained on {} and has not been checked on mainnet.",
            model.info().origin.trained_on
        );
    }
    let of = report.inputs();
    Ok(list_bad(&report.bad, of, "inputs"))
}

/// The verdict line, the probabilities, and this block's features against each client's middle 80 %.
fn explain(
    out: &mut impl std::io::Write,
    context: &Context,
    block: &BlockObservation,
    classification: &Classification,
    explanation: Option<&Explanation>,
) -> Result<()> {
    let graffiti = match classification.graffiti_guess {
        Some(client) => format!("the graffiti says {client}"),
        None => "the graffiti does not say".to_owned(),
    };
    writeln!(out, "Slot {}: {}; {graffiti}.", block.slot, classification.best_guess_multi)?;
    let mut sorted = classification.probabilities.clone();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (client, probability) in sorted {
        let shown = if probability > 0.995 { "> 0.99".to_owned() } else { format!("{probability:.2}") };
        writeln!(out, "  {} {:<11}{shown:>7}", context.style.mark(Some(client)), client.name())?;
    }
    for evidence in explanation.map(|explanation| explanation.features.as_slice()).unwrap_or_default() {
        let inside: Vec<_> = evidence
            .clients
            .iter()
            .filter(|range| (range.p10..=range.p90).contains(&evidence.value))
            .map(|range| range.client.name())
            .collect();
        let inside = if inside.is_empty() { "no client".to_owned() } else { inside.join(", ") };
        writeln!(out, "  {:<28}{:>9.3}  in the middle 80 % of {inside}", evidence.feature, evidence.value)?;
    }
    writeln!(out)?;
    Ok(())
}
