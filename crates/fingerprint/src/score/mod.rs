//! How good a classifier is: confusion matrices, intervals, cross-validation, search for features.

pub mod confusion;
pub mod folds;
pub mod interval;

pub use confusion::ConfusionMatrix;
pub use folds::{FoldError, stratified_folds};
pub use interval::wilson;
