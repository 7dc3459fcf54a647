//! Any files as a recording: network, genesis, manifest, blocks and states, each compressed in any way.
#![no_main]

use std::fs;
use std::io::Read;
use std::path::Path;

use consensus::Slot;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use source::compression::Compression;
use source::recording::{CONFIG_FILE, GENESIS_FILE, Kind, MANIFEST_FILE, Recording, RecordingLimits};
use source::replay::{Links, Replay};

/// Low enough for a fuzzer to reach.
const LIMITS: RecordingLimits =
    RecordingLimits { block_bytes: 64 << 10, state_bytes: 256 << 10, read_ahead: 1 };

#[derive(Arbitrary, Debug)]
enum Content<'a> {
    /// As given.
    Bytes(&'a [u8]),
    /// Packed.
    Packed(&'a [u8]),
    /// So many kilobytes of one byte, packed.
    Bomb(u8, u16),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    config: &'a str,
    genesis: Option<&'a str>,
    manifest: Option<&'a str>,
    files: Vec<(bool, u8, u8, Content<'a>)>,
}

const CONFIG: &str = "PRESET_BASE: 'minimal'\nCONFIG_NAME: 'fuzz'\nALTAIR_FORK_EPOCH: 0\n";

fn compression(number: u8) -> Compression {
    Compression::ALL[usize::from(number) % Compression::ALL.len()]
}

fn write(root: &Path, input: &Input<'_>) -> std::io::Result<()> {
    fs::create_dir(root.join("blocks"))?;
    fs::create_dir(root.join("states"))?;
    // Most inputs are about what is in a known network.
    let config = if input.config.len() < 8 { CONFIG } else { input.config };
    fs::write(root.join(CONFIG_FILE), config)?;
    for (name, text) in [(GENESIS_FILE, input.genesis), (MANIFEST_FILE, input.manifest)] {
        if let Some(text) = text {
            fs::write(root.join(name), text)?;
        }
    }
    for (is_block, slot, packing, content) in input.files.iter().take(6) {
        let packing = compression(*packing);
        let bytes = match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Packed(bytes) => packing.pack(bytes)?,
            Content::Bomb(byte, kilobytes) => {
                let mut bomb = Vec::new();
                std::io::repeat(*byte).take(u64::from(*kilobytes % 512) << 10).read_to_end(&mut bomb)?;
                packing.pack(&bomb)?
            }
        };
        let folder = if *is_block { Kind::Block } else { Kind::State }.folder();
        fs::write(root.join(folder).join(format!("{slot}.ssz{}", packing.extension())), bytes)?;
    }
    Ok(())
}

fuzz_target!(|input: Input<'_>| {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &input).expect("files can be written");
    let Ok(recording) = Recording::open(folder.path(), LIMITS) else { return };
    let _ = recording.verify();
    for slot in recording.block_slots() {
        if let Ok(block) = recording.block(slot) {
            assert_eq!(block.slot(), slot);
        }
    }
    let first = recording.block_slots().next().unwrap_or(Slot(1));
    if let Ok(state) = recording.state_before(first) {
        assert!(Slot(state.slot) < first);
        let blocks = recording.blocks_here(first, Slot(u64::MAX));
        Replay::new(state, blocks, Links::Check).for_each(|block| drop(block));
    }
});
