//! Storing blocks and asking for them.

mod support;

use consensus::{Epoch, Slot, ValidatorIndex};
use fingerprint::Client;
use store::{CanonicalState, ClientCounts, Confusion, Gap, InsertReport, OpenMode};
use support::{Engine, Scratch, block, each_engine};

each_engine!(
    a_block_comes_back_as_it_went_in,
    a_known_block_is_updated_and_counted_once,
    an_empty_database_has_no_gap,
    confusion_compares_verdict_and_graffiti
);

async fn a_block_comes_back_as_it_went_in(engine: Engine) {
    let scratch = Scratch::on(engine);
    let store = scratch.create().await;
    let mut row = block(100, 99, 7, Some(Client::Teku));
    row.parent_root = Some(block(99, 98, 6, None).block_root);
    row.graffiti = Some("Teku \"x\", ü".to_owned());
    row.model_hash = Some([9; 32]);
    row.features = Some(vec![("difflib_slot".to_owned(), 0.25), ("reward".to_owned(), 3e7)]);
    row.classification.best_guess_multi = "Prysm or Teku".to_owned();
    row.classification.graffiti_guess = Some(Client::Teku);
    row.canonical = CanonicalState::Canonical;
    let report = store.insert_blocks(std::slice::from_ref(&row)).await.unwrap();
    assert_eq!(report, InsertReport { inserted: 1, updated: 0, unchanged: 0 });
    assert_eq!(store.block_by_root(row.block_root).await.unwrap().as_ref(), Some(&row));
    let again = store.insert_blocks(std::slice::from_ref(&row)).await.unwrap();
    assert_eq!(again, InsertReport { inserted: 0, updated: 0, unchanged: 1 });
    store.close().await.unwrap();

    let store = scratch.open(OpenMode::ReadOnly).await;
    assert_eq!(store.block_by_root(row.block_root).await.unwrap(), Some(row.clone()));
    row.features = None;
    assert_eq!(store.blocks_at_slot(Slot(100)).await.unwrap(), [row.clone()]);
    assert_eq!(store.recent(5).await.unwrap(), [row.clone()]);
    assert_eq!(store.validator_blocks(ValidatorIndex(7), Slot(100)).await.unwrap(), [row]);
    assert!(store.validator_blocks(ValidatorIndex(7), Slot(101)).await.unwrap().is_empty());
}

async fn a_known_block_is_updated_and_counted_once(engine: Engine) {
    let store = Scratch::on(engine).create_kept().await;
    let mut row = block(64, 63, 7, Some(Client::Teku));
    store.store.insert_blocks(std::slice::from_ref(&row)).await.unwrap();
    row.classification.best_guess_single = Some(Client::Prysm);
    let report = store.store.insert_blocks(&[row.clone(), block(65, 64, 8, None)]).await.unwrap();
    assert_eq!(report, InsertReport { inserted: 1, updated: 1, unchanged: 0 });
    let counts = store.store.blocks_per_client(Epoch(2)..Epoch(3)).await.unwrap();
    assert_eq!(counts, ClientCounts { uncertain: 1, counts: [0, 0, 0, 0, 0, 1, 0] });
    let latest = store.store.latest_per_validator(None, 10).await.unwrap();
    assert_eq!(latest.items[0].best_guess_single, Some(Client::Prysm));

    store.store.set_canonical(&[(row.block_root, CanonicalState::Orphaned)]).await.unwrap();
    let counts = store.store.blocks_per_client(Epoch(2)..Epoch(3)).await.unwrap();
    assert_eq!(counts.total(), 1);
    assert!(store.store.check().await.unwrap().is_sound());
}

async fn an_empty_database_has_no_gap(engine: Engine) {
    let store = Scratch::on(engine).create_kept().await;
    assert_eq!(store.store.gaps().await.unwrap(), []);
    let status = store.store.sync_status().await.unwrap();
    assert_eq!((status.greatest_block_slot, status.synced), (Slot(0), true));
    store.store.insert_blocks(&[block(100, 99, 1, None)]).await.unwrap();
    let gap = Gap { start: Slot(1), end: Slot(99) };
    assert_eq!(store.store.gaps().await.unwrap(), [gap]);
    assert_eq!(store.store.first_gap_touching(Slot(99)..Slot(200)).await.unwrap(), Some(gap));
    assert_eq!(store.store.first_gap_touching(Slot(100)..Slot(200)).await.unwrap(), None);
    assert!(!store.store.sync_status().await.unwrap().synced);
}

async fn confusion_compares_verdict_and_graffiti(engine: Engine) {
    let store = Scratch::on(engine).create_kept().await;
    let mut rows = Vec::new();
    for (slot, guessed, signed) in [
        (1, Some(Client::Teku), Some(Client::Teku)),
        (2, Some(Client::Teku), Some(Client::Prysm)),
        (3, Some(Client::Prysm), Some(Client::Teku)),
        (4, None, Some(Client::Nimbus)),
        (5, Some(Client::Teku), None),
    ] {
        let mut row = block(slot, slot - 1, slot, guessed);
        row.classification.graffiti_guess = signed;
        rows.push(row);
    }
    store.store.insert_blocks(&rows).await.unwrap();
    let confusion = store.store.confusion(Client::Teku, Slot(0)..Slot(100)).await.unwrap();
    assert_eq!(confusion, Confusion { true_pos: 1, true_neg: 1, false_pos: 1, false_neg: 1 });
}
