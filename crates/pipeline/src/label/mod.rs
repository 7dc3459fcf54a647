//! Raw block rewards to a training set: blocks that sign their client with graffiti, and their features.
//!
//! ```text
//! RAW_DIR/*.json ─▶ one shard per file (OUT.partial/) ─▶ one training set (OUT)
//! ```
//!
//! Shards are kept until the training set is whole, so a stopped run continues where it was.

mod chain;
pub(crate) mod forks;
mod shard;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use fingerprint::graffiti::GraffitiRules;
use fingerprint::{Client, ClientSet, DataOrigin, FeatureSet, LabelSource};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bad_input::BadInput;
use crate::progress::Progress;
use crate::training_store::columns::{Columns, NamedColumn};
use crate::training_store::parquet_file::{self, Notes};
use crate::training_store::{self, TrainingStoreError};
pub use forks::known_networks;
use shard::{Shard, Tally};
use source::chain_input::ChainInput;
use source::{InputError, Inputs, Place};

/// How a labelled set is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelFormat {
    /// One Parquet file of feature rows.
    Parquet,
    /// A directory of `<Client>/<block_root>.json` with every block as it was read.
    Directory,
}

impl LabelFormat {
    /// The format that a path asks for: Parquet where it ends in `.parquet`, a directory otherwise.
    pub fn of_path(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
            Self::Parquet
        } else {
            Self::Directory
        }
    }
}

/// How blocks are labelled.
#[derive(Clone, Debug)]
pub struct LabelOptions {
    /// Clients whose patterns are not tried.
    pub disabled: ClientSet,
    /// What graffiti says.
    pub rules: GraffitiRules,
    /// The network the blocks are of, if it was stated: chooses among the rules, tells the forks, and is noted in
    /// the set. Where it was not, the rules and forks of mainnet apply.
    pub network: Option<String>,
    /// How the set is written.
    pub format: LabelFormat,
}

impl LabelOptions {
    /// The network whose rules and forks apply.
    fn assumed_network(&self) -> &str {
        self.network.as_deref().unwrap_or("mainnet")
    }

    /// What the set says of itself.
    fn origin(&self) -> DataOrigin {
        DataOrigin { network: self.network.clone(), labels: LabelSource::Graffiti, about: None }
    }
}

/// What was labelled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    /// Where the training set is.
    pub output: PathBuf,
    /// Files looked at.
    pub files: u64,
    /// Files whose shard an earlier run had finished.
    pub files_reused: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Blocks in the training set, per client in the order of [`Client::ALL`].
    pub labelled: Vec<(Client, u64)>,
    /// Blocks whose graffiti names no client; they are left out.
    pub unlabelled: u64,
    /// Blocks that had been read before, in another file or the same.
    pub repeated: u64,
    /// Blocks that lay in the directory before, from other raw files; they are part of the training set too.
    pub leftovers: u64,
    /// Files and blocks that could not be used.
    pub bad: Vec<BadInput>,
    /// Features that some block has no value for, with how many such blocks there are. They have null there, and what
    /// is trained with such a feature leaves out those blocks.
    pub values_missing: Vec<(String, u64)>,
}

/// Why nothing could be labelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The operating system refused.
    #[error("{path} can't be read or written, because {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is no file of block rewards.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No block was labelled.
    #[error(
        "none of the {blocks} blocks of {input} names a known client in its graffiti, so there is nothing to train \
         on; {bad} inputs were bad"
    )]
    NothingLabelled {
        /// Where the blocks are.
        input: String,
        /// Blocks read.
        blocks: u64,
        /// Inputs that could not be used.
        bad: usize,
    },
    /// The directory form holds blocks as they were read, and a chain has no text of them.
    #[error(
        "{output} would be a directory of block-reward files, which only block-reward files can become; write feature \
         rows to a name ending in .parquet, or `fetch` the rewards first",
        output = output.display()
    )]
    NoText {
        /// What was to be written.
        output: PathBuf,
    },
    /// A training set or a shard of it could not be read or written.
    #[error(transparent)]
    Store(#[from] TrainingStoreError),
}

impl LabelError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        |source| Self::Io { path: path.to_owned(), source }
    }
}

impl LabelReport {
    /// Says how it went.
    fn finish(&self, progress: &dyn Progress) {
        let labelled: u64 = self.labelled.iter().map(|(_, count)| count).sum();
        progress.finish(&format!(
            "{labelled} of {} blocks labelled, {} without a label, {} repeated, {} bad inputs.",
            self.blocks,
            self.unlabelled,
            self.repeated,
            self.bad.len()
        ));
    }
}

/// Labels every block of an input by its graffiti and writes the training set. Of block-reward files see [`label`];
/// other inputs are read in one go.
pub fn label_input(
    input: &Place,
    output: &Path,
    options: &LabelOptions,
    progress: &dyn Progress,
) -> Result<LabelReport, LabelError> {
    match input {
        Place::Path { path, .. } if !ChainInput::recognise(path) => label(path, output, options, progress),
        _ => chain::label_blocks(input, output, options, progress),
    }
}

/// Labels every block of a file or directory of block rewards by its graffiti and writes the training set. What is done
/// is kept file by file until all is, so a stopped run is continued by repeating it.
pub fn label(
    raw: &Path,
    output: &Path,
    options: &LabelOptions,
    progress: &dyn Progress,
) -> Result<LabelReport, LabelError> {
    let partial = partial_path(output);
    // The output may lie among the raw files: then neither it nor its shards are raw.
    let own = |path: &Path| path.starts_with(&partial) || (output != raw && path.starts_with(output));
    let files: Vec<PathBuf> =
        Inputs::find(raw)?.files.into_iter().map(|file| file.path).filter(|path| !own(path)).collect();
    fs::create_dir_all(&partial).map_err(LabelError::io(&partial))?;
    progress.start("Labelling", Some(files.len() as u64), "files");
    let shards = files
        .par_iter()
        .map(|file| {
            let shard = Shard::of(raw, file, &partial, options).make(output, options);
            progress.advance(1);
            shard
        })
        .collect::<Result<Vec<_>, LabelError>>()?;
    let mut report =
        LabelReport { output: output.to_owned(), files: files.len() as u64, ..LabelReport::default() };
    for (_, tally) in &shards {
        report.files_reused += u64::from(tally.reused);
        report.blocks += tally.blocks;
        report.unlabelled += tally.unlabelled;
        report.bad.extend(tally.bad.iter().cloned());
    }
    report.labelled = match options.format {
        LabelFormat::Parquet => join(&shards, output, options, &mut report)?,
        LabelFormat::Directory => listed(&shards, output, &mut report),
    };
    let labelled: u64 = report.labelled.iter().map(|(_, count)| count).sum();
    if labelled == 0 {
        // With nothing to join there is nothing to continue.
        fs::remove_dir_all(&partial).map_err(LabelError::io(&partial))?;
        let (input, blocks) = (raw.display().to_string(), report.blocks);
        return Err(LabelError::NothingLabelled { input, blocks, bad: report.bad.len() });
    }
    fs::remove_dir_all(&partial).map_err(LabelError::io(&partial))?;
    report.finish(progress);
    Ok(report)
}

/// Puts the shards together, in an order that depends on nothing but the blocks.
fn join(
    shards: &[(Shard, Tally)],
    output: &Path,
    options: &LabelOptions,
    report: &mut LabelReport,
) -> Result<Vec<(Client, u64)>, LabelError> {
    let mut all = Columns {
        features: FeatureSet::everything()
            .names()
            .map(|name| NamedColumn { name: name.to_owned(), values: Vec::new() })
            .collect(),
        ..Columns::default()
    };
    for (shard, tally) in shards {
        if tally.rows > 0 {
            let (_, columns) = parquet_file::read(&shard.rows_path(), None, Notes::Read)?;
            all.append(columns);
        }
    }
    write(all, output, options, report)
}

/// Writes the rows in canonical order, each block once; how many there are of each client.
fn write(
    mut all: Columns,
    output: &Path,
    options: &LabelOptions,
    report: &mut LabelReport,
) -> Result<Vec<(Client, u64)>, LabelError> {
    report.repeated = all.canonicalise() as u64;
    for column in &all.features {
        let missing = column.values.iter().filter(|value| value.is_nan()).count() as u64;
        if missing > 0 {
            report.values_missing.push((column.name.clone(), missing));
        }
    }
    if all.len() > 0 {
        if let Some(parent) = output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(LabelError::io(parent))?;
        }
        training_store::write_columns(output, &all, &options.origin())?;
    }
    Ok(Client::ALL
        .into_iter()
        .map(|client| (client, all.labels.iter().filter(|label| **label == client).count() as u64))
        .collect())
}

/// Counts the blocks of the directory form: each root once.
fn listed(shards: &[(Shard, Tally)], output: &Path, report: &mut LabelReport) -> Vec<(Client, u64)> {
    let mut blocks: Vec<_> = shards.iter().flat_map(|(_, tally)| tally.written.iter().copied()).collect();
    let before = blocks.len();
    blocks.sort_unstable();
    blocks.dedup();
    report.repeated = (before - blocks.len()) as u64;
    let files = Client::ALL.into_iter().filter_map(|client| fs::read_dir(output.join(client.name())).ok());
    let files = files.flatten().filter_map(Result::ok).map(|file| file.path());
    let there = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).count();
    report.leftovers = there.saturating_sub(blocks.len()) as u64;
    Client::ALL
        .into_iter()
        .map(|client| (client, blocks.iter().filter(|(label, _)| *label == client).count() as u64))
        .collect()
}

/// Where the shards of an output are kept.
fn partial_path(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    output.with_file_name(name)
}
