//! Following the head: what a block costs as it comes, and the memory that the recent chain takes.

use std::time::Instant;

use anyhow::{Result, bail};
use consensus::Root;
use consensus::ssz::Ssz as _;
use source::chain::ChainBlock;
use source::follow::{ChainView, ViewLimits};

use super::memory::{forget_peak, peak_bytes};
use super::replay::{Input, simulated};
use super::{Print, percentile};
use crate::cli::BenchArgs;

/// Epochs between the head and the newest final block, while all is well.
const FINAL_AFTER: u64 = 2;

/// Brings the blocks of a chain to a view one by one, each the head at once, final two epochs later.
pub(super) fn measure(args: &BenchArgs, print: Print<'_>) -> Result<()> {
    let input = simulated(args.validators, args.slots, print)?;
    let name = input.name.clone();
    let blocks = coming(input.blocks(), &input);
    let per_epoch = input.state.spec().preset.slots_per_epoch;
    let mut view = ChainView::new(input.state, ViewLimits::default())?;
    let (mut times, mut epochs, mut seen) = (Vec::new(), Vec::new(), Vec::<(u64, Root)>::new());
    forget_peak();
    for (root, block) in blocks {
        let slot = block.slot().0;
        let first = seen.last().is_none_or(|(before, _)| before / per_epoch != slot / per_epoch);
        let begun = Instant::now();
        let (_, refused) = view.on_block(block, root);
        if let Some(refused) = refused {
            bail!("slot {slot}: {}", refused.reason);
        }
        view.on_head(root);
        if first {
            epochs.push(begun.elapsed().as_secs_f64() * 1e3);
            let due = (slot / per_epoch).saturating_sub(FINAL_AFTER) * per_epoch;
            if let Some((_, root)) = seen.iter().rev().find(|(slot, _)| *slot <= due) {
                view.on_finalized(*root)?;
            }
        } else {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        seen.push((slot, root));
    }
    print("follow: a block, median", "ms", percentile(&mut times, 0.5), &name);
    print("follow: a block, p99", "ms", percentile(&mut times, 0.99), &name);
    print("follow: first block of an epoch, median", "ms", percentile(&mut epochs, 0.5), &name);
    let (open, kept) = view.count();
    let about = format!("{name}; {open} open and {kept} final blocks, {} states", view.states());
    if let Some(peak) = peak_bytes() {
        print("follow: peak memory", "MB", peak as f64 / 1e6, &about);
    }
    Ok(())
}

fn coming(blocks: Vec<ChainBlock>, input: &Input) -> Vec<(Root, ChainBlock)> {
    let spec = input.state.spec();
    let root = |block: &ChainBlock| Root(block.block.message.hash_tree_root(&spec.shape(block.fork)));
    blocks.into_iter().map(|block| (root(&block), block)).collect()
}
