//! Writing a recording: every file whole or not at all, and to be continued at any time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consensus::Slot;
use consensus::spec::Spec;
use consensus::state::State;

use super::layout::{Kind, Stored, genesis_from_text, read_text, stored, write};
use super::reader::{digest_of, read_block, read_manifest, read_state};
use super::{CONFIG_FILE, GENESIS_FILE, MANIFEST_FILE, Manifest, RecordingError, RecordingLimits};
use crate::chain::{ChainBlock, Genesis, state_slot};
use crate::compression::Compression;

/// Slots after which the manifest is written anew. What came after it is found again when a stopped recording is
/// continued, except that slots without a block are asked for once more.
const SLOTS_PER_MANIFEST: u32 = 512;
const LOCK_FILE: &str = ".lock";
const SMALL_FILE_BYTES: u64 = 4 << 20;

/// The network that a recording is of.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The configuration, as [`Spec::parse`] takes it; kept as it is.
    pub config: &'a str,
    /// The genesis.
    pub genesis: Genesis,
}

/// A recording being written, from any number of threads of one process.
#[derive(Debug)]
pub struct RecordingWriter {
    root: PathBuf,
    spec: Arc<Spec>,
    compression: Compression,
    progress: Mutex<Progress>,
    /// Held for as long as the recording is written.
    _lock: File,
}

#[derive(Debug)]
struct Progress {
    manifest: Manifest,
    blocks: Stored,
    states: Stored,
    slots_since_manifest: u32,
}

impl RecordingWriter {
    /// Begins a recording in a directory, or continues the one that is there. What is there must be of the same
    /// network. Blocks that the manifest does not know yet are read and taken up, or written anew if they are bad.
    pub fn open(
        root: impl Into<PathBuf>,
        identity: Identity<'_>,
        compression: Compression,
    ) -> Result<Self, RecordingError> {
        let root = root.into();
        let path = root.join(CONFIG_FILE);
        let spec = Spec::parse(identity.config).map_err(|error| RecordingError::Config { path, error })?;
        for folder in [root.clone(), root.join(Kind::Block.folder()), root.join(Kind::State.folder())] {
            fs::create_dir_all(&folder).map_err(|error| RecordingError::write(&folder, error))?;
        }
        let lock = lock(&root)?;
        same_network(&root, &spec, identity)?;
        let manifest = read_manifest(&root)?
            .unwrap_or_else(|| Manifest::new(&spec.config.config_name, identity.genesis.validators_root));
        let mut progress = Progress {
            manifest,
            blocks: stored(&root, Kind::Block)?,
            states: stored(&root, Kind::State)?,
            slots_since_manifest: 0,
        };
        progress.take_up(&root, &spec)?;
        let writer =
            Self { root, spec: Arc::new(spec), compression, progress: Mutex::new(progress), _lock: lock };
        writer.write_manifest(&mut writer.progress())?;
        Ok(writer)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Notes where the blocks come from. Must not have passwords in it.
    pub fn note_origin(&self, origin: &str) {
        Manifest::note(&mut self.progress().manifest.origin, origin);
    }

    /// Notes what a node says of itself.
    pub fn note_client_version(&self, version: &str) {
        Manifest::note(&mut self.progress().manifest.client_versions, version);
    }

    /// Whether a slot is done: its block is stored, or it is known to have none.
    pub fn covers(&self, slot: Slot) -> bool {
        self.progress().manifest.covers(slot)
    }

    /// Whether the block of a slot is stored.
    pub fn has_block(&self, slot: Slot) -> bool {
        self.progress().blocks.contains_key(&slot.0)
    }

    /// Whether the state of a slot is stored.
    pub fn has_state(&self, slot: Slot) -> bool {
        self.progress().states.contains_key(&slot.0)
    }

    /// A block that is stored.
    pub fn block(&self, slot: Slot) -> Result<ChainBlock, RecordingError> {
        let compression = self.progress().blocks.get(&slot.0).copied();
        let absent = || RecordingError::Absent { path: self.root.clone(), what: Kind::Block.name(), slot };
        let limit = RecordingLimits::default().block_bytes;
        read_block(&self.root, &self.spec, slot, compression.ok_or_else(absent)?, limit, None)
    }

    /// Stores a block, in place of any other of its slot.
    pub fn write_block(&self, block: &ChainBlock) -> Result<(), RecordingError> {
        self.write(Kind::Block, block.slot(), &block.encode(&self.spec))
    }

    /// Stores an encoded state, in place of any other of its slot.
    pub fn write_state(&self, slot: Slot, ssz: &[u8]) -> Result<(), RecordingError> {
        let path = self.root.join(Kind::State.file(slot, self.compression));
        match state_slot(ssz) {
            Some(found) if found == slot.0 => self.write(Kind::State, slot, ssz),
            found => {
                Err(RecordingError::WrongSlot { path, named: slot, found: Slot(found.unwrap_or_default()) })
            }
        }
    }

    /// Notes that a slot has no block.
    pub fn note_empty(&self, slot: Slot) -> Result<(), RecordingError> {
        self.progress().manifest.cover(slot);
        self.after_slot()
    }

    /// Forgets the slots from `first` to `last`, both included, and removes their blocks.
    pub fn forget(&self, first: Slot, last: Slot) -> Result<(), RecordingError> {
        let mut progress = self.progress();
        let stored: Vec<_> = progress
            .blocks
            .range(first.0..=last.0)
            .map(|(slot, compression)| (Slot(*slot), *compression))
            .collect();
        for (slot, compression) in stored {
            let name = Kind::Block.file(slot, compression);
            let path = self.root.join(&name);
            fs::remove_file(&path).map_err(|error| RecordingError::write(&path, error))?;
            progress.blocks.remove(&slot.0);
            progress.manifest.blake3.remove(&name);
        }
        progress.manifest.uncover(first, last);
        self.write_manifest(&mut progress)
    }

    /// Forgets everything but the network, and removes its files: for a chain that takes the place of another.
    pub fn clear(&self) -> Result<(), RecordingError> {
        let mut progress = self.progress();
        for kind in Kind::ALL {
            for (slot, compression) in std::mem::take(progress.stored(kind)) {
                let path = self.root.join(kind.file(Slot(slot), compression));
                fs::remove_file(&path).map_err(|error| RecordingError::write(&path, error))?;
            }
        }
        let root = progress.manifest.genesis_validators_root;
        progress.manifest = Manifest::new(&self.spec.config.config_name, root);
        self.write_manifest(&mut progress)
    }

    /// The slots that have a state, ascending.
    pub fn state_slots(&self) -> Vec<Slot> {
        self.progress().states.keys().copied().map(Slot).collect()
    }

    /// A state that is stored.
    pub fn state(&self, slot: Slot) -> Result<State, RecordingError> {
        let compression = self.progress().states.get(&slot.0).copied();
        let absent = || RecordingError::Absent { path: self.root.clone(), what: Kind::State.name(), slot };
        let limit = RecordingLimits::default().state_bytes;
        read_state(&self.root, &self.spec, slot, compression.ok_or_else(absent)?, limit, None)
    }

    /// Writes the manifest as it stands.
    pub fn write_progress(&self) -> Result<Manifest, RecordingError> {
        let mut progress = self.progress();
        self.write_manifest(&mut progress)?;
        Ok(progress.manifest.clone())
    }

    /// Writes the manifest for the last time. The recording can be read without, too.
    pub fn finish(self) -> Result<Manifest, RecordingError> {
        self.write_progress()
    }

    fn write(&self, kind: Kind, slot: Slot, ssz: &[u8]) -> Result<(), RecordingError> {
        let name = kind.file(slot, self.compression);
        let path = self.root.join(&name);
        let packed = self.compression.pack(ssz).map_err(|error| RecordingError::write(&path, error))?;
        write(&path, &packed)?;
        let digest = blake3::hash(&packed).to_hex().to_string();
        let mut progress = self.progress();
        progress.manifest.blake3.insert(name, digest);
        let before = progress.stored(kind).insert(slot.0, self.compression);
        if let Some(before) = before.filter(|before| *before != self.compression) {
            let name = kind.file(slot, before);
            let path = self.root.join(&name);
            progress.manifest.blake3.remove(&name);
            fs::remove_file(&path).map_err(|error| RecordingError::write(&path, error))?;
        }
        if kind == Kind::Block {
            progress.manifest.cover(slot);
        }
        drop(progress);
        self.after_slot()
    }

    fn after_slot(&self) -> Result<(), RecordingError> {
        let mut progress = self.progress();
        progress.slots_since_manifest += 1;
        if progress.slots_since_manifest >= SLOTS_PER_MANIFEST {
            self.write_manifest(&mut progress)?;
        }
        Ok(())
    }

    fn write_manifest(&self, progress: &mut Progress) -> Result<(), RecordingError> {
        progress.slots_since_manifest = 0;
        let path = self.root.join(MANIFEST_FILE);
        let mut text = serde_json::to_vec_pretty(&progress.manifest)
            .map_err(|error| RecordingError::write(&path, error.into()))?;
        text.push(b'\n');
        write(&path, &text)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // What is inside is never left half changed.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn stored(&mut self, kind: Kind) -> &mut Stored {
        match kind {
            Kind::Block => &mut self.blocks,
            Kind::State => &mut self.states,
        }
    }

    /// Brings the manifest in line with the files that are there.
    fn take_up(&mut self, root: &Path, spec: &Spec) -> Result<(), RecordingError> {
        let mut there = std::collections::BTreeSet::new();
        for (slot, compression) in self.states.clone() {
            let name = Kind::State.file(Slot(slot), compression);
            if !self.manifest.blake3.contains_key(&name) {
                self.manifest.blake3.insert(name.clone(), digest_of(&root.join(&name))?);
            }
            there.insert(name);
        }
        for (slot, compression) in self.blocks.clone() {
            let name = Kind::Block.file(Slot(slot), compression);
            if !self.manifest.blake3.contains_key(&name) {
                let limit = RecordingLimits::default().block_bytes;
                if read_block(root, spec, Slot(slot), compression, limit, None).is_err() {
                    self.manifest.uncover(Slot(slot), Slot(slot));
                    continue;
                }
                self.manifest.blake3.insert(name.clone(), digest_of(&root.join(&name))?);
                self.manifest.cover(Slot(slot));
            }
            there.insert(name);
        }
        for name in
            self.manifest.blake3.keys().filter(|name| !there.contains(*name)).cloned().collect::<Vec<_>>()
        {
            self.manifest.blake3.remove(&name);
            let slot = name.strip_prefix("blocks/").and_then(|name| name.split_once('.')?.0.parse().ok());
            if let Some(slot) = slot {
                self.manifest.uncover(Slot(slot), Slot(slot));
            }
        }
        Ok(())
    }
}

fn lock(root: &Path) -> Result<File, RecordingError> {
    let path = root.join(LOCK_FILE);
    let file = File::create(&path).map_err(|error| RecordingError::write(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let error = io::Error::other("something else is writing this recording; wait until it is done");
            Err(RecordingError::write(&path, error))
        }
        Err(TryLockError::Error(error)) => Err(RecordingError::write(&path, error)),
    }
}

/// Writes configuration and genesis, or checks that those which are there are of the same network.
fn same_network(root: &Path, spec: &Spec, identity: Identity<'_>) -> Result<(), RecordingError> {
    let other = |field, there: String, new: String| {
        Err(RecordingError::OtherNetwork { path: root.to_owned(), field, there, new })
    };
    let path = root.join(GENESIS_FILE);
    match read_text(&path, SMALL_FILE_BYTES)? {
        Some(text) => {
            let there = genesis_from_text(&text).map_err(|reason| RecordingError::json(&path, reason))?;
            let new = identity.genesis;
            if there.validators_root != new.validators_root {
                return other(
                    "genesis_validators_root",
                    there.validators_root.to_string(),
                    new.validators_root.to_string(),
                );
            }
        }
        None => write(&path, format!("{}\n", identity.genesis.to_json()).as_bytes())?,
    }
    let path = root.join(CONFIG_FILE);
    match read_text(&path, SMALL_FILE_BYTES)? {
        Some(text) => {
            let there = Spec::parse(&text).map_err(|error| RecordingError::Config { path, error })?;
            if there.preset != spec.preset {
                return other("preset", "not the same".to_owned(), "other sizes".to_owned());
            }
            if there.config.forks != spec.config.forks {
                let shown = |spec: &Spec| {
                    spec.config
                        .forks
                        .map(|(version, epoch)| format!("{version} from epoch {epoch}"))
                        .join(", ")
                };
                return other("fork schedule", shown(&there), shown(spec));
            }
        }
        None => write(&path, identity.config.as_bytes())?,
    }
    Ok(())
}
