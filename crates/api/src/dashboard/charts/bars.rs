//! Plain bars from zero: probabilities of one block.

use super::{Anchor, Layout, Series, Svg, mark};
use crate::dashboard::format;

const ROW_HEIGHT: f64 = 29.0;
const BAR_HEIGHT: f64 = 14.0;

/// One bar per series with its number, in the order given.
pub(crate) fn probability_bars(
    id: &str,
    layout: Layout,
    rows: &[(Series, f64)],
    description: &str,
) -> String {
    let width = layout.width();
    let (left, right) = (106.0, width - 62.0);
    let height = ROW_HEIGHT * rows.len() as f64;
    let id = format!("{id}-{}", layout.class());
    let mut svg = Svg::open(&id, layout.class(), width, height, "Probability per client", description);
    for (&(series, probability), at) in rows.iter().zip(0u32..) {
        let middle = ROW_HEIGHT * (f64::from(at) + 0.5);
        let top = middle - BAR_HEIGHT / 2.0;
        svg.text.push_str(&mark(series, 7.0, middle, 4.5));
        svg.label("", 20.0, middle + 4.7, 13.5, Anchor::Start, series.name());
        svg.rect("track", None, [left, top, right - left, BAR_HEIGHT], 1.0);
        let filled = (right - left) * probability.clamp(0.0, 1.0);
        let filled = if probability > 0.0 { filled.max(2.0) } else { 0.0 };
        svg.rect("", Some(series), [left, top, filled, BAR_HEIGHT], 1.0);
        let value = format::probability_fine(probability);
        svg.label("b", width, middle + 4.7, 13.5, Anchor::End, &value);
    }
    svg.close()
}

/// The small bar of a table row; the number stands beside it.
pub(crate) fn bar(series: Series, probability: f64) -> String {
    let filled = 120.0 * probability.clamp(0.0, 1.0);
    format!(
        "<svg viewBox=\"0 0 120 8\" aria-hidden=\"true\"><rect class=\"track\" width=\"120\" height=\"8\" rx=\"1\"/>\
         <rect width=\"{filled:.1}\" height=\"8\" rx=\"1\" fill=\"{}\"/></svg>",
        series.color()
    )
}
