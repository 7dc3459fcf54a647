//! Taking over blockprint databases: of every age, damaged, interrupted, and replaced by real blocks later.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus::{Epoch, Slot, ValidatorIndex};
use fingerprint::Client;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use store::{CanonicalState, ImportProgress, ImportReport, RootOrigin, StoreError, surrogate_root};
use support::{Engine, Scratch, block, each_engine};

each_engine!(
    every_row_comes_over_once,
    an_old_table_with_holes_and_twins_keeps_everything,
    a_migration_broken_off_by_hand_is_read_too,
    a_real_block_takes_the_place_of_its_imported_row,
    what_is_no_blockprint_database_is_refused_with_a_sentence,
    a_damaged_file_gives_what_can_be_read
);

const MODERN: &str = "CREATE TABLE blocks (slot INT, parent_slot INTEGER, proposer_index INT, \
    best_guess_single TEXT, best_guess_multi TEXT, pr_grandine FLOAT DEFAULT 0.0, pr_lighthouse FLOAT, \
    pr_lodestar FLOAT, pr_nimbus FLOAT, pr_prysm FLOAT, pr_teku FLOAT, graffiti_guess TEXT, \
    UNIQUE(slot, proposer_index)); \
    CREATE INDEX block_proposers ON blocks (proposer_index); CREATE INDEX block_slots ON blocks (slot);";

const OLD: &str = "CREATE TABLE blocks (slot INT, parent_slot INTEGER, proposer_index INT, \
    best_guess_single TEXT, best_guess_multi TEXT, pr_lighthouse FLOAT, pr_lodestar FLOAT, pr_nimbus FLOAT, \
    pr_prysm FLOAT, pr_teku FLOAT, graffiti_guess TEXT);";

async fn old_file(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn modern_rows(count: u64) -> String {
    format!(
        "WITH RECURSIVE slots (slot) AS (VALUES (1) UNION ALL SELECT slot + 1 FROM slots WHERE slot < {count}) \
         INSERT INTO blocks SELECT slot, slot - 1, slot % 97, 'Nimbus', 'Nimbus', 0.0, 0.25, 0, 0.5, 0.125, 0.125, NULL \
         FROM slots;"
    )
}

#[derive(Default)]
struct Heard {
    total: AtomicU64,
    rows: AtomicU64,
}

impl ImportProgress for Heard {
    fn total(&self, rows: u64) {
        self.total.store(rows, Ordering::Relaxed);
    }

    fn advance(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

async fn every_row_comes_over_once(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let path = kept.scratch.file("old.sqlite");
    old_file(&path, &(MODERN.to_owned() + &modern_rows(45_000))).await;
    let heard = Heard::default();
    let report = kept.store.import_blockprint(&path, &heard).await.unwrap();
    assert_eq!(report, ImportReport { rows: 45_000, inserted: 45_000, ..ImportReport::default() });
    assert_eq!((heard.total.into_inner(), heard.rows.into_inner()), (45_000, 45_000));
    let again = kept.store.import_blockprint(&path, &()).await.unwrap();
    assert_eq!(again, ImportReport { rows: 45_000, resumed: 45_000, ..ImportReport::default() });
    assert_eq!(kept.store.block_count().await.unwrap(), 45_000);
    assert_eq!(kept.store.gaps().await.unwrap(), []);
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");

    let row = kept.store.blocks_at_slot(Slot(5)).await.unwrap().pop().unwrap();
    assert_eq!(row.root_known, RootOrigin::Imported);
    assert_eq!(row.block_root, surrogate_root(Slot(5), ValidatorIndex(5)));
    let expected = [
        ("Grandine", 0.0),
        ("Lighthouse", 0.25),
        ("Lodestar", 0.0),
        ("Nimbus", 0.5),
        ("Prysm", 0.125),
        ("Teku", 0.125),
    ];
    let stored: Vec<_> =
        row.classification.probabilities.iter().map(|(client, value)| (client.name(), *value)).collect();
    assert_eq!(stored, expected);

    // The old file goes on growing: only the new rows are taken.
    old_file(&path, "INSERT INTO blocks VALUES (45001, 45000, 3, 'Teku', 'Teku', 0, 0, 0, 0, 0, 1, 'Teku');")
        .await;
    let more = kept.store.import_blockprint(&path, &()).await.unwrap();
    assert_eq!((more.inserted, more.known, more.set_aside), (1, 45_000, 0));
}

/// What is said of a row without a slot.
const NO_SLOT: &str = "the slot is not a number of a slot";

async fn an_old_table_with_holes_and_twins_keeps_everything(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let path = kept.scratch.file("old.sqlite");
    let rows = "INSERT INTO blocks VALUES (10, 9, 1, 'Lighthouse', 'Lighthouse', 0.9, 0.1, 0, 0, 0, NULL);\
        INSERT INTO blocks VALUES (10, 9, 2, 'Teku', 'Teku', 0, 0, 0, 0, 1, NULL);\
        INSERT INTO blocks VALUES (10, 9, 1, 'Prysm', 'Prysm', 0, 0, 0, 1, 0, NULL);\
        INSERT INTO blocks VALUES (NULL, 9, 3, 'Prysm', 'Prysm', 0, 0, 0, 1, 0, NULL);\
        INSERT INTO blocks VALUES (11, NULL, 3, 'Erigon', NULL, NULL, NULL, NULL, NULL, NULL, 'Erigon');\
        INSERT INTO blocks VALUES (12, 11, NULL, 'Prysm', 'Prysm', 0, 0, 0, 1, 0, NULL);\
        INSERT INTO blocks VALUES (-4, 11, 5, 'Prysm', 'Prysm', 0, 0, 0, 1, 0, NULL);\
        INSERT INTO blocks VALUES ('x', 11, 5, x'00ff', 'Prysm', 0, 0, 0, 'much', 0, NULL);\
        INSERT INTO blocks VALUES (13, 13, 5, 'Uncertain', 'Lodestar or Teku', 9e999, 0, 0, 1, 0, 'Lodestar');";
    old_file(&path, &(OLD.to_owned() + rows)).await;
    let report = kept.store.import_blockprint(&path, &()).await.unwrap();
    let reasons: Vec<(i64, &str)> =
        report.listed.iter().map(|row| (row.row_id, row.reason.as_str())).collect();
    assert_eq!(reasons[..2], [(3, "another row has the same slot and proposer"), (4, NO_SLOT)]);
    assert_eq!(report.unknown_clients, [("Erigon".to_owned(), 1)].into());
    let (listed, unknown_clients) = (report.listed.clone(), report.unknown_clients.clone());
    let counts = ImportReport { rows: 9, inserted: 4, mended: 2, set_aside: 5, ..ImportReport::default() };
    assert_eq!(report, ImportReport { listed, unknown_clients, ..counts });
    let at_ten = kept.store.blocks_at_slot(Slot(10)).await.unwrap();
    let mut verdicts: Vec<_> = at_ten.iter().map(|row| row.classification.single_name()).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, ["Lighthouse", "Teku"]);
    let bare = kept.store.blocks_at_slot(Slot(11)).await.unwrap().pop().unwrap();
    assert_eq!((bare.parent_slot, bare.classification.probabilities.len()), (Slot(10), 0));
    assert!(at_ten[0].classification.probabilities.iter().all(|(client, _)| *client != Client::Grandine));
    let last = kept.store.blocks_at_slot(Slot(13)).await.unwrap().pop().unwrap();
    assert_eq!(last.classification.best_guess_multi, "Lodestar or Teku");
    assert_eq!(last.classification.graffiti_guess, Some(Client::Lodestar));
    let kept_rows = kept.scratch.number("SELECT COUNT(*) FROM imported_rows").await;
    assert_eq!(kept_rows, 7);
    assert!(kept.store.check().await.unwrap().is_sound());
}

async fn a_migration_broken_off_by_hand_is_read_too(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let path = kept.scratch.file("old.sqlite");
    let rows = "INSERT INTO blocks VALUES (10, 9, 1, 'Lighthouse', 'Lighthouse', 0.9, 0.1, 0, 0, 0, NULL);\
        ALTER TABLE blocks RENAME TO blocks_legacy;";
    old_file(&path, &(OLD.to_owned() + rows)).await;
    assert_eq!(kept.store.import_blockprint(&path, &()).await.unwrap().inserted, 1);
}

async fn a_real_block_takes_the_place_of_its_imported_row(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let path = kept.scratch.file("old.sqlite");
    old_file(&path, &(MODERN.to_owned() + &modern_rows(100))).await;
    kept.store.import_blockprint(&path, &()).await.unwrap();
    // Two blocks of one proposer in one slot: the first replaces the row, the second is a block of its own.
    let mut twin = block(40, 39, 40, Some(Client::Prysm));
    twin.block_root.0[0] ^= 1;
    twin.canonical = CanonicalState::Orphaned;
    let real =
        [block(40, 39, 40, Some(Client::Teku)), twin, block(41, 39, 41, None), block(101, 100, 4, None)];
    let report = kept.store.insert_blocks(&real).await.unwrap();
    assert_eq!((report.inserted, report.updated), (2, 2));
    assert_eq!(kept.store.block_count().await.unwrap(), 102);
    let row = kept.store.block_by_root(real[0].block_root).await.unwrap().unwrap();
    assert_eq!(row.root_known, RootOrigin::Reported);
    assert_eq!(kept.store.block_by_root(surrogate_root(Slot(40), ValidatorIndex(40))).await.unwrap(), None);
    assert_eq!(kept.store.blocks_per_client(Epoch(0)..Epoch(9)).await.unwrap().total(), 101);
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");

    // A later import does not bring the row back.
    old_file(&path, "INSERT INTO blocks VALUES (101, 100, 4, 'Teku', 'Teku', 0, 0, 0, 0, 0, 1, NULL);").await;
    let again = kept.store.import_blockprint(&path, &()).await.unwrap();
    assert_eq!((again.inserted, again.known), (0, 101));
    assert_eq!(kept.store.block_count().await.unwrap(), 102);
    assert_eq!(kept.store.validator_blocks(ValidatorIndex(4), Slot(101)).await.unwrap().len(), 1);
}

async fn what_is_no_blockprint_database_is_refused_with_a_sentence(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let scratch = &kept.scratch;
    let text = scratch.file("text");
    std::fs::write(
        &text,
        "this is a text that is long enough to have a header in it, but none of SQLite".repeat(9),
    )
    .unwrap();
    let empty = scratch.file("empty");
    std::fs::write(&empty, "").unwrap();
    let other = scratch.file("other.sqlite");
    old_file(&other, "CREATE TABLE songs (name TEXT)").await;
    let columns = scratch.file("columns.sqlite");
    old_file(&columns, "CREATE TABLE blocks (slot INT, colour TEXT)").await;
    let ours = Scratch::new();
    ours.create().await.close().await.unwrap();
    for (path, sentence) in [
        (text, "the file is not an SQLite database"),
        (empty, "it is empty"),
        (other, "it has no table named blocks"),
        (columns, "its table of blocks has no column proposer_index"),
        (scratch.file("nowhere"), "there is no such file"),
        (ours.path(), "its table of blocks has no column best_guess_single"),
    ] {
        let error = kept.store.import_blockprint(&path, &()).await.unwrap_err();
        assert!(matches!(error, StoreError::NotBlockprint { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(sentence) && text.contains("is not a blockprint database"), "{text}");
    }
    assert_eq!(kept.store.block_count().await.unwrap(), 0);
}

async fn a_damaged_file_gives_what_can_be_read(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let path = kept.scratch.file("old.sqlite");
    old_file(&path, &(OLD.to_owned() + &modern_rows(60_000).replace(", 0.0, 0.25", ", 0.25"))).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let (from, until) = (bytes.len() * 9 / 10, bytes.len() * 9 / 10 + 8192);
    bytes[from..until].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let error = kept.store.import_blockprint(&path, &()).await.unwrap_err();
    let StoreError::ImportDamaged { rows, .. } = error else { panic!("{error:?}") };
    assert_eq!(kept.store.block_count().await.unwrap(), rows);
    assert!(kept.store.check().await.unwrap().is_sound());
}
