//! Reading a recording: blocks in order of slots, decoded ahead on another thread, and the state to begin with.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::ssz::Ssz;
use consensus::state::State;
use consensus::transition::{FromScratch, TransitionError, latest_header};
use consensus::{Root, Slot};

use super::layout::{Kind, Stored, genesis_from_text, parse_file, read_text, stored};
use super::{CONFIG_FILE, GENESIS_FILE, MANIFEST_FILE, Manifest, RecordingError};
use crate::chain::{ChainBlock, DEFAULT_READ_AHEAD, Genesis, ReadAhead, block_slot};
use crate::compression::Compression;

/// Configuration and genesis are a few kilobytes.
const SMALL_FILE_BYTES: u64 = 4 << 20;
/// A manifest has some ninety bytes a block; this is a recording of several years.
const MANIFEST_BYTES: u64 = 1 << 30;

/// What is taken of a recording at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingLimits {
    /// Bytes of an encoded block. Nodes pass on no block larger than 10 MiB.
    pub block_bytes: u64,
    /// Bytes of an encoded state. One of mainnet has about 300 MB; offsets end at 4 GiB.
    pub state_bytes: u64,
    /// Blocks decoded ahead.
    pub read_ahead: usize,
}

impl Default for RecordingLimits {
    fn default() -> Self {
        Self { block_bytes: 32 << 20, state_bytes: 2 << 30, read_ahead: DEFAULT_READ_AHEAD }
    }
}

/// A recording that was found. Files are read when they are asked for. A copy costs little.
#[derive(Clone, Debug)]
pub struct Recording {
    root: Arc<Path>,
    spec: Arc<Spec>,
    genesis: Option<Genesis>,
    manifest: Option<Arc<Manifest>>,
    blocks: Arc<Stored>,
    states: Arc<Stored>,
    limits: RecordingLimits,
}

/// What a recording was found to have when it was read through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks that can be read and follow one another.
    pub blocks: u64,
    /// States that can be read.
    pub states: u64,
    /// Files that are what the manifest says.
    pub digests: u64,
}

impl Recording {
    /// Whether a path looks like a recording: a directory with a configuration and a folder of blocks.
    pub fn recognise(path: &Path) -> bool {
        path.join(CONFIG_FILE).is_file() && path.join(Kind::Block.folder()).is_dir()
    }

    /// Opens the recording in a directory. Where it has a manifest, all files that it lists must be there.
    pub fn open(root: impl Into<PathBuf>, limits: RecordingLimits) -> Result<Self, RecordingError> {
        let root = root.into();
        let absent = |missing| RecordingError::NotARecording { path: root.clone(), missing };
        let path = root.join(CONFIG_FILE);
        let config = read_text(&path, SMALL_FILE_BYTES)?.ok_or_else(|| absent(CONFIG_FILE))?;
        let spec = Spec::parse(&config).map_err(|error| RecordingError::Config { path, error })?;
        if !root.join(Kind::Block.folder()).is_dir() {
            return Err(absent("folder \"blocks\""));
        }
        let path = root.join(GENESIS_FILE);
        let genesis = read_text(&path, SMALL_FILE_BYTES)?
            .map(|text| genesis_from_text(&text).map_err(|reason| RecordingError::json(&path, reason)))
            .transpose()?;
        let manifest = read_manifest(&root)?;
        let blocks = stored(&root, Kind::Block)?;
        let states = stored(&root, Kind::State)?;
        if let Some(manifest) = &manifest {
            all_there(&root, manifest, &blocks, &states)?;
        }
        Ok(Self {
            spec: Arc::new(spec),
            genesis,
            manifest: manifest.map(Arc::new),
            blocks: Arc::new(blocks),
            states: Arc::new(states),
            root: root.into(),
            limits,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// The genesis of the network, if it was kept.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// Origin, ranges and digests, if they were kept.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_deref()
    }

    /// The slots that have a block, ascending.
    pub fn block_slots(&self) -> impl DoubleEndedIterator<Item = Slot> + '_ {
        self.blocks.keys().copied().map(Slot)
    }

    /// The slots that have a state, ascending.
    pub fn state_slots(&self) -> impl DoubleEndedIterator<Item = Slot> + '_ {
        self.states.keys().copied().map(Slot)
    }

    /// The block of a slot. Its file must have the digest of the manifest, if that has one.
    pub fn block(&self, slot: Slot) -> Result<ChainBlock, RecordingError> {
        let compression = *self.blocks.get(&slot.0).ok_or_else(|| self.absent(Kind::Block, slot))?;
        let manifest = self.manifest.as_deref();
        read_block(&self.root, &self.spec, slot, compression, self.limits.block_bytes, manifest)
    }

    /// The state of a slot: of the network of the genesis, and in a file that has the digest of the manifest, where
    /// there are any.
    pub fn state(&self, slot: Slot) -> Result<State, RecordingError> {
        let compression = *self.states.get(&slot.0).ok_or_else(|| self.absent(Kind::State, slot))?;
        let limit = self.limits.state_bytes;
        let state = read_state(&self.root, &self.spec, slot, compression, limit, self.manifest.as_deref())?;
        let found = state.genesis_validators_root;
        if let Some(expected) =
            self.genesis.map(|genesis| genesis.validators_root).filter(|root| *root != found)
        {
            let path = self.root.join(Kind::State.file(slot, compression));
            return Err(RecordingError::OtherGenesis { path, expected, found });
        }
        Ok(state)
    }

    /// The latest state before a slot: the one to begin with when that slot's block comes first.
    pub fn state_before(&self, slot: Slot) -> Result<State, RecordingError> {
        let before = self.states.range(..slot.0).next_back().map(|(slot, _)| Slot(*slot));
        let no_state = || RecordingError::NoStartState { path: self.root.to_path_buf(), slot };
        self.state(before.ok_or_else(no_state)?)
    }

    /// The blocks from `first` to `last`, both included, ascending, decoded ahead on another thread. What can't be
    /// read comes as an error in its place.
    pub fn blocks(&self, first: Slot, last: Slot) -> ReadAhead<Result<ChainBlock, RecordingError>> {
        ReadAhead::start(self.blocks_here(first, last), self.limits.read_ahead)
    }

    /// As [`Self::blocks`], decoded when they are asked for.
    pub fn blocks_here(
        &self,
        first: Slot,
        last: Slot,
    ) -> impl Iterator<Item = Result<ChainBlock, RecordingError>> + Send + use<> {
        let (root, spec, limit) = (Arc::clone(&self.root), Arc::clone(&self.spec), self.limits.block_bytes);
        let (blocks, manifest) = (Arc::clone(&self.blocks), self.manifest.clone());
        let mut next = (first <= last).then_some(first.0);
        std::iter::from_fn(move || {
            let (slot, compression) = blocks.range(next?..=last.0).next()?;
            next = slot.checked_add(1).filter(|next| *next <= last.0);
            Some(read_block(&root, &spec, Slot(*slot), *compression, limit, manifest.as_deref()))
        })
    }

    /// What is taken of it at most.
    pub fn limits(&self) -> &RecordingLimits {
        &self.limits
    }

    /// All blocks, as [`Self::blocks`].
    pub fn all_blocks(&self) -> ReadAhead<Result<ChainBlock, RecordingError>> {
        self.blocks(Slot(0), Slot(u64::MAX))
    }

    /// Reads everything: every file must have its digest and be what its name says, every block must follow the one
    /// before it, the first one a state if there is one right before it. Stops at the first error.
    pub fn verify(&self) -> Result<Verified, RecordingError> {
        let mut verified = Verified::default();
        if let Some(manifest) = &self.manifest {
            for (name, expected) in &manifest.blake3 {
                let path = self.root.join(name);
                let found = digest_of(&path)?;
                if found != *expected {
                    return Err(RecordingError::Digest { path, expected: expected.clone(), found });
                }
                verified.digests += 1;
            }
        }
        let mut heads = Vec::new();
        for slot in self.state_slots() {
            let state = self.state(slot)?;
            heads.push((slot, self.head_of(&state)?));
            verified.states += 1;
        }
        let mut before: Option<(Slot, Root)> = None;
        for block in self.all_blocks() {
            let block = block?;
            let slot = block.slot();
            // A state tells the block before too, also that of a slot without a block.
            let of_state = heads.iter().rev().find(|(of, _)| *of < slot);
            let parent = match (before, of_state) {
                (Some((at, _)), Some((of, root))) if *of >= at => Some(*root),
                (Some((_, root)), _) => Some(root),
                (None, of_state) => of_state.map(|(_, root)| *root),
            };
            let named = block.block.message.parent_root;
            if let Some(parent) = parent.filter(|parent| *parent != named) {
                return Err(RecordingError::BrokenChain {
                    path: self.root.to_path_buf(),
                    slot,
                    named,
                    before: parent,
                });
            }
            before = Some((slot, block.root(&self.spec)));
            verified.blocks += 1;
        }
        Ok(verified)
    }

    fn head_of(&self, state: &State) -> Result<Root, RecordingError> {
        head_root(state).map_err(|error| RecordingError::State {
            path: self.root.join(Kind::State.folder()),
            slot: Slot(state.slot),
            error: Box::new(error),
        })
    }

    fn absent(&self, kind: Kind, slot: Slot) -> RecordingError {
        RecordingError::Absent { path: self.root.to_path_buf(), what: kind.name(), slot }
    }
}

/// The root of the latest block of a state: the parent of the next one. Hashes the state where the block is of the
/// state's own slot.
pub(crate) fn head_root(state: &State) -> Result<Root, TransitionError> {
    let header = latest_header(state, &mut FromScratch)?;
    Ok(Root(header.hash_tree_root(&state.shape())))
}

pub(super) fn read_manifest(root: &Path) -> Result<Option<Manifest>, RecordingError> {
    let path = root.join(MANIFEST_FILE);
    read_text(&path, MANIFEST_BYTES)?
        .map(|text| Manifest::from_json(&text).map_err(|reason| RecordingError::json(&path, reason)))
        .transpose()
}

/// Whether all files of a manifest are there. One that is compressed in another way by now is there, too.
fn all_there(
    root: &Path,
    manifest: &Manifest,
    blocks: &Stored,
    states: &Stored,
) -> Result<(), RecordingError> {
    let mut missing = manifest.blake3.keys().filter(|name| match parse_file(name) {
        Some((Kind::Block, slot)) => !blocks.contains_key(&slot),
        Some((Kind::State, slot)) => !states.contains_key(&slot),
        None => false,
    });
    match missing.next() {
        Some(file) => {
            let (path, file) = (root.to_owned(), file.clone());
            Err(RecordingError::Missing { path, file, others: missing.count() })
        }
        None => Ok(()),
    }
}

/// Reads a block. Its file must have the digest of the manifest, where one is given that has it.
pub(super) fn read_block(
    root: &Path,
    spec: &Spec,
    slot: Slot,
    compression: Compression,
    limit: u64,
    manifest: Option<&Manifest>,
) -> Result<ChainBlock, RecordingError> {
    let name = Kind::Block.file(slot, compression);
    let path = root.join(&name);
    let bytes =
        read_file(&path, compression, limit, manifest.and_then(|manifest| manifest.blake3.get(&name)))?;
    if let Some(found) = block_slot(&bytes).filter(|found| *found != slot.0) {
        return Err(RecordingError::WrongSlot { path, named: slot, found: Slot(found) });
    }
    let fork = spec.fork_at_slot(slot.0);
    ChainBlock::decode(spec, &bytes).map_err(|error| RecordingError::Block { path, slot, fork, error })
}

/// As [`read_block`], a state.
pub(super) fn read_state(
    root: &Path,
    spec: &Arc<Spec>,
    slot: Slot,
    compression: Compression,
    limit: u64,
    manifest: Option<&Manifest>,
) -> Result<State, RecordingError> {
    let name = Kind::State.file(slot, compression);
    let path = root.join(&name);
    let bytes =
        read_file(&path, compression, limit, manifest.and_then(|manifest| manifest.blake3.get(&name)))?;
    let state = State::decode_any_fork(Arc::clone(spec), &bytes).map_err(|error| RecordingError::State {
        path: path.clone(),
        slot,
        error: Box::new(error),
    })?;
    if state.slot != slot.0 {
        return Err(RecordingError::WrongSlot { path, named: slot, found: Slot(state.slot) });
    }
    Ok(state)
}

/// Reads and unpacks a file, and compares its digest where one is expected.
fn read_file(
    path: &Path,
    compression: Compression,
    limit: u64,
    expected: Option<&String>,
) -> Result<Vec<u8>, RecordingError> {
    let file = File::open(path).map_err(|error| RecordingError::read(path, error))?;
    let Some(expected) = expected else {
        let unpacked = compression.unpack(BufReader::new(file), limit);
        return unpacked.map_err(|error| RecordingError::read(path, error));
    };
    let mut file = BufReader::with_capacity(DIGEST_BYTES, Digesting { file, hasher: blake3::Hasher::new() });
    let unpacked = compression.unpack(&mut file, limit).map_err(|error| RecordingError::read(path, error))?;
    // What lies behind the end of the compressed data belongs to the digest, too.
    let rest = io::copy(&mut file.by_ref().take(limit), &mut io::sink());
    rest.map_err(|error| RecordingError::read(path, error))?;
    let found = file.into_inner().hasher.finalize().to_hex().to_string();
    if found == *expected {
        return Ok(unpacked);
    }
    Err(RecordingError::Digest { path: path.to_owned(), expected: expected.clone(), found })
}

/// Bytes that are read and digested at a time.
const DIGEST_BYTES: usize = 64 << 10;

/// A file whose digest is made while it is read.
struct Digesting {
    file: File,
    hasher: blake3::Hasher,
}

impl Read for Digesting {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        self.hasher.update(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The digest of a file as it is stored.
pub(super) fn digest_of(path: &Path) -> Result<String, RecordingError> {
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).map_err(|error| RecordingError::read(path, error))?;
    hasher.update_reader(file).map_err(|error| RecordingError::read(path, error))?;
    Ok(hasher.finalize().to_hex().to_string())
}
