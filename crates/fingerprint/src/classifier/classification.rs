//! The verdict on one block: probabilities, the single label, the label that may name two clients.

use serde::{Deserialize, Serialize};

use crate::client::{Client, UNCERTAIN};

/// Where a probability begins to count. Both are compared with strict `>`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Above it a client is named in the multi label.
    pub min_guess: f64,
    /// Above it a client is named alone.
    pub confidence: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_guess: 0.20, confidence: 0.95 }
    }
}

/// What the classifier says of one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The client with the highest probability, the earliest in [`Client::ALL`] among equals. `None` is
    /// "Uncertain": there were no probabilities.
    pub best_guess_single: Option<Client>,
    /// One client, "A or B", or "Uncertain".
    pub best_guess_multi: String,
    /// Probability of every client the model knows, in order.
    pub probabilities: Vec<(Client, f64)>,
    /// The client that signed the block with its graffiti.
    pub graffiti_guess: Option<Client>,
}

impl Classification {
    /// The verdict that follows from probabilities in the order of [`Client::ALL`].
    pub fn from_probabilities(
        probabilities: Vec<(Client, f64)>,
        graffiti_guess: Option<Client>,
        thresholds: Thresholds,
    ) -> Self {
        let mut best: Option<(Client, f64)> = None;
        for &(client, probability) in &probabilities {
            if best.is_none_or(|(_, highest)| probability > highest) {
                best = Some((client, probability));
            }
        }
        Self {
            best_guess_single: best.map(|(client, _)| client),
            best_guess_multi: multi_label(&probabilities, thresholds),
            probabilities,
            graffiti_guess,
        }
    }

    /// The verdict on a block of a client that is told by graffiti alone.
    pub fn from_graffiti(client: Client) -> Self {
        Self {
            best_guess_single: Some(client),
            best_guess_multi: client.name().to_owned(),
            probabilities: vec![(client, 1.0)],
            graffiti_guess: Some(client),
        }
    }

    /// The verdict where nothing is known.
    pub fn uncertain(graffiti_guess: Option<Client>) -> Self {
        Self {
            best_guess_single: None,
            best_guess_multi: UNCERTAIN.to_owned(),
            probabilities: Vec::new(),
            graffiti_guess,
        }
    }

    /// The probability of a client; 0 for one the model does not know.
    pub fn probability(&self, client: Client) -> f64 {
        self.probabilities.iter().find(|(known, _)| *known == client).map_or(0.0, |(_, value)| *value)
    }

    /// The single label as printed: a client's name or "Uncertain".
    pub fn single_name(&self) -> &'static str {
        self.best_guess_single.map_or(UNCERTAIN, Client::name)
    }
}

fn multi_label(probabilities: &[(Client, f64)], thresholds: Thresholds) -> String {
    let mut guesses = Vec::new();
    for &(client, probability) in probabilities {
        if probability > thresholds.confidence {
            return client.name().to_owned();
        }
        if probability > thresholds.min_guess {
            guesses.push(client);
        }
    }
    match guesses.as_slice() {
        [one] => one.name().to_owned(),
        [first, second] => format!("{first} or {second}"),
        _ => UNCERTAIN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(probabilities: &[(Client, f64)]) -> (Option<Client>, String) {
        let verdict = Classification::from_probabilities(probabilities.to_vec(), None, Thresholds::default());
        (verdict.best_guess_single, verdict.best_guess_multi)
    }

    #[test]
    fn labels_follow_the_thresholds() {
        use Client::{Grandine, Lighthouse, Prysm, Teku};
        assert_eq!(verdict(&[]), (None, "Uncertain".into()));
        assert_eq!(verdict(&[(Prysm, 0.96), (Teku, 0.04)]), (Some(Prysm), "Prysm".into()));
        assert_eq!(verdict(&[(Prysm, 0.8), (Teku, 0.2)]), (Some(Prysm), "Prysm".into()));
        assert_eq!(verdict(&[(Prysm, 0.5), (Teku, 0.5)]), (Some(Prysm), "Prysm or Teku".into()));
        assert_eq!(
            verdict(&[(Grandine, 0.3), (Lighthouse, 0.3), (Teku, 0.4)]),
            (Some(Teku), "Uncertain".into())
        );
        assert_eq!(verdict(&[(Grandine, 0.95), (Teku, 0.05)]), (Some(Grandine), "Grandine".into()));
    }
}
