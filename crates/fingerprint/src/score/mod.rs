//! How good a classifier is: confusion matrices, intervals, cross-validation, search for features.

pub mod confusion;
pub mod corrected;
pub mod cross_validate;
pub mod folds;
pub mod interval;
pub mod search;

pub use confusion::{ClientScore, ConfusionMatrix};
pub use corrected::{CorrectedShare, CorrectionError, LEAST_LABELLED, corrected_shares};
pub use cross_validate::{CvError, CvScores, cross_validate};
pub use folds::{FoldError, stratified_folds};
pub use interval::wilson;
pub use search::{Attempt, FeatureChoice, Refusal, SearchError, SearchOptions, SearchReport, search};
