//! Why a block got its verdict: its features beside those of every client, and its nearest neighbours.

use rayon::prelude::*;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::classification::Classification;
use super::fitted::Predictor;
use super::model::Model;
use super::neighbours;
use super::odds::FeatureOdds;
use super::rows::Rows;
use crate::client::{Client, ClientSet};
use crate::features::{self, FeatureSet};
use crate::rules::{Sign, Signs};

/// Where the middle 80 % of a class's training rows lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientRange {
    /// The class.
    pub client: Client,
    /// A tenth of the rows lie below.
    pub p10: f64,
    /// Half of the rows lie below.
    pub p50: f64,
    /// Nine tenths of the rows lie below.
    pub p90: f64,
}

/// The ranges of one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureRanges {
    /// The feature's name.
    pub feature: String,
    /// One range per class, in order.
    pub clients: Vec<ClientRange>,
}

/// A feature of the block beside those of every client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureEvidence {
    /// The feature's name.
    pub feature: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Its value for the block.
    pub value: f64,
    /// Where the middle 80 % of each class's training rows lie.
    pub clients: Vec<ClientRange>,
}

/// Training rows near the block: those of one class with the same values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NeighbourEvidence {
    /// Their class.
    pub client: Client,
    /// How many there are.
    pub rows: u32,
    /// Their distance, in (scaled) feature values.
    pub distance: f64,
    /// Their share of the vote.
    pub weight: f64,
}

/// Why a block got its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The verdict.
    pub classification: Classification,
    /// The features looked at, in order.
    pub features: Vec<FeatureEvidence>,
    /// The training rows that voted, nearest first; empty for a network.
    pub neighbours: Vec<NeighbourEvidence>,
    /// What each feature says for and against each class, looked at alone; empty for models that keep no counts.
    pub odds: Vec<FeatureOdds>,
    /// What the block shows that some client never does, whatever the model says; `None` where that can't be told.
    #[serde(serialize_with = "shown_signs")]
    pub signs: Option<Signs>,
}

/// As a list of objects, in which each sign has its sentence and the clients that it rules out.
fn shown_signs<S: Serializer>(signs: &Option<Signs>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown {
        sign: &'static str,
        sentence: &'static str,
        rules_out: ClientSet,
    }
    let shown = |sign: Sign| Shown {
        sign: sign.code(),
        sentence: sign.sentence(),
        rules_out: Client::ALL.into_iter().filter(|client| sign.rules_out(*client)).collect(),
    };
    signs.map(|signs| signs.iter().map(shown).collect::<Vec<_>>()).serialize(serializer)
}

pub(super) fn explanation(
    model: &Model,
    classification: Classification,
    row: &[f64],
    signs: Option<Signs>,
) -> Explanation {
    let features = model
        .features()
        .features()
        .zip(row)
        .map(|(feature, value)| FeatureEvidence {
            feature: feature.name,
            about: feature.about,
            value: *value,
            clients: model.ranges(feature.name).to_vec(),
        })
        .collect();
    let neighbours = match &model.fitted.predictor {
        Predictor::Mlp(_) => Vec::new(),
        Predictor::Knn(index) => {
            let nearest = index.nearest(&model.fitted.scaled(row));
            let weights = neighbours::weights(&nearest, index.k());
            let total: f64 = weights.iter().sum();
            nearest
                .iter()
                .zip(&weights)
                .filter_map(|(neighbour, weight)| {
                    Some(NeighbourEvidence {
                        client: *model.enabled_clients().get(neighbour.class as usize)?,
                        rows: neighbour.rows,
                        distance: neighbour.distance,
                        weight: weight / total,
                    })
                })
                .collect()
        }
    };
    let odds = model.feature_odds(model.features().names().zip(row.iter().copied()));
    Explanation { classification, features, neighbours, odds, signs }
}

/// The ranges of every feature over the training rows.
pub(super) fn ranges(rows: &Rows, classes: &[Client], features: &FeatureSet) -> Vec<FeatureRanges> {
    let columns: Vec<&'static features::Feature> = features.features().collect();
    columns
        .into_par_iter()
        .enumerate()
        .map(|(column, feature)| {
            let mut values: Vec<Vec<f64>> = vec![Vec::new(); classes.len()];
            for (row, class) in rows.values().chunks_exact(rows.width().max(1)).zip(rows.classes()) {
                if let Some(list) = values.get_mut(*class as usize) {
                    list.extend(row.get(column));
                }
            }
            let clients = classes
                .iter()
                .zip(&mut values)
                .map(|(client, values)| ClientRange {
                    client: *client,
                    p10: quantile(values, 0.1),
                    p50: quantile(values, 0.5),
                    p90: quantile(values, 0.9),
                })
                .collect();
            FeatureRanges { feature: feature.name.to_owned(), clients }
        })
        .collect()
}

/// The value at a share of the sorted values, the nearer one between two; 0 without values.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = (share * (values.len() - 1) as f64).round() as usize;
    // Adding 0 makes -0 an ordinary 0.
    *values.select_nth_unstable_by(place, f64::total_cmp).1 + 0.0
}
