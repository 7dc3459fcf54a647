//! The loops that join source, fingerprint and store: label, train, evaluate, classify, fill.
//!
//! ```text
//! raw rewards ─▶ label ─▶ training_store ─┬▶ train ─▶ model file ─▶ classify ─▶ verdicts
//!                                         ├▶ evaluate ─▶ report     build_db ─▶ store
//!                                         └▶ plot ─▶ pictures
//! ```
//!
//! [`service`] is the loop that never ends: it follows a chain and fills what is missing.
//!
//! Each is a function with options, a [`Progress`] to tell, and a report; nothing is printed. Inputs that cannot
//! be used are collected in the report as [`BadInput`]s.

mod atomic;
mod bad_input;
pub mod build_db;
pub mod classify;
pub mod evaluate;
pub mod features;
mod inputs;
pub mod label;
pub mod models;
mod parts;
pub mod plot;
pub mod progress;
mod rows;
pub mod service;
#[cfg(test)]
mod test_data;
#[cfg(test)]
mod tests;
pub mod train;
pub mod training_store;

pub use bad_input::BadInput;
pub use build_db::{
    BuildError, BuildOptions, BuildReport, Evidence, KnownBlocks, db_build, judge, register_model,
};
pub use classify::{BlockVerdict, ClassifyError, ClassifyReport, ClientCounts, Explain, classify};
pub use evaluate::{EvaluateError, EvaluateOptions, EvaluateReport, SearchPlan, evaluate};
pub use features::{FeatureRow, FeaturesError, FeaturesReport, features};
pub use label::{LabelError, LabelFormat, LabelOptions, LabelReport, label};
pub use models::{ModelByRange, NoModel, RangeError, RangedModel};
pub use plot::{PlotDataError, PlotError, PlotOptions, PlotReport, plot, plot_data};
pub use progress::{Progress, Silent};
pub use train::{ModelFileError, TrainOptions, TrainReport, TrainingError, load_model, train};
pub use training_store::{
    LoadedSet, TrainingStoreError, WantedFeatures, read_training_set, training_set_info, write_training_set,
};
