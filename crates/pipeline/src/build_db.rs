//! Files of block rewards to verdicts in a database: a file is stored whole or not at all.

use std::path::Path;
use std::sync::Arc;

use fingerprint::classifier::Model;
use fingerprint::{BlockObservation, FeatureScratch};
use rayon::prelude::*;
use serde::Serialize;
use source::{InputError, InputFile, Inputs};
use store::{BlockRow, CanonicalState, InsertReport, RootOrigin, Store, StoreError};

use crate::bad_input::BadInput;
use crate::inputs::{Batch, whole_file};
use crate::models::ModelByRange;
use crate::progress::Progress;

/// What happens to a block that the database has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownBlocks {
    /// Its verdict becomes that of the models given.
    #[default]
    Update,
    /// It stays as it is.
    Keep,
}

/// Whether feature values are stored with the verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// The values that the verdict rests on are stored.
    #[default]
    Store,
    /// Only the verdict is.
    Omit,
}

/// How a database is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// What happens to known blocks.
    pub known: KnownBlocks,
    /// Whether feature values are stored.
    pub evidence: Evidence,
}

/// What was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BuildReport {
    /// Files stored.
    pub files: u64,
    /// Blocks that were not known before.
    pub inserted: u64,
    /// Known blocks that now have another verdict.
    pub updated: u64,
    /// Known blocks that stayed as they were.
    pub unchanged: u64,
    /// Files that could not be used; nothing of them is stored.
    pub bad: Vec<BadInput>,
}

/// Why a database could not be filled. What was stored before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The database refused.
    #[error("the verdicts of {path} can't be stored: {source}; {stored} files before it are stored", path = path.display())]
    Store {
        /// The file whose blocks were to be stored.
        path: std::path::PathBuf,
        /// How many files are stored.
        stored: u64,
        /// What the database said.
        source: StoreError,
    },
    /// The database does not take the models.
    #[error("the model can't be noted in the database: {0}")]
    Register(StoreError),
    /// The work was stopped from outside.
    #[error("the work on the files was stopped")]
    Stopped,
}

/// Classifies every block of a file or directory and stores the verdicts, a file per transaction. Doing it again
/// changes nothing. A file with a bad block is listed, and nothing of it is stored.
pub async fn db_build(
    input: &Path,
    store: &Store,
    models: Arc<ModelByRange>,
    options: BuildOptions,
    progress: &dyn Progress,
) -> Result<BuildReport, BuildError> {
    let inputs = Inputs::find(input)?;
    for range in models.ranges() {
        register(store, &range.model, &range.path).await?;
    }
    let mut report = BuildReport::default();
    progress.start("Storing", Some(inputs.files.len() as u64), "files");
    let windows: Vec<Vec<InputFile>> =
        inputs.files.chunks((2 * rayon::current_num_threads()).max(1)).map(<[InputFile]>::to_vec).collect();
    let mut windows = windows.into_iter();
    let work = |files: Vec<InputFile>| {
        let models = Arc::clone(&models);
        tokio::task::spawn_blocking(move || judged(files, &models, options.evidence))
    };
    // The next files are judged while the verdicts of these are stored.
    let mut ahead = windows.next().map(work);
    while let Some(judging) = ahead.take() {
        let files = judging.await.map_err(|_| BuildError::Stopped)?;
        ahead = windows.next().map(work);
        for (file, batch) in files {
            store_file(store, &file, batch, options.known, &mut report).await?;
            progress.advance(1);
        }
    }
    progress.finish(&format!(
        "{} blocks stored, {} updated, {} known; {} bad inputs.",
        report.inserted,
        report.updated,
        report.unchanged,
        report.bad.len()
    ));
    Ok(report)
}

/// Notes a model in the database, under its file's name.
async fn register(store: &Store, model: &Model, path: &Path) -> Result<(), BuildError> {
    let prefix = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
    let info = serde_json::to_string(model.info()).unwrap_or_else(|_| "{}".to_owned());
    store.register_model(model.hash(), &model.name(prefix), &info).await.map_err(BuildError::Register)
}

fn judged(
    files: Vec<InputFile>,
    models: &ModelByRange,
    evidence: Evidence,
) -> Vec<(InputFile, Batch<BlockRow>)> {
    files
        .into_par_iter()
        .map(|file| {
            let batch = whole_file(&file, &mut FeatureScratch::default(), &|scratch, record, _| {
                row(&record.observation, models, evidence, scratch)
            });
            (file, batch)
        })
        .collect()
}

fn row(
    block: &BlockObservation,
    models: &ModelByRange,
    evidence: Evidence,
    scratch: &mut FeatureScratch,
) -> Result<BlockRow, String> {
    let model = models.for_slot(block.slot).map_err(|error| error.to_string())?;
    let (classification, features) = match evidence {
        Evidence::Omit => (model.classify_with(scratch, block).map_err(|error| error.to_string())?, None),
        Evidence::Store => {
            let mut values = Vec::with_capacity(model.features().len());
            model.features().compute_with(scratch, block, &mut values).map_err(|error| error.to_string())?;
            let verdict = model.classify_row(&block.graffiti, &values).map_err(|error| error.to_string())?;
            let named = model.features().names().map(str::to_owned).zip(values).collect();
            (verdict, Some(named))
        }
    };
    Ok(BlockRow {
        block_root: block.block_root,
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: block.slot,
        parent_slot: block.parent_slot,
        proposer_index: block.proposer_index,
        graffiti: Some(block.graffiti.replace('\0', "")),
        classification,
        model_hash: Some(model.hash()),
        canonical: CanonicalState::Unknown,
        features,
    })
}

async fn store_file(
    store: &Store,
    file: &InputFile,
    batch: Batch<BlockRow>,
    known: KnownBlocks,
    report: &mut BuildReport,
) -> Result<(), BuildError> {
    if !batch.bad.is_empty() {
        report.bad.extend(batch.bad);
        return Ok(());
    }
    let mut rows = batch.items;
    let failed = |source, stored| BuildError::Store { path: file.path.clone(), stored, source };
    if known == KnownBlocks::Keep {
        let roots: Vec<_> = rows.iter().map(|row| row.block_root).collect();
        let stored = store.contains(&roots).await.map_err(|source| failed(source, report.files))?;
        let before = rows.len();
        rows.retain(|row| !stored.contains(&row.block_root));
        report.unchanged += (before - rows.len()) as u64;
    }
    match store.insert_blocks(&rows).await {
        Ok(InsertReport { inserted, updated, unchanged }) => {
            report.inserted += inserted;
            report.updated += updated;
            report.unchanged += unchanged;
            report.files += 1;
            Ok(())
        }
        Err(error @ StoreError::BadRow { .. }) => {
            report.bad.push(BadInput::new(&file.path, error));
            Ok(())
        }
        Err(source) => Err(failed(source, report.files)),
    }
}
