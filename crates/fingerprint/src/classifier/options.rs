//! What to train, on what, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::classification::Thresholds;
use super::mlp::{MAX_HIDDEN, MAX_LAYER};
use crate::client::{Client, ClientSet};
use crate::features::FeatureSet;
use crate::graffiti::{GraffitiRules, RuleSet};

/// The most neighbours that may vote.
pub const MAX_K: usize = 1024;

/// The most often a network may see all rows.
pub const MAX_EPOCHS: usize = 1_000_000;

/// The kind of classifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The nearest training rows vote, weighted by the inverse of their distance.
    Knn {
        /// How many vote.
        k: usize,
    },
    /// A multi-layer perceptron.
    Mlp {
        /// Width of each hidden layer.
        hidden: Vec<usize>,
        /// The most often it sees all rows.
        max_iter: usize,
    },
}

impl Method {
    /// Nine nearest neighbours.
    pub fn knn() -> Self {
        Self::Knn { k: 9 }
    }

    /// A network of two hidden layers, 390 and 870 wide, that sees all rows at most 1000 times.
    pub fn mlp() -> Self {
        Self::Mlp { hidden: vec![390, 870], max_iter: 1000 }
    }

    /// The name in commands and files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Knn { .. } => "knn",
            Self::Mlp { .. } => "mlp",
        }
    }

    /// Refuses numbers out of bounds.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        match self {
            Self::Knn { k } if (1..=MAX_K).contains(k) => Ok(()),
            Self::Knn { k } => Err(OptionsError::Neighbours(*k)),
            Self::Mlp { hidden, max_iter }
                if hidden.len() <= MAX_HIDDEN
                    && hidden.iter().all(|width| (1..=MAX_LAYER).contains(width))
                    && (1..=MAX_EPOCHS).contains(max_iter) =>
            {
                Ok(())
            }
            Self::Mlp { .. } => Err(OptionsError::Network),
        }
    }
}

/// What is done to feature values before the classifier sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// What suits the method: raw values for neighbours, standardised ones for a network.
    #[default]
    Automatic,
    /// Nothing.
    Raw,
    /// Each feature is shifted and scaled to mean 0 and standard deviation 1 over the training rows.
    Standardised,
}

impl Scaling {
    /// What is done for a method: never [`Scaling::Automatic`].
    pub fn resolve(self, method: &Method) -> Self {
        match (self, method) {
            (Self::Automatic, Method::Knn { .. }) => Self::Raw,
            (Self::Automatic, Method::Mlp { .. }) => Self::Standardised,
            (chosen, _) => chosen,
        }
    }
}

/// How it is known who built the blocks of a training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// Nobody noted it.
    #[default]
    Unknown,
    /// The blocks were made by a program that knew whose packing it imitated.
    Generated,
    /// The proposers signed with their client's name.
    Graffiti,
    /// The files lay in a folder named after the client.
    Folder,
}

/// Where labelled blocks come from. Never the name of a file: a copy under another name is the same data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataOrigin {
    /// The network that whoever labelled the blocks says they are of.
    pub network: Option<String>,
    /// How it is known who built them.
    pub labels: LabelSource,
    /// What they are, in words, where that says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl DataOrigin {
    /// Blocks that a program made.
    pub const GENERATED: Self = Self { network: None, labels: LabelSource::Generated, about: None };

    /// Whether these are blocks that proposers of the network made and somebody labelled.
    pub fn is_labelled_on(&self, network: &str) -> bool {
        matches!(self.labels, LabelSource::Graffiti | LabelSource::Folder)
            && self.network.as_deref() == Some(network)
    }
}

impl fmt::Display for DataOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(about) = &self.about {
            return f.write_str(about);
        }
        let labels = match self.labels {
            LabelSource::Generated => return f.write_str("generated blocks"),
            LabelSource::Graffiti => " labelled by graffiti",
            LabelSource::Folder => " labelled by folder",
            LabelSource::Unknown => "",
        };
        match &self.network {
            Some(network) => write!(f, "{network} blocks{labels}"),
            None => write!(f, "blocks of an unstated network{labels}"),
        }
    }
}

/// Where a model comes from: said wherever its verdicts are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOrigin {
    /// What it was trained on.
    pub trained_on: DataOrigin,
    /// What its scores were measured on.
    pub evaluated_on: Vec<DataOrigin>,
}

impl ModelOrigin {
    /// Whether the model was trained or measured on labelled blocks of the network.
    pub fn is_checked_on(&self, network: &str) -> bool {
        std::iter::once(&self.trained_on)
            .chain(&self.evaluated_on)
            .any(|origin| origin.is_labelled_on(network))
    }
}

/// What to train, on what, and how.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    /// The kind of classifier.
    pub method: Method,
    /// The features it looks at; the training set must have them.
    pub features: FeatureSet,
    /// Clients that are told apart from the rest but not from each other: they become [`Client::Other`].
    pub grouped: ClientSet,
    /// Clients whose rows are left out.
    pub disabled: ClientSet,
    /// Clients that are recognised by graffiti alone; their rows are left out.
    pub graffiti_only: ClientSet,
    /// Seed of everything random.
    pub seed: u64,
    /// Where a probability begins to count.
    pub thresholds: Thresholds,
    /// What graffiti says.
    pub rules: GraffitiRules,
    /// If given, no client has more than this many times the rows of the rarest.
    pub max_imbalance: Option<f64>,
    /// What is done to feature values first.
    pub scaling: Scaling,
    /// Where the model comes from.
    pub note: ModelOrigin,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            method: Method::knn(),
            features: FeatureSet::default(),
            grouped: ClientSet::EMPTY,
            disabled: ClientSet::EMPTY,
            graffiti_only: ClientSet::EMPTY.with(Client::Lodestar),
            seed: 0,
            thresholds: Thresholds::default(),
            rules: GraffitiRules::built_in(RuleSet::Blockmark),
            max_imbalance: None,
            scaling: Scaling::default(),
            note: ModelOrigin::default(),
        }
    }
}

/// Why options contradict each other or are out of bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// A client is in two sets that exclude each other.
    #[error("{client} cannot be both {first} and {second}; name it in one of them")]
    Overlap {
        /// The client.
        client: Client,
        /// One of the sets.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The number of neighbours is out of bounds.
    #[error("{0} neighbours cannot vote; give a number from 1 to {MAX_K}")]
    Neighbours(usize),
    /// The shape of a network is out of bounds.
    #[error(
        "a network has at most {MAX_HIDDEN} hidden layers of 1 to {MAX_LAYER} values, and sees its rows 1 to {MAX_EPOCHS} times"
    )]
    Network,
    /// The imbalance is no number of 1 or more.
    #[error("the imbalance may be limited to 1 or more times the rarest client's rows, not to {0}")]
    Imbalance(f64),
    /// A threshold is no probability.
    #[error("thresholds lie between 0 and 1, not at {0}")]
    Threshold(f64),
}

impl TrainingOptions {
    /// Refuses options that contradict each other or are out of bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        let sets =
            [("disabled", self.disabled), ("grouped", self.grouped), ("graffiti-only", self.graffiti_only)];
        for (position, (second, later)) in sets.iter().enumerate() {
            for (first, earlier) in sets.iter().take(position) {
                if let Some(client) = earlier.intersection(*later).iter().next() {
                    return Err(OptionsError::Overlap { client, first, second });
                }
            }
        }
        self.method.check()?;
        if let Some(limit) = self.max_imbalance.filter(|limit| !(limit.is_finite() && *limit >= 1.0)) {
            return Err(OptionsError::Imbalance(limit));
        }
        self.thresholds.check()
    }
}

impl Thresholds {
    /// Refuses thresholds that are no probabilities.
    pub(super) fn check(self) -> Result<(), OptionsError> {
        match [self.min_guess, self.confidence].into_iter().find(|value| !(0.0..=1.0).contains(value)) {
            Some(value) => Err(OptionsError::Threshold(value)),
            None => Ok(()),
        }
    }
}
