//! The two recordings that the program carries: each a chain with the state before it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use fingerprint::{BlockObservation, Client};
use serde::Deserialize;
use source::chain_input::ChainInput;
use source::{Links, Replay};

use crate::commands::simulate::PACKERS_FILE;

/// A recording as it is carried: an archive of its directory.
pub(super) struct Shipped {
    /// The name of the directory.
    pub(super) name: &'static str,
    /// What it is, for the reader.
    pub(super) what: &'static str,
    archive: &'static [u8],
}

/// The recordings. How they were made is told in `demo/README.md` of this crate.
pub(super) const SHIPPED: [Shipped; 2] = [
    Shipped {
        name: "lodestar-devnet",
        what: "a devnet: recorded from a running Lodestar v1.5.1 node with real payloads, Capella, minimal preset",
        archive: include_bytes!("../../../demo/lodestar-devnet.tar.zst"),
    },
    Shipped {
        name: "simulated",
        what: "simulated, of no network: made by blockmark simulate, Fulu, minimal preset, a sketch of each client packs",
        archive: include_bytes!("../../../demo/simulated.tar.zst"),
    },
];

/// A block that was replayed, and who packed it where that is known.
pub(super) struct DemoBlock {
    pub(super) observation: BlockObservation,
    pub(super) parent_root: consensus::Root,
    pub(super) packer: Option<Client>,
}

/// What a recording came to.
pub(super) struct DemoChain {
    /// Slots from the first block to the last.
    pub(super) slots: u64,
    pub(super) finalized_epoch: u64,
    pub(super) blocks: Vec<DemoBlock>,
}

/// A line of the file of packers.
#[derive(Deserialize)]
struct PackerLine {
    slot: u64,
    packer: Client,
}

impl Shipped {
    /// Unpacks the recording below a directory, anew.
    pub(super) fn unpack(&self, below: &Path) -> Result<std::path::PathBuf> {
        let directory = below.join(self.name);
        let named = || format!("\"{}\" can't be written", directory.display());
        if directory.exists() {
            fs::remove_dir_all(&directory)
                .with_context(|| format!("\"{}\" can't be removed", directory.display()))?;
        }
        fs::create_dir_all(&directory).with_context(named)?;
        let unpacked = zstd::stream::read::Decoder::new(self.archive).with_context(named)?;
        let mut archive = tar::Archive::new(unpacked);
        archive.set_preserve_mtime(false);
        archive.unpack(&directory).with_context(named)?;
        Ok(directory)
    }

    /// Unpacks the recording and replays it: what each block earned, by the rules of the chain.
    pub(super) fn replay(&self, below: &Path) -> Result<DemoChain> {
        let directory = self.unpack(below)?;
        let packers = packers(&directory.join(PACKERS_FILE))?;
        let chain = ChainInput::open(&directory)?.replay_all()?;
        let mut replay = Replay::new(chain.state, chain.blocks, Links::Check).by_epochs();
        let mut blocks = Vec::new();
        for block in &mut replay {
            let block = block?;
            blocks.push(DemoBlock {
                observation: block.observation(),
                parent_root: block.block.block.message.parent_root,
                packer: packers.get(&block.block.slot().0).copied(),
            });
        }
        let slot = |block: Option<&DemoBlock>| block.map_or(0, |block| block.observation.slot.0);
        Ok(DemoChain {
            slots: (slot(blocks.last()) + 1).saturating_sub(slot(blocks.first())),
            finalized_epoch: replay.state().finalized_checkpoint.epoch,
            blocks,
        })
    }
}

/// The packer of each slot; none where there is no such file.
fn packers(path: &Path) -> Result<HashMap<u64, Client>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let named = || format!("\"{}\"", path.display());
    let text = fs::read_to_string(path).with_context(named)?;
    let lines = text.lines().map(|line| {
        let line: PackerLine = serde_json::from_str(line).with_context(named)?;
        Ok((line.slot, line.packer))
    });
    lines.collect()
}
