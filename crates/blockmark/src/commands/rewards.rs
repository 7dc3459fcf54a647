//! `blockmark rewards`: block rewards as one JSON array in Lighthouse's shape, whatever `--json` says.

use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, Result};
use consensus::rewards::{Attestations, Scale};
use pipeline::{BadInput, Progress as _};
use source::rewards::{KeepText, Limits};
use source::{Place, Via};

use super::Context;
use super::input::{input_failure, is_json, place};
use crate::cli::RewardsArgs;
use crate::failure::{Outcome, list_bad, quoted, usage};
use crate::output::progress::Shown;

/// Prints the rewards.
pub(crate) fn run(context: &Context, args: &RewardsArgs) -> Result<Outcome> {
    let input = place(&args.input, "rewards", "")?;
    let made_elsewhere =
        is_json(&input) || matches!(&input, Place::Node(_)) && args.input.via == Via::Lighthouse;
    if args.scale != Scale::Legacy && made_elsewhere {
        let better = match &input {
            Place::Node(node) => format!(
                "blockmark rewards {} --start {} --end {} --scale {}",
                quoted(node.name()),
                node.start,
                node.end,
                args.scale
            ),
            Place::Path { path, .. } => format!("blockmark rewards {}", quoted(path.display())),
        };
        return Err(usage("block-reward JSON is in the scale that it was made in", better));
    }
    let mut out = Array { out: BufWriter::new(io::stdout().lock()), items: 0 };
    let bad = match print(args, &input, &mut out) {
        Ok(bad) => bad,
        Err(error) => return Err(input_failure(error, &input, "rewards", "")),
    };
    out.finish().context("the result can't be written")?;
    Ok(list_bad(&bad, out.items, "inputs", context.global.json))
}

/// Prints block after block. What can't be read or replayed is listed.
fn print<W: Write>(args: &RewardsArgs, input: &Place, out: &mut Array<W>) -> Result<Vec<BadInput>> {
    let attestations = if args.include_attestations { Attestations::Include } else { Attestations::Omit };
    let mut parts = input.parts_keeping(KeepText::Yes)?;
    let progress = Shown::new();
    progress.start("Computing rewards", Some(parts.total()), parts.unit());
    let mut bad = Vec::new();
    let by_slots = parts.unit() == "slots";
    while let Some(part) = parts.next_part()? {
        let (name, units) = (part.name.clone(), part.units);
        let mut at = None;
        for reward in part.rewards(args.scale, attestations, Limits::default()) {
            match reward {
                Ok(reward) => {
                    out.put(&reward.text)?;
                    if by_slots {
                        let slot = reward.slot.0;
                        progress.advance(slot.saturating_sub(at.replace(slot).unwrap_or(slot)));
                    }
                }
                Err(error) => bad.push(BadInput::new(&name, error.to_string())),
            }
        }
        if !by_slots {
            progress.advance(units);
        }
    }
    progress.finish("");
    Ok(bad)
}

/// A JSON array that is written as it grows, an element a line.
struct Array<W: Write> {
    out: W,
    items: u64,
}

impl<W: Write> Array<W> {
    fn put(&mut self, json: &[u8]) -> io::Result<()> {
        self.out.write_all(if self.items == 0 { b"[\n" } else { b",\n" })?;
        self.items += 1;
        self.out.write_all(json)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(if self.items == 0 { b"[]\n" } else { b"\n]\n" })?;
        self.out.flush()
    }
}
