//! A recording: a stretch of a chain as a directory, which a node, an era file or a simulation can fill and
//! everything that works on blocks can read.
//!
//! ```text
//! config.yaml            the network, flat `KEY: value` lines or the JSON of /eth/v1/config/spec
//! genesis.json           /eth/v1/beacon/genesis
//! states/<slot>.ssz      BeaconState after the block of that slot; at least the one before the first block
//! blocks/<slot>.ssz      SignedBeaconBlock
//! manifest.json          where it comes from, which slots it covers, digests that the files must have; optional
//! ```
//!
//! Blocks and states may each be compressed (`.gz`, `.zst`, `.snappy`). The fork of a block or state follows from
//! its slot and the network. Other files are left alone.

mod error;
mod layout;
mod manifest;
mod reader;
mod writer;

pub use error::RecordingError;
pub use layout::Kind;
pub use manifest::{Covered, Manifest};
pub(crate) use reader::head_root;
pub use reader::{Recording, RecordingLimits, Verified};
pub use writer::{Identity, RecordingWriter};

/// The name of the file with the network.
pub const CONFIG_FILE: &str = "config.yaml";
/// The name of the file with the genesis.
pub const GENESIS_FILE: &str = "genesis.json";
/// The name of the file with origin and digests.
pub const MANIFEST_FILE: &str = "manifest.json";
