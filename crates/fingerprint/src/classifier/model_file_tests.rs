//! Model files that come back whole, and hostile ones that are refused.

use consensus::{Root, Slot};
use proptest::prelude::*;

use super::*;
use crate::classifier::options::{DataOrigin, Method, ModelOrigin, TrainingOptions};
use crate::classifier::{ModelScores, Scaling};
use crate::client::Client;
use crate::features::FeatureSet;
use crate::score::{ConfusionMatrix, Slicing, examine};
use crate::training::{TrainingRow, TrainingSet};

fn training_set(rows: u32) -> TrainingSet {
    let mut set = TrainingSet::new(FeatureSet::default_four());
    for number in 0..rows {
        let client = [Client::Grandine, Client::Lighthouse, Client::Teku][number as usize % 3];
        let mut root = [0; 32];
        root[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        let value = |step: u32| f64::from((number * step) % 97) / 97.0 + f64::from(client as u8);
        let row = TrainingRow {
            block_root: Root(root),
            slot: Slot(u64::from(number)),
            label: client,
            features: vec![value(5), value(31), value(7), value(11)],
        };
        set.push(row).expect("four finite values");
    }
    set
}

fn options(method: Method) -> TrainingOptions {
    let note = ModelOrigin { trained_on: DataOrigin::GENERATED, evaluated_on: vec![] };
    // Few rules, because every reading compiles them.
    let rules = "name = 'test'\n[[rule]]\nclient = 'Lodestar'\npatterns = ['.*[Ll]odestar']\n";
    let rules = GraffitiRules::from_toml(rules).expect("a rule file");
    TrainingOptions { method, note, rules, ..TrainingOptions::default() }
}

fn models() -> Vec<Model> {
    let small = Method::Mlp { hidden: vec![6, 5], max_iter: 5 };
    [
        (40, options(Method::knn())),
        (400, options(Method::knn())),
        (60, options(small)),
        (400, TrainingOptions { scaling: Scaling::Standardised, ..options(Method::Knn { k: 3 }) }),
    ]
    .into_iter()
    .map(|(rows, options)| {
        let set = training_set(rows);
        let scores = examine(&set, &options, 2, &Slicing::of(&set, Some(8))).expect("scores").into();
        Model::train(&set, options).expect("a model").with_scores(scores, DataOrigin::GENERATED)
    })
    .collect()
}

#[test]
fn models_come_back_whole() {
    for model in models() {
        let mut confusion = ConfusionMatrix::default();
        confusion.add_many(Client::Teku, None, 7);
        let balanced_accuracy = vec![0.1 + 0.2, 1.0 / 3.0, 0.866_666_666_666_666_6];
        let reliability = model.info.scores.clone().expect("scores").reliability;
        assert!(reliability.as_ref().is_some_and(|measured| !measured.slices().is_empty()));
        let scores = ModelScores { balanced_accuracy, confusion: Some(confusion), reliability };
        let model = model.with_scores(scores, DataOrigin::GENERATED);
        let bytes = model.to_bytes();
        let back = Model::from_bytes(&bytes).expect("the same model");
        assert_eq!(back.info, model.info);
        assert_eq!(back.rules, model.rules);
        assert_eq!(back.fitted, model.fitted);
        assert_eq!(back.hash(), *blake3::hash(&bytes).as_bytes());
        assert_eq!(model.hash(), back.hash());
        assert_eq!(back.to_bytes(), bytes);
        let row = [0.3, 1.2, 0.9, 1.1];
        assert_eq!(back.classify_row("", &row), model.classify_row("", &row));
    }
}

#[test]
fn files_without_reliability_are_read() {
    let (header, body) = parts(&FILES[0]);
    let mut header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
    let scores = header["model"]["scores"].as_object_mut().expect("scores");
    assert!(scores.remove("reliability").is_some());
    let (bytes, _) = seal(FORMAT_VERSION, header.to_string().as_bytes(), &body);
    let model = Model::from_bytes(&bytes).expect("an older file");
    assert_eq!(model.info.scores.expect("scores").reliability, None);
}

#[test]
fn test_results_that_do_not_add_up_are_refused() {
    let (header, body) = parts(&FILES[0]);
    let header = String::from_utf8(header).expect("JSON");
    let changed = header.replacen("\"ruled_out\":", "\"ruled_out\":9", 1);
    assert_ne!(header, changed);
    let (bytes, _) = seal(FORMAT_VERSION, changed.as_bytes(), &body);
    let error = Model::from_bytes(&bytes).expect_err("results of no test").to_string();
    assert!(error.contains("its test results do not add up; train the model again"), "{error}");
}

#[test]
fn damage_is_refused_with_a_remedy() {
    let bytes = models()[0].to_bytes();
    assert_eq!(Model::from_bytes(b"").unwrap_err(), ModelError::NotAModel);
    assert_eq!(Model::from_bytes(b"PAR1 and more").unwrap_err(), ModelError::NotAModel);
    let mut other = bytes.clone();
    other[8] = 1;
    assert_eq!(Model::from_bytes(&other).unwrap_err(), ModelError::OtherVersion { found: 1 });
    for length in 0..bytes.len() {
        assert!(Model::from_bytes(&bytes[..length]).is_err());
    }
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    assert_eq!(Model::from_bytes(&flipped).unwrap_err(), ModelError::Checksum);
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(Model::from_bytes(&longer).unwrap_err(), ModelError::Length { .. }));
}

/// Header and body of a file.
fn parts(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let opened = open(bytes).expect("a sound file");
    (opened.header.to_vec(), opened.body.to_vec())
}

/// Reads a file whose checksum is right whatever is in it, and uses the model if there is one.
fn read_sealed(header: &[u8], body: &[u8]) {
    let (bytes, _) = seal(FORMAT_VERSION, header, body);
    if let Ok(model) = Model::from_bytes(&bytes) {
        let row = vec![0.5; model.features().len()];
        let verdict = model.classify_row("", &row).expect("a row of the right width");
        assert!(verdict.probabilities.iter().all(|(_, probability)| !probability.is_nan()));
        if let Some(measured) = model.info.scores.as_ref().and_then(|scores| scores.reliability.as_ref()) {
            let ends_fit = |share: Option<f64>| share.is_none_or(|share| (0.0..=1.0).contains(&share));
            assert!(ends_fit(measured.calibration_error()) && measured.right() <= measured.blocks());
            assert!(measured.abstention().iter().all(|point| ends_fit(point.accuracy())));
        }
        let again = model.to_bytes();
        assert_eq!(Model::from_bytes(&again).map(|model| model.to_bytes()), Ok(again));
    }
}

static FILES: std::sync::LazyLock<Vec<Vec<u8>>> =
    std::sync::LazyLock::new(|| models().iter().map(Model::to_bytes).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hostile_bytes_never_panic(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut header, mut body) = parts(&FILES[which]);
        let part = if in_header { &mut header } else { &mut body };
        for (place, value) in changes {
            let place = place.index(part.len());
            part[place] = value;
        }
        if let Some(cut) = cut {
            part.truncate(cut.index(part.len() + 1));
        }
        read_sealed(&header, &body);
    }

    #[test]
    fn hostile_numbers_in_the_header_never_panic(
        which in 0usize..4,
        place in any::<prop::sample::Index>(),
        number in prop_oneof![
            Just("0".to_owned()),
            Just("1".to_owned()),
            Just("-1".to_owned()),
            Just("1e308".to_owned()),
            any::<u64>().prop_map(|number| number.to_string()),
            (1u64..300).prop_map(|number| number.to_string()),
        ],
    ) {
        let (header, body) = parts(&FILES[which]);
        let text = String::from_utf8(header).expect("JSON");
        let starts: Vec<usize> = text
            .char_indices()
            .zip(text.chars().skip(1))
            .filter(|((_, before), after)| matches!(before, ':' | '[' | ',') && after.is_ascii_digit())
            .map(|((at, _), _)| at + 1)
            .collect();
        let start = starts[place.index(starts.len())];
        let digits = text[start..].find([',', ']', '}']).expect("an end");
        let changed = format!("{}{number}{}", &text[..start], &text[start + digits..]);
        read_sealed(changed.as_bytes(), &body);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
        let framed = [MAGIC.as_slice(), &FORMAT_VERSION.to_le_bytes(), &bytes].concat();
        prop_assert!(Model::from_bytes(&framed).is_err());
    }
}
