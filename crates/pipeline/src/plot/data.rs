//! All pictures of a training set on disk: cross-sections, grid, and what a classifier confuses.

use std::path::Path;

use fingerprint::classifier::TrainingOptions;
use fingerprint::score::cross_validate;
use fingerprint::{FeatureSet, TrainingSet, TrainingSetError};

use super::sample::Sample;
use super::{PlotError, PlotOptions, PlotReport, accuracy_picture, heat_map, plot, write_picture};
use crate::bad_input::BadInput;
use crate::progress::Progress;
use crate::training_store::{TrainingStoreError, WantedFeatures, read_training_set};

/// Whether the confusion matrix is drawn.
#[derive(Clone, Debug)]
pub enum Confusion {
    /// It is not.
    Omit,
    /// It is measured by cross-validating what these options would train.
    CrossValidate {
        /// What would be trained.
        training: Box<TrainingOptions>,
        /// Folds of the cross-validation.
        folds: usize,
    },
}

/// Why the pictures of a training set could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotDataError {
    /// The training set cannot be read.
    #[error(transparent)]
    Store(#[from] TrainingStoreError),
    /// A picture cannot be made.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The rows chosen for the cross-validation do not make a training set.
    #[error("the rows for the confusion matrix can't be chosen: {0}")]
    Sample(#[from] TrainingSetError),
}

/// Rows of each client that a cross-validation for a picture looks at: enough for whole percents.
const CONFUSION_PER_CLIENT: usize = 10_000;

/// Draws a training set: every pair of features, a grid of them, and the confusion matrix.
pub fn plot_data(
    data: &Path,
    directory: &Path,
    options: &PlotOptions,
    confusion: &Confusion,
    progress: &dyn Progress,
) -> Result<(PlotReport, Vec<BadInput>), PlotDataError> {
    let features = wanted(options, confusion);
    let wanted = features.as_ref().map_or(WantedFeatures::Present, WantedFeatures::Only);
    let loaded = read_training_set(data, wanted, progress)?;
    let mut report = plot(&loaded.set, directory, options, progress)?;
    let Confusion::CrossValidate { training, folds } = confusion else { return Ok((report, loaded.bad)) };
    let set = thinned(&loaded.set, CONFUSION_PER_CLIENT)?;
    progress.start("Cross-validating", Some(*folds as u64), "folds");
    match cross_validate(&set, training, *folds) {
        Ok(scores) => {
            let features: Vec<&str> = training.features.names().collect();
            let note = format!("{} with {}.", training.method.name(), features.join(", "));
            let title = format!("What {} blocks were taken for, {folds}-fold cross-validation", set.len());
            let picture = heat_map(&scores.confusion, &title, &note, options.theme);
            report.files.extend(write_picture(directory, "confusion", &picture, options.images)?);
            let title = "How well each client is told";
            let picture = accuracy_picture(&scores.confusion, title, &note, options.theme);
            report.files.extend(write_picture(directory, "accuracy", &picture, options.images)?);
            progress.finish(&format!("Balanced accuracy {:.3} on average.", scores.mean()));
        }
        Err(error) => {
            let note = format!("No confusion matrix: {error}.");
            progress.finish(&note);
            report.notes.push(note);
        }
    }
    report.files.sort();
    Ok((report, loaded.bad))
}

/// The features to draw and those to classify by, if the first were named.
fn wanted(options: &PlotOptions, confusion: &Confusion) -> Option<FeatureSet> {
    let drawn = options.features.as_ref()?;
    let mut names: Vec<&str> = drawn.names().collect();
    if let Confusion::CrossValidate { training, .. } = confusion {
        names.extend(training.features.names().filter(|name| drawn.position(name).is_none()));
    }
    FeatureSet::from_names(names).ok()
}

/// At most so many rows of each client, the same ones every time.
fn thinned(set: &TrainingSet, per_client: usize) -> Result<TrainingSet, TrainingSetError> {
    let mut rows = Sample::choose(&set.labels, |row| super::identity(set, row), per_client).rows;
    rows.sort_unstable();
    let columns = set
        .columns()
        .iter()
        .map(|column| rows.iter().filter_map(|&row| column.get(row).copied()).collect())
        .collect();
    TrainingSet::from_columns(
        set.features.clone(),
        columns,
        rows.iter().filter_map(|&row| set.labels.get(row).copied()).collect(),
        rows.iter().filter_map(|&row| set.slots.get(row).copied()).collect(),
        rows.iter().filter_map(|&row| set.block_roots.get(row).copied()).collect(),
    )
}
