//! Fuzzes nothing: writes the first inputs of all other targets, generated, and ends.
//!
//! It is built as a target so that a crate compiled for one serves for all: `cargo fuzz run seed`.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, process};

use blockmark_fuzz::chain::spec;
use blockmark_fuzz::models::{RULES, models, training_set};
use consensus::spec::Fork;
use consensus::ssz::Json;
use consensus::transition::FromScratch;
use fingerprint::{FeatureSet, RuleSet};
use libfuzzer_sys::fuzz_target;
use pipeline::write_training_set;
use simulate::chain::{Chain, ChainPlan, Signing};
use simulate::{GraffitiHabit, RewardPlan, Shape};
use source::chain::ChainBlock;
use source::era::{BlockRoots, EraWriter};

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
        write_training_set(&folder("training_set")?.join(format!("{rows}_all")), &set, &fingerprint::DataOrigin::GENERATED)?;
        write_training_set(&folder("training_set")?.join(format!("{rows}_four")), &four, &fingerprint::DataOrigin::GENERATED)?;
    }
    for number in 0u8..16 {
        let mut noise = vec![0; 64 << (number % 6)];
        blake3::Hasher::new().update(&[number]).finalize_xof().fill(&mut noise);
        fs::write(folder("classify")?.join(number.to_string()), noise)?;
    }
    chains(&folder("chain_objects")?, &folder("era_file")?)
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

/// Blocks and states of simulated chains, and era files of them.
fn chains(objects: &Path, eras: &Path) -> Result<(), Failure> {
    for (number, fork) in (0_u8..).zip(Fork::ALL) {
        if !(Fork::Altair..=Fork::Fulu).contains(&fork) {
            continue;
        }
        let plan = ChainPlan {
            spec: spec(fork),
            fork,
            validators: 16,
            seed: 7,
            signing: Signing::Unsigned,
            missed_permille: 200,
            payload_bytes: 64,
            genesis_time: 1_700_000_000,
        };
        let mut chain = Chain::new(plan)?;
        let network = Arc::clone(chain.state().spec());
        let mut writer = EraWriter::create(eras, Arc::clone(&network), BlockRoots::Trust)?;
        writer.begin(1)?;
        let slots = network.preset.slots_per_historical_root;
        let mut last = None;
        for _ in 0..slots {
            let Some(block) = chain.advance(&mut FromScratch)? else { continue };
            let block = ChainBlock { fork, block };
            if block.slot().0 < slots {
                writer.block(&block)?;
            }
            last = Some(block);
        }
        if chain.state().slot == slots {
            writer.end(chain.state())?;
            writer.finish()?;
        }
        let shape = network.shape(fork);
        let state = chain.state().encode()?;
        let put = |kind: u8, bytes: &[u8]| {
            fs::write(objects.join(format!("{fork}_{kind}")), [&[number << 2 | kind], bytes].concat())
        };
        put(1, &state)?;
        if let Some(block) = last {
            put(0, &block.encode(&network))?;
            put(2, block.block.to_json(&shape).to_string().as_bytes())?;
        }
    }
    Ok(())
}
