//! A fitted classifier: what is done to a row, and what then gives its probabilities.

use super::kd_tree;
use super::mlp::{Network, NetworkError};
use super::mlp_training::{self, Convergence};
use super::neighbours::NeighbourIndex;
use super::options::{Method, Scaling};
use super::rows::Rows;

/// The most columns of a row: wider ones no classifier here is made for.
pub(super) const MAX_WIDTH: usize = 4 * kd_tree::MAX_WIDTH;

/// Shift and scale of every feature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaler {
    pub(super) means: Vec<f64>,
    pub(super) deviations: Vec<f64>,
}

impl Scaler {
    /// Mean and standard deviation of every column; the deviation of a constant one counts as 1.
    fn of(rows: &Rows) -> Self {
        let count = rows.len().max(1) as f64;
        let mut means = vec![0.0; rows.width()];
        for row in rows.values().chunks_exact(rows.width().max(1)) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count);
        }
        let mut deviations = vec![0.0; rows.width()];
        for row in rows.values().chunks_exact(rows.width().max(1)) {
            for ((sum, value), mean) in deviations.iter_mut().zip(row).zip(&means) {
                *sum += (value - mean) * (value - mean) / count;
            }
        }
        for deviation in &mut deviations {
            let root = deviation.sqrt();
            *deviation = if root.is_normal() { root } else { 1.0 };
        }
        Self { means, deviations }
    }

    fn apply(&self, row: &mut [f64]) {
        for ((value, mean), deviation) in row.iter_mut().zip(&self.means).zip(&self.deviations) {
            *value = (*value - mean) / deviation;
        }
    }
}

/// What gives the probabilities.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Predictor {
    /// Nearest neighbours.
    Knn(NeighbourIndex),
    /// A network.
    Mlp(Network),
}

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub(super) scaler: Option<Scaler>,
    pub(super) predictor: Predictor,
}

/// How a network's training ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Course {
    pub(super) epochs: usize,
    pub(super) loss: f64,
    pub(super) convergence: Convergence,
}

/// Why a classifier cannot be fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// There are fewer rows than neighbours to vote.
    #[error(
        "{k} nearest neighbours need at least {k} training rows, but there are {rows}; add rows or lower k"
    )]
    TooFewRows {
        /// Neighbours that vote.
        k: usize,
        /// Rows there are.
        rows: usize,
    },
    /// The network cannot be made or its training diverged.
    #[error("the network cannot be trained: {0}")]
    Network(#[from] NetworkError),
}

impl Fitted {
    /// Fits a classifier to rows whose classes are below `class_count`.
    pub(crate) fn new(
        mut rows: Rows,
        class_count: usize,
        method: &Method,
        scaling: Scaling,
        seed: u64,
    ) -> Result<(Self, Option<Course>), FitError> {
        let scaler = (scaling.resolve(method) == Scaling::Standardised).then(|| Scaler::of(&rows));
        if let Some(scaler) = &scaler {
            let width = rows.width().max(1);
            rows.values_mut().chunks_exact_mut(width).for_each(|row| scaler.apply(row));
        }
        match method {
            Method::Knn { k } if rows.len() < *k => Err(FitError::TooFewRows { k: *k, rows: rows.len() }),
            Method::Knn { k } => {
                let index = NeighbourIndex::build(&rows, *k, class_count);
                Ok((Self { scaler, predictor: Predictor::Knn(index) }, None))
            }
            Method::Mlp { hidden, max_iter } => {
                let trained = mlp_training::train(&rows, class_count, hidden, *max_iter, seed)?;
                let course =
                    Course { epochs: trained.epochs, loss: trained.loss, convergence: trained.convergence };
                Ok((Self { scaler, predictor: Predictor::Mlp(trained.network) }, Some(course)))
            }
        }
    }

    /// Probability of every class; empty if the row cannot be used.
    pub(crate) fn probabilities(&self, row: &[f64]) -> Vec<f64> {
        let row = self.scaled(row);
        match &self.predictor {
            Predictor::Knn(index) => index.probabilities(&row),
            Predictor::Mlp(network) => network.probabilities(&row),
        }
    }

    /// The row as the predictor sees it.
    pub(super) fn scaled<'a>(&self, row: &'a [f64]) -> std::borrow::Cow<'a, [f64]> {
        match &self.scaler {
            None => row.into(),
            Some(scaler) => {
                let mut row = row.to_vec();
                scaler.apply(&mut row);
                row.into()
            }
        }
    }
}

/// The class of the highest probability, the lowest among equals; none without probabilities.
pub(crate) fn likeliest(probabilities: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (class, &probability) in probabilities.iter().enumerate() {
        if best.is_none_or(|(_, highest)| probability > highest) {
            best = Some((class, probability));
        }
    }
    best.map(|(class, _)| class)
}
