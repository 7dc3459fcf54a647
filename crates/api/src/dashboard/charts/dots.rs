//! Rates of named parts with their intervals, in groups: a dot at the rate, a bar over its interval.

use super::{Anchor, Layout, Svg};

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct DotRow {
    /// What part.
    pub(crate) name: String,
    /// The rate, 0 to 1.
    pub(crate) rate: f64,
    /// The ends of the 95 % interval.
    pub(crate) interval: (f64, f64),
    /// Where the rate would be an alarm, below and above.
    pub(crate) limits: Option<(f64, f64)>,
    /// Whether there are too few blocks to say much: a ring.
    pub(crate) is_doubtful: bool,
    /// What is printed beside it on wide pictures.
    pub(crate) text: String,
    /// What is printed beside it on narrow ones.
    pub(crate) short: String,
}

/// Rows that belong together.
#[derive(Clone, Debug)]
pub(crate) struct DotGroup {
    /// Stands above the rows, unless empty.
    pub(crate) title: String,
    /// The rows, in the order drawn.
    pub(crate) rows: Vec<DotRow>,
}

/// Where the rates are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DotAxis {
    /// The rate at its end.
    end: f64,
    /// The rate of all rows together, which a dashed line marks.
    all: Option<f64>,
}

impl DotAxis {
    /// Ends of axes whose quarters and halves are round.
    const ENDS: [f64; 7] = [0.004, 0.02, 0.04, 0.08, 0.2, 0.4, 1.0];

    /// From 0 to 100 %, with a line at the rate of all.
    pub(crate) fn whole(all: f64) -> Self {
        Self { end: 1.0, all: Some(all) }
    }

    /// From 0 to beyond the highest value.
    pub(crate) fn up_to(highest: f64) -> Self {
        Self { end: Self::ENDS.into_iter().find(|end| *end >= highest).unwrap_or(1.0), all: None }
    }
}

const ROW: f64 = 26.0;
const HEAD: f64 = 30.0;

/// Draws all groups on one axis.
pub(crate) fn dots(
    id: &str,
    layout: Layout,
    title: &str,
    groups: &[DotGroup],
    axis: DotAxis,
    description: &str,
) -> String {
    let DotAxis { end: most, all } = axis;
    let width = layout.width();
    let (left, right) = if layout.is_roomy() { (112.0, width - 206.0) } else { (92.0, width - 108.0) };
    let height = |group: &DotGroup| {
        let head = if group.title.is_empty() { 0.0 } else { HEAD };
        head + ROW * group.rows.len() as f64
    };
    let top = if all.is_some() { 22.0 } else { 4.0 };
    let bottom = top + groups.iter().map(height).sum::<f64>() + 4.0;
    let x = |rate: f64| left + (right - left) * (rate / most).clamp(0.0, 1.0);
    let id = format!("{id}-{}", layout.class());
    let mut svg = Svg::open(&id, layout.class(), width, bottom + 24.0, title, description);
    let steps = if layout.is_roomy() { 4u32 } else { 2 };
    let at_step = |step: u32| most * f64::from(step) / f64::from(steps);
    let decimals = if most < 0.04 { 1 } else { 0 };
    for step in 0..=steps {
        let unit = if step == steps { "\u{a0}%" } else { "" };
        let text = format!("{:.decimals$}{unit}", at_step(step) * 100.0);
        svg.label("t2", x(at_step(step)), bottom + 17.0, 12.0, Anchor::Middle, &text);
    }
    if let Some(all) = all {
        svg.label("b", x(all), top - 9.0, 12.0, Anchor::Middle, "all");
    }
    let mut y = top;
    for group in groups {
        if !group.title.is_empty() {
            svg.label("b", 0.0, y + HEAD - 9.0, 12.5, Anchor::Start, &group.title);
            y += HEAD;
        }
        // Lines stand beside rows only: a title is not crossed.
        let end = y + ROW * group.rows.len() as f64;
        (1..=steps).for_each(|step| svg.line("grid-line", [x(at_step(step)), y, x(at_step(step)), end]));
        if let Some(all) = all {
            svg.line("limit", [x(all), y, x(all), end]);
        }
        svg.line("axis", [left, y, left, end]);
        for row in &group.rows {
            let middle = y + ROW / 2.0;
            svg.label("", left - 12.0, middle + 4.5, 13.0, Anchor::End, &row.name);
            if let Some((low, high)) = row.limits {
                for limit in [low, high].into_iter().filter(|limit| *limit > 0.0) {
                    svg.line("limit", [x(limit), y + 2.0, x(limit), y + ROW - 2.0]);
                }
            }
            let (low, high) = row.interval;
            svg.line("whisker", [x(low), middle, x(high), middle]);
            let (class, radius) = if row.is_doubtful { ("ring", 4.0) } else { ("dot", 4.5) };
            svg.raw(format_args!(
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"{radius}\"/>",
                x(row.rate)
            ));
            let text = if layout.is_roomy() { &row.text } else { &row.short };
            svg.label(
                "",
                width,
                middle + 4.5,
                if layout.is_roomy() { 13.0 } else { 12.0 },
                Anchor::End,
                text,
            );
            y += ROW;
        }
    }
    svg.close()
}
