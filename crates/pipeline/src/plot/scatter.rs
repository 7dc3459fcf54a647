//! A cross-section: every block as a mark at the values of two features.

use fingerprint::Client;

use super::axis::Axis;
use super::sample::{Sample, mixed, wobble};
use super::svg::{Anchor, Svg, TextStyle, Theme, fitted, text_width, thousands};

/// A feature's values with its name and one sentence about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dimension<'a> {
    pub(crate) name: &'a str,
    pub(crate) about: &'a str,
    pub(crate) values: &'a [f64],
}

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 640.0;
const LEFT: f64 = 76.0;
const TOP: f64 = 118.0;
const RIGHT: f64 = 176.0;
const BOTTOM: f64 = 82.0;
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
    let horizontal = Spread::new(&x, sample, LEFT, WIDTH - RIGHT);
    let vertical = Spread::new(&y, sample, HEIGHT - BOTTOM, TOP);
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

    axis_name(&mut svg, "↑", &y, INSET, TOP - 20.0);
    axis_name(&mut svg, "→", &x, LEFT, HEIGHT - BOTTOM + 48.0);

    svg.define_marks('m', 4.5, 0.62);
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
    let name = format!("{arrow} {}", dimension.name);
    let room = WIDTH - INSET - x - text_width(&name, 14.0) - 10.0;
    svg.named(x, y, 13.0, &name, &fitted(dimension.about, 13.0, room));
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
        format!("{blocks} Marks are moved by up to {reach:.0} px so that equal ones show.")
    } else {
        blocks
    }
}

/// An axis that moves marks a little where many blocks share few values.
pub(crate) struct Spread {
    pub(crate) axis: Axis,
    pub(crate) reach: f64,
}

/// The farthest a mark moves, in pixels.
const FARTHEST: f64 = 12.0;

impl Spread {
    pub(crate) fn new(dimension: &Dimension<'_>, sample: &Sample, from: f64, to: f64) -> Self {
        let mut values: Vec<f64> =
            sample.rows.iter().filter_map(|&row| dimension.values.get(row).copied()).collect();
        let axis = Axis::over(values.iter().copied(), from, to);
        let shown = values.len();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        // Few values for many blocks: marks would lie on each other. They move at most a third of the
        // way to the next value, so that no block seems to have another value than its own.
        let reach = if values.len() * 3 > shown * 2 {
            0.0
        } else {
            let gap = values
                .windows(2)
                .filter_map(|pair| match pair {
                    [low, high] => Some(axis.pixels(high - low)),
                    _ => None,
                })
                .fold(f64::INFINITY, f64::min);
            (gap / 3.0).clamp(2.0, FARTHEST)
        };
        Self { axis, reach }
    }

    pub(crate) fn place(&self, value: f64, seed: u64) -> f64 {
        self.axis.place(value) + self.reach * wobble(seed)
    }
}
