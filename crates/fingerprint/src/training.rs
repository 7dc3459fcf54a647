//! Labelled feature rows, column by column: what a classifier is trained on.

use consensus::{Root, Slot};
use rayon::prelude::*;

use crate::Client;
use crate::features::FeatureSet;

/// One labelled block.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRow {
    /// Hash tree root of the block.
    pub block_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// The client that built it.
    pub label: Client,
    /// The values of the set's features, in its order.
    pub features: Vec<f64>,
}

/// Labelled feature rows. Values are kept exactly, one column per feature.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingSet {
    /// What the columns are.
    pub features: FeatureSet,
    columns: Vec<Vec<f64>>,
    /// Per row, the client that built the block.
    pub labels: Vec<Client>,
    /// Per row, the block's slot.
    pub slots: Vec<Slot>,
    /// Per row, the block's root.
    pub block_roots: Vec<Root>,
}

/// Why rows do not make a training set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingSetError {
    /// A row or table has another number of features than the set.
    #[error("expected {expected} feature values per row, found {found}")]
    Width {
        /// How many features the set has.
        expected: usize,
        /// How many values there were.
        found: usize,
    },
    /// A column has another number of rows than the labels.
    #[error("column {column} has {found} rows, but there are {expected} labels")]
    Length {
        /// The column: a feature, `slot` or `block_root`.
        column: &'static str,
        /// How many labels there are.
        expected: usize,
        /// How many rows the column has.
        found: usize,
    },
    /// A value is not a finite number.
    #[error("feature {feature} of row {row} is {value}; only finite numbers can be trained on")]
    NotFinite {
        /// The feature.
        feature: &'static str,
        /// The row, from 0.
        row: usize,
        /// Its value.
        value: f64,
    },
    /// A feature was asked for that the set has no column of.
    #[error("the training set has no column {feature}; label the raw rewards again with this feature")]
    MissingFeature {
        /// The feature.
        feature: &'static str,
    },
}

impl TrainingSet {
    /// A set without rows.
    pub fn new(features: FeatureSet) -> Self {
        let columns = vec![Vec::new(); features.len()];
        Self { features, columns, labels: Vec::new(), slots: Vec::new(), block_roots: Vec::new() }
    }

    /// A set from its columns, after checking that they fit together and hold finite numbers only.
    pub fn from_columns(
        features: FeatureSet,
        columns: Vec<Vec<f64>>,
        labels: Vec<Client>,
        slots: Vec<Slot>,
        block_roots: Vec<Root>,
    ) -> Result<Self, TrainingSetError> {
        if columns.len() != features.len() {
            return Err(TrainingSetError::Width { expected: features.len(), found: columns.len() });
        }
        let expected = labels.len();
        let lengths = features.names().zip(columns.iter().map(Vec::len));
        for (column, found) in lengths.chain([("slot", slots.len()), ("block_root", block_roots.len())]) {
            if found != expected {
                return Err(TrainingSetError::Length { column, expected, found });
            }
        }
        for (feature, column) in features.names().zip(&columns) {
            if let Some((row, &value)) = column.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(TrainingSetError::NotFinite { feature, row, value });
            }
        }
        Ok(Self { features, columns, labels, slots, block_roots })
    }

    /// Appends a row.
    pub fn push(&mut self, row: TrainingRow) -> Result<(), TrainingSetError> {
        let (expected, found) = (self.features.len(), row.features.len());
        if expected != found {
            return Err(TrainingSetError::Width { expected, found });
        }
        for (feature, &value) in self.features.names().zip(&row.features) {
            if !value.is_finite() {
                return Err(TrainingSetError::NotFinite { feature, row: self.len(), value });
            }
        }
        for (column, value) in self.columns.iter_mut().zip(row.features) {
            column.push(value);
        }
        self.labels.push(row.label);
        self.slots.push(row.slot);
        self.block_roots.push(row.block_root);
        Ok(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The columns, in the order of the features.
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// The column of a feature.
    pub fn column(&self, feature: &str) -> Option<&[f64]> {
        self.columns.get(self.features.position(feature)?).map(Vec::as_slice)
    }

    /// A row, or `None` behind the last.
    pub fn row(&self, row: usize) -> Option<TrainingRow> {
        Some(TrainingRow {
            block_root: *self.block_roots.get(row)?,
            slot: *self.slots.get(row)?,
            label: *self.labels.get(row)?,
            features: self.columns.iter().map(|column| column.get(row).copied()).collect::<Option<_>>()?,
        })
    }

    /// How many rows each client has, in the order of [`Client::ALL`].
    pub fn counts(&self) -> [u64; Client::ALL.len()] {
        let mut counts = [0; Client::ALL.len()];
        for label in &self.labels {
            counts[label.index()] += 1;
        }
        counts
    }

    /// The same rows with only the given features, in that order.
    pub fn select(&self, features: &FeatureSet) -> Result<Self, TrainingSetError> {
        let columns = features.names().map(|feature| {
            self.column(feature).map(<[f64]>::to_vec).ok_or(TrainingSetError::MissingFeature { feature })
        });
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            features: features.clone(),
            labels: self.labels.clone(),
            slots: self.slots.clone(),
            block_roots: self.block_roots.clone(),
        })
    }

    /// Sorts the rows by label and block root, so that nothing depends on the order they were read in.
    ///
    /// Rows that agree in both, which only a block read twice does, are sorted by slot and values.
    pub fn canonical_order(&mut self) {
        let (labels, roots, slots, columns) = (&self.labels, &self.block_roots, &self.slots, &self.columns);
        // Most comparisons are decided by the label and the first bytes of the root, kept side by side.
        let mut order: Vec<(u64, u32)> = (0u32..)
            .zip(labels.iter().zip(roots))
            .map(|(row, (label, Root([a, b, c, d, e, f, g, ..])))| {
                (u64::from_be_bytes([label.index() as u8, *a, *b, *c, *d, *e, *f, *g]), row)
            })
            .collect();
        let values =
            |row: u32| columns.iter().map(move |column| column.get(row as usize).map(|v| v.to_bits()));
        let compare = |&(x_key, x): &(u64, u32), &(y_key, y): &(u64, u32)| {
            let rest = |row: u32| (roots.get(row as usize), slots.get(row as usize));
            x_key.cmp(&y_key).then_with(|| rest(x).cmp(&rest(y))).then_with(|| values(x).cmp(values(y)))
        };
        if order.is_sorted_by(|x, y| compare(x, y).is_le()) {
            return;
        }
        order.par_sort_unstable_by(compare);
        let order: Vec<u32> = order.into_iter().map(|(_, row)| row).collect();
        self.columns.par_iter_mut().for_each(|column| *column = reordered(column, &order));
        self.labels = reordered(&self.labels, &order);
        self.slots = reordered(&self.slots, &order);
        self.block_roots = reordered(&self.block_roots, &order);
    }

    /// The BLAKE3 digest of the features' names and of the rows in their present order.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = Vec::with_capacity(DIGEST_BUFFER);
        hasher.update(b"blockmark training set 1\n");
        for name in self.features.names() {
            hasher.update(name.as_bytes());
            hasher.update(b"\n");
        }
        hasher.update(&(self.len() as u64).to_le_bytes());
        update(&mut hasher, &mut buffer, &self.labels, |label| [label.index() as u8]);
        update(&mut hasher, &mut buffer, &self.block_roots, |root| root.0);
        update(&mut hasher, &mut buffer, &self.slots, |slot| slot.0.to_le_bytes());
        for column in &self.columns {
            update(&mut hasher, &mut buffer, column, |value| value.to_bits().to_le_bytes());
        }
        hasher.finalize().into()
    }
}

/// How many bytes are collected before they are hashed.
const DIGEST_BUFFER: usize = 64 * 1024;

fn update<T, const N: usize>(
    hasher: &mut blake3::Hasher,
    buffer: &mut Vec<u8>,
    values: &[T],
    bytes: impl Fn(&T) -> [u8; N],
) {
    for chunk in values.chunks(DIGEST_BUFFER / N.max(1)) {
        buffer.clear();
        for value in chunk {
            buffer.extend_from_slice(&bytes(value));
        }
        hasher.update(buffer);
    }
}

fn reordered<T: Copy>(values: &[T], order: &[u32]) -> Vec<T> {
    order.iter().filter_map(|row| values.get(*row as usize).copied()).collect()
}
