//! Any bytes as a Parquet training set.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use blockmark_fuzz::frame::{ParquetFrame, mutate};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use pipeline::{Silent, WantedFeatures, read_training_set, training_set_info};
use tempfile::NamedTempFile;

/// A root is 32 bytes that stand in the file as they are.
const ROOT_BYTES: usize = 32;

static FILE: LazyLock<NamedTempFile> = LazyLock::new(|| NamedTempFile::new().expect("a temporary file"));

fuzz_target!(init: expect_panics_of_the_decoder(), |data: &[u8]| {
    let path = FILE.path();
    std::fs::write(path, data).expect("the temporary file");
    open(path, data.len());
});

fn open(path: &Path, length: usize) {
    let info = training_set_info(path);
    let Ok(loaded) = read_training_set(path, WantedFeatures::Present, &Silent) else { return };
    let (set, info) = (loaded.set, info.expect("what was read says what it is"));
    assert_eq!(set.len(), info.rows);
    assert!(set.len() * ROOT_BYTES <= length, "{} rows from {length} bytes", set.len());
    assert_eq!(set.block_roots.len(), set.labels.len());
    assert!(set.columns().iter().flatten().all(|value| value.is_finite()));
}

/// The decoder may panic on damage, which our reader catches. A panic of our own code ends the run.
fn expect_panics_of_the_decoder() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |location| location.file());
        if !file.contains("/parquet-") && !file.contains("/bytes-") {
            abort(info);
        }
    }));
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::<ParquetFrame>(data, size, max_size, seed)
});
