//! What the blocks of a validator say together: a verdict for each of them that knows the others, and changes.
//!
//! A validator runs one client for a long time and changes seldom. Each block's probabilities are evidence for one
//! client; forward and backward sums over the sequence weigh it with the blocks before and after. Blocks are taken to
//! be independent given the client, and the model's classes to be equally likely beforehand.

use fingerprint::Client;
use fingerprint::classifier::Classification;
use serde::Serialize;

/// So many of the newest blocks of a validator make its history.
pub const HISTORY_BLOCKS: usize = 64;

/// The chance that a validator has changed its client between two of its blocks.
const CHANGE: f64 = 0.01;

/// No block is stronger evidence against a client than this: a model may be wrong, and sure of it.
const LEAST: f64 = 0.02;

const CLIENTS: usize = Client::ALL.len();

/// A client and how likely it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Smoothed {
    /// The likeliest client.
    pub client: Client,
    /// Its probability.
    pub probability: f64,
}

/// What the blocks of a validator say together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct History {
    /// Blocks that were looked at.
    pub blocks: usize,
    /// Those of them that have probabilities, and so are evidence.
    pub judged: usize,
    /// What it runs at its newest block; `None` without evidence.
    pub now: Option<Smoothed>,
    /// The same at each block, oldest first. Empty without evidence.
    pub course: Vec<Smoothed>,
    /// Positions in `course` where the client differs from that of the block before.
    pub changes: Vec<usize>,
}

/// Weighs the blocks of a validator, oldest first.
pub fn history(blocks: &[&Classification]) -> History {
    let judged = blocks.iter().filter(|block| !block.probabilities.is_empty()).count();
    if judged == 0 {
        return History { blocks: blocks.len(), ..History::default() };
    }
    let evidence: Vec<[f64; CLIENTS]> = blocks.iter().map(|block| evidence(block)).collect();
    let mut forward: Vec<[f64; CLIENTS]> = Vec::with_capacity(blocks.len());
    let mut before = [1.0 / CLIENTS as f64; CLIENTS];
    for block in &evidence {
        before = product(&step(&before), block);
        forward.push(before);
    }
    let mut after = [1.0 / CLIENTS as f64; CLIENTS];
    let mut course: Vec<Smoothed> = Vec::with_capacity(blocks.len());
    for (block, forward) in evidence.iter().zip(&forward).rev() {
        course.push(likeliest(&product(forward, &after)));
        after = step(&product(&after, block));
    }
    course.reverse();
    let changes = course
        .windows(2)
        .zip(1..)
        .filter(|(pair, _)| matches!(pair, [a, b] if a.client != b.client))
        .map(|(_, at)| at)
        .collect();
    History { blocks: blocks.len(), judged, now: course.last().copied(), course, changes }
}

/// A block without probabilities speaks for nobody.
fn evidence(block: &Classification) -> [f64; CLIENTS] {
    if block.probabilities.is_empty() {
        return [1.0; CLIENTS];
    }
    let mut evidence = [LEAST; CLIENTS];
    for (client, probability) in &block.probabilities {
        if let Some(value) = evidence.get_mut(client.index())
            && probability.is_finite()
        {
            *value = probability.max(LEAST);
        }
    }
    evidence
}

/// What is believed one block later.
fn step(now: &[f64; CLIENTS]) -> [f64; CLIENTS] {
    let sum: f64 = now.iter().sum();
    let others = CHANGE / (CLIENTS - 1) as f64;
    now.map(|value| value * (1.0 - CHANGE) + (sum - value) * others)
}

fn product(a: &[f64; CLIENTS], b: &[f64; CLIENTS]) -> [f64; CLIENTS] {
    let mut product = *a;
    product.iter_mut().zip(b).for_each(|(value, factor)| *value *= factor);
    let sum: f64 = product.iter().sum();
    if sum > 0.0 { product.map(|value| value / sum) } else { [1.0 / CLIENTS as f64; CLIENTS] }
}

fn likeliest(values: &[f64; CLIENTS]) -> Smoothed {
    let mut best = Smoothed { client: Client::ALL[0], probability: f64::NEG_INFINITY };
    for (client, probability) in Client::ALL.into_iter().zip(values) {
        if *probability > best.probability {
            best = Smoothed { client, probability: *probability };
        }
    }
    best
}

#[cfg(test)]
mod unit {
    use super::*;
    use Client::{Prysm, Teku};

    fn block(client: Client, probability: f64) -> Classification {
        let other = (1.0 - probability) / 6.0;
        let probabilities =
            Client::ALL.into_iter().map(|known| (known, if known == client { probability } else { other }));
        Classification {
            best_guess_single: Some(client),
            best_guess_multi: client.name().to_owned(),
            probabilities: probabilities.collect(),
            graffiti_guess: None,
        }
    }

    fn of(blocks: &[Classification]) -> History {
        history(&blocks.iter().collect::<Vec<_>>())
    }

    #[test]
    fn blocks_that_agree_are_surer_together() {
        let one = of(&[block(Teku, 0.7)]).now.unwrap();
        let five = of(&vec![block(Teku, 0.7); 5]).now.unwrap();
        assert_eq!((one.client, five.client), (Teku, Teku));
        assert!((one.probability - 0.7).abs() < 0.05 && five.probability > 0.99, "{one:?} {five:?}");
    }

    #[test]
    fn one_odd_block_is_no_change_and_a_row_of_them_is() {
        let mut blocks = vec![block(Teku, 0.9); 8];
        blocks[4] = block(Prysm, 0.8);
        let history = of(&blocks);
        assert!(history.changes.is_empty(), "{history:?}");
        assert!(history.course.iter().all(|at| at.client == Teku));
        blocks.extend(vec![block(Prysm, 0.9); 6]);
        let history = of(&blocks);
        assert_eq!((history.changes.as_slice(), history.now.unwrap().client), ([8].as_slice(), Prysm));
    }

    #[test]
    fn blocks_without_probabilities_are_no_evidence() {
        assert_eq!(of(&[]), History::default());
        let history = of(&[Classification::uncertain(None)]);
        assert_eq!((history.blocks, history.judged, history.now), (1, 0, None));
        let history = of(&[block(Teku, 1.0), Classification::uncertain(None), block(Prysm, f64::NAN)]);
        assert_eq!((history.judged, history.now.unwrap().client), (2, Teku));
    }
}
