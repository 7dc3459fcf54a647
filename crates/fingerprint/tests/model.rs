//! Whole models: verdicts as recorded from the reference, training that depends on nothing but its input.

mod blocks;
mod recorded;

use consensus::{Root, Slot};
use fingerprint::classifier::{OptionsError, SelectionError};
use fingerprint::{
    Client, ClientSet, FeatureSet, GraffitiRules, Method, Model, RuleSet, Scaling, TrainError,
    TrainingOptions, TrainingRow, TrainingSet,
};
use recorded::{clients, close, json, strings, synthetic};

fn training_set() -> Option<TrainingSet> {
    blocks::training_set(FeatureSet::all24())
}

#[test]
fn five_configurations_as_recorded() {
    let (Some(set), Some(configurations)) = (training_set(), json("synthetic_expected_knn.json")) else {
        return;
    };
    let questions = synthetic(&["test", "edge"]).unwrap();
    assert_eq!(configurations.as_object().unwrap().len(), 5);
    for (name, recorded) in configurations.as_object().unwrap() {
        let options = TrainingOptions {
            features: FeatureSet::from_names(strings(&recorded["features"])).unwrap(),
            grouped: clients(&recorded["grouped_clients"]).into_iter().collect(),
            disabled: clients(&recorded["disabled_clients"]).into_iter().collect(),
            graffiti_only: clients(&recorded["graffiti_only_clients"]).into_iter().collect(),
            rules: GraffitiRules::built_in(RuleSet::Blockprint),
            ..TrainingOptions::default()
        };
        let model = Model::train(&set, options).unwrap();
        let model = Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(model.enabled_clients(), clients(&recorded["enabled_clients"]), "{name}");
        let blocks = recorded["blocks"].as_object().unwrap();
        assert_eq!(blocks.len(), questions.len());
        for (_, reward) in &questions {
            let block = blocks::observe(reward);
            let wanted = &blocks[&block.block_root.to_string()];
            let verdict = model.classify(&block).unwrap();
            let map = wanted["probability_map"].as_object().unwrap();
            assert_eq!(verdict.probabilities.len(), map.len());
            for (client, probability) in &verdict.probabilities {
                let wanted = map[client.name()].as_f64().unwrap();
                assert!(close(*probability, wanted), "{name} {}: {client}", block.block_root);
            }
            assert_eq!(verdict.single_name(), wanted["best_guess_single"]);
            assert_eq!(verdict.best_guess_multi, wanted["best_guess_multi"].as_str().unwrap());
            assert_eq!(verdict.graffiti_guess.map(Client::name), wanted["graffiti_guess"].as_str());
            let mut row = Vec::new();
            model.features().compute(&block, &mut row).unwrap();
            assert_eq!(model.classify_row(&block.graffiti, &row), Ok(verdict));
        }
    }
}

/// Rows of several clients around their own centres.
fn generated(counts: &[(Client, u32)]) -> TrainingSet {
    let mut set = TrainingSet::new(FeatureSet::default_four());
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for (client, count) in counts {
        for _ in 0..*count {
            let mut root = [0; 32];
            root.fill_with(|| (next() * 256.0) as u8);
            let centre = f64::from(*client as u8);
            let features = vec![centre + next(), next(), centre - next(), (next() * 4.0).floor()];
            let slot = Slot((next() * 1e6) as u64);
            set.push(TrainingRow { block_root: Root(root), slot, label: *client, features }).unwrap();
        }
    }
    set
}

fn reordered(set: &TrainingSet) -> TrainingSet {
    let mut rows: Vec<TrainingRow> = (0..set.len()).map(|row| set.row(row).unwrap()).collect();
    recorded::scramble(&mut rows);
    let mut other = TrainingSet::new(set.features.clone());
    rows.into_iter().for_each(|row| other.push(row).unwrap());
    other
}

#[test]
fn training_depends_on_neither_order_nor_threads() {
    let set = generated(&[(Client::Lighthouse, 300), (Client::Prysm, 200), (Client::Teku, 250)]);
    let other = reordered(&set);
    assert_ne!(set, other);
    for method in [Method::knn(), Method::Mlp { hidden: vec![8, 8], max_iter: 4 }] {
        let train = |set: &TrainingSet, seed: u64, threads: usize| {
            let options = TrainingOptions {
                method: method.clone(),
                seed,
                max_imbalance: Some(1.1),
                ..Default::default()
            };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Model::train(set, options).unwrap().to_bytes())
        };
        assert_eq!(train(&set, 1, 1), train(&other, 1, 4));
        assert_ne!(train(&set, 1, 1), train(&set, 2, 1));
    }
}

#[test]
fn imbalance_is_limited_by_the_rarest_client() {
    let set = generated(&[(Client::Lighthouse, 100), (Client::Prysm, 20), (Client::Teku, 35)]);
    let options = TrainingOptions { max_imbalance: Some(2.0), ..TrainingOptions::default() };
    let model = Model::train(&set, options).unwrap();
    let expected = [(Client::Lighthouse, 40), (Client::Prysm, 20), (Client::Teku, 35)];
    assert_eq!(model.info().rows_per_client, expected);
    assert_eq!(model.info().rows, 95);
}

#[test]
fn a_client_without_rows_shifts_no_other() {
    let set = generated(&[(Client::Grandine, 30), (Client::Teku, 30)]);
    let model = Model::train(&set, TrainingOptions::default()).unwrap();
    assert_eq!(model.enabled_clients(), [Client::Grandine, Client::Teku]);
    let teku = set.row(45).unwrap();
    let verdict = model.classify_row("", &teku.features).unwrap();
    assert_eq!(verdict.probabilities, [(Client::Grandine, 0.0), (Client::Teku, 1.0)]);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let set = generated(&[(Client::Grandine, 4), (Client::Teku, 4), (Client::Lodestar, 50)]);
    let refused = |options: TrainingOptions| Model::train(&set, options).unwrap_err();
    let default = TrainingOptions::default;
    assert_eq!(
        refused(default()).to_string(),
        "9 nearest neighbours need at least 9 training rows, but there are 8; add rows or lower k"
    );
    let teku = ClientSet::EMPTY.with(Client::Teku);
    assert_eq!(
        refused(TrainingOptions { disabled: teku, ..default() }).to_string(),
        "training needs rows of at least two clients, but found only Grandine"
    );
    let overlap = refused(TrainingOptions { disabled: teku, grouped: teku, ..default() });
    assert_eq!(overlap.to_string(), "Teku cannot be both disabled and grouped; name it in one of them");
    let lodestar = ClientSet::EMPTY.with(Client::Lodestar);
    let overlap = refused(TrainingOptions { grouped: lodestar, ..default() });
    assert!(overlap.to_string().contains("grouped and graffiti-only"), "{overlap}");
    let missing = refused(TrainingOptions { features: FeatureSet::viable(), ..default() });
    assert!(matches!(missing, TrainError::Selection(SelectionError::MissingFeature { .. })));
    for limit in [0.5, f64::NAN, f64::INFINITY] {
        let error = refused(TrainingOptions { max_imbalance: Some(limit), ..default() });
        assert!(matches!(error, TrainError::Selection(SelectionError::Options(OptionsError::Imbalance(_)))));
    }
    for k in [0, 100_000] {
        assert!(
            refused(TrainingOptions { method: Method::Knn { k }, ..default() }).to_string().contains("1024")
        );
    }
    let empty = TrainingSet::new(FeatureSet::default_four());
    assert_eq!(
        Model::train(&empty, default()).unwrap_err().to_string(),
        "training needs rows of at least two clients, but found none"
    );
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let set = generated(&[(Client::Grandine, 20), (Client::Teku, 20)]);
    let model = Model::train(&set, TrainingOptions::default()).unwrap();
    assert!(model.classify_row("", &[1.0]).is_err());
    assert!(model.classify_row("", &[1.0, 2.0, f64::NAN, 0.0]).is_err());
}

#[test]
fn explanations_show_ranges_and_neighbours() {
    let Some(set) = training_set() else { return };
    let block = blocks::observe(&synthetic(&["test"]).unwrap()[0].1);
    for (method, voters) in [(Method::knn(), 9), (Method::Mlp { hidden: vec![10], max_iter: 20 }, 0)] {
        let options = TrainingOptions { method, ..TrainingOptions::default() };
        let model = Model::train(&set, options).unwrap();
        let why = model.explain(&block).unwrap();
        assert_eq!(why.classification, model.classify(&block).unwrap());
        assert_eq!(why.features.len(), 4);
        for feature in &why.features {
            assert_eq!(feature.clients.len(), 5);
            assert!(feature.clients.iter().all(|range| range.p10 <= range.p50 && range.p50 <= range.p90));
        }
        assert_eq!(why.neighbours.len(), voters);
        for (client, probability) in &why.classification.probabilities {
            let votes = why.neighbours.iter().filter(|one| one.client == *client);
            let share: f64 = votes.map(|one| one.weight).sum();
            assert!(voters == 0 || close(share, *probability));
        }
    }
}

#[test]
fn a_network_learns_the_generated_blocks() {
    let Some(set) = training_set() else { return };
    let options = TrainingOptions {
        method: Method::Mlp { hidden: vec![40, 60], max_iter: 400 },
        ..TrainingOptions::default()
    };
    let model = Model::train(&set, options).unwrap();
    assert_eq!(model.info().scaling, Scaling::Standardised);
    let questions = synthetic(&["test"]).unwrap();
    let known = questions.iter().filter_map(|(label, reward)| Some((label.as_ref()?, reward)));
    let known: Vec<_> = known.filter(|(label, _)| **label != Client::Lodestar).collect();
    let right = known
        .iter()
        .filter(|(label, reward)| {
            model.classify(&blocks::observe(reward)).unwrap().best_guess_single == Some(**label)
        })
        .count();
    assert!(known.is_empty() || right * 2 > known.len(), "{right} of {}", known.len());
}
