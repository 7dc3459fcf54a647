//! Which client built this block. Pure: no socket, file, clock or database.
//!
//! ```text
//! BlockObservation ─▶ graffiti  ─▶ a client that signs its name
//!                  └▶ features  ─▶ classifier (model) ─▶ Classification
//! ```

pub mod classifier;
pub mod client;
pub mod features;
pub mod graffiti;
pub mod observation;
pub mod rules;
pub mod score;
pub mod similarity;
pub mod training;

pub use classifier::{
    Classification, DataOrigin, Explanation, LabelSource, Method, Model, ModelError, ModelInfo, ModelOrigin,
    ModelScores, Scaling, Thresholds, TrainError, TrainingOptions,
};
pub use client::{Client, ClientSet};
pub use features::{FeatureError, FeatureScratch, FeatureSet};
pub use graffiti::{GraffitiRules, RuleSet};
pub use observation::{AttestationShape, AttestationSummary, AttestationVote, BlockObservation};
pub use rules::{Sign, Signs};
pub use score::{ConfusionMatrix, CvScores, Reliability, cross_validate, examine, wilson};
pub use training::{TrainingRow, TrainingSet, TrainingSetError};
