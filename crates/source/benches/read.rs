//! How long one block reward takes from JSON text to observation, on one core.
//!
//! Reads the real blocks of the conformance data (`BLOCKMARK_DATA`, or `../shared/data` beside the workspace).

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use source::{Limits, RewardReader, parse_block_reward};

const ROUNDS: u32 = 400;

fn main() {
    let data = std::env::var_os("BLOCKMARK_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let mut texts = Vec::new();
    for client in ["Lighthouse", "Nimbus", "Prysm", "Teku"] {
        let Ok(files) = std::fs::read_dir(data.join("blockprint/data_proc").join(client)) else { continue };
        texts.extend(files.flatten().filter_map(|file| std::fs::read(file.path()).ok()));
    }
    if texts.is_empty() {
        println!("skipped: no conformance data");
        return;
    }
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let mean = bytes as f64 / texts.len() as f64;
    println!("{} files, {:.1} kB each", texts.len(), mean / 1000.0);

    measure("parse_block_reward", texts.len(), mean, || {
        for text in &texts {
            black_box(parse_block_reward(black_box(text)).is_ok());
        }
    });
    let array = [b"[".to_vec(), texts.join(&b","[..]), b"]".to_vec()].concat();
    measure("RewardReader, one array", texts.len(), mean, || {
        let count = RewardReader::new(array.as_slice(), Limits::default()).flatten().count();
        assert_eq!(count, texts.len());
    });
    measure("RewardReader, a file each", texts.len(), mean, || {
        for text in &texts {
            black_box(RewardReader::new(text.as_slice(), Limits::default()).flatten().count());
        }
    });
    measure("serde_json::Value, for comparison", texts.len(), mean, || {
        for text in texts.iter() {
            black_box(serde_json::from_slice::<serde_json::Value>(black_box(text)).is_ok());
        }
    });
}

fn measure(name: &str, blocks: usize, bytes: f64, work: impl Fn()) {
    work();
    let mut best = f64::MAX;
    let mut sum = 0.0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work();
        let seconds = start.elapsed().as_secs_f64() / blocks as f64;
        best = best.min(seconds);
        sum += seconds;
    }
    let mean = sum / f64::from(ROUNDS);
    println!(
        "{name:36} mean {:.4} ms  best {:.4} ms  {:.2} GB/s",
        mean * 1e3,
        best * 1e3,
        bytes / best / 1e9
    );
}
