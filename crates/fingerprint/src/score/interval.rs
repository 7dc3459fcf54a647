//! How far a measured share may be from the true one.

/// The standard normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval, at 95 %, of `successes` among `trials`. Without trials it is all of 0 to 1.
pub fn wilson(successes: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = successes.min(trials) as f64 / n;
    let square = Z * Z;
    let centre = share + square / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let scale = 1.0 + square / n;
    // At the ends the bound is exact, but its computation would miss it by a rounding.
    let low = if successes == 0 { 0.0 } else { (centre - half) / scale };
    let high = if successes >= trials { 1.0 } else { (centre + half) / scale };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn agrees_with_published_values() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        let (low, high) = wilson(8, 10);
        assert!((low - 0.490_162_471_536_640_8).abs() < 1e-9, "{low}");
        assert!((high - 0.943_317_848_545_644_5).abs() < 1e-9, "{high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        let (low, high) = wilson(0, 10);
        assert!(low == 0.0 && high > 0.27 && high < 0.28, "{high}");
        let (low, high) = wilson(10, 10);
        assert!(high == 1.0 && low > 0.72 && low < 0.73, "{low}");
    }
}
