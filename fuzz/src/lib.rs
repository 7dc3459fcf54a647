//! What the fuzz targets and their first inputs share: small models and chains, changes of them, frames that are put
//! right again, what a verdict must keep to.

pub mod chain;
pub mod change;
pub mod containers;
pub mod frame;
pub mod json;
pub mod models;

use fingerprint::Classification;

/// Panics unless the probabilities of a verdict are probabilities and sum to 1.
pub fn assert_sound(verdict: &Classification) {
    let mut sum = 0.0;
    for (client, probability) in &verdict.probabilities {
        assert!((0.0..=1.0).contains(probability), "{client}: {probability}");
        sum += probability;
    }
    assert!((sum - 1.0f64).abs() < 1e-9, "the probabilities sum to {sum}");
    assert_eq!(verdict.best_guess_single.is_none(), verdict.probabilities.is_empty());
}
