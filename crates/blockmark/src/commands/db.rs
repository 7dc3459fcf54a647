//! `blockmark db …`: work on a database of verdicts.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use consensus::{Slot, ValidatorIndex};
use fingerprint::classifier::Model;
use pipeline::{BuildOptions, db_build};
use serde_json::json;
use store::{AffinityRule, Format, OpenMode, Store, StoreUrl};

use super::input::{input_failure, place};
use super::{Context, model, runtime};
use crate::cli::{DbArgs, DbCommand, ExportFormat, InputArgs};
use crate::failure::{Outcome, list_bad, quoted};
use crate::output::progress::Shown;
use crate::output::say;
use crate::output::table::{Align, counted, render, thousands};

/// Where the database of a command is.
pub(crate) fn url_of(context: &Context, args: &DbArgs) -> Result<StoreUrl> {
    match &args.db {
        None => Ok(StoreUrl::from(context.global.data_dir.join("blockmark.sqlite"))),
        Some(given) => url(given),
    }
}

/// The database that was named by path or URL.
pub(crate) fn url(given: &Path) -> Result<StoreUrl> {
    match given.to_str() {
        Some(text) => Ok(text.parse()?),
        None => Ok(StoreUrl::from(given)),
    }
}

/// Opens the database, making its folder when it is to be created.
pub(crate) async fn open(url: &StoreUrl, mode: OpenMode) -> Result<Store> {
    if mode == OpenMode::Create
        && let Some(folder) =
            url.path().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
    }
    Ok(Store::open(url, mode).await?)
}

/// Runs a database command.
pub(crate) fn run(context: &Context, command: &DbCommand) -> Result<Outcome> {
    let runtime = runtime()?;
    let json = context.global.json;
    match command {
        DbCommand::Init(args) => {
            let url = url_of(context, args)?;
            runtime.block_on(async { anyhow::Ok(open(&url, OpenMode::Create).await?.close().await?) })?;
            say(json, json!({ "database": url.to_string() }), format!("{url} is ready."))?;
            Ok(Outcome::Done)
        }
        DbCommand::Build { db, input, model } => build(context, &url_of(context, db)?, input, model),
        DbCommand::Import { file, db } => runtime.block_on(async {
            // Looked at first, so that a wrong name leaves no empty database behind.
            store::check_blockprint(file).await?;
            let store = open(&url_of(context, db)?, OpenMode::Create).await?;
            let progress = Shown::new();
            let report = store.import_blockprint(file, &progress).await?;
            pipeline::Progress::finish(&progress, "");
            store.close().await?;
            let text = format!(
                "Imported {}: {} rows, {} new blocks, {} known, {} set aside.",
                file.display(),
                thousands(report.rows),
                thousands(report.inserted),
                thousands(report.known + report.resumed),
                thousands(report.set_aside)
            );
            let value = json!({
                "rows": report.rows, "inserted": report.inserted, "known": report.known, "resumed": report.resumed,
                "mended": report.mended, "set_aside": report.set_aside, "unknown_clients": report.unknown_clients,
            });
            say(json, value, text)?;
            Ok(not_taken(&report, file, json))
        }),
        DbCommand::Copy { from, to } => runtime.block_on(copy(context, &url(from)?, &url(to)?)),
        DbCommand::Backup { to, db } => runtime.block_on(backup(context, &url_of(context, db)?, to)),
        DbCommand::Prune { evidence_before, db } => {
            runtime.block_on(prune(context, &url_of(context, db)?, Slot(*evidence_before)))
        }
        DbCommand::Migrate(args) => runtime.block_on(async {
            let url = url_of(context, args)?;
            let store = open(&url, OpenMode::Existing).await?;
            let (from, to) = (store.version_found(), store::SCHEMA_VERSION);
            // So that the file is whole without its log.
            store.close().await?;
            let text = if from == to {
                format!("{url} already has schema version {to}.")
            } else {
                format!("{url} went from schema version {from} to {to}.")
            };
            say(json, json!({ "from": from, "to": to }), text)?;
            Ok(Outcome::Done)
        }),
        DbCommand::Check { db, gaps } => runtime.block_on(check(context, &url_of(context, db)?, *gaps)),
        DbCommand::Export { out, format, db } => runtime.block_on(async {
            let store = open(&url_of(context, db)?, OpenMode::ReadOnly).await?;
            let format = match format {
                Some(ExportFormat::Csv) => Format::Csv,
                Some(ExportFormat::Parquet) => Format::Parquet,
                None => Format::of_path(out),
            };
            let is_stdout = out == Path::new("-");
            let report = if is_stdout {
                store.export(format, &mut std::io::stdout()).await?
            } else {
                let file = std::fs::File::create(out).with_context(|| format!("can't write {}", out.display()))?;
                let mut writer = BufWriter::new(file);
                let report = store.export(format, &mut writer).await?;
                writer.flush()?;
                report
            };
            if json && !is_stdout {
                say::result_line(json!({ "file": out, "blocks": report.blocks }))?;
            } else {
                say::note(format_args!("Exported {}.", counted(report.blocks, "block")));
            }
            Ok(Outcome::Done)
        }),
        DbCommand::Affinity { validators, until, db } => runtime.block_on(async {
            let store = open(&url_of(context, db)?, OpenMode::ReadOnly).await?;
            affinity(context, &store, validators, until.map_or(Slot(u64::MAX), Slot)).await
        }),
    }
}

/// Lists on standard error what an import could not take as it was.
fn not_taken(report: &store::ImportReport, file: &Path, json: bool) -> Outcome {
    if report.set_aside == 0 && report.unknown_clients.is_empty() {
        return Outcome::Done;
    }
    let file = file.display();
    if json {
        let rows: Vec<_> =
            report.listed.iter().map(|row| json!({ "row": row.row_id, "reason": row.reason })).collect();
        let bad = json!({
            "count": report.set_aside, "of": report.rows, "inputs": rows, "unknown_clients": report.unknown_clients,
        });
        say::note(json!({ "bad_inputs": bad }));
        return Outcome::SomeBad;
    }
    if report.set_aside > 0 {
        let (rows, of) = (thousands(report.set_aside), thousands(report.rows));
        say::note(format_args!(
            "{rows} of {of} rows are no blocks; they are kept in the table imported_rows:"
        ));
        for row in &report.listed {
            say::note(format_args!("  {file}, row {}: {}", row.row_id, row.reason));
        }
        let more = report.set_aside - (report.listed.len() as u64).min(report.set_aside);
        if more > 0 {
            say::note(format_args!("  … and {} more", thousands(more)));
        }
    }
    for (name, rows) in &report.unknown_clients {
        let rows = thousands(*rows);
        say::note(format_args!(
            "{rows} verdicts name {name:?}, which is no known client; they count as Uncertain."
        ));
    }
    Outcome::SomeBad
}

fn say(json: bool, value: serde_json::Value, text: String) -> Result<()> {
    if json { say::result_line(value) } else { say::result_line(text) }
}

fn build(context: &Context, url: &StoreUrl, args: &InputArgs, model_path: &Path) -> Result<Outcome> {
    let rest = format!(" --model {} --db {}", quoted(model_path.display()), quoted(url));
    let input = place(args, "db build", &rest)?;
    let progress = Shown::new();
    let (models, mut bad) = model::open_range(model_path, &progress)?;
    let report = runtime()?.block_on(async {
        let store = open(url, OpenMode::Create).await?;
        let options = BuildOptions::default();
        let report = db_build(&input, &store, Arc::new(models), options, &progress)
            .await
            .map_err(|error| input_failure(error.into(), &input, "db build", &rest))?;
        store.close().await?;
        anyhow::Ok(report)
    })?;
    bad.extend_from_slice(&report.bad);
    let value = json!({
        "inserted": report.inserted, "updated": report.updated, "unchanged": report.unchanged, "bad": bad,
    });
    let text = format!(
        "{url}: {} new blocks, {} updated, {} known.",
        thousands(report.inserted),
        thousands(report.updated),
        thousands(report.unchanged)
    );
    say(context.global.json, value, text)?;
    Ok(list_bad(&bad, report.blocks(), "inputs", context.global.json))
}

async fn backup(context: &Context, url: &StoreUrl, to: &Path) -> Result<Outcome> {
    let store = open(url, OpenMode::ReadOnly).await?;
    let unfinished = store::unfinished(to);
    let whole = url.path().and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len());
    let progress = Shown::new();
    pipeline::Progress::start(&progress, "Copying", Some(whole >> 20), "MiB");
    let writing = store.backup(to);
    tokio::pin!(writing);
    let mut every = tokio::time::interval(std::time::Duration::from_millis(200));
    let mut shown = 0;
    let made = loop {
        tokio::select! {
            report = &mut writing => break report,
            _ = every.tick() => {
                let written = unfinished.metadata().map_or(0, |metadata| metadata.len()) >> 20;
                pipeline::Progress::advance(&progress, written.saturating_sub(shown));
                shown = shown.max(written);
            }
        }
    };
    pipeline::Progress::finish(&progress, "");
    let report = made?;
    let text = format!("Copied {url} into {}: {} bytes.", to.display(), thousands(report.bytes));
    say(context.global.json, json!({ "backup": to, "bytes": report.bytes }), text)?;
    Ok(Outcome::Done)
}

async fn prune(context: &Context, url: &StoreUrl, before: Slot) -> Result<Outcome> {
    let store = open(url, OpenMode::Existing).await?;
    let progress = Shown::new();
    pipeline::Progress::start(&progress, "Pruning", None, "blocks");
    let mut pruned = 0;
    loop {
        let (deleted, more) = store.forget_evidence(before).await?;
        pruned += deleted;
        if !more {
            break;
        }
        pipeline::Progress::advance(&progress, deleted);
    }
    pipeline::Progress::finish(&progress, "");
    store.close().await?;
    let text = format!("{url}: features and attestations of {} blocks are gone.", thousands(pruned));
    say(context.global.json, json!({ "pruned": pruned }), text)?;
    Ok(Outcome::Done)
}

async fn copy(context: &Context, from: &StoreUrl, to: &StoreUrl) -> Result<Outcome> {
    anyhow::ensure!(from != to, "{from} is the database to read and the one to fill; name two");
    let source = open(from, OpenMode::ReadOnly).await?;
    let target = open(to, OpenMode::Create).await?;
    let progress = Shown::new();
    let report = source.copy_to(&target, &progress).await?;
    pipeline::Progress::finish(&progress, "");
    target.close().await?;
    let text = format!(
        "{to} has all {} blocks of {from}, {} of them new. Digest of both: {}.",
        thousands(report.blocks),
        thousands(report.inserted + report.resumed),
        report.digest
    );
    let value = json!({
        "blocks": report.blocks, "inserted": report.inserted, "resumed": report.resumed,
        "evidence": report.digest.evidence, "digest": report.digest.to_string(),
    });
    say(context.global.json, value, text)?;
    Ok(Outcome::Done)
}

async fn check(context: &Context, url: &StoreUrl, list_gaps: bool) -> Result<Outcome> {
    let store = open(url, OpenMode::ReadOnly).await?;
    let report = store.check().await?;
    let status = store.sync_status().await?;
    let gaps = store.gaps().await?;
    let missing: u64 = gaps.iter().map(|gap| gap.end.0 - gap.start.0 + 1).sum();
    if context.global.json {
        say::result_line(json!({
            "blocks": report.blocks, "problems": report.problems, "synced": status.synced,
            "greatest_block_slot": status.greatest_block_slot, "gaps": gaps,
        }))?;
    } else if report.is_sound() || report.blocks > 0 {
        say::result_line(format_args!(
            "{} up to slot {}; {} missing in {}.",
            counted(report.blocks, "block"),
            thousands(status.greatest_block_slot.0),
            counted(missing, "slot"),
            counted(gaps.len() as u64, "gap")
        ))?;
        if list_gaps {
            let rows: Vec<_> = gaps
                .iter()
                .map(|gap| {
                    vec![thousands(gap.start.0), thousands(gap.end.0), thousands(gap.end.0 - gap.start.0 + 1)]
                })
                .collect();
            let head = [("From", Align::Right), ("To", Align::Right), ("Slots", Align::Right)];
            say::result(render(context.style, &head, &rows))?;
        }
    }
    if report.is_sound() {
        return Ok(Outcome::Done);
    }
    for problem in &report.problems {
        say::note(format_args!("  {problem}"));
    }
    match report.problems.len() {
        1 => anyhow::bail!("the database has a problem"),
        count => anyhow::bail!("the database has {count} problems"),
    }
}

async fn affinity(context: &Context, store: &Store, validators: &[u64], until: Slot) -> Result<Outcome> {
    const RULES: [(&str, AffinityRule); 5] = [
        ("latest", AffinityRule::Latest),
        ("recent", AffinityRule::RECENT),
        ("mode", AffinityRule::Mode),
        ("average", AffinityRule::WeightedAverage),
        ("median", AffinityRule::Median),
    ];
    let mut rows = Vec::new();
    for validator in validators {
        let mut row = vec![validator.to_string()];
        let mut value = serde_json::Map::new();
        value.insert("validator_index".into(), json!(validator));
        for (name, rule) in RULES {
            let verdict = store.validator_affinity(ValidatorIndex(*validator), until, rule).await?;
            let verdict = match verdict {
                store::Verdict::Unknown => "Unknown",
                store::Verdict::Uncertain => fingerprint::client::UNCERTAIN,
                store::Verdict::Client(client) => client.name(),
            };
            row.push(verdict.to_owned());
            value.insert(name.into(), json!(verdict));
        }
        if context.global.json {
            say::result_line(serde_json::Value::Object(value))?;
        }
        rows.push(row);
    }
    if !context.global.json {
        let head = [
            ("Validator", Align::Right),
            ("Latest", Align::Left),
            ("Recent", Align::Left),
            ("Mode", Align::Left),
            ("Average", Align::Left),
            ("Median", Align::Left),
        ];
        say::result(render(context.style, &head, &rows))?;
    }
    Ok(Outcome::Done)
}

/// A model's hash in short, for a line of text.
pub(crate) fn short_hash(model: &Model) -> String {
    model.hash().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
