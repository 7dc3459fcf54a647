//! Range strips: where each client's training blocks lie on one feature, and where this block lies.

use super::{Anchor, Series, Svg};
use crate::dashboard::format;

/// The middle of one client's training blocks on one feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StripRange {
    /// Whose blocks.
    pub(crate) series: Series,
    /// The value that a tenth of them are below.
    pub(crate) low: f64,
    /// The value that a tenth of them are above.
    pub(crate) high: f64,
}

impl StripRange {
    /// Whether a value lies in the range.
    pub(crate) fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// One feature of one block.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    /// What the feature is called.
    pub(crate) name: &'static str,
    /// This block's value.
    pub(crate) value: f64,
    /// The ranges, in order.
    pub(crate) ranges: Vec<StripRange>,
}

const WIDTH: f64 = 326.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 22.0;
const ROW_HEIGHT: f64 = 20.0;

/// Draws one strip per client, an upright line for this block, its number above the line.
pub(crate) fn strip(id: &str, strip: &Strip, description: &str) -> String {
    let finite = |value: f64| value.is_finite().then_some(value);
    let values = strip.ranges.iter().flat_map(|range| [range.low, range.high]).chain([strip.value]);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter_map(finite) {
        low = low.min(value);
        high = high.max(value);
    }
    let scale = Scale::around(low, high);
    let x = |value: f64| LEFT + (RIGHT - LEFT) * scale.position(value);
    let bottom = TOP + ROW_HEIGHT * strip.ranges.len() as f64;
    let mut svg = Svg::open(id, "strip", WIDTH, bottom + 22.0, strip.name, description);
    for tick in scale.ticks() {
        svg.line("grid-line", [x(tick), TOP, x(tick), bottom]);
        svg.label("t2", x(tick), bottom + 16.0, 12.0, Anchor::Middle, &tick_text(tick));
    }
    for (range, at) in strip.ranges.iter().zip(0u32..) {
        let middle = TOP + ROW_HEIGHT * (f64::from(at) + 0.5);
        let class = if range.contains(strip.value) { "b" } else { "t2" };
        svg.label(class, LEFT - 10.0, middle + 4.4, 12.5, Anchor::End, range.series.name());
        let width = (x(range.high) - x(range.low)).max(3.0);
        let from = x(range.low).min(RIGHT - width.min(RIGHT - LEFT)).max(LEFT - 1.5);
        svg.rect("", Some(range.series), [from, middle - 4.5, width, 9.0], 1.0);
    }
    if strip.value.is_finite() {
        let at = x(strip.value);
        svg.line("this", [at, TOP - 4.0, at, bottom]);
        svg.label("b", at, TOP - 8.0, 12.5, Anchor::Middle, &format::feature(strip.value));
    }
    svg.close()
}

/// A round number without zeros at its end.
fn tick_text(tick: f64) -> String {
    let text = format::feature(tick);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A scale with round ends.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    fn around(low: f64, high: f64) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        // Where zero is near, start there: most features are ratios or counts.
        let low = if low > 0.0 && low < high * 0.75 { 0.0 } else { low };
        let span = if high > low { high - low } else { (high.abs() * 0.1).max(1.0) };
        let step = round_step(span / 2.5);
        let from = (low / step + 1e-9).floor() * step;
        let to = (high / step - 1e-9).ceil() * step;
        let to = if to > from { to } else { from + step };
        Self { low: from, high: to, step }
    }

    fn position(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 8.0) as u32;
        (0..=count).map(|tick| {
            let value = self.low + self.step * f64::from(tick);
            if value.abs() < self.step * 1e-6 { 0.0 } else { value }
        })
    }
}

/// The nearest of 1, 2, 5 × 10ⁿ that is not below.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|round| *round >= step)
        .unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_round_numbers() {
        let scale = Scale::around(0.13, 0.97);
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
        let scale = Scale::around(-0.2, 1.0);
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [-0.5, 0.0, 0.5, 1.0]);
        let flat = Scale::around(1.0, 1.0);
        assert!(flat.position(1.0) >= 0.0 && flat.high > flat.low);
        let none = Scale::around(f64::INFINITY, f64::NEG_INFINITY);
        assert!(none.high > none.low);
    }
}
