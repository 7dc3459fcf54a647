//! Several processes, one database: the leader, the queue of gaps, writers at once.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use consensus::Slot;
use fingerprint::Client;
use store::{Gap, OpenMode, Store, StoreError, WorkStatus};
use support::{Dice, Engine, Scratch, block, each_engine};

each_engine!(
    one_of_several_leads,
    who_reads_does_not_lead,
    work_is_done_once,
    work_of_the_lost_is_taken_by_others,
    writers_at_once_agree,
);

fn gap(start: u64, end: u64) -> Gap {
    Gap { start: Slot(start), end: Slot(end) }
}

async fn one_of_several_leads(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let other = kept.scratch.open(OpenMode::Existing).await;
    let lead = kept.store.try_lead().await.unwrap().expect("nobody leads yet");
    assert!(lead.is_held());
    assert!(other.try_lead().await.unwrap().is_none());
    lead.release().await;
    let mut lead = other.try_lead().await.unwrap().expect("the lead was given up");
    assert!(kept.store.try_lead().await.unwrap().is_none());
    assert!(tokio::time::timeout(Duration::from_millis(1500), lead.lost()).await.is_err(), "held on");
    assert!(lead.is_held());
    drop(lead);
    // The session of a dropped lead ends in the background.
    let taken_over = async {
        loop {
            if let Some(lead) = kept.store.try_lead().await.unwrap() {
                return lead;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(taken_over.await.is_held());
}

async fn who_reads_does_not_lead(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let reader = kept.scratch.open(OpenMode::ReadOnly).await;
    assert!(matches!(reader.try_lead().await, Err(StoreError::ReadOnly)));
    assert!(matches!(reader.take_work(0, 1).await, Err(StoreError::ReadOnly)));
}

async fn work_is_done_once(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let chunks: Vec<Gap> = (0..60).map(|number| gap(number * 10, number * 10 + 9)).collect();
    assert_eq!(kept.store.offer_work(&chunks).await.unwrap(), 60);
    // What is there, in whole or in part, is not put in again.
    assert_eq!(kept.store.offer_work(&chunks).await.unwrap(), 0);
    assert_eq!(kept.store.offer_work(&[gap(595, 700), gap(600, 650), gap(640, 700)]).await.unwrap(), 1);
    let status = kept.store.work_status(0).await.unwrap();
    assert_eq!(status, WorkStatus { waiting: 61, taken: 0, delayed: 0 });

    let worker = |store: Store| async move {
        let mut done = Vec::new();
        while let Some(item) = store.take_work(1000, 2000).await.unwrap() {
            assert_eq!(item.attempt, 1);
            tokio::task::yield_now().await;
            assert!(store.keep_work(&item, 3000).await.unwrap());
            assert!(store.finish_work(&item).await.unwrap());
            done.push(item.gap.start.0);
        }
        done
    };
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(kept.scratch.open(OpenMode::Existing).await);
    }
    let tasks: Vec<_> = stores.into_iter().map(|store| tokio::spawn(worker(store))).collect();
    let mut done = Vec::new();
    for task in tasks {
        let part = task.await.unwrap();
        // The newest first.
        assert!(part.is_sorted_by(|a, b| a > b), "{part:?}");
        done.extend(part);
    }
    assert_eq!(done.len(), 61);
    assert_eq!(BTreeSet::from_iter(done).len(), 61);
    assert_eq!(kept.store.work_status(0).await.unwrap(), WorkStatus::default());
}

async fn work_of_the_lost_is_taken_by_others(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    store.offer_work(&[gap(10, 19), gap(30, 39)]).await.unwrap();
    let lost = store.take_work(100, 200).await.unwrap().unwrap();
    assert_eq!((lost.gap, lost.attempt, lost.last_failure.clone()), (gap(30, 39), 1, None));
    for (slot, is_there) in [(9, false), (10, true), (19, true), (20, false), (39, true), (40, false)] {
        assert_eq!(store.has_work_at(Slot(slot)).await.unwrap(), is_there, "{slot}");
    }
    let second = store.take_work(150, 250).await.unwrap().unwrap();
    assert_eq!(second.gap, gap(10, 19));
    assert_eq!(store.take_work(199, 300).await.unwrap(), None);
    assert_eq!(store.work_status(199).await.unwrap(), WorkStatus { waiting: 0, taken: 2, delayed: 0 });
    let taken = store.take_work(200, 300).await.unwrap().unwrap();
    assert_eq!((taken.gap, taken.attempt), (gap(30, 39), 2));
    // The one that was too slow hears so, whatever it wants.
    assert!(!store.keep_work(&lost, 900).await.unwrap());
    assert!(!store.put_work_back(&lost, "late", 900).await.unwrap());
    assert!(!store.finish_work(&lost).await.unwrap());

    assert!(store.put_work_back(&taken, "the node has no state\0 there", 500).await.unwrap());
    assert_eq!(store.work_status(240).await.unwrap(), WorkStatus { waiting: 0, taken: 1, delayed: 1 });
    assert!(store.finish_work(&second).await.unwrap());
    assert_eq!(store.take_work(499, 900).await.unwrap(), None);
    let again = store.take_work(500, 900).await.unwrap().unwrap();
    assert_eq!((again.gap, again.attempt), (gap(30, 39), 3));
    assert_eq!(again.last_failure.as_deref(), Some("the node has no state there"));
}

/// Writers whose blocks, epochs and proposers are the same or beside one another, in every order.
async fn writers_at_once_agree(engine: Engine) {
    const BLOCKS: u64 = 600;
    let kept = Scratch::on(engine).create_kept().await;
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let store = kept.scratch.open(OpenMode::Existing).await;
        tasks.push(tokio::spawn(async move {
            let mut dice = Dice(writer);
            let mut rows: Vec<_> = (1..=BLOCKS)
                .map(|slot| {
                    let mut row = block(slot, slot - 1, slot % 11, Client::from_index((slot % 8) as usize));
                    row.model_hash = Some([(slot % 3) as u8; 32]);
                    row.features = Some(vec![(format!("feature {}", slot % 5), slot as f64)]);
                    row
                })
                .collect();
            dice.shuffle(&mut rows);
            let mut inserted = 0;
            for batch in rows.chunks(37) {
                let report = store.insert_blocks(batch).await.unwrap();
                assert_eq!(report.updated, 0);
                inserted += report.inserted;
            }
            inserted
        }));
    }
    let mut inserted = 0;
    for task in tasks {
        inserted += task.await.unwrap();
    }
    assert_eq!(inserted, BLOCKS, "each block is new to one writer only");
    assert_eq!(kept.store.gaps().await.unwrap(), []);
    assert_eq!(kept.store.models().await.unwrap().len(), 3);
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound() && check.blocks == BLOCKS, "{check:?}");
}
