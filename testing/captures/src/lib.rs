//! Test support: recorded private networks as blocks, states, node answers and recordings.
//!
//! The data is found by `BLOCKMARK_DATA`, else beside the workspace in `../shared/data`. Where it is absent,
//! [`all`] is empty and says so, except with `CI` set, where it panics. Everything here panics on data that is not
//! as it should be: it is for tests.

pub mod fake_node;
mod files;
mod layout;
pub mod pacing;
pub mod served;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::containers::SignedBeaconBlock;
use consensus::spec::Spec;
use consensus::ssz::Json;
use consensus::{Root, Slot};
use serde_json::Value;
use source::chain::{ChainBlock, Genesis};
use source::compression::Compression;
use source::recording::{Identity, Recording, RecordingLimits, RecordingWriter};

pub use files::{data, json, lines, unpacked};

/// The client whose node or library was recorded; also the form of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Lighthouse nodes.
    Lighthouse,
    /// A Lodestar node (Capella), or a driver on its libraries (Electra, Fulu).
    Lodestar,
    /// Grandine nodes.
    Grandine,
}

/// A recorded private network: one directory of the data.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The directory below the data, such as `lodestar-devnet/electra/minimal`.
    pub name: &'static str,
    /// Who made it.
    pub maker: Maker,
    root: PathBuf,
}

/// A block as it was recorded.
#[derive(Clone, Debug)]
pub struct CapturedBlock {
    /// The slot.
    pub slot: Slot,
    /// The root as the node told it.
    pub root: Root,
    /// The JSON body of `/eth/v2/beacon/blocks/{slot}`.
    pub json: Value,
    /// The same block encoded.
    pub ssz: Vec<u8>,
}

/// Every capture, or none where the data is absent.
pub fn all() -> Vec<Capture> {
    let Some(data) = data() else { return Vec::new() };
    layout::CAPTURES
        .iter()
        .map(|(name, maker)| Capture { name, maker: *maker, root: data.join(name) })
        .collect()
}

/// One capture by its name, or nothing where the data is absent.
pub fn named(name: &str) -> Option<Capture> {
    let captures = all();
    assert!(captures.is_empty() || captures.iter().any(|capture| capture.name == name), "no capture {name}");
    captures.into_iter().find(|capture| capture.name == name)
}

impl Capture {
    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The body of `/eth/v1/config/spec`.
    pub fn config(&self) -> String {
        String::from_utf8(unpacked(&self.root.join(layout::config_file(self.maker)))).expect("UTF-8")
    }

    /// The network.
    pub fn spec(&self) -> Spec {
        Spec::parse(&self.config()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The body of `/eth/v1/beacon/genesis`.
    pub fn genesis_body(&self) -> Value {
        json(&self.root.join("genesis.json.gz"))
    }

    /// The genesis.
    pub fn genesis(&self) -> Genesis {
        let body = self.genesis_body();
        let text = |name: &str| body["data"][name].as_str().expect("a text").to_owned();
        let version = u32::from_str_radix(&text("genesis_fork_version")[2..], 16).expect("a version");
        Genesis {
            time: text("genesis_time").parse().expect("a number"),
            validators_root: text("genesis_validators_root").parse().expect("a root"),
            fork_version: version.to_be_bytes(),
        }
    }

    /// The blocks that stayed in the chain, by slot.
    pub fn blocks(&self) -> Vec<CapturedBlock> {
        layout::blocks(&self.root, self.maker)
    }

    /// The blocks that did not stay, as far as they were kept.
    pub fn orphans(&self) -> Vec<CapturedBlock> {
        layout::orphans(&self.root, self.maker)
    }

    /// The encoded states with the slots that they stand at, by slot.
    pub fn states(&self) -> Vec<(Slot, Vec<u8>)> {
        layout::states(&self.root, self.maker)
    }

    /// What the node said of itself, where that was kept.
    pub fn version(&self) -> Option<Value> {
        ["node_version.json.gz", "version.json.gz"]
            .map(|name| self.root.join(name))
            .into_iter()
            .find_map(|path| path.exists().then(|| json(&path)))
    }

    /// The bodies of `/eth/v1/beacon/states/{id}/committees?epoch=`, by epoch.
    pub fn committees(&self) -> Vec<(u64, Value)> {
        layout::committees(&self.root, self.maker)
    }

    /// The bodies of `/eth/v1/beacon/rewards/blocks/{slot}`, by slot.
    pub fn block_rewards(&self) -> Vec<(Slot, Value)> {
        layout::block_rewards(&self.root, self.maker)
    }

    /// The bodies of `/eth/v1/beacon/rewards/sync_committee/{slot}`, by slot.
    pub fn sync_rewards(&self) -> Vec<(Slot, Value)> {
        layout::sync_rewards(&self.root, self.maker)
    }

    /// A gzip file of the directory as JSON.
    pub fn json(&self, file: &str) -> Value {
        json(&self.root.join(file))
    }

    /// The lines of a gzip file of the directory as JSON.
    pub fn lines(&self, file: &str) -> Vec<Value> {
        lines(&self.root.join(file))
    }

    /// A file of the directory that is plain text.
    pub fn text(&self, file: &str) -> String {
        files::text(&self.root.join(file))
    }

    /// Whether the directory has this file or folder.
    pub fn has(&self, file: &str) -> bool {
        self.root.join(file).exists()
    }

    /// The numbered JSON files of a folder, by number; `start` is what stands before the number in their names.
    pub fn numbered(&self, folder: &str, start: &str) -> Vec<(u64, Value)> {
        layout::numbered_files(&self.root.join(folder), start)
    }

    /// The files of the directory that were not opened by this thread.
    pub fn unopened(&self) -> Vec<PathBuf> {
        files::unopened(&self.root)
    }

    /// The body of `/eth/v1/beacon/states/{id}/validators` at the end.
    pub fn validators(&self) -> Value {
        json(&self.root.join(layout::validators_file(self.maker)))
    }

    /// The body of `/eth/v1/beacon/states/head/finality_checkpoints`, where it was kept.
    pub fn finality_checkpoints(&self) -> Option<Value> {
        ["finality_checkpoints_head.json.gz", "finality.json.gz"]
            .map(|name| self.root.join(name))
            .into_iter()
            .find_map(|path| path.exists().then(|| json(&path)))
    }

    /// The stream of `/eth/v1/events`.
    pub fn events(&self) -> String {
        layout::events(&self.root, self.maker)
    }

    /// Writes it as a recording and opens that.
    pub fn record(&self, directory: &Path, compression: Compression) -> Recording {
        let config = self.config();
        let identity = Identity { config: &config, genesis: self.genesis() };
        let writer = RecordingWriter::open(directory, identity, compression).expect("a recording");
        writer.note_origin(self.name);
        let spec = Arc::clone(writer.spec());
        let blocks = self.blocks();
        let states = self.states();
        for (slot, ssz) in &states {
            writer.write_state(*slot, ssz).expect("a state");
        }
        let slots =
            blocks.first().map_or(0, |block| block.slot.0)..=blocks.last().map_or(0, |block| block.slot.0);
        for block in blocks {
            let decoded = ChainBlock::decode(&spec, &block.ssz)
                .unwrap_or_else(|error| panic!("{}, slot {}: {error}", self.name, block.slot));
            writer.write_block(&decoded).expect("a block");
        }
        for slot in slots.map(Slot).filter(|slot| !writer.has_block(*slot)) {
            writer.note_empty(slot).expect("an empty slot");
        }
        writer.finish().expect("a manifest");
        Recording::open(directory, RecordingLimits::default()).expect("the recording")
    }
}

impl CapturedBlock {
    /// The block as its JSON has it.
    pub fn from_json(&self, spec: &Spec) -> ChainBlock {
        let fork = self.json["version"].as_str().and_then(|name| name.parse().ok()).expect("a fork");
        let block = SignedBeaconBlock::from_json(&self.json["data"], &spec.shape(fork))
            .unwrap_or_else(|error| panic!("slot {}: {error}", self.slot));
        ChainBlock { fork, block: Arc::new(block) }
    }

    /// The block as its encoding has it.
    pub fn from_ssz(&self, spec: &Spec) -> ChainBlock {
        ChainBlock::decode(spec, &self.ssz).unwrap_or_else(|error| panic!("slot {}: {error}", self.slot))
    }
}
