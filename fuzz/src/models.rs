//! Small models of every kind, trained on generated rows.

use consensus::{Root, Slot};
use fingerprint::{
    ClientSet, FeatureSet, GraffitiRules, Method, Model, Scaling, TrainingOptions, TrainingRow, TrainingSet,
};

/// A rule file that is quick to compile, with rules for a network.
pub const RULES: &str = r"name = 'fuzz'
[[rule]]
client = 'Lodestar'
patterns = ['.*[Ll]odestar']
examples = ['a Lodestar']
counterexamples = ['a lode']
[[network.holesky.rule]]
client = 'Grandine'
patterns = ['node-\d+']
";

/// A labelled set of generated rows with the 24 original features.
pub fn training_set(rows: usize) -> TrainingSet {
    let mut set = TrainingSet::new(FeatureSet::all24());
    for (number, (label, features)) in simulate::rows(rows, 1).enumerate() {
        let block_root = Root(*blake3::hash(&number.to_le_bytes()).as_bytes());
        let slot = Slot(4_700_000 + number as u64);
        let row = TrainingRow { block_root, slot, label, features: features.to_vec() };
        set.push(row).expect("24 finite numbers");
    }
    set
}

/// Models: few and many neighbours, searched by scan and by tree, raw and standardised, a network.
pub fn models() -> Vec<Model> {
    let network = Method::Mlp { hidden: vec![5, 4], max_iter: 20 };
    let kinds = [
        (24, Method::Knn { k: 3 }, Scaling::Raw, FeatureSet::default_four()),
        (96, Method::knn(), Scaling::Raw, FeatureSet::default_four()),
        (96, Method::Knn { k: 1 }, Scaling::Standardised, FeatureSet::all24()),
        (48, network.clone(), Scaling::Standardised, FeatureSet::default_four()),
        (48, network, Scaling::Raw, FeatureSet::electra()),
    ];
    kinds
        .into_iter()
        .map(|(rows, method, scaling, features)| {
            let rules = GraffitiRules::from_toml(RULES).expect("a rule file");
            let graffiti_only = ClientSet::EMPTY;
            let options = TrainingOptions {
                method,
                scaling,
                features,
                rules,
                graffiti_only,
                ..TrainingOptions::default()
            };
            Model::train(&training_set(rows), options).expect("a model")
        })
        .collect()
}
