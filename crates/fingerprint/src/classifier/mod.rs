//! From a feature row to a verdict: nearest neighbours, a neural network, and the model file that keeps them.
//!
//! ```text
//! TrainingSet ─▶ selection ─▶ rows ─▶ neighbours │ mlp_training ─▶ Model ─▶ model_file
//!                                                    BlockObservation ─▶ ┘ ─▶ Classification, Explanation
//! ```

pub mod classification;
pub mod explain;
pub(crate) mod fitted;
mod kd_tree;
pub mod mlp;
pub mod mlp_training;
pub mod model;
pub mod model_file;
pub mod neighbours;
pub mod odds;
pub mod options;
pub(crate) mod random;
pub mod rows;
pub(crate) mod selection;
pub mod telling;

pub use classification::{Classification, Thresholds};
pub use explain::{ClientRange, Explanation, FeatureEvidence, FeatureRanges, NeighbourEvidence};
pub use fitted::FitError;
pub use model::{Calibration, Model, ModelInfo, ModelScores, NetworkCourse, TrainError};
pub use model_file::{FORMAT_VERSION, ModelError};
pub use odds::{FeatureCounts, FeatureOdds};
pub use options::{DataOrigin, LabelSource, Method, ModelOrigin, OptionsError, Scaling, TrainingOptions};
pub use rows::RowError;
pub use selection::SelectionError;
pub use telling::Telling;
