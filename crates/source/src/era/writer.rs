//! Writing an era file: blocks in order, the state after them, the indices.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::state::State;
use consensus::{Root, Slot};

use super::EraName;
use super::error::{EraError, EraProblem};
use super::index::SlotIndex;
use super::record::{RecordType, write};
use crate::chain::ChainBlock;
use crate::compression::pack_framed;
use crate::part_file::PartFile;

/// Whether the blocks of an era must be those that its state lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockRoots {
    /// They must; hashes every block.
    #[default]
    Verify,
    /// They are taken as they come.
    Trust,
}

/// An era file being written. It gets its name when it is finished; until then nothing is there.
#[derive(Debug)]
pub struct EraWriter {
    out: BufWriter<File>,
    part: PartFile,
    directory: PathBuf,
    file: String,
    spec: Arc<Spec>,
    check: BlockRoots,
    /// Bytes written.
    place: u64,
    first_era: Option<u64>,
    last_era: Option<u64>,
    group: Option<Group>,
    name: Option<EraName>,
}

#[derive(Debug)]
struct Group {
    era: u64,
    places: BTreeMap<u64, u64>,
    roots: BTreeMap<u64, Root>,
}

impl EraWriter {
    /// Begins a file in a directory, which is made if needed.
    pub fn create(directory: &Path, spec: Arc<Spec>, check: BlockRoots) -> Result<Self, EraError> {
        let file = directory.display().to_string();
        let network = &spec.config.config_name;
        if network.is_empty() || network.contains(['/', '\\', '\0']) {
            let problem = format!("{network:?} as the name of the network can't be part of a file's name");
            return Err(EraProblem::Unwritable(problem).of(&file));
        }
        let part = PartFile::beside(&directory.join(format!("{}.era", spec.config.config_name)));
        let created = || -> io::Result<File> {
            std::fs::create_dir_all(directory)?;
            File::create(part.path())
        };
        let out = BufWriter::new(created().map_err(|error| EraProblem::from(error).of(&file))?);
        Ok(Self {
            out,
            part,
            directory: directory.to_owned(),
            file,
            spec,
            check,
            place: 0,
            first_era: None,
            last_era: None,
            group: None,
            name: None,
        })
    }

    /// Begins an era. The one before must have ended.
    pub fn begin(&mut self, era: u64) -> Result<(), EraError> {
        self.begun(era).map_err(|error| error.of(&self.file))
    }

    /// Adds a block of the era that began, after those before it.
    pub fn block(&mut self, block: &ChainBlock) -> Result<(), EraError> {
        self.added(block).map_err(|error| error.of(&self.file))
    }

    /// Ends the era with its state: that of the slot after its last, with the block of that slot applied.
    pub fn end(&mut self, state: &State) -> Result<(), EraError> {
        self.ended(state).map_err(|error| error.of(&self.file))
    }

    /// Gives the file its name. Returns where it is.
    pub fn finish(mut self) -> Result<PathBuf, EraError> {
        let file = std::mem::take(&mut self.file);
        self.finished().map_err(|error| error.of(&file))
    }

    fn begun(&mut self, era: u64) -> Result<(), EraProblem> {
        if let Some(group) = &self.group {
            return Err(EraProblem::Unwritable(format!(
                "era {} has not ended, era {era} can't begin",
                group.era
            )));
        }
        if let Some(before) = self.last_era.filter(|before| *before >= era) {
            return Err(EraProblem::Unwritable(format!("era {era} does not come after era {before}")));
        }
        self.place += write(&mut self.out, RecordType::VERSION, &[])?;
        self.group = Some(Group { era, places: BTreeMap::new(), roots: BTreeMap::new() });
        Ok(())
    }

    fn added(&mut self, block: &ChainBlock) -> Result<(), EraProblem> {
        let slots = self.spec.preset.slots_per_historical_root;
        let slot = block.slot().0;
        let group = self.group.as_mut().ok_or_else(no_era)?;
        if slot.checked_div(slots).and_then(|era| era.checked_add(1)) != Some(group.era) {
            return Err(EraProblem::Unwritable(format!(
                "the block of slot {slot} is not of era {}",
                group.era
            )));
        }
        if group.places.last_key_value().is_some_and(|(before, _)| *before >= slot) {
            return Err(EraProblem::Unwritable(format!("the block of slot {slot} comes after a later one")));
        }
        if self.check == BlockRoots::Verify {
            group.roots.insert(slot, block.root(&self.spec));
        }
        group.places.insert(slot, self.place);
        let packed = pack_framed(&block.encode(&self.spec))?;
        self.place += write(&mut self.out, RecordType::BLOCK, &packed)?;
        Ok(())
    }

    fn ended(&mut self, state: &State) -> Result<(), EraProblem> {
        let slots = self.spec.preset.slots_per_historical_root;
        let group = self.group.take().ok_or_else(no_era)?;
        let Group { era, places, roots } = group;
        let end = era.saturating_mul(slots);
        if state.slot != end {
            return Err(EraProblem::Unwritable(format!(
                "the state is of slot {}, and era {era} ends with that of slot {end}",
                state.slot
            )));
        }
        if self.check == BlockRoots::Verify {
            check_roots(state, end.saturating_sub(slots), &roots)?;
        }
        let ssz = state.encode().map_err(|error| EraProblem::State {
            slot: Slot(end),
            offset: self.place,
            error: Box::new(error),
        })?;
        let state_place = self.place;
        self.place += write(&mut self.out, RecordType::STATE, &pack_framed(&ssz)?)?;
        if era > 0 {
            let first_slot = end - slots;
            let places = (first_slot..end).map(|slot| places.get(&slot).copied()).collect();
            self.index(first_slot, places)?;
        }
        self.index(end, vec![Some(state_place)])?;
        let first_era = *self.first_era.get_or_insert(era);
        self.last_era = Some(era);
        self.name = Some(EraName::of(first_era, state));
        Ok(())
    }

    fn index(&mut self, first_slot: u64, places: Vec<Option<u64>>) -> Result<(), EraProblem> {
        let index = SlotIndex { start: self.place, first_slot, places };
        self.place += write(&mut self.out, RecordType::SLOT_INDEX, &index.data())?;
        Ok(())
    }

    fn finished(self) -> Result<PathBuf, EraProblem> {
        if let Some(group) = &self.group {
            return Err(EraProblem::Unwritable(format!("era {} has not ended", group.era)));
        }
        let name = self.name.ok_or_else(|| EraProblem::Unwritable("it has no era".to_owned()))?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let path = self.directory.join(name.to_string());
        self.part.rename(&path)?;
        Ok(path)
    }
}

fn no_era() -> EraProblem {
    EraProblem::Unwritable("no era has begun".to_owned())
}

/// Compares the roots of the blocks with those that the state lists for the slots from `first` on.
fn check_roots(state: &State, first: u64, roots: &BTreeMap<u64, Root>) -> Result<(), EraProblem> {
    let mut before = None;
    for (slot, expected) in (first..state.slot).zip(state.block_roots.iter().copied()) {
        match roots.get(&slot) {
            Some(found) if *found != expected => {
                return Err(EraProblem::Root { slot: Slot(slot), expected, found: *found });
            }
            None if before.is_some_and(|before| before != expected) => {
                return Err(EraProblem::MissingBlock { slot: Slot(slot), expected });
            }
            _ => before = Some(expected),
        }
    }
    Ok(())
}
