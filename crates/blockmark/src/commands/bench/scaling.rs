//! What a replay costs against the number of validators, and against the attestations of a block.

use std::sync::Arc;

use anyhow::Result;
use pipeline::plot::{CostLine, CostPanel, Images, Spacing, Theme, cost_picture, write_picture};

use super::replay::{Input, apply, shuffling, simulated};
use super::{Print, percentile};
use crate::cli::BenchArgs;

/// Validators of the smaller chains; the largest has as many as asked for.
const SMALLER: [u32; 2] = [16_384, 131_072];

/// Slots of each chain.
const SLOTS: u64 = 160;

/// Attestations of a block.
const ATTESTATIONS: [usize; 4] = [1, 2, 4, 8];

/// What the attestations of a block are.
#[derive(Clone, Copy)]
enum Packing {
    /// As the simulated proposer packs them: two large aggregates, and what is left.
    Simulated,
    /// The first one, which holds nearly the whole slot, again and again.
    Repeated,
}

/// Measures both, and draws them where asked to.
pub(super) fn measure(args: &BenchArgs, print: Print<'_>) -> Result<()> {
    let line = |name: &str| CostLine { name: name.to_owned(), points: Vec::new() };
    let (mut block, mut epoch, mut shuffle) = (line("a block"), line("end of epoch"), line("shuffling"));
    let mut counts = SMALLER.to_vec();
    counts.retain(|count| *count < args.validators);
    counts.push(args.validators);
    let mut largest = None;
    for validators in counts {
        let input = simulated(validators, SLOTS, &|_, _, _, _| ())?;
        let mut times = apply(&input)?;
        let about = format!("simulated, electra, mainnet preset, {validators} validators, {SLOTS} slots");
        let note = |line: &mut CostLine, value: f64| {
            print(&format!("scaling: {}", line.name), "ms", value, &about);
            line.points.push((f64::from(validators), value));
        };
        note(&mut block, percentile(&mut times.blocks, 0.5));
        note(&mut epoch, percentile(&mut times.epochs, 0.5));
        note(&mut shuffle, shuffling(&input.state));
        largest = Some(input);
    }
    let mut packed = line("as simulated");
    let mut repeated = line("whole slots");
    if let Some(input) = largest {
        for count in ATTESTATIONS {
            for (line, packing) in [(&mut packed, Packing::Simulated), (&mut repeated, Packing::Repeated)] {
                let mut times = apply(&with_attestations(&input, count, packing))?;
                let value = percentile(&mut times.blocks, 0.5);
                let about = format!("{count} attestations in each block, {} validators", args.validators);
                print(&format!("scaling: a block, {}", line.name), "ms", value, &about);
                line.points.push((count as f64, value));
            }
        }
    }
    let Some(directory) = &args.plot else { return Ok(()) };
    let panels = [
        CostPanel {
            across: "active validators".to_owned(),
            up: "ms".to_owned(),
            spacing: Spacing::ByRatio,
            lines: vec![shuffle, epoch, block],
        },
        CostPanel {
            across: "attestations in a block".to_owned(),
            up: "ms for a block".to_owned(),
            spacing: Spacing::Even,
            lines: vec![repeated, packed],
        },
    ];
    let title = "What a replay with rewards costs";
    let note =
        "medians on one core; signatures skipped, roots trusted; simulated chains, electra, mainnet preset";
    std::fs::create_dir_all(directory)?;
    let picture = cost_picture(title, note, &panels, Theme::Light);
    for file in write_picture(directory, "replay-cost", &picture, Images::SvgAndPng)? {
        eprintln!("{}", file.display());
    }
    Ok(())
}

/// The first two epochs of the chain with so many attestations in each block at most. Replayed on trust, nobody asks
/// for the roots that are wrong then. Later the withdrawals of the blocks would be wrong too, for other balances
/// follow.
fn with_attestations(input: &Input, count: usize, packing: Packing) -> Input {
    let end = 2 * input.state.spec().preset.slots_per_epoch;
    let blocks = input.blocks.iter().take_while(|block| block.message.slot < end).map(|block| {
        let mut block = block.as_ref().clone();
        let all = std::mem::take(&mut block.message.body.attestations);
        let chosen = match packing {
            Packing::Simulated => all.iter().take(count).cloned().collect::<Vec<_>>(),
            Packing::Repeated => all.first().into_iter().cycle().take(count).cloned().collect(),
        };
        for attestation in chosen {
            block.message.body.attestations.push(attestation);
        }
        Arc::new(block)
    });
    input.with_blocks(blocks.collect())
}
