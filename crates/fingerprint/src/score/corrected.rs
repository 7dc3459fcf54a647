//! Shares of clients, corrected for how often each is taken for another.
//!
//! Counted verdicts mix two things: who builds blocks, and who is taken for whom. With the share of every verdict among
//! the blocks of each client known from labelled blocks, the shares that make the counted verdicts likeliest follow by
//! expectation and maximisation. Their covariance follows to first order from the two samples: that of the verdicts
//! counted, and that of the labelled blocks of each client.

use super::confusion::ConfusionMatrix;
use crate::client::Client;

const CLIENTS: usize = Client::ALL.len();
const VERDICTS: usize = CLIENTS + 1;

/// Fewer labelled blocks of a client than this say too little about it.
pub const LEAST_LABELLED: u64 = 20;

/// The standard normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// Rounds of expectation and maximisation at most; they end earlier once nothing moves any more.
const ROUNDS: usize = 2_000;

/// The estimated share of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectedShare {
    /// The client.
    pub client: Client,
    /// The estimate.
    pub share: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Why shares can't be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorrectionError {
    /// No verdicts were counted.
    #[error("no block was counted")]
    NoBlocks,
    /// Blocks were given to a client that has too few labelled blocks.
    #[error(
        "{client} has {labelled} labelled blocks, and {LEAST_LABELLED} are needed to know what it is taken for"
    )]
    TooFewLabelled {
        /// The client.
        client: Client,
        /// Its labelled blocks.
        labelled: u64,
    },
    /// The labelled blocks do not tell two clients apart.
    #[error("the labelled blocks do not tell the clients apart, so that their shares can't be told either")]
    NotTold,
}

/// Corrects counted verdicts: blocks of each client, in the order of [`Client::ALL`], and without one. Clients without a
/// labelled block and without a verdict are left out.
pub fn corrected_shares(
    verdicts: &[u64; CLIENTS],
    uncertain: u64,
    matrix: &ConfusionMatrix,
) -> Result<Vec<CorrectedShare>, CorrectionError> {
    let mut counted = [0.0; VERDICTS];
    let total = verdicts.iter().fold(uncertain, |sum, blocks| sum.saturating_add(*blocks));
    if total == 0 {
        return Err(CorrectionError::NoBlocks);
    }
    let n = total as f64;
    for (share, blocks) in counted.iter_mut().zip(verdicts.iter().chain([&uncertain])) {
        *share = *blocks as f64 / n;
    }
    let rows = rows(verdicts, matrix)?;
    let shares = likeliest(&counted, &rows);
    let deviations = deviations(n, &rows, &shares).ok_or(CorrectionError::NotTold)?;
    Ok(rows
        .iter()
        .zip(shares.iter().zip(deviations))
        .map(|(row, (share, deviation))| CorrectedShare {
            client: row.client,
            share: *share,
            low: (share - Z * deviation).clamp(0.0, 1.0),
            high: (share + Z * deviation).clamp(0.0, 1.0),
        })
        .collect())
}

/// What the blocks of a client are taken for.
struct Row {
    client: Client,
    labelled: f64,
    taken_for: [f64; VERDICTS],
}

fn rows(verdicts: &[u64; CLIENTS], matrix: &ConfusionMatrix) -> Result<Vec<Row>, CorrectionError> {
    let columns = || Client::ALL.into_iter().map(Some).chain([None]);
    let mut rows = Vec::with_capacity(CLIENTS);
    for (client, blocks) in Client::ALL.into_iter().zip(verdicts) {
        let labelled = matrix.score(client).blocks;
        if labelled < LEAST_LABELLED {
            if *blocks > 0 && client != Client::Other {
                return Err(CorrectionError::TooFewLabelled { client, labelled });
            }
            continue;
        }
        let mut taken_for = [0.0; VERDICTS];
        for (share, verdict) in taken_for.iter_mut().zip(columns()) {
            // Half a block more in every field: what was never seen is rare, not impossible.
            *share = (matrix.count(client, verdict) as f64 + 0.5) / (labelled as f64 + 0.5 * VERDICTS as f64);
        }
        rows.push(Row { client, labelled: labelled as f64, taken_for });
    }
    if rows.is_empty() { Err(CorrectionError::NotTold) } else { Ok(rows) }
}

fn expected(rows: &[Row], shares: &[f64]) -> [f64; VERDICTS] {
    let mut expected = [0.0; VERDICTS];
    for (row, share) in rows.iter().zip(shares) {
        expected.iter_mut().zip(row.taken_for).for_each(|(sum, taken)| *sum += share * taken);
    }
    expected
}

/// The shares that make the counted verdicts likeliest.
fn likeliest(counted: &[f64; VERDICTS], rows: &[Row]) -> Vec<f64> {
    let mut shares = vec![1.0 / rows.len() as f64; rows.len()];
    for _ in 0..ROUNDS {
        let expected = expected(rows, &shares);
        let mut moved = 0.0_f64;
        for (row, share) in rows.iter().zip(&mut shares) {
            let fit: f64 = row
                .taken_for
                .iter()
                .zip(counted.iter().zip(&expected))
                .map(|(taken, (counted, expected))| taken * counted / expected)
                .sum();
            moved = moved.max((*share * (fit - 1.0)).abs());
            *share *= fit;
        }
        if moved < 1e-10 {
            break;
        }
    }
    shares
}

/// The standard deviation of each share; `None` if clients are not told apart.
fn deviations(n: f64, rows: &[Row], shares: &[f64]) -> Option<Vec<f64>> {
    let expected = expected(rows, shares);
    // How each share moves with each counted verdict: G = (P W Pᵀ)⁻¹ P W, where W weighs verdicts by rarity.
    let information: Vec<Vec<f64>> = rows
        .iter()
        .map(|a| {
            let with = |b: &Row| {
                let terms = a.taken_for.iter().zip(&b.taken_for).zip(&expected);
                terms.map(|((a, b), expected)| a * b / expected).sum()
            };
            rows.iter().map(with).collect()
        })
        .collect();
    let inverse = inverse(information)?;
    let gain: Vec<[f64; VERDICTS]> = inverse
        .iter()
        .map(|line| {
            let mut gain = [0.0; VERDICTS];
            for (weight, row) in line.iter().zip(rows) {
                for (sum, (taken, expected)) in gain.iter_mut().zip(row.taken_for.iter().zip(&expected)) {
                    *sum += weight * taken / expected;
                }
            }
            gain
        })
        .collect();
    // Both samples are multinomial: the variance of a weighted sum is that of the weights.
    let spread = |weights: &[f64; VERDICTS], shares: &[f64; VERDICTS]| {
        let mean: f64 = weights.iter().zip(shares).map(|(weight, share)| weight * share).sum();
        let square: f64 = weights.iter().zip(shares).map(|(weight, share)| weight * weight * share).sum();
        (square - mean * mean).max(0.0)
    };
    let deviation = |gain: &[f64; VERDICTS]| {
        let labels: f64 = rows
            .iter()
            .zip(shares)
            .map(|(row, share)| share * share * spread(gain, &row.taken_for) / row.labelled)
            .sum();
        (spread(gain, &expected) / n + labels).sqrt()
    };
    Some(gain.iter().map(deviation).collect())
}

/// The inverse of a symmetric matrix; `None` if it has none worth the name.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    for (at, line) in matrix.iter_mut().enumerate() {
        line.extend((0..size).map(|column| f64::from(u8::from(column == at))));
    }
    for at in 0..size {
        let pivot = (at..size).max_by(|a, b| matrix[*a][at].abs().total_cmp(&matrix[*b][at].abs()))?;
        matrix.swap(at, pivot);
        let lead = matrix[at][at];
        if lead.abs() < 1e-6 {
            return None;
        }
        matrix[at].iter_mut().for_each(|value| *value /= lead);
        let line = matrix[at].clone();
        for (other, values) in matrix.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            debug_assert_ne!(other, at);
            let factor = values[at];
            values.iter_mut().zip(&line).for_each(|(value, lead)| *value -= factor * lead);
        }
    }
    Some(matrix.into_iter().map(|mut line| line.split_off(size)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Client::{Lighthouse, Prysm, Teku};

    /// Of a hundred labelled blocks of each: Teku is taken for Prysm in thirty, Prysm for Teku in ten.
    fn matrix() -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::default();
        for (truth, verdict, blocks) in [
            (Teku, Some(Teku), 6_500),
            (Teku, Some(Prysm), 3_000),
            (Teku, None, 500),
            (Prysm, Some(Prysm), 9_000),
            (Prysm, Some(Teku), 1_000),
            (Lighthouse, Some(Lighthouse), 10_000),
        ] {
            matrix.add_many(truth, verdict, blocks);
        }
        matrix
    }

    fn counts(of: &[(Client, u64)]) -> [u64; 7] {
        let mut counts = [0; 7];
        of.iter().for_each(|(client, blocks)| counts[client.index()] += blocks);
        counts
    }

    fn share(shares: &[CorrectedShare], client: Client) -> CorrectedShare {
        *shares.iter().find(|share| share.client == client).unwrap()
    }

    #[test]
    fn the_true_shares_come_back() {
        // 50 % Teku, 30 % Prysm, 20 % Lighthouse, as the matrix would have them taken.
        let verdicts = counts(&[(Teku, 3_250 + 300), (Prysm, 1_500 + 2_700), (Lighthouse, 2_000)]);
        let shares = corrected_shares(&verdicts, 250, &matrix()).unwrap();
        for (client, truth) in [(Teku, 0.5), (Prysm, 0.3), (Lighthouse, 0.2)] {
            let found = share(&shares, client);
            assert!((found.share - truth).abs() < 0.002, "{found:?}");
            assert!(found.low < truth && truth < found.high && found.high - found.low < 0.06, "{found:?}");
        }
        let sum: f64 = shares.iter().map(|share| share.share).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        // A client that is told with certainty is known as well as it is counted.
        let lighthouse = share(&shares, Lighthouse);
        let (low, high) = super::super::wilson(2_000, 10_000);
        assert!((lighthouse.low - low).abs() < 0.002 && (lighthouse.high - high).abs() < 0.002);
    }

    #[test]
    fn intervals_hold_what_they_promise() {
        // Samples of a known mix, drawn with a fixed generator.
        let mut seed = 7_u64;
        let mut uniform = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let truth = [(Teku, 0.5), (Prysm, 0.3), (Lighthouse, 0.2)];
        let told = |client: Client, dice: f64| match client {
            Teku if dice < 0.65 => Some(Teku),
            Teku if dice < 0.95 => Some(Prysm),
            Teku => None,
            Prysm if dice < 0.9 => Some(Prysm),
            Prysm => Some(Teku),
            other => Some(other),
        };
        let (mut held, mut all) = (0, 0);
        for _ in 0..300 {
            let mut matrix = ConfusionMatrix::default();
            for (client, _) in truth {
                (0..300).for_each(|_| matrix.add(client, told(client, uniform())));
            }
            let (mut verdicts, mut uncertain) = ([0_u64; 7], 0);
            for _ in 0..600 {
                let dice = uniform();
                let client = if dice < 0.5 {
                    Teku
                } else if dice < 0.8 {
                    Prysm
                } else {
                    Lighthouse
                };
                match told(client, uniform()) {
                    Some(verdict) => verdicts[verdict.index()] += 1,
                    None => uncertain += 1,
                }
            }
            let shares = corrected_shares(&verdicts, uncertain, &matrix).unwrap();
            for (client, truth) in truth {
                let found = share(&shares, client);
                all += 1;
                held += u32::from(found.low <= truth && truth <= found.high);
            }
        }
        let held = f64::from(held) / f64::from(all);
        assert!((0.92..0.98).contains(&held), "{held} of 95 % intervals hold the truth");
    }

    #[test]
    fn what_can_not_be_corrected_is_said() {
        let verdicts = counts(&[(Teku, 10), (Client::Nimbus, 4)]);
        assert_eq!(
            corrected_shares(&verdicts, 0, &matrix()),
            Err(CorrectionError::TooFewLabelled { client: Client::Nimbus, labelled: 0 })
        );
        assert_eq!(corrected_shares(&[0; 7], 0, &matrix()), Err(CorrectionError::NoBlocks));
        let mut same = ConfusionMatrix::default();
        for client in [Teku, Prysm] {
            same.add_many(client, Some(Teku), 1_000);
            same.add_many(client, Some(Prysm), 1_000);
        }
        let verdicts = counts(&[(Teku, 10), (Prysm, 4)]);
        assert_eq!(corrected_shares(&verdicts, 0, &same), Err(CorrectionError::NotTold));
    }
}
