//! Blocks to verdicts, and the share of each client among them.

use std::collections::BTreeMap;

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::classifier::{Classification, Explanation};
use fingerprint::score::ConfusionMatrix;
use fingerprint::{Client, FeatureScratch};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use source::{InputError, Place};

use crate::bad_input::BadInput;
use crate::inputs::each_block;
use crate::models::ModelByRange;
use crate::progress::Progress;

/// Whether every verdict comes with what speaks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explain {
    /// Only verdicts.
    #[default]
    No,
    /// Feature values, the clients' ranges and the nearest neighbours too.
    Yes,
}

/// The verdict on one block. As JSON it has the keys of the classification beside the block's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockVerdict {
    /// Hash tree root of the block.
    pub block_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// Who proposed it.
    pub proposer_index: ValidatorIndex,
    /// What the classifier says.
    #[serde(flatten, serialize_with = "verdict_fields")]
    pub classification: Classification,
    /// The client whose folder the file lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Client>,
    /// What speaks for the verdict, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

fn verdict_fields<S: Serializer>(verdict: &Classification, serializer: S) -> Result<S::Ok, S::Error> {
    struct Probabilities<'a>(&'a [(Client, f64)]);
    impl Serialize for Probabilities<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(client, probability)| (client.name(), probability)))
        }
    }
    let mut map = serializer.serialize_map(Some(4))?;
    map.serialize_entry("best_guess_single", verdict.single_name())?;
    map.serialize_entry("best_guess_multi", &verdict.best_guess_multi)?;
    map.serialize_entry("probability_map", &Probabilities(&verdict.probabilities))?;
    map.serialize_entry("graffiti_guess", &verdict.graffiti_guess)?;
    map.end()
}

/// How often each client was the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientCounts {
    /// In the order of [`Client::ALL`].
    pub clients: [u64; Client::ALL.len()],
    /// Blocks without a single verdict.
    pub uncertain: u64,
}

impl ClientCounts {
    /// Counts a verdict.
    pub fn add(&mut self, verdict: Option<Client>) {
        let count = verdict.and_then(|client| self.clients.get_mut(client.index()));
        *count.unwrap_or(&mut self.uncertain) += 1;
    }

    /// All verdicts.
    pub fn total(&self) -> u64 {
        self.clients.iter().sum::<u64>() + self.uncertain
    }
}

/// What was classified.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassifyReport {
    /// Blocks with a verdict.
    pub blocks: u64,
    /// Blocks that came more than once; they have one verdict and count once.
    pub repeated: u64,
    /// How often each client was the single verdict.
    pub single: ClientCounts,
    /// How often each multi label was given, sorted by label.
    pub multi: Vec<(String, u64)>,
    /// Where blocks lie in folders named after clients: what each was taken for.
    pub confusion: Option<ConfusionMatrix>,
    /// Files and blocks that could not be used.
    pub bad: Vec<BadInput>,
}

/// Why nothing was classified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// There is no input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The receiver of verdicts failed.
    #[error("the verdicts can't be written, because {0}")]
    Output(#[source] std::io::Error),
}

/// Gives a verdict on every block and hands it over, in the order of the input.
pub fn classify(
    input: &Place,
    models: &ModelByRange,
    explain: Explain,
    mut take: impl FnMut(BlockVerdict) -> std::io::Result<()>,
    progress: &dyn Progress,
) -> Result<ClassifyReport, ClassifyError> {
    let parts = input.parts()?;
    let mut multi = BTreeMap::<String, u64>::new();
    let mut confusion = ConfusionMatrix::default();
    let mut report = ClassifyReport::default();
    progress.start("Classifying", Some(parts.total()), parts.unit());
    each_block(
        parts,
        FeatureScratch::default,
        |scratch, record, label| {
            let block = &record.observation;
            let model = models.for_slot(block.slot).map_err(|error| error.to_string())?;
            let explanation = match explain {
                Explain::No => None,
                Explain::Yes => Some(model.explain(block).map_err(|error| error.to_string())?),
            };
            let classification = match &explanation {
                Some(explanation) => explanation.classification.clone(),
                None => model.classify_with(scratch, block).map_err(|error| error.to_string())?,
            };
            Ok(BlockVerdict {
                block_root: block.block_root,
                slot: block.slot,
                proposer_index: block.proposer_index,
                classification,
                label,
                explanation,
            })
        },
        |batch| {
            report.bad.extend(batch.bad);
            report.repeated += batch.repeated;
            for verdict in batch.items {
                let guess = &verdict.classification;
                report.single.add(guess.best_guess_single);
                match multi.get_mut(&guess.best_guess_multi) {
                    Some(count) => *count += 1,
                    None => drop(multi.insert(guess.best_guess_multi.clone(), 1)),
                }
                if let Some(label) = verdict.label {
                    confusion.add(label, guess.best_guess_single);
                }
                take(verdict).map_err(ClassifyError::Output)?;
            }
            progress.advance(batch.units);
            Ok::<(), ClassifyError>(())
        },
    )?;
    report.blocks = report.single.total();
    report.multi = multi.into_iter().collect();
    report.confusion = (confusion.total() > 0).then_some(confusion);
    progress.finish("");
    Ok(report)
}
