//! A training set to a model file.

use std::fs;
use std::path::{Path, PathBuf};

use fingerprint::classifier::{
    Model, ModelError, ModelInfo, ModelOrigin, ModelScores, TrainError, TrainingOptions,
};
use fingerprint::score::{CvError, examine};
use serde::Serialize;

use crate::atomic;
use crate::bad_input::BadInput;
use crate::parts::slicings;
use crate::progress::Progress;
use crate::training_store::{TrainingStoreError, WantedFeatures, read_training_set};

/// How a model is trained.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// What, and how. Where the model comes from is taken from the training set.
    pub training: TrainingOptions,
    /// If given, the scores of a cross-validation with so many folds are noted in the model.
    pub folds: Option<usize>,
}

/// What was trained.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    /// The model file.
    pub model: PathBuf,
    /// Its BLAKE3 hash, in hexadecimal.
    pub hash: String,
    /// Its size.
    pub size_bytes: u64,
    /// What it says of itself.
    pub info: ModelInfo,
    /// Rows that were left out because they have no value of a feature trained on.
    pub incomplete_rows: u64,
    /// Files of the training directory that could not be used.
    pub bad: Vec<BadInput>,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The training set cannot be read.
    #[error(transparent)]
    Store(#[from] TrainingStoreError),
    /// No model can be made of it.
    #[error("{path} can't be trained on: {source}", path = path.display())]
    Train {
        /// The training set.
        path: PathBuf,
        /// Why.
        source: TrainError,
    },
    /// The cross-validation cannot be made.
    #[error("{path} can't be cross-validated: {source}", path = path.display())]
    CrossValidate {
        /// The training set.
        path: PathBuf,
        /// Why.
        source: CvError,
    },
    /// The model file cannot be written.
    #[error("the model can't be written to {path}, because {source}", path = path.display())]
    Write {
        /// The model file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Trains a model on a training set and writes it; the file appears whole or not at all.
pub fn train(
    data: &Path,
    model_path: &Path,
    mut options: TrainOptions,
    progress: &dyn Progress,
) -> Result<TrainReport, TrainingError> {
    let wanted = match options.folds {
        Some(_) => WantedFeatures::Tested(&options.training.features),
        None => WantedFeatures::Only(&options.training.features),
    };
    let loaded = read_training_set(data, wanted, progress)?;
    options.training.note = ModelOrigin { trained_on: loaded.origin.clone(), evaluated_on: Vec::new() };
    let scores = match options.folds {
        None => None,
        Some(folds) => {
            progress.start("Cross-validating", Some(folds as u64), "folds");
            let slicings = slicings(&loaded.set, &loaded.origin);
            let (scores, reliability) = examine(&loaded.set, &options.training, folds, &slicings)
                .map_err(|source| TrainingError::CrossValidate { path: data.to_owned(), source })?;
            progress.advance(folds as u64);
            progress.finish(&format!("Balanced accuracy {:.3} on average.", scores.mean()));
            Some(ModelScores::from((scores, reliability)))
        }
    };
    progress.start("Training", None, "rows");
    let mut model = Model::train(&loaded.set, options.training)
        .map_err(|source| TrainingError::Train { path: data.to_owned(), source })?;
    if let Some(scores) = scores {
        model = model.with_scores(scores, loaded.origin);
    }
    let bytes = model.to_bytes();
    atomic::write(model_path, &bytes)
        .map_err(|source| TrainingError::Write { path: model_path.to_owned(), source })?;
    progress.finish(&format!("Trained on {} rows.", model.info().rows));
    Ok(TrainReport {
        model: model_path.to_owned(),
        hash: hex(&model.hash()),
        size_bytes: bytes.len() as u64,
        info: model.info().clone(),
        incomplete_rows: loaded.incomplete_rows,
        bad: loaded.bad,
    })
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The operating system refused.
    #[error("the model {path} can't be read, because {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no model, or one of another version, or damaged.
    #[error("{path}: {source}", path = path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ModelError,
    },
}

/// Reads a model file.
pub fn load_model(path: &Path) -> Result<Model, ModelFileError> {
    let bytes = fs::read(path).map_err(|source| ModelFileError::Io { path: path.to_owned(), source })?;
    Model::from_bytes(&bytes).map_err(|source| ModelFileError::Model { path: path.to_owned(), source })
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
