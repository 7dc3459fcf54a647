//! Numbers of blocks by verdict.

use std::ops::{Add, AddAssign};

use fingerprint::Client;
use serde::{Deserialize, Serialize};

/// Blocks by verdict, orphaned ones left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCounts {
    /// Blocks without a single best guess.
    pub uncertain: u64,
    /// Blocks of each client, in the order of [`Client::ALL`].
    pub counts: [u64; 7],
}

impl ClientCounts {
    /// The number for one client.
    pub fn get(&self, client: Client) -> u64 {
        self.counts.get(client.index()).copied().unwrap_or(0)
    }

    /// All blocks, uncertain ones included.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(self.uncertain, |sum, count| sum.saturating_add(*count))
    }

    /// Counts one more block; `None` is "Uncertain".
    pub fn count(&mut self, verdict: Option<Client>) {
        self.add(verdict, 1);
    }

    /// Counts more blocks; `None` is "Uncertain".
    pub fn add(&mut self, verdict: Option<Client>, blocks: u64) {
        let count = verdict.and_then(|client| self.counts.get_mut(client.index()));
        let count = count.unwrap_or(&mut self.uncertain);
        *count = count.saturating_add(blocks);
    }
}

impl AddAssign for ClientCounts {
    fn add_assign(&mut self, other: Self) {
        self.uncertain += other.uncertain;
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
    }
}

impl Add for ClientCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

/// Blocks against what is known of the packers of clients, orphaned blocks left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCounts {
    /// Blocks whose signs are known.
    pub signs_known: u64,
    /// Of these, blocks that break the rules of every client.
    pub all_ruled_out: u64,
    /// Of these, blocks that break the rules of the client they are judged as.
    pub verdict_ruled_out: u64,
}

/// How often the verdict and the graffiti agreed about one client. Blocks whose graffiti say nothing are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Both name the client.
    pub true_pos: u64,
    /// Neither names the client.
    pub true_neg: u64,
    /// Only the verdict names the client.
    pub false_pos: u64,
    /// Only the graffiti name the client.
    pub false_neg: u64,
}
