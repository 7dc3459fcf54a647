//! Measured rates with their intervals: a dot at the rate, a bar over its interval.

use super::{Anchor, Layout, Series, Svg, mark};

/// One row of the chart.
#[derive(Clone, Debug)]
pub(crate) struct RateRow {
    /// Whose rate.
    pub(crate) series: Series,
    /// The rate, 0 to 1; `None` where nothing was measured.
    pub(crate) rate: Option<f64>,
    /// Lower end of the 95 % interval.
    pub(crate) low: f64,
    /// Upper end of the 95 % interval.
    pub(crate) high: f64,
    /// What is printed beside it.
    pub(crate) text: String,
}

/// How the axis is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateAxis {
    /// What the picture shows, for those who do not see it.
    pub(crate) title: &'static str,
    /// The rate at the right end.
    pub(crate) end: f64,
    /// The rate of one unit of the numbers below: 0.01 for percent.
    pub(crate) unit: f64,
    /// What stands behind the last number.
    pub(crate) name: &'static str,
}

const ROW_HEIGHT: f64 = 30.0;

/// One row per series, in the order given.
pub(crate) fn rates(id: &str, layout: Layout, axis: RateAxis, rows: &[RateRow], description: &str) -> String {
    let width = layout.width();
    let (left, right) = (112.0, width - if layout.is_roomy() { 172.0 } else { 92.0 });
    let bottom = 6.0 + ROW_HEIGHT * rows.len().max(2) as f64;
    let x = |rate: f64| left + (right - left) * (rate / axis.end).clamp(0.0, 1.0);
    let id = format!("{id}-{}", layout.class());
    let mut svg = Svg::open(&id, layout.class(), width, bottom + 24.0, axis.title, description);
    let steps = if layout.is_roomy() { 4u32 } else { 2 };
    for step in 0..=steps {
        let rate = axis.end * f64::from(step) / f64::from(steps);
        svg.line("grid-line", [x(rate), 2.0, x(rate), bottom]);
        let number = rate / axis.unit;
        let number =
            if number.fract().abs() < 1e-9 { format!("{number:.0}") } else { format!("{number:.1}") };
        let text = if step == steps { format!("{number}{}", axis.name) } else { number };
        svg.label("t2", x(rate), bottom + 17.0, 12.0, Anchor::Middle, &text);
    }
    for (row, at) in rows.iter().zip(0u32..) {
        let middle = 6.0 + ROW_HEIGHT * (f64::from(at) + 0.5);
        svg.label("", left - 12.0, middle + 4.7, 13.5, Anchor::End, row.series.name());
        if let Some(rate) = row.rate {
            let from = x(row.low);
            let length = (x(row.high) - from).max(2.0);
            svg.rect("", Some(row.series), [from, middle - 2.0, length, 4.0], 1.0);
            svg.text.push_str(&mark(row.series, x(rate), middle, 5.0));
        }
        let size = if layout.is_roomy() { 13.0 } else { 12.0 };
        svg.label(
            if row.rate.is_some() { "" } else { "t2" },
            width,
            middle + 4.5,
            size,
            Anchor::End,
            &row.text,
        );
    }
    svg.line("axis", [left, 2.0, left, bottom]);
    svg.close()
}
