//! Recordings of real private networks: written, read, continued, and broken in every way.

use std::fs;
use std::path::Path;

use captures::Capture;
use consensus::Slot;
use consensus::spec::Spec;
use consensus::ssz::Json;
use source::chain::ChainBlock;
use source::compression::Compression;
use source::recording::{
    CONFIG_FILE, GENESIS_FILE, Identity, Kind, MANIFEST_FILE, Recording, RecordingError, RecordingLimits,
    RecordingWriter,
};

fn small() -> Option<Capture> {
    captures::named("lighthouse-devnet/deneb-minimal-34-104")
}

fn file(root: &Path, kind: Kind, slot: u64, compression: Compression) -> std::path::PathBuf {
    root.join(format!("{}/{slot}.ssz{}", kind.folder(), compression.extension()))
}

#[test]
fn json_and_ssz_of_every_recorded_block_have_the_recorded_root() {
    let mut blocks = 0;
    for capture in captures::all() {
        let spec = capture.spec();
        for captured in capture.blocks().into_iter().chain(capture.orphans()) {
            let place = format!("{}, slot {}", capture.name, captured.slot);
            let ssz = captured.from_ssz(&spec);
            let json = captured.from_json(&spec);
            assert_eq!(json, ssz, "{place}");
            assert_eq!(ssz.slot(), captured.slot, "{place}");
            assert_eq!(ssz.root(&spec), captured.root, "{place}");
            assert_eq!(ssz.encode(&spec), captured.ssz, "{place}");
            let shape = spec.shape(ssz.fork);
            // Lodestar writes addresses in mixed case, as a checksum.
            let written = ssz.block.to_json(&shape).to_string();
            assert!(written == captured.json["data"].to_string().to_lowercase(), "{place}: {written}");
            blocks += 1;
        }
    }
    println!("{blocks} blocks");
    assert!(blocks == 0 || blocks > 1_000, "{blocks} blocks");
}

#[test]
fn every_capture_becomes_a_recording_that_reads_back() {
    for (capture, compression) in captures::all().into_iter().zip(Compression::ALL.into_iter().cycle()) {
        let directory = tempfile::tempdir().expect("a directory");
        let recording = capture.record(directory.path(), compression);
        assert!(Recording::recognise(directory.path()));
        let spec = recording.spec();
        assert_eq!(**spec, capture.spec(), "{}", capture.name);
        assert_eq!(recording.genesis(), Some(&capture.genesis()), "{}", capture.name);
        let captured = capture.blocks();
        let mut read = recording.all_blocks();
        for captured in &captured {
            let block = read.next().expect("a block").expect("a good block");
            assert_eq!(block.encode(spec), captured.ssz, "{}, slot {}", capture.name, captured.slot);
        }
        assert!(read.next().is_none());
        let first = captured.first().expect("a block").slot;
        let state = recording.state_before(if first.0 == 308 { Slot(309) } else { first }).expect("a state");
        assert!(state.slot <= first.0, "{}", capture.name);
        let manifest = recording.manifest().expect("a manifest");
        assert_eq!(manifest.origin, [capture.name]);
        assert_eq!(manifest.genesis_validators_root, capture.genesis().validators_root);
        let last = captured.last().expect("a block").slot;
        assert!(manifest.covers(first) && manifest.covers(last) && !manifest.covers(Slot(last.0 + 1)));
        assert_eq!(manifest.ranges.len(), 1, "{}", capture.name);
    }
}

#[test]
fn what_is_recorded_is_one_chain() {
    for capture in captures::all() {
        // The states of the others take seconds to hash where nothing is optimised.
        if capture.name.starts_with("lighthouse-devnet/deneb-mainnet") {
            continue;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let recording = capture.record(directory.path(), Compression::None);
        let verified = recording.verify().unwrap_or_else(|error| panic!("{}: {error}", capture.name));
        assert_eq!(verified.blocks, capture.blocks().len() as u64, "{}", capture.name);
        assert_eq!(verified.states, capture.states().len() as u64, "{}", capture.name);
        assert_eq!(verified.digests, verified.blocks + verified.states, "{}", capture.name);
    }
}

#[test]
fn ranges_of_slots_are_read() {
    let Some(capture) = small() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let recording = capture.record(directory.path(), Compression::Snappy);
    let slots = |first, last| -> Vec<u64> {
        recording.blocks(Slot(first), Slot(last)).map(|block| block.expect("a block").slot().0).collect()
    };
    let all: Vec<u64> = recording.block_slots().map(|slot| slot.0).collect();
    assert_eq!(slots(0, u64::MAX), all);
    assert_eq!(slots(34, 34), [34]);
    assert_eq!(
        slots(40, 60),
        all.iter().copied().filter(|slot| (40..=60).contains(slot)).collect::<Vec<_>>()
    );
    assert!(slots(60, 40).is_empty() && slots(105, u64::MAX).is_empty());
}

/// A recording of a few blocks, without compression, and what it was made of.
struct Small {
    directory: tempfile::TempDir,
    config: String,
    capture: Capture,
}

impl Small {
    fn new() -> Option<Self> {
        let capture = small()?;
        let this =
            Self { directory: tempfile::tempdir().expect("a directory"), config: capture.config(), capture };
        let writer = this.open().expect("a writer");
        for (slot, ssz) in this.capture.states().into_iter().take(1) {
            writer.write_state(slot, &ssz).expect("a state");
        }
        for block in this.blocks() {
            writer.write_block(&block).expect("a block");
        }
        writer.finish().expect("a manifest");
        Some(this)
    }

    fn open(&self) -> Result<RecordingWriter, RecordingError> {
        let identity = Identity { config: &self.config, genesis: self.capture.genesis() };
        RecordingWriter::open(self.path(), identity, Compression::None)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn blocks(&self) -> Vec<ChainBlock> {
        let spec = self.capture.spec();
        self.capture.blocks().iter().take(8).map(|block| block.from_ssz(&spec)).collect()
    }

    fn block_file(&self, slot: u64) -> std::path::PathBuf {
        file(self.path(), Kind::Block, slot, Compression::None)
    }

    fn read(&self) -> Result<Recording, RecordingError> {
        Recording::open(self.path(), RecordingLimits::default())
    }

    fn error_of(&self, slot: u64) -> String {
        let error = self.read().expect("a recording").block(Slot(slot)).expect_err("a bad block");
        error.to_string()
    }
}

#[test]
fn a_stopped_recording_is_continued() {
    let Some(small) = Small::new() else { return };
    // It was stopped before the manifest knew of two blocks, and while a third was being written.
    let manifest = small.path().join(MANIFEST_FILE);
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).expect("a manifest")).expect("JSON");
    json["ranges"][0]["last"] = 37.into();
    let digests = json["blake3"].as_object_mut().expect("digests");
    for slot in [38, 39, 40] {
        digests.remove(&format!("blocks/{slot}.ssz"));
    }
    fs::write(&manifest, json.to_string()).expect("written");
    fs::write(small.block_file(40), b"half").expect("written");
    // Two others were removed, and one has another compression now.
    fs::remove_file(small.block_file(35)).expect("removed");
    fs::remove_file(small.block_file(36)).expect("removed");
    let writer = small.open().expect("a writer");
    let covered: Vec<u64> = (30..45).filter(|slot| writer.covers(Slot(*slot))).collect();
    assert_eq!(covered, [34, 37, 38, 39]);
    for block in small.blocks().iter().filter(|block| !writer.covers(block.slot())) {
        writer.write_block(block).expect("a block");
    }
    let manifest = writer.finish().expect("a manifest");
    assert_eq!(manifest.blake3.len(), 9);
    let recording = small.read().expect("a recording");
    assert_eq!(recording.verify().expect("good").blocks, 8);
    assert_eq!(recording.manifest(), Some(&manifest));
}

#[test]
fn a_block_that_is_written_again_replaces_the_one_that_is_there() {
    let Some(small) = Small::new() else { return };
    let identity = Identity { config: &small.config, genesis: small.capture.genesis() };
    let writer = RecordingWriter::open(small.path(), identity, Compression::Gzip).expect("a writer");
    let block = small.blocks().remove(0);
    assert_eq!(writer.block(block.slot()).expect("the old one"), block);
    writer.write_block(&block).expect("a block");
    writer.finish().expect("a manifest");
    assert!(!small.block_file(34).exists());
    let recording = small.read().expect("a recording");
    assert_eq!(recording.block(Slot(34)).expect("the new one"), block);
    assert_eq!(recording.verify().expect("good").digests, 9);
}

#[test]
fn one_at_a_time_writes() {
    let Some(small) = Small::new() else { return };
    let writer = small.open().expect("a writer");
    let error = small.open().expect_err("busy").to_string();
    assert!(error.contains("something else is writing this recording"), "{error}");
    drop(writer);
    drop(small.open().expect("free again"));
}

#[test]
fn another_network_is_not_mixed_in() {
    let Some(small) = Small::new() else { return };
    let mut genesis = small.capture.genesis();
    genesis.validators_root.0[0] ^= 1;
    let identity = Identity { config: &small.config, genesis };
    let error = RecordingWriter::open(small.path(), identity, Compression::None).expect_err("refused");
    assert!(error.to_string().contains("its genesis_validators_root is 0x"), "{error}");
    for (from, to, field) in [
        ("\"ELECTRA_FORK_EPOCH\":\"18446744073709551615\"", "\"ELECTRA_FORK_EPOCH\":\"9\"", "fork schedule"),
        ("\"SLOTS_PER_EPOCH\":\"8\"", "\"SLOTS_PER_EPOCH\":\"32\"", "preset"),
    ] {
        assert!(small.config.contains(from), "{from}");
        let config = small.config.replace(from, to);
        let identity = Identity { config: &config, genesis: small.capture.genesis() };
        let error = RecordingWriter::open(small.path(), identity, Compression::None).expect_err("refused");
        assert!(error.to_string().contains(&format!("its {field} is")), "{error}");
    }
}

#[test]
fn broken_files_are_named() {
    let Some(small) = Small::new() else { return };
    fs::remove_file(small.path().join(MANIFEST_FILE)).expect("removed");
    let good = fs::read(small.block_file(34)).expect("a block");

    fs::write(small.block_file(34), &good[..good.len() / 2]).expect("written");
    let text = small.error_of(34);
    assert!(
        text.contains(
            "34.ssz\": the block of slot 34 is not one of the fork deneb: message.body.blob_kzg_commitments: the offset"
        ),
        "{text}"
    );

    fs::write(small.block_file(34), []).expect("written");
    let text = small.error_of(34);
    assert!(text.contains("deneb: message: the bytes end after 0"), "{text}");

    fs::copy(small.block_file(35), small.block_file(34)).expect("copied");
    let text = small.error_of(34);
    assert!(text.contains("has slot 35 inside, and is named after slot 34"), "{text}");

    let gzip = file(small.path(), Kind::Block, 34, Compression::Gzip);
    fs::remove_file(small.block_file(34)).expect("removed");
    let packed = Compression::Gzip.pack(&good).expect("packed");
    fs::write(&gzip, &packed[..packed.len() - 20]).expect("written");
    let text = small.error_of(34);
    assert!(text.contains("34.ssz.gz\" can't be read, because"), "{text}");

    fs::write(&gzip, Compression::Gzip.pack(&vec![0; 33 << 20]).expect("packed")).expect("written");
    let text = small.error_of(34);
    assert!(text.contains("it holds more than 33554432 bytes"), "{text}");

    fs::write(small.block_file(34), &good).expect("written");
    let text = small.read().expect_err("two of them").to_string();
    assert!(text.contains("34.ssz\" and \"") || text.contains("34.ssz.gz\" and \""), "{text}");
    assert!(text.ends_with("are both of slot 34; keep one of them"), "{text}");
    fs::remove_file(gzip).expect("removed");

    let text = small.error_of(33);
    assert!(text.contains("has no block of slot 33"), "{text}");
}

#[test]
fn broken_states_are_named() {
    let Some(small) = Small::new() else { return };
    fs::remove_file(small.path().join(MANIFEST_FILE)).expect("removed");
    let path = file(small.path(), Kind::State, 33, Compression::None);
    assert!(path.exists());
    let sentence = || small.read().expect("a recording").state(Slot(33)).expect_err("bad").to_string();
    let good = fs::read(&path).expect("a state");
    fs::write(&path, &good[..good.len() - 1]).expect("written");
    assert!(sentence().contains("33.ssz\": the state of slot 33 can't be used: slot 33: "), "{}", sentence());
    fs::write(&path, &good[..30]).expect("written");
    assert!(sentence().contains("fewer bytes than its first fields"), "{}", sentence());
    let renamed = file(small.path(), Kind::State, 32, Compression::None);
    fs::write(&renamed, &good).expect("written");
    let error = small.read().expect("a recording").state(Slot(32)).expect_err("bad").to_string();
    assert!(error.contains("has slot 33 inside, and is named after slot 32"), "{error}");
    let error = small.read().expect("a recording").state_before(Slot(32)).expect_err("none").to_string();
    assert!(error.contains("has no state of a slot before 32"), "{error}");
}

#[test]
fn what_is_no_recording_is_described() {
    let Some(small) = Small::new() else { return };
    let sentence = || small.read().expect_err("no recording").to_string();
    let manifest = fs::read(small.path().join(MANIFEST_FILE)).expect("a manifest");
    fs::write(small.path().join(MANIFEST_FILE), &manifest[..manifest.len() / 2]).expect("written");
    assert!(sentence().contains("manifest.json\": EOF"), "{}", sentence());
    fs::remove_file(small.path().join(MANIFEST_FILE)).expect("removed");
    assert!(small.read().expect("a recording without it").manifest().is_none());
    fs::write(small.path().join(GENESIS_FILE), "{}").expect("written");
    assert!(sentence().contains("genesis.json\": the field genesis_time is missing"), "{}", sentence());
    fs::remove_file(small.path().join(GENESIS_FILE)).expect("removed");
    assert!(small.read().expect("a recording without it").genesis().is_none());
    fs::write(small.path().join(CONFIG_FILE), "PRESET_BASE: huge\n").expect("written");
    assert!(sentence().contains("config.yaml\": PRESET_BASE: \"huge\" is not known"), "{}", sentence());
    fs::remove_file(small.path().join(CONFIG_FILE)).expect("removed");
    assert!(sentence().ends_with("is no recording: it has no config.yaml"), "{}", sentence());
    assert!(!Recording::recognise(small.path()));
}

#[test]
fn a_flat_configuration_serves_too() {
    let Some(small) = Small::new() else { return };
    let values = small.capture.spec().to_values();
    let lines: Vec<String> = values
        .iter()
        .filter(|(key, _)| key.as_str() != "BLOB_SCHEDULE")
        .map(|(key, value)| format!("{key}: {}\n", value.as_str().expect("a text")))
        .collect();
    fs::write(small.path().join(CONFIG_FILE), lines.concat()).expect("written");
    assert_eq!(small.read().expect("a recording").verify().expect("good").blocks, 8);
}

#[test]
fn changes_and_gaps_are_found() {
    let Some(small) = Small::new() else { return };
    let path = small.block_file(36);
    let good = fs::read(&path).expect("a block");
    let mut changed = good.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    fs::write(&path, &changed).expect("written");
    let verify = || small.read().expect("a recording").verify().expect_err("changed").to_string();
    assert!(verify().contains("36.ssz\" has changed: its digest is "), "{}", verify());
    fs::remove_file(small.path().join(MANIFEST_FILE)).expect("removed");
    fs::write(&path, good).expect("written");
    fs::remove_file(small.block_file(35)).expect("removed");
    assert!(verify().contains("the block of slot 36 names the parent 0x"), "{}", verify());
}

#[test]
fn what_the_manifest_lists_must_be_there_and_unchanged() {
    let Some(small) = Small::new() else { return };
    let (block, state) = (small.block_file(36), file(small.path(), Kind::State, 33, Compression::None));
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).expect("a file");
        *bytes.last_mut().expect("a byte") ^= 1;
        fs::write(path, bytes).expect("written");
    };
    flip(&block);
    assert!(small.error_of(36).contains("36.ssz\" has changed: its digest is "), "{}", small.error_of(36));
    let recording = small.read().expect("a recording");
    let bad: Vec<bool> = recording.all_blocks().map(|block| block.is_err()).collect();
    assert_eq!(bad.iter().filter(|bad| **bad).count(), 1, "{bad:?}");
    flip(&block);
    small.read().expect("a recording").block(Slot(36)).expect("as it was");
    flip(&state);
    let error = small.read().expect("a recording").state_before(Slot(34)).expect_err("changed").to_string();
    assert!(error.contains("33.ssz\" has changed"), "{error}");
    flip(&state);
    // Compressed in another way it is still there.
    let packed = Compression::Gzip.pack(&fs::read(&block).expect("a block")).expect("packed");
    fs::write(file(small.path(), Kind::Block, 36, Compression::Gzip), packed).expect("written");
    fs::remove_file(&block).expect("removed");
    assert_eq!(small.read().expect("a recording").block(Slot(36)).expect("a block").slot(), Slot(36));
    fs::remove_file(small.block_file(35)).expect("removed");
    fs::remove_file(small.block_file(38)).expect("removed");
    let error = small.read().expect_err("not whole").to_string();
    assert!(
        error.contains("is not whole: blocks/35.ssz is missing and 1 more, which its manifest"),
        "{error}"
    );
    fs::remove_file(small.path().join(MANIFEST_FILE)).expect("removed");
    assert_eq!(small.read().expect("what is there").block_slots().count(), 6);
}

#[test]
fn a_state_of_another_network_is_refused() {
    let Some(small) = Small::new() else { return };
    let mut genesis = small.capture.genesis();
    genesis.validators_root.0[0] ^= 1;
    fs::write(small.path().join(GENESIS_FILE), genesis.to_json().to_string()).expect("written");
    let error = small.read().expect("a recording").state_before(Slot(34)).expect_err("another").to_string();
    assert!(error.contains("33.ssz\": genesis_validators_root is 0x"), "{error}");
}

#[test]
fn no_change_of_a_byte_is_a_crash() {
    let Some(small) = Small::new() else { return };
    let spec: Spec = small.capture.spec();
    let good = fs::read(small.block_file(34)).expect("a block");
    for place in (0..good.len()).step_by(7) {
        for change in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[place] ^= change;
            if let Ok(block) = ChainBlock::decode(&spec, &bad) {
                assert_eq!(block.encode(&spec), bad, "byte {place}");
            }
        }
    }
}
