//! Which client a validator runs, judged by its blocks.

use fingerprint::Client;
use fingerprint::classifier::Classification;
use serde::{Deserialize, Serialize};

/// How the blocks of a validator become one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AffinityRule {
    /// The newest block, if it is confident.
    Latest,
    /// The most frequent verdict of the newest `k` blocks.
    Recent {
        /// How many blocks.
        k: usize,
    },
    /// The most frequent verdict of all blocks.
    Mode,
    /// The client with the highest mean probability, if it is confident.
    WeightedAverage,
    /// The client with the highest median probability, if it is confident.
    Median,
}

impl AffinityRule {
    /// [`AffinityRule::Recent`] of three blocks.
    pub const RECENT: Self = Self::Recent { k: 3 };
}

/// What is said of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It proposed no block.
    Unknown,
    /// Its blocks do not agree, or are not confident.
    Uncertain,
    /// It runs this client.
    Client(Client),
}

/// Above this a probability is confident.
const CONFIDENCE: f64 = 0.95;

/// Judges a validator by its blocks, oldest first.
///
/// Where two verdicts are as frequent, that of the newer block wins.
pub fn affinity(blocks: &[&Classification], rule: AffinityRule) -> Verdict {
    let Some(newest) = blocks.last() else {
        return Verdict::Unknown;
    };
    match rule {
        AffinityRule::Latest => confident(|client| newest.probability(client)),
        AffinityRule::Recent { k } => {
            let skipped = blocks.len().saturating_sub(k.max(1));
            most_frequent(blocks.get(skipped..).unwrap_or_default())
        }
        AffinityRule::Mode => most_frequent(blocks),
        AffinityRule::WeightedAverage => confident(|client| mean(blocks, client)),
        AffinityRule::Median => confident(|client| median(blocks, client)),
    }
}

fn confident(probability: impl Fn(Client) -> f64) -> Verdict {
    Client::ALL
        .into_iter()
        .find(|client| probability(*client) > CONFIDENCE)
        .map_or(Verdict::Uncertain, Verdict::Client)
}

fn most_frequent(blocks: &[&Classification]) -> Verdict {
    let count =
        |verdict: Option<Client>| blocks.iter().filter(|block| block.best_guess_single == verdict).count();
    let mut best = (0, None);
    for block in blocks.iter().rev() {
        let frequency = count(block.best_guess_single);
        if frequency > best.0 {
            best = (frequency, block.best_guess_single);
        }
    }
    best.1.map_or(Verdict::Uncertain, Verdict::Client)
}

fn mean(blocks: &[&Classification], client: Client) -> f64 {
    let sum: f64 = blocks.iter().map(|block| block.probability(client)).sum();
    sum / f64::from(u32::try_from(blocks.len().max(1)).unwrap_or(u32::MAX))
}

fn median(blocks: &[&Classification], client: Client) -> f64 {
    let mut values: Vec<f64> = blocks.iter().map(|block| block.probability(client)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(0.0);
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|below| values.get(below)).copied().unwrap_or(upper);
    f64::midpoint(lower, upper)
}
