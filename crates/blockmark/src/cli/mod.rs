//! Exactly what was typed: commands and flags. Parsing does no I/O.

mod access;
mod bench;
mod chain;
mod classifier;
mod db;
mod nodes;
mod service;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use access::*;
pub(crate) use bench::*;
pub(crate) use chain::*;
pub(crate) use classifier::*;
pub(crate) use db::*;
pub(crate) use nodes::*;
pub(crate) use service::*;

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
    /// Write the eras that a recording has whole as era files.
    Era(EraArgs),
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
        /// A command, such as `db build`, or a topic.
        topic: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use fingerprint::Client;

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
