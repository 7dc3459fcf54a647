//! Shares with their intervals: a pale bar to the estimate, a solid bar for the interval, an upright tick.

use super::{Anchor, Layout, ONE_THIRD, Series, Svg, TWO_THIRDS, mark, share_axis_end};
use crate::dashboard::format;

/// One row of the chart, in the order it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntervalRow {
    /// Whose share.
    pub(crate) series: Series,
    /// The estimate, 0 to 1.
    pub(crate) share: f64,
    /// Lower end of the 95 % interval.
    pub(crate) low: f64,
    /// Upper end of the 95 % interval.
    pub(crate) high: f64,
}

const BAR_HEIGHT: f64 = 16.0;
const TOP: f64 = 30.0;

/// Draws the rows; with none, only axes and thresholds.
pub(crate) fn interval_bars(id: &str, layout: Layout, rows: &[IntervalRow], description: &str) -> String {
    let width = layout.width();
    let (left, right) = if layout.is_roomy() { (112.0, width - 130.0) } else { (100.0, width - 66.0) };
    let row_height = if layout == Layout::Wall { 25.0 } else { 34.0 };
    let body = row_height * rows.len().max(4) as f64;
    let bottom = TOP + body + 4.0;
    let end = share_axis_end(rows.iter().map(|row| row.high).fold(0.0, f64::max));
    let x = |share: f64| left + (right - left) * share.clamp(0.0, end) / end;
    let precision = format::Precision::of(rows.iter().map(|row| (row.low, row.high)));
    let id = format!("{id}-{}", layout.class());
    let mut svg = Svg::open(
        &id,
        layout.class(),
        width,
        bottom + 24.0,
        "Share of blocks by consensus client",
        description,
    );
    let step = if end < 1.0 && layout.is_roomy() { 10 } else { 20 };
    for percent in (0..=100).step_by(step).filter(|percent| f64::from(*percent) <= end * 100.0 + 0.01) {
        let at = x(f64::from(percent) / 100.0);
        svg.line("grid-line", [at, TOP, at, bottom]);
        let last = percent + i32::try_from(step).unwrap_or(10) > (end * 100.0).round() as i32;
        let text = if last { format!("{percent}{}%", format::NBSP) } else { percent.to_string() };
        svg.label("t2", at, bottom + 17.0, 12.0, Anchor::Middle, &text);
    }
    for (row, at) in rows.iter().zip(0u32..) {
        let middle = TOP + row_height * (f64::from(at) + 0.5) + 2.0;
        let top = middle - BAR_HEIGHT / 2.0;
        svg.label("", left - 24.0, middle + 4.7, 13.5, Anchor::End, row.series.name());
        svg.text.push_str(&mark(row.series, left - 12.0, middle, 4.5));
        svg.rect("pale", Some(row.series), [left, top, x(row.share) - left, BAR_HEIGHT], 0.0);
        let solid = (x(row.high) - x(row.low)).max(3.0);
        svg.rect("", Some(row.series), [x(row.low), top, solid, BAR_HEIGHT], 1.0);
    }
    for (limit, name) in [(ONE_THIRD, "1/3"), (TWO_THIRDS, "2/3")] {
        svg.line("limit", [x(limit), TOP - 6.0, x(limit), bottom]);
        svg.label("b", x(limit), TOP - 12.0, 12.0, Anchor::Middle, name);
    }
    for (row, at) in rows.iter().zip(0u32..) {
        let middle = TOP + row_height * (f64::from(at) + 0.5) + 2.0;
        let tick = x(row.share);
        svg.line("tick-mark", [tick, middle - 11.0, tick, middle + 11.0]);
        let value = precision.share(row.share);
        let interval = precision.interval(row.low, row.high);
        if layout.is_roomy() {
            svg.label("b", width - 73.0, middle + 4.7, 13.5, Anchor::End, &value);
            svg.label("t2", width, middle + 4.7, 13.0, Anchor::End, &interval);
        } else {
            svg.label("b", width, middle - 1.5, 13.5, Anchor::End, &value);
            svg.label("t2", width, middle + 12.5, 12.0, Anchor::End, &interval);
        }
    }
    svg.line("axis", [left, TOP, left, bottom]);
    svg.close()
}
