//! Who was taken for whom.

use serde::{Deserialize, Serialize};

use super::interval::wilson;
use crate::client::Client;

const CLIENTS: usize = Client::ALL.len();

/// Counts of (true client, verdict). The last column is "Uncertain".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    counts: [[u64; CLIENTS + 1]; CLIENTS],
}

/// What a matrix says of one client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClientScore {
    /// The client.
    pub client: Client,
    /// Blocks it built.
    pub blocks: u64,
    /// Blocks it built and was given.
    pub true_positives: u64,
    /// Blocks it was given though another built them.
    pub false_positives: u64,
    /// Blocks it built that were given to another or to none.
    pub false_negatives: u64,
    /// Blocks of others that were not given to it.
    pub true_negatives: u64,
}

impl ConfusionMatrix {
    /// Counts one block.
    pub fn add(&mut self, truth: Client, verdict: Option<Client>) {
        self.add_many(truth, verdict, 1);
    }

    /// Counts several blocks.
    pub fn add_many(&mut self, truth: Client, verdict: Option<Client>, blocks: u64) {
        let column = verdict.map_or(CLIENTS, Client::index);
        if let Some(count) = self.counts.get_mut(truth.index()).and_then(|row| row.get_mut(column)) {
            *count = count.saturating_add(blocks);
        }
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) {
        for (row, added) in self.counts.iter_mut().zip(&other.counts) {
            row.iter_mut().zip(added).for_each(|(count, more)| *count = count.saturating_add(*more));
        }
    }

    /// How many blocks of `truth` got this verdict.
    pub fn count(&self, truth: Client, verdict: Option<Client>) -> u64 {
        let column = verdict.map_or(CLIENTS, Client::index);
        self.counts.get(truth.index()).and_then(|row| row.get(column)).copied().unwrap_or_default()
    }

    /// All blocks counted.
    pub fn total(&self) -> u64 {
        sum(self.counts.iter().flatten().copied())
    }

    /// Blocks whose verdict is right.
    pub fn correct(&self) -> u64 {
        sum(Client::ALL.into_iter().map(|client| self.count(client, Some(client))))
    }

    /// Clients that built a block or were given one, in order.
    pub fn clients(&self) -> impl Iterator<Item = Client> {
        Client::ALL.into_iter().filter(|client| {
            let score = self.score(*client);
            score.blocks > 0 || score.false_positives > 0
        })
    }

    /// What the matrix says of a client.
    pub fn score(&self, client: Client) -> ClientScore {
        let blocks: u64 = self.counts.get(client.index()).map_or(0, |row| sum(row.iter().copied()));
        let given = sum(Client::ALL.into_iter().map(|truth| self.count(truth, Some(client))));
        let true_positives = self.count(client, Some(client));
        let false_positives = given.saturating_sub(true_positives);
        ClientScore {
            client,
            blocks,
            true_positives,
            false_positives,
            false_negatives: blocks.saturating_sub(true_positives),
            true_negatives: self.total().saturating_sub(blocks).saturating_sub(false_positives),
        }
    }

    /// Share of right verdicts; `None` without blocks.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.correct(), self.total())
    }

    /// Mean recall over the clients that built a block; `None` without blocks.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls: Vec<f64> =
            Client::ALL.into_iter().filter_map(|client| self.score(client).recall()).collect();
        (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
    }
}

impl ClientScore {
    /// Share of its blocks that it was given (true positive rate); `None` if it built none.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.blocks)
    }

    /// Share of the blocks it was given that it built (positive predictive value); `None` if it was given none.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives.saturating_add(self.false_positives))
    }

    /// Share of others' blocks that it was not given (true negative rate); `None` if there are none.
    pub fn specificity(&self) -> Option<f64> {
        share(self.true_negatives, self.true_negatives.saturating_add(self.false_positives))
    }

    /// 95 % interval of the recall.
    pub fn recall_interval(&self) -> (f64, f64) {
        wilson(self.true_positives, self.blocks)
    }

    /// 95 % interval of the precision.
    pub fn precision_interval(&self) -> (f64, f64) {
        wilson(self.true_positives, self.true_positives.saturating_add(self.false_positives))
    }
}

/// Counts come from model files too, so no sum may overflow.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_scores() {
        use Client::{Prysm, Teku};
        let mut matrix = ConfusionMatrix::default();
        matrix.add_many(Teku, Some(Teku), 6);
        matrix.add_many(Teku, Some(Prysm), 2);
        matrix.add_many(Prysm, Some(Prysm), 3);
        matrix.add(Prysm, None);
        let teku = matrix.score(Teku);
        assert_eq!((teku.blocks, teku.true_positives, teku.false_negatives), (8, 6, 2));
        assert_eq!((teku.false_positives, teku.true_negatives), (0, 4));
        assert_eq!(teku.recall(), Some(0.75));
        assert_eq!(matrix.score(Prysm).precision(), Some(0.6));
        assert_eq!(matrix.balanced_accuracy(), Some(0.75));
        assert_eq!(matrix.accuracy(), Some(0.75));
        assert_eq!(matrix.clients().collect::<Vec<_>>(), [Prysm, Teku]);
        assert_eq!(ConfusionMatrix::default().balanced_accuracy(), None);
    }
}
