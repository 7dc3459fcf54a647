//! The pair grid: every pair of a few features at once, with each client's range on the diagonal.

use fingerprint::Client;

use super::sample::{Sample, mixed};
use super::scatter::{Dimension, Spread, legend, subtitle};
use super::svg::{Anchor, Svg, TextStyle, Theme, fitted};

/// The most features of one grid: beyond it, cells are too small to read.
pub(crate) const MAX_FEATURES: usize = 8;

const CELL: f64 = 176.0;
/// The farthest a mark moves in a cell.
const FARTHEST: f64 = 4.0;
const GAP: f64 = 14.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 40.0;
const INSET: f64 = 20.0;
/// Room for marks at the edge of a cell.
const AIR: f64 = 6.0;

/// Draws all pairs: a column and a row per feature, scatters below the diagonal.
pub(crate) fn grid(dimensions: &[Dimension<'_>], labels: &[Client], sample: &Sample, theme: Theme) -> String {
    let dimensions = dimensions.get(..dimensions.len().min(MAX_FEATURES)).unwrap_or_default();
    let count = dimensions.len() as f64;
    let width = (LEFT + count * (CELL + GAP) + INSET).max(560.0);
    let height = TOP + count * (CELL + GAP) + BOTTOM;
    let title = format!("Every pair of {} features", dimensions.len());
    let spreads: Vec<(Spread, Spread)> = dimensions
        .iter()
        .map(|dimension| {
            (
                Spread::new(dimension, sample, AIR, CELL - AIR, FARTHEST),
                Spread::new(dimension, sample, CELL - AIR, AIR, FARTHEST),
            )
        })
        .collect();
    let reach = spreads.iter().map(|(spread, _)| spread.reach).fold(0.0, f64::max);
    let subtitle = subtitle(sample, reach);
    let mut svg = Svg::new(width, height, theme, &title, &subtitle);
    let quiet = theme.ink_2();
    svg.text(INSET, 32.0, &title, TextStyle::new(18.0, theme.ink()).bold());
    let note = format!("{subtitle} On the diagonal: each client's middle 80 % and its median.");
    svg.text(INSET, 53.0, &fitted(&note, 13.0, width - 2.0 * INSET), TextStyle::new(13.0, quiet));
    svg.define_marks('g', 2.6, theme.mark_opacity());
    svg.define_marks('d', 4.0, 1.0);

    for (row, vertical) in dimensions.iter().enumerate() {
        for (column, horizontal) in dimensions.iter().enumerate().take(row + 1) {
            let (x, y) = corner(column, row);
            let (Some((across, _)), Some((_, down))) = (spreads.get(column), spreads.get(row)) else {
                continue;
            };
            svg.outline(x, y, CELL, CELL, theme.line(), 1.0);
            if column == row {
                ranges(&mut svg, horizontal, &across.axis.along(x + AIR, x + CELL - AIR), labels, sample, y);
            } else {
                for &block in &sample.rows {
                    let values =
                        (horizontal.values.get(block), vertical.values.get(block), labels.get(block));
                    if let (Some(&a), Some(&b), Some(&client)) = values {
                        let seed = mixed(block as u64);
                        svg.place('g', client, x + across.place(a, seed), y + down.place(b, seed ^ 0x5555));
                    }
                }
            }
            let style = TextStyle::new(11.5, quiet);
            if row + 1 == dimensions.len() {
                for (value, text) in across.axis.ticks(3) {
                    let at = x + across.axis.place(value);
                    svg.text(at, y + CELL + 17.0, &text, style.anchored(Anchor::Middle));
                }
            }
            if column == 0 && row > 0 {
                for (value, text) in down.axis.ticks(3) {
                    let at = y + down.axis.place(value);
                    svg.text(x - 8.0, at + 4.0, &text, style.anchored(Anchor::End));
                }
            }
        }
    }
    // The corner above the diagonal is free from three features on; with fewer the legend goes below the title.
    if dimensions.len() >= 3 {
        let (x, _) = corner(dimensions.len() - 1, 0);
        legend(&mut svg, sample, x + 40.0, TOP + 12.0);
    }
    svg.finish()
}

fn corner(column: usize, row: usize) -> (f64, f64) {
    (LEFT + column as f64 * (CELL + GAP), TOP + row as f64 * (CELL + GAP))
}

/// A strip per client: from the tenth to the ninetieth of a hundred, a mark at the median.
fn ranges(
    svg: &mut Svg,
    dimension: &Dimension<'_>,
    axis: &super::axis::Axis,
    labels: &[Client],
    sample: &Sample,
    top: f64,
) {
    let theme = svg.theme;
    let left = axis.first_pixel() - AIR + 8.0;
    let style = TextStyle::new(12.0, theme.ink()).bold();
    // Two names of the table are longer than a cell is wide.
    match dimension.name.rsplit_once('_').filter(|_| dimension.name.chars().count() > 23) {
        Some((start, end)) => {
            svg.text(left, top + 18.0, &format!("{start}_"), style);
            svg.text(left, top + 33.0, end, style);
        }
        None => svg.text(left, top + 20.0, dimension.name, style),
    }
    let mut y = top + 52.0;
    for client in Client::ALL {
        let mut values: Vec<f64> = sample
            .rows
            .iter()
            .filter(|&&row| labels.get(row) == Some(&client))
            .filter_map(|&row| dimension.values.get(row).copied())
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| {
            let index = (part * (values.len().saturating_sub(1)) as f64).round() as usize;
            values.get(index).map(|&value| axis.place(value))
        };
        if let (Some(low), Some(median), Some(high)) = (at(0.1), at(0.5), at(0.9)) {
            let color = theme.client(client);
            svg.line((low - 1.0, y), (high + 1.0, y), color, 2.5);
            svg.place('d', client, median, y);
            y += 17.0;
        }
    }
}
