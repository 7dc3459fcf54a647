//! Number ranges: where ticks stand, how a value becomes a place.

/// A range of values along some pixels.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that holds all values with a little air, from one pixel to another.
    pub(crate) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let span = high - low;
        let air = if span > 0.0 { span * 0.05 } else { (low.abs() * 0.1).max(0.5) };
        Self { low: low - air, high: high + air, from, to }
    }

    /// The same values along other pixels.
    pub(crate) fn along(&self, from: f64, to: f64) -> Self {
        Self { from, to, ..self.clone() }
    }

    /// The pixel the range begins at.
    pub(crate) const fn first_pixel(&self) -> f64 {
        self.from
    }

    /// The pixel of a value.
    pub(crate) fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round values inside the range, about so many, with how they are written.
    pub(crate) fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        let step = round_step((self.high - self.low) / about.max(1) as f64);
        if !(step.is_finite() && step > 0.0) {
            return Vec::new();
        }
        let decimals = decimals(step);
        let first = (self.low / step).ceil();
        (0..40)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= self.high)
            .map(|value| (value, written(value, decimals)))
            .collect()
    }
}

fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let factor = rough / power;
    let round = [1.0, 2.0, 2.5, 5.0].into_iter().find(|round| factor <= *round + 1e-9).unwrap_or(10.0);
    round * power
}

/// How many places the multiples of a step need, at most nine.
fn decimals(step: f64) -> usize {
    (0..9)
        .find(|&places| {
            let scaled = step * 10f64.powi(places);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1.0) && scaled.round() >= 1.0
        })
        .and_then(|places| usize::try_from(places).ok())
        .unwrap_or(9)
}

fn written(value: f64, decimals: usize) -> String {
    let value = if value.abs() < 1e-12 { 0.0 } else { value };
    let magnitude = value.abs();
    let text = if magnitude >= 1e9 {
        format!("{:.2} G", value / 1e9)
    } else if magnitude >= 1e6 {
        format!("{:.1} M", value / 1e6)
    } else if magnitude >= 1e4 {
        format!("{:.0} k", value / 1e3)
    } else {
        format!("{value:.decimals$}")
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(low: f64, high: f64) -> Vec<String> {
        Axis::over([low, high].into_iter(), 0.0, 100.0).ticks(5).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.0), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(ticks(0.0, 100.0), ["0", "25", "50", "75", "100"]);
        assert_eq!(ticks(-1.0, 0.1), ["−1.00", "−0.75", "−0.50", "−0.25", "0.00"]);
        assert_eq!(ticks(3_600_000.0, 3_900_000.0), ["3.6 M", "3.7 M", "3.8 M", "3.9 M"]);
    }

    #[test]
    fn a_range_without_width_is_still_drawn() {
        let axis = Axis::over([1.0, 1.0].into_iter(), 0.0, 100.0);
        assert!((axis.place(1.0) - 50.0).abs() < 1e-9);
        assert!(!axis.ticks(5).is_empty());
        assert!(!Axis::over(std::iter::empty(), 0.0, 1.0).ticks(5).is_empty());
    }
}
