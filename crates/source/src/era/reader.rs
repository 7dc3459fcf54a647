//! Reading an era file: at any slot, or block after block.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::state::State;
use consensus::{Root, Slot};

use super::error::{EraError, EraProblem};
use super::groups::{EraGroup, by_index, by_records};
use super::record::{RecordHeader, RecordType};
use crate::chain::{ChainBlock, DEFAULT_READ_AHEAD, ReadAhead};
use crate::compression::unpack_framed;

/// What to do with a file whose index is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokenIndex {
    /// Refuse it.
    #[default]
    Refuse,
    /// Read the file from its start and use what is whole.
    Rebuild,
}

/// Where the places of the records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexFate {
    /// From the file's index, which is sound.
    Sound,
    /// From reading the file through, because the index is broken.
    Rebuilt {
        /// What is wrong with the index, and what else was found.
        reason: String,
    },
}

/// What is taken of an era file at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraLimits {
    /// Bytes of an encoded block. Nodes pass on no block larger than 10 MiB.
    pub block_bytes: u64,
    /// Bytes of an encoded state. One of mainnet has about 300 MB; offsets end at 4 GiB.
    pub state_bytes: u64,
    /// Blocks decoded ahead.
    pub read_ahead: usize,
}

impl Default for EraLimits {
    fn default() -> Self {
        Self { block_bytes: 32 << 20, state_bytes: 2 << 30, read_ahead: DEFAULT_READ_AHEAD }
    }
}

/// An era file that was opened.
#[derive(Debug)]
pub struct EraReader<R> {
    source: R,
    name: String,
    length: u64,
    spec: Arc<Spec>,
    limits: EraLimits,
    groups: Arc<Vec<EraGroup>>,
    index: IndexFate,
}

/// What an era was found to have when it was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedEra {
    /// Blocks that are those of the state.
    pub blocks: u64,
    /// Slots without a block, here and in the state.
    pub empty_slots: u64,
    /// The root of the state.
    pub state_root: Root,
}

impl EraReader<File> {
    /// Opens a file. The network must be the one in its name; [`super::EraName`] tells it.
    pub fn open(
        path: &Path,
        spec: Arc<Spec>,
        limits: EraLimits,
        broken: BrokenIndex,
    ) -> Result<Self, EraError> {
        let name = path.display().to_string();
        let opened = || -> std::io::Result<(File, u64)> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = opened().map_err(|error| EraProblem::from(error).of(&name))?;
        Self::new(file, length, name, spec, limits, broken)
    }

    /// The blocks from `first` to `last`, both included, ascending, decoded ahead on another thread that opens the
    /// file once more.
    pub fn blocks_ahead(
        &self,
        first: Slot,
        last: Slot,
    ) -> Result<ReadAhead<Result<ChainBlock, EraError>>, EraError> {
        let source = File::open(&self.name).map_err(|error| EraProblem::from(error).of(&self.name))?;
        let reader = EraReader {
            source,
            name: self.name.clone(),
            length: self.length,
            spec: Arc::clone(&self.spec),
            limits: self.limits,
            groups: Arc::clone(&self.groups),
            index: self.index.clone(),
        };
        let queue = self.limits.read_ahead;
        Ok(ReadAhead::start(reader.into_blocks(first, last), queue))
    }
}

impl<R: Read + Seek> EraReader<R> {
    /// Reads the index of a file of `length` bytes, or rebuilds it. `name` is for errors.
    pub fn new(
        mut source: R,
        length: u64,
        name: impl Into<String>,
        spec: Arc<Spec>,
        limits: EraLimits,
        broken: BrokenIndex,
    ) -> Result<Self, EraError> {
        let name = name.into();
        let slots_per_era = spec.preset.slots_per_historical_root;
        let (groups, index) = match by_index(&mut source, length, slots_per_era) {
            Ok(groups) => (groups, IndexFate::Sound),
            Err(error @ EraProblem::Index { .. }) if broken == BrokenIndex::Rebuild => {
                let (groups, end) =
                    by_records(&mut source, length, slots_per_era).map_err(|error| error.of(&name))?;
                let reason = match end {
                    Some(end) => format!("{error}; {end}"),
                    None => error.to_string(),
                };
                (groups, IndexFate::Rebuilt { reason })
            }
            Err(error) => return Err(error.of(&name)),
        };
        Ok(Self { source, name, length, spec, limits, groups: Arc::new(groups), index })
    }

    /// The eras of the file, ascending.
    pub fn groups(&self) -> &[EraGroup] {
        &self.groups
    }

    /// Whether the file's own index is used.
    pub fn index(&self) -> &IndexFate {
        &self.index
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Bytes of the file.
    pub fn size_bytes(&self) -> u64 {
        self.length
    }

    /// The block of a slot.
    pub fn block(&mut self, slot: Slot) -> Result<ChainBlock, EraError> {
        let offset = self.groups.iter().find_map(|group| group.block(slot));
        offset
            .ok_or(EraProblem::Absent { what: "block", slot })
            .and_then(|offset| self.block_at(slot, offset))
            .map_err(|error| error.of(&self.name))
    }

    /// The state of a slot that ends an era.
    pub fn state(&mut self, slot: Slot) -> Result<State, EraError> {
        let place = self.groups.iter().filter_map(|group| group.state).find(|(at, _)| *at == slot);
        place
            .ok_or(EraProblem::Absent { what: "state", slot })
            .and_then(|(slot, offset)| self.state_at(slot, offset))
            .map_err(|error| error.of(&self.name))
    }

    /// The blocks from `first` to `last`, both included, ascending. What can't be read comes as an error in its
    /// place.
    pub fn into_blocks(
        mut self,
        first: Slot,
        last: Slot,
    ) -> impl Iterator<Item = Result<ChainBlock, EraError>> {
        let groups = Arc::clone(&self.groups);
        let (mut group, mut entry) = (0, 0);
        std::iter::from_fn(move || {
            loop {
                let Some((slot, offset)) = groups.get(group)?.blocks.get(entry).copied() else {
                    (group, entry) = (group + 1, 0);
                    continue;
                };
                entry += 1;
                if slot >= first && slot <= last {
                    return Some(self.block_at(slot, offset).map_err(|error| error.of(&self.name)));
                }
            }
        })
    }

    /// Reads an era through and compares the root of each block with the state's list. Hashes blocks and state.
    pub fn verify(&mut self, era: u64) -> Result<VerifiedEra, EraError> {
        self.verified(era).map_err(|error| error.of(&self.name))
    }

    fn verified(&mut self, era: u64) -> Result<VerifiedEra, EraProblem> {
        let groups = Arc::clone(&self.groups);
        let group = groups.iter().find(|group| group.era == era).ok_or(EraProblem::NoEra(era))?;
        let end = Slot(era.saturating_mul(self.spec.preset.slots_per_historical_root));
        let (slot, offset) = group.state.ok_or(EraProblem::Absent { what: "state", slot: end })?;
        let state = self.state_at(slot, offset)?;
        let state_error = |error| EraProblem::State { slot, offset, error: Box::new(error) };
        let state_root = Root(state.hash_tree_root().map_err(state_error)?);
        let mut verified = VerifiedEra { state_root, ..VerifiedEra::default() };
        let mut before = None;
        let mut blocks = group.blocks.iter().peekable();
        let slots = self.spec.preset.slots_per_historical_root;
        let first = end.0.saturating_sub(slots);
        for (slot, expected) in (first..end.0).map(Slot).zip(state.block_roots.iter().copied()) {
            match blocks.next_if(|(of, _)| *of == slot) {
                Some((_, offset)) => {
                    let found = self.block_at(slot, *offset)?.root(&self.spec);
                    if found != expected {
                        return Err(EraProblem::Root { slot, expected, found });
                    }
                    verified.blocks += 1;
                }
                // The first slot repeats the last block of the era before. Slot 0 has the genesis block, which is
                // never stored.
                None if before.is_none_or(|before| before == expected) => verified.empty_slots += 1,
                None => return Err(EraProblem::MissingBlock { slot, expected }),
            }
            before = Some(expected);
        }
        Ok(verified)
    }

    fn block_at(&mut self, slot: Slot, offset: u64) -> Result<ChainBlock, EraProblem> {
        let bytes = self.unpacked(offset, RecordType::BLOCK, self.limits.block_bytes)?;
        let block = ChainBlock::decode(&self.spec, &bytes).map_err(|error| EraProblem::Block {
            slot,
            offset,
            error,
        })?;
        if block.slot() != slot {
            return Err(EraProblem::WrongSlot { offset, expected: slot, found: block.slot() });
        }
        Ok(block)
    }

    fn state_at(&mut self, slot: Slot, offset: u64) -> Result<State, EraProblem> {
        let bytes = self.unpacked(offset, RecordType::STATE, self.limits.state_bytes)?;
        let state = State::decode_any_fork(Arc::clone(&self.spec), &bytes)
            .map_err(|error| EraProblem::State { slot, offset, error: Box::new(error) })?;
        if state.slot != slot.0 {
            return Err(EraProblem::WrongSlot { offset, expected: slot, found: Slot(state.slot) });
        }
        Ok(state)
    }

    fn unpacked(&mut self, offset: u64, kind: RecordType, limit: u64) -> Result<Vec<u8>, EraProblem> {
        let header = RecordHeader::read(&mut self.source, offset, self.length)?.expect(kind)?;
        self.source.seek(SeekFrom::Start(header.data()))?;
        let packed = BufReader::new(self.source.by_ref().take(u64::from(header.length)));
        unpack_framed(packed, limit).map_err(|error| EraProblem::Unpack { offset, error })
    }
}
