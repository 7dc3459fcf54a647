//! Whatever holds a stretch of a chain on disk, as a state and the blocks after it: recordings and era files.
//!
//! An era file ends with its state, so its blocks follow the state of the era before. That one is looked for in the
//! file itself, then in the files beside it.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use consensus::Slot;
use consensus::spec::{ConfigError, Network, Spec};
use consensus::state::State;

use crate::chain::{ChainBlock, ReadAhead};
use crate::compression::Compression;
use crate::era::{BrokenIndex, EraError, EraLimits, EraName, EraReader, IndexFate};
use crate::recording::{CONFIG_FILE, Recording, RecordingError, RecordingLimits};

/// A configuration is a few kilobytes.
const CONFIG_BYTES: u64 = 4 << 20;

/// A stretch of a chain on disk.
#[derive(Clone, Debug)]
pub enum ChainInput {
    /// A recording.
    Recording(Recording),
    /// An era file, or a directory of them.
    Eras(Eras),
}

/// A state, and the blocks that follow it.
#[derive(Debug)]
pub struct Replay {
    /// The state to begin with. It may lie before the slot that was asked for.
    pub state: State,
    /// The blocks after the state up to the last slot that was asked for, ascending, decoded ahead on another thread.
    pub blocks: ReadAhead<Result<ChainBlock, ChainInputError>>,
}

/// Why a stretch of a chain can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ChainInputError {
    /// A recording can't be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// An era file can't be read.
    #[error(transparent)]
    Era(#[from] EraError),
    /// A file or directory can't be read.
    #[error("\"{}\" can't be read, because {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// It holds no chain.
    #[error(
        "\"{}\" is neither a recording (a directory with config.yaml and blocks/) nor an era file or a directory of them",
        path.display()
    )]
    Unrecognised {
        /// The path.
        path: PathBuf,
    },
    /// The name of an era file is none.
    #[error("\"{}\" is not named as era files are: <network>-<five digits>-<eight digits>.era", path.display())]
    EraName {
        /// The file.
        path: PathBuf,
    },
    /// The network is not built in.
    #[error("\"{}\" is of the network {network:?}, which is not built in; put its config.yaml beside it", path.display())]
    Network {
        /// The file.
        path: PathBuf,
        /// The network's name.
        network: String,
    },
    /// The network is not described in a way that can be used.
    #[error("\"{}\": {error}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// An era file has a broken index. What is whole of it was given before this error.
    #[error("\"{}\" is damaged: {reason}. What is whole of it was read; get the file anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A range that is not all there.
    #[error("slots {start} to {end} are not all in \"{}\", which has slots {first} to {last}", path.display())]
    Outside {
        /// The file or directory.
        path: PathBuf,
        /// First slot asked for.
        start: Slot,
        /// Last slot asked for.
        end: Slot,
        /// The first slot that is there.
        first: Slot,
        /// The last one.
        last: Slot,
    },
    /// There is no state to begin with.
    #[error(
        "\"{}\" has no state before slot {slot}; put the era file of era {era} beside it, which ends with that state",
        path.display()
    )]
    NoState {
        /// The file or directory.
        path: PathBuf,
        /// The first slot.
        slot: Slot,
        /// The era whose state it is.
        era: u64,
    },
}

impl ChainInputError {
    /// The slots that there are, where others were asked for.
    pub fn available(&self) -> Option<(Slot, Slot)> {
        match self {
            Self::Outside { first, last, .. } => Some((*first, *last)),
            _ => None,
        }
    }
}

impl ChainInput {
    /// Whether a path looks like a stretch of a chain.
    pub fn recognise(path: &Path) -> bool {
        Recording::recognise(path)
            || is_era(path)
            || (path.is_dir() && !era_files(path).unwrap_or_default().is_empty())
    }

    /// Opens what a path stands for.
    pub fn open(path: &Path) -> Result<Self, ChainInputError> {
        if Recording::recognise(path) {
            return Ok(Self::Recording(Recording::open(path, RecordingLimits::default())?));
        }
        if path.is_dir() {
            let files = era_files(path)?;
            if !files.is_empty() {
                return Ok(Self::Eras(Eras::new(path, files.clone(), files)?));
            }
        } else if is_era(path) {
            let name = era_name(path).ok_or_else(|| ChainInputError::EraName { path: path.to_owned() })?;
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut beside = era_files(folder)?;
            beside.retain(|_, file| era_name(file).is_some_and(|other| other.network == name.network));
            beside.insert(name.era, path.to_owned());
            return Ok(Self::Eras(Eras::new(path, BTreeMap::from([(name.era, path.to_owned())]), beside)?));
        }
        Err(ChainInputError::Unrecognised { path: path.to_owned() })
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        match self {
            Self::Recording(recording) => recording.spec(),
            Self::Eras(eras) => &eras.spec,
        }
    }

    /// The first and last slot that may have a block.
    pub fn slots(&self) -> Option<(Slot, Slot)> {
        match self {
            Self::Recording(recording) => {
                let mut slots = recording.block_slots();
                let first = slots.next()?;
                Some((first, slots.next_back().unwrap_or(first)))
            }
            Self::Eras(eras) => eras.slots(),
        }
    }

    /// The first and last slot that are known, with a block or without.
    pub fn covered(&self) -> Option<(Slot, Slot)> {
        let slots = self.slots();
        let Self::Recording(recording) = self else { return slots };
        let ranges = recording.manifest().map(|manifest| manifest.ranges.as_slice()).unwrap_or_default();
        let (first, last) = slots?;
        let first = ranges.first().map_or(first, |range| range.first.min(first));
        let last = ranges.last().map_or(last, |range| range.last.max(last));
        Some((first, last))
    }

    /// The latest state before a slot, and the blocks after that state up to `last`, included.
    pub fn replay(&self, first: Slot, last: Slot) -> Result<Replay, ChainInputError> {
        match self {
            Self::Recording(recording) => {
                let first = recording.block_slots().find(|slot| *slot >= first).unwrap_or(first);
                let state = recording.state_before(first)?;
                let blocks = recording.clone();
                let after = Slot(state.slot.saturating_add(1));
                let items = blocks.blocks_here(after, last).map(|block| block.map_err(ChainInputError::from));
                Ok(Replay { state, blocks: ReadAhead::start(items, recording.limits().read_ahead) })
            }
            Self::Eras(eras) => eras.replay(first, last),
        }
    }

    /// The blocks from `first` to `last`, both included, ascending, decoded ahead on another thread.
    pub fn blocks(&self, first: Slot, last: Slot) -> ReadAhead<Result<ChainBlock, ChainInputError>> {
        match self {
            Self::Recording(recording) => {
                let items =
                    recording.blocks_here(first, last).map(|block| block.map_err(ChainInputError::from));
                ReadAhead::start(items, recording.limits().read_ahead)
            }
            Self::Eras(eras) => ReadAhead::start(eras.blocks(first, last), EraLimits::default().read_ahead),
        }
    }

    /// The slot of the latest state before a slot, which [`Self::replay`] would begin with.
    pub fn state_slot_before(&self, slot: Slot) -> Option<Slot> {
        match self {
            Self::Recording(recording) => recording.state_slots().rfind(|state| *state < slot),
            Self::Eras(eras) => {
                let era = eras.era_before(slot);
                let (first, _) = eras.beside.first_key_value()?;
                (*first <= era).then(|| Slot(era.saturating_mul(eras.slots_per_era())))
            }
        }
    }

    /// Everything there is.
    pub fn replay_all(&self) -> Result<Replay, ChainInputError> {
        let first = self.slots().map_or(Slot(1), |(first, _)| Slot(first.0.max(1)));
        self.replay(first, Slot(u64::MAX))
    }
}

/// Era files of one network.
#[derive(Clone, Debug)]
pub struct Eras {
    path: PathBuf,
    spec: Arc<Spec>,
    /// Those that were named, by their first era.
    files: BTreeMap<u64, PathBuf>,
    /// Those and the ones beside them, for their states.
    beside: BTreeMap<u64, PathBuf>,
}

impl Eras {
    fn new(
        path: &Path,
        files: BTreeMap<u64, PathBuf>,
        beside: BTreeMap<u64, PathBuf>,
    ) -> Result<Self, ChainInputError> {
        let first = files.values().next().cloned().unwrap_or_default();
        Ok(Self { path: path.to_owned(), spec: Arc::new(spec_beside(&first)?), files, beside })
    }

    fn slots_per_era(&self) -> u64 {
        self.spec.preset.slots_per_historical_root
    }

    /// The era whose state is the latest one before a slot. The state of era n is of the first slot behind it, with
    /// that slot's block.
    fn era_before(&self, slot: Slot) -> u64 {
        slot.0.saturating_sub(1).checked_div(self.slots_per_era()).unwrap_or_default()
    }

    fn slots(&self) -> Option<(Slot, Slot)> {
        let per_era = self.slots_per_era();
        let first = self.files.keys().next()?.saturating_sub(1).saturating_mul(per_era);
        let (_, last) = self.files.last_key_value()?;
        let reader = open_era(last, &self.spec).ok()?;
        let last = reader.groups().last()?.era.saturating_mul(per_era).saturating_sub(1);
        Some((Slot(first), Slot(last)))
    }

    fn replay(&self, first: Slot, last: Slot) -> Result<Replay, ChainInputError> {
        let era = self.era_before(first);
        let no_state = || ChainInputError::NoState { path: self.path.clone(), slot: first, era };
        let (_, file) = self.beside.range(..=era).next_back().ok_or_else(no_state)?;
        let mut reader = open_era(file, &self.spec)?;
        let end = Slot(era.saturating_mul(self.slots_per_era()));
        if !reader.groups().iter().any(|group| group.state.is_some_and(|(slot, _)| slot == end)) {
            return Err(no_state());
        }
        let state = reader.state(end)?;
        let after = Slot(end.0.saturating_add(1));
        Ok(Replay {
            state,
            blocks: ReadAhead::start(self.blocks(after, last), EraLimits::default().read_ahead),
        })
    }

    fn blocks(&self, first: Slot, last: Slot) -> Blocks {
        // A file holds the eras from its own to that of the next file.
        let era_of =
            |slot: Slot| slot.0.checked_div(self.slots_per_era()).unwrap_or_default().saturating_add(1);
        let from = self.files.range(..=era_of(first)).next_back().map_or(0, |(era, _)| *era);
        let files: Vec<PathBuf> = if first <= last {
            self.files.range(from..=era_of(last)).map(|(_, file)| file.clone()).collect()
        } else {
            Vec::new()
        };
        let spec = Arc::clone(&self.spec);
        let damaged = Damaged::default();
        let noted = damaged.clone();
        let blocks = files.into_iter().flat_map(move |file| blocks_of(&file, &spec, first, last, &noted));
        // A file that has all its blocks does not keep those of the files behind it from being read.
        Box::new(blocks.chain(std::iter::from_fn(move || damaged.next().map(Err))))
    }
}

/// Files that were read whole although their index is broken, to be told in the end.
#[derive(Clone, Debug, Default)]
struct Damaged(Arc<Mutex<VecDeque<ChainInputError>>>);

impl Damaged {
    fn note(&self, error: ChainInputError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(error);
    }

    fn next(&self) -> Option<ChainInputError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

type Blocks = Box<dyn Iterator<Item = Result<ChainBlock, ChainInputError>> + Send>;

/// The blocks of a file in a range of slots. Where its index is broken, and not all that is asked for lies before the
/// end of what is whole, that is an error: at once where blocks may be cut off, else it is noted.
fn blocks_of(file: &Path, spec: &Arc<Spec>, first: Slot, last: Slot, damaged: &Damaged) -> Blocks {
    let reader = match open_era(file, spec) {
        Ok(reader) => reader,
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    let newest = reader.groups().iter().filter_map(|group| group.blocks.last()).map(|(slot, _)| *slot).max();
    let mut cut_off = None;
    if let IndexFate::Rebuilt { reason } = reader.index()
        && newest.is_none_or(|newest| last >= newest)
    {
        let error = ChainInputError::Damaged { path: file.to_owned(), reason: reason.clone() };
        // The state comes after the blocks.
        match reader.groups().last().and_then(|group| group.state) {
            Some(_) => damaged.note(error),
            None => cut_off = Some(Err(error)),
        }
    }
    let blocks = reader.into_blocks(first, last).map(|block| block.map_err(ChainInputError::from));
    Box::new(blocks.chain(cut_off))
}

fn open_era(file: &Path, spec: &Arc<Spec>) -> Result<EraReader<File>, ChainInputError> {
    let reader = EraReader::open(file, Arc::clone(spec), EraLimits::default(), BrokenIndex::Rebuild)?;
    if let IndexFate::Rebuilt { reason } = reader.index() {
        tracing::warn!(file = %file.display(), reason, "The index of an era file is broken and was rebuilt");
    }
    Ok(reader)
}

fn is_era(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("era")) && path.is_file()
}

fn era_name(path: &Path) -> Option<EraName> {
    EraName::parse(path.file_name()?.to_str()?)
}

/// The era files in a directory, by their first era. Of two with the same, the last by name.
fn era_files(folder: &Path) -> Result<BTreeMap<u64, PathBuf>, ChainInputError> {
    let unreadable = |error| ChainInputError::Read { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths.into_iter().filter_map(|path| Some((era_name(&path)?.era, path))).collect())
}

/// The network of an era file: that of the configuration beside it, or the built-in one of its name.
fn spec_beside(file: &Path) -> Result<Spec, ChainInputError> {
    let path = file.with_file_name(CONFIG_FILE);
    if path.is_file() {
        let unreadable = |error| ChainInputError::Read { path: path.clone(), error };
        let opened = File::open(&path).map_err(unreadable)?;
        let bytes = Compression::None.unpack(opened, CONFIG_BYTES);
        let bytes = bytes.map_err(|error| unreadable(std::io::Error::other(error.to_string())))?;
        let text = String::from_utf8_lossy(&bytes);
        return Spec::parse(&text).map_err(|error| ChainInputError::Config { path, error });
    }
    let name = era_name(file).ok_or_else(|| ChainInputError::EraName { path: file.to_owned() })?;
    match Network::named(&name.network) {
        Some(network) => Ok(network.spec()),
        None => Err(ChainInputError::Network { path: file.to_owned(), network: name.network }),
    }
}
