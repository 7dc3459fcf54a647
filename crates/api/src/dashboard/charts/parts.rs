//! One bar of 100 % cut into the parts of clients, each labelled where there is room.

use super::{Anchor, Series, Svg};

/// Parts below this are not labelled.
const LABELLED_FROM: f64 = 0.08;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 34.0;

/// Draws the parts in the order given; they add up to 1.
pub(crate) fn parts(id: &str, title: &str, rows: &[(Series, f64)], description: &str) -> String {
    let mut svg = Svg::open(id, "parts", WIDTH, HEIGHT, title, description);
    svg.rect("track", None, [0.0, 0.0, WIDTH, 14.0], 1.0);
    let mut from = 0.0;
    for (series, part) in rows.iter().filter(|(_, part)| *part > 0.0) {
        let width = WIDTH * part.clamp(0.0, 1.0);
        svg.rect("", Some(*series), [from, 0.0, (width - 1.0).max(0.5), 14.0], 0.0);
        let label = format!("{} {:.0}", series.name(), part * 100.0);
        let fits = label.chars().count() as f64 * 12.0 * 0.58 * 1.1 < width;
        if *part >= LABELLED_FROM {
            let text = if fits { label } else { format!("{:.0}", part * 100.0) };
            svg.label("t2", from, 29.0, 12.0, Anchor::Start, &text);
        }
        from += width;
    }
    svg.close()
}
