//! From a feature row to a verdict: nearest neighbours, a neural network, and the model file that keeps them.

pub mod classification;

pub use classification::{Classification, Thresholds};
