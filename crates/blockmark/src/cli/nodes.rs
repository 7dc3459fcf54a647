//! What was typed about blocks and the nodes that have them.

use std::path::PathBuf;

use clap::Args;
use consensus::Slot;
use source::Via;
use source::compression::Compression;
use source::record::StartState;

/// Blocks to read.
#[derive(Clone, Debug, Args)]
pub(crate) struct InputArgs {
    /// A recording, era file, folder of era files, block-reward JSON, or http(s)://… of a Beacon API node.
    pub(crate) input: String,
    /// First slot; of a node, recording or era files.
    #[arg(long, value_name = "SLOT")]
    pub(crate) start: Option<u64>,
    /// Last slot (inclusive); of a node, recording or era files.
    #[arg(long, value_name = "SLOT")]
    pub(crate) end: Option<u64>,
    /// Where a node's rewards come from: auto, state, blocks or lighthouse. See: blockmark help inputs.
    #[arg(long, default_value = "auto", value_name = "WAY")]
    pub(crate) via: Via,
    /// A file of the state to replay a node's blocks from, SSZ (.gz, .zst), at or before the slot before START.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// A further node of the same network (repeatable), asked where INPUT fails.
    #[arg(long, value_name = "URL")]
    pub(crate) beacon_node: Vec<String>,
    /// How patient to be with a node.
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// How patient to be with a node.
#[derive(Clone, Debug, Args)]
pub(crate) struct NodeArgs {
    /// How often a request to a node is made before it has failed.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: u32,
}

/// `blockmark fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// First slot (inclusive).
    pub(crate) start: u64,
    /// Last slot (inclusive).
    pub(crate) end: u64,
    /// Where `slot_A_to_B.json` files go.
    pub(crate) dir: PathBuf,
    /// Which nodes.
    #[command(flatten)]
    pub(crate) nodes: NodesArgs,
    /// Where the rewards come from: auto, state, blocks or lighthouse. See: blockmark help inputs.
    #[arg(long, default_value = "auto", value_name = "WAY")]
    pub(crate) via: Via,
    /// A file of the state to replay the blocks from, SSZ (.gz, .zst), at or before the slot before START.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// legacy: Lighthouse's until 2025, 1/512; corrected: 1/448; spec: what the chain pays.
    #[arg(long, default_value = "legacy", value_name = "SCALE")]
    pub(crate) scale: consensus::rewards::Scale,
    /// Slots per file.
    #[arg(long, env = "DEFAULT_BATCH_SIZE", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub(crate) batch: u64,
    /// Requests at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// How patient to be with the node.
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// Fetch again what is already there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `blockmark record`.
#[derive(Debug, Args)]
#[command(
    after_help = "A recording holds the blocks of the range and the state before the first of them, so that it can be \
                        replayed without a node. It is written slot by slot: after Ctrl-C or a failure the same \
                        command goes on where it was. Slots count as empty only when the next block says so.\n\n\
                        Most nodes keep few states of old slots. Where the state before START is gone:\n  \
                        --state finalized   begin with the latest finalized state instead, whatever START is\n  \
                        --state SLOT        begin with the state of an earlier slot that the node still has\n  \
                        --state none        blocks only\n\n\
                        Example:\n  blockmark record 9000001 9000064 my-recording --beacon-node http://localhost:5052\n  \
                        blockmark rewards my-recording"
)]
pub(crate) struct RecordArgs {
    /// First slot (inclusive).
    pub(crate) start: u64,
    /// Last slot (inclusive).
    pub(crate) end: u64,
    /// Directory of the recording; made if needed, continued if there.
    pub(crate) dir: PathBuf,
    /// Which nodes.
    #[command(flatten)]
    pub(crate) nodes: NodesArgs,
    /// The state to begin with: before (of the slot before START), finalized, none, or a slot.
    #[arg(long, default_value = "before", value_name = "WHICH", value_parser = parse_start_state)]
    pub(crate) state: StartState,
    /// How files are compressed: none, gz, zst or snappy.
    #[arg(long, default_value = "zst", value_name = "FORM", value_parser = parse_compression)]
    pub(crate) compression: Compression,
    /// Requests at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// How patient to be with the nodes.
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// Which nodes.
#[derive(Clone, Debug, Args)]
pub(crate) struct NodesArgs {
    /// A Beacon API node (repeatable); the next one is asked where one fails.
    #[arg(
        long,
        env = "BLOCKMARK_BEACON_NODE",
        default_value = "http://localhost:5052",
        value_name = "URL",
        value_delimiter = ' ',
        hide_env_values = true
    )]
    pub(crate) beacon_node: Vec<String>,
}

fn parse_start_state(text: &str) -> Result<StartState, String> {
    match text {
        "before" => Ok(StartState::BeforeStart),
        "finalized" => Ok(StartState::Finalized),
        "none" => Ok(StartState::Without),
        slot => slot
            .parse()
            .map(|slot| StartState::Slot(Slot(slot)))
            .map_err(|_| "expected before, finalized, none or a slot".to_owned()),
    }
}

pub(super) fn parse_compression(text: &str) -> Result<Compression, String> {
    match text {
        "none" => Ok(Compression::None),
        "gz" => Ok(Compression::Gzip),
        "zst" => Ok(Compression::Zstd),
        "snappy" => Ok(Compression::Snappy),
        _ => Err("expected none, gz, zst or snappy".to_owned()),
    }
}
