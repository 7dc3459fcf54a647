//! Recorded chains replayed from what they are stored as: recordings, era files, directories of era files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use captures::Capture;
use consensus::Slot;
use consensus::spec::Spec;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, process_slots, state_transition};
use source::chain::ChainBlock;
use source::chain_input::{ChainInput, ChainInputError, Replay};
use source::compression::Compression;
use source::era::{BlockRoots, EraWriter};

/// Applies all blocks, with every root checked. Returns the slots.
fn apply(replay: Replay) -> Vec<u64> {
    let Replay { mut state, blocks } = replay;
    let apply = |block: Result<ChainBlock, ChainInputError>| {
        let block = block.expect("a block");
        let applied = state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ());
        applied.unwrap_or_else(|error| panic!("{error}"));
        block.slot().0
    };
    blocks.map(apply).collect()
}

#[test]
fn recordings_of_small_networks_are_replayed_with_every_root_checked() {
    for name in [
        "lighthouse-devnet/deneb-minimal-34-104",
        "lodestar-devnet/capella/minimal",
        "lodestar-devnet/electra/minimal",
        "lodestar-devnet/fulu/minimal",
        "grandine-devnet/electra-minimal-512",
    ] {
        let Some(capture) = captures::named(name) else { return };
        let directory = tempfile::tempdir().expect("a directory");
        capture.record(directory.path(), Compression::Zstd);
        assert!(ChainInput::recognise(directory.path()));
        let input = ChainInput::open(directory.path()).expect("a recording");
        let slots: Vec<u64> = capture.blocks().iter().map(|block| block.slot.0).collect();
        let (first, last) = input.slots().expect("slots");
        assert_eq!((Some(&first.0), Some(&last.0)), (slots.first(), slots.last()), "{name}");
        // One recording begins with a block whose parent state was not kept.
        let from = if first.0 == 308 { Slot(309) } else { first };
        let replay = input.replay(from, last).expect("a replay");
        let expected: Vec<u64> = slots.iter().copied().filter(|slot| *slot > replay.state.slot).collect();
        assert_eq!(apply(replay), expected, "{name}");
    }
}

/// A directory with an era file for each of the eras 0 to 2.
fn era_files(capture: &Capture, directory: &Path) -> Vec<std::path::PathBuf> {
    let spec: Arc<Spec> = Arc::new(capture.spec());
    let blocks: Vec<_> = capture.blocks().iter().map(|block| block.from_ssz(&spec)).collect();
    let mut state =
        State::decode_any_fork(Arc::clone(&spec), &capture.states().remove(0).1).expect("the genesis state");
    fs::write(directory.join("config.yaml"), capture.config()).expect("written");
    let write = |era: u64| {
        let mut writer =
            EraWriter::create(directory, Arc::clone(&spec), BlockRoots::Verify).expect("a writer");
        writer.begin(era).expect("an era");
        for block in blocks.iter().filter(|block| block.slot().0 / 64 + 1 == era) {
            writer.block(block).expect("a block");
        }
        for block in blocks.iter().filter(|block| block.slot().0 <= era * 64) {
            if block.slot().0 > state.slot {
                state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ())
                    .expect("a valid block");
            }
        }
        if state.slot < era * 64 {
            process_slots(&mut state, era * 64, &mut FromScratch).expect("empty slots");
        }
        writer.end(&state).expect("an era");
        writer.finish().expect("a file")
    };
    (0..=2).map(write).collect()
}

#[test]
fn era_files_are_replayed_from_the_state_of_the_era_before() {
    let Some(capture) = captures::named("lodestar-devnet/electra/minimal") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let files = era_files(&capture, directory.path());
    let slots: Vec<u64> =
        capture.blocks().iter().map(|block| block.slot.0).filter(|slot| *slot < 128).collect();
    let within = |first: u64, last: u64| -> Vec<u64> {
        slots.iter().copied().filter(|slot| (first..=last).contains(slot)).collect()
    };
    // All of them, and a range that begins within an era.
    let all = ChainInput::open(directory.path()).expect("era files");
    assert!(ChainInput::recognise(directory.path()));
    assert_eq!(all.slots(), Some((Slot(0), Slot(127))));
    assert_eq!(apply(all.replay_all().expect("a replay")), slots);
    let replay = all.replay(Slot(100), Slot(110)).expect("a replay");
    assert_eq!(replay.state.slot, 64);
    assert_eq!(apply(replay), within(65, 110));
    let replay = all.replay(Slot(64), Slot(64)).expect("a replay");
    assert_eq!(replay.state.slot, 0);
    assert_eq!(apply(replay), within(1, 64));
    // One file, with the one before beside it.
    let second = ChainInput::open(&files[2]).expect("an era file");
    assert_eq!(second.slots(), Some((Slot(64), Slot(127))));
    let replay = second.replay(Slot(65), Slot(u64::MAX)).expect("a replay");
    assert_eq!(apply(replay), within(65, 127));
    // Its index may be broken.
    let mut bytes = fs::read(&files[2]).expect("the file");
    let end = bytes.len() - 8;
    bytes[end] = 7;
    fs::write(&files[2], bytes).expect("written");
    let replay = second.replay(Slot(65), Slot(70)).expect("a replay");
    assert_eq!(apply(replay), within(65, 70));
    // Without the file before there is nothing to begin with.
    fs::remove_file(&files[1]).expect("removed");
    let error =
        ChainInput::open(&files[2]).expect("an era file").replay(Slot(70), Slot(80)).expect_err("no state");
    let text = error.to_string();
    assert!(
        text.ends_with(
            "has no state before slot 70; put the era file of era 1 beside it, which ends with that state"
        ),
        "{text}"
    );
}

#[test]
fn a_damaged_era_file_gives_what_is_whole_and_then_an_error() {
    let Some(capture) = captures::named("lodestar-devnet/electra/minimal") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let files = era_files(&capture, directory.path());
    let slots: Vec<u64> =
        capture.blocks().iter().map(|block| block.slot.0).filter(|slot| *slot < 128).collect();
    let good = fs::read(&files[1]).expect("the file");
    let read = || -> (Vec<u64>, Vec<String>) {
        let replay = ChainInput::open(directory.path()).expect("era files").replay_all().expect("a replay");
        let (mut blocks, mut errors) = (Vec::new(), Vec::new());
        for block in replay.blocks {
            match block {
                Ok(block) => blocks.push(block.slot().0),
                Err(error) => errors.push(error.to_string()),
            }
        }
        (blocks, errors)
    };
    assert_eq!(read(), (slots.clone(), Vec::new()));
    // With a broken index all blocks are there, also those of the next file.
    let mut bytes = good.clone();
    let end = bytes.len() - 8;
    bytes[end] = 7;
    fs::write(&files[1], &bytes).expect("written");
    let (blocks, errors) = read();
    assert_eq!((blocks, errors.len()), (slots.clone(), 1));
    assert!(
        errors[0].contains(".era\" is damaged: ") && errors[0].ends_with("get the file anew"),
        "{errors:?}"
    );
    // Cut off, it says so before the next file's blocks come.
    fs::write(&files[1], &good[..good.len() / 3]).expect("written");
    let replay = ChainInput::open(directory.path()).expect("era files").replay_all().expect("a replay");
    let good_ones: Vec<u64> = replay.blocks.map_while(Result::ok).map(|block| block.slot().0).collect();
    assert!(good_ones.len() < slots.len() && slots.starts_with(&good_ones), "{good_ones:?}");
    assert!(good_ones.last().is_some_and(|slot| *slot < 64), "{good_ones:?}");
}

#[test]
fn a_replay_begins_with_the_block_that_follows_the_state() {
    let Some(capture) = captures::named("lodestar-devnet/electra/minimal") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    capture.record(directory.path(), Compression::None);
    let first_error = || -> Option<String> {
        let Replay { state, blocks } =
            ChainInput::open(directory.path()).expect("a recording").replay_all().expect("a replay");
        let blocks = blocks.take(6);
        source::replay::Replay::new(state, blocks, source::replay::Links::Check)
            .find_map(|block| block.err().map(|error| error.to_string()))
    };
    assert_eq!(first_error(), None);
    fs::remove_file(directory.path().join("manifest.json")).expect("removed");
    let (blocks, states) = (capture.blocks(), capture.states());
    for slot in blocks.iter().take(4).map(|block| block.slot) {
        fs::remove_file(directory.path().join(format!("blocks/{slot}.ssz"))).expect("removed");
    }
    for (slot, _) in states.iter().skip(1) {
        fs::remove_file(directory.path().join(format!("states/{slot}.ssz"))).expect("removed");
    }
    let error = first_error().expect("blocks are missing");
    assert!(
        error.contains("the latest block of the state of slot 0 is 0x")
            && error.ends_with("blocks between them are missing, or the state is of another chain"),
        "{error}"
    );
}

#[test]
fn the_network_of_an_era_file_is_told_by_its_name_or_a_configuration() {
    let Some(capture) = captures::named("lodestar-devnet/electra/minimal") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let files = era_files(&capture, directory.path());
    fs::remove_file(directory.path().join("config.yaml")).expect("removed");
    let error = ChainInput::open(&files[1]).expect_err("unknown").to_string();
    assert!(
        error.ends_with("of the network \"devnet\", which is not built in; put its config.yaml beside it"),
        "{error}"
    );
    let renamed = directory.path().join("sepolia-00001-00000000.era");
    fs::copy(&files[1], &renamed).expect("copied");
    let input = ChainInput::open(&renamed).expect("a known network");
    assert_eq!(input.spec().config.config_name, "sepolia");
    fs::rename(&renamed, directory.path().join("first.era")).expect("renamed");
    let error = ChainInput::open(&directory.path().join("first.era")).expect_err("a name").to_string();
    assert!(error.contains("is not named as era files are"), "{error}");
}

#[test]
fn what_holds_no_chain_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    for path in [directory.path().to_owned(), directory.path().join("nowhere")] {
        assert!(!ChainInput::recognise(&path));
        let error = ChainInput::open(&path).expect_err("no chain").to_string();
        assert!(error.contains("is neither a recording"), "{error}");
    }
}
