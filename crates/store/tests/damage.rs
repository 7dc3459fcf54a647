//! Damaged databases: an error in one sentence or an answer, never a panic on any thread.

mod support;

use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus::{Epoch, Slot, ValidatorIndex};
use fingerprint::Client;
use parquet::file::reader::{FileReader, SerializedFileReader};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use store::{AffinityRule, CanonicalState, CheckReport, Format, OpenMode, Store, StoreError};
use support::{Dice, Scratch, attestations, block};

/// Cases of random bytes.
const CASES: u64 = 400;

/// Blocks of the database that is damaged.
const BLOCKS: u64 = 600;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts panics of all threads, also of those that sqlx starts.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
    });
}

async fn sound(scratch: &Scratch) -> Vec<u8> {
    let store = scratch.create().await;
    let mut dice = Dice(7);
    let rows: Vec<_> = (1..=BLOCKS)
        .filter(|slot| slot % 50 != 0)
        .map(|slot| {
            let mut row = block(slot, slot - 1, dice.roll(40), dice.verdict());
            row.graffiti = Some(format!("number {slot}"));
            row.classification.graffiti_guess = dice.verdict();
            row.model_hash = Some([3; 32]);
            row.features = Some(vec![("share".to_owned(), slot as f64), ("gap".to_owned(), 0.5)]);
            row.attestations = attestations(slot, slot % 9);
            row
        })
        .collect();
    store.insert_blocks(&rows).await.unwrap();
    store.close().await.unwrap();
    std::fs::read(scratch.path()).unwrap()
}

fn sentence(error: &StoreError) {
    let text = error.to_string();
    assert!(text.len() > 20 && !text.contains('\n'), "{text:?}");
}

/// Asks everything there is to ask. Gives the outcome of the check.
async fn ask_everything(store: &Store) -> Result<CheckReport, StoreError> {
    let all = Slot(0)..Slot(u64::MAX);
    let check = store.check().await;
    let root = support::root(77, 76, 3);
    macro_rules! ask {
        ($($question:expr),+ $(,)?) => { $(if let Err(error) = $question.await { sentence(&error); })+ };
    }
    ask!(
        store.gaps(),
        store.sync_status(),
        store.blocks(all.clone(), None, 10_000),
        store.recent(100),
        store.block_by_root(root),
        store.contains(&[root]),
        store.contains_blocks(&[(Slot(77), root)]),
        store.validator_blocks(ValidatorIndex(3), Slot(0)),
        store.latest_per_validator(None, 1000),
        store.validator_affinity(ValidatorIndex(3), Slot(500), AffinityRule::RECENT),
        store.blocks_per_client(Epoch(0)..Epoch(u64::MAX)),
        store.shares(all.clone(), 64),
        store.shares(Slot(5)..Slot(599), 32),
        store.first_gap_touching(Slot(3)..Slot(400)),
        store.confusion(Client::Teku, all.clone()),
        store.models(),
        store.block_count(),
        store.export(Format::Csv, &mut std::io::sink()),
        store.export(Format::Parquet, &mut std::io::sink()),
        store.insert_blocks(&[block(77, 76, 3, None), block(900, 899, 3, Some(Client::Teku))]),
        store.set_canonical(&[(root, CanonicalState::Orphaned)]),
        store.register_model([9; 32], "another", "{}"),
    );
    check
}

/// Changes bytes, or cuts the file. Half of the places are near the ends of a page, where its directory and its
/// first rows are. Gives what was done.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) -> String {
    const PAGE: u64 = 8192;
    let length = bytes.len() as u64;
    if dice.roll(5) == 0 {
        let left = dice.roll(length);
        bytes.truncate(left as usize);
        return format!("cut to {left} bytes");
    }
    let first = match dice.roll(4) {
        0 => dice.roll(100),
        1 => dice.roll(length),
        2 => dice.roll(length / PAGE) * PAGE + dice.roll(120),
        _ => (dice.roll(length / PAGE) + 1) * PAGE - 1 - dice.roll(400),
    };
    let run = 1 + dice.roll(12);
    for place in first..(first + run).min(length) {
        bytes[place as usize] = match dice.roll(4) {
            0 => 0,
            1 => 0xff,
            2 => bytes[place as usize] ^ (1 << dice.roll(8)),
            _ => dice.roll(256) as u8,
        };
    }
    format!("{run} bytes from {first}")
}

#[tokio::test]
async fn random_damage_is_told_in_a_sentence() {
    count_panics();
    let scratch = Scratch::new();
    let sound = sound(&scratch).await;
    let mut dice = Dice(2024);
    let (mut refused, mut found) = (0, 0);
    for case in 0..CASES {
        let mut bytes = sound.clone();
        let done = damage(&mut dice, &mut bytes);
        let path = scratch.file(&format!("{case}.sqlite"));
        std::fs::write(&path, &bytes).unwrap();
        let mode = if case % 2 == 0 { OpenMode::Existing } else { OpenMode::ReadOnly };
        match Store::open(&path, mode).await {
            Err(error) => {
                sentence(&error);
                refused += 1;
            }
            Ok(store) => {
                // A file that lost its end, or the pages that say what is in it, is never taken for a sound one.
                let lost_pages = bytes.len() < sound.len();
                match ask_everything(&store).await {
                    Ok(report) if report.is_sound() => {
                        assert!(!lost_pages, "case {case}, {done}: taken for sound");
                        assert!(bytes.starts_with(b"SQLite format 3\0"), "case {case}, {done}");
                        assert_eq!(report.blocks, BLOCKS - BLOCKS / 50, "case {case}, {done}");
                    }
                    Ok(_) => found += 1,
                    Err(error) => {
                        sentence(&error);
                        found += 1;
                    }
                }
                if let Err(error) = store.close().await {
                    sentence(&error);
                }
            }
        }
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "case {case}, {done}");
        std::fs::remove_file(&path).unwrap();
    }
    assert!(refused > CASES / 20 && found > CASES / 5, "{refused} refused, {found} found of {CASES}");
}

#[tokio::test]
async fn an_export_says_where_damage_ends_it_and_keeps_what_came_before() {
    const PAGE: usize = 8192;
    let scratch = Scratch::new();
    let mut bytes = sound(&scratch).await;
    let graffiti = b"number 310";
    let place = bytes.windows(graffiti.len()).position(|window| window == graffiti).unwrap();
    let page = place / PAGE * PAGE;
    bytes[page..page + PAGE].fill(0xff);
    std::fs::write(scratch.path(), &bytes).unwrap();
    let store = scratch.open(OpenMode::ReadOnly).await;

    let mut text = Vec::new();
    let error = store.export(Format::Csv, &mut text).await.unwrap_err();
    sentence(&error);
    let StoreError::ExportStopped { blocks, last: Some(last), .. } = error else { panic!("{error:?}") };
    assert!(blocks > 50 && last < Slot(310), "{blocks} {last}");
    let told = format!("{blocks} blocks, the last of them of slot {last}");
    assert!(error.to_string().contains(&told), "{error}");
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count() as u64, blocks + 1);
    assert!(text.lines().last().unwrap().starts_with(&format!("{last},")));

    let path = scratch.file("part.parquet");
    let mut file = std::fs::File::create(&path).unwrap();
    let error = store.export(Format::Parquet, &mut file).await.unwrap_err();
    assert!(matches!(error, StoreError::ExportStopped { blocks: same, .. } if same == blocks), "{error:?}");
    let part = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(part.metadata().file_metadata().num_rows(), blocks as i64);
}

async fn columns(path: &Path) -> Vec<(String, String)> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows = sqlx::query(
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn absurd_values_are_told_in_a_sentence() {
    count_panics();
    let scratch = Scratch::new();
    let sound = sound(&scratch).await;
    let columns = columns(&scratch.path()).await;
    assert!(columns.len() > 50, "{columns:?}");
    let values =
        ["-1", "9223372036854775807", "-9223372036854775807 - 1", "NULL", "'words'", "x'00ff'", "1.5e300"];
    let mut changed = 0;
    for (case, (table, column)) in columns.iter().enumerate() {
        for (number, value) in values.iter().enumerate().filter(|(number, _)| (number + case) % 3 == 0) {
            let path = scratch.file(&format!("{case}-{number}.sqlite"));
            std::fs::write(&path, &sound).unwrap();
            let mut raw =
                SqliteConnectOptions::new().filename(&path).foreign_keys(false).connect().await.unwrap();
            let sql = format!(
                "UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET \
                 (SELECT COUNT(*) / 2 FROM {table}))"
            );
            let outcome = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut raw).await;
            raw.close().await.unwrap();
            if outcome.is_ok_and(|done| done.rows_affected() > 0) {
                changed += 1;
                match Store::open(&path, OpenMode::Existing).await {
                    Ok(store) => {
                        let _ = ask_everything(&store).await.inspect_err(sentence);
                        store.close().await.unwrap();
                    }
                    Err(error) => sentence(&error),
                }
            }
            assert_eq!(PANICS.load(Ordering::SeqCst), 0, "{table}.{column} = {value}");
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert!(changed > 80, "{changed}");
}
