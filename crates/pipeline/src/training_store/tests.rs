use std::fs;
use std::path::Path;

use consensus::Root;
use fingerprint::Client;

use super::columns::{Columns, NamedColumn, Provenance, WordColumn};
use super::error::TrainingStoreError;
use super::parquet_file::{self, Notes};

fn sample(rows: usize) -> Columns {
    let number = |row: usize| u8::try_from(row % 251).expect("below 251");
    let mut generation = WordColumn::default();
    (0..rows).for_each(|row| generation.push(if row % 3 == 0 { "1.3" } else { "unknown" }));
    Columns {
        block_roots: (0..rows).map(|row| Root([number(row); 32])).collect(),
        slots: (0..rows).map(|row| 1_000_000 + row as u64).collect(),
        labels: (0..rows).map(|row| Client::ALL[row * 7 / rows.max(1)]).collect(),
        provenance: Provenance { client_generation: generation, ..Provenance::unknown(rows) },
        features: vec![
            NamedColumn {
                name: "few".into(),
                values: (0..rows).map(|row| f64::from(number(row)) / 4.0).collect(),
            },
            NamedColumn { name: "many".into(), values: (0..rows).map(|row| (row as f64).sqrt()).collect() },
        ],
    }
}

fn store(path: &Path, columns: &Columns) {
    let file = fs::File::create(path).expect("a file");
    parquet_file::write(file, columns, super::FEATURE_SET_VERSION, &fingerprint::DataOrigin::GENERATED)
        .expect("it is written");
}

fn load(path: &Path) -> Result<Columns, TrainingStoreError> {
    parquet_file::read(path, None, Notes::Read).map(|(_, columns)| columns)
}

#[test]
fn columns_come_back_as_they_were_over_several_row_groups() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    for rows in [0, 1, 1000, 300_000] {
        let columns = sample(rows);
        store(&path, &columns);
        let back = load(&path).expect("it reads back");
        assert_eq!(back.block_roots, columns.block_roots);
        assert_eq!(back.slots, columns.slots);
        assert_eq!(back.labels, columns.labels);
        assert_eq!(back.features, columns.features);
        let generation = |columns: &Columns, row| columns.provenance.client_generation.get(row).to_owned();
        assert!((0..rows).all(|row| generation(&back, row) == generation(&columns, row)));
    }
}

#[test]
fn one_column_can_be_read_alone_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    store(&path, &sample(10));
    let only = ["many".to_owned()];
    let (info, columns) = parquet_file::read(&path, Some(&only), Notes::Skip).expect("it reads");
    assert_eq!(info.features, ["few", "many"]);
    assert_eq!(columns.features.len(), 1);
    let absent = ["difflib_slot".to_owned()];
    let error = parquet_file::read(&path, Some(&absent), Notes::Skip).expect_err("it is absent");
    assert!(
        error.to_string().contains("has no column \"difflib_slot\"; it has: block_root, slot"),
        "{error}"
    );
}

#[test]
fn a_missing_value_costs_its_row_only_where_it_is_needed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    let names = ["difflib_slot", "reward"];
    let mut columns = sample(600);
    for (column, name) in columns.features.iter_mut().zip(names) {
        column.name = name.to_owned();
    }
    for row in (0..600).step_by(3) {
        columns.features[1].values[row] = f64::NAN;
    }
    columns.block_roots = (0..600u16)
        .map(|row| Root([[row.to_be_bytes(); 16]].concat().concat().try_into().expect("32 bytes")))
        .collect();
    columns.canonicalise();
    store(&path, &columns);
    let (info, back) = parquet_file::read(&path, None, Notes::Skip).expect("it reads");
    assert_eq!(info.incomplete, ["reward"]);
    let bits = |columns: &Columns| -> Vec<u64> {
        columns.features.iter().flat_map(|column| column.values.iter().map(|value| value.to_bits())).collect()
    };
    assert_eq!(bits(&back), bits(&columns));
    let load = |wanted| super::read_training_set(&path, wanted, &crate::Silent).expect("it loads");
    let slot = fingerprint::FeatureSet::from_names(["difflib_slot"]).expect("a feature");
    let both = fingerprint::FeatureSet::from_names(names).expect("features");
    let one = load(super::WantedFeatures::Only(&slot));
    assert_eq!((one.set.len(), one.incomplete_rows), (600, 0));
    let two = load(super::WantedFeatures::Only(&both));
    assert_eq!((two.set.len(), two.incomplete_rows), (400, 200));
    let kept: Vec<f64> = columns.features[1].values.iter().copied().filter(|value| !value.is_nan()).collect();
    assert_eq!(two.set.column("reward"), Some(&kept[..]));
    assert_eq!(load(super::WantedFeatures::Present).set.features, slot);
}

#[test]
fn a_value_that_is_not_finite_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    for missing in [None, Some(4)] {
        let mut columns = sample(5);
        columns.features[1].values[3] = f64::INFINITY;
        if let Some(row) = missing {
            columns.features[1].values[row] = f64::NAN;
        }
        store(&path, &columns);
        assert!(matches!(load(&path), Err(TrainingStoreError::NotFinite { row: 3, .. })));
    }
}

#[test]
fn foreign_and_cut_files_get_a_sentence() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    fs::write(&path, b"PAR1 but not really").expect("a file");
    assert!(matches!(load(&path), Err(TrainingStoreError::Parquet { .. })));
    store(&path, &sample(1000));
    let whole = fs::read(&path).expect("the file");
    for keep in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..keep]).expect("a cut file");
        let error = load(&path).expect_err("a cut file");
        assert!(matches!(error, TrainingStoreError::Parquet { .. }), "{keep}: {error}");
    }
}

#[test]
fn no_damaged_byte_passes_for_data_or_stops_the_program() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    let columns = sample(300);
    store(&path, &columns);
    let whole = fs::read(&path).expect("the file");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).expect("a damaged file");
        match load(&path) {
            Err(_) => refused += 1,
            // Statistics, the program's name and notes are not covered by a digest; the data are.
            Ok(back) => {
                assert_eq!(back.block_roots, columns.block_roots, "byte {at}");
                assert_eq!(back.slots, columns.slots, "byte {at}");
                assert_eq!(back.labels, columns.labels, "byte {at}");
            }
        }
    }
    assert!(refused > 100, "only {refused} damaged files were refused");
}

#[test]
fn more_rows_than_a_file_of_its_size_holds_are_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("set.parquet");
    store(&path, &sample(1000));
    let whole = fs::read(&path).expect("the file");
    // The number of rows, as the footer and its only row group state it: 1000, then 8168.
    let thousand = [0xd0, 0x0f];
    let mut changed = whole.clone();
    for at in (whole.len() - 8_000..whole.len() - 1).filter(|&at| whole[at..at + 2] == thousand) {
        changed[at..at + 2].copy_from_slice(&[0xd0, 0x7f]);
    }
    fs::write(&path, &changed).expect("a changed file");
    let error = load(&path).expect_err("too many rows").to_string();
    assert!(error.contains("states more rows than a file of its size holds"), "{error}");
}

#[test]
fn rows_are_put_in_order_and_repeated_roots_go() {
    let mut columns = sample(7);
    columns.append(sample(7));
    columns.labels.reverse();
    let repeated = columns.canonicalise();
    assert_eq!(columns.len() + repeated, 14);
    assert!(columns.labels.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(columns.canonicalise(), 0);
}

/// A file of a training directory, of a block that builds on the slot `distance` before it.
fn put_block(dir: &Path, client: &str, slot: u64, distance: u64) {
    let root = Root([u8::try_from(slot).expect("a small slot"); 32]);
    let block = serde_json::json!({
        "total": 12,
        "block_root": root.to_string(),
        "meta": {
            "slot": slot.to_string(), "parent_slot": (slot - distance).to_string(),
            "proposer_index": 3, "graffiti": ""
        },
        "attestation_rewards": {
            "total": 10, "prev_epoch_total": 0, "curr_epoch_total": 10,
            "per_attestation_rewards": [{ "7": 6, "9": 4 }]
        },
        "sync_committee_rewards": 2
    });
    fs::create_dir_all(dir.join(client)).expect("a folder");
    fs::write(dir.join(client).join(format!("{root}.json")), block.to_string()).expect("a file");
}

#[test]
fn blocks_of_a_directory_that_lack_what_tests_are_divided_by_are_trained_and_tested_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    put_block(dir.path(), "Prysm", 9, 1);
    put_block(dir.path(), "Teku", 10, 1);
    let load = |wanted| super::read_training_set(dir.path(), wanted, &crate::Silent).expect("it loads");
    let features = fingerprint::FeatureSet::from_names(["reward", "norm_reward"]).expect("features");
    let divided = load(super::WantedFeatures::Tested(&features));
    assert!(divided.set.column("norm_reward_per_slot").is_some());
    // One whose parent is not before it has no reward per slot.
    put_block(dir.path(), "Teku", 11, 0);
    let trained = load(super::WantedFeatures::Only(&features));
    let tested = load(super::WantedFeatures::Tested(&features));
    assert_eq!((trained.set.len(), trained.bad.len()), (3, 0));
    assert_eq!((tested.set.len(), tested.bad.len()), (3, 0));
    assert_eq!(tested.set.block_roots, trained.set.block_roots);
    assert_eq!(tested.set.column("reward"), trained.set.column("reward"));
    assert_eq!(tested.set.column("norm_reward_per_slot"), None);
    // Nobody trains on what a block lacks.
    let lacking = fingerprint::FeatureSet::from_names(["norm_reward_per_slot"]).expect("a feature");
    let tested = load(super::WantedFeatures::Tested(&lacking));
    assert_eq!((tested.set.len(), tested.bad.len()), (2, 1));
}
