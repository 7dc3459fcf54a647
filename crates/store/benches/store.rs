//! Fills a database and times inserts and queries.
//!
//! `cargo bench -p store -- --rows 1000000 [--batch 65536] [--queries 2000] [--evidence] [--attestations] [--keep FILE]`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use consensus::{Epoch, Gwei, Root, Slot, ValidatorIndex};
use fingerprint::classifier::Classification;
use fingerprint::{Client, Sign, Signs};
use store::{AttestationRow, Attestations, BlockRow, CanonicalState, OpenMode, RootOrigin, RowShape, Store};

/// Validators that take turns at random.
const VALIDATORS: u64 = 1_000_000;

struct Options {
    rows: u64,
    /// Rows in one transaction.
    batch: u64,
    /// Queries of each kind.
    queries: u64,
    evidence: Option<usize>,
    /// Whether eight attestations of each block are stored.
    attestations: bool,
    keep: Option<PathBuf>,
}

fn options() -> Options {
    let mut options = Options {
        rows: 1_000_000,
        batch: 65_536,
        queries: 2000,
        evidence: None,
        attestations: false,
        keep: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rows" => options.rows = number(words.next()),
            "--batch" => options.batch = number(words.next()).max(1),
            "--queries" => options.queries = number(words.next()),
            "--evidence" => options.evidence = Some(24),
            "--attestations" => options.attestations = true,
            "--keep" => options.keep = words.next().map(PathBuf::from),
            _ => {}
        }
    }
    options
}

fn number(word: Option<String>) -> u64 {
    let word = word.unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("{word:?} is not a number"))
}

/// Numbers that look random and are the same in every run.
fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn root(slot: u64) -> Root {
    let mut bytes = [0; 32];
    for (part, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&mixed(slot * 4 + part).to_le_bytes());
    }
    Root(bytes)
}

/// The attestations of a full block as one of mainnet may have them: a wide one, and seven of a few committees.
fn attestations(slot: u64) -> Attestations {
    let row = |position: u64| {
        let random = mixed(slot * 8 + position);
        let few = (1 << (random % 64)) | (1 << (random / 64 % 64));
        let (committees, new) = if position == 0 { (u64::MAX, 30_000) } else { (few, (random % 400) as u32) };
        let shape = RowShape {
            committees,
            committees_of_slot: 64,
            repeated: (random >> 32) as u32 % 900,
            paid: Gwei(u64::from(new) * 1_000),
        };
        AttestationRow { slot: Slot(slot.saturating_sub(1 + position / 3)), new, shape: Some(shape) }
    };
    Attestations::Listed((0..8).map(row).collect())
}

fn row(slot: u64, options: &Options) -> BlockRow {
    let random = mixed(slot);
    let client = Client::ALL[(random % 7) as usize];
    let probabilities = Client::ALL
        .into_iter()
        .map(|known| (known, if known == client { 0.61803 } else { 0.063_661 }))
        .collect();
    BlockRow {
        block_root: root(slot),
        root_known: RootOrigin::Reported,
        parent_root: Some(root(slot - 1)),
        slot: Slot(slot),
        parent_slot: Slot(slot - 1),
        proposer_index: ValidatorIndex(mixed(random) % VALIDATORS),
        graffiti: Some(format!("{client}/v5.{}.{}", random % 3, random % 11)),
        classification: Classification {
            best_guess_single: Some(client),
            best_guess_multi: client.name().to_owned(),
            probabilities,
            graffiti_guess: random.is_multiple_of(4).then_some(client),
        },
        model_hash: Some([7; 32]),
        canonical: CanonicalState::Canonical,
        features: options.evidence.map(|count| {
            (0..count)
                .map(|index| (format!("difflib_feature_{index}"), random as f64 / index as f64))
                .collect()
        }),
        attestations: if options.attestations { attestations(slot) } else { Attestations::Counted(8) },
        // Few blocks break a rule, and those do in few ways.
        signs: Some(match random % 16 {
            few @ (0 | 1) => Signs::NONE.with(Sign::ALL[few as usize]),
            _ => Signs::NONE,
        }),
        first_seen_ms: Some(1_606_824_023_000 + slot * 12_000 + random % 4_000),
    }
}

fn report(name: &str, mut times: Vec<Duration>) {
    if times.is_empty() {
        return;
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{name:<44} p50 {:8.3} ms   p99 {:8.3} ms   max {:8.3} ms", at(0.5), at(0.99), at(1.0));
}

#[tokio::main]
async fn main() {
    let options = options();
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = options.keep.clone().unwrap_or_else(|| scratch.path().join("bench.sqlite"));
    let store = Store::open(&path, OpenMode::Create).await.expect("a database");
    let known = store.sync_status().await.expect("a status").greatest_block_slot.0;

    let (mut inside, mut slot, mut lap, mut lap_rows) = (Duration::ZERO, known, Duration::ZERO, 0);
    while slot < options.rows {
        let end = (slot + options.batch).min(options.rows);
        let rows: Vec<_> = (slot + 1..=end).map(|slot| row(slot, &options)).collect();
        let started = Instant::now();
        store.insert_blocks(&rows).await.expect("an insert");
        inside += started.elapsed();
        lap += started.elapsed();
        lap_rows += end - slot;
        slot = end;
        if lap_rows >= 1_000_000 {
            eprintln!("{slot} rows, last million at {:.0} rows/s", lap_rows as f64 / lap.as_secs_f64());
            (lap, lap_rows) = (Duration::ZERO, 0);
        }
    }
    if slot > known {
        println!(
            "inserted {} rows at {:.0} rows/s",
            slot - known,
            (slot - known) as f64 / inside.as_secs_f64()
        );
    }
    let again: Vec<_> = (1..=8192.min(slot)).map(|slot| row(slot, &options)).collect();
    let started = Instant::now();
    let outcome = store.insert_blocks(&again).await.expect("an insert");
    println!(
        "known rows again: {:.0} rows/s ({} unchanged)",
        again.len() as f64 / started.elapsed().as_secs_f64(),
        outcome.unchanged
    );

    let epochs = slot / 32;
    macro_rules! time {
        ($name:literal, $count:expr, $number:ident => $query:expr) => {{
            let mut times = Vec::new();
            for $number in (0..$count).map(mixed) {
                let started = Instant::now();
                std::hint::black_box($query.await.expect("an answer"));
                times.push(started.elapsed());
            }
            report($name, times);
        }};
    }
    time!("blocks_per_client, any range", options.queries, n => {
        let (a, b) = (mixed(n) % (epochs + 1), n % (epochs + 1));
        store.blocks_per_client(Epoch(a.min(b))..Epoch(a.max(b)))
    });
    time!("blocks_per_client, all", options.queries, _n => store.blocks_per_client(Epoch(0)..Epoch(u64::MAX)));
    time!("first_gap_touching, any range", options.queries, n => {
        store.first_gap_touching(Slot(n % slot)..Slot(n % slot + 10_000))
    });
    time!("gaps", options.queries, _n => store.gaps());
    time!("sync_status", options.queries, _n => store.sync_status());
    time!("validator_blocks", options.queries, n => store.validator_blocks(ValidatorIndex(n % VALIDATORS), Slot(0)));
    time!("latest_per_validator, page of 1000", options.queries, n => {
        store.latest_per_validator(Some(ValidatorIndex(n % VALIDATORS)), 1000)
    });
    time!("block_by_root", options.queries, n => store.block_by_root(root(n % slot + 1)));
    time!("blocks, 100 of any range", options.queries, n => store.blocks(Slot(n % slot)..Slot(u64::MAX), None, 100));
    time!("shares, 14 days by day", options.queries / 10, n => {
        let start = n % slot;
        store.shares(Slot(start)..Slot(start + 14 * 7200), 7200)
    });
    time!("shares, all by day", options.queries / 100, _n => store.shares(Slot(0)..Slot(slot), 7200));
    time!("confusion, a day", options.queries / 10, n => store.confusion(Client::Teku, Slot(n % slot)..Slot(n % slot + 7200)));
    time!("confusion, all", options.queries / 500, _n => store.confusion(Client::Teku, Slot(0)..Slot(u64::MAX)));
    store.close().await.expect("an end");
    let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    println!("file: {:.1} MB, {:.0} bytes a block", size as f64 / 1e6, size as f64 / slot as f64);
}
