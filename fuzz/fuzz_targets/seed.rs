//! Fuzzes nothing: writes the first inputs of all other targets, generated, and ends.
//!
//! It is built as a target so that a crate compiled for one serves for all: `cargo fuzz run seed`.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, process};

use blockmark_fuzz::chain::{grow, spec};
use blockmark_fuzz::containers::number_of;
use blockmark_fuzz::models::{RULES, models, training_set};
use consensus::spec::Fork;
use consensus::ssz::{Json, Ssz};
use consensus::transition::FromScratch;
use fingerprint::{FeatureSet, RuleSet};
use libfuzzer_sys::fuzz_target;
use pipeline::write_training_set;
use serde_json::Value;
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
    chains(&folder("chain_objects")?, &folder("era_file")?)?;
    forks(&folder)
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
        let plan = ChainPlan {
            spec: spec(fork),
            fork,
            upgrades: Vec::new(),
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
        let put = |name: &str, json: bool, bytes: &[u8]| {
            let choice = [number << 1 | u8::from(json), number_of(name).unwrap_or_default()];
            fs::write(objects.join(format!("{fork}_{name}_{json}")), [&choice, bytes].concat())
        };
        put("BeaconState", false, &state)?;
        if let Some(block) = last {
            put("SignedBeaconBlock", false, &block.encode(&network))?;
            put("SignedBeaconBlock", true, block.block.to_json(&shape).to_string().as_bytes())?;
        }
    }
    Ok(())
}

/// What the parts of a chain through all forks are as containers of their own, as files of a recording and as answers
/// of a node; and bytes of which the targets with structured inputs make some.
fn forks(folder: &dyn Fn(&str) -> Result<PathBuf, Failure>) -> Result<(), Failure> {
    let objects = folder("chain_objects")?;
    let answers = folder("beacon_answers")?;
    let steps = grow()?;
    for step in steps.iter().step_by(5) {
        let message = &step.block.message;
        let fork = step.before.spec().fork_at_slot(message.slot);
        let shape = step.before.spec().shape(fork);
        let body = &message.body;
        let put = |name: &str, bytes: Vec<u8>, json: Value| -> Result<(), Failure> {
            let choice = [(fork as u8) << 1, number_of(name).unwrap_or_default()];
            fs::write(
                objects.join(format!("{fork}_{name}_{}", message.slot)),
                [&choice, &bytes[..]].concat(),
            )?;
            let choice = [choice[0] | 1, choice[1]];
            let json = json.to_string();
            fs::write(
                objects.join(format!("{fork}_{name}_{}_json", message.slot)),
                [&choice, json.as_bytes()].concat(),
            )?;
            Ok(())
        };
        put("BeaconBlockBody", body.to_ssz(&shape), body.to_json(&shape))?;
        put("SyncAggregate", body.sync_aggregate.to_ssz(&shape), body.sync_aggregate.to_json(&shape))?;
        let payload = &body.execution_payload;
        put("ExecutionPayload", payload.to_ssz(&shape), payload.to_json(&shape))?;
        if let Some(vote) = body.attestations.first() {
            put("Attestation", vote.to_ssz(&shape), vote.to_json(&shape))?;
        }
        let block = step.block.to_ssz(&shape);
        let json = serde_json::json!({ "version": fork.name(), "data": step.block.to_json(&shape) });
        fs::write(answers.join(format!("block_{}", message.slot)), [&[0, 1], &block[..]].concat())?;
        fs::write(
            answers.join(format!("block_{}_json", message.slot)),
            [&[0, 0], json.to_string().as_bytes()].concat(),
        )?;
    }
    small_answers(&answers)?;
    for target in ["transition", "fork_choice", "recording"] {
        let folder = folder(target)?;
        for number in 0u8..64 {
            let mut noise = vec![0; 32 << (number % 5)];
            blake3::Hasher::new().update(&[number]).finalize_xof().fill(&mut noise);
            noise[0] = number.wrapping_mul(2);
            fs::write(folder.join(number.to_string()), noise)?;
        }
    }
    Ok(())
}

/// Answers as nodes give them, by their number in `AnswerKind::ALL`; the last is a stream of events.
fn small_answers(folder: &Path) -> Result<(), Failure> {
    let root = format!("0x{}", "01".repeat(32));
    let header = serde_json::json!({ "root": root, "canonical": true, "header": { "message": {
        "slot": "1", "proposer_index": "2", "parent_root": root, "state_root": root } } });
    let committees: Vec<Value> = (8..16)
        .map(|slot: u64| {
            serde_json::json!({ "index": "0", "slot": slot.to_string(), "validators": ["1", "2"] })
        })
        .collect();
    let validator = serde_json::json!([{ "index": "0", "balance": "1", "status": "active_ongoing",
        "validator": { "effective_balance": "1", "slashed": false, "activation_epoch": "0", "exit_epoch": "9" } }]);
    let checkpoint = serde_json::json!({ "epoch": "1", "root": root });
    let finality = serde_json::json!({ "previous_justified": checkpoint, "current_justified": checkpoint,
        "finalized": checkpoint });
    let rewards = serde_json::json!({ "proposer_index": "1", "total": "10", "attestations": "7",
        "sync_aggregate": "3", "proposer_slashings": "0", "attester_slashings": "0" });
    let syncing = serde_json::json!({ "head_slot": "1", "sync_distance": "0", "is_syncing": false });
    let version = serde_json::json!({ "version": "Lodestar/v1" });
    let genesis = serde_json::json!({ "genesis_time": "1", "genesis_validators_root": root,
        "genesis_fork_version": "0x00000000" });
    let network = serde_json::json!({ "PRESET_BASE": "minimal", "SECONDS_PER_SLOT": "6",
        "BLOB_SCHEDULE": [{ "EPOCH": "1", "MAX_BLOBS_PER_BLOCK": "9" }] });
    let answers =
        [header, committees.into(), validator, finality, rewards, syncing, version, genesis, network];
    for (kind, data) in (5_u8..).zip(answers) {
        let text = serde_json::json!({ "data": data }).to_string();
        fs::write(folder.join(format!("small_{kind}")), [&[kind, 0], text.as_bytes()].concat())?;
    }
    let events = format!(
        "event: head\ndata: {{\"slot\":\"10\",\"block\":\"{root}\",\"state\":\"{root}\"}}\n\n:\r\nevent:block\r\n\
         data: {{\"slot\":\"1\",\"block\":\"{root}\"}}\r\n\r\n"
    );
    fs::write(folder.join("events"), [&[14, 9], events.as_bytes()].concat())?;
    Ok(())
}
