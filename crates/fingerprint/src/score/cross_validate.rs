//! Cross-validation as the original measured itself: stratified, unshuffled, balanced accuracy.

use rayon::prelude::*;

use super::confusion::ConfusionMatrix;
use super::folds::{FoldError, stratified_folds};
use crate::classifier::fitted::{FitError, Fitted};
use crate::classifier::options::TrainingOptions;
use crate::classifier::selection::{Selection, SelectionError};
use crate::training::TrainingSet;

/// From so many rows on, folds are measured one after the other to bound memory.
const PARALLEL_ROWS: usize = 500_000;

/// What a cross-validation measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CvScores {
    /// Balanced accuracy of every fold.
    pub fold_scores: Vec<f64>,
    /// All rows, each judged by the classifier that had not seen it. Grouped clients appear as Other.
    pub confusion: ConfusionMatrix,
}

/// Why a cross-validation cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CvError {
    /// The training set or the options cannot be used.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The rows cannot be split.
    #[error(transparent)]
    Folds(#[from] FoldError),
    /// The classifier of a fold cannot be fitted.
    #[error("fold {fold} cannot be measured: {error}")]
    Fit {
        /// The fold, from 1.
        fold: usize,
        /// Why.
        error: FitError,
    },
}

impl CvScores {
    /// The lowest score of a fold.
    pub fn lowest(&self) -> f64 {
        self.fold_scores.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The mean score of the folds.
    pub fn mean(&self) -> f64 {
        self.fold_scores.iter().sum::<f64>() / self.fold_scores.len().max(1) as f64
    }
}

/// Measures what [`Model::train`](crate::classifier::Model::train) would make of the set with these options:
/// every fold is judged by a classifier fitted to the others.
pub fn cross_validate(
    set: &TrainingSet,
    options: &TrainingOptions,
    folds: usize,
) -> Result<CvScores, CvError> {
    let selection = Selection::of(set, options)?;
    let fold_of = stratified_folds(selection.rows.classes(), folds)?;
    let measure = |fold: usize| measure(&selection, &fold_of, fold, options);
    let matrices: Vec<ConfusionMatrix> = if selection.rows.len() < PARALLEL_ROWS {
        (0..folds).into_par_iter().map(measure).collect::<Result<_, _>>()?
    } else {
        (0..folds).map(measure).collect::<Result<_, _>>()?
    };
    let mut confusion = ConfusionMatrix::default();
    matrices.iter().for_each(|matrix| confusion.merge(matrix));
    let fold_scores = matrices.iter().map(|matrix| matrix.balanced_accuracy().unwrap_or(0.0)).collect();
    Ok(CvScores { fold_scores, confusion })
}

fn measure(
    selection: &Selection,
    fold_of: &[usize],
    fold: usize,
    options: &TrainingOptions,
) -> Result<ConfusionMatrix, CvError> {
    let in_fold = |row: usize| fold_of.get(row) == Some(&fold);
    let rows = selection.rows.filter(|row| !in_fold(row));
    let classes = &selection.classes;
    let (fitted, _) = Fitted::new(rows, classes.len(), &options.method, options.scaling, options.seed)
        .map_err(|error| CvError::Fit { fold: fold + 1, error })?;
    let matrix = (0..selection.rows.len())
        .into_par_iter()
        .filter(|row| in_fold(*row))
        .fold(ConfusionMatrix::default, |mut matrix, row| {
            let truth = selection.rows.classes().get(row).and_then(|class| classes.get(*class as usize));
            if let Some(truth) = truth {
                let verdict = fitted.predict(selection.rows.row(row));
                matrix.add(*truth, verdict.and_then(|class| classes.get(class).copied()));
            }
            matrix
        })
        .reduce(ConfusionMatrix::default, |mut sum, matrix| {
            sum.merge(&matrix);
            sum
        });
    Ok(matrix)
}
