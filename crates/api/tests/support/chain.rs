//! A made-up chain in the database: clients, orphans, missed slots and gaps that tests know.

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::score::Slicing;
use fingerprint::{
    Classification, Client, DataOrigin, FeatureSet, Model, ModelOrigin, Thresholds, TrainingOptions,
    TrainingRow, TrainingSet, examine,
};
use store::{Attestations, BlockRow, CanonicalState, RootOrigin, Store};

/// A model of three clients with measured scores, and what it was trained on.
pub fn small_model(trained_on: DataOrigin) -> Model {
    model_of(90, trained_on)
}

/// As [`small_model`], of so many blocks.
pub fn model_of(blocks: u8, trained_on: DataOrigin) -> Model {
    let features = FeatureSet::default_four();
    let mut set = TrainingSet::new(features.clone());
    for number in 0..blocks {
        let class = usize::from(number % 3);
        let label = [Client::Lighthouse, Client::Prysm, Client::Teku][class];
        // Every tenth row lies where another client's rows are.
        let place = if number % 10 == 0 { (class + 1) % 3 } else { class };
        let features = vec![place as f64 + f64::from(number) / 1_000.0; features.len()];
        let row = TrainingRow { block_root: Root([number; 32]), slot: Slot(0), label, features };
        set.push(row).unwrap();
    }
    let note = ModelOrigin { trained_on: trained_on.clone(), evaluated_on: Vec::new() };
    let options = TrainingOptions { features, note, ..TrainingOptions::default() };
    let scores = examine(&set, &options, 5, &Slicing::of(&set, Some(32))).unwrap();
    Model::train(&set, options).unwrap().with_scores(scores.into(), trained_on)
}

/// The root of the block of a slot.
pub fn root(slot: u64) -> Root {
    let mut root = [7; 32];
    root[..8].copy_from_slice(&slot.to_be_bytes());
    Root(root)
}

/// A canonical block with a verdict.
pub fn block(slot: u64, parent: u64, client: Client, probability: f64) -> BlockRow {
    let rest = (1.0 - probability) / 2.0;
    let others = [Client::Lighthouse, Client::Prysm, Client::Teku, Client::Nimbus]
        .into_iter()
        .filter(|other| *other != client)
        .take(2)
        .map(|other| (other, rest));
    let mut probabilities: Vec<_> = others.chain([(client, probability)]).collect();
    probabilities.sort_by_key(|(client, _)| *client);
    BlockRow {
        block_root: root(slot),
        root_known: RootOrigin::Reported,
        parent_root: Some(root(parent)),
        slot: Slot(slot),
        parent_slot: Slot(parent),
        proposer_index: ValidatorIndex(slot % 50),
        graffiti: Some(String::new()),
        classification: Classification::from_probabilities(probabilities, None, Thresholds::default()),
        model_hash: None,
        canonical: CanonicalState::Finalized,
        features: None,
        attestations: Attestations::NotRecorded,
        signs: None,
        first_seen_ms: None,
    }
}

/// Blocks of slots `1..=last`, of which `lighthouse` in a hundred are Lighthouse's and the others Prysm's. Every
/// fiftieth slot is missed.
pub async fn fill(store: &Store, last: u64, lighthouse: u64) {
    let mut parent = 0;
    let mut rows = Vec::new();
    for slot in (1..=last).filter(|slot| slot % 50 != 0) {
        let client = if slot * 37 % 100 < lighthouse { Client::Lighthouse } else { Client::Prysm };
        rows.push(block(slot, parent, client, 0.9));
        parent = slot;
    }
    store.insert_blocks(&rows).await.unwrap();
}
