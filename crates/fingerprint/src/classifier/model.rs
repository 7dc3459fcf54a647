//! A trained model: everything needed to give a verdict on a block, and where it came from.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::classification::{Classification, Thresholds};
use super::explain::{self, ClientRange, Explanation, FeatureRanges};
use super::fitted::{FitError, Fitted};
use super::mlp_training::Convergence;
use super::odds::{self, FeatureCounts, FeatureOdds};
use super::options::{DataOrigin, Method, ModelOrigin, Scaling, TrainingOptions};
use super::rows::{RowError, check_row};
use super::selection::{Selection, SelectionError};
use crate::client::{Client, ClientSet};
use crate::features::{self, FeatureError, FeatureScratch, FeatureSet};
use crate::graffiti::GraffitiRules;
use crate::observation::BlockObservation;
use crate::rules::Signs;
use crate::score::{ConfusionMatrix, CvScores, Reliability};
use crate::training::TrainingSet;

/// Whether probabilities were adjusted to observed frequencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// They are the raw votes of neighbours or outputs of a network.
    #[default]
    None,
}

/// Scores of a cross-validation, kept with the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelScores {
    /// Balanced accuracy of every fold, stratified and unshuffled.
    pub balanced_accuracy: Vec<f64>,
    /// All rows, each judged by the classifier that had not seen it. Older files keep none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<ConfusionMatrix>,
    /// How the probabilities given to these rows fared. Older files keep nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
}

impl From<(CvScores, Reliability)> for ModelScores {
    fn from((scores, reliability): (CvScores, Reliability)) -> Self {
        Self {
            balanced_accuracy: scores.fold_scores,
            confusion: Some(scores.confusion),
            reliability: Some(reliability),
        }
    }
}

/// How the training of a network ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkCourse {
    /// How often it saw all rows.
    pub epochs: u64,
    /// The loss after the last of them.
    pub loss: f64,
    /// Whether the loss had stopped falling.
    pub converged: Convergence,
}

/// What a model says of itself: the readable part of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of the program that trained it.
    pub program_version: String,
    /// The kind of classifier.
    pub method: Method,
    /// The features it looks at, in order.
    pub features: FeatureSet,
    /// The classes it tells apart, in order.
    pub classes: Vec<Client>,
    /// Clients it puts together as [`Client::Other`].
    pub grouped: ClientSet,
    /// Clients it does not know.
    pub disabled: ClientSet,
    /// Clients it recognises by graffiti alone.
    pub graffiti_only: ClientSet,
    /// What is done to feature values first.
    pub scaling: Scaling,
    /// Where a probability begins to count.
    pub thresholds: Thresholds,
    /// Whether probabilities were adjusted to observed frequencies.
    pub calibration: Calibration,
    /// Seed of everything random.
    pub seed: u64,
    /// If given, no client has more than this many times the rows of the rarest.
    pub max_imbalance: Option<f64>,
    /// Where the model comes from.
    pub origin: ModelOrigin,
    /// Training rows.
    pub rows: u64,
    /// Training rows per client, before grouping.
    pub rows_per_client: Vec<(Client, u64)>,
    /// Digest of the rows trained on, in hexadecimal: names, labels, block roots and values.
    pub training_digest: String,
    /// Scores of a cross-validation, if one was made.
    pub scores: Option<ModelScores>,
    /// How the training of a network ended.
    pub network: Option<NetworkCourse>,
    /// Per feature, where the middle 80 % of each class's training rows lie.
    pub ranges: Vec<FeatureRanges>,
}

/// A trained model.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) info: ModelInfo,
    pub(super) rules: GraffitiRules,
    pub(super) fitted: Fitted,
    /// Per feature, the training rows by class and range of values; empty in files of older programs.
    pub(super) counts: Vec<FeatureCounts>,
    pub(super) hash: OnceLock<[u8; 32]>,
}

/// Why a model cannot be trained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The training set or the options cannot be used.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The classifier cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl Model {
    /// Trains a model. The result depends on the rows, the options and nothing else: not on the order of
    /// the rows and not on the number of threads.
    pub fn train(set: &TrainingSet, options: TrainingOptions) -> Result<Self, TrainError> {
        let selection = Selection::of(set, &options)?;
        let digest = selection.digest(set, &options);
        let Selection { rows, classes, counts, positions } = selection;
        let ranges = explain::ranges(&rows, &classes, &options.features);
        let row_counts = odds::counts(&rows, classes.len(), &options.features);
        let (fitted, course) =
            Fitted::new(rows, classes.len(), &options.method, options.scaling, options.seed)?;
        let info = ModelInfo {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            scaling: options.scaling.resolve(&options.method),
            method: options.method,
            features: options.features,
            classes,
            grouped: options.grouped,
            disabled: options.disabled,
            graffiti_only: options.graffiti_only,
            thresholds: options.thresholds,
            calibration: Calibration::None,
            seed: options.seed,
            max_imbalance: options.max_imbalance,
            origin: options.note,
            rows: positions.len() as u64,
            rows_per_client: counts,
            training_digest: hex(&digest),
            scores: None,
            network: course.map(|course| NetworkCourse {
                epochs: course.epochs as u64,
                loss: course.loss,
                converged: course.convergence,
            }),
            ranges,
        };
        Ok(Self { info, rules: options.rules, fitted, counts: row_counts, hash: OnceLock::new() })
    }

    /// The model with the scores of a cross-validation, and what they were measured on, noted in it.
    #[must_use]
    pub fn with_scores(mut self, scores: ModelScores, measured_on: DataOrigin) -> Self {
        self.info.scores = Some(scores);
        self.info.origin.evaluated_on = vec![measured_on];
        self.hash = OnceLock::new();
        self
    }

    /// What the model says of itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The features it looks at, in order.
    pub fn features(&self) -> &FeatureSet {
        &self.info.features
    }

    /// The classes it gives a probability for, in order: those that had training rows.
    pub fn enabled_clients(&self) -> &[Client] {
        &self.info.classes
    }

    /// What graffiti says to this model.
    pub fn rules(&self) -> &GraffitiRules {
        &self.rules
    }

    /// A name for people: the prefix and the first four digits of the hash, such as `demo-7c1e`.
    pub fn name(&self, prefix: &str) -> String {
        let digits: String = hex(&self.hash()).chars().take(4).collect();
        format!("{prefix}-{digits}")
    }

    /// The verdict on a block.
    pub fn classify(&self, block: &BlockObservation) -> Result<Classification, FeatureError> {
        self.classify_with(&mut FeatureScratch::default(), block)
    }

    /// The verdict on a block, with buffers that are kept from block to block.
    pub fn classify_with(
        &self,
        scratch: &mut FeatureScratch,
        block: &BlockObservation,
    ) -> Result<Classification, FeatureError> {
        let guess = self.graffiti_guess(&block.graffiti);
        if let Some(client) = guess.filter(|client| self.info.graffiti_only.contains(*client)) {
            return Ok(Classification::from_graffiti(client));
        }
        let mut row = Vec::with_capacity(self.info.features.len());
        self.info.features.compute_with(scratch, block, &mut row)?;
        Ok(self.verdict(guess, &row))
    }

    /// The verdict on a block of which the graffiti and the feature row are known.
    pub fn classify_row(&self, graffiti: &str, row: &[f64]) -> Result<Classification, RowError> {
        check_row(row, self.info.features.len())?;
        let guess = self.graffiti_guess(graffiti);
        Ok(match guess.filter(|client| self.info.graffiti_only.contains(*client)) {
            Some(client) => Classification::from_graffiti(client),
            None => self.verdict(guess, row),
        })
    }

    /// The verdict on a block and what speaks for it.
    pub fn explain(&self, block: &BlockObservation) -> Result<Explanation, FeatureError> {
        let mut row = Vec::with_capacity(self.info.features.len());
        self.info.features.compute(block, &mut row)?;
        Ok(explain::explanation(self, self.classify(block)?, &row, Signs::of(block)))
    }

    /// The client named by graffiti, whether or not the model knows it.
    pub fn graffiti_guess(&self, graffiti: &str) -> Option<Client> {
        self.rules.guess(graffiti, ClientSet::EMPTY)
    }

    /// Where the middle 80 % of the training rows lie, per class, for a feature.
    pub fn ranges(&self, feature: &str) -> &[ClientRange] {
        let ranges = self.info.ranges.iter().find(|ranges| ranges.feature == feature);
        ranges.map_or(&[], |ranges| ranges.clients.as_slice())
    }

    /// Whether [`Model::feature_odds`] can tell anything: older model files keep no counts of training rows.
    pub fn keeps_counts(&self) -> bool {
        !self.counts.is_empty()
    }

    /// What each feature of a block says for each class, one after the other; a block's features are not independent,
    /// so the log odds do not add up to those of a verdict. Empty for models that keep no counts.
    pub fn feature_odds<'a>(&self, values: impl IntoIterator<Item = (&'a str, f64)>) -> Vec<FeatureOdds> {
        let of_feature = |(name, value): (&str, f64)| {
            let feature = features::find(name)?;
            let counts = self.counts.iter().find(|counts| counts.feature == feature.name)?;
            let odds = self.info.classes.iter().copied().zip(counts.log_odds(value)?);
            let odds_of = move |(client, log_odds)| FeatureOdds {
                feature: feature.name,
                about: feature.about,
                value,
                client,
                log_odds,
            };
            Some(odds.map(odds_of).collect::<Vec<_>>())
        };
        values.into_iter().filter_map(of_feature).flatten().collect()
    }

    fn verdict(&self, guess: Option<Client>, row: &[f64]) -> Classification {
        let probabilities = self.fitted.probabilities(row);
        let named = self.info.classes.iter().copied().zip(probabilities).collect();
        Classification::from_probabilities(named, guess, self.info.thresholds)
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
