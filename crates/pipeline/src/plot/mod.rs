//! Pictures of training sets and verdicts as SVG and PNG, with feature names on every axis.

mod accuracy;
mod axis;
mod cost;
mod data;
mod grid;
mod heat_map;
mod png;
mod reliability;
mod sample;
mod scatter;
mod svg;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use fingerprint::TrainingSet;
use fingerprint::features::{self, FeatureSet};
use rayon::prelude::*;
use serde::Serialize;

use crate::atomic;
use crate::progress::Progress;
use sample::Sample;
use scatter::Dimension;

pub use accuracy::accuracy_picture;
pub use cost::{CostLine, CostPanel, Spacing, cost_picture};
pub use data::{Confusion, PlotDataError, plot_data};
pub use heat_map::heat_map;
pub use reliability::reliability_picture;
pub use svg::Theme;

/// Which files a picture becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// An SVG and a PNG of each picture.
    #[default]
    SvgAndPng,
    /// SVG only.
    Svg,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct PlotOptions {
    /// The features to draw; none means all that the data have.
    pub features: Option<FeatureSet>,
    /// The most blocks drawn per client; the same ones every time.
    pub per_client: usize,
    /// The ground.
    pub theme: Theme,
    /// The kinds of file.
    pub images: Images,
}

impl Default for PlotOptions {
    fn default() -> Self {
        Self { features: None, per_client: 300, theme: Theme::default(), images: Images::default() }
    }
}

/// What was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlotReport {
    /// The files, sorted.
    pub files: Vec<PathBuf>,
    /// Features of the pair grid; with many features it shows some of them.
    pub grid: Vec<String>,
    /// Features without a cross-section, because all blocks have the same value.
    pub constant: Vec<String>,
    /// What was not drawn, and why.
    pub notes: Vec<String>,
}

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The picture could not be turned into pixels.
    #[error("the picture could not be rendered: {0}")]
    Render(String),
    /// The operating system refused.
    #[error("{path} can't be written, because {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The data have no column of a feature.
    #[error("the training set has no column {0:?}; label the raw rewards again to compute it")]
    MissingFeature(&'static str),
    /// There is nothing to draw one feature against another.
    #[error("a cross-section needs two features that differ between blocks; {0} of the features drawn do")]
    TooFewFeatures(usize),
}

/// The features that a grid shows first: those that tell clients apart best.
const GRID_FIRST: [&str; 8] = [
    "percent_redundant_boost",
    "difflib_rewards",
    "difflib_slot",
    "difflib_slot_rev",
    "spearman_correlation",
    "norm_reward",
    "percent_single_bit",
    "percent_pairwise_ordered",
];

/// Draws a cross-section for every pair of features, named `<y>-<x>`, and a grid of them, named `pair_grid`.
pub fn plot(
    set: &TrainingSet,
    directory: &Path,
    options: &PlotOptions,
    progress: &dyn Progress,
) -> Result<PlotReport, PlotError> {
    let wanted = options.features.clone().unwrap_or_else(|| set.features.clone());
    let mut report = PlotReport::default();
    let mut dimensions = Vec::new();
    for name in wanted.names() {
        let values = set.column(name).ok_or(PlotError::MissingFeature(name))?;
        if values.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
            report.constant.push(name.to_owned());
        } else {
            let about = features::find(name).map_or("", |feature| feature.about);
            dimensions.push(Dimension { name, about, values });
        }
    }
    if dimensions.len() < 2 {
        return Err(PlotError::TooFewFeatures(dimensions.len()));
    }
    let folder = atomic::NewFolder::make(directory)
        .map_err(|source| PlotError::Io { path: directory.to_owned(), source })?;
    let labels = &set.labels;
    let identity = |row: usize| identity(set, row);
    let sample = Sample::choose(labels, identity, options.per_client);
    let pairs: Vec<(&Dimension<'_>, &Dimension<'_>)> = dimensions
        .iter()
        .enumerate()
        .flat_map(|(position, y)| dimensions.iter().skip(position + 1).map(move |x| (x, y)))
        .collect();
    progress.start("Drawing", Some(pairs.len() as u64 + 1), "pictures");
    let drawn = pairs
        .par_iter()
        .map(|(x, y)| {
            let picture = scatter::scatter(**x, **y, labels, &sample, options.theme);
            let files = write_picture(directory, &format!("{}-{}", y.name, x.name), &picture, options.images);
            progress.advance(1);
            files
        })
        .collect::<Result<Vec<_>, _>>()?;
    report.files.extend(drawn.into_iter().flatten());

    let in_grid = grid_choice(&dimensions);
    report.grid = in_grid.iter().map(|dimension| dimension.name.to_owned()).collect();
    let small = Sample::choose(labels, identity, options.per_client.min(GRID_PER_CLIENT));
    let picture = grid::grid(&in_grid, labels, &small, options.theme);
    report.files.extend(write_picture(directory, "pair_grid", &picture, options.images)?);
    report.files.sort();
    folder.keep();
    progress.advance(1);
    progress.finish(&format!("{} files in {}.", report.files.len(), directory.display()));
    Ok(report)
}

/// A number that follows from the block of a row.
fn identity(set: &TrainingSet, row: usize) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = set.block_roots.get(row).copied().unwrap_or_default().0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ row as u64
}

/// The most blocks per client in a cell of the grid.
const GRID_PER_CLIENT: usize = 150;

fn grid_choice<'a>(dimensions: &[Dimension<'a>]) -> Vec<Dimension<'a>> {
    if dimensions.len() <= grid::MAX_FEATURES {
        return dimensions.to_vec();
    }
    let first =
        GRID_FIRST.iter().filter_map(|name| dimensions.iter().find(|dimension| dimension.name == *name));
    let rest = dimensions.iter().filter(|dimension| !GRID_FIRST.contains(&dimension.name));
    first.chain(rest).take(grid::MAX_FEATURES).copied().collect()
}

/// Writes a picture as `<name>.svg`, and `<name>.png` where asked for.
pub fn write_picture(
    directory: &Path,
    name: &str,
    svg: &str,
    images: Images,
) -> Result<Vec<PathBuf>, PlotError> {
    let write = |extension: &str, bytes: &[u8]| {
        let path = directory.join(format!("{name}.{extension}"));
        match atomic::write_unsynced(&path, bytes) {
            Ok(()) => Ok(path),
            Err(source) => Err(PlotError::Io { path, source }),
        }
    };
    let mut files = vec![write("svg", svg.as_bytes())?];
    if images == Images::SvgAndPng {
        files.push(write("png", &png::render(svg)?)?);
    }
    Ok(files)
}
