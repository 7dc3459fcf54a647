//! Training sets on disk: Parquet of feature rows, or the older directory of one JSON file per block.
//!
//! ```text
//! set.parquet             block_root, slot, label, label_source, fork, client_generation, one column per feature
//! <Client>/<root>.json    one block reward per file; the features are computed while reading
//! ```

pub(crate) mod columns;
mod compact;
mod digest;
mod directory;
mod error;
mod footer;
mod pages;
pub(crate) mod parquet_file;
#[cfg(test)]
mod tests;

use std::path::Path;

use consensus::{Root, Slot};
use fingerprint::{Client, DataOrigin, FeatureSet, TrainingSet};
use rayon::prelude::*;

use crate::atomic;
use crate::bad_input::BadInput;
use crate::progress::Progress;
use columns::{Columns, NamedColumn, Provenance};
use parquet_file::{Notes, WriteError};

pub use error::TrainingStoreError;

/// The version of the features' definitions. A file of another version is refused: its numbers mean something else.
pub const FEATURE_SET_VERSION: u32 = 1;

/// Which features a training set is loaded with.
#[derive(Clone, Copy, Debug)]
pub enum WantedFeatures<'a> {
    /// All that every block has.
    Present,
    /// These, in this order. One that the file has no column of is an error; blocks without a value are left out.
    Only(&'a FeatureSet),
    /// As [`Only`](Self::Only), followed by those that tests are divided by, as far as every block has them.
    Tested(&'a FeatureSet),
}

/// What tests are divided by: [`fingerprint::score::Slicing`].
const DIVIDING: [&str; 3] = ["num_attestations", "norm_reward", "norm_reward_per_slot"];

/// Features followed by those that tests are divided by, if they pass.
fn with_dividing(features: &FeatureSet, passes: impl Fn(&str) -> bool) -> FeatureSet {
    let more = DIVIDING.into_iter().filter(|name| features.position(name).is_none() && passes(name));
    FeatureSet::from_names(features.names().chain(more)).unwrap_or_else(|_| features.clone())
}

/// A training set with what was noticed while loading it.
#[derive(Clone, Debug)]
pub struct LoadedSet {
    /// The rows, by client and block root.
    pub set: TrainingSet,
    /// Where the blocks and their labels come from.
    pub origin: DataOrigin,
    /// Rows that were left out because they have no value of a wanted feature. Files of a directory are listed.
    pub incomplete_rows: u64,
    /// Files of a directory that could not be used.
    pub bad: Vec<BadInput>,
}

/// What a Parquet training set says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingSetInfo {
    /// Where the blocks and their labels come from.
    pub origin: DataOrigin,
    /// How many rows there are.
    pub rows: usize,
    /// The names of the feature columns, in order.
    pub features: Vec<String>,
}

/// Writes a training set as Parquet. The file appears whole or not at all.
pub fn write_training_set(
    path: &Path,
    set: &TrainingSet,
    origin: &DataOrigin,
) -> Result<(), TrainingStoreError> {
    let named = set.features.names().zip(set.columns());
    let columns = Columns {
        block_roots: set.block_roots.clone(),
        slots: set.slots.iter().map(|slot| slot.0).collect(),
        labels: set.labels.clone(),
        provenance: Provenance::unknown(set.len()),
        features: named
            .map(|(name, values)| NamedColumn { name: name.to_owned(), values: values.clone() })
            .collect(),
    };
    write_columns(path, &columns, origin)
}

pub(crate) fn write_columns(
    path: &Path,
    columns: &Columns,
    origin: &DataOrigin,
) -> Result<(), TrainingStoreError> {
    atomic::write_with(path, |file| {
        parquet_file::write(file, columns, FEATURE_SET_VERSION, origin).map_err(WriteError::from)
    })
    .map_err(|WriteError(source)| TrainingStoreError::Io { path: path.to_owned(), source })
}

/// Reads what a Parquet training set says of itself; no row is read.
pub fn training_set_info(path: &Path) -> Result<TrainingSetInfo, TrainingStoreError> {
    let info = parquet_file::info(path)?;
    Ok(TrainingSetInfo { origin: info.origin, rows: info.rows, features: info.features })
}

/// Reads a training set: a Parquet file, or a directory of `<Client>/<block_root>.json`.
pub fn read_training_set(
    path: &Path,
    wanted: WantedFeatures<'_>,
    progress: &dyn Progress,
) -> Result<LoadedSet, TrainingStoreError> {
    let metadata =
        std::fs::metadata(path).map_err(|source| TrainingStoreError::Io { path: path.to_owned(), source })?;
    let mut loaded = if metadata.is_dir() {
        directory::read(path, wanted, progress)?
    } else {
        read_parquet(path, wanted)?
    };
    if loaded.set.is_empty() && loaded.bad.is_empty() {
        return Err(TrainingStoreError::Empty { path: path.to_owned() });
    }
    if !is_canonical(&loaded.set) {
        loaded.set.canonical_order();
    }
    Ok(loaded)
}

/// Whether rows are by label and root already, no root twice: files of this program are. Cheaper than sorting.
fn is_canonical(set: &TrainingSet) -> bool {
    let sorted = |labels: &[Client], roots: &[Root]| {
        let labels = labels.iter().zip(labels.iter().skip(1));
        let roots = roots.iter().zip(roots.iter().skip(1));
        labels.zip(roots).all(|((label, next_label), (root, next_root))| {
            label < next_label || (label == next_label && root < next_root)
        })
    };
    // Pieces overlap by one row, so that no pair of neighbours is left out.
    const PIECE: usize = 1 << 16;
    (0..set.len().div_ceil(PIECE)).into_par_iter().all(|piece| {
        let (from, to) = (piece * PIECE, set.len().min((piece + 1) * PIECE + 1));
        sorted(
            set.labels.get(from..to).unwrap_or_default(),
            set.block_roots.get(from..to).unwrap_or_default(),
        )
    })
}

fn read_parquet(path: &Path, wanted: WantedFeatures<'_>) -> Result<LoadedSet, TrainingStoreError> {
    let info = parquet_file::info(path)?;
    if info.feature_set_version != FEATURE_SET_VERSION {
        return Err(TrainingStoreError::Version {
            path: path.to_owned(),
            what: "feature set",
            found: info.feature_set_version.to_string(),
            known: FEATURE_SET_VERSION,
        });
    }
    let set_error = |reason: String| TrainingStoreError::Set { path: path.to_owned(), reason };
    let features = match wanted {
        WantedFeatures::Only(features) => features.clone(),
        WantedFeatures::Tested(features) => with_dividing(features, |name| {
            let is_it = |known: &String| known == name;
            info.features.iter().any(is_it) && !info.incomplete.iter().any(is_it)
        }),
        WantedFeatures::Present => {
            let complete = info.features.iter().filter(|name| !info.incomplete.contains(name));
            FeatureSet::from_names(complete).map_err(|error| set_error(error.to_string()))?
        }
    };
    let names: Vec<String> = features.names().map(str::to_owned).collect();
    let (_, mut columns) = parquet_file::read(path, Some(&names), Notes::Skip)?;
    let incomplete: Vec<String> = names.into_iter().filter(|name| info.incomplete.contains(name)).collect();
    let left_out = if incomplete.is_empty() { 0 } else { columns.keep_complete_rows(&incomplete) };
    if columns.len() == 0 && left_out > 0 {
        let names = incomplete.join(", ");
        return Err(set_error(format!("no block has values of all of {names}; train without them")));
    }
    let set = training_set(features, columns).map_err(set_error)?;
    Ok(LoadedSet { set, origin: info.origin, incomplete_rows: left_out as u64, bad: Vec::new() })
}

/// Columns that were read or computed, as the set that classifiers are trained on.
pub(crate) fn training_set(features: FeatureSet, columns: Columns) -> Result<TrainingSet, String> {
    let values = columns.features.into_iter().map(|column| column.values).collect();
    let slots = columns.slots.into_iter().map(Slot).collect();
    TrainingSet::from_columns(features, values, columns.labels, slots, columns.block_roots)
        .map_err(|error| error.to_string())
}
