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

/// Log odds at the end of a bar; larger ones end there, too.
const MOST_ODDS: f64 = 4.0;

/// The small bar of log odds, to both sides of the middle: filled to the right what speaks for a client, outlined to
/// the left what speaks against it. The number stands beside it.
pub(crate) fn odds_bar(series: Series, log_odds: f64) -> String {
    let length = (log_odds.abs() / MOST_ODDS).clamp(0.0, 1.0) * 78.0;
    let color = series.color();
    let drawn = if log_odds > 0.0 {
        format!("<rect x=\"80\" y=\"1\" width=\"{length:.1}\" height=\"10\" rx=\"1\" fill=\"{color}\"/>")
    } else {
        format!(
            "<rect x=\"{:.1}\" y=\"1.75\" width=\"{length:.1}\" height=\"8.5\" rx=\"1\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>",
            80.0 - length
        )
    };
    format!(
        "<svg viewBox=\"0 0 160 12\" aria-hidden=\"true\">{drawn}<line x1=\"80\" x2=\"80\" y1=\"0\" y2=\"12\"/></svg>"
    )
}
