//! Bad rows, a locked file, a damaged file, a file for reading only: one sentence each, and nothing lost.

mod support;

use std::time::Duration;

use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use store::{BlockRow, OpenMode, Store, StoreError};
use support::{Engine, Scratch, block, each_engine};

each_engine!(
    a_batch_with_a_bad_row_changes_nothing,
    one_root_has_one_slot,
    values_that_are_no_numbers_are_kept_as_evidence,
    two_writers_take_turns,
    what_is_open_for_reading_stores_nothing,
    an_insert_that_is_given_up_leaves_no_trace,
    tables_beside_the_blocks_are_checked
);

async fn a_batch_with_a_bad_row_changes_nothing(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let good = block(10, 9, 1, Some(Client::Teku));
    type Change = fn(&mut BlockRow);
    let spoil: [(&str, Change); 6] = [
        ("slot", |row| row.slot = Slot(u64::MAX)),
        ("parent_slot", |row| row.parent_slot = row.slot),
        ("parent_slot", |row| row.parent_slot = Slot(u64::MAX)),
        ("proposer_index", |row| row.proposer_index = ValidatorIndex(u64::MAX)),
        ("graffiti", |row| row.graffiti = Some("a\0b".to_owned())),
        ("probabilities", |row| row.classification.probabilities[0].1 = f64::NAN),
    ];
    for (name, change) in spoil {
        let mut bad = block(11, 10, 2, Some(Client::Teku));
        change(&mut bad);
        let error = kept.store.insert_blocks(&[good.clone(), bad]).await.unwrap_err();
        let StoreError::BadRow { field, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*field, name, "{error}");
        assert_eq!(kept.store.block_count().await.unwrap(), 0);
    }
}

async fn one_root_has_one_slot(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let first = block(10, 9, 1, Some(Client::Teku));
    let elsewhere = |slot: u64| BlockRow { slot: Slot(slot), parent_slot: Slot(slot - 1), ..first.clone() };
    let refused = async |rows: &[BlockRow]| {
        let error = kept.store.insert_blocks(rows).await.unwrap_err();
        assert!(matches!(error, StoreError::BadRow { field: "slot", .. }), "{error:?}");
        assert!(error.to_string().contains("a root belongs to one slot"), "{error}");
    };
    refused(&[first.clone(), elsewhere(11)]).await;
    kept.store.insert_blocks(std::slice::from_ref(&first)).await.unwrap();
    // In the same stretch of slots, and 36 days and a year later.
    for slot in [11, 300_000, 3_000_000] {
        refused(&[block(slot + 5, slot + 4, 2, None), elsewhere(slot)]).await;
    }
    // So many blocks that the stored roots are remembered instead of looked up; then another process stores one.
    let many =
        |from: u64| (from..from + 9_000).map(|slot| block(slot, slot - 1, 3, None)).collect::<Vec<_>>();
    let with = |mut rows: Vec<BlockRow>, row: &BlockRow| {
        rows.push(row.clone());
        rows
    };
    refused(&with(many(300_000), &elsewhere(400_000))).await;
    kept.store.insert_blocks(&many(300_000)).await.unwrap();
    refused(&with(many(600_000), &BlockRow { slot: Slot(700_000), ..block(300_100, 300_099, 3, None) }))
        .await;
    let other = kept.scratch.open(OpenMode::Existing).await;
    let foreign = block(20, 19, 5, None);
    other.insert_blocks(std::slice::from_ref(&foreign)).await.unwrap();
    refused(&with(many(600_000), &BlockRow { slot: Slot(800_000), ..foreign })).await;
    assert_eq!(kept.store.block_count().await.unwrap(), 9_002);
    assert!(kept.store.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn a_root_stored_twice_by_others_is_found() {
    let kept = Scratch::new().create_kept().await;
    kept.store.insert_blocks(&[block(10, 9, 1, None), block(300_000, 299_999, 1, None)]).await.unwrap();
    kept.scratch.run("UPDATE blocks SET block_root = (SELECT block_root FROM blocks WHERE slot = 10)").await;
    let problems = kept.store.check().await.unwrap().problems;
    assert!(
        problems.iter().any(|text| text.ends_with("stored more than once, at slots 10, 300000")),
        "{problems:?}"
    );
}

async fn values_that_are_no_numbers_are_kept_as_evidence(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let mut row = block(10, 9, 1, None);
    row.features = Some(vec![("reward".to_owned(), f64::NAN), ("x".to_owned(), f64::INFINITY)]);
    kept.store.insert_blocks(std::slice::from_ref(&row)).await.unwrap();
    assert_eq!(kept.store.insert_blocks(std::slice::from_ref(&row)).await.unwrap().unchanged, 1);
    let features = kept.store.block_by_root(row.block_root).await.unwrap().unwrap().features.unwrap();
    assert!(features[0].1.is_nan() && features[1].1.is_infinite());
}

#[tokio::test]
async fn a_locked_database_can_be_read_but_not_written() {
    let kept = Scratch::new().create_kept().await;
    kept.store.insert_blocks(&[block(1, 0, 1, None)]).await.unwrap();
    let open = |mode| Store::open_patiently(kept.scratch.path(), mode, Duration::from_millis(300));
    let hasty = open(OpenMode::Existing).await.unwrap();
    let mut other = SqliteConnectOptions::new().filename(kept.scratch.path()).connect().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE blocks SET best_guess = 3").execute(&mut other).await.unwrap();
    let error = hasty.insert_blocks(&[block(2, 1, 1, None)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    assert!(error.to_string().contains("locked by another process"), "{error}");
    let second = open(OpenMode::Existing).await.unwrap();
    assert!(matches!(second.register_model([1; 32], "", "{}").await, Err(StoreError::Busy)));
    let reader = Store::open(kept.scratch.path(), OpenMode::ReadOnly).await.unwrap();
    let rows = reader.recent(10).await.unwrap();
    assert_eq!((rows.len(), rows[0].classification.best_guess_single), (1, None));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    kept.store.insert_blocks(&[block(2, 1, 1, None)]).await.unwrap();
    assert_eq!(reader.block_count().await.unwrap(), 2);
}

async fn two_writers_take_turns(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let second = kept.scratch.open(OpenMode::Existing).await;
    let write = |store: Store, from: u64| async move {
        for slot in 0..40 {
            let slot = from + slot * 2;
            store.insert_blocks(&[block(slot, slot - 1, slot % 5, Some(Client::Prysm))]).await.unwrap();
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    };
    tokio::join!(write(kept.store.clone(), 1), write(second, 2));
    assert_eq!(kept.store.gaps().await.unwrap(), []);
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound() && check.blocks == 80, "{check:?}");
}

async fn what_is_open_for_reading_stores_nothing(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let reader = kept.scratch.open(OpenMode::ReadOnly).await;
    let error = reader.insert_blocks(&[block(1, 0, 1, None)]).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
    assert!(matches!(reader.set_canonical(&[]).await, Err(StoreError::ReadOnly)));
    assert!(matches!(reader.register_model([0; 32], "", "{}").await, Err(StoreError::ReadOnly)));
}

async fn an_insert_that_is_given_up_leaves_no_trace(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let rows: Vec<_> = (1..20_000).map(|slot| block(slot, slot - 1, slot, None)).collect();
    let given_up = tokio::time::timeout(Duration::from_millis(3), kept.store.insert_blocks(&rows)).await;
    if given_up.is_err() {
        assert_eq!(kept.store.block_count().await.unwrap(), 0);
    }
    let report = kept.store.insert_blocks(&rows).await.unwrap();
    assert_eq!(report.inserted + report.unchanged, 19_999);
    assert!(kept.store.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn damage_is_found() {
    let scratch = Scratch::new();
    let store = scratch.create().await;
    let rows: Vec<_> = (1..5000).map(|slot| block(slot, slot - 1, slot, None)).collect();
    store.insert_blocks(&rows).await.unwrap();
    store.close().await.unwrap();
    let sound = std::fs::read(scratch.path()).unwrap();
    let mut damaged = sound.clone();
    let (from, until) = (sound.len() / 2, sound.len() / 2 + 40_000);
    damaged[from..until].fill(0x5a);
    std::fs::write(scratch.path(), damaged).unwrap();
    let store = Store::open(scratch.path(), OpenMode::Existing).await.unwrap();
    assert!(!store.check().await.unwrap().is_sound());
    let error = store.blocks(Slot(0)..Slot(9000), None, 9000).await.err();
    assert!(matches!(error, None | Some(StoreError::Damaged { .. })), "{error:?}");
    drop(store);

    std::fs::write(scratch.path(), &sound[..sound.len() / 3]).unwrap();
    let outcome = match Store::open(scratch.path(), OpenMode::Existing).await {
        Ok(store) => store.check().await.map(|report| report.is_sound()),
        Err(error) => Err(error),
    };
    assert!(matches!(outcome, Ok(false) | Err(StoreError::Damaged { .. })), "{outcome:?}");
}

async fn tables_beside_the_blocks_are_checked(engine: Engine) {
    let damage = [
        ("UPDATE epoch_counts SET teku = teku + 1", "epoch_counts"),
        ("UPDATE coarse_counts SET orphaned = 5", "coarse_counts"),
        ("UPDATE epoch_counts SET signs_known = 1", "epoch_counts"),
        ("UPDATE coarse_counts SET all_ruled_out = all_ruled_out - 1", "coarse_counts"),
        ("UPDATE blocks SET signs = -1 WHERE slot = 40", "stands for no signs"),
        ("DELETE FROM coverage", "known slots"),
        ("DELETE FROM validator_latest WHERE proposer_index = 3", "newest block"),
        ("DELETE FROM slot_buckets", "not listed"),
    ];
    // A server has no such list.
    let damage = if engine == Engine::Sqlite { &damage[..] } else { &damage[..damage.len() - 1] };
    for (sql, word) in damage {
        let kept = Scratch::on(engine).create_kept().await;
        let rows: Vec<_> = (1..100).map(|slot| block(slot, slot - 1, slot % 7, Some(Client::Teku))).collect();
        kept.store.insert_blocks(&rows).await.unwrap();
        assert!(kept.store.check().await.unwrap().is_sound());
        kept.scratch.run(sql).await;
        let problems = kept.store.check().await.unwrap().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(word), "{problems:?}");
    }
    let kept = Scratch::on(engine).create_kept().await;
    kept.store.insert_blocks(&[block(1, 0, 7, None)]).await.unwrap();
    kept.scratch.run("UPDATE blocks SET signs = 0").await;
    let problems = kept.store.check().await.unwrap().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("epoch_counts") && problems[1].contains("coarse_counts"), "{problems:?}");
}

#[test]
fn futures_may_move_between_threads() {
    fn sent<T: Send>(_: T) {}
    fn all(store: &Store, rows: &[BlockRow]) {
        sent(store.insert_blocks(rows));
        sent(store.set_canonical(&[]));
        sent(store.gaps());
        sent(store.check());
        sent(store.import_blockprint("", &()));
    }
    let _ = all;
}
