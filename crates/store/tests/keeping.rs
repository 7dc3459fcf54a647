//! Backups while others write, and what is given up after a time.

mod support;

use consensus::Slot;
use fingerprint::Client;
use store::{Attestations, BlockRow, OpenMode, Store, StoreError, StoreUrl, unfinished};
use support::{Engine, Scratch, all_signs, attestations, block, each_engine};

each_engine!(only_old_evidence_is_given_up);

fn with_evidence(slot: u64) -> BlockRow {
    let mut row = block(slot, slot - 1, slot % 50, Some(Client::Prysm));
    // Some have features, some a list of attestations, some both.
    row.features = (!slot.is_multiple_of(3))
        .then(|| vec![("difflib".to_owned(), slot as f64), ("n_attestations".to_owned(), 8.0)]);
    row.attestations =
        if slot % 3 != 1 { attestations(slot, slot % 8 + 1) } else { Attestations::Counted(8) };
    // What is not given up.
    row.signs = slot.is_multiple_of(2).then_some(all_signs());
    row.first_seen_ms = Some(slot * 12_000);
    row
}

#[tokio::test]
async fn a_backup_made_while_another_task_writes_is_one_moment_of_the_database() {
    const BATCH: u64 = 100;
    let kept = Scratch::new().create_kept().await;
    let batch = |n: u64| (n * BATCH + 1..=(n + 1) * BATCH).map(with_evidence).collect::<Vec<_>>();
    kept.store.insert_blocks(&batch(0)).await.unwrap();
    let writer = kept.store.clone();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writing = tokio::spawn(async move {
        let mut n = 1;
        while !*stopped.borrow() {
            writer
                .insert_blocks(&(n * BATCH + 1..=(n + 1) * BATCH).map(with_evidence).collect::<Vec<_>>())
                .await
                .unwrap();
            n += 1;
        }
        n
    });
    let targets: Vec<_> = (0..3).map(|n| kept.scratch.file(&format!("backup-{n}.sqlite"))).collect();
    let reading = kept.scratch.open(OpenMode::ReadOnly).await;
    for target in &targets {
        let report = reading.backup(target).await.unwrap();
        assert_eq!(report.bytes, target.metadata().unwrap().len());
        assert!(!unfinished(target).exists());
    }
    stop.send(true).unwrap();
    let batches = writing.await.unwrap();
    for target in targets {
        let copy = Store::open(StoreUrl::from(target), OpenMode::Existing).await.unwrap();
        assert!(copy.check().await.unwrap().is_sound());
        let newest = copy.sync_status().await.unwrap().greatest_block_slot.0;
        assert!(newest >= BATCH && newest.is_multiple_of(BATCH), "half of a batch: {newest}");
        assert!(newest <= batches * BATCH);
        assert_eq!(
            copy.blocks(Slot(0)..Slot(newest + 1), None, usize::MAX).await.unwrap().items.len() as u64,
            newest
        );
        // It goes on as a database of its own.
        copy.insert_blocks(&[with_evidence(newest + 1)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_takes_the_place_of_nothing() {
    let kept = Scratch::new().create_kept().await;
    let target = kept.scratch.file("precious");
    std::fs::write(&target, "precious").unwrap();
    let error = kept.store.backup(&target).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadyThere { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    let folder = kept.scratch.file("no such folder");
    let error = kept.store.backup(&folder.join("backup.sqlite")).await.unwrap_err().to_string();
    assert!(error.contains(&format!("there is no folder {}; make it", folder.display())), "{error}");
    // An unfinished backup that can't be cleared stands for a folder that can't be written, which root always can.
    let target = kept.scratch.file("blocked");
    std::fs::create_dir(unfinished(&target)).unwrap();
    let error = kept.store.backup(&target).await.unwrap_err().to_string();
    assert!(error.contains("takes no new file") && !error.contains("database engine"), "{error}");
    // What an earlier attempt left does not stop the next one.
    let target = kept.scratch.file("second");
    std::fs::write(unfinished(&target), "half").unwrap();
    kept.store.backup(&target).await.unwrap();
    assert!(target.exists() && !unfinished(&target).exists());
}

async fn only_old_evidence_is_given_up(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    kept.store.insert_blocks(&(1..=50).map(with_evidence).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(kept.store.forget_evidence(Slot(31)).await.unwrap(), (30, false));
    for slot in 1..=50 {
        let row = with_evidence(slot);
        let found = kept.store.block_by_root(row.block_root).await.unwrap().unwrap();
        let forgotten = Attestations::Counted(row.attestations.count().unwrap());
        assert_eq!(found.attestations, if slot < 31 { forgotten } else { row.attestations });
        assert_eq!(found.features, if slot < 31 { None } else { row.features });
        assert_eq!(found.classification, row.classification);
        assert_eq!((found.signs, found.first_seen_ms), (row.signs, row.first_seen_ms));
    }
    assert_eq!(kept.store.forget_evidence(Slot(31)).await.unwrap(), (0, false));
    assert!(kept.store.check().await.unwrap().is_sound());
}
