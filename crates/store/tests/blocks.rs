//! Storing blocks and asking for them.

mod support;

use consensus::{Epoch, Slot, ValidatorIndex};
use fingerprint::{Client, Signs};
use store::{
    Attestations, BlockRow, CanonicalState, ClientCounts, Confusion, Gap, InsertReport, OpenMode, StoreError,
};
use support::{Engine, Scratch, all_signs, attestations, block, each_engine};

each_engine!(
    a_block_comes_back_as_it_went_in,
    what_is_known_of_attestations_is_not_lost,
    what_was_told_once_is_not_lost,
    damaged_attestations_are_found,
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
    row.attestations = attestations(100, 8);
    row.signs = Some(all_signs());
    row.first_seen_ms = Some(1_763_800_000_123);
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
    row.attestations = Attestations::Counted(8);
    assert_eq!(store.blocks_at_slot(Slot(100)).await.unwrap(), [row.clone()]);
    assert_eq!(store.recent(5).await.unwrap(), [row.clone()]);
    assert_eq!(store.validator_blocks(ValidatorIndex(7), Slot(100)).await.unwrap(), [row]);
    assert!(store.validator_blocks(ValidatorIndex(7), Slot(101)).await.unwrap().is_empty());
}

async fn what_is_known_of_attestations_is_not_lost(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let root = block(64, 63, 7, None).block_root;
    let store = async |attestations: Attestations| {
        let row = BlockRow { attestations, ..block(64, 63, 7, None) };
        kept.store.insert_blocks(&[row]).await.unwrap();
        let found = kept.store.block_by_root(root).await.unwrap().unwrap().attestations;
        assert_eq!(kept.store.recent(1).await.unwrap()[0].attestations, found.counted());
        assert!(kept.store.check().await.unwrap().is_sound());
        found
    };
    use Attestations::{Counted, NotRecorded};
    assert_eq!(store(NotRecorded).await, NotRecorded);
    assert_eq!(store(Counted(3)).await, Counted(3));
    assert_eq!(store(NotRecorded).await, Counted(3));
    for known in [attestations(64, 3), attestations(64, 0), attestations(64, 128), attestations(64, 5)] {
        assert_eq!(store(known.clone()).await, known);
        let row = BlockRow { attestations: known, ..block(64, 63, 7, None) };
        let again = kept.store.insert_blocks(&[row]).await.unwrap();
        assert_eq!(again, InsertReport { unchanged: 1, ..InsertReport::default() });
    }
    assert_eq!(store(NotRecorded).await, attestations(64, 5));
    assert_eq!(store(Counted(5)).await, attestations(64, 5));
    // A source that tells less of the same attestations.
    let Attestations::Listed(mut rows) = attestations(64, 5) else { unreachable!("a list") };
    rows.iter_mut().for_each(|row| row.shape = None);
    assert_eq!(store(Attestations::Listed(rows)).await, attestations(64, 5));
    // Another number: the list was of something else.
    assert_eq!(store(Counted(6)).await, Counted(6));
    let most = BlockRow { attestations: attestations(64, 129), ..block(64, 63, 7, None) };
    let error = kept.store.insert_blocks(&[most]).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { field: "attestations", .. }), "{error:?}");
}

async fn what_was_told_once_is_not_lost(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let none = Signs::NONE;
    let row =
        |signs, first_seen_ms| BlockRow { signs, first_seen_ms, ..block(64, 63, 7, Some(Client::Teku)) };
    let found = async || {
        let found = kept.store.recent(1).await.unwrap().pop().unwrap();
        assert!(kept.store.check().await.unwrap().is_sound());
        (found.signs, found.first_seen_ms)
    };
    for (signs, seen, expected) in [
        (None, None, (None, None)),
        (None, Some(900), (None, Some(900))),
        (Some(all_signs()), None, (Some(all_signs()), Some(900))),
        (None, Some(1_000), (Some(all_signs()), Some(900))),
        (Some(none), Some(800), (Some(none), Some(800))),
        (None, None, (Some(none), Some(800))),
    ] {
        kept.store.insert_blocks(&[row(signs, seen)]).await.unwrap();
        assert_eq!(found().await, expected, "{signs:?} {seen:?}");
        kept.store.fill_final(&[row(None, None)], Slot(64)..=Slot(64)).await.unwrap();
        assert_eq!(found().await, expected, "filled, {signs:?} {seen:?}");
    }
    // Twice in one transaction.
    let twice = [row(Some(all_signs()), Some(700)), row(None, Some(750)), row(None, None)];
    let report = kept.store.insert_blocks(&twice).await.unwrap();
    assert_eq!((report.inserted, report.updated), (0, 3));
    assert_eq!(found().await, (Some(all_signs()), Some(700)));
    let again = kept.store.insert_blocks(&[row(None, Some(701))]).await.unwrap();
    assert_eq!((again.updated, again.unchanged), (0, 1));
}

async fn damaged_attestations_are_found(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    for slot in [5, 6, 7] {
        let row = BlockRow { attestations: attestations(slot, 4), ..block(slot, slot - 1, 7, None) };
        kept.store.insert_blocks(&[row]).await.unwrap();
    }
    kept.scratch.run("UPDATE blocks SET attestation_count = 3 WHERE slot = 5").await;
    let newest = "WHERE block_id = (SELECT MAX(block_id) FROM block_attestations)";
    let bytes = if engine == Engine::Sqlite { "x'0900'" } else { "decode('0900', 'hex')" };
    kept.scratch.run(&format!("UPDATE block_attestations SET packed = {bytes} {newest}")).await;
    let problems = kept.store.check().await.unwrap().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("4 attestations of a block at slot 5 are stored, and the block has 3"));
    assert!(problems[1].contains("slot 7: an unknown version"), "{problems:?}");
    // Blocks that are stored again mend both.
    for slot in [5, 7] {
        let row = BlockRow { attestations: attestations(slot, 4), ..block(slot, slot - 1, 7, None) };
        kept.store.insert_blocks(&[row]).await.unwrap();
    }
    assert_eq!(kept.store.check().await.unwrap().problems, [""; 0]);
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
