//! `blockmark bench`: the published measurements, on this machine.

mod follow;
mod memory;
mod replay;
mod scaling;
mod serve;
mod verdicts;

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use consensus::{Root, Slot};
use fingerprint::classifier::{Model, TrainingOptions};
use fingerprint::{FeatureScratch, FeatureSet, TrainingSet};
use pipeline::Silent;
use pipeline::training_store::{WantedFeatures, read_training_set, write_training_set};
use serde_json::json;
use simulate::RewardPlan;

use super::{Context, runtime};
use crate::cli::BenchArgs;
use crate::failure::{Outcome, usage};
use crate::output::say;

/// Names, in the order they run.
const NAMES: [&str; 8] = ["features", "open", "knn", "store", "serve", "replay", "follow", "scaling"];

/// Runs one measurement, or all.
pub(crate) fn run(context: &Context, args: &BenchArgs) -> Result<Outcome> {
    if let Some(name) = &args.name
        && !NAMES.contains(&name.as_str())
    {
        return Err(usage(
            format!("there is no measurement \"{name}\"; there are {}", NAMES.join(", ")),
            "blockmark bench features",
        ));
    }
    let wanted = |name: &str| args.name.as_deref().is_none_or(|asked| asked == name);
    let unwritten = RefCell::new(None);
    let print = |name: &str, unit: &str, value: f64, input: &str| {
        let told = if context.global.json {
            say::result_line(json!({ "name": name, "unit": unit, "value": value, "input": input }))
        } else {
            say::result_line(format_args!("{name:<34}{value:>14.4} {unit:<9} {input}"))
        };
        if let Err(error) = told {
            unwritten.replace(Some(error));
        }
    };
    say::note(format_args!("{}, blockmark {}", machine(), env!("CARGO_PKG_VERSION")));
    let rows = usize::try_from(args.rows)?;
    if wanted("features") {
        features(args, &print)?;
    }
    if wanted("open") || wanted("knn") {
        let folder = Scratch::new("bench")?;
        let set = generated_rows(rows)?;
        if wanted("open") {
            opening(&folder, &set, &print)?;
        }
        if wanted("knn") {
            neighbours(&set, &print)?;
        }
    }
    if wanted("store") || wanted("serve") {
        let folder = Scratch::new("bench-store")?;
        let url = match &args.database {
            Some(given) => super::db::url(given)?,
            None => folder.0.join("bench.sqlite").into(),
        };
        let runtime = runtime()?;
        let store = runtime.block_on(verdicts::filled(&url, args.rows, &print))?;
        if wanted("store") {
            runtime.block_on(verdicts::questions(&store, args.rows, &print))?;
        }
        if wanted("serve") {
            let load = serve::Load { rate: args.rate, seconds: args.seconds };
            serve::measure(&runtime, &store, args.rows, load, &print)?;
        }
        runtime.block_on(store.close())?;
    }
    if wanted("replay") {
        replay::measure(args, &print)?;
    }
    if wanted("follow") {
        follow::measure(args, &print)?;
    }
    if wanted("scaling") {
        scaling::measure(args, &print)?;
    }
    unwritten.into_inner().map_or(Ok(Outcome::Done), Err)
}

/// Cores, processor and memory, as far as the system tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let value = |file: &str, name: &str| -> Option<String> {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut said = format!("{cores} cores");
    if let Some(model) = value("/proc/cpuinfo", "model name") {
        said.push_str(&format!(" of {model}"));
    }
    let kib =
        value("/proc/meminfo", "MemTotal").and_then(|memory| memory.split(' ').next()?.parse::<u64>().ok());
    if let Some(kib) = kib {
        said.push_str(&format!(", {:.1} GiB of memory", kib as f64 / f64::from(1 << 20)));
    }
    said
}

type Print<'a> = &'a dyn Fn(&str, &str, f64, &str);

/// A folder of its own in the system's folder for such things, removed at the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("blockmark-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn features(args: &BenchArgs, print: Print<'_>) -> Result<()> {
    let (texts, input) = match &args.input {
        Some(path) => (vec![std::fs::read(path)?], path.display().to_string()),
        None => {
            let plan = RewardPlan { blocks: 200, ..RewardPlan::default() };
            let texts: Result<Vec<_>, _> =
                simulate::blocks(&plan).map(|block| serde_json::to_vec(&block.reward)).collect();
            (texts?, "200 generated blocks before Electra".to_owned())
        }
    };
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let set = FeatureSet::all24();
    let mut scratch = FeatureScratch::default();
    let mut row = Vec::with_capacity(set.len());
    let mut best_read = f64::INFINITY;
    let mut best_whole = f64::INFINITY;
    for _ in 0..20 {
        let begun = Instant::now();
        for text in &texts {
            black_box(source::parse_block_reward(black_box(text))?);
        }
        best_read = best_read.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for text in &texts {
            row.clear();
            set.compute_with(&mut scratch, &source::parse_block_reward(black_box(text))?, &mut row)?;
            black_box(&row);
        }
        best_whole = best_whole.min(begun.elapsed().as_secs_f64());
    }
    let per_block = 1000.0 / texts.len() as f64;
    let input = format!("{input}, {:.1} kB each, one core", bytes as f64 / texts.len() as f64 / 1000.0);
    print("reward file to observation", "ms", best_read * per_block, &input);
    print("reward file to 24 features", "ms", best_whole * per_block, &input);
    print("reading", "MB/s", bytes as f64 / 1e6 / best_read, &input);
    Ok(())
}

fn generated_rows(rows: usize) -> Result<TrainingSet> {
    let features = FeatureSet::all24();
    let mut columns: Vec<Vec<f64>> = (0..features.len()).map(|_| Vec::with_capacity(rows)).collect();
    let mut labels = Vec::with_capacity(rows);
    for (client, row) in simulate::rows(rows, 3) {
        labels.push(client);
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let slots = (0..rows as u64).map(Slot).collect();
    let mut set =
        TrainingSet::from_columns(features, columns, labels, slots, (0..rows as u64).map(root).collect())?;
    set.canonical_order();
    Ok(set)
}

/// A root that looks as random as real ones do.
fn root(number: u64) -> Root {
    let mut bytes = [0; 32];
    let mut word = number;
    for chunk in bytes.chunks_exact_mut(8) {
        word = (word ^ (word >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Root(bytes)
}

fn opening(folder: &Scratch, set: &TrainingSet, print: Print<'_>) -> Result<()> {
    let input = format!("{} generated rows, 24 features", set.len());
    let path = folder.0.join("set.parquet");
    let begun = Instant::now();
    write_training_set(&path, set, &fingerprint::DataOrigin::GENERATED)?;
    print("write training set", "s", begun.elapsed().as_secs_f64(), &input);
    print("training set on disk", "MB", std::fs::metadata(&path)?.len() as f64 / 1e6, &input);
    let begun = Instant::now();
    let loaded = read_training_set(&path, WantedFeatures::Present, &Silent)?;
    print("open training set, 24 columns", "s", begun.elapsed().as_secs_f64(), &input);
    drop(loaded);
    let begun = Instant::now();
    let features = FeatureSet::default_four();
    let loaded = read_training_set(&path, WantedFeatures::Only(&features), &Silent)?;
    let model = Model::train(&loaded.set, TrainingOptions::default())?;
    print("open training set, ready to classify", "s", begun.elapsed().as_secs_f64(), &input);
    let bytes = model.to_bytes();
    let begun = Instant::now();
    black_box(Model::from_bytes(&bytes)?);
    print("open model file", "s", begun.elapsed().as_secs_f64(), &input);
    print("model file", "MB", bytes.len() as f64 / 1e6, &input);
    Ok(())
}

fn neighbours(set: &TrainingSet, print: Print<'_>) -> Result<()> {
    let features = FeatureSet::default_four();
    let model = Model::train(&set.select(&features)?, TrainingOptions::default())?;
    let names: Vec<_> = features.names().collect();
    let positions: Vec<_> = names.iter().filter_map(|name| FeatureSet::all24().position(name)).collect();
    let queries: Vec<Vec<f64>> = simulate::rows(2_000, 4)
        .map(|(_, row)| positions.iter().filter_map(|position| row.get(*position).copied()).collect())
        .collect();
    let mut times = Vec::with_capacity(queries.len());
    for query in &queries {
        let begun = Instant::now();
        black_box(model.classify_row("", black_box(query))?);
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let input = format!("{} generated rows, 4 features, one core", set.len());
    print("nearest-neighbour verdict, median", "ms", percentile(&mut times, 0.5), &input);
    print("nearest-neighbour verdict, p99", "ms", percentile(&mut times, 0.99), &input);
    Ok(())
}

fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let position = ((times.len().saturating_sub(1)) as f64 * share).round() as usize;
    times.get(position).copied().unwrap_or(f64::NAN)
}
