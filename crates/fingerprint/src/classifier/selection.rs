//! From a training set to the rows a classifier is fitted to.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::options::{OptionsError, TrainingOptions};
use super::random::Random;
use super::rows::Rows;
use crate::client::Client;
use crate::training::TrainingSet;

const PURPOSE: u64 = 2;

/// The rows to fit to: the rows of disabled and graffiti-only clients left out, grouped ones renamed,
/// sampled if the imbalance is limited, in the order (client, block root) whatever the order they came in.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// The rows; classes are positions in `classes`.
    pub(crate) rows: Rows,
    /// The classes that have rows, in order.
    pub(crate) classes: Vec<Client>,
    /// Rows per client, before grouping.
    pub(crate) counts: Vec<(Client, u64)>,
    /// The selected rows' positions in the training set.
    pub(crate) positions: Vec<u32>,
}

/// Why a training set cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// The options are wrong.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The training set has no column for a feature.
    #[error(
        "the training set has no column {feature}; make it again with that feature or train with the features it has"
    )]
    MissingFeature {
        /// The feature's name.
        feature: &'static str,
    },
    /// Fewer than two classes have rows.
    #[error("training needs rows of at least two clients, but found {}", Found(classes))]
    TooFewClasses {
        /// The classes that have rows.
        classes: Vec<Client>,
    },
    /// There are more rows than can be numbered.
    #[error("the training set has {rows} rows, more than the {} that can be used", u32::MAX)]
    TooManyRows {
        /// Rows of the set.
        rows: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "{feature} of a {client} block in slot {slot} is not a finite number; remove that row from the training set"
    )]
    NotFinite {
        /// The feature's name.
        feature: &'static str,
        /// The label of the row.
        client: Client,
        /// The slot of the row.
        slot: u64,
    },
    /// A column is shorter than the list of labels.
    #[error("column {feature} of the training set has fewer rows than there are labels; make the set again")]
    ShortColumn {
        /// The feature's name.
        feature: &'static str,
    },
}

struct Found<'a>(&'a [Client]);

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            [first, ..] => write!(f, "only {first}"),
        }
    }
}

impl Selection {
    /// Selects and orders the rows.
    pub(crate) fn of(set: &TrainingSet, options: &TrainingOptions) -> Result<Self, SelectionError> {
        options.check()?;
        if u32::try_from(set.labels.len()).is_err() {
            return Err(SelectionError::TooManyRows { rows: set.labels.len() });
        }
        let mut columns = Vec::with_capacity(options.features.len());
        for feature in options.features.names() {
            let column = set.column(feature).ok_or(SelectionError::MissingFeature { feature })?;
            if column.len() < set.labels.len() {
                return Err(SelectionError::ShortColumn { feature });
            }
            columns.push((feature, column));
        }
        let positions = positions(set, options, &columns);
        let mut counts: Vec<(Client, u64)> = Client::ALL.map(|client| (client, 0)).to_vec();
        for &position in &positions {
            counts[set.labels[position as usize].index()].1 += 1;
        }
        counts.retain(|(_, count)| *count > 0);
        let class_of = |client: Client| if options.grouped.contains(client) { Client::Other } else { client };
        let classes: Vec<Client> = Client::ALL
            .into_iter()
            .filter(|class| counts.iter().any(|(client, _)| class_of(*client) == *class))
            .collect();
        if classes.len() < 2 {
            return Err(SelectionError::TooFewClasses { classes });
        }
        let mut numbers = [0u8; Client::ALL.len()];
        for client in Client::ALL {
            let number = classes.iter().position(|class| *class == class_of(client)).unwrap_or_default();
            numbers[client.index()] = number as u8;
        }
        let rows = gather(set, &columns, &positions, &numbers)?;
        Ok(Self { rows, classes, counts, positions })
    }

    /// A digest of what was selected: names, labels, block roots and values.
    pub(crate) fn digest(&self, set: &TrainingSet, options: &TrainingOptions) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for name in options.features.names() {
            hasher.update(name.as_bytes()).update(b",");
        }
        let mut buffer = Vec::new();
        for (row, &position) in self.positions.iter().enumerate() {
            let position = position as usize;
            buffer.push(set.labels[position] as u8);
            buffer.extend_from_slice(&set.block_roots.get(position).copied().unwrap_or_default().0);
            self.rows.row(row).iter().for_each(|value| buffer.extend_from_slice(&value.to_le_bytes()));
            if buffer.len() > 1 << 16 {
                hasher.update(&buffer);
                buffer.clear();
            }
        }
        *hasher.update(&buffer).finalize().as_bytes()
    }
}

/// Positions of the rows to use, sorted by label and block root; rows that agree in both, which only a block
/// read twice does, by slot and values.
fn positions(set: &TrainingSet, options: &TrainingOptions, columns: &[(&'static str, &[f64])]) -> Vec<u32> {
    let kept = |label: Client| !options.disabled.contains(label) && !options.graffiti_only.contains(label);
    let mut positions: Vec<u32> =
        (0..set.labels.len() as u32).filter(|position| kept(set.labels[*position as usize])).collect();
    let key = |position: u32| {
        let position = position as usize;
        (set.labels[position], set.block_roots.get(position), set.slots.get(position))
    };
    let compare = |a: &u32, b: &u32| {
        key(*a).cmp(&key(*b)).then_with(|| {
            let values =
                columns.iter().map(|(_, column)| column[*a as usize].total_cmp(&column[*b as usize]));
            values.fold(Ordering::Equal, Ordering::then)
        })
    };
    if !positions.is_sorted_by(|a, b| compare(a, b).is_le()) {
        positions.par_sort_by(compare);
    }
    match options.max_imbalance {
        Some(limit) => balanced(set, positions, limit, options.seed),
        None => positions,
    }
}

/// At most `limit` times the rarest client's rows of each client, drawn at random, in the old order.
fn balanced(set: &TrainingSet, positions: Vec<u32>, limit: f64, seed: u64) -> Vec<u32> {
    let runs: Vec<&[u32]> =
        positions.chunk_by(|a, b| set.labels[*a as usize] == set.labels[*b as usize]).collect();
    let rarest = runs.iter().map(|run| run.len()).min().unwrap_or(0);
    let most = (rarest as f64 * limit) as usize;
    let mut random = Random::new(seed, PURPOSE);
    // Drawn are places within a run: the positions themselves may be in any order.
    runs.into_iter()
        .flat_map(|run| {
            let places = if run.len() > most {
                random.sample((0..run.len()).collect(), most)
            } else {
                (0..run.len()).collect()
            };
            places.into_iter().map(|place| run[place])
        })
        .collect()
}

fn gather(
    set: &TrainingSet,
    columns: &[(&'static str, &[f64])],
    positions: &[u32],
    numbers: &[u8; Client::ALL.len()],
) -> Result<Rows, SelectionError> {
    let width = columns.len();
    let mut values = vec![0.0; width * positions.len()];
    values.par_chunks_exact_mut(width).zip(positions).with_min_len(4096).try_for_each(
        |(row, &position)| {
            let position = position as usize;
            for (slot, (feature, column)) in row.iter_mut().zip(columns) {
                *slot = column[position];
                if !slot.is_finite() {
                    let slot = set.slots.get(position).map_or(0, |slot| slot.0);
                    return Err(SelectionError::NotFinite { feature, client: set.labels[position], slot });
                }
            }
            Ok(())
        },
    )?;
    let classes = positions.iter().map(|&position| numbers[set.labels[position as usize].index()]).collect();
    Ok(Rows::from_checked(width, values, classes))
}
