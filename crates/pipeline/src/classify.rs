//! Blocks to verdicts, and the share of each client among them.

use std::path::Path;

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::classifier::{Classification, Explanation};
use fingerprint::score::{ConfusionMatrix, wilson};
use fingerprint::{Client, FeatureScratch};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use source::{InputError, Inputs};

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
    #[serde(skip)]
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

/// How often a client was the verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientShare {
    /// The client; none is "Uncertain".
    pub client: Option<Client>,
    /// Its blocks.
    pub blocks: u64,
    /// Its share of all blocks.
    pub share: f64,
    /// The lower end of the share's 95 % interval (Wilson).
    pub share_low: f64,
    /// The upper end.
    pub share_high: f64,
}

/// What was classified.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassifyReport {
    /// Blocks with a verdict.
    pub blocks: u64,
    /// How often each client was the single verdict: all clients in order, then none.
    pub single: Vec<ClientShare>,
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
    Output(std::io::Error),
}

/// Gives a verdict on every block and hands it over, in the order of the input.
pub fn classify(
    input: &Path,
    models: &ModelByRange,
    explain: Explain,
    mut take: impl FnMut(BlockVerdict) -> std::io::Result<()>,
    progress: &dyn Progress,
) -> Result<ClassifyReport, ClassifyError> {
    let inputs = Inputs::find(input)?;
    let mut table = ClientTable::default();
    let mut report = ClassifyReport::default();
    progress.start("Classifying", Some(inputs.files.len() as u64), "files");
    each_block(
        &inputs,
        progress,
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
        |_, batch| {
            report.bad.extend(batch.bad);
            for verdict in batch.items {
                table.add(&verdict.classification, verdict.label);
                take(verdict).map_err(ClassifyError::Output)?;
            }
            Ok::<(), ClassifyError>(())
        },
    )?;
    let ClientTable { single, uncertain, multi, confusion } = table;
    report.blocks = single.iter().sum::<u64>() + uncertain;
    report.single = shares(&single, uncertain);
    report.multi = multi.into_iter().collect();
    report.confusion = (confusion.total() > 0).then_some(confusion);
    progress.finish(&format!("{} blocks classified, {} bad inputs.", report.blocks, report.bad.len()));
    Ok(report)
}

#[derive(Default)]
struct ClientTable {
    single: [u64; Client::ALL.len()],
    uncertain: u64,
    multi: std::collections::BTreeMap<String, u64>,
    confusion: ConfusionMatrix,
}

impl ClientTable {
    fn add(&mut self, verdict: &Classification, label: Option<Client>) {
        let count = verdict.best_guess_single.and_then(|client| self.single.get_mut(client.index()));
        *count.unwrap_or(&mut self.uncertain) += 1;
        *self.multi.entry(verdict.best_guess_multi.clone()).or_default() += 1;
        if let Some(label) = label {
            self.confusion.add(label, verdict.best_guess_single);
        }
    }
}

/// Counts per client as shares with their 95 % intervals: all clients in order, then "Uncertain".
pub fn shares(counts: &[u64; Client::ALL.len()], uncertain: u64) -> Vec<ClientShare> {
    let total = counts.iter().sum::<u64>() + uncertain;
    let named = Client::ALL.into_iter().map(Some).zip(counts.iter().copied());
    named
        .chain([(None, uncertain)])
        .map(|(client, blocks)| {
            let (share_low, share_high) = wilson(blocks, total);
            let share = if total == 0 { 0.0 } else { blocks as f64 / total as f64 };
            ClientShare { client, blocks, share, share_low, share_high }
        })
        .collect()
}
