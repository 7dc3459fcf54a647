//! What leaving doubtful blocks unnamed gains: accuracy of named blocks against the share left unnamed.

use std::fmt::Write;

use fingerprint::score::{AbstentionPoint, wilson};

use super::{Anchor, Layout, Svg};
use crate::dashboard::format::NBSP;

const TOP: f64 = 28.0;
const BOTTOM: f64 = 268.0;
const LEFT: f64 = 40.0;
/// Labels of points are no nearer to each other than this.
const APART: f64 = 38.0;

/// Draws the curve, a mark where blocks are named now, and dots at other thresholds.
pub(crate) fn abstention(
    id: &str,
    layout: Layout,
    curve: &[AbstentionPoint],
    now: AbstentionPoint,
    marked: &[AbstentionPoint],
    description: &str,
) -> String {
    let width = layout.width();
    let right = width - 18.0;
    let x = |share: f64| LEFT + (right - LEFT) * share.clamp(0.0, 1.0);
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0);
    let id = format!("{id}-{}", layout.class());
    let title = "Accuracy of named blocks against the share left unnamed";
    let mut svg = Svg::open(&id, layout.class(), width, BOTTOM + 40.0, title, description);
    svg.label("t2", LEFT - 30.0, 13.0, 12.0, Anchor::Start, "named blocks that were right, %");
    let steps = if layout.is_roomy() { 5u32 } else { 2 };
    for step in 0..=steps {
        let percent = 100 * step / steps;
        let at = f64::from(percent) / 100.0;
        let text = if step == steps { format!("{percent}{NBSP}%") } else { percent.to_string() };
        svg.line("grid-line", [LEFT, y(at), right, y(at)]);
        svg.label("t2", LEFT - 8.0, y(at) + 4.2, 12.0, Anchor::End, &percent.to_string());
        let anchor = if step == steps { Anchor::End } else { Anchor::Middle };
        let end = if step == steps { right + 14.0 } else { x(at) };
        svg.label("t2", end, BOTTOM + 17.0, 12.0, anchor, &text);
    }
    let points: Vec<(f64, f64, (f64, f64))> = curve
        .iter()
        .filter_map(|point| {
            Some((x(point.unnamed_share), point.accuracy()?, wilson(point.right, point.named)))
        })
        .collect();
    let corner = |path: &mut String, at: f64, share: f64| {
        let _ = write!(path, "{}{at:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, y(share));
    };
    let (mut band, mut line) = (String::new(), String::new());
    points.iter().for_each(|(at, _, (_, high))| corner(&mut band, *at, *high));
    points.iter().rev().for_each(|(at, _, (low, _))| corner(&mut band, *at, *low));
    points.iter().for_each(|(at, accuracy, _)| corner(&mut line, *at, *accuracy));
    if points.len() > 1 {
        svg.raw(format_args!(
            "<path class=\"band gained\" d=\"{band}Z\"/><path class=\"curve gain\" d=\"{line}\"/>"
        ));
    }
    let at = x(now.unnamed_share);
    svg.line("limit", [at, TOP, at, BOTTOM]);
    let is_left = at < (LEFT + right) / 2.0;
    let (anchor, beside) = if is_left { (Anchor::Start, 7.0) } else { (Anchor::End, -7.0) };
    let text = format!("now: named from {:.2}", now.threshold);
    svg.label("b", at + beside, BOTTOM - 10.0, 12.0, anchor, &text);
    let mut last = f64::NEG_INFINITY;
    for point in marked {
        let Some(accuracy) = point.accuracy() else { continue };
        let (at, level) = (x(point.unnamed_share), y(accuracy));
        svg.raw(format_args!("<circle class=\"dot\" cx=\"{at:.1}\" cy=\"{level:.1}\" r=\"4.5\"/>"));
        // Where blocks are named now is labelled already.
        if at - last >= APART && point.threshold != now.threshold {
            let text = format!("{:.2}", point.threshold);
            let anchor = if at - LEFT < 16.0 { Anchor::Start } else { Anchor::Middle };
            svg.label("t2", at, level + 20.0, 12.0, anchor, &text);
            last = at;
        }
    }
    svg.line("axis", [LEFT, BOTTOM, right, BOTTOM]);
    svg.line("axis", [LEFT, TOP, LEFT, BOTTOM]);
    svg.label("t2", right + 14.0, BOTTOM + 34.0, 12.0, Anchor::End, "blocks left unnamed");
    svg.close()
}
