//! Moving a database between engines, both ways.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use consensus::{Epoch, Slot};
use fingerprint::Client;
use private_postgres::PrivatePostgres;
use store::{
    Attestations, BlockPlace, BlockRow, CanonicalState, ChainUpdate, CopyProgress, Gap, GapCause, GapNote,
    OpenMode, RootOrigin, Store, StoreError, surrogate_root,
};
use support::{Dice, Engine, Kept, Scratch, attestations, block, root};

/// More than one batch.
const BLOCKS: u64 = 20_000;

fn rows() -> Vec<BlockRow> {
    let mut dice = Dice(11);
    let mut rows: Vec<_> = (1..=BLOCKS)
        .filter(|slot| slot % 97 != 0)
        .map(|slot| {
            let mut row = block(slot, slot - 1, dice.roll(500), dice.verdict());
            row.graffiti = (slot % 3 == 0).then(|| format!("ünï {slot}"));
            row.parent_root = (slot % 2 == 0).then_some(row.block_root);
            row.model_hash = (slot % 5 > 0).then_some([(slot % 3) as u8; 32]);
            row.classification.graffiti_guess = (slot % 7 == 0).then_some(Client::Prysm);
            row.canonical = [CanonicalState::Canonical, CanonicalState::Orphaned, CanonicalState::Finalized]
                [dice.roll(3) as usize];
            row.features = (slot % 4 == 0)
                .then(|| vec![(format!("f{}", slot % 3), slot as f64 / 7.0), ("nan".to_owned(), f64::NAN)]);
            row.attestations = match slot % 4 {
                0 | 1 => attestations(slot, slot % 9),
                2 => Attestations::Counted(slot as u32),
                _ => Attestations::NotRecorded,
            };
            row.signs = dice.signs();
            row.first_seen_ms = (slot % 6 == 0).then_some(1_763_800_000_000 + slot);
            row
        })
        .collect();
    // Two blocks that want the same place in the table, and one that came without a root.
    let mut twin = block(500, 499, 3, None);
    twin.block_root.0[..3].copy_from_slice(&rows[494].block_root.0[..3]);
    rows.push(twin);
    let mut imported = block(BLOCKS + 9, BLOCKS + 8, 5, None);
    imported.root_known = RootOrigin::Imported;
    imported.block_root = surrogate_root(imported.slot, imported.proposer_index);
    rows.push(imported);
    rows
}

async fn filled(engine: Engine) -> Kept {
    let kept = Scratch::on(engine).create_kept().await;
    kept.store.insert_blocks(&rows()).await.unwrap();
    kept.store.register_model([1; 32], "one", "{\"rows\":5}").await.unwrap();
    kept.scratch
        .run("INSERT INTO imported_rows (source_row, reason, original) VALUES (7, 'no slot', '{\"slot\":null}')")
        .await;
    let place = BlockPlace { root: root(7, 6, 1), slot: Slot(7) };
    let update = ChainUpdate { rows: &[], head: place, finalized: place };
    kept.store.apply_chain_update(&update).await.unwrap();
    kept.store.claim_network(root(1, 0, 9)).await.unwrap();
    let gap = Gap { start: Slot(97), end: Slot(97) };
    let note = GapNote {
        gap,
        cause: GapCause::Pruned,
        detail: "no state".to_owned(),
        tries: 3,
        last_try: 5,
        next_try: Some(9),
    };
    kept.store.note_gaps(&[note]).await.unwrap();
    kept
}

async fn same(a: &Store, b: &Store) {
    assert_eq!(a.gaps().await.unwrap(), b.gaps().await.unwrap());
    let all = Epoch(0)..Epoch(u64::MAX);
    assert_eq!(a.blocks_per_client(all.clone()).await.unwrap(), b.blocks_per_client(all).await.unwrap());
    for row in rows().iter().step_by(997) {
        let (ours, theirs) = (a.block_by_root(row.block_root), b.block_by_root(row.block_root));
        let (ours, theirs) = (ours.await.unwrap().unwrap(), theirs.await.unwrap().unwrap());
        assert_eq!((&ours.attestations, &theirs.attestations), (&row.attestations, &row.attestations));
    }
    for slot in [4, 500, 12_000, BLOCKS + 9] {
        let by_root = |mut rows: Vec<BlockRow>| {
            rows.sort_by_key(|row| row.block_root);
            rows
        };
        let (ours, theirs) =
            (a.blocks_at_slot(Slot(slot)).await.unwrap(), b.blocks_at_slot(Slot(slot)).await.unwrap());
        assert_eq!(by_root(ours), by_root(theirs));
    }
    let rules = async |store: &Store| store.rule_counts(Epoch(0)..Epoch(1 << 20), 100).await.unwrap();
    assert!(rules(a).await.len() > 5);
    assert_eq!(rules(a).await, rules(b).await);
    let latest = async |store: &Store| store.latest_per_validator(None, 1000).await.unwrap();
    assert_eq!(latest(a).await, latest(b).await);
    assert_eq!(a.chain_marks().await.unwrap(), b.chain_marks().await.unwrap());
    assert_eq!(a.gap_notes().await.unwrap(), b.gap_notes().await.unwrap());
    assert!(matches!(b.claim_network(root(2, 0, 9)).await, Err(StoreError::OtherNetwork { .. })));
    let check = b.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
}

#[tokio::test]
async fn there_and_back_is_the_same() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let count = rows().len() as u64;
    let first = filled(Engine::Sqlite).await;
    let server = Scratch::on(Engine::Postgres).create_kept().await;
    let there = first.store.copy_to(&server.store, &()).await.unwrap();
    assert_eq!((there.blocks, there.inserted, there.resumed), (count, count, 0));
    assert!(there.digest.evidence > count / 5 && there.digest.others == 9, "{there:?}");
    same(&first.store, &server.store).await;
    let back = Scratch::on(Engine::Sqlite).create_kept().await;
    let report = server.store.copy_to(&back.store, &()).await.unwrap();
    assert_eq!((report.blocks, report.digest), (count, there.digest));
    same(&first.store, &back.store).await;
    // What is there already is compared, not doubled.
    let again = first.store.copy_to(&server.store, &()).await.unwrap();
    assert_eq!((again.inserted, again.digest), (0, there.digest));
}

/// Stops the copy by a panic once so many blocks are done.
struct Stop(AtomicU64);

impl CopyProgress for Stop {
    fn total(&self, _blocks: u64) {}

    fn advance(&self, blocks: u64) {
        assert!(self.0.fetch_add(blocks, Ordering::SeqCst) + blocks < 16_000, "stopped");
    }
}

#[tokio::test]
async fn an_interrupted_copy_goes_on() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let from = filled(Engine::Sqlite).await;
    let to = Scratch::on(Engine::Postgres).create_kept().await;
    let (source, target) = (from.store.clone(), to.store.clone());
    let stopped =
        tokio::spawn(async move { source.copy_to(&target, &Stop(AtomicU64::new(0))).await.map(drop) });
    assert!(stopped.await.unwrap_err().is_panic());
    let some = to.store.block_count().await.unwrap();
    assert_eq!(some, 16_384);
    let report = from.store.copy_to(&to.store, &()).await.unwrap();
    assert_eq!((report.resumed, report.inserted), (some, rows().len() as u64 - some));
    same(&from.store, &to.store).await;
}

#[tokio::test]
async fn what_differs_is_found() {
    if PrivatePostgres::shared().is_none() {
        return;
    }
    let from = filled(Engine::Sqlite).await;
    let to = Scratch::on(Engine::Postgres).create_kept().await;
    to.store.insert_blocks(&[block(BLOCKS + 50, BLOCKS + 49, 1, None)]).await.unwrap();
    let error = from.store.copy_to(&to.store, &()).await.unwrap_err();
    let count = rows().len() as u64;
    let StoreError::CopyDiffers { from: ours, to: theirs, .. } = error else { panic!("{error:?}") };
    assert_eq!((ours, theirs), (count, count + 1));

    let to = Scratch::on(Engine::Postgres).create_kept().await;
    from.store.copy_to(&to.store, &()).await.unwrap();
    for change in [
        "UPDATE evidence SET feature_values = decode(repeat('00', 16), 'hex') WHERE block_id = (SELECT MIN(block_id) FROM evidence)",
        "UPDATE block_attestations SET packed = decode('010000', 'hex') WHERE block_id = (SELECT MAX(block_id) FROM block_attestations)",
        "UPDATE blocks SET attestation_count = 9 WHERE slot = 2",
        "UPDATE models SET name = 'two'",
        "UPDATE imported_rows SET reason = 'another'",
    ] {
        to.scratch.run(change).await;
        let reader = to.scratch.open(OpenMode::ReadOnly).await;
        let back = Scratch::on(Engine::Sqlite).create_kept().await;
        let changed = reader.copy_to(&back.store, &()).await.unwrap().digest;
        let whole =
            from.store.copy_to(&Scratch::on(Engine::Sqlite).create_kept().await.store, &()).await.unwrap();
        assert_ne!(changed, whole.digest, "{change}");
    }
}

#[tokio::test]
async fn what_the_target_knows_of_the_chain_is_not_taken_back() {
    let from = filled(Engine::Sqlite).await;
    let follow = async |store: &Store, slot: u64| {
        let place = BlockPlace { root: root(slot, slot - 1, 1), slot: Slot(slot) };
        let rows = [block(slot, slot - 1, 1, None)];
        store.apply_chain_update(&ChainUpdate { rows: &rows, head: place, finalized: place }).await.unwrap();
        store.chain_marks().await.unwrap()
    };
    let ahead = Scratch::on(Engine::Sqlite).create_kept().await;
    let marks = follow(&ahead.store, 90_000).await;
    let error = from.store.copy_to(&ahead.store, &()).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("final up to slot 90000") && words.contains("up to slot 7:"), "{words}");
    let never = Scratch::on(Engine::Sqlite).create_kept().await;
    let error = never.store.copy_to(&ahead.store, &()).await.unwrap_err();
    assert!(error.to_string().contains("never followed a chain"), "{error}");
    let foreign = Scratch::on(Engine::Sqlite).create_kept().await;
    foreign.store.claim_network(root(2, 0, 9)).await.unwrap();
    let error = from.store.copy_to(&foreign.store, &()).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherNetwork { .. }), "{error:?}");
    // Nothing was copied or changed by any of it.
    assert_eq!(ahead.store.chain_marks().await.unwrap(), marks);
    assert_eq!(
        (ahead.store.block_count().await.unwrap(), foreign.store.block_count().await.unwrap()),
        (1, 0)
    );
}
