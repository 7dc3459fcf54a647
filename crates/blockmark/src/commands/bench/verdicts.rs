//! A database of generated verdicts: how fast it fills, how fast it answers inside the process.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, bail};
use consensus::{Epoch, Slot, ValidatorIndex};
use fingerprint::Client;
use fingerprint::classifier::Classification;
use store::{Attestations, BlockRow, CanonicalState, OpenMode, RootOrigin, Store, StoreUrl};

use super::super::db::open;
use super::{Print, percentile, root};

/// Rows of one transaction. With 10,000 the rate is half as high: roots and proposers are random, and a transaction
/// writes every page of an index that it touches, whether for one row or for twenty.
const BATCH: u64 = 65_536;

/// Validators that propose in turn.
const VALIDATORS: u64 = 1 << 20;

/// Each of the first holes comes after this many rows.
const ROWS_BETWEEN_HOLES: u64 = 100;

/// Holes among the first rows, so that there are gaps to list.
const HOLES: u64 = 100;

/// Slots of a hole.
const HOLE_SLOTS: u64 = 10;

/// The slot of a row. There is no hole after the first [`HOLES`] times [`ROWS_BETWEEN_HOLES`] rows.
pub(super) fn slot_of(number: u64) -> u64 {
    number + 1 + HOLE_SLOTS * (number / ROWS_BETWEEN_HOLES).min(HOLES)
}

/// The first slot after the last hole.
pub(super) fn gapless_from() -> u64 {
    slot_of(HOLES * ROWS_BETWEEN_HOLES)
}

/// A validator out of those that propose.
pub(super) fn validator(random: u64) -> ValidatorIndex {
    ValidatorIndex(random % VALIDATORS)
}

fn row(number: u64) -> BlockRow {
    let slot = slot_of(number);
    let root = root(number);
    let [first, _, _, high, middle, low, ..] = root.0;
    let client = Client::from_index(usize::from(first % 7));
    let probabilities =
        Client::ALL.into_iter().map(|each| (each, if Some(each) == client { 0.97 } else { 0.005 })).collect();
    BlockRow {
        block_root: root,
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: Slot(slot),
        parent_slot: Slot(slot - 1),
        proposer_index: validator(u64::from(u32::from_be_bytes([0, high, middle, low]))),
        graffiti: Some("generated".to_owned()),
        classification: Classification {
            best_guess_single: client,
            best_guess_multi: client.map_or("Uncertain", Client::name).to_owned(),
            probabilities,
            graffiti_guess: None,
        },
        model_hash: None,
        canonical: CanonicalState::Unknown,
        features: None,
        attestations: Attestations::NotRecorded,
        signs: None,
        first_seen_ms: None,
    }
}

/// Opens the database and adds rows until it has as many as wanted.
pub(super) async fn filled(url: &StoreUrl, rows: u64, print: Print<'_>) -> Result<Store> {
    let store = open(url, OpenMode::Create).await?;
    let known = store.block_count().await?;
    if known > rows || (known > 0 && store.block_by_root(root(known - 1)).await?.is_none()) {
        bail!("{url} holds {known} blocks other than the generated ones; give another database");
    }
    let mut busy = 0.0;
    let mut slowest: f64 = f64::INFINITY;
    let (mut lap, mut lap_rows) = (0.0, 0);
    let mut number = known;
    while number < rows {
        let end = (number + BATCH).min(rows);
        let batch: Vec<_> = (number..end).map(row).collect();
        let begun = Instant::now();
        let report = store.insert_blocks(&batch).await?;
        let took = begun.elapsed().as_secs_f64();
        if report.inserted != end - number {
            bail!("{} of {} rows were inserted", report.inserted, end - number);
        }
        (busy, lap, lap_rows) = (busy + took, lap + took, lap_rows + end - number);
        if lap_rows >= 1_000_000 {
            slowest = slowest.min(lap_rows as f64 / lap);
            (lap, lap_rows) = (0.0, 0);
        }
        number = end;
    }
    if known < rows {
        let input = format!("rows {known} to {rows}, {BATCH} a transaction");
        print("insert verdicts", "blocks/s", (rows - known) as f64 / busy, &input);
        if slowest.is_finite() {
            print("insert verdicts, slowest million", "blocks/s", slowest, &input);
        }
    }
    Ok(store)
}

/// Times the questions that the service answers most, inside the process.
pub(super) async fn questions(store: &Store, rows: u64, print: Print<'_>) -> Result<()> {
    let input = format!("{rows} rows");
    print("database on disk", "MB", store.size_bytes().await? as f64 / 1e6, &input);
    let epochs = rows / 32;
    let mut times = [const { Vec::new() }; 3];
    for turn in 0..1_000_u64 {
        let start = u64::from(root(turn).0[0]) * epochs / 512;
        let begun = Instant::now();
        black_box(store.blocks_per_client(Epoch(start)..Epoch(epochs)).await?);
        times[0].push(begun.elapsed().as_secs_f64() * 1000.0);
        let begun = Instant::now();
        black_box(store.gaps().await?);
        times[1].push(begun.elapsed().as_secs_f64() * 1000.0);
        let begun = Instant::now();
        black_box(store.validator_blocks(validator(turn * 1_021), Slot(0)).await?);
        times[2].push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let names = ["blocks_per_client, p99", "sync/gaps, p99", "validator blocks, p99"];
    for (times, name) in times.iter_mut().zip(names) {
        print(name, "ms", percentile(times, 0.99), &input);
    }
    Ok(())
}
