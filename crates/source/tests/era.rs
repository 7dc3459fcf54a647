//! Era files made of a recorded chain: written, read, cut off, and with indices that lie.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use consensus::Slot;
use consensus::spec::Spec;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, process_slots, state_transition};
use proptest::prelude::*;
use source::chain::ChainBlock;
use source::compression::Compression;
use source::era::{
    BlockRoots, BrokenIndex, EraError, EraLimits, EraName, EraProblem, EraReader, EraWriter, IndexFate,
};

/// Slots of an era in the minimal preset.
const SLOTS: u64 = 64;

/// A chain of 128 slots from genesis on, with the states that end its eras.
struct Chain {
    spec: Arc<Spec>,
    blocks: Vec<ChainBlock>,
    states: [State; 3],
}

impl Chain {
    fn get() -> Option<&'static Self> {
        static CHAIN: OnceLock<Option<Chain>> = OnceLock::new();
        CHAIN.get_or_init(Self::load).as_ref()
    }

    /// The recorded blocks, and the states that come of them.
    fn load() -> Option<Self> {
        let capture = captures::named("lodestar-devnet/electra/minimal")?;
        let spec = Arc::new(capture.spec());
        let blocks: Vec<_> = capture.blocks().iter().map(|block| block.from_ssz(&spec)).collect();
        let genesis = &capture.states().remove(0).1;
        let genesis = State::decode_any_fork(Arc::clone(&spec), genesis).expect("the genesis state");
        let mut state = genesis.clone();
        let mut state_of = |era: u64| {
            for block in blocks.iter().filter(|block| block.slot().0 <= era * SLOTS) {
                if block.slot().0 > state.slot {
                    let applied =
                        state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ());
                    applied.expect("a valid block");
                }
            }
            if state.slot < era * SLOTS {
                process_slots(&mut state, era * SLOTS, &mut FromScratch).expect("empty slots");
            }
            state.clone()
        };
        let states = [genesis, state_of(1), state_of(2)];
        Some(Self { spec, blocks, states })
    }

    fn era(&self, era: u64) -> impl Iterator<Item = &ChainBlock> {
        self.blocks.iter().filter(move |block| block.slot().0 / SLOTS + 1 == era)
    }

    /// A file with the given eras, and of their blocks those that are chosen.
    fn write(
        &self,
        directory: &Path,
        eras: std::ops::RangeInclusive<u64>,
        check: BlockRoots,
        chosen: impl Fn(u64) -> bool,
    ) -> Result<PathBuf, EraError> {
        let mut writer = EraWriter::create(directory, Arc::clone(&self.spec), check)?;
        for era in eras {
            writer.begin(era)?;
            for block in self.era(era).filter(|block| chosen(block.slot().0)) {
                writer.block(block)?;
            }
            writer.end(&self.states[era as usize])?;
        }
        writer.finish()
    }

    fn bytes(&self, eras: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = self.write(directory.path(), eras, BlockRoots::Trust, |_| true).expect("a file");
        fs::read(path).expect("the file")
    }

    fn read(&self, bytes: Vec<u8>, broken: BrokenIndex) -> Result<EraReader<Cursor<Vec<u8>>>, EraError> {
        let length = bytes.len() as u64;
        let limits = EraLimits::default();
        EraReader::new(Cursor::new(bytes), length, "test.era", Arc::clone(&self.spec), limits, broken)
    }

    fn open(&self, path: &Path) -> Result<EraReader<fs::File>, EraError> {
        EraReader::open(path, Arc::clone(&self.spec), EraLimits::default(), BrokenIndex::Refuse)
    }
}

#[test]
fn a_chain_becomes_an_era_file_that_verifies() {
    let Some(chain) = Chain::get() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let path = chain.write(directory.path(), 0..=2, BlockRoots::Verify, |_| true).expect("a file");
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 1, "nothing else is left");
    let name = path.file_name().and_then(|name| EraName::parse(name.to_str()?)).expect("a name");
    assert_eq!((name.network.as_str(), name.era), ("devnet", 0));
    let mut reader = chain.open(&path).expect("an era file");
    assert_eq!(*reader.index(), IndexFate::Sound);
    let groups: Vec<_> = reader.groups().iter().map(|group| (group.era, group.blocks.len())).collect();
    assert_eq!(groups, [(0, 0), (1, chain.era(1).count()), (2, chain.era(2).count())]);
    for era in 0..=2 {
        let verified = reader.verify(era).expect("a good era");
        assert_eq!(verified.blocks, chain.era(era).count() as u64);
        let slots = if era == 0 { 0 } else { SLOTS };
        assert_eq!(verified.blocks + verified.empty_slots, slots);
        let state = reader.state(Slot(era * SLOTS)).expect("a state");
        assert_eq!(*state, *chain.states[era as usize]);
    }
    // In order, on another thread.
    let read: Result<Vec<_>, _> = reader.blocks_ahead(Slot(0), Slot(u64::MAX)).expect("the file").collect();
    let expected: Vec<_> = (1..=2).flat_map(|era| chain.era(era)).cloned().collect();
    assert_eq!(read.expect("blocks"), expected);
    let some: Vec<_> = reader.blocks_ahead(Slot(60), Slot(70)).expect("the file").flatten().collect();
    let within: Vec<_> =
        expected.iter().filter(|block| (60..=70).contains(&block.slot().0)).cloned().collect();
    assert_eq!(some, within);
    // At any slot.
    for block in expected.iter().rev() {
        assert_eq!(reader.block(block.slot()).expect("a block"), *block);
    }
    let error = reader.block(Slot(128)).expect_err("of the next era").to_string();
    assert!(error.ends_with("era\": it has no block of slot 128"), "{error}");
    let error = reader.state(Slot(1)).expect_err("no era ends there").to_string();
    assert!(error.ends_with("it has no state of slot 1"), "{error}");
    assert!(matches!(reader.verify(3).expect_err("not there").problem, EraProblem::NoEra(3)));
}

#[test]
fn the_name_has_the_genesis_root_in_era_0() {
    let Some(chain) = Chain::get() else { return };
    let root = chain.states[0].genesis_validators_root.to_string();
    let name = EraName::of(0, &chain.states[0]).to_string();
    assert_eq!(name, format!("devnet-00000-{}.era", &root[2..10]));
}

#[test]
fn groups_are_files_themselves() {
    let Some(chain) = Chain::get() else { return };
    let whole = chain.bytes(0..=2);
    let parts = [chain.bytes(0..=0), chain.bytes(1..=1), chain.bytes(2..=2)];
    assert_eq!(whole, parts.concat());
    let error =
        chain.read([&parts[2][..], &parts[1][..]].concat(), BrokenIndex::Refuse).expect_err("backwards");
    assert!(error.to_string().contains("era 2 comes before a later one"), "{error}");
}

#[test]
fn blocks_that_are_not_those_of_the_state_are_found() {
    let Some(chain) = Chain::get() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let error = chain
        .write(directory.path(), 1..=1, BlockRoots::Verify, |slot| slot != 5)
        .expect_err("one is missing");
    assert!(error.to_string().contains("slot 5 has no block here, and the state of its era says"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
    let path = chain.write(directory.path(), 1..=1, BlockRoots::Trust, |slot| slot != 5).expect("a file");
    let error = chain.open(&path).expect("a file").verify(1).expect_err("one is missing");
    assert!(matches!(error.problem, EraProblem::MissingBlock { slot: Slot(5), .. }), "{error}");
    // A byte of a signature inside a block, changed: everything is well but the root.
    let mut bytes = chain.bytes(1..=1);
    let mut reader = chain.read(bytes.clone(), BrokenIndex::Refuse).expect("a file");
    let (slot, offset) = reader.groups()[0].blocks[7];
    let mut block = reader.block(slot).expect("a block");
    let old = Compression::Snappy.pack(&block.encode(&chain.spec)).expect("packed");
    Arc::make_mut(&mut block.block).message.body.randao_reveal.0[50] ^= 1;
    let new = Compression::Snappy.pack(&block.encode(&chain.spec)).expect("packed");
    let place = offset as usize + 8;
    assert_eq!(bytes[place..place + old.len()], old);
    assert_eq!(old.len(), new.len(), "what is random packs to the same length");
    bytes[place..place + new.len()].copy_from_slice(&new);
    let error = chain.read(bytes, BrokenIndex::Refuse).expect("a file").verify(1).expect_err("changed");
    assert!(error.to_string().contains(&format!("the block of slot {slot} has the root 0x")), "{error}");
}

#[test]
fn only_an_era_is_written() {
    let Some(chain) = Chain::get() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let writer =
        || EraWriter::create(directory.path(), Arc::clone(&chain.spec), BlockRoots::Trust).expect("a writer");
    let sentence = |result: Result<(), EraError>| result.expect_err("refused").to_string();
    let blocks: Vec<_> = chain.era(1).collect();
    let mut era = writer();
    assert!(sentence(era.block(blocks[0])).ends_with("no era has begun"));
    assert!(sentence(era.end(&chain.states[1])).ends_with("no era has begun"));
    era.begin(1).expect("begun");
    assert!(sentence(era.begin(2)).ends_with("era 1 has not ended, era 2 can't begin"));
    era.block(blocks[3]).expect("a block");
    assert!(sentence(era.block(blocks[3])).contains("comes after a later one"));
    assert!(sentence(era.block(blocks[2])).contains("comes after a later one"));
    let next = chain.era(2).next().expect("a block");
    assert!(sentence(era.block(next)).contains("is not of era 1"));
    assert!(
        sentence(era.end(&chain.states[2])).ends_with("is of slot 128, and era 1 ends with that of slot 64")
    );
    drop(era);
    let mut era = writer();
    era.begin(1).expect("begun");
    era.end(&chain.states[1]).expect("an era without blocks");
    assert!(sentence(era.begin(1)).ends_with("era 1 does not come after era 1"));
    era.begin(2).expect("begun");
    assert!(era.finish().expect_err("not ended").to_string().ends_with("era 2 has not ended"));
    assert!(writer().finish().expect_err("nothing").to_string().ends_with("it has no era"));
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing is left");
}

#[test]
fn the_name_of_a_network_leads_nowhere_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("inner");
    for name in ["../outside", "", "a/b", "a\\b"] {
        let mut spec = consensus::spec::Network::Minimal.spec();
        spec.config.config_name = name.to_owned();
        let error = EraWriter::create(&inner, Arc::new(spec), BlockRoots::Trust).expect_err("refused");
        assert!(error.to_string().contains("the name of the network"), "{error}");
    }
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing is made");
}

#[test]
fn other_records_are_passed_over() {
    let Some(chain) = Chain::get() else { return };
    let whole = chain.bytes(1..=1);
    let groups = chain.read(whole.clone(), BrokenIndex::Refuse).expect("a file").groups().to_vec();
    // Behind the state, before the indices: something unknown. The offsets of the indices grow by its length.
    let index = whole.len() - 32 - (24 + 8 * SLOTS as usize);
    let other = [&[0x42, 0x99, 5, 0, 0, 0, 0, 0][..], b"other", &[0; 8]].concat();
    let mut bytes = [&whole[..index], &other, &whole[index..]].concat();
    let length = other.len() as i64;
    let mut shift = |place: usize| {
        let old = i64::from_le_bytes(bytes[place..place + 8].try_into().expect("eight bytes"));
        if old != 0 {
            bytes[place..place + 8].copy_from_slice(&(old - length).to_le_bytes());
        }
    };
    let index = index + other.len();
    (0..SLOTS as usize).for_each(|entry| shift(index + 16 + 8 * entry));
    shift(index + 24 + 8 * SLOTS as usize + 16);
    let reader = chain.read(bytes.clone(), BrokenIndex::Refuse).expect("a file");
    assert_eq!(reader.groups()[0].blocks, groups[0].blocks);
    // Without an index the same is found.
    bytes.truncate(index);
    let reader = chain.read(bytes, BrokenIndex::Rebuild).expect("a file");
    assert_eq!(reader.groups()[0].blocks, groups[0].blocks);
    assert_eq!(reader.groups()[0].state, groups[0].state);
}

#[test]
fn empty_slots_may_point_to_the_start_of_the_file() {
    let Some(chain) = Chain::get() else { return };
    let whole = chain.bytes(1..=1);
    let groups = chain.read(whole.clone(), BrokenIndex::Refuse).expect("a file").groups().to_vec();
    let index = whole.len() - 32 - 24 - 8 * SLOTS as usize;
    let mut bytes = whole.clone();
    for entry in (0..SLOTS as usize).map(|entry| index + 16 + 8 * entry) {
        if bytes[entry..entry + 8] == [0; 8] {
            bytes[entry..entry + 8].copy_from_slice(&(index as u64).wrapping_neg().to_le_bytes());
        }
    }
    assert_ne!(bytes, whole);
    let reader = chain.read(bytes, BrokenIndex::Refuse).expect("a file");
    assert_eq!((reader.groups(), reader.index()), (&groups[..], &IndexFate::Sound));
}

#[test]
fn broken_files_are_described() {
    let Some(chain) = Chain::get() else { return };
    let whole = chain.bytes(1..=1);
    let sentence = |bytes: Vec<u8>| chain.read(bytes, BrokenIndex::Refuse).expect_err("broken").to_string();
    assert_eq!(
        sentence(Vec::new()),
        "\"test.era\": it is no era file: it does not begin with a version record"
    );
    assert!(sentence(b"PAR1 and more".to_vec()).contains("it is no era file"));
    let text = sentence(whole[..whole.len() - 1].to_vec());
    assert!(
        text.contains("broken: it says that it has ") && text.contains("entries, where 1 belong"),
        "{text}"
    );
    assert!(text.ends_with("the file can be read with its index rebuilt"), "{text}");
    let state_index = whole.len() - 32;
    let block_index = state_index - 24 - 8 * SLOTS as usize;
    let with = |place: usize, value: u64| {
        let mut bytes = whole.clone();
        bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    for (place, value, expected) in [
        (state_index + 8, 65, "its state is of slot 65, which does not begin an era of 64 slots"),
        (state_index + 8, 128, "its blocks begin at slot 0, where slot 64 belongs"),
        (state_index + 16, 0, "it has no state"),
        (state_index + 16, 1, "entry 0 points 1 bytes from byte"),
        (state_index + 16, u64::MAX, "points -1 bytes"),
        (state_index + 16, i64::MIN as u64, "entry 0 points -9223372036854775808 bytes"),
        (state_index - 8, u64::MAX, "it says that it has 18446744073709551615 entries, where 64 belong"),
        (block_index, 0x0000_0100_0000_3269, "broken:"),
        (block_index + 16 + 8, (block_index as u64 - 4).wrapping_neg(), "the record at byte 4"),
        (block_index + 16 + 8 * 9, (block_index as u64 - 8).wrapping_neg(), "overlaps another record"),
    ] {
        let text = sentence(with(place, value));
        assert!(text.contains("the index that ends at byte") || text.contains("record"), "{text}");
        let found = text.contains(expected) || (value == u64::MAX && text.contains("is broken"));
        assert!(found, "{value:x} at {place}: {text}");
        // And the rest of the file makes up for it.
        let reader = chain.read(with(place, value), BrokenIndex::Rebuild);
        if let Ok(reader) = reader {
            assert!(matches!(reader.index(), IndexFate::Rebuilt { .. }));
            assert_eq!(reader.groups()[0].blocks.len(), chain.era(1).count());
        } else {
            assert_eq!(place, block_index, "{value:x} at {place}");
        }
    }
}

#[test]
fn a_damaged_block_is_named_and_the_others_are_read() {
    let Some(chain) = Chain::get() else { return };
    let mut bytes = chain.bytes(1..=1);
    let place = chain.read(bytes.clone(), BrokenIndex::Refuse).expect("a file").groups()[0].blocks[3];
    bytes[place.1 as usize + 8 + 40] ^= 0xff;
    let mut reader = chain.read(bytes.clone(), BrokenIndex::Refuse).expect("a file");
    let error = reader.block(place.0).expect_err("damaged").to_string();
    assert!(error.contains(&format!("the record at byte {} can't be unpacked, because", place.1)), "{error}");
    let read: Vec<_> = reader.into_blocks(Slot(0), Slot(u64::MAX)).collect();
    assert_eq!(read.len(), chain.era(1).count());
    assert_eq!(read.iter().filter(|block| block.is_err()).count(), 1);
    let small = EraLimits { block_bytes: 100, ..EraLimits::default() };
    let length = bytes.len() as u64;
    let mut reader =
        EraReader::new(Cursor::new(bytes), length, "x", Arc::clone(&chain.spec), small, BrokenIndex::Refuse)
            .expect("a file");
    let error = reader.block(Slot(1)).expect_err("too large").to_string();
    assert!(error.contains("it holds more than 100 bytes"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_choice_of_blocks_reads_back(chosen in proptest::collection::vec(any::<bool>(), 128)) {
        let Some(chain) = Chain::get() else { return Ok(()) };
        let directory = tempfile::tempdir().expect("a directory");
        let path = chain
            .write(directory.path(), 1..=2, BlockRoots::Trust, |slot| chosen[slot as usize])
            .expect("a file");
        let bytes = fs::read(&path).expect("the file");
        let expected: Vec<_> = (1..=2)
            .flat_map(|era| chain.era(era))
            .filter(|block| chosen[block.slot().0 as usize])
            .cloned()
            .collect();
        let reader = chain.read(bytes.clone(), BrokenIndex::Refuse).expect("a file");
        let groups = reader.groups().to_vec();
        let read: Result<Vec<_>, _> = reader.into_blocks(Slot(0), Slot(u64::MAX)).collect();
        prop_assert_eq!(read.expect("blocks"), expected);
        // The rebuilt index is the same.
        let mut broken = bytes;
        let last = broken.len() - 1;
        broken[last] = 1;
        let rebuilt = chain.read(broken, BrokenIndex::Rebuild).expect("a file");
        prop_assert_eq!(rebuilt.groups(), &groups[..]);
    }

    #[test]
    fn a_file_that_is_cut_off_gives_what_is_whole(part in 0.0..1.0_f64) {
        let Some(chain) = Chain::get() else { return Ok(()) };
        let whole = chain.bytes(1..=2);
        let groups = chain.read(whole.clone(), BrokenIndex::Refuse).expect("a file").groups().to_vec();
        let cut = (whole.len() as f64 * part) as usize;
        let bytes = whole[..cut].to_vec();
        match chain.read(bytes.clone(), BrokenIndex::Refuse) {
            // Cut exactly between the groups.
            Ok(reader) => prop_assert_eq!(reader.groups(), &groups[..1]),
            Err(_) if cut < 8 => prop_assert!(chain.read(bytes, BrokenIndex::Rebuild).is_err()),
            Err(_) => {
                let mut reader = chain.read(bytes, BrokenIndex::Rebuild).expect("what is left");
                let left: Vec<_> = reader.groups().iter().flat_map(|group| group.blocks.clone()).collect();
                let all: Vec<_> = groups.iter().flat_map(|group| group.blocks.clone()).collect();
                prop_assert_eq!(&left[..], &all[..left.len()]);
                if let Some((slot, _)) = left.last() {
                    prop_assert!(reader.block(*slot).is_ok());
                }
            }
        }
    }

    #[test]
    fn no_change_of_the_file_is_a_crash_or_another_block(
        changes in proptest::collection::vec((0.0..1.0_f64, any::<u8>(), any::<bool>()), 1..5)
    ) {
        let Some(chain) = Chain::get() else { return Ok(()) };
        let mut bytes = chain.bytes(1..=1);
        // Half of the changes hit the indices, which are small.
        let index = bytes.len() - 56 - 8 * SLOTS as usize;
        for (part, value, in_index) in changes {
            let (low, high) = if in_index { (index, bytes.len()) } else { (0, bytes.len()) };
            bytes[low + ((high - low) as f64 * part) as usize] = value;
        }
        for broken in [BrokenIndex::Refuse, BrokenIndex::Rebuild] {
            let Ok(mut reader) = chain.read(bytes.clone(), broken) else { continue };
            for era in reader.groups().iter().map(|group| group.era).collect::<Vec<_>>() {
                let _ = reader.verify(era);
            }
            for slot in (0..SLOTS).map(Slot) {
                if let Ok(block) = reader.block(slot) {
                    prop_assert_eq!(block.slot(), slot);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        let Some(chain) = Chain::get() else { return Ok(()) };
        let bytes = if head { [&b"e2\0\0\0\0\0\0"[..], &bytes].concat() } else { bytes };
        for broken in [BrokenIndex::Refuse, BrokenIndex::Rebuild] {
            if let Ok(reader) = chain.read(bytes.clone(), broken) {
                prop_assert!(reader.into_blocks(Slot(0), Slot(u64::MAX)).all(|block| block.is_err()));
            }
        }
    }
}
