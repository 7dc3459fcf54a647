//! Calibration: how often verdicts of a stated probability were right, on equal axes.

use fingerprint::score::CalibrationBin;

use super::{Anchor, Layout, Svg};

/// Bins with fewer blocks are rings: their share says little.
pub(crate) const SURE_FROM: u64 = 30;

const TOP: f64 = 26.0;
/// The height of the tallest bar of the histogram, as a part of the picture's.
const HISTOGRAM: f64 = 0.14;

/// A square: stated probability to the right, share that was right upwards; along the bottom how many blocks.
pub(crate) fn calibration(id: &str, layout: Layout, bins: &[CalibrationBin], description: &str) -> String {
    let width = layout.width();
    let side = (width - 56.0).min(if layout.is_roomy() { 400.0 } else { 300.0 });
    let left = (width - side) / 2.0 + 12.0;
    let bottom = TOP + side;
    let x = |share: f64| left + side * share.clamp(0.0, 1.0);
    let y = |share: f64| bottom - side * share.clamp(0.0, 1.0);
    let id = format!("{id}-{}", layout.class());
    let title = "How often verdicts of a stated probability were right";
    let mut svg = Svg::open(&id, layout.class(), width, bottom + 40.0, title, description);
    svg.label("t2", left - 30.0, TOP - 10.0, 12.0, Anchor::Start, "share that was right");
    let steps = if layout.is_roomy() { 5u32 } else { 2 };
    for step in 0..=steps {
        let share = f64::from(step) / f64::from(steps);
        let text = if share == share.trunc() { format!("{share:.0}") } else { format!("{share:.1}") };
        if step > 0 {
            svg.line("grid-line", [left, y(share), left + side, y(share)]);
            svg.line("grid-line", [x(share), TOP, x(share), bottom]);
        }
        svg.label("t2", left - 8.0, y(share) + 4.2, 12.0, Anchor::End, &text);
        svg.label("t2", x(share), bottom + 17.0, 12.0, Anchor::Middle, &text);
    }
    let most = bins.iter().map(|bin| bin.blocks).max().unwrap_or(1).max(1) as f64;
    for bin in bins {
        let height = (side * HISTOGRAM * bin.blocks as f64 / most).max(1.0);
        let (from, to) = (x(bin.low) + 1.0, x(bin.high) - 1.0);
        svg.rect("tally", None, [from, bottom - height, to - from, height], 0.0);
    }
    svg.line("limit", [x(0.0), y(0.0), x(1.0), y(1.0)]);
    svg.label("t2", left + side, TOP - 10.0, 12.0, Anchor::End, "perfect");
    for bin in bins {
        let (low, high) = bin.interval();
        svg.line("whisker", [x(bin.stated), y(low), x(bin.stated), y(high)]);
    }
    for bin in bins {
        let (class, radius) = if bin.blocks < SURE_FROM { ("ring", 4.0) } else { ("dot", 4.5) };
        svg.raw(format_args!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>",
            x(bin.stated),
            y(bin.accuracy())
        ));
    }
    svg.line("axis", [left, bottom, left + side, bottom]);
    svg.line("axis", [left, TOP, left, bottom]);
    svg.label("t2", left + side, bottom + 34.0, 12.0, Anchor::End, "stated probability");
    svg.close()
}
