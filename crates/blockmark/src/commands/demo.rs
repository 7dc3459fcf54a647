//! `blockmark demo`: two recorded chains through rewards, labels, training, verdicts, database, API and dashboard.

mod recordings;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use api::Settings;
use fingerprint::classifier::{DataOrigin, Method, Model, ModelOrigin, TrainingOptions};
use fingerprint::score::Slicing;
use fingerprint::training::TrainingRow;
use fingerprint::{ClientSet, FeatureScratch, FeatureSet, GraffitiRules, RuleSet, TrainingSet, examine};
use pipeline::{ClientCounts, Evidence, judge, register_model};
use store::OpenMode;

use recordings::{DemoBlock, DemoChain, SHIPPED, Shipped};

use super::db::{open, short_hash};
use super::{Context, runtime, serve};
use crate::cli::DemoArgs;
use crate::failure::Outcome;
use crate::output::table::thousands;
use crate::output::{say, shares};

/// Runs the demonstration.
pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<Outcome> {
    let begun = Instant::now();
    let runtime = runtime()?;
    // The port is taken first: nobody wants to wait for the table to learn that it is in use.
    let listener = if args.once {
        None
    } else {
        Some(runtime.block_on(serve::bind(
            SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
            "the dashboard",
            |next| format!("blockmark demo --port {}", next.port()),
        ))?)
    };
    let directory = context.global.data_dir.join("demo");
    let mut chains = Vec::new();
    for shipped in &SHIPPED {
        chains.push(shipped.replay(&directory)?);
    }
    let rules = GraffitiRules::built_in(RuleSet::Blockmark);
    let (mut training, mut judged) = (Vec::new(), Vec::new());
    for (shipped, chain) in SHIPPED.iter().zip(&chains) {
        let count = chain.blocks.len();
        let last =
            args.blocks.and_then(|blocks| usize::try_from(blocks).ok()).unwrap_or(count).min(count / 2);
        let (before, after) = chain.blocks.split_at(count.saturating_sub(last));
        let labelled = labels(before, &rules);
        let what = introduce(shipped, chain, labelled.len(), after.len());
        if context.global.json {
            say::note(what);
        } else {
            say::result_line(what)?;
        }
        training.extend(labelled);
        judged.extend(after);
    }
    let model = train(&training)?;
    let mut scratch = FeatureScratch::default();
    let mut counts = ClientCounts::default();
    let mut rows = Vec::with_capacity(judged.len());
    let (mut right, mut known) = (0_u64, 0_u64);
    for block in judged {
        let mut row = judge(&model, &block.observation, Evidence::Store, &mut scratch)?;
        row.parent_root = Some(block.parent_root);
        let verdict = row.classification.best_guess_single;
        counts.add(verdict);
        known += u64::from(block.packer.is_some());
        right += u64::from(block.packer.is_some() && verdict == block.packer);
        rows.push(row);
    }
    let path = context.global.data_dir.join("demo.sqlite");
    let store = runtime.block_on(async {
        remove_old(&path)?;
        let store = open(&path.as_path().into(), OpenMode::Create).await?;
        register_model(&store, &model, "demo").await?;
        store.insert_blocks(&rows).await?;
        anyhow::Ok(store)
    })?;
    if context.global.json {
        say::result_line(serde_json::to_string(&shares::shares(&counts))?)?;
    } else {
        say::result(format_args!(
            "\n{} blocks judged. Model: {}, trained on {} blocks that their graffiti names\n\n{}\
             {} of {} verdicts on simulated blocks name the packer that made the block. The shares say nothing of any \
             network.\n",
            thousands(rows.len() as u64),
            model.name("demo"),
            thousands(training.len() as u64),
            shares::table(context.style, &counts),
            thousands(right),
            thousands(known)
        ))?;
    }
    say::note(format_args!(
        "Done in {:.1} s. Model {}, database {}, recordings in {}.",
        begun.elapsed().as_secs_f64(),
        short_hash(&model),
        path.display(),
        directory.display()
    ));
    if let Some(listener) = listener {
        let network = "demonstration".to_owned();
        let settings = Settings { network, ..Settings::default() };
        runtime.block_on(serve::serve(listener, store, Some(Arc::new(model)), settings))?;
    } else {
        runtime.block_on(store.close())?;
    }
    Ok(Outcome::Done)
}

/// What a chain is and what is done with it.
fn introduce(shipped: &Shipped, chain: &DemoChain, labelled: usize, judged: usize) -> String {
    let blocks = chain.blocks.len() as u64;
    format!(
        "{}: {}.\n  {} slots, {} blocks, {} missed, epoch {} finalized; {} blocks labelled by their graffiti for \
         training, {} judged.",
        shipped.name,
        shipped.what,
        thousands(chain.slots),
        thousands(blocks),
        thousands(chain.slots.saturating_sub(blocks)),
        chain.finalized_epoch,
        thousands(labelled as u64),
        thousands(judged as u64)
    )
}

/// A block with the client that its graffiti names.
type Labelled<'a> = (&'a DemoBlock, fingerprint::Client);

/// The blocks whose graffiti names a client.
fn labels<'a>(blocks: &'a [DemoBlock], rules: &GraffitiRules) -> Vec<Labelled<'a>> {
    let label = |block: &'a DemoBlock| {
        rules.guess(&block.observation.graffiti, ClientSet::EMPTY).map(|client| (block, client))
    };
    blocks.iter().filter_map(label).collect()
}

/// What the model of the demonstration is trained on.
fn origin() -> DataOrigin {
    let about = Some("a Lodestar devnet and a simulated chain".to_owned());
    DataOrigin { about, ..DataOrigin::default() }
}

/// Slots of an epoch: both recordings have the minimal preset.
const SLOTS_PER_EPOCH: u64 = 8;
/// Parts of the cross-validation that tells how good the model is.
const FOLDS: usize = 5;

/// A model of labelled blocks, with what a cross-validation says of it. Blocks whose features can't be counted, such as those without attestations, are left out.
fn train(blocks: &[Labelled<'_>]) -> Result<Model> {
    // Beside what the model looks at, what its test results are divided by.
    let columns = FeatureSet::from_names(FeatureSet::default_four().names().chain([
        "num_attestations",
        "norm_reward",
        "norm_reward_per_slot",
    ]))?;
    let mut set = TrainingSet::new(columns.clone());
    let mut scratch = FeatureScratch::default();
    for (block, label) in blocks {
        let mut row = Vec::with_capacity(columns.len());
        if columns.compute_with(&mut scratch, &block.observation, &mut row).is_err() {
            continue;
        }
        set.push(TrainingRow {
            block_root: block.observation.block_root,
            slot: block.observation.slot,
            label: *label,
            features: row,
        })?;
    }
    set.canonical_order();
    let options = TrainingOptions {
        method: Method::knn(),
        features: FeatureSet::default_four(),
        graffiti_only: ClientSet::EMPTY,
        note: ModelOrigin { trained_on: origin(), evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    };
    let scores = examine(&set, &options, FOLDS, &Slicing::of(&set, Some(SLOTS_PER_EPOCH)))?;
    Ok(Model::train(&set, options)?.with_scores(scores.into(), origin()))
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
