//! From a feature row to a verdict: nearest neighbours, a neural network, and the model file that keeps them.

pub mod classification;
mod kd_tree;
pub mod mlp;
pub mod mlp_training;
pub mod neighbours;
pub(crate) mod random;
pub mod rows;

pub use classification::{Classification, Thresholds};
