//! Databases of other versions and other programs.

mod support;

use std::path::Path;

use consensus::{Epoch, Slot, ValidatorIndex};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use store::{BlockRow, OpenMode, RuleCounts, SCHEMA_VERSION, Store, StoreError, StoreUrl};
use support::{Scratch, all_signs, block};

const VERSION_1: &str = include_str!("../migrations/sqlite/0001_base.sql");

async fn run(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn version_1(path: &Path) {
    run(path, VERSION_1).await;
    run(path, "PRAGMA application_id = 1112361777; PRAGMA user_version = 1").await;
    let mut blocks = String::new();
    for slot in 1..=70_i64 {
        blocks += &format!(
            "INSERT INTO blocks (id, block_root, root_origin, slot, parent_slot, proposer_index, best_guess, canonical) \
             VALUES ({}, randomblob(32), 0, {slot}, {}, {}, {}, 1);",
            (slot << 20) + 5,
            slot - 1,
            slot % 9,
            slot % 8
        );
    }
    for (table, key, size) in [("epoch_counts", "epoch", 32), ("coarse_counts", "bucket", 8192)] {
        let sums: Vec<String> = (0..8).map(|code| format!("SUM(best_guess = {code})")).collect();
        blocks += &format!(
            "INSERT INTO {table} SELECT slot / {size} AS {key}, {}, 0 FROM blocks GROUP BY 1;",
            sums.join(", ")
        );
    }
    blocks += "UPDATE coverage SET end_slot = 70; INSERT INTO slot_buckets VALUES (0);";
    run(path, &blocks).await;
}

#[tokio::test]
async fn an_older_schema_is_raised_and_loses_nothing() {
    let scratch = Scratch::new();
    version_1(&scratch.path()).await;
    let error = Store::open(scratch.path(), OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, StoreError::OlderSchema { found: 1, known: SCHEMA_VERSION, .. }), "{error:?}");
    assert!(error.to_string().contains(&scratch.url().to_string()), "{error}");

    let store = Store::open(scratch.path(), OpenMode::Existing).await.unwrap();
    assert_eq!(store.version_found(), 1);
    assert_eq!(store.block_count().await.unwrap(), 70);
    let latest = store.latest_per_validator(None, 100).await.unwrap().items;
    assert_eq!(latest.len(), 9);
    assert_eq!((latest[0].proposer_index, latest[0].slot), (ValidatorIndex(0), Slot(63)));
    let check = store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
    // What older versions did not keep is not known, and counts as soon as it is.
    let old = store.blocks_at_slot(Slot(7)).await.unwrap().remove(0);
    assert_eq!((old.signs, old.first_seen_ms), (None, None));
    assert_eq!(store.rule_counts(Epoch(0)..Epoch(9), 9).await.unwrap(), []);
    let told = BlockRow { signs: Some(all_signs()), ..old };
    store.insert_blocks(&[block(71, 70, 0, None), told]).await.unwrap();
    let counts = RuleCounts { signs_known: 1, all_ruled_out: 1, verdict_ruled_out: 1 };
    assert_eq!(store.rule_counts(Epoch(0)..Epoch(9), 9).await.unwrap(), [(Epoch(0), counts)]);
    assert!(store.check().await.unwrap().is_sound());
    store.close().await.unwrap();
    let store = Store::open(scratch.path(), OpenMode::Existing).await.unwrap();
    assert_eq!(store.version_found(), SCHEMA_VERSION);
    assert_eq!(store.block_count().await.unwrap(), 71);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let scratch = Scratch::new();
    scratch.create().await.close().await.unwrap();
    run(&scratch.path(), "PRAGMA user_version = 99").await;
    for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(scratch.path(), mode).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error:?}");
        let named = format!("{} has schema version 99", scratch.url());
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[tokio::test]
async fn files_of_others_are_refused_and_left_alone() {
    let scratch = Scratch::new();
    let text = scratch.file("text");
    std::fs::write(&text, "no database, but a text that goes on for longer than a header does. ".repeat(20))
        .unwrap();
    let foreign = scratch.file("foreign.sqlite");
    run(&foreign, "CREATE TABLE blocks (slot INT)").await;
    let before = (std::fs::read(&text).unwrap(), std::fs::read(&foreign).unwrap());
    for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(&text, mode).await.unwrap_err();
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error:?}");
        let error = Store::open(&foreign, mode).await.unwrap_err();
        assert!(matches!(error, StoreError::ForeignDatabase { .. }), "{error:?}");
    }
    assert_eq!(before, (std::fs::read(&text).unwrap(), std::fs::read(&foreign).unwrap()));
    let error = Store::open(scratch.file("."), OpenMode::Create).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    let error = Store::open(scratch.file("no/such/directory/x.sqlite"), OpenMode::Create).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    for mode in [OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(scratch.file("missing"), mode).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    }
    assert!(!scratch.file("missing").exists());
}

#[tokio::test]
async fn a_database_cut_short_is_called_so() {
    let scratch = Scratch::new();
    let store = scratch.create().await;
    store.insert_blocks(&[block(1, 0, 1, None)]).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let whole = std::fs::read(scratch.path()).unwrap();
    let cut = scratch.file("cut.sqlite");
    for keep in [60, 3_000, 9_000, whole.len() / 2] {
        std::fs::write(&cut, &whole[..keep]).unwrap();
        for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::ReadOnly] {
            let error = Store::open(&cut, mode).await.unwrap_err();
            assert!(matches!(error, StoreError::CutShort { .. }), "{keep} {mode:?}: {error:?}");
        }
    }
}

#[test]
fn urls_name_files() {
    for (text, path) in [
        ("blocks.sqlite", "blocks.sqlite"),
        ("/a/b.db", "/a/b.db"),
        ("sqlite:a.db", "a.db"),
        ("sqlite:///a/b.db", "/a/b.db"),
        ("sqlite://a/b.db", "a/b.db"),
    ] {
        assert_eq!(text.parse::<StoreUrl>().unwrap().path(), Some(Path::new(path)), "{text}");
    }
    assert!(matches!("mysql://x/y".parse::<StoreUrl>(), Err(StoreError::UnknownScheme { .. })));
    assert!(matches!("".parse::<StoreUrl>(), Err(StoreError::EmptyPath)));
    assert!(matches!("sqlite:".parse::<StoreUrl>(), Err(StoreError::EmptyPath)));
}
