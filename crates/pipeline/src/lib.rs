//! The loops that join source, fingerprint and store: label, train, evaluate, classify, fill.

mod atomic;
mod bad_input;
pub mod label;
pub mod plot;
pub mod progress;
mod rows;
#[cfg(test)]
mod test_data;
pub mod training_store;

pub use bad_input::BadInput;
pub use progress::{Progress, Silent};
