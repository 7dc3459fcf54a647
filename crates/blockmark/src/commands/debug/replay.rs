//! `blockmark debug replay`: every block of a recording or era file applied, and every state root recomputed.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use consensus::hasher::StateHasher;
use consensus::transition::{Checks, state_transition};
use pipeline::Progress as _;
use serde_json::json;
use source::chain_input::ChainInput;

use crate::commands::Context;
use crate::failure::Outcome;
use crate::output::progress::Shown;

/// Applies the blocks and prints a line for each.
pub(super) fn run(context: &Context, input: &Path, checks: Checks) -> Result<Outcome> {
    let chain = ChainInput::open(input)?;
    let slots = chain.slots().map(|(first, last)| last.0.saturating_sub(first.0).saturating_add(1));
    let replay = chain.replay_all()?;
    let mut state = replay.state;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut roots = StateHasher::new();
    let progress = Shown::new();
    progress.start("Replaying", slots, "slots");
    let mut blocks = 0_u64;
    for block in replay.blocks {
        let block = block?;
        let (slot, before) = (block.slot(), state.slot);
        if slot.0 <= before {
            continue;
        }
        // With the roots checked this fails unless the recomputed root is the one that the block names.
        state_transition(&mut state, &block.block, checks, &mut roots, &mut ())
            .with_context(|| format!("\"{}\" can't be replayed", input.display()))?;
        blocks += 1;
        progress.advance(slot.0.saturating_sub(before));
        let root = block.root(state.spec());
        let message = &block.block.message;
        if context.global.json {
            let line = json!({
                "slot": slot, "block_root": root, "state_root": message.state_root,
                "finalized_epoch": state.finalized_checkpoint.epoch,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "slot {slot}: block {root}, state {}", message.state_root)?;
        }
    }
    progress.finish("");
    if !context.global.json {
        let finalized = state.finalized_checkpoint.epoch;
        writeln!(
            out,
            "{blocks} blocks follow the rules, every state root is right; finalized epoch {finalized}"
        )?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}
