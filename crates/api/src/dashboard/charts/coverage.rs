//! How complete a stretch of time is: one bar per bucket, its height the known part, the missing part hatched.

use super::{Anchor, Layout, Svg, Tick};

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coverage {
    /// The known part of its slots, 0 to 1; `None` where history is not wanted, or not there yet.
    pub(crate) known: Option<f64>,
    /// Whether missing slots are being filled.
    pub(crate) filling: bool,
}

const TOP: f64 = 14.0;
const BOTTOM: f64 = 104.0;

/// Draws the buckets over their time axis.
pub(crate) fn coverage(
    id: &str,
    layout: Layout,
    buckets: &[Coverage],
    ticks: &[Tick],
    description: &str,
) -> String {
    let width = layout.width();
    let (left, right) = (44.0, width - 4.0);
    let id = format!("{id}-{}", layout.class());
    let mut svg = Svg::open(&id, layout.class(), width, BOTTOM + 28.0, "Known slots over time", description);
    svg.raw(format_args!(
        "<defs><pattern id=\"{id}-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs>"
    ));
    for (percent, y) in [(100, TOP), (50, f64::midpoint(TOP, BOTTOM)), (0, BOTTOM)] {
        svg.line(if percent == 0 { "axis" } else { "grid-line" }, [left, y, right, y]);
        let unit =
            if percent == 100 { format!("{}%", crate::dashboard::format::NBSP) } else { String::new() };
        svg.label("t2", left - 8.0, y + 4.2, 12.0, Anchor::End, &format!("{percent}{unit}"));
    }
    let step = (right - left) / buckets.len().max(1) as f64;
    let gap = if step > 5.0 { 1.5 } else { 0.5 };
    for (bucket, at) in buckets.iter().zip(0u32..) {
        let Some(known) = bucket.known else { continue };
        let known = known.clamp(0.0, 1.0);
        let x = left + step * f64::from(at);
        let top = BOTTOM - (BOTTOM - TOP) * known;
        svg.rect("known", None, [x, top, step - gap, BOTTOM - top], 0.0);
        if known < 1.0 {
            // The least gap is still seen.
            let height = (top - TOP).max(4.0);
            svg.raw(format_args!(
                "<rect x=\"{x:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"url(#{id}-hatch)\"/>\
                 <rect class=\"hole\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                step - gap,
                step - gap
            ));
        }
        if bucket.filling {
            svg.raw(format_args!(
                "<circle class=\"filling\" cx=\"{:.1}\" cy=\"6\" r=\"3.5\"/>",
                x + (step - gap) / 2.0
            ));
        }
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in ticks {
        let at = left + (right - left) * tick.at.clamp(0.0, 1.0);
        let anchor = if at - left < 24.0 {
            Anchor::Start
        } else if right - at < 24.0 {
            Anchor::End
        } else {
            Anchor::Middle
        };
        svg.line("axis", [at, BOTTOM, at, BOTTOM + 4.0]);
        // Letters are 0.58 em wide on average in the fonts asked for.
        let length = tick.label.chars().count() as f64 * 12.0 * 0.58 * 1.1;
        let start = match anchor {
            Anchor::Start => at,
            Anchor::Middle => at - length / 2.0,
            Anchor::End => at - length,
        };
        if start >= free_from {
            svg.label("t2", at, BOTTOM + 19.0, 12.0, anchor, &tick.label);
            free_from = start + length + 6.0;
        }
    }
    svg.close()
}
