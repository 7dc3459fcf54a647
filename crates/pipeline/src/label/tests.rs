use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fingerprint::graffiti::{GraffitiRules, RuleSet};
use fingerprint::{Client, ClientSet};

use super::{LabelError, LabelFormat, LabelOptions, label, partial_path};
use crate::progress::Silent;
use crate::test_data;
use crate::training_store::{WantedFeatures, read_training_set};

fn options(format: LabelFormat) -> LabelOptions {
    LabelOptions {
        disabled: ClientSet::EMPTY.with(Client::Lodestar),
        rules: GraffitiRules::built_in(RuleSet::Blockprint),
        network: Some("mainnet".into()),
        format,
    }
}

/// The real blocks in arrays of four, as raw files.
fn raw_files(directory: &Path, blocks: &[(Client, String, String)]) {
    fs::create_dir_all(directory).expect("a directory");
    for (position, part) in blocks.chunks(4).enumerate() {
        let texts: Vec<&str> = part.iter().map(|(.., text)| text.as_str()).collect();
        let name = format!("slot_{}_to_{}.json", position * 4, position * 4 + 3);
        fs::write(directory.join(name), format!("[{}]", texts.join(","))).expect("a raw file");
    }
}

#[test]
fn the_real_blocks_get_the_labels_of_the_original() {
    let Some(blocks) = test_data::real_blocks() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let raw = dir.path().join("raw");
    fs::create_dir(&raw).expect("a directory");
    let texts: Vec<&str> = blocks.iter().map(|(.., text)| text.as_str()).collect();
    fs::write(raw.join("slot_1000000_to_1000256.json"), format!("[{}]", texts.join(",")))
        .expect("a raw file");
    let out = dir.path().join("proc");
    let report = label(&raw, &out, &options(LabelFormat::Directory), &Silent).expect("it labels");
    assert_eq!((report.blocks, report.unlabelled, report.bad.len()), (15, 0, 0));
    let mut written = BTreeSet::new();
    for client in Client::ALL {
        let Ok(files) = fs::read_dir(out.join(client.name())) else {
            assert!(blocks.iter().all(|(labelled, ..)| *labelled != client), "no folder for {client}");
            continue;
        };
        for file in files {
            written.insert((client, file.expect("a file").file_name().into_string().expect("a name")));
        }
    }
    let expected: BTreeSet<_> = blocks.iter().map(|(client, name, _)| (*client, name.clone())).collect();
    assert_eq!(written, expected);
    assert!(!partial_path(&out).exists());
    fs::write(out.join("Teku/0x00.json"), "{}").expect("a file");
    let again = label(&raw, &out, &options(LabelFormat::Directory), &Silent).expect("it labels");
    assert_eq!((report.leftovers, again.leftovers), (0, 1));
    for (client, name, text) in &blocks {
        assert_eq!(&fs::read_to_string(out.join(client.name()).join(name)).expect("a file"), text.trim());
    }
}

#[test]
fn parquet_holds_what_the_directory_holds() {
    let Some(blocks) = test_data::real_blocks() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let raw = dir.path().join("raw");
    raw_files(&raw, &blocks);
    let parquet = dir.path().join("set.parquet");
    let report = label(&raw, &parquet, &options(LabelFormat::Parquet), &Silent).expect("it labels");
    assert_eq!(report.labelled[Client::Teku.index()], (Client::Teku, 7));
    // Old blocks came without votes: the column is there, and empty.
    assert_eq!(report.values_missing, [("spearman_correlation_lodestar".to_owned(), 15)]);
    let directory = dir.path().join("proc");
    label(&raw, &directory, &options(LabelFormat::Directory), &Silent).expect("it labels");
    let load = |path: &Path| read_training_set(path, WantedFeatures::Present, &Silent).expect("it loads").set;
    assert_eq!(load(&parquet), load(&directory));
    assert_eq!(load(&parquet).len(), 15);
}

#[test]
fn the_file_is_the_same_for_any_number_of_threads_and_after_an_interruption() {
    let Some(blocks) = test_data::real_blocks() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let raw = dir.path().join("raw");
    raw_files(&raw, &blocks);
    let run = |name: &str, threads: usize| {
        let out = dir.path().join(name);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| label(&raw, &out, &options(LabelFormat::Parquet), &Silent)).expect("it labels");
        fs::read(out).expect("the file")
    };
    let first = run("one.parquet", 1);
    assert!(first == run("four.parquet", 4), "thread counts change the file");

    // The state that an interruption leaves: shards of some files, one of them without its tally.
    let out = dir.path().join("again.parquet");
    let partial = partial_path(&out);
    fs::create_dir_all(&partial).expect("a directory");
    let finished =
        super::Shard::of(&raw, &raw.join("slot_0_to_3.json"), &partial, &options(LabelFormat::Parquet));
    finished.make(&out, &options(LabelFormat::Parquet)).expect("a shard");
    let half =
        super::Shard::of(&raw, &raw.join("slot_4_to_7.json"), &partial, &options(LabelFormat::Parquet));
    fs::write(half.rows_path(), b"PAR1").expect("half a shard");
    let report = label(&raw, &out, &options(LabelFormat::Parquet), &Silent).expect("it labels");
    assert_eq!((report.files, report.files_reused), (4, 1));
    assert!(first == fs::read(&out).expect("the file"), "an interruption changes the file");
}

#[test]
fn bad_files_and_blocks_are_listed_and_repeated_ones_counted() {
    let Some(blocks) = test_data::real_blocks() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let raw = dir.path().join("raw");
    raw_files(&raw, &blocks);
    let (_, _, one) = &blocks[0];
    fs::write(raw.join("cut.json"), &one[..one.len() / 2]).expect("a cut file");
    fs::write(raw.join("mixed.json"), format!("[{one}, {{\"block_root\": 7}}]")).expect("a mixed file");
    fs::write(raw.join("unsigned.json"), one.replace("Lighthouse", "nobody")).expect("an unsigned block");
    fs::write(raw.join("early.json"), one.replace("\"1000087\"", "\"1000088\""))
        .expect("a block before its parent");
    for format in [LabelFormat::Parquet, LabelFormat::Directory] {
        let out = dir.path().join(if format == LabelFormat::Parquet { "set.parquet" } else { "proc" });
        let report = label(&raw, &out, &options(format), &Silent).expect("it labels");
        let labelled: u64 = report.labelled.iter().map(|(_, count)| count).sum();
        assert_eq!((report.files, labelled, report.unlabelled), (8, 15, 1));
        let bad: Vec<&str> = report.bad.iter().filter_map(|bad| bad.path.rsplit('/').next()).collect();
        match format {
            LabelFormat::Parquet => assert_eq!(bad, ["cut.json", "early.json", "mixed.json"]),
            LabelFormat::Directory => assert_eq!(bad, ["cut.json", "mixed.json"]),
        }
        assert!(report.repeated >= 1);
    }
}

#[test]
fn nothing_to_label_is_an_error_with_a_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let empty = label(dir.path(), &dir.path().join("x.parquet"), &options(LabelFormat::Parquet), &Silent);
    assert!(empty.is_err());
    fs::write(dir.path().join("a.json"), "[]").expect("a file");
    let nothing = label(dir.path(), &dir.path().join("x.parquet"), &options(LabelFormat::Parquet), &Silent);
    assert!(matches!(nothing, Err(LabelError::NothingLabelled { blocks: 0, .. })), "{nothing:?}");
}

#[test]
fn an_output_among_the_raw_files_is_not_read_as_raw() {
    let Some(blocks) = test_data::real_blocks() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let raw = dir.path().join("raw");
    raw_files(&raw, &blocks);
    for _ in 0..2 {
        let report =
            label(&raw, &raw.join("labelled"), &options(LabelFormat::Directory), &Silent).expect("it labels");
        assert_eq!((report.files, report.blocks, report.repeated), (4, 15, 0));
    }
    let partial = partial_path(&raw.join("set.parquet"));
    fs::create_dir(&partial).expect("a directory");
    fs::write(partial.join("0123.json"), "{\"blocks\": 1}").expect("a tally");
    let only = raw.join("labelled");
    fs::remove_dir_all(only).expect("it goes");
    let report =
        label(&raw, &raw.join("set.parquet"), &options(LabelFormat::Parquet), &Silent).expect("it labels");
    assert_eq!((report.files, report.bad.len()), (4, 0));
}
