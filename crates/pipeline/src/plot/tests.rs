use consensus::{Root, Slot};
use fingerprint::score::ConfusionMatrix;
use fingerprint::{Client, FeatureSet, TrainingRow, TrainingSet};

use super::{Images, PlotError, PlotOptions, Theme, accuracy_picture, heat_map, plot, write_picture};
use crate::progress::Silent;
use crate::test_data;

fn set(rows: u8) -> TrainingSet {
    let features = FeatureSet::parse("num_attestations,difflib_slot,norm_reward,reward").expect("features");
    let mut set = TrainingSet::new(features);
    for row in 0..rows {
        let value = f64::from(row);
        set.push(TrainingRow {
            block_root: Root([row; 32]),
            slot: Slot(u64::from(row)),
            label: Client::ALL[usize::from(row) % Client::ALL.len()],
            features: vec![8.0, value / 64.0, (value * 7.0) % 5.0, 1e6 * value],
        })
        .expect("a row");
    }
    set
}

#[test]
fn every_pair_has_a_named_picture_and_constants_are_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let report = plot(&set(64), dir.path(), &PlotOptions::default(), &Silent).expect("it draws");
    let names: Vec<_> =
        report.files.iter().filter_map(|path| path.file_name().and_then(|name| name.to_str())).collect();
    assert_eq!(
        names,
        [
            "difflib_slot-norm_reward.png",
            "difflib_slot-norm_reward.svg",
            "difflib_slot-reward.png",
            "difflib_slot-reward.svg",
            "norm_reward-reward.png",
            "norm_reward-reward.svg",
            "pair_grid.png",
            "pair_grid.svg"
        ]
    );
    assert_eq!(report.constant, ["num_attestations"]);
    let svg = std::fs::read_to_string(dir.path().join("norm_reward-reward.svg")).expect("the picture");
    assert!(svg.contains("norm_reward against reward") && svg.contains("Lighthouse"));
    let png = std::fs::read(dir.path().join("pair_grid.png")).expect("the picture");
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn pictures_are_the_same_every_time() {
    let draw = || {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options =
            PlotOptions { per_client: 5, theme: Theme::Dark, images: Images::Svg, ..Default::default() };
        plot(&set(100), dir.path(), &options, &Silent).expect("it draws");
        std::fs::read_to_string(dir.path().join("pair_grid.svg")).expect("the picture")
    };
    assert_eq!(draw(), draw());
}

#[test]
fn one_feature_is_too_few_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let draw = |list: &str| {
        let features = Some(FeatureSet::parse(list).expect("features"));
        plot(&set(9), dir.path(), &PlotOptions { features, ..Default::default() }, &Silent)
    };
    assert!(matches!(draw("reward"), Err(PlotError::TooFewFeatures(1))));
    assert!(matches!(draw("reward,difflib_rewards"), Err(PlotError::MissingFeature("difflib_rewards"))));
}

#[test]
fn a_confusion_matrix_shows_its_numbers() {
    let mut matrix = ConfusionMatrix::default();
    matrix.add_many(Client::Teku, Some(Client::Teku), 75);
    matrix.add_many(Client::Teku, Some(Client::Prysm), 24);
    matrix.add_many(Client::Teku, None, 1);
    matrix.add_many(Client::Prysm, Some(Client::Prysm), 1200);
    let svg = heat_map(&matrix, "A <title>", "A note.", Theme::Light);
    for part in ["A &lt;title&gt;", ">75<", ">24<", ">1.0<", ">100<", ">1,200<", "#3874B3", "Unknown"] {
        assert!(svg.contains(part), "{part} is not in the picture");
    }
    assert!(!svg.contains("Lighthouse"));
}

/// Draws the generated blocks where BLOCKMARK_PICTURES names a folder, to be looked at.
#[test]
fn generated_blocks_can_be_drawn() {
    let Some(blocks) = test_data::synthetic_blocks() else { return };
    let mut set = TrainingSet::new(FeatureSet::viable());
    let mut matrix = ConfusionMatrix::default();
    for (role, label, json) in blocks {
        let (Some(label), false) = (label, role == "edge") else { continue };
        let block = source::parse_block_reward(json.to_string().as_bytes()).expect("a block");
        let mut features = Vec::new();
        set.features.compute(&block, &mut features).expect("its features");
        set.push(TrainingRow { block_root: block.block_root, slot: block.slot, label, features })
            .expect("a row");
        let shift = usize::from(block.block_root.0[0] < 40);
        matrix.add(label, Client::ALL.get((label.index() + shift) % 8).copied());
    }
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let chosen = std::env::var_os("BLOCKMARK_PICTURES").map(std::path::PathBuf::from);
    for theme in [Theme::Light, Theme::Dark] {
        let base = chosen.as_deref().unwrap_or(temporary.path());
        let folder = base.join(format!("{theme:?}").to_lowercase());
        let images = if chosen.is_some() { Images::SvgAndPng } else { Images::Svg };
        let report = plot(&set, &folder, &PlotOptions { theme, images, ..Default::default() }, &Silent);
        assert_eq!(report.expect("it draws").grid.len(), 8);
        let picture = heat_map(&matrix, "Confusion of generated blocks", "Made up verdicts.", theme);
        write_picture(&folder, "confusion", &picture, images).expect("it is written");
        let note = "knn with four features; 5-fold cross-validation.";
        let picture = accuracy_picture(&matrix, "How well each client is told", note, theme);
        write_picture(&folder, "accuracy", &picture, images).expect("it is written");
    }
}
