//! The directory form of a training set: `<Client>/<block_root>.json`, one block reward per file.

use std::fs;
use std::path::{Path, PathBuf};

use fingerprint::features::FeatureError;
use fingerprint::{BlockObservation, Client, DataOrigin, FeatureSet, LabelSource, TrainingSet};
use rayon::prelude::*;
use source::{Limits, RewardReader};

use super::columns::{Columns, NamedColumn, Provenance};
use super::error::TrainingStoreError;
use super::{LoadedSet, WantedFeatures, with_dividing};
use crate::bad_input::BadInput;
use crate::progress::Progress;
use crate::rows::RowMaker;

/// Reads every file and computes its features, in parallel. Files that cannot be used are listed.
pub(super) fn read(
    path: &Path,
    wanted: WantedFeatures<'_>,
    progress: &dyn Progress,
) -> Result<LoadedSet, TrainingStoreError> {
    let files = list(path)?;
    let features = match wanted {
        WantedFeatures::Only(features) => features.clone(),
        WantedFeatures::Tested(features) => with_dividing(features, |_| true),
        WantedFeatures::Present => FeatureSet::everything(),
    };
    let trained_on = || match wanted {
        WantedFeatures::Tested(features) => Some(features.clone()),
        WantedFeatures::Only(_) | WantedFeatures::Present => None,
    };
    progress.start("Computing features", Some(files.len() as u64), "blocks");
    let read = files
        .par_iter()
        .map_init(
            || Rows {
                all: RowMaker::new(features.clone()),
                width: features.len(),
                trained_on: trained_on().map(RowMaker::new),
            },
            |rows, (label, file)| {
                let row = row(file, rows, wanted);
                progress.advance(1);
                row.map(|(block, values)| (*label, block, values))
                    .map_err(|reason| BadInput::of_file(file, reason))
            },
        )
        .collect::<Vec<_>>();
    let mut columns = Columns {
        features: features
            .names()
            .map(|name| NamedColumn { name: name.to_owned(), values: Vec::new() })
            .collect(),
        ..Columns::default()
    };
    let mut bad = Vec::new();
    for block in read {
        match block {
            Ok((label, block, values)) => {
                columns.block_roots.push(block.block_root);
                columns.slots.push(block.slot.0);
                columns.labels.push(label);
                for (column, value) in columns.features.iter_mut().zip(values) {
                    column.values.push(value);
                }
            }
            Err(input) => bad.push(input),
        }
    }
    columns.provenance = Provenance::unknown(columns.len());
    progress.finish(&format!("{} blocks read, {} bad.", columns.len(), bad.len()));
    let set = complete(columns, features, path)?;
    // The folders are named after clients; nothing says of which network the blocks are.
    let origin = DataOrigin { network: None, labels: LabelSource::Folder, about: None };
    Ok(LoadedSet { set, origin, incomplete_rows: 0, bad })
}

/// The set without the features that some block lacks.
fn complete(
    mut columns: Columns,
    features: FeatureSet,
    path: &Path,
) -> Result<TrainingSet, TrainingStoreError> {
    columns.canonicalise();
    columns.features.retain(|column| column.values.iter().all(|value| !value.is_nan()));
    let kept = if columns.features.len() == features.len() {
        Ok(features)
    } else {
        FeatureSet::from_names(columns.features.iter().map(|column| column.name.as_str()))
    };
    let set_error = |reason: String| TrainingStoreError::Set { path: path.to_owned(), reason };
    super::training_set(kept.map_err(|error| set_error(error.to_string()))?, columns).map_err(set_error)
}

/// Makes the rows of blocks, of all features that are looked for.
struct Rows {
    all: RowMaker,
    /// The length of a row.
    width: usize,
    /// The first features of a row alone: some blocks lack only what a test is divided by.
    trained_on: Option<RowMaker>,
}

impl Rows {
    fn of(&mut self, block: &BlockObservation) -> Result<Vec<f64>, FeatureError> {
        let mut values = Vec::new();
        let whole = self.all.append(block, &mut values);
        if let (Err(_), Some(trained_on)) = (&whole, &mut self.trained_on) {
            values.clear();
            trained_on.append(block, &mut values)?;
            values.resize(self.width, f64::NAN);
            return Ok(values);
        }
        whole.map(|()| values)
    }
}

fn row(
    file: &Path,
    rows: &mut Rows,
    wanted: WantedFeatures<'_>,
) -> Result<(BlockObservation, Vec<f64>), String> {
    let reader = RewardReader::open_path(file, Limits::default()).map_err(|error| error.to_string())?;
    let mut blocks = reader.map(|block| block.map_err(|error| error.to_string()));
    let block = blocks.next().ok_or("the file is empty")??.observation;
    if blocks.next().is_some() {
        return Err("a file of a training directory holds one block, this one holds more".to_owned());
    }
    let values = rows.of(&block).map_err(|error| error.to_string())?;
    if let WantedFeatures::Only(features) | WantedFeatures::Tested(features) = wanted
        && let Some(missing) = features.names().zip(&values).find(|(_, value)| value.is_nan())
    {
        return Err(format!("the block has no value for {}", missing.0));
    }
    Ok((block, values))
}

/// All files with their labels, by client and name.
fn list(path: &Path) -> Result<Vec<(Client, PathBuf)>, TrainingStoreError> {
    let mut files = Vec::new();
    let mut folders = 0;
    for folder in entries(path)? {
        if hidden(&folder) {
            continue;
        }
        if !folder.is_dir() {
            return Err(TrainingStoreError::Unrecognised { path: path.to_owned() });
        }
        folders += 1;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let label = Client::ALL
            .into_iter()
            .find(|client| client.name() == name)
            .ok_or_else(|| TrainingStoreError::UnknownFolder { path: folder.clone() })?;
        for file in entries(&folder)? {
            if !hidden(&file) && is_reward_file(&file) {
                files.push((label, file));
            }
        }
    }
    if folders == 0 {
        return Err(TrainingStoreError::Unrecognised { path: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, TrainingStoreError> {
    let io = |source| TrainingStoreError::Io { path: path.to_owned(), source };
    let entries = fs::read_dir(path).map_err(io)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}

fn hidden(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('.'))
}

fn is_reward_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".json") || name.ends_with(".json.gz")
}
