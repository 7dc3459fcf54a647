//! Commands that work on a chain: `era`, `rewards`, `simulate`, `debug`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FeaturesArgs;
use super::InputArgs;
use super::nodes;

/// `blockmark era`.
#[derive(Debug, Args)]
#[command(
    after_help = "Era N holds the blocks of 8,192 slots, from (N-1) * 8192 to N * 8192 - 1, and the state of slot \
                        N * 8192 (in the minimal preset 64 slots). Era 0 is the genesis state alone. A file is written \
                        for each era whose slots the recording knows, the one behind it included; there are no files \
                        of a part of an era. The blocks are replayed, with every state root recomputed, and a file has \
                        its name only when it is whole.\n\n\
                        The files are read together with the one of the era before, whose state their blocks follow. \
                        Unless the network is built in, its config.yaml is written beside them.\n\n\
                        Example:\n  blockmark record 1 16384 my-recording --beacon-node http://localhost:5052\n  \
                        blockmark era my-recording my-eras\n  blockmark rewards my-eras"
)]
pub(crate) struct EraArgs {
    /// The recording.
    pub(crate) recording: PathBuf,
    /// The folder of the era files, made if needed.
    pub(crate) dir: PathBuf,
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
#[command(
    after_help = "A chain may cross forks. A fork that is between two and not named begins with the later of them.\n\n\
                        Attestations of phase0 blocks are paid at the end of the epoch; \"blockmark rewards\" shows \
                        what each is worth, as it does for real chains. From gloas on payloads come apart from their \
                        blocks and are not in the recording: a block has the bid of its proposer, and the next bid \
                        says whether the payload came.\n\n\
                        Examples:\n  blockmark simulate --validators 1000 --slots 128 --out chain --preset minimal\n  \
                        blockmark simulate --validators 1000 --slots 96 --out forks --preset minimal \\\n    \
                        --fork phase0 --fork-at altair=2 --fork-at capella=4 --fork-at electra=8 --signed\n  \
                        blockmark debug replay forks"
)]
pub(crate) struct SimulateArgs {
    /// Active validators.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub(crate) validators: u32,
    /// Slots after genesis.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) slots: u64,
    /// Directory of the recording; blocks of a simulated chain that is there are replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of everything random; the same seed makes the same chain.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The fork that the chain begins with: phase0, altair, bellatrix, capella, deneb, electra, fulu or gloas.
    #[arg(long, default_value = "electra", value_name = "FORK")]
    pub(crate) fork: consensus::spec::Fork,
    /// A later fork and the epoch that it begins with, such as capella=4 (repeatable, in order).
    #[arg(long, value_name = "FORK=EPOCH")]
    pub(crate) fork_at: Vec<simulate::chain::Upgrade>,
    /// The preset: mainnet, minimal or gnosis.
    #[arg(long, default_value = "mainnet", value_name = "NAME")]
    pub(crate) preset: String,
    /// Make valid signatures.
    #[arg(long)]
    pub(crate) signed: bool,
    /// Slots without a block, in thousandths. From gloas on as many blocks are without payload.
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
    /// Random bytes of transactions in the payload of each block, which has one from bellatrix to fulu.
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
