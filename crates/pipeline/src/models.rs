//! One model for all slots, or one per range of slots.

use std::fs;
use std::path::{Path, PathBuf};

use consensus::Slot;
use fingerprint::classifier::{Model, ModelOrigin, TrainError, TrainingOptions};
use source::inputs::slots_of_name;

use crate::bad_input::BadInput;
use crate::progress::Progress;
use crate::train::{ModelFileError, load_model};
use crate::training_store::{TrainingStoreError, WantedFeatures, read_training_set};

/// The model of a range of slots.
#[derive(Clone, Debug)]
pub struct RangedModel {
    /// First slot.
    pub first: Slot,
    /// Last slot; the last range of all goes on without end.
    pub last: Slot,
    /// The model.
    pub model: Model,
    /// What it was read from.
    pub path: PathBuf,
}

/// Models by the slots they are for.
#[derive(Clone, Debug)]
pub struct ModelByRange {
    /// By first slot, never empty; ranges do not overlap.
    ranges: Vec<RangedModel>,
    /// Whether slots outside of the ranges have a model.
    cover: Cover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    /// There is one model, and it is for every slot.
    Every,
    /// Slots before the first range or between two have none.
    Ranges,
}

/// Why models by range cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The operating system refused.
    #[error("{path} can't be read, because {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No entry is named after slots.
    #[error(
        "{path} holds nothing named slots_A_to_B (a training set) or slots_A_to_B.bmm (a model), \
         so there is no model for any slot",
        path = path.display()
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A range ends before it begins.
    #[error("{path} is named after slots {first} to {last}, which are none", path = path.display())]
    Backwards {
        /// The entry.
        path: PathBuf,
        /// The first slot named.
        first: Slot,
        /// The last slot named.
        last: Slot,
    },
    /// Two ranges share a slot.
    #[error("{path} and {other} are both for slot {slot}; rename one of them", path = path.display(), other = other.display())]
    Overlap {
        /// An entry.
        path: PathBuf,
        /// Another.
        other: PathBuf,
        /// A slot of both.
        slot: Slot,
    },
    /// A model file cannot be used.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// A training set cannot be read.
    #[error(transparent)]
    Store(#[from] TrainingStoreError),
    /// A training set cannot be trained on.
    #[error("{path} can't be trained on: {source}", path = path.display())]
    Train {
        /// The training set.
        path: PathBuf,
        /// Why.
        source: TrainError,
    },
}

/// No model is for this slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is for slot {slot}; the first one begins at slot {first}")]
pub struct NoModel {
    /// The slot.
    pub slot: Slot,
    /// Where the first range begins.
    pub first: Slot,
}

impl ModelByRange {
    /// One model for every slot.
    pub fn single(model: Model, path: &Path) -> Self {
        let range = RangedModel { first: Slot(0), last: Slot(u64::MAX), model, path: path.to_owned() };
        Self { ranges: vec![range], cover: Cover::Every }
    }

    /// A model file, or a directory of models and training sets named `slots_A_to_B`.
    ///
    /// Training sets are directories of `<Client>/<block_root>.json` or Parquet files; a model of each is trained
    /// with the options. What could not be read of them is returned beside the models.
    pub fn open(
        path: &Path,
        options: &TrainingOptions,
        progress: &dyn Progress,
    ) -> Result<(Self, Vec<BadInput>), RangeError> {
        let io = |source| RangeError::Io { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(io)?.is_dir() {
            return Ok((Self::single(load_model(path)?, path), Vec::new()));
        }
        let mut ranges: Vec<RangedModel> = Vec::new();
        let mut bad = Vec::new();
        for (first, last, entry) in entries(path)? {
            if let Some(before) = ranges.last().filter(|before| before.last >= first) {
                return Err(RangeError::Overlap { path: before.path.clone(), other: entry, slot: first });
            }
            let model = if is_training_set(&entry) {
                let loaded = read_training_set(&entry, WantedFeatures::Only(&options.features), progress)?;
                bad.extend(loaded.bad);
                let note = ModelOrigin { trained_on: loaded.origin, evaluated_on: Vec::new() };
                Model::train(&loaded.set, TrainingOptions { note, ..options.clone() })
                    .map_err(|source| RangeError::Train { path: entry.clone(), source })?
            } else {
                load_model(&entry)?
            };
            ranges.push(RangedModel { first, last, model, path: entry });
        }
        if ranges.is_empty() {
            return Err(RangeError::Empty { path: path.to_owned() });
        }
        Ok((Self { ranges, cover: Cover::Ranges }, bad))
    }

    /// The model for a slot. The last range is open-ended.
    pub fn for_slot(&self, slot: Slot) -> Result<&Model, NoModel> {
        let before = self.ranges.partition_point(|range| range.first <= slot);
        let range = before.checked_sub(1).and_then(|index| self.ranges.get(index));
        let is_last = before == self.ranges.len();
        range
            .filter(|range| is_last || slot <= range.last || self.cover == Cover::Every)
            .map(|range| &range.model)
            .ok_or_else(|| NoModel { slot, first: self.ranges.first().map_or(Slot(0), |range| range.first) })
    }

    /// The models, by first slot.
    pub fn ranges(&self) -> &[RangedModel] {
        &self.ranges
    }
}

/// The entries named after slots, by first slot.
fn entries(path: &Path) -> Result<Vec<(Slot, Slot, PathBuf)>, RangeError> {
    let io = |source| RangeError::Io { path: path.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?.path();
        let Some((first, last)) = slots_of(&entry) else { continue };
        if last < first {
            return Err(RangeError::Backwards { path: entry, first, last });
        }
        entries.push((first, last, entry));
    }
    entries.sort();
    Ok(entries)
}

/// The slots of a name like `slots_0_to_31`, `slots_0_to_31.parquet` or `slots_0_to_31.bmm`.
fn slots_of(path: &Path) -> Option<(Slot, Slot)> {
    let stem = path.file_stem()?.to_str()?;
    let range = stem.strip_prefix("slots_")?;
    slots_of_name(&format!("slot_{range}.json"))
}

fn is_training_set(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|extension| extension == "parquet")
}
