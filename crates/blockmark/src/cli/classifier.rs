//! Commands between block rewards and verdicts: `features`, `label`, `train`, `evaluate`, `classify`, `plot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fingerprint::Client;

use super::InputArgs;

/// `blockmark features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Blocks to read.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// all, default, viable, electra, everything, or names separated by commas.
    #[arg(long, default_value = "all", value_name = "NAME")]
    pub(crate) set: String,
}

/// Which graffiti rules apply.
#[derive(Clone, Debug, Args)]
pub(crate) struct RuleArgs {
    /// Graffiti rules: a file, or a built-in set (blockmark, blockprint).
    #[arg(long, default_value = "blockmark", value_name = "FILE")]
    pub(crate) patterns: String,
    /// The network of the blocks: its rules apply (default: mainnet's), and `label` notes it in the training set.
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
}

/// `blockmark label`.
#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// Blocks to label.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// A file ending in .parquet, or a directory that becomes CLIENT/ROOT.json.
    pub(crate) out: PathBuf,
    /// Leave a client's patterns out (repeatable, or with commas).
    #[arg(long, value_name = "CLIENT", value_delimiter = ',')]
    pub(crate) disable: Vec<Client>,
    /// Which graffiti rules apply.
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// How to train.
#[derive(Clone, Debug, Args)]
pub(crate) struct MethodArgs {
    /// The method.
    #[arg(long, value_enum, default_value_t = Classifier::Knn)]
    pub(crate) classifier: Classifier,
    /// Features: a set (default, viable, electra, all, everything) or names separated by commas.
    #[arg(long, default_value = "default", value_name = "A,B,…")]
    pub(crate) features: String,
    /// Treat these clients as one, called Other (repeatable, or with commas).
    #[arg(long, value_name = "CLIENT", value_delimiter = ',')]
    pub(crate) group: Vec<Client>,
    /// Leave these clients out (repeatable, or with commas).
    #[arg(long, value_name = "CLIENT", value_delimiter = ',')]
    pub(crate) disable: Vec<Client>,
    /// Tell these clients by graffiti alone (repeatable, or with commas); "none" for no client.
    #[arg(long, value_name = "CLIENT", value_delimiter = ',', default_value = "Lodestar", value_parser = parse_client_or_none)]
    pub(crate) graffiti_only: Vec<ClientOrNone>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// At most this many times as many rows of one client as of the rarest.
    #[arg(long, value_name = "N")]
    pub(crate) max_imbalance: Option<f64>,
    /// Which graffiti rules apply.
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// A client, or the word "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientOrNone {
    /// A client.
    Client(Client),
    /// No client.
    None,
}

fn parse_client_or_none(text: &str) -> Result<ClientOrNone, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(ClientOrNone::None);
    }
    text.parse()
        .map(ClientOrNone::Client)
        .map_err(|error: fingerprint::client::UnknownClient| error.to_string())
}

/// Methods of classification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Classifier {
    /// Nine nearest neighbours, weighted by distance.
    Knn,
    /// A neural network with two hidden layers (390, 870).
    Mlp,
}

/// `blockmark train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Training set: a Parquet file, or a directory CLIENT/ROOT.json.
    pub(crate) data: PathBuf,
    /// Where the model file goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Cross-validate with K folds too, and note the scores and what they were measured on in the model.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub(crate) cv: Option<u16>,
    /// How to train.
    #[command(flatten)]
    pub(crate) method: MethodArgs,
}

/// `blockmark evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Training set: a Parquet file, or a directory CLIENT/ROOT.json.
    pub(crate) data: PathBuf,
    /// Folds of the cross-validation.
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub(crate) cv: u16,
    /// Try every combination of N viable features.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=15))]
    pub(crate) search: Option<u16>,
    /// Try every group of N clients with it.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=6))]
    pub(crate) search_group: u16,
    /// Write report.json, the confusion matrix and pictures here.
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// How to train.
    #[command(flatten)]
    pub(crate) method: MethodArgs,
}

/// `blockmark classify`.
#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Blocks to read.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The model file, or a directory of slots_A_to_B.bmm files chosen by slot.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Say why, block by block: whom rules speak against, and what each number says for and against clients.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// `blockmark plot`.
#[derive(Debug, Args)]
pub(crate) struct PlotArgs {
    /// Training set: a Parquet file, or a directory CLIENT/ROOT.json.
    pub(crate) data: PathBuf,
    /// Directory of the pictures, SVG and PNG.
    pub(crate) out: PathBuf,
    /// Features to cross: a set or names separated by commas.
    #[arg(long, default_value = "default", value_name = "A,B,…")]
    pub(crate) features: String,
}
