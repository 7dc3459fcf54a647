//! Feature rows of blocks, named.

use consensus::{Root, Slot};
use fingerprint::{Client, FeatureSet};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use source::{InputError, Place};

use crate::bad_input::BadInput;
use crate::inputs::each_block;
use crate::progress::Progress;
use crate::rows::RowMaker;

/// The features of one block. As JSON: `{"block_root", "slot", "features": {name: value}}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureRow {
    /// Hash tree root of the block.
    pub block_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// The client whose folder the file lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Client>,
    /// Values by name, in the order of the set. What a block has no value of is not a number here and null in JSON.
    #[serde(serialize_with = "as_map")]
    pub features: Vec<(&'static str, f64)>,
}

fn as_map<S: Serializer>(features: &[(&'static str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(features.len()))?;
    for (name, value) in features {
        // Counts are whole numbers and are written as such.
        if value.fract() == 0.0 && value.abs() < 9e15 {
            map.serialize_entry(name, &(*value as i64))?;
        } else {
            map.serialize_entry(name, value)?;
        }
    }
    map.end()
}

/// What was computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeaturesReport {
    /// Rows handed over.
    pub rows: u64,
    /// Blocks that came more than once; they have one row.
    pub repeated: u64,
    /// Files and blocks that could not be used.
    pub bad: Vec<BadInput>,
}

/// Why no features were computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeaturesError {
    /// There is no input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The receiver of rows failed.
    #[error("the rows can't be written, because {0}")]
    Output(#[source] std::io::Error),
}

/// Computes a feature set of every block and hands the rows over, in the order of the input.
pub fn features(
    input: &Place,
    set: &FeatureSet,
    mut take: impl FnMut(FeatureRow) -> std::io::Result<()>,
    progress: &dyn Progress,
) -> Result<FeaturesReport, FeaturesError> {
    let parts = input.parts()?;
    let mut report = FeaturesReport::default();
    progress.start("Computing features", Some(parts.total()), parts.unit());
    each_block(
        parts,
        || RowMaker::new(set.clone()),
        |rows, record, label| {
            let block = &record.observation;
            let mut values = Vec::with_capacity(set.len());
            rows.append(block, &mut values).map_err(|error| error.to_string())?;
            Ok(FeatureRow {
                block_root: block.block_root,
                slot: block.slot,
                label,
                features: set.names().zip(values).collect(),
            })
        },
        |batch| {
            report.bad.extend(batch.bad);
            report.repeated += batch.repeated;
            report.rows += batch.items.len() as u64;
            batch.items.into_iter().try_for_each(&mut take).map_err(FeaturesError::Output)?;
            progress.advance(batch.units);
            Ok::<(), FeaturesError>(())
        },
    )?;
    progress.finish("");
    Ok(report)
}
