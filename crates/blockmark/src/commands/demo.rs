//! `blockmark demo`: generated block rewards through training, verdicts, database, API and dashboard.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use api::Settings;
use consensus::Slot;
use fingerprint::classifier::{Method, Model, ModelOrigin, TrainingOptions};
use fingerprint::training::TrainingRow;
use fingerprint::{BlockObservation, FeatureScratch, FeatureSet, TrainingSet};
use pipeline::{ClientCounts, Evidence, judge, register_model};
use simulate::{GraffitiHabit, LabelledReward, RewardPlan};
use store::OpenMode;

use super::db::{open, short_hash};
use super::{Context, runtime, serve};
use crate::cli::DemoArgs;
use crate::failure::Outcome;
use crate::output::table::thousands;
use crate::output::{say, shares};

const TRAINING_SEED: u64 = 1;
const JUDGED_SEED: u64 = 2;

/// Runs the demonstration.
pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<Outcome> {
    let begun = Instant::now();
    let runtime = runtime()?;
    // The port is taken first: nobody wants to wait for the table to learn that it is in use.
    let listener = if args.once {
        None
    } else {
        Some(runtime.block_on(serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)), |next| {
            format!("blockmark demo --port {}", next.port())
        }))?)
    };
    let blocks = usize::try_from(args.blocks)?;
    let model = train(blocks + blocks / 2)?;
    let plan = RewardPlan {
        blocks,
        start_slot: Slot(32),
        seed: JUDGED_SEED,
        graffiti: GraffitiHabit::Signed { share: 0.6 },
        ..RewardPlan::default()
    };
    let mut scratch = FeatureScratch::default();
    let mut counts = ClientCounts::default();
    let mut rows = Vec::with_capacity(plan.blocks);
    let mut right = 0_u64;
    for generated in simulate::blocks(&plan) {
        let row = judge(&model, &observation(&generated)?, Evidence::Store, &mut scratch)?;
        counts.add(row.classification.best_guess_single);
        right += u64::from(row.classification.best_guess_single == Some(generated.client));
        rows.push(row);
    }
    let path = context.global.data_dir.join("demo.sqlite");
    let store = runtime.block_on(async {
        remove_old(&path)?;
        let store = open(&path, OpenMode::Create).await?;
        register_model(&store, &model, "demo").await?;
        store.insert_blocks(&rows).await?;
        anyhow::Ok(store)
    })?;
    if context.global.json {
        say::result_line(serde_json::to_string(&shares::shares(&counts))?)?;
    } else {
        let slots = rows.last().zip(rows.first()).map_or(0, |(last, first)| last.slot.0 - first.slot.0 + 1);
        say::result(format_args!(
            "{} slots, {} generated blocks, {} missed. Model: {} (trained on generated blocks)\n\n{}\
             {} of {} verdicts name the packer that made the block. These blocks are generated, not of any network.\n",
            thousands(slots),
            thousands(rows.len() as u64),
            thousands(slots - rows.len() as u64),
            model.name("demo"),
            shares::table(context.style, &counts),
            thousands(right),
            thousands(rows.len() as u64)
        ))?;
    }
    say::note(format_args!(
        "Done in {:.1} s. Model {}, database {}.",
        begun.elapsed().as_secs_f64(),
        short_hash(&model),
        path.display()
    ));
    if let Some(listener) = listener {
        let settings = Settings { network: "generated".to_owned(), ..Settings::default() };
        runtime.block_on(serve::serve(listener, store, Some(Arc::new(model)), settings))?;
    }
    Ok(Outcome::Done)
}

/// A model of generated blocks whose packers are known.
fn train(blocks: usize) -> Result<Model> {
    let plan = RewardPlan {
        blocks,
        seed: TRAINING_SEED,
        mix: fingerprint::Client::NAMED.into_iter().map(|client| (client, 1.0)).collect(),
        graffiti: GraffitiHabit::Unsigned,
        ..RewardPlan::default()
    };
    let features = FeatureSet::viable();
    let mut set = TrainingSet::new(features.clone());
    for generated in simulate::blocks(&plan) {
        let block = observation(&generated)?;
        let mut row = Vec::with_capacity(features.len());
        features.compute(&block, &mut row)?;
        set.push(TrainingRow {
            block_root: block.block_root,
            slot: block.slot,
            label: generated.client,
            features: row,
        })?;
    }
    set.canonical_order();
    let options = TrainingOptions {
        method: Method::knn(),
        features,
        graffiti_only: fingerprint::ClientSet::EMPTY,
        note: ModelOrigin { trained_on: "generated blocks".to_owned(), evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    };
    Ok(Model::train(&set, options)?)
}

/// Through JSON and the reader, as a block from a file would come.
fn observation(generated: &LabelledReward) -> Result<BlockObservation> {
    Ok(source::parse_block_reward(&serde_json::to_vec(&generated.reward)?)?)
}

fn remove_old(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let name = Path::new(&name).display();
                return Err(error).with_context(|| format!("the old database {name} can't be removed"));
            }
            _ => {}
        }
    }
    Ok(())
}
