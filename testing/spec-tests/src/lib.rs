//! Runs the official tests of the consensus specification.
//!
//! A case is a folder `<preset>/<fork>/<runner>/<handler>/<suite>/<case>/` of files, its parts. [`run`] finds the
//! cases in and below a folder, or in an archive of such folders, and runs each. A case passes when the outcome is
//! the expected one; beside that every part that no runner opened is named, so that nothing is left out unseen.
//!
//! Source: consensus-specs `tests/formats/`.

mod case;
mod failure;
mod input;
mod known;
mod kzg;
mod network;
mod run;
pub mod runners;
pub mod types;
mod yaml;

pub use case::{Case, CaseName, Part};
pub use failure::{Failure, FailureKind};
pub use input::{Batch, InputError, Loaded, batches};
pub use known::{Deviation, KNOWN};
pub use run::{Outcome, Skipped, Summary, Verdict, run, run_case};
pub use yaml::{YamlError, parse as parse_yaml};
