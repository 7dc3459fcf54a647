//! `blockmark simulate`: a simulated chain as a recording.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use consensus::Slot;
use consensus::hasher::StateHasher;
use consensus::spec::{Fork, Network, Preset, Spec};
use fingerprint::Client;
use pipeline::Progress as _;
use serde_json::json;
use simulate::GraffitiHabit;
use simulate::chain::{Chain, ChainError, ChainPlan, Packers, Signing};
use source::chain::{ChainBlock, Genesis};
use source::recording::{Identity, RecordingWriter};

use super::Context;
use crate::cli::SimulateArgs;
use crate::failure::{Outcome, quoted, usage};
use crate::output::progress::Shown;
use crate::output::say;

/// The moment that simulated chains begin at: 2024-01-01, so that nothing depends on the clock.
const GENESIS_TIME: u64 = 1_704_067_200;

/// In a simulated recording: a line of JSON for each block, with its slot and its packer.
pub(super) const PACKERS_FILE: &str = "packers.jsonl";

/// Clients with their weights.
fn mix(path: &Path) -> Result<Vec<(Client, f64)>> {
    let named = || format!("\"{}\" is no object of clients with their weights", path.display());
    let text =
        std::fs::read_to_string(path).with_context(|| format!("\"{}\" can't be read", path.display()))?;
    let weights: BTreeMap<String, f64> = serde_json::from_str(&text).with_context(named)?;
    let mix: Vec<(Client, f64)> = weights
        .into_iter()
        .map(|(name, weight)| Ok((name.parse()?, weight)))
        .collect::<Result<_, fingerprint::client::UnknownClient>>()
        .with_context(named)?;
    if mix.iter().any(|(_, weight)| *weight < 0.0) || !mix.iter().any(|(_, weight)| *weight > 0.0) {
        return Err(anyhow!("no weight may be below 0, and one must be above")).with_context(named);
    }
    Ok(mix)
}

/// The plan of the arguments.
pub(super) fn plan(args: &SimulateArgs) -> Result<ChainPlan> {
    let (network, preset) = match args.preset.as_str() {
        "mainnet" => (Network::Mainnet, Preset::MAINNET),
        "minimal" => (Network::Mainnet, Preset::MINIMAL),
        "gnosis" => (Network::Gnosis, Preset::GNOSIS),
        other => {
            return Err(usage(
                format!("\"{other}\" is no preset; the presets are mainnet, minimal and gnosis"),
                "blockmark simulate --validators 1000 --slots 64 --out chain --preset minimal",
            ));
        }
    };
    let mut config = network.spec().config;
    config.config_name = "simulated".to_owned();
    Ok(ChainPlan {
        spec: Spec { preset, config },
        fork: args.fork,
        upgrades: args.fork_at.clone(),
        validators: args.validators,
        seed: args.seed,
        signing: if args.signed { Signing::Signed } else { Signing::Unsigned },
        missed_permille: args.missed_permille,
        payload_bytes: args.payload_bytes as usize,
        genesis_time: GENESIS_TIME,
    })
}

/// What to ask for instead of a plan that can't be carried out.
fn refused(error: ChainError, args: &SimulateArgs) -> anyhow::Error {
    let words = |validators: u64, more: &str| {
        let (slots, out, preset) = (args.slots, quoted(args.out.display()), quoted(&args.preset));
        format!(
            "blockmark simulate --validators {validators} --slots {slots} --out {out} --preset {preset}{more}"
        )
    };
    match &error {
        ChainError::Upgrade { .. } => {
            let validators = u64::from(args.validators);
            usage(&error, words(validators, " --fork altair --fork-at bellatrix=2 --fork-at capella=4"))
        }
        ChainError::Validators { slots, .. } => usage(&error, words(*slots, "")),
        ChainError::Transition(_) => error.into(),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("\"{}\" can't be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes the chain.
pub(crate) fn run(context: &Context, args: &SimulateArgs) -> Result<Outcome> {
    let mut chain = Chain::new(plan(args)?).map_err(|error| refused(error, args))?;
    if let Some(path) = &args.mix {
        let graffiti = GraffitiHabit::Signed { share: f64::from(args.signed_permille) / 1_000.0 };
        chain = chain.packed_by(Packers { mix: mix(path)?, graffiti });
    }
    let spec = &chain.plan().spec;
    let genesis = Genesis {
        time: GENESIS_TIME,
        validators_root: chain.state().genesis_validators_root,
        fork_version: spec.config.fork_version(Fork::Phase0).0,
    };
    let config = serde_json::to_string_pretty(&spec.to_values())?;
    let mut packers = String::new();
    let identity = Identity { config: &config, genesis };
    let writer = RecordingWriter::open(&args.out, identity, args.compression)?;
    // Blocks of an earlier chain in the same directory would stand between those of this one.
    writer.clear()?;
    remove_if_there(&args.out.join(PACKERS_FILE))?;
    writer.note_origin(&format!(
        "blockmark simulate --validators {} --slots {} --seed {} --fork {}{} --preset {} --missed-permille {} \
         --payload-bytes {}{}{}",
        args.validators,
        args.slots,
        args.seed,
        args.fork,
        args.fork_at.iter().map(|upgrade| format!(" --fork-at {upgrade}")).collect::<String>(),
        args.preset,
        args.missed_permille,
        args.payload_bytes,
        if args.signed { " --signed" } else { "" },
        // The file of the mix is one of this machine; packers.jsonl says what came of it.
        args.mix
            .as_ref()
            .map_or_else(String::new, |_| format!(" --mix FILE --signed-permille {}", args.signed_permille))
    ));
    writer.write_state(Slot(0), &chain.state().encode()?)?;
    let progress = Shown::new();
    progress.start("Simulating", Some(args.slots), "slots");
    let mut roots = StateHasher::default();
    let mut blocks = 0_u64;
    for slot in 1..=args.slots {
        match chain.advance(&mut roots)? {
            Some(block) => {
                if let Some(client) = chain.packer(block.message.proposer_index) {
                    let line = json!({ "slot": slot, "packer": client.name() });
                    packers.push_str(&format!("{line}\n"));
                }
                writer.write_block(&ChainBlock { fork: chain.state().fork_name(), block })?;
                blocks += 1;
            }
            None => writer.note_empty(Slot(slot))?,
        }
        progress.advance(1);
    }
    progress.finish("");
    writer.finish()?;
    if args.mix.is_some() {
        let path = args.out.join(PACKERS_FILE);
        std::fs::write(&path, packers).with_context(|| format!("\"{}\" can't be written", path.display()))?;
    }
    let out = args.out.display();
    if context.global.json {
        let line = json!({ "recording": out.to_string(), "slots": args.slots, "blocks": blocks });
        say::result_line(line)?;
    } else {
        say::result_line(format_args!("{blocks} blocks in {} slots, simulated, in {out}", args.slots))?;
    }
    Ok(Outcome::Done)
}
