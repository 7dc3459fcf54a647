//! How long a training set of six million blocks with 24 features takes to open.
//!
//! `cargo bench -p pipeline --bench training_store [ROWS]`

use std::time::Instant;

use consensus::{Root, Slot};
use fingerprint::{Client, FeatureSet, TrainingSet};
use pipeline::training_store::{WantedFeatures, read_training_set, write_training_set};
use pipeline::{Progress, Silent};

/// A generator of numbers that look random (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let number = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    fn below(&mut self, limit: u64) -> f64 {
        (self.next() % limit) as f64
    }
}

/// Rows like real ones: counts, ratios of small counts, and rewards with millions of values.
fn generated(rows: usize) -> TrainingSet {
    let features = FeatureSet::all24();
    let mut numbers = Numbers(1);
    let columns = features
        .names()
        .map(|name| {
            (0..rows)
                .map(|_| match name {
                    "num_attestations" | "num_redundant" | "num_pairwise_ordered" | "num_single_bit" => {
                        numbers.below(128)
                    }
                    "median_density" | "mean_density" => numbers.below(400) / 64.0,
                    "spearman_correlation" => numbers.below(1 << 40) / (1u64 << 40) as f64,
                    "reward" => 30_000_000.0 + numbers.below(20_000_000),
                    "norm_reward" | "norm_reward_per_slot" | "reward_per_attestation" => {
                        (30_000_000.0 + numbers.below(20_000_000)) / 30_000_000.0
                    }
                    _ => numbers.below(120) / (1.0 + numbers.below(128)),
                })
                .collect()
        })
        .collect();
    let labels = (0..rows).map(|row| Client::ALL[row * Client::ALL.len() / rows]).collect();
    let slots = (0..rows).map(|row| Slot(4_700_000 + row as u64)).collect();
    let block_roots = (0..rows)
        .map(|row| {
            let mut root = [0; 32];
            root[..8].copy_from_slice(&(row as u64).to_be_bytes());
            root[8..]
                .chunks_exact_mut(8)
                .for_each(|part| part.copy_from_slice(&numbers.next().to_le_bytes()));
            Root(root)
        })
        .collect();
    TrainingSet::from_columns(features, columns, labels, slots, block_roots).expect("a training set")
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(6_000_000);
    let folder = std::env::temp_dir().join(format!("blockmark-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary directory");
    let path = folder.join("set.parquet");
    let listener: &dyn Progress = &Silent;

    let set = generated(rows);
    let begin = Instant::now();
    write_training_set(&path, &set, &fingerprint::DataOrigin::GENERATED).expect("it is written");
    println!("write {rows} rows x {}: {:.2} s", set.features.len(), begin.elapsed().as_secs_f64());
    let bytes = std::fs::metadata(&path).expect("its size").len();
    println!("on disk: {:.0} MB", bytes as f64 / 1e6);
    drop(set);
    for _ in 0..3 {
        let begin = Instant::now();
        let loaded = read_training_set(&path, WantedFeatures::Present, listener).expect("it loads");
        println!("open with 24 features: {:.2} s ({} rows)", begin.elapsed().as_secs_f64(), loaded.set.len());
        drop(loaded);
        let begin = Instant::now();
        let four = FeatureSet::default_four();
        let loaded = read_training_set(&path, WantedFeatures::Only(&four), listener).expect("it loads");
        println!("open with 4 features:  {:.2} s ({} rows)", begin.elapsed().as_secs_f64(), loaded.set.len());
    }
    std::fs::remove_dir_all(&folder).expect("the temporary directory goes");
}
