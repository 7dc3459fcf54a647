//! Era files of recordings: whole eras only, and read back as the chain that they were made of.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use consensus::Slot;
use consensus::rewards::{Attestations, Scale};
use consensus::spec::{Config, Fork, Preset, Spec};
use consensus::ssz::Ssz;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, state_transition};
use serde_json::json;
use simulate::chain::{Chain, ChainPlan, Signing, Upgrade};
use source::StopSwitch;
use source::chain::{ChainBlock, Genesis};
use source::chain_input::ChainInput;
use source::compression::Compression;
use source::era::{
    BrokenIndex, EraExportError, EraLimits, EraName, EraProgress, EraReader, EraReport, WrittenEra,
    write_eras,
};
use source::follow::{ArchivedParents, Proposal};
use source::recording::{Covered, Identity, Recording, RecordingLimits, RecordingWriter};
use source::replay::{Links, Replay};

/// Slots of an era in the minimal preset.
const ERA: u64 = 64;

/// A chain from phase 0 to Gloas.
struct Grown {
    spec: Arc<Spec>,
    /// The state of each slot, with its block, from slot 0 on.
    states: Vec<State>,
    blocks: Vec<ChainBlock>,
}

impl Grown {
    fn new(seed: u64, slots: u64) -> Self {
        let config = Config { config_name: "simulated".to_owned(), ..Config::default() };
        let upgrades = Fork::ALL.into_iter().skip(1).zip((2..).step_by(3));
        let plan = ChainPlan {
            spec: Spec { preset: Preset::MINIMAL, config },
            fork: Fork::Phase0,
            upgrades: upgrades.map(|(fork, epoch)| Upgrade { fork, epoch }).collect(),
            validators: 32,
            seed,
            signing: Signing::Unsigned,
            missed_permille: 150,
            payload_bytes: 100,
            genesis_time: 1_700_000_000,
        };
        let mut chain = Chain::new(plan).expect("a chain");
        let mut states = vec![chain.state().clone()];
        let mut blocks = Vec::new();
        for _ in 0..slots {
            let block = chain.advance(&mut FromScratch).expect("a slot");
            let fork = chain.state().fork_name();
            blocks.extend(block.map(|block| ChainBlock { fork, block }));
            states.push(chain.state().clone());
        }
        Self { spec: Arc::clone(states[0].spec()), states, blocks }
    }

    fn get() -> &'static Self {
        static CHAIN: LazyLock<Grown> = LazyLock::new(|| Grown::new(3, 215));
        &CHAIN
    }

    fn block(&self, slot: u64) -> Option<&ChainBlock> {
        self.blocks.iter().find(|block| block.slot().0 == slot)
    }

    /// Records the state of a slot and the slots from `first` to `last`.
    fn record(&self, path: &Path, state: u64, first: u64, last: u64) -> Recording {
        let genesis = Genesis {
            time: self.states[0].genesis_time,
            validators_root: self.states[0].genesis_validators_root,
            fork_version: self.spec.config.fork_version(Fork::Phase0).0,
        };
        let config = json!({ "data": self.spec.to_values() }).to_string();
        let identity = Identity { config: &config, genesis };
        let writer = RecordingWriter::open(path, identity, Compression::Snappy).expect("a recording");
        let ssz = self.states[state as usize].encode().expect("an encoding");
        writer.write_state(Slot(state), &ssz).expect("written");
        for slot in first..=last {
            match self.block(slot) {
                Some(block) => writer.write_block(block).expect("written"),
                None => writer.note_empty(Slot(slot)).expect("noted"),
            }
        }
        writer.finish().expect("a manifest");
        Recording::open(path, RecordingLimits::default()).expect("a recording")
    }
}

struct Quiet;
impl EraProgress for Quiet {}

fn write(recording: &Recording, directory: &Path) -> Result<EraReport, EraExportError> {
    write_eras(recording, directory, &Quiet, &StopSwitch::default())
}

fn eras(report: &EraReport) -> Vec<u64> {
    report.eras.iter().map(|era| era.era).collect()
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn a_recording_becomes_era_files_that_are_the_same_chain() {
    let chain = Grown::get();
    let place = tempfile::tempdir().expect("a folder");
    let recording = chain.record(&place.path().join("recording"), 0, 1, 215);
    let out = place.path().join("eras");
    let report = write(&recording, &out).expect("era files");
    assert_eq!(eras(&report), [0, 1, 2, 3]);
    assert_eq!(report.partial, [Covered { first: Slot(192), last: Slot(215) }]);
    assert_eq!(files(&out).len(), 5, "{:?}", files(&out));
    for WrittenEra { era, path, blocks, state_slot, state_root } in &report.eras {
        let name = path.file_name().and_then(|name| EraName::parse(name.to_str()?)).expect("a name");
        let state = &chain.states[(era * ERA) as usize];
        assert_eq!(name, EraName::of(*era, state));
        assert_eq!((state_slot.0, state_root.0), (era * ERA, state.hash_tree_root().expect("a root")));
        let limits = EraLimits::default();
        let mut reader =
            EraReader::open(path, Arc::clone(&chain.spec), limits, BrokenIndex::Refuse).expect("an era");
        let verified = reader.verify(*era).expect("a good era");
        let of_era = chain.blocks.iter().filter(|block| block.slot().0 / ERA + 1 == *era).count() as u64;
        assert_eq!((verified.blocks, *blocks), (of_era, of_era), "era {era}");
    }
    // Names of eras that end before Capella come of the historical roots, later ones of the summaries.
    let named = |era: usize| report.eras[era].path.display().to_string();
    let short = |root: &[u8]| root.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
    let [first, last] = [&chain.states[64], &chain.states[192]];
    let genesis = short(&first.genesis_validators_root.0);
    assert!(named(0).ends_with(&format!("simulated-00000-{genesis}.era")), "{}", named(0));
    assert_eq!((first.historical_roots.len(), first.historical_summaries.len()), (1, 0));
    let root = first.historical_roots.iter().next().expect("a root");
    assert!(named(1).ends_with(&format!("simulated-00001-{}.era", short(&root.0))), "{}", named(1));
    assert_eq!((last.historical_roots.len(), last.historical_summaries.len()), (1, 2));
    let root = last.historical_summaries.iter().next_back().expect("a summary").hash_tree_root(&last.shape());
    assert!(named(3).ends_with(&format!("simulated-00003-{}.era", short(&root))), "{}", named(3));
    let replay = ChainInput::open(&out).expect("era files").replay(Slot(1), Slot(191)).expect("a replay");
    let mut state = replay.state;
    let mut expected = chain.blocks.iter().take_while(|block| block.slot().0 < 192);
    for block in replay.blocks {
        let block = block.expect("a block");
        assert_eq!(Some(&block), expected.next());
        state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ())
            .expect("a valid block");
    }
    assert!(expected.next().is_none());
    // Stretches over the borders of files, with and without a state before them.
    let eras = ChainInput::open(&out).expect("era files");
    for (first, last) in [(0, 0), (1, 1), (60, 66), (64, 64), (63, 140), (128, 300), (5, 4), (200, 900)] {
        let read: Vec<ChainBlock> =
            eras.blocks(Slot(first), Slot(last)).collect::<Result<_, _>>().expect("blocks");
        let within = |block: &&ChainBlock| (first..=last.min(191)).contains(&block.slot().0);
        assert!(read.iter().eq(chain.blocks.iter().filter(within)), "{first} to {last}");
    }
    for (slot, state) in [(1, 0), (64, 0), (65, 64), (128, 64), (129, 128), (190, 128)] {
        assert_eq!(eras.state_slot_before(Slot(slot)), Some(Slot(state)), "{slot}");
        let replay = eras.replay(Slot(slot), Slot(slot)).expect("a replay");
        assert_eq!(replay.state.slot, state, "{slot}");
    }
    // The same again changes nothing.
    let before = files(&out);
    assert_eq!(write(&recording, &out).expect("era files"), report);
    assert_eq!(files(&out), before);
}

#[test]
fn unsigned_blocks_on_parents_in_era_files_earn_what_signed_ones_do() {
    let chain = Grown::get();
    let place = tempfile::tempdir().expect("a folder");
    let recording = chain.record(&place.path().join("recording"), 0, 1, 192);
    write(&recording, &place.path().join("eras")).expect("era files");
    let eras = ChainInput::open(&place.path().join("eras")).expect("era files");
    let replay = eras.replay(Slot(1), Slot(159)).expect("a replay");
    let rewards: Vec<_> = Replay::new(replay.state, replay.blocks, Links::Check)
        .map(|block| block.expect("a block"))
        .map(|block| (block.block.clone(), block.reward(Scale::Spec, Attestations::Include)))
        .collect();
    assert!(rewards.len() > 120 && rewards.iter().any(|(block, _)| block.fork == Fork::Fulu));
    // Forwards, where each parent is reached from the one before; and here and there.
    let parents = ArchivedParents::default();
    let scattered = rewards.iter().rev().step_by(23);
    for (block, signed) in rewards.iter().chain(scattered) {
        let proposal =
            Proposal::read(&chain.spec, &testkit::blinded(&chain.spec, block)).expect("a blinded block");
        let earned = parents.preview(&eras, proposal, Scale::Spec);
        // Its root is that of the signed block only where its body is complete, which these are.
        assert_eq!(earned.as_ref().ok(), Some(signed), "slot {}: {:?}", block.slot(), earned.as_ref().err());
    }
}

#[test]
fn only_whole_eras_are_written() {
    let chain = Grown::get();
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("eras");
    let record = |name: &str, state, first, last| chain.record(&place.path().join(name), state, first, last);
    // The first slot of an era, with its block, belongs to the state before it: it has to be there.
    assert!(chain.block(64).is_some() && chain.block(63).is_some(), "this chain tests what it is for");
    let report = write(&record("from-63", 63, 64, 128), &out).expect("era files");
    assert_eq!(eras(&report), [2]);
    assert_eq!(report.partial, [Covered { first: Slot(128), last: Slot(128) }]);
    let report = write(&record("with-64", 64, 64, 128), &out).expect("era files");
    assert_eq!(eras(&report), [2]);
    let report = write(&record("without-64", 64, 65, 200), &out).expect("era files");
    assert_eq!(eras(&report), [3]);
    let left = [Covered { first: Slot(65), last: Slot(127) }, Covered { first: Slot(192), last: Slot(200) }];
    assert_eq!(report.partial, left);
    for (name, state, last, says) in [
        (
            "short",
            63,
            127,
            "the first that it could have is era 2, which needs all slots from 64 to 128, and it has",
        ),
        ("middle", 70, 191, "era 3, which needs all slots from 128 to 192, and it has slots 71 to 191"),
    ] {
        let none = place.path().join("none");
        let error = write(&record(name, state, state + 1, last), &none).expect_err(name).to_string();
        assert!(error.contains(says), "{error}");
        assert!(!none.exists());
    }
    // Two stretches with a gap between them: the second one has no state that it follows.
    let recording = record("gap", 0, 1, 70);
    drop(recording);
    let report = write(&record("gap", 0, 100, 200), &place.path().join("gap-eras")).expect("era files");
    assert_eq!(eras(&report), [0, 1]);
    assert_eq!(report.partial.last(), Some(&Covered { first: Slot(100), last: Slot(200) }));
}

#[test]
fn nothing_is_left_of_what_was_not_finished_and_no_chains_are_mixed() {
    let chain = Grown::get();
    let place = tempfile::tempdir().expect("a folder");
    let out = place.path().join("eras");
    let recording = chain.record(&place.path().join("recording"), 0, 1, 130);
    /// Stops when the first era with blocks is there.
    struct Stops(StopSwitch);
    impl EraProgress for Stops {
        fn written(&self, era: &WrittenEra) {
            if era.era == 1 {
                self.0.stop();
            }
        }
    }
    let stop = StopSwitch::default();
    let report = write_eras(&recording, &out, &Stops(stop.clone()), &stop).expect("era files");
    assert!(report.stopped);
    assert_eq!(eras(&report), [0, 1]);
    assert_eq!(files(&out).len(), 3, "{:?}", files(&out));
    // A block that is not the chain's.
    let path = place.path().join("broken");
    drop(chain.record(&path, 0, 1, 130));
    let slot = chain.blocks[70].slot();
    fs::remove_file(path.join(format!("blocks/{slot}.ssz.snappy"))).expect("removed");
    fs::remove_file(path.join("manifest.json")).expect("removed");
    let broken = Recording::open(&path, RecordingLimits::default()).expect("a recording");
    let error = write(&broken, &out).expect_err("a broken chain").to_string();
    assert!(error.contains("broken\"") && error.contains("slot"), "{error}");
    assert_eq!(files(&out).len(), 3, "{:?}", files(&out));

    let other = Grown::new(4, 66);
    let other = other.record(&place.path().join("other"), 0, 1, 66);
    let error = write(&other, &out).expect_err("another chain").to_string();
    assert!(error.contains("simulated-00000-") && error.contains("is era 0 of another chain"), "{error}");
    fs::write(out.join("config.yaml"), "PRESET_BASE: minimal\nCONFIG_NAME: simulated\n").expect("written");
    let error = write(&recording, &out).expect_err("another network").to_string();
    assert!(error.contains("is of another network than the recording"), "{error}");
}
