//! Counts, newest blocks and known slots stay those of the blocks, whatever happens to them.

mod support;

use std::collections::BTreeMap;

use consensus::{Epoch, Root, Slot, ValidatorIndex};
use fingerprint::Client;
use store::{BlockRow, CanonicalState, ClientCounts, RuleCounts, Store};
use support::{Dice, Engine, Scratch, block, each_engine};

each_engine!(
    counts_are_those_of_a_recount,
    lists_are_ordered_and_come_in_parts,
    many_blocks_of_one_slot_find_room
);

fn rules(blocks: &BTreeMap<Root, BlockRow>, epochs: std::ops::Range<u64>) -> RuleCounts {
    let mut counts = RuleCounts::default();
    for row in blocks.values().filter(|row| epochs.contains(&(row.slot.0 / 32))) {
        let Some(signs) = row.signs.filter(|_| row.canonical != CanonicalState::Orphaned) else { continue };
        let verdict = row.classification.best_guess_single;
        counts.signs_known += 1;
        counts.all_ruled_out += u64::from(signs.rules_out_all());
        counts.verdict_ruled_out += u64::from(verdict.is_some_and(|client| signs.rules_out(client)));
    }
    counts
}

fn counts(blocks: &BTreeMap<Root, BlockRow>, slots: std::ops::Range<u64>) -> ClientCounts {
    let mut counts = ClientCounts::default();
    for row in blocks.values() {
        if slots.contains(&row.slot.0) && row.canonical != CanonicalState::Orphaned {
            counts.count(row.classification.best_guess_single);
        }
    }
    counts
}

async fn compare(store: &Store, blocks: &BTreeMap<Root, BlockRow>, dice: &mut Dice) {
    for _ in 0..20 {
        let start = dice.roll(700);
        let end = start + dice.roll(700);
        let expected = counts(blocks, start * 32..end * 32);
        assert_eq!(store.blocks_per_client(Epoch(start)..Epoch(end)).await.unwrap(), expected);
        let (first, last) = (dice.roll(20_000), dice.roll(20_000));
        let size = 1 + dice.roll(9000);
        let shares = store.shares(Slot(first)..Slot(last), size).await.unwrap();
        let step = size.div_ceil(32) * 32;
        let mut from = first / 32 * 32;
        let mut by_hand = Vec::new();
        while from < last {
            let bucket = counts(blocks, from.max(first)..(from + step).min(last));
            if bucket.total() > 0 {
                by_hand.push((Slot(from), bucket));
            }
            from += step;
        }
        assert_eq!(shares, by_hand, "{first}..{last} by {size}");
        let length = 1 + dice.roll(300);
        let found = store.rule_counts(Epoch(start)..Epoch(end), length).await.unwrap();
        let runs = (start..end).step_by(usize::try_from(length).unwrap());
        let by_hand: Vec<_> = runs
            .map(|first| (Epoch(first), rules(blocks, first..(first + length).min(end))))
            .filter(|(_, counts)| counts.signs_known > 0)
            .collect();
        assert_eq!(found, by_hand, "{start}..{end} by {length}");
    }
    // By buckets of 256 epochs.
    let coarse = store.rule_counts(Epoch(0)..Epoch(1_024), 512).await.unwrap();
    assert_eq!(coarse[0], (Epoch(0), rules(blocks, 0..512)));
    let everything = store.shares(Slot(0)..Slot(32 * 1024), 8192).await.unwrap();
    assert_eq!(
        everything.iter().map(|(_, counts)| counts.total()).sum::<u64>(),
        counts(blocks, 0..32 * 1024).total()
    );
}

async fn counts_are_those_of_a_recount(engine: Engine) {
    let mut dice = Dice(3);
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut blocks: BTreeMap<Root, BlockRow> = BTreeMap::new();
    for _ in 0..25 {
        let mut batch = Vec::new();
        for _ in 0..dice.roll(400) {
            let slot = 1 + dice.roll(20_000);
            let mut row = block(slot, slot - 1, dice.roll(50), dice.verdict());
            row.signs = dice.signs();
            if dice.roll(10) == 0 {
                row.canonical = CanonicalState::Orphaned;
            }
            if dice.roll(5) == 0
                && let Some(known) = blocks.values().nth(dice.roll(blocks.len().max(1) as u64) as usize)
            {
                row.block_root = known.block_root;
                row.slot = known.slot;
                row.parent_slot = known.parent_slot;
            }
            batch.push(row);
        }
        let report = store.insert_blocks(&batch).await.unwrap();
        assert_eq!(report.inserted + report.updated + report.unchanged, batch.len() as u64);
        let before = blocks.clone();
        for mut row in batch {
            // "Unknown" teaches nothing about a block that was stored before.
            if let Some(old) = before.get(&row.block_root)
                && row.canonical == CanonicalState::Unknown
            {
                row.canonical = old.canonical;
            }
            if let Some(old) = blocks.get(&row.block_root) {
                row.signs = row.signs.or(old.signs);
            }
            blocks.insert(row.block_root, row);
        }
        let mut states = Vec::new();
        for row in blocks.values_mut() {
            if dice.roll(20) == 0 {
                row.canonical = [CanonicalState::Canonical, CanonicalState::Orphaned][dice.roll(2) as usize];
                states.push((row.block_root, row.canonical));
            }
        }
        store.set_canonical(&states).await.unwrap();
    }
    assert_eq!(store.block_count().await.unwrap(), blocks.len() as u64);
    compare(store, &blocks, &mut dice).await;
    let check = store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");

    let mut newest: BTreeMap<ValidatorIndex, &BlockRow> = BTreeMap::new();
    for row in blocks.values() {
        let known = newest.entry(row.proposer_index).or_insert(row);
        if row.slot > known.slot {
            *known = row;
        }
    }
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = store.latest_per_validator(after, 7).await.unwrap();
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let listed: Vec<_> = listed.iter().map(|latest| (latest.proposer_index, latest.slot)).collect();
    assert_eq!(listed, newest.iter().map(|(proposer, row)| (*proposer, row.slot)).collect::<Vec<_>>());
}

async fn lists_are_ordered_and_come_in_parts(engine: Engine) {
    let mut dice = Dice(11);
    let kept = Scratch::on(engine).create_kept().await;
    let mut rows: Vec<_> =
        (0..700).map(|number| block(1 + number / 3, number / 3, number % 10, dice.verdict())).collect();
    dice.shuffle(&mut rows);
    kept.store.insert_blocks(&rows).await.unwrap();
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = kept.store.blocks(Slot(50)..Slot(200), after, 64).await.unwrap();
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), 450);
    assert!(listed.is_sorted_by_key(|row| row.slot));
    let mut roots: Vec<_> = listed.iter().map(|row| row.block_root).collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 450);
    let several = kept.store.validators_blocks(&[9, 3, 9].map(ValidatorIndex), Slot(100)).await.unwrap();
    assert!(several.is_sorted_by_key(|row| (row.proposer_index, row.slot)));
    let expected =
        rows.iter().filter(|row| [3, 9].contains(&row.proposer_index.0) && row.slot.0 >= 100).count();
    assert_eq!(several.len(), expected);
    assert_eq!(kept.store.contains(&roots).await.unwrap().len(), 450);
    let keys: Vec<_> = listed.iter().map(|row| (row.slot, row.block_root)).collect();
    assert_eq!(kept.store.contains_blocks(&keys).await.unwrap().len(), 450);
    assert_eq!(kept.store.recent(3).await.unwrap()[0].slot, Slot(234));
}

async fn many_blocks_of_one_slot_find_room(engine: Engine) {
    // Roots that agree in the bits that go into the key.
    let kept = Scratch::on(engine).create_kept().await;
    let mut rows: Vec<_> = (0..600).map(|number| block(77, 76, number, Some(Client::Nimbus))).collect();
    for row in &mut rows {
        row.block_root.0[..3].fill(0xff);
    }
    kept.store.insert_blocks(&rows[..300]).await.unwrap();
    let report = kept.store.insert_blocks(&rows).await.unwrap();
    assert_eq!((report.inserted, report.unchanged), (300, 300));
    assert_eq!(kept.store.blocks_at_slot(Slot(77)).await.unwrap().len(), 600);
    assert!(kept.store.blocks_at_slot(Slot(78)).await.unwrap().is_empty());
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
}
