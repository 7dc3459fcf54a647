//! Era files of a recording: every era that it has whole, a file each.
//!
//! An era needs all of its slots and the slot behind them, whose state it ends with. The recording is replayed with
//! every state root verified, and each file is compared with the state that it ends with before it gets its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::hasher::StateHasher;
use consensus::spec::{ConfigError, Network, Spec};
use consensus::state::State;
use consensus::transition::{Checks, TransitionError, process_slots, state_transition};
use consensus::{Root, Slot};

use super::{BlockRoots, EraError, EraName, EraWriter};
use crate::chain::ChainBlock;
use crate::fetch::StopSwitch;
use crate::part_file::write_atomically;
use crate::recording::{CONFIG_FILE, Covered, Recording, RecordingError};

/// An era file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenEra {
    /// Its number.
    pub era: u64,
    /// The file.
    pub path: PathBuf,
    /// Its blocks.
    pub blocks: u64,
    /// The slot of its state; its blocks are of the slots before.
    pub state_slot: Slot,
    /// The root of its state.
    pub state_root: Root,
}

/// What became of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EraReport {
    /// The files, in order.
    pub eras: Vec<WrittenEra>,
    /// Slots of the recording that are of eras which it does not have whole.
    pub partial: Vec<Covered>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Hears how the writing goes.
pub trait EraProgress {
    /// Begins: so many slots are replayed.
    fn start(&self, _slots: u64) {}
    /// So many slots more are done.
    fn advance(&self, _slots: u64) {}
    /// A file has its name.
    fn written(&self, _era: &WrittenEra) {}
}

/// Why no era files can be written.
#[derive(Debug, thiserror::Error)]
pub enum EraExportError {
    /// The recording can't be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A file can't be written.
    #[error(transparent)]
    Era(#[from] EraError),
    /// A block does not follow the rules.
    #[error("\"{}\": {error}", path.display())]
    Transition {
        /// The recording.
        path: PathBuf,
        /// What is wrong with the block, with its slot.
        error: Box<TransitionError>,
    },
    /// The recording has no state to begin with.
    #[error("\"{}\" has no state that its blocks follow, so that of no era can be computed", path.display())]
    NoState {
        /// The recording.
        path: PathBuf,
    },
    /// The recording has no era whole.
    #[error(
        "\"{}\" has no era whole: the first that it could have is era {era}, which needs all slots from {} to {}, and \
         it has slots {} to {}",
        path.display(), needs.first, needs.last, has.first, has.last
    )]
    NoneWhole {
        /// The recording.
        path: PathBuf,
        /// The first era that begins behind its first state.
        era: u64,
        /// The slots that the era needs.
        needs: Covered,
        /// The slots that there are.
        has: Covered,
    },
    /// The folder has era files of another network.
    #[error("\"{}\" is of another network than the recording; choose another directory", path.display())]
    OtherNetwork {
        /// The configuration that is there.
        path: PathBuf,
    },
    /// The folder has a file of another chain for the same era.
    #[error("\"{}\" is era {era} of another chain; remove it or choose another directory", path.display())]
    OtherChain {
        /// The file that is there.
        path: PathBuf,
        /// The era.
        era: u64,
    },
    /// The configuration in the folder can't be used.
    #[error("\"{}\": {error}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// The folder or a file in it can't be read or written.
    #[error("\"{}\": {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// Writes every era that a recording has whole into a folder, made if needed; beside them the network's
/// configuration, unless it is built in. Files of the same chain that are there are written anew.
pub fn write_eras(
    recording: &Recording,
    directory: &Path,
    progress: &dyn EraProgress,
    stop: &StopSwitch,
) -> Result<EraReport, EraExportError> {
    let slots = recording.spec().preset.slots_per_historical_root;
    let mut report = EraReport::default();
    let mut whole = Vec::new();
    let mut first_gap = None;
    for covered in ranges(recording) {
        let Some(stretch) = Stretch::find(recording, covered, slots)? else {
            report.partial.push(covered);
            continue;
        };
        report.partial.extend(stretch.partial(slots));
        if stretch.first_era <= stretch.last_era {
            whole.push(stretch);
        } else {
            first_gap.get_or_insert((stretch.first_era, covered));
        }
    }
    if whole.is_empty() {
        let path = recording.path().to_owned();
        let Some((era, has)) = first_gap else { return Err(EraExportError::NoState { path }) };
        let last = Slot(era.saturating_mul(slots));
        let needs = Covered { first: Slot(last.0.saturating_sub(slots)), last };
        return Err(EraExportError::NoneWhole { path, era, needs, has });
    }
    prepare(directory, recording)?;
    progress.start(whole.iter().map(|stretch| stretch.length(slots)).sum());
    for stretch in whole {
        let mut files = Files { recording, directory, slots, progress, open: None, report: &mut report };
        files.write(stretch, stop)?;
        if report.stopped {
            break;
        }
    }
    Ok(report)
}

/// The slots that a recording knows, stretch by stretch.
fn ranges(recording: &Recording) -> Vec<Covered> {
    let noted = recording.manifest().map(|manifest| manifest.ranges.clone()).unwrap_or_default();
    if !noted.is_empty() {
        return noted;
    }
    let (first, last) = (recording.block_slots().next(), recording.block_slots().next_back());
    first.zip(last).map(|(first, last)| Covered { first, last }).into_iter().collect()
}

/// A stretch of a recording that can be replayed.
struct Stretch {
    covered: Covered,
    /// The state that it begins with.
    state: State,
    /// The block of that state's slot, where it belongs to the first era.
    block: Option<ChainBlock>,
    /// The first era that begins with the state or later.
    first_era: u64,
    /// The last era that ends with the last slot or before.
    last_era: u64,
}

impl Stretch {
    /// Finds the state to begin with. `None` where there is none.
    fn find(recording: &Recording, covered: Covered, slots: u64) -> Result<Option<Self>, RecordingError> {
        // Without a manifest, nothing is known to have been before the first block.
        let noted = recording.manifest().is_some_and(|manifest| !manifest.ranges.is_empty());
        let follows = |slot: &Slot| slot.0.saturating_add(1) >= covered.first.0 && *slot <= covered.last;
        let slot = match recording.state_slots().find(follows) {
            None if !noted => recording.state_slots().rfind(|slot| *slot < covered.first),
            found => found,
        };
        let Some(slot) = slot else { return Ok(None) };
        let state = recording.state(slot)?;
        let era = slot.0.checked_div(slots).unwrap_or_default();
        let begins = era.saturating_mul(slots) == slot.0;
        // The block of the first slot of an era is applied to the state that ends the era before.
        let has_block = slot.0 > 0 && state.latest_block_header.slot == slot.0;
        let block = if begins && has_block && recording.block_slots().any(|stored| stored == slot) {
            Some(recording.block(slot)?)
        } else {
            None
        };
        let first_era = match (slot.0, begins && (!has_block || block.is_some())) {
            (0, _) => 0,
            (_, true) => era.saturating_add(1),
            (_, false) => era.saturating_add(2),
        };
        let last_era = covered.last.0.checked_div(slots).unwrap_or_default();
        Ok(Some(Self { covered, state, block, first_era, last_era }))
    }

    /// What of it is before the first whole era, and behind the last one.
    fn partial(&self, slots: u64) -> impl Iterator<Item = Covered> {
        let Covered { first, last } = self.covered;
        let begin = self.first_era.saturating_sub(1).saturating_mul(slots);
        let end = self.last_era.saturating_mul(slots);
        let parts = if self.first_era <= self.last_era {
            let before = begin.checked_sub(1).map(|before| Covered { first, last: Slot(before) });
            [before, Some(Covered { first: first.max(Slot(end)), last })]
        } else {
            [Some(self.covered), None]
        };
        parts.into_iter().flatten().filter(|part| part.first <= part.last)
    }

    /// Slots that are replayed.
    fn length(&self, slots: u64) -> u64 {
        self.last_era.saturating_mul(slots).saturating_sub(self.state.slot)
    }
}

/// Makes the folder, and puts the configuration there that its files are read by.
fn prepare(directory: &Path, recording: &Recording) -> Result<(), EraExportError> {
    let path = directory.join(CONFIG_FILE);
    let failed = |error| EraExportError::Io { path: path.clone(), error };
    fs::create_dir_all(directory)
        .map_err(|error| EraExportError::Io { path: directory.to_owned(), error })?;
    let spec: &Arc<Spec> = recording.spec();
    match fs::read_to_string(&path) {
        Ok(text) => {
            let there =
                Spec::parse(&text).map_err(|error| EraExportError::Config { path: path.clone(), error })?;
            if there != **spec {
                return Err(EraExportError::OtherNetwork { path });
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let built_in = Network::named(&spec.config.config_name).map(Network::spec);
            if built_in.as_ref() == Some(&**spec) {
                return Ok(());
            }
            let own = recording.path().join(CONFIG_FILE);
            let text = fs::read(&own).map_err(|error| EraExportError::Io { path: own, error })?;
            write_atomically(&path, &text).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The files that are being written.
struct Files<'a> {
    recording: &'a Recording,
    directory: &'a Path,
    slots: u64,
    progress: &'a dyn EraProgress,
    open: Option<Open>,
    report: &'a mut EraReport,
}

/// An era that has begun.
struct Open {
    era: u64,
    writer: EraWriter,
    blocks: u64,
}

impl Files<'_> {
    /// Replays a stretch and writes its eras.
    fn write(&mut self, stretch: Stretch, stop: &StopSwitch) -> Result<(), EraExportError> {
        let Stretch { mut state, block, first_era, last_era, .. } = stretch;
        let mut roots = StateHasher::default();
        let end = Slot(last_era.saturating_mul(self.slots));
        if first_era == 0 {
            self.begin(0)?;
            self.finish(&state, &mut roots)?;
        }
        let begins = state.slot.checked_rem(self.slots) == Some(0) && state.slot < end.0;
        if begins && first_era <= state.slot.checked_div(self.slots).unwrap_or_default().saturating_add(1) {
            self.turn(&state, &mut roots, block.as_ref(), last_era)?;
        }
        let first = Slot(state.slot.saturating_add(1));
        for block in self.recording.blocks(first, end) {
            if stop.is_stopped() {
                self.report.stopped = true;
                return Ok(());
            }
            let (block, before) = (block?, state.slot);
            self.skip(&mut state, block.slot().0.saturating_sub(1), &mut roots, last_era)?;
            state_transition(&mut state, &block.block, Checks::ROOTS, &mut roots, &mut ())
                .map_err(|error| self.refused(error))?;
            if state.slot.checked_rem(self.slots) == Some(0) {
                self.turn(&state, &mut roots, Some(&block), last_era)?;
            } else {
                self.add(&block)?;
            }
            self.progress.advance(state.slot.saturating_sub(before));
        }
        self.skip(&mut state, end.0, &mut roots, last_era)
    }

    /// Goes over slots without a block, up to `until`, as far as an era ends in between.
    fn skip(
        &mut self,
        state: &mut State,
        until: u64,
        roots: &mut StateHasher,
        last_era: u64,
    ) -> Result<(), EraExportError> {
        loop {
            let era = state.slot.checked_div(self.slots).unwrap_or_default().saturating_add(1);
            let end = era.saturating_mul(self.slots);
            if end > until {
                return Ok(());
            }
            process_slots(state, end, roots).map_err(|error| self.refused(error))?;
            self.turn(state, roots, None, last_era)?;
        }
    }

    /// Ends the era that the state ends, and begins the next one with the block of the state's slot.
    fn turn(
        &mut self,
        state: &State,
        roots: &mut StateHasher,
        block: Option<&ChainBlock>,
        last_era: u64,
    ) -> Result<(), EraExportError> {
        self.finish(state, roots)?;
        let next = state.slot.checked_div(self.slots).unwrap_or_default().saturating_add(1);
        if next <= last_era {
            self.begin(next)?;
            if let Some(block) = block {
                self.add(block)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, era: u64) -> Result<(), EraExportError> {
        let spec = Arc::clone(self.recording.spec());
        let mut writer = EraWriter::create(self.directory, spec, BlockRoots::Verify)?;
        writer.begin(era)?;
        self.open = Some(Open { era, writer, blocks: 0 });
        Ok(())
    }

    fn add(&mut self, block: &ChainBlock) -> Result<(), EraExportError> {
        if let Some(open) = &mut self.open {
            open.writer.block(block)?;
            open.blocks += 1;
        }
        Ok(())
    }

    /// Ends the era that is open, if there is one.
    fn finish(&mut self, state: &State, roots: &mut StateHasher) -> Result<(), EraExportError> {
        use consensus::transition::StateRoots as _;
        let Some(Open { era, mut writer, blocks }) = self.open.take() else { return Ok(()) };
        self.refuse_other_chain(&EraName::of(era, state))?;
        writer.end(state)?;
        let path = writer.finish()?;
        let state_root = roots.state_root(state).map_err(|error| self.refused(error))?;
        let written = WrittenEra { era, path, blocks, state_slot: Slot(state.slot), state_root };
        self.progress.written(&written);
        self.report.eras.push(written);
        Ok(())
    }

    /// Readers could not tell two files of one era apart.
    fn refuse_other_chain(&self, name: &EraName) -> Result<(), EraExportError> {
        let failed = |error| EraExportError::Io { path: self.directory.to_owned(), error };
        for entry in fs::read_dir(self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let there = entry.file_name().to_str().and_then(EraName::parse);
            if there.is_some_and(|there| {
                (&there.network, there.era) == (&name.network, name.era) && there.root != name.root
            }) {
                return Err(EraExportError::OtherChain { path: entry.path(), era: name.era });
            }
        }
        Ok(())
    }

    fn refused(&self, error: TransitionError) -> EraExportError {
        EraExportError::Transition { path: self.recording.path().to_owned(), error: Box::new(error) }
    }
}
