//! `blockmark bench`.

use std::path::PathBuf;

use clap::Args;

/// `blockmark bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// features, open, knn, store, serve, replay, follow, scaling; all when absent.
    pub(crate) name: Option<String>,
    /// Rows of the big measurements.
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u64).range(20_000..))]
    pub(crate) rows: u64,
    /// The database of store and serve. It is filled up to the rows wanted, and kept; a passing one when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// Requests per second of serve.
    #[arg(long, default_value_t = 500, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// Seconds of serve.
    #[arg(long, default_value_t = 20, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// A block-reward file to measure reading with; generated when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// A recording or era file to replay; simulated when absent.
    #[arg(long, value_name = "PATH")]
    pub(crate) recording: Option<PathBuf>,
    /// Validators of the simulated chain of replay and follow, and the most of scaling.
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(32..=4_000_000))]
    pub(crate) validators: u32,
    /// Slots of the simulated chain of replay and follow.
    #[arg(long, default_value_t = 192, value_name = "N", value_parser = clap::value_parser!(u64).range(64..=100_000))]
    pub(crate) slots: u64,
    /// Where scaling puts its picture; none when absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
}
