//! Commands that serve: `demo`, `serve`, `run`, `check`, `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{AccessArgs, DbArgs};

/// `blockmark demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Port of API and dashboard on 127.0.0.1.
    #[arg(long, default_value_t = 8000)]
    pub(crate) port: u16,
    /// Exit after the table instead of serving.
    #[arg(long)]
    pub(crate) once: bool,
    /// Judge only the last N blocks of each recording, at most half of them; those before are trained on.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) blocks: Option<u32>,
}

/// `blockmark serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Which database.
    #[command(flatten)]
    pub(crate) db: DbArgs,
    /// The model for POST /classify; without it that address answers 503.
    #[arg(long, env = "BLOCKMARK_MODEL", value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, env = "BLOCKMARK_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDR")]
    pub(crate) listen: std::net::SocketAddr,
    /// Who may ask, how often, and over what.
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    /// What blockprint's addresses answer when a range touches a gap: strict is 404 and the gap, partial what is
    /// there. A request may say ?partial=true or false.
    #[arg(long, env = "BLOCKMARK_GAPS", value_enum, default_value_t = Gaps::Strict, value_name = "RULE")]
    pub(crate) gaps: Gaps,
    /// Network shown on the pages.
    #[arg(long, default_value = "mainnet", value_name = "NAME")]
    pub(crate) network: String,
    /// Beacon nodes to follow, first choice first: turns on /lighthouse/analysis/block_rewards and its events.
    #[arg(
        long,
        env = "BLOCKMARK_BEACON_NODE",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "URL,…"
    )]
    pub(crate) beacon_node: Vec<String>,
    /// The state to begin with: a file (.ssz, also .gz, .zst, .snappy) or a node that gives its finalized state.
    #[arg(long, value_name = "FILE|URL", requires = "beacon_node")]
    pub(crate) checkpoint: Option<String>,
    /// A recording or era files of the same chain, replayed for block rewards that are older than what is followed.
    #[arg(long, value_name = "PATH")]
    pub(crate) recording: Option<PathBuf>,
    /// legacy: Lighthouse's until 2025, 1/512; corrected: 1/448; spec: what the chain pays.
    #[arg(long, default_value = "legacy", value_name = "SCALE")]
    pub(crate) scale: consensus::rewards::Scale,
}

/// What a range that touches a gap is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gaps {
    /// 404 and the gap.
    Strict,
    /// What is there, as blockprint did.
    Partial,
}

/// `blockmark run`, and what else works with its settings.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The file of settings; blockmark.toml in this folder if it is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, before those of file and environment; may be repeated. `config show` lists them.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Beacon nodes: nodes.urls.
    #[arg(long, value_delimiter = ',', value_name = "URL,…")]
    pub(crate) beacon_node: Vec<String>,
    /// The database, a file or a URL: database.url.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) db: Option<String>,
    /// The model: model.path.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Address to listen on: serve.listen.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

/// `blockmark config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and where it was said. Secrets are hidden.
    Show(RunArgs),
    /// Print a file with every setting, its default, and what it is for.
    Sample,
}
