//! Exactly what was typed: commands and flags. Parsing does no I/O.

#[path = "cli/access.rs"]
mod access;
#[path = "cli/nodes.rs"]
mod nodes;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fingerprint::Client;

pub(crate) use access::*;
pub(crate) use nodes::*;

/// Tells who built each Ethereum block.
#[derive(Debug, Parser)]
#[command(
    name = "blockmark",
    version,
    about = "Tells who built each Ethereum block",
    long_about = "Tells who built each Ethereum block: from block rewards to named features, a verdict per block, \
                  a database, an API and a dashboard.\n\nStart with: blockmark demo",
    after_help = "INPUT is a file or directory of block-reward JSON (any historical shape, plain or .gz), a recording, \
                  an era file, a folder of era files, or \
                  http(s)://… of any Beacon API node, with --start and --end. \
                  See: blockmark help inputs",
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Flags that every command takes.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Print the result as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to colour the output.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
    /// What to log on standard error, for example `info` or `blockmark=debug,warn`.
    /// `run` says `info` where nothing is said, everything else `warn`.
    #[arg(long, global = true, env = "BLOCKMARK_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How logs are written: for people, or one JSON object per line.
    #[arg(
        long,
        global = true,
        env = "BLOCKMARK_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    /// Where databases and downloads go unless named otherwise.
    #[arg(
        long,
        global = true,
        env = "BLOCKMARK_DATA_DIR",
        default_value = "blockmark-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// When the stream is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order a person meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take the recordings that come with the program through everything: verdicts, database, API, dashboard.
    Demo(DemoArgs),
    /// Store block rewards of a slot range as files; an interrupted run continues where it was.
    Fetch(FetchArgs),
    /// Make a recording of a slot range: its blocks, and the state before them.
    Record(RecordArgs),
    /// Print block rewards of a recording, era file or node, in Lighthouse's shape.
    Rewards(RewardsArgs),
    /// Print feature rows, named.
    Features(FeaturesArgs),
    /// Make a training set of the blocks whose graffiti tells the client.
    Label(LabelArgs),
    /// Train a classifier and write a model file.
    Train(TrainArgs),
    /// Judge a classifier by cross-validation, and search for better features.
    Evaluate(EvaluateArgs),
    /// Say who built each block, and print the client table.
    Classify(ClassifyArgs),
    /// Draw pictures of a training set, every pair of features.
    Plot(PlotArgs),
    /// Work on a database of verdicts.
    #[command(subcommand)]
    Db(DbCommand),
    /// Serve API and dashboard over a database.
    Serve(ServeArgs),
    /// Make a secret for the private addresses, and the digest that a configuration holds.
    Token(TokenArgs),
    /// Follow the chain, judge and store every block, fill what is missing, and serve it: the production service.
    Run(RunArgs),
    /// Look whether the service can run here: nodes, network, clock, disk, database, model.
    Check(RunArgs),
    /// Show the settings of the service.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a simulated chain as a recording.
    Simulate(SimulateArgs),
    /// Measure speed and memory on this machine.
    Bench(BenchArgs),
    /// Reproduce one step of the beacon chain on files.
    #[command(subcommand)]
    Debug(DebugCommand),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages of all commands into a folder.
    Manual {
        /// The folder, made if it is not there.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Explain a command, or a topic: inputs.
    Help {
        /// A command or a topic.
        topic: Option<String>,
    },
}

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

/// `blockmark rewards`.
#[derive(Debug, Args)]
pub(crate) struct RewardsArgs {
    /// Blocks to read.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Name what each attestation voted for.
    #[arg(long)]
    pub(crate) include_attestations: bool,
    /// legacy: Lighthouse's until 2025, 1/512; corrected: 1/448; spec: what the chain pays.
    #[arg(long, default_value = "legacy", value_name = "SCALE")]
    pub(crate) scale: consensus::rewards::Scale,
}

/// `blockmark simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Active validators.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub(crate) validators: u32,
    /// Slots after genesis.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) slots: u64,
    /// Directory of the recording.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of everything random; the same seed makes the same chain.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The fork of the whole chain: altair to fulu. Not phase0, whose attestations are packed and paid by other rules,
    /// and not gloas, whose payloads come apart from their blocks and are not in recordings.
    #[arg(long, default_value = "electra", value_name = "FORK")]
    pub(crate) fork: consensus::spec::Fork,
    /// The preset: mainnet, minimal or gnosis.
    #[arg(long, default_value = "mainnet", value_name = "NAME")]
    pub(crate) preset: String,
    /// Make valid signatures.
    #[arg(long)]
    pub(crate) signed: bool,
    /// Slots without a block, in thousandths.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=999))]
    pub(crate) missed_permille: u16,
    /// How files are compressed: none, gz, zst or snappy.
    #[arg(long, default_value = "snappy", value_name = "FORM", value_parser = nodes::parse_compression)]
    pub(crate) compression: source::compression::Compression,
    /// Pack blocks as clients do: a JSON file of clients with their weights, such as {"Lighthouse": 3, "Teku": 1}.
    /// The packer of each block is then written to packers.jsonl in the recording.
    #[arg(long, value_name = "FILE")]
    pub(crate) mix: Option<PathBuf>,
    /// With --mix, how many of a thousand blocks name their packer in the graffiti.
    #[arg(long, default_value_t = 600, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1000), requires = "mix")]
    pub(crate) signed_permille: u16,
    /// Random bytes of transactions in each payload.
    #[arg(long, default_value_t = 0, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=8_388_608))]
    pub(crate) payload_bytes: u32,
}

/// `blockmark debug …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DebugCommand {
    /// Run official test vectors of the consensus specification.
    SpecTest {
        /// A folder in the official layout, or anything in or above one; archives (.tar.zst) too.
        dir: PathBuf,
    },
    /// Apply a signed block to the state before it.
    Transition {
        /// The state, SSZ, plain or packed as in recordings, at or before the block's slot; or http(s)://… of a node that gives states.
        pre: String,
        /// The signed block, SSZ; of a node, its slot or root.
        block: String,
        /// Where the state after it goes.
        #[arg(long, value_name = "FILE")]
        post: Option<PathBuf>,
        /// Do not verify signatures.
        #[arg(long)]
        no_signatures: bool,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
    /// Apply every block of a recording or era file, with every state root recomputed, and print a line for each.
    Replay {
        /// A recording, an era file, or a folder of era files.
        input: PathBuf,
        /// Do not verify signatures.
        #[arg(long)]
        no_signatures: bool,
    },
    /// Compute the block rewards of files: the same as `blockmark rewards`.
    Rewards(RewardsArgs),
    /// Print the feature rows of files: the same as `blockmark features`.
    Features(FeaturesArgs),
    /// Decode an SSZ object and print it as JSON with its hash tree root.
    Ssz {
        /// The name in the specification, for example BeaconState or SignedBeaconBlock.
        object: String,
        /// The file, plain, .snappy, .zst or .gz, or of the official tests (.ssz_snappy).
        file: PathBuf,
        /// The fork.
        #[arg(long, value_name = "FORK")]
        fork: consensus::spec::Fork,
        /// Which network.
        #[command(flatten)]
        network: NetworkArgs,
    },
}

/// Which network.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetworkArgs {
    /// A built-in network: mainnet, hoodi, sepolia or gnosis.
    #[arg(long, default_value = "mainnet", value_name = "NAME")]
    pub(crate) network: String,
    /// A configuration file of the specification (config.yaml), or a node's /eth/v1/config/spec.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

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
    /// Say why, block by block.
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

/// `blockmark db …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Create an empty database.
    Init(DbArgs),
    /// Classify blocks into the database; known blocks are updated, never an error.
    Build {
        /// The database.
        #[command(flatten)]
        db: DbArgs,
        /// Blocks to classify.
        #[command(flatten)]
        input: InputArgs,
        /// The model file, or a directory of slots_A_to_B.bmm files chosen by slot.
        #[arg(long, value_name = "FILE")]
        model: PathBuf,
    },
    /// Take over every row of an old blockprint SQLite file.
    Import {
        /// The old file.
        file: PathBuf,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Copy a database into another one, SQLite or PostgreSQL, and compare the two; resumable.
    Copy {
        /// The database to read: a file or a postgres:// URL.
        #[arg(value_name = "FROM")]
        from: PathBuf,
        /// The database to fill: a file or a postgres:// URL. Made if it is a file that is not there.
        #[arg(value_name = "TO")]
        to: PathBuf,
    },
    /// Write a copy of the SQLite file that is whole, while others read and write it.
    Backup {
        /// The new file.
        #[arg(value_name = "TO")]
        to: PathBuf,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Give up the features behind old verdicts; blocks and verdicts stay.
    Prune {
        /// Features of blocks before this slot go.
        #[arg(long, value_name = "SLOT")]
        evidence_before: u64,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Bring an older database to this version's schema.
    Migrate(DbArgs),
    /// Verify the database: integrity, counts, gaps.
    Check {
        /// The database.
        #[command(flatten)]
        db: DbArgs,
        /// List the gaps.
        #[arg(long)]
        gaps: bool,
    },
    /// Write all verdicts as CSV or Parquet.
    Export {
        /// The file; `-` for standard output.
        out: PathBuf,
        /// The form; when absent, Parquet for a file named *.parquet, else CSV.
        #[arg(long, value_enum, value_name = "FORM")]
        format: Option<ExportFormat>,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Which client a validator runs, judged from its blocks.
    Affinity {
        /// Validator indices.
        #[arg(required = true)]
        validators: Vec<u64>,
        /// Count blocks up to this slot.
        #[arg(long, value_name = "SLOT")]
        until: Option<u64>,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
}

/// Which database.
#[derive(Clone, Debug, Args)]
pub(crate) struct DbArgs {
    /// The SQLite file, or postgres://USER:PASSWORD@HOST/DATABASE; default: blockmark.sqlite in the data directory.
    #[arg(long, env = "BLOCKMARK_DB", hide_env_values = true, value_name = "FILE|URL")]
    pub(crate) db: Option<PathBuf>,
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

/// The form of an export.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a line of names.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_take_one_value_and_leave_the_words_behind_them() {
        let words = ["blockmark", "train", "--group", "Teku", "--group", "Nimbus", "--graffiti-only", "none"];
        let rest = ["--disable", "Grandine,Prysm", "data", "--model", "m"];
        match Cli::try_parse_from([&words[..], &rest[..]].concat()).expect("parses").command {
            Command::Train(args) => {
                assert_eq!(args.data, PathBuf::from("data"));
                assert_eq!(args.method.group, [Client::Teku, Client::Nimbus]);
                assert_eq!(args.method.disable, [Client::Grandine, Client::Prysm]);
                assert_eq!(args.method.graffiti_only, [ClientOrNone::None]);
            }
            _ => unreachable!("train was asked for"),
        }
        let words = ["blockmark", "label", "--disable", "Lodestar", "raw", "out"];
        match Cli::try_parse_from(words).expect("parses").command {
            Command::Label(args) => {
                assert_eq!((args.input.input, args.out), ("raw".to_owned(), PathBuf::from("out")));
                assert_eq!(args.disable, [Client::Lodestar]);
            }
            _ => unreachable!("label was asked for"),
        }
    }

    #[test]
    fn graffiti_only_defaults_to_lodestar_and_can_be_none() {
        let train = |extra: &[&str]| {
            let mut words = vec!["blockmark", "train", "data", "--model", "m"];
            words.extend_from_slice(extra);
            match Cli::try_parse_from(words).expect("parses").command {
                Command::Train(args) => args.method.graffiti_only,
                _ => unreachable!("train was asked for"),
            }
        };
        assert_eq!(train(&[]), [ClientOrNone::Client(Client::Lodestar)]);
        assert_eq!(train(&["--graffiti-only", "none"]), [ClientOrNone::None]);
    }
}
