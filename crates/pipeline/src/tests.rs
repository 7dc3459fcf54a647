use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::Slot;
use fingerprint::classifier::{Model, TrainingOptions};
use fingerprint::{Client, ClientSet, FeatureSet};
use serde_json::{Value, json};
use store::{OpenMode, Store};

use crate::plot::{Confusion, Images, PlotOptions};
use crate::plot_data;
use crate::progress::Silent;
use crate::test_data;
use crate::{
    BuildOptions, EvaluateOptions, Evidence, Explain, KnownBlocks, ModelByRange, RangeError, SearchPlan,
    TrainOptions, TrainingStoreError, WantedFeatures, classify, db_build, evaluate, features,
    read_training_set, train, write_training_set,
};

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The generated training blocks as a directory, and the others as two raw files.
    fn generated(&self) -> Option<()> {
        let blocks = test_data::synthetic_blocks()?;
        let mut tests = Vec::new();
        for client in Client::ALL {
            fs::create_dir_all(self.path("training").join(client.name())).expect("a folder");
        }
        for (role, label, block) in blocks {
            match (role.as_str(), label) {
                ("train", Some(label)) => {
                    let root = block["block_root"].as_str().expect("a root");
                    let path = self.path("training").join(label.name()).join(format!("{root}.json"));
                    fs::write(path, block.to_string()).expect("a block");
                }
                ("test", _) => tests.push(block),
                _ => {}
            }
        }
        fs::create_dir_all(self.path("raw")).expect("a folder");
        let (first, second) = tests.split_at(tests.len() / 2);
        fs::write(self.path("raw/slot_0_to_11.json"), Value::from(first).to_string()).expect("a file");
        fs::write(self.path("raw/slot_12_to_23.json"), Value::from(second).to_string()).expect("a file");
        Some(())
    }

    fn raw(&self) -> source::Place {
        self.path("raw").into()
    }

    fn model(&self) -> PathBuf {
        let path = self.path("model.bmm");
        train(&self.path("training"), &path, TrainOptions::default(), &Silent).expect("it trains");
        path
    }

    fn models(&self) -> ModelByRange {
        ModelByRange::open(&self.model(), &TrainingOptions::default(), &Silent).expect("a model").0
    }
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

#[test]
fn a_model_is_the_same_for_any_number_of_threads_and_either_form_of_its_data() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let set = read_training_set(&place.path("training"), WantedFeatures::Present, &Silent).expect("it loads");
    assert_eq!((set.set.len(), set.bad.len()), (78, 0));
    assert_eq!(set.set.features, FeatureSet::everything());
    write_training_set(&place.path("set.parquet"), &set.set, &set.origin).expect("it is written");
    let mut models = Vec::new();
    for data in ["training", "set.parquet"] {
        for threads in [1, 4] {
            let path = place.path(&format!("{data}-{threads}.bmm"));
            let options = TrainOptions { folds: Some(5), ..TrainOptions::default() };
            let report = in_pool(threads, || train(&place.path(data), &path, options, &Silent));
            assert_eq!(report.expect("it trains").info.rows, 65, "Lodestar is told by graffiti");
            models.push(fs::read(path).expect("the model"));
        }
    }
    assert!(models.windows(2).all(|pair| pair[0] == pair[1]), "the models differ");
}

#[test]
fn verdicts_are_those_recorded_of_the_original() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let Some(path) = test_data::path("blockprint/synthetic_expected_knn.json") else { return };
    let expected: Value = serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON");
    let mut verdicts = Vec::new();
    let take = |verdict: crate::BlockVerdict| {
        verdicts.push(serde_json::to_value(&verdict).map_err(std::io::Error::other)?);
        Ok(())
    };
    let report = classify(&place.raw(), &place.models(), Explain::No, take, &Silent).expect("it classifies");
    assert_eq!((report.blocks, report.bad.len()), (24, 0));
    assert_eq!(report.single.total(), 24);
    for verdict in &verdicts {
        let root = verdict["block_root"].as_str().expect("a root");
        let recorded = &expected["default"]["blocks"][root];
        assert_eq!(verdict["best_guess_single"], recorded["best_guess_single"], "{root}");
        assert_eq!(verdict["best_guess_multi"], recorded["best_guess_multi"], "{root}");
        for (client, probability) in recorded["probability_map"].as_object().expect("a map") {
            let found = verdict["probability_map"][client].as_f64().expect("a probability");
            assert!((found - probability.as_f64().expect("a number")).abs() < 1e-9, "{root} {client}");
        }
        let keys: Vec<&str> = verdict.as_object().expect("an object").keys().map(String::as_str).collect();
        for key in ["slot", "best_guess_multi", "probability_map", "graffiti_guess", "proposer_index"] {
            assert!(keys.contains(&key), "{key} is missing");
        }
    }
}

#[test]
fn bad_inputs_are_collected_and_good_ones_kept() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    fs::write(place.path("raw/cut.json"), "[{\"block_root\": ").expect("a file");
    let mut rows = 0;
    let take = |_| {
        rows += 1;
        Ok(())
    };
    let report = features(&place.raw(), &FeatureSet::all24(), take, &Silent).expect("it computes");
    assert_eq!((report.rows, report.bad.len(), rows), (24, 1, 24));
    let report =
        classify(&place.raw(), &place.models(), Explain::Yes, |_| Ok(()), &Silent).expect("it classifies");
    assert_eq!((report.blocks, report.bad.len()), (24, 1));
    assert!(report.bad[0].to_string().contains("cut.json"));
    fs::write(place.path("training/Teku/0x00.json"), "{}").expect("a file");
    let loaded =
        read_training_set(&place.path("training"), WantedFeatures::Present, &Silent).expect("it loads");
    assert_eq!((loaded.set.len(), loaded.bad.len()), (78, 1));
}

#[test]
fn a_feature_row_is_one_line_of_json() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let mut first = None;
    let set = FeatureSet::parse("num_attestations,percent_redundant").expect("features");
    let take = |row: crate::FeatureRow| {
        first.get_or_insert(serde_json::to_value(&row).map_err(std::io::Error::other)?);
        Ok(())
    };
    features(&place.raw(), &set, take, &Silent).expect("it computes");
    let row = first.expect("a row");
    assert!(row["features"]["num_attestations"].is_u64() && row["features"]["percent_redundant"].is_number());
    assert!(row["block_root"].is_string() && row["slot"].is_u64());
}

#[test]
fn folders_that_are_no_client_and_things_that_are_no_set_are_refused() {
    let place = Place::new();
    fs::create_dir_all(place.path("set/Erigon")).expect("a folder");
    let error = read_training_set(&place.path("set"), WantedFeatures::Present, &Silent).expect_err("Erigon");
    assert!(matches!(error, TrainingStoreError::UnknownFolder { .. }), "{error}");
    assert!(error.to_string().contains("Grandine, Lighthouse, Lodestar, Nimbus, Other, Prysm or Teku"));
    fs::create_dir_all(place.path("empty/Teku")).expect("a folder");
    let error =
        read_training_set(&place.path("empty"), WantedFeatures::Present, &Silent).expect_err("no block");
    assert!(matches!(error, TrainingStoreError::Empty { .. }), "{error}");
    let error =
        read_training_set(&place.path("nowhere"), WantedFeatures::Present, &Silent).expect_err("nothing");
    assert!(matches!(error, TrainingStoreError::Io { .. }), "{error}");
}

#[test]
fn an_evaluation_writes_a_report_and_a_search_finds_the_best() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let options = EvaluateOptions {
        report: Some(place.path("report")),
        images: Images::Svg,
        ..EvaluateOptions::default()
    };
    let report = evaluate(&place.path("training"), options, &Silent).expect("it evaluates");
    assert_eq!(report.fold_scores.len(), 5);
    assert_eq!(report.confusion.total(), 65);
    assert!(report.clients.iter().all(|client| client.recall.is_some()));
    let json = fs::read_to_string(place.path("report/evaluation.json")).expect("the report");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["rows"], json!(78));
    let fared = &json["probabilities"];
    assert_eq!(fared["blocks"], json!(65));
    for (list, count) in [("calibration", "blocks"), ("parts", "blocks"), ("abstention", "named")] {
        let first = &fared[list][0];
        assert!(first[count].as_u64().is_some_and(|count| count > 0), "{list}: {fared}");
        assert!(first["accuracy"].is_f64() && first["interval"][1].is_f64(), "{list}: {first}");
    }
    assert!(fared["log_loss"].is_f64() && fared["brier"].is_f64() && fared["calibration_error"].is_f64());
    for picture in ["confusion", "accuracy", "reliability"] {
        let svg = fs::read_to_string(place.path(&format!("report/{picture}.svg"))).expect(picture);
        assert!(svg.contains("<title>") && svg.contains("<desc>"), "{svg}");
    }
    assert!(place.path("report/features/pair_grid.svg").exists());

    let search = Some(SearchPlan { features: Some(2), group_size: 0 });
    let found = evaluate(&place.path("training"), EvaluateOptions { search, ..Default::default() }, &Silent)
        .expect("it searches");
    assert_eq!(found.probabilities.blocks, found.confusion.total());
    let tried = found.search.expect("attempts");
    assert_eq!(tried.len(), 105);
    assert!(tried.windows(2).all(|pair| pair[0].lowest >= pair[1].lowest));
    assert!((found.lowest - tried[0].lowest).abs() < 1e-12);
    assert_eq!(found.features, tried[0].features);
}

#[test]
fn a_plot_of_a_training_set_has_its_confusion_matrix() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let features = Some(FeatureSet::default_four());
    let options = PlotOptions { features, images: Images::Svg, ..PlotOptions::default() };
    let draw = |folds: usize, name: &str| {
        let confusion = Confusion::CrossValidate { training: Box::default(), folds };
        plot_data(&place.path("training"), &place.path(name), &options, &confusion, &Silent)
            .expect("it draws")
            .0
    };
    assert_eq!(draw(5, "plots").files.len(), 6 + 1 + 2);
    assert!(place.path("plots/confusion.svg").exists());
    let report = draw(50, "fewer");
    assert_eq!((report.files.len(), report.notes.len()), (7, 1), "50 folds of 13 blocks cannot be");
}

#[test]
fn models_are_chosen_by_slot() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let model = place.model();
    let ranges = place.path("ranges");
    fs::create_dir(&ranges).expect("a folder");
    fs::copy(&model, ranges.join("slots_100_to_199.bmm")).expect("a model");
    copy_folder(&place.path("training"), &ranges.join("slots_300_to_399"));
    let options =
        TrainingOptions { disabled: ClientSet::EMPTY.with(Client::Teku), ..TrainingOptions::default() };
    let (models, bad) = ModelByRange::open(&ranges, &options, &Silent).expect("models");
    assert!(bad.is_empty());
    let knows_teku = |slot: u64| {
        models.for_slot(Slot(slot)).map(|model: &Model| model.enabled_clients().contains(&Client::Teku)).ok()
    };
    let found: Vec<_> = [99, 100, 199, 200, 299, 300, 400, 1_000_000].map(knows_teku).into();
    assert_eq!(found, [None, Some(true), Some(true), None, None, Some(false), Some(false), Some(false)]);
    fs::copy(&model, ranges.join("slots_150_to_350.bmm")).expect("a model");
    assert!(matches!(ModelByRange::open(&ranges, &options, &Silent), Err(RangeError::Overlap { .. })));
    let none = ModelByRange::open(&place.path("raw"), &options, &Silent);
    assert!(matches!(none, Err(RangeError::Empty { .. })));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn building_a_database_twice_changes_nothing_and_bad_blocks_are_listed() {
    let place = Place::new();
    let Some(()) = place.generated() else { return };
    let models = Arc::new(place.models());
    let first = fs::read_to_string(place.path("raw/slot_0_to_11.json")).expect("a file");
    fs::write(place.path("raw/bad.json"), format!("{},{{}}]", &first[..first.len() - 1])).expect("a file");
    let store = Store::open(place.path("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let options = BuildOptions::default();
    let report =
        db_build(&place.raw(), &store, Arc::clone(&models), options, &Silent).await.expect("it builds");
    assert_eq!(
        (report.inserted, report.unchanged, report.bad.len()),
        (24, 12, 1),
        "bad.json repeats 12 blocks"
    );
    assert_eq!(store.block_count().await.expect("a count"), 24);
    assert_eq!(store.models().await.expect("models").len(), 1);
    for known in [KnownBlocks::Update, KnownBlocks::Keep] {
        let options = BuildOptions { known, evidence: Evidence::Store };
        let again =
            db_build(&place.raw(), &store, Arc::clone(&models), options, &Silent).await.expect("it builds");
        assert_eq!((again.inserted, again.updated, again.unchanged), (0, 0, 36));
    }
    store.close().await.expect("it closes");
}
