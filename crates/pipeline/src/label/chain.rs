//! The blocks of a chain or of nodes to a training set: read in one go, with nothing kept for a later run.

use std::path::Path;

use fingerprint::{BlockObservation, Client};
use source::Place;

use super::shard::Rows;
use super::{LabelError, LabelFormat, LabelOptions, LabelReport, write};
use crate::inputs::{Batch, each_block};
use crate::progress::Progress;

/// Labels every block of an input that is not a folder of block-reward files. Only feature rows can be written: there
/// is no text of the blocks to keep.
pub(super) fn label_blocks(
    input: &Place,
    output: &Path,
    options: &LabelOptions,
    progress: &dyn Progress,
) -> Result<LabelReport, LabelError> {
    if options.format == LabelFormat::Directory {
        return Err(LabelError::NoText { output: output.to_owned() });
    }
    let parts = input.parts()?;
    progress.start("Labelling", Some(parts.total()), parts.unit());
    let rules = options.rules.for_network(options.assumed_network());
    let mut rows = Rows::new();
    let mut report = LabelReport { output: output.to_owned(), ..LabelReport::default() };
    each_block(
        parts,
        || (),
        |(), record, _| {
            let block = &record.observation;
            Ok(rules.guess(&block.graffiti, options.disabled).map(|label| (block.clone(), label)))
        },
        |batch: Batch<Option<(BlockObservation, Client)>>| {
            report.blocks += batch.items.len() as u64;
            report.repeated += batch.repeated;
            report.bad.extend(batch.bad);
            for item in batch.items {
                let Some((block, label)) = item else {
                    report.unlabelled += 1;
                    continue;
                };
                if let Err(reason) = rows.push(&block, label, options) {
                    let reason = format!("block {} at slot {}: {reason}", block.block_root, block.slot);
                    report.bad.push(crate::bad_input::BadInput::new(&*batch.name, reason));
                }
            }
            progress.advance(batch.units);
            Ok::<_, LabelError>(())
        },
    )?;
    let repeated = report.repeated;
    report.labelled = write(rows.into_columns(), output, options, &mut report)?;
    report.repeated += repeated;
    if report.labelled.iter().all(|(_, count)| *count == 0) {
        let (blocks, bad) = (report.blocks, report.bad.len());
        return Err(LabelError::NothingLabelled { input: name(input), blocks, bad });
    }
    report.finish(progress);
    Ok(report)
}

fn name(input: &Place) -> String {
    match input {
        Place::Path { path, .. } => path.display().to_string(),
        Place::Node(node) => node.name().to_owned(),
    }
}
