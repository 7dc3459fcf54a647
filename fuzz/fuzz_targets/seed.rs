//! Fuzzes nothing: writes the first inputs of all other targets, generated, and ends.
//!
//! It is built as a target so that a crate compiled for one serves for all: `cargo fuzz run seed`.
#![no_main]

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use blockmark_fuzz::models::{RULES, models, training_set};
use fingerprint::{FeatureSet, RuleSet};
use libfuzzer_sys::fuzz_target;
use pipeline::write_training_set;
use simulate::{GraffitiHabit, RewardPlan, Shape};

type Failure = Box<dyn std::error::Error>;

fuzz_target!(init: seed(), |_data: &[u8]| {});

/// Writes and ends the process.
fn seed() {
    let code = match write() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("the first inputs cannot be written: {error}");
            1
        }
    };
    process::exit(code)
}

/// Fills the folders beside the one that is given as this target's corpus.
fn write() -> Result<(), Failure> {
    let own = env::args_os().next_back().map(PathBuf::from).ok_or("no corpus is given")?;
    let corpus = own.parent().ok_or("the corpus has no parent folder")?;
    let folder = |target: &str| -> Result<PathBuf, Failure> {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    rewards(&folder("reward_json")?)?;
    for set in RuleSet::ALL {
        fs::write(folder("graffiti_rules")?.join(set.name()), set.source())?;
    }
    fs::write(folder("graffiti_rules")?.join("small"), RULES)?;
    for (number, model) in models().iter().enumerate() {
        fs::write(folder("model_file")?.join(number.to_string()), model.to_bytes())?;
    }
    for rows in [1, 20, 200] {
        let set = training_set(rows);
        let four = set.select(&FeatureSet::default_four())?;
        write_training_set(&folder("training_set")?.join(format!("{rows}_all")), &set, "generated")?;
        write_training_set(&folder("training_set")?.join(format!("{rows}_four")), &four, "generated")?;
    }
    for number in 0u8..16 {
        let mut noise = vec![0; 64 << (number % 6)];
        blake3::Hasher::new().update(&[number]).finalize_xof().fill(&mut noise);
        fs::write(folder("classify")?.join(number.to_string()), noise)?;
    }
    Ok(())
}

/// Single objects, arrays and streams of both shapes; a fuzzer gets further with small ones.
fn rewards(folder: &Path) -> Result<(), Failure> {
    for (shape, name) in [(Shape::Phase0Like, "phase0"), (Shape::ElectraLike, "electra")] {
        let plan = RewardPlan {
            blocks: 3,
            shape,
            graffiti: GraffitiHabit::Signed { share: 1.0 },
            ..Default::default()
        };
        let mut blocks: Vec<_> = simulate::generate(&plan).into_iter().map(|block| block.reward).collect();
        for block in &mut blocks {
            let rewards = &mut block.attestation_rewards;
            rewards.attestations.truncate(4);
            rewards.per_attestation_rewards.truncate(4);
            rewards.per_attestation_rewards.iter_mut().for_each(|map| map.0.truncate(5));
        }
        let one = serde_json::to_vec(&blocks[0])?;
        fs::write(folder.join(format!("{name}_stream")), [one.as_slice(), b"\n", &one].concat())?;
        fs::write(folder.join(format!("{name}_one")), one)?;
        fs::write(folder.join(format!("{name}_pretty")), serde_json::to_vec_pretty(&blocks[1])?)?;
        simulate::write_json(&blocks, fs::File::create(folder.join(format!("{name}_array")))?)?;
    }
    Ok(())
}
