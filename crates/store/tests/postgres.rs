//! What is PostgreSQL's own: URLs, schemas, versions, a server that goes away.

mod support;

use std::time::Duration;

use consensus::{Epoch, Slot};
use fingerprint::Client;
use private_postgres::PrivatePostgres;
use store::{BlockRow, OpenMode, SCHEMA_VERSION, Store, StoreError, StoreUrl};
use support::{Engine, Scratch, all_signs, block};

const BASE: &str = include_str!("../migrations/postgres/0002_base.sql");

#[test]
fn passwords_are_not_shown() {
    let shown = |text: &str| text.parse::<StoreUrl>().map(|url| (url.to_string(), format!("{url:?}")));
    for (text, expected) in [
        ("postgres://me:s3cret@db.example:5433/blocks", "postgres://me@db.example:5433/blocks"),
        ("postgresql://me:s3cret@db.example/blocks?sslmode=require", "postgres://me@db.example:5432/blocks"),
        ("postgres://me@db.example/blocks?password=s3cret", "postgres://me@db.example:5432/blocks"),
        ("postgres://me@db.example/blocks?pass%77ord=s3cret", "postgres://me@db.example:5432/blocks"),
        ("postgres://me:s3cret@x/blocks?host=/run/pg", "postgres://me@/run/pg/blocks"),
    ] {
        let (display, debug) = shown(text).unwrap();
        assert_eq!(display, expected);
        assert_eq!(debug, format!("StoreUrl({expected})"));
    }
    for text in [
        "postgres://me:s3/cret@db.example/blocks",
        "postgres://me:77/s3cret@db.example/blocks",
        "postgres://me:s3cret@db.example:port/blocks",
        "postgres://me:s3cret@db.example/blocks?sslmode=perhaps",
        "postgres://me:s3#cret@db.example/blocks",
    ] {
        match shown(text) {
            Err(error) => {
                assert!(matches!(error, StoreError::BadServerUrl { .. }), "{error:?}");
                assert!(!error.to_string().contains("cret"), "{error}");
            }
            Ok((display, _)) => panic!("{text} is taken for {display}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = Store::open_patiently(
        "postgres://me:s3cret@127.0.0.1:1/blocks".parse::<StoreUrl>().unwrap(),
        OpenMode::Create,
        Duration::from_secs(5),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, StoreError::CannotConnect { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("postgres://me@127.0.0.1:1/blocks") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn what_is_not_ready_for_us_is_said() {
    let Some(server) = PrivatePostgres::shared() else { return };
    let error = Store::open(
        server.url().replace("/blockmark?", "/nowhere?").parse::<StoreUrl>().unwrap(),
        OpenMode::Create,
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("\"nowhere\" does not exist"), "{error}");

    let missing = format!("{}&options=-csearch_path%3Dmissing", server.url());
    let error = Store::open(missing.parse::<StoreUrl>().unwrap(), OpenMode::Create).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSchema), "{error:?}");

    let scratch = Scratch::on(Engine::Postgres);
    for mode in [OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(scratch.url(), mode).await.unwrap_err();
        assert!(matches!(error, StoreError::NoTables { .. }), "{error:?}");
    }
    scratch.run("CREATE TABLE blocks (slot INT)").await;
    for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(scratch.url(), mode).await.unwrap_err();
        assert!(matches!(error, StoreError::ForeignTables { .. }), "{error:?}");
    }
    server.run(
        &server.url(),
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    let latin = server.url().replace("/blockmark?", "/latin?").parse::<StoreUrl>().unwrap();
    let error = Store::open(latin, OpenMode::Create).await.unwrap_err();
    assert!(matches!(error, StoreError::Encoding { .. }), "{error:?}");
}

#[tokio::test]
async fn versions_are_raised_or_refused() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let scratch = Scratch::on(Engine::Postgres);
    scratch.run(BASE).await;
    scratch
        .run(
            "INSERT INTO blocks (id, block_root, root_origin, slot, parent_slot, proposer_index, best_guess, canonical) \
             VALUES (1048581, '\\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 0, 1, 0, 7, 3, 0); \
             INSERT INTO epoch_counts VALUES (0, 0, 0, 0, 1, 0, 0, 0, 0, 0); \
             INSERT INTO coarse_counts VALUES (0, 0, 0, 0, 1, 0, 0, 0, 0, 0); \
             INSERT INTO validator_latest VALUES (7, 1048581, 3); UPDATE coverage SET end_slot = 1",
        )
        .await;
    let error = Store::open(scratch.url(), OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, StoreError::OlderSchema { found: 2, known: SCHEMA_VERSION, .. }), "{error:?}");
    assert!(error.to_string().contains(&scratch.url().to_string()), "{error}");
    let store = scratch.open(OpenMode::Existing).await;
    assert_eq!(store.version_found(), 2);
    assert_eq!(store.blocks_at_slot(Slot(1)).await.unwrap()[0].classification.single_name(), "Lodestar");
    assert_eq!(scratch.open(OpenMode::ReadOnly).await.version_found(), SCHEMA_VERSION);
    let check = store.check().await.unwrap();
    assert!(check.is_sound() && check.blocks == 1, "{check:?}");
    let old = store.blocks_at_slot(Slot(1)).await.unwrap().remove(0);
    assert_eq!((old.signs, old.first_seen_ms), (None, None));
    store.insert_blocks(&[BlockRow { signs: Some(all_signs()), ..old }]).await.unwrap();
    assert_eq!(store.rule_counts(Epoch(0)..Epoch(9), 9).await.unwrap()[0].1.verdict_ruled_out, 1);
    assert!(store.check().await.unwrap().is_sound());

    scratch.run("UPDATE blockmark_schema SET version = 99").await;
    for mode in [OpenMode::Create, OpenMode::Existing, OpenMode::ReadOnly] {
        let error = Store::open(scratch.url(), mode).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_role_without_rights_is_told_which_it_needs() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let scratch = Scratch::on(Engine::Postgres);
    let owner = scratch.create().await;
    owner.insert_blocks(&[block(1, 0, 7, Some(Client::Teku))]).await.unwrap();
    scratch.run("CREATE ROLE reader LOGIN").await;
    let url: StoreUrl = scratch.secret().replace("//blockmark@", "//reader@").parse().unwrap();
    let error = Store::open(url.clone(), OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSchema), "{error:?}");

    let grant = |right: &str| {
        format!("DO $$ BEGIN EXECUTE format('GRANT {right} %I TO reader', current_schema()); END $$")
    };
    scratch.run(&grant("USAGE ON SCHEMA")).await;
    let error = Store::open(url.clone(), OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, StoreError::NoRight { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("table blockmark_schema") && text.contains("GRANT SELECT"), "{text}");
    assert!(!text.contains("engine") && !text.contains("line"), "{text}");

    scratch.run(&grant("SELECT ON ALL TABLES IN SCHEMA")).await;
    let reading = Store::open(url.clone(), OpenMode::ReadOnly).await.unwrap();
    let check = reading.check().await.unwrap();
    assert!(check.is_sound() && check.blocks == 1, "{check:?}");
    let error = Store::open(url, OpenMode::Existing)
        .await
        .unwrap()
        .insert_blocks(&[block(2, 1, 8, None)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NoRight { .. }), "{error:?}");
}

#[tokio::test]
async fn who_opens_first_makes_the_tables_and_others_wait() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let scratch = Scratch::on(Engine::Postgres);
    let opening: Vec<_> =
        (0..8).map(|_| tokio::spawn(Store::open(scratch.url(), OpenMode::Create))).collect();
    let mut made = 0;
    for store in opening {
        let store = store.await.unwrap().unwrap();
        made += u32::from(store.version_found() == 0);
        assert_eq!(store.gaps().await.unwrap(), []);
    }
    assert!(made >= 1);
}

#[tokio::test]
async fn a_writer_that_hangs_is_waited_for_until_patience_ends() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let kept = Scratch::on(Engine::Postgres).create_kept().await;
    let hasty = Store::open_patiently(kept.scratch.url(), OpenMode::Existing, Duration::from_millis(300))
        .await
        .unwrap();
    // The table is locked by somebody with a shell, in a session that lasts until it is told to end.
    let url = kept.scratch.secret().to_owned();
    let shell = std::thread::spawn(move || {
        PrivatePostgres::shared()
            .unwrap()
            .run(&url, "BEGIN; LOCK TABLE blocks IN EXCLUSIVE MODE; SELECT pg_sleep(600); COMMIT")
    });
    let locked =
        "SELECT COUNT(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'blocks'::regclass";
    while kept.scratch.number(locked).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = hasty.insert_blocks(&[block(1, 0, 1, None)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    // Questions go on.
    assert_eq!(hasty.block_count().await.unwrap(), 0);
    kept.scratch
        .run(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' \
             AND pid <> pg_backend_pid()",
        )
        .await;
    assert!(shell.join().is_err(), "the shell's statement was ended");
    hasty.insert_blocks(&[block(1, 0, 1, None)]).await.unwrap();
}

#[tokio::test]
async fn a_server_killed_in_the_middle_keeps_whole_batches() {
    let Some(server) = PrivatePostgres::start() else { return };
    let url: StoreUrl = server.url().parse().unwrap();
    // A writer that finds no connection waits as long as this for the server to be back.
    let patience = Duration::from_secs(2);
    let store = Store::open_patiently(url, OpenMode::Create, patience).await.unwrap();
    const BATCH: u64 = 200;
    let batch = |number: u64| -> Vec<_> {
        (number * BATCH + 1..=(number + 1) * BATCH)
            .map(|slot| {
                let mut row = block(slot, slot - 1, slot % 50, Some(Client::Teku));
                row.features = Some(vec![("share".to_owned(), slot as f64)]);
                row
            })
            .collect()
    };
    let mut next = 0;
    for round in 0..4_u64 {
        let (said, mut saying) = tokio::sync::watch::channel(next);
        let writing = {
            let store = store.clone();
            tokio::spawn(async move {
                let mut number = *said.borrow();
                loop {
                    if let Err(error) = store.insert_blocks(&batch(number)).await {
                        return (number, error);
                    }
                    number += 1;
                    said.send_replace(number);
                }
            })
        };
        // After some batches, in the middle of another one.
        saying.wait_for(|done| *done >= next + 3 + round).await.unwrap();
        server.crash();
        let (stored, error) = writing.await.unwrap();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        server.restart();
        let blocks = store.block_count().await.unwrap();
        // The batch at hand may have been stored without our hearing of it, but never a part of it.
        assert!(blocks == stored * BATCH || blocks == (stored + 1) * BATCH, "{blocks} of {stored} batches");
        let check = store.check().await.unwrap();
        assert!(check.is_sound() && check.blocks == blocks, "{check:?}");
        let report = store.insert_blocks(&batch(stored)).await.unwrap();
        assert_eq!(report.inserted + report.unchanged, BATCH);
        next = stored + 1;
    }
    assert_eq!(store.gaps().await.unwrap(), []);
}

#[tokio::test]
async fn a_lead_is_lost_with_the_server_and_taken_over() {
    let Some(server) = PrivatePostgres::start() else { return };
    let url: StoreUrl = server.url().parse().unwrap();
    let first = Store::open(url.clone(), OpenMode::Create).await.unwrap();
    let second = Store::open(url, OpenMode::Create).await.unwrap();
    let mut lead = first.try_lead().await.unwrap().unwrap();
    assert!(second.try_lead().await.unwrap().is_none());
    server.crash();
    lead.lost().await;
    assert!(!lead.is_held());
    server.restart();
    let new = second.try_lead().await.unwrap().unwrap();
    assert!(new.is_held() && first.try_lead().await.unwrap().is_none());

    // A session that ends by itself: the process behind it was killed.
    let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'";
    let mut new = new;
    assert_eq!(server.run(&server.url(), end), "1");
    let taken = first.try_lead().await.unwrap();
    new.lost().await;
    drop(taken.or(first.try_lead().await.unwrap()).expect("the lead was free"));
}
