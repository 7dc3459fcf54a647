//! How good a classifier is: confusion matrices, reliability, intervals, cross-validation, search for features.

pub mod confusion;
pub mod corrected;
pub mod cross_validate;
pub mod folds;
pub mod interval;
pub mod reliability;
pub mod search;
pub mod slicing;

pub use confusion::{ClientScore, ConfusionMatrix};
pub use corrected::{CorrectedShare, CorrectionError, LEAST_LABELLED, corrected_shares};
pub use cross_validate::{CvError, CvScores, cross_validate, examine};
pub use folds::{FoldError, stratified_folds};
pub use interval::wilson;
pub use reliability::{AbstentionPoint, CalibrationBin, Reliability, Slice};
pub use search::{Attempt, FeatureChoice, Refusal, SearchError, SearchOptions, SearchReport, search};
pub use slicing::{SliceBy, Slicing};
