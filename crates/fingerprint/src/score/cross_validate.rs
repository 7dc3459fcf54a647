//! Cross-validation as the original measured itself: stratified, unshuffled, balanced accuracy.

use rayon::prelude::*;

use super::confusion::ConfusionMatrix;
use super::folds::{FoldError, stratified_folds};
use super::reliability::{Reliability, Tally};
use super::slicing::Slicing;
use crate::classifier::fitted::{FitError, Fitted, likeliest};
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
    /// The scores of all folds' matrices.
    fn of(matrices: &[ConfusionMatrix]) -> Self {
        let mut confusion = ConfusionMatrix::default();
        matrices.iter().for_each(|matrix| confusion.merge(matrix));
        let fold_scores = matrices.iter().map(|matrix| matrix.balanced_accuracy().unwrap_or(0.0)).collect();
        Self { fold_scores, confusion }
    }

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
    let test = Test::of(set, options, folds)?;
    let matrices = test.measure(ConfusionMatrix::default, Test::judge, |sum, more| sum.merge(more))?;
    Ok(CvScores::of(&matrices))
}

/// As [`cross_validate`], and how the probabilities fared, also in every part that the slicings of the set make.
pub fn examine(
    set: &TrainingSet,
    options: &TrainingOptions,
    folds: usize,
    slicings: &[Slicing],
) -> Result<(CvScores, Reliability), CvError> {
    let test = Test::of(set, options, folds)?;
    let empty = || {
        let tally = Tally::new(slicings.iter().map(|slicing| slicing.parts().len()));
        (ConfusionMatrix::default(), tally)
    };
    let judge = |test: &Test<'_>, (matrix, tally): &mut (_, Tally), row: usize, probabilities: &[f64]| {
        test.judge(matrix, row, probabilities);
        let truth = test.selection.rows.classes().get(row).map_or(usize::MAX, |class| usize::from(*class));
        let position = test.selection.positions.get(row).map_or(usize::MAX, |position| *position as usize);
        let part_of = |division: usize| slicings.get(division)?.part(position);
        tally.add(probabilities, likeliest(probabilities), truth, part_of);
    };
    let measured = test.measure(empty, judge, |sum, more| {
        sum.0.merge(&more.0);
        sum.1.merge(&more.1);
    })?;
    let (matrices, tallies): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
    let (_, mut sum) = empty();
    tallies.iter().for_each(|tally| sum.merge(tally));
    let names = slicings.iter().map(|slicing| (slicing.by(), slicing.parts()));
    Ok((CvScores::of(&matrices), sum.finish(names)))
}

/// Rows divided into folds.
struct Test<'a> {
    options: &'a TrainingOptions,
    folds: usize,
    selection: Selection,
    fold_of: Vec<usize>,
}

impl<'a> Test<'a> {
    fn of(set: &TrainingSet, options: &'a TrainingOptions, folds: usize) -> Result<Self, CvError> {
        let selection = Selection::of(set, options)?;
        let fold_of = stratified_folds(selection.rows.classes(), folds)?;
        Ok(Self { options, folds, selection, fold_of })
    }

    /// What is counted of every fold. Counting must not depend on the order of rows.
    fn measure<T: Send>(
        &self,
        empty: impl Fn() -> T + Send + Sync,
        judge: impl Fn(&Self, &mut T, usize, &[f64]) + Send + Sync,
        merge: impl Fn(&mut T, &T) + Send + Sync,
    ) -> Result<Vec<T>, CvError> {
        let measure = |fold: usize| self.measure_fold(fold, &empty, &judge, &merge);
        if self.selection.rows.len() < PARALLEL_ROWS {
            (0..self.folds).into_par_iter().map(measure).collect()
        } else {
            (0..self.folds).map(measure).collect()
        }
    }

    fn measure_fold<T: Send>(
        &self,
        fold: usize,
        empty: &(impl Fn() -> T + Send + Sync),
        judge: &(impl Fn(&Self, &mut T, usize, &[f64]) + Send + Sync),
        merge: &(impl Fn(&mut T, &T) + Send + Sync),
    ) -> Result<T, CvError> {
        let (selection, options) = (&self.selection, self.options);
        let in_fold = |row: usize| self.fold_of.get(row) == Some(&fold);
        let rows = selection.rows.filter(|row| !in_fold(row));
        let classes = selection.classes.len();
        let (fitted, _) = Fitted::new(rows, classes, &options.method, options.scaling, options.seed)
            .map_err(|error| CvError::Fit { fold: fold + 1, error })?;
        Ok((0..selection.rows.len())
            .into_par_iter()
            .filter(|row| in_fold(*row))
            .fold(empty, |mut counted, row| {
                judge(self, &mut counted, row, &fitted.probabilities(selection.rows.row(row)));
                counted
            })
            .reduce(empty, |mut sum, counted| {
                merge(&mut sum, &counted);
                sum
            }))
    }

    /// Counts what a row was taken for.
    fn judge(&self, matrix: &mut ConfusionMatrix, row: usize, probabilities: &[f64]) {
        let classes = &self.selection.classes;
        let truth = self.selection.rows.classes().get(row).and_then(|class| classes.get(*class as usize));
        if let Some(truth) = truth {
            let verdict = likeliest(probabilities);
            matrix.add(*truth, verdict.and_then(|class| classes.get(class).copied()));
        }
    }
}
