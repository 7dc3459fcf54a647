//! `blockmark rewards`: block rewards as one JSON array in Lighthouse's shape, whatever `--json` says.

use std::io::{self, BufWriter, Write};

use anyhow::{Context as _, Result};
use consensus::rewards::{Attestations, Scale};
use pipeline::{BadInput, Progress as _};
use source::chain_input::ChainInput;
use source::rewards::{KeepText, Limits};
use source::{Inputs, Links, Replay};

use super::Context;
use crate::cli::RewardsArgs;
use crate::failure::{Outcome, list_bad, quoted, usage};
use crate::output::progress::Shown;

/// Prints the rewards.
pub(crate) fn run(context: &Context, args: &RewardsArgs) -> Result<Outcome> {
    let mut out = Array { out: BufWriter::new(io::stdout().lock()), items: 0 };
    let bad =
        if ChainInput::recognise(&args.input) { of_chain(args, &mut out)? } else { of_json(args, &mut out)? };
    out.finish().context("the result can't be written")?;
    Ok(list_bad(&bad, out.items, "inputs", context.global.json))
}

/// Replays a chain. What can't be replayed ends it, and is listed.
fn of_chain<W: Write>(args: &RewardsArgs, out: &mut Array<W>) -> Result<Vec<BadInput>> {
    let chain = ChainInput::open(&args.input)?;
    let name = args.input.display().to_string();
    let slots = chain.slots().map(|(first, last)| last.0.saturating_sub(first.0).saturating_add(1));
    let chain = chain.replay_all()?;
    let attestations = if args.include_attestations { Attestations::Include } else { Attestations::Omit };
    let progress = Shown::new();
    progress.start("Replaying", slots, "slots");
    let mut at = chain.state.slot;
    for block in Replay::new(chain.state, chain.blocks, Links::Check) {
        match block {
            Ok(block) => {
                out.put(&serde_json::to_vec(&block.reward(args.scale, attestations))?)?;
                let slot = block.block.slot().0;
                progress.advance(slot.saturating_sub(at));
                at = slot;
            }
            Err(error) => return Ok(vec![BadInput::new(&name, error.to_string())]),
        }
    }
    progress.finish("");
    Ok(Vec::new())
}

/// Passes on block-reward JSON as it is.
fn of_json<W: Write>(args: &RewardsArgs, out: &mut Array<W>) -> Result<Vec<BadInput>> {
    if args.scale != Scale::Legacy {
        let better = format!("blockmark rewards {}", quoted(args.input.display()));
        return Err(usage("block-reward JSON is in the scale that it was made in", better));
    }
    let files = Inputs::find(&args.input)?.files;
    let progress = Shown::new();
    progress.start("Reading", Some(files.len() as u64), "files");
    let mut bad = Vec::new();
    for file in files {
        let name = file.path.display().to_string();
        match file.open(Limits::default()) {
            Err(error) => {
                bad.push(BadInput::new(&name, format!("the file can't be opened, because {error}")))
            }
            Ok(reader) => {
                for record in reader.keep_text(KeepText::Yes) {
                    match record {
                        Ok(record) => out.put(record.text.as_deref().unwrap_or(b"null"))?,
                        Err(error) => bad.push(BadInput::new(&name, error.to_string())),
                    }
                }
            }
        }
        progress.advance(1);
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
