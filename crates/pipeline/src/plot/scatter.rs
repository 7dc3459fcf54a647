//! A cross-section: every block as a mark at the values of two features.

use std::collections::HashMap;

use fingerprint::Client;

use super::axis::Axis;
use super::sample::{Sample, mixed, wobble};
use super::svg::{Anchor, Svg, TextStyle, Theme, fitted, thousands};

/// A feature's values with its name and one sentence about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dimension<'a> {
    pub(crate) name: &'a str,
    pub(crate) about: &'a str,
    pub(crate) values: &'a [f64],
}

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 656.0;
const LEFT: f64 = 76.0;
const TOP: f64 = 130.0;
const RIGHT: f64 = 176.0;
const BOTTOM: f64 = 88.0;
const INSET: f64 = 20.0;

/// Draws one feature against another.
pub(crate) fn scatter(
    x: Dimension<'_>,
    y: Dimension<'_>,
    labels: &[Client],
    sample: &Sample,
    theme: Theme,
) -> String {
    let title = format!("{} against {}", y.name, x.name);
    let horizontal = Spread::new(&x, sample, LEFT, WIDTH - RIGHT, FARTHEST);
    let vertical = Spread::new(&y, sample, HEIGHT - BOTTOM, TOP, FARTHEST);
    let subtitle = subtitle(sample, horizontal.reach.max(vertical.reach));
    let mut svg = Svg::new(WIDTH, HEIGHT, theme, &title, &subtitle);
    let (ink, quiet) = (theme.ink(), theme.ink_2());
    svg.text(INSET, 32.0, &title, TextStyle::new(18.0, ink).bold());
    svg.text(INSET, 53.0, &subtitle, TextStyle::new(13.0, quiet));

    for (value, text) in horizontal.axis.ticks(7) {
        let at = horizontal.axis.place(value);
        svg.line((at, TOP), (at, HEIGHT - BOTTOM), theme.line(), 1.0);
        let style = TextStyle::new(12.0, quiet).anchored(Anchor::Middle);
        svg.text(at, HEIGHT - BOTTOM + 19.0, &text, style);
    }
    for (value, text) in vertical.axis.ticks(6) {
        let at = vertical.axis.place(value);
        svg.line((LEFT, at), (WIDTH - RIGHT, at), theme.line(), 1.0);
        svg.text(LEFT - 10.0, at + 4.0, &text, TextStyle::new(12.0, quiet).anchored(Anchor::End));
    }
    svg.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), theme.line_strong(), 1.0);
    svg.line((LEFT, TOP), (LEFT, HEIGHT - BOTTOM), theme.line_strong(), 1.0);

    axis_name(&mut svg, "↑", &y, INSET, TOP - 42.0);
    axis_name(&mut svg, "→", &x, LEFT, HEIGHT - BOTTOM + 46.0);

    svg.define_marks('m', 4.5, theme.mark_opacity());
    for &row in &sample.rows {
        if let (Some(&a), Some(&b), Some(&client)) = (x.values.get(row), y.values.get(row), labels.get(row)) {
            let seed = mixed(row as u64);
            svg.place('m', client, horizontal.place(a, seed), vertical.place(b, seed ^ 0x5555));
        }
    }
    legend(&mut svg, sample, WIDTH - RIGHT + 24.0, TOP + 8.0);
    svg.finish()
}

/// The name of an axis with what the feature means, horizontally: nobody should tilt the head.
fn axis_name(svg: &mut Svg, arrow: &str, dimension: &Dimension<'_>, x: f64, y: f64) {
    let theme = svg.theme;
    svg.text(x, y, &format!("{arrow} {}", dimension.name), TextStyle::new(13.0, theme.ink()).bold());
    let about = fitted(dimension.about, 12.5, WIDTH - x - INSET / 2.0);
    svg.text(x, y + 18.0, &about, TextStyle::new(12.5, theme.ink_2()));
}

/// Marks, names and counts of the clients, one below the other.
pub(crate) fn legend(svg: &mut Svg, sample: &Sample, x: f64, from: f64) {
    let theme = svg.theme;
    svg.define_marks('l', 5.0, 1.0);
    let mut y = from;
    for client in Client::ALL {
        let total = sample.totals.get(client.index()).copied().unwrap_or(0);
        if total == 0 {
            continue;
        }
        svg.place('l', client, x, y);
        svg.text(x + 14.0, y + 4.5, client.name(), TextStyle::new(13.5, theme.ink()));
        svg.text(
            x + 14.0,
            y + 20.0,
            &format!("n = {}", thousands(total)),
            TextStyle::new(12.0, theme.ink_2()),
        );
        y += 42.0;
    }
}

/// What is shown, in one line.
pub(crate) fn subtitle(sample: &Sample, reach: f64) -> String {
    let (shown, total) = (sample.rows.len() as u64, sample.total());
    let blocks = if shown == total {
        format!("{} blocks.", thousands(total))
    } else {
        format!(
            "{} of {} blocks, at most {} per client.",
            thousands(shown),
            thousands(total),
            thousands(sample.per_client as u64)
        )
    };
    if reach > 0.0 {
        format!("{blocks} Marks that share a value are moved by up to {reach:.0} px so that all show.")
    } else {
        blocks
    }
}

/// An axis that moves marks a little where many blocks share a value.
pub(crate) struct Spread {
    pub(crate) axis: Axis,
    /// The farthest that a mark of this picture is moved, in pixels.
    pub(crate) reach: f64,
    /// How far marks of a value are moved, by the bits of the value.
    reaches: HashMap<u64, f64>,
}

/// The farthest a mark may move in a large picture, in pixels.
const FARTHEST: f64 = 10.0;

/// So many blocks may share a value without being moved.
const FEW: u32 = 2;

impl Spread {
    pub(crate) fn new(dimension: &Dimension<'_>, sample: &Sample, from: f64, to: f64, farthest: f64) -> Self {
        let values = || sample.rows.iter().filter_map(|&row| dimension.values.get(row).copied());
        let mut counts: HashMap<u64, u32> = HashMap::new();
        values().for_each(|value| *counts.entry(value.to_bits()).or_default() += 1);
        // The more blocks share a value, the more room they get: the density of a pile stays about the same.
        let reaches: HashMap<u64, f64> = counts
            .into_iter()
            .filter(|(_, count)| *count > FEW)
            .map(|(value, count)| (value, (1.4 * f64::from(count).sqrt()).min(farthest)))
            .collect();
        let reach = reaches.values().copied().fold(0.0, f64::max);
        Self { axis: Axis::over(values(), from, to), reach, reaches }
    }

    pub(crate) fn place(&self, value: f64, seed: u64) -> f64 {
        let reach = self.reaches.get(&value.to_bits()).copied().unwrap_or(0.0);
        self.axis.place(value) + reach * wobble(seed)
    }
}
