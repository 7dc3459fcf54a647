//! Blocks of a tree in any order: states, counts and gaps are those that the head and finality make of them.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use consensus::{Epoch, Root, Slot};
use store::{
    BlockPlace, BlockRow, CanonicalState, ChainMarks, ChainUpdate, ClientCounts, Gap, GapCause, GapNote,
    IntervalSet, Store,
};
use support::{Dice, Engine, Scratch, block, each_engine};

each_engine!(
    states_follow_head_and_finality_whatever_came_before,
    what_lost_its_link_becomes_a_gap_and_is_filled,
    an_unknown_head_and_a_node_that_is_behind_change_no_state,
    notes_on_gaps_replace_each_other_and_go_when_filled,
    unknown_slots_end_with_the_parent_that_is_missing,
    a_database_is_of_one_network,
    a_head_that_is_not_above_the_final_block_changes_no_state,
);

/// A tree of blocks above a final one.
struct Tree {
    anchor: BlockPlace,
    rows: BTreeMap<Root, BlockRow>,
    main: Vec<Root>,
}

fn tree(dice: &mut Dice, slots: u64) -> Tree {
    let anchor = BlockPlace { root: support::root(100, 99, 7), slot: Slot(100) };
    let mut rows: BTreeMap<Root, BlockRow> = BTreeMap::new();
    let mut tips = vec![anchor];
    let (mut main, mut head) = (Vec::new(), anchor);
    for slot in 101..101 + slots {
        let mut grow = |parent: BlockPlace, dice: &mut Dice, proposer: u64| {
            let mut row = block(slot, parent.slot.0, proposer, dice.verdict());
            row.parent_root = Some(parent.root);
            let place = BlockPlace { root: row.block_root, slot: row.slot };
            rows.insert(row.block_root, row);
            place
        };
        if dice.roll(5) > 0 {
            head = grow(head, dice, slot % 11);
            main.push(head.root);
        }
        if dice.roll(3) == 0 {
            let tip = tips[dice.roll(tips.len() as u64) as usize];
            tips.push(grow(tip, dice, 50 + slot % 7));
        }
        if dice.roll(10) == 0 {
            tips.push(head);
        }
    }
    Tree { anchor, rows, main }
}

impl Tree {
    fn place(&self, root: Root) -> BlockPlace {
        self.rows.get(&root).map_or(self.anchor, |row| BlockPlace { root, slot: row.slot })
    }

    fn path(&self, head: Root) -> BTreeSet<Root> {
        let mut path = BTreeSet::new();
        let mut at = head;
        while let Some(row) = self.rows.get(&at) {
            path.insert(at);
            at = row.parent_root.unwrap();
        }
        path
    }

    /// The root and its ancestors that are not stored, oldest first.
    fn with_ancestors(&self, root: Root, stored: &BTreeSet<Root>) -> Vec<BlockRow> {
        let mut rows: Vec<BlockRow> = self
            .path(root)
            .iter()
            .filter(|root| !stored.contains(root))
            .map(|root| self.rows[root].clone())
            .collect();
        rows.sort_by_key(|row| row.slot);
        rows
    }

    fn expected(&self, stored: &BTreeSet<Root>, head: Root, last: BlockPlace) -> Vec<BlockRow> {
        let path = self.path(head);
        let mut rows: Vec<BlockRow> = stored.iter().map(|root| self.rows[root].clone()).collect();
        for row in &mut rows {
            row.canonical = match path.contains(&row.block_root) {
                true if row.slot <= last.slot => CanonicalState::Finalized,
                true => CanonicalState::Canonical,
                false => CanonicalState::Orphaned,
            };
        }
        rows.sort_by_key(|row| (row.slot, row.block_root));
        rows
    }
}

async fn compare(store: &Store, mut expected: Vec<BlockRow>) {
    let mut rows = store.blocks(Slot(0)..Slot(1 << 30), None, 100_000).await.unwrap().items;
    rows.sort_by_key(|row| (row.slot, row.block_root));
    expected.sort_by_key(|row| (row.slot, row.block_root));
    assert_eq!(rows, expected);
    let counted: Vec<&BlockRow> =
        expected.iter().filter(|row| row.canonical != CanonicalState::Orphaned).collect();
    let mut counts = ClientCounts::default();
    counted.iter().for_each(|row| counts.count(row.classification.best_guess_single));
    assert_eq!(store.blocks_per_client(Epoch(0)..Epoch(1 << 20)).await.unwrap(), counts);
    let set = IntervalSet::of_blocks(counted.iter().map(|row| (row.slot, row.parent_slot)));
    assert_eq!(store.gaps().await.unwrap(), set.gaps());
    let check = store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
}

async fn states_follow_head_and_finality_whatever_came_before(engine: Engine) {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let tree = tree(&mut dice, 30 + seed * 17);
        let kept = Scratch::on(engine).create_kept().await;
        let store = &kept.store;
        let mut stored = BTreeSet::new();
        let mut last = tree.anchor;
        let all: Vec<Root> = tree.rows.keys().copied().collect();
        for _ in 0..60 {
            // Any head that descends from the final block, with some blocks of other branches, some of them known.
            let heads: Vec<Root> = all
                .iter()
                .copied()
                .filter(|root| last == tree.anchor || tree.path(*root).contains(&last.root))
                .collect();
            let head = heads[dice.roll(heads.len() as u64) as usize];
            let mut rows = tree.with_ancestors(head, &stored);
            for _ in 0..dice.roll(4) {
                rows.push(tree.rows[&all[dice.roll(all.len() as u64) as usize]].clone());
            }
            let path: Vec<Root> =
                tree.main.iter().copied().filter(|root| tree.path(head).contains(root)).collect();
            if dice.roll(6) == 0
                && let Some(root) = path.get(path.len() / 2)
                && tree.rows[root].slot > last.slot
            {
                last = tree.place(*root);
            }
            dice.shuffle(&mut rows);
            stored.extend(rows.iter().map(|row| row.block_root));
            let update = ChainUpdate { rows: &rows, head: tree.place(head), finalized: last };
            let report = store.apply_chain_update(&update).await.unwrap();
            assert!(report.settled);
            let again = store.apply_chain_update(&update).await.unwrap();
            assert_eq!((again.changed, again.rows.inserted, again.rows.updated), (0, 0, 0), "seed {seed}");
            compare(store, tree.expected(&stored, head, last)).await;
            let marks = store.chain_marks().await.unwrap();
            assert_eq!((marks.head, marks.finalized), (Some(tree.place(head)), Some(last)));
        }
    }
}

async fn what_lost_its_link_becomes_a_gap_and_is_filled(engine: Engine) {
    let mut dice = Dice(5);
    let tree = tree(&mut dice, 80);
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    // A side branch was followed until the program ended.
    let side =
        *tree.rows.keys().find(|root| !tree.main.contains(root) && tree.path(**root).len() > 3).unwrap();
    let before = tree.with_ancestors(side, &BTreeSet::new());
    let update = ChainUpdate { rows: &before, head: tree.place(side), finalized: tree.anchor };
    store.apply_chain_update(&update).await.unwrap();
    // It begins anew behind a later final block.
    let split = tree.main.len() / 2;
    let last = tree.place(tree.main[split]);
    assert!(last.slot > tree.place(side).slot || split > 2);
    let after: Vec<BlockRow> = tree.main[split + 1..].iter().map(|root| tree.rows[root].clone()).collect();
    let head = tree.place(*tree.main.last().unwrap());
    let update = ChainUpdate { rows: &after, head, finalized: last };
    store.apply_chain_update(&update).await.unwrap();
    let gaps = store.gaps().await.unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let between: Vec<BlockRow> = tree.main[..=split].iter().map(|root| tree.rows[root].clone()).collect();
    for _ in 0..2 {
        store.fill_final(&between, Slot(101)..=last.slot).await.unwrap();
    }
    let stored: BTreeSet<Root> =
        before.iter().chain(&between).chain(&after).map(|row| row.block_root).collect();
    compare(store, tree.expected(&stored, head.root, last)).await;
}

async fn an_unknown_head_and_a_node_that_is_behind_change_no_state(engine: Engine) {
    let mut dice = Dice(2);
    let tree = tree(&mut dice, 40);
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let rows: Vec<BlockRow> = tree.rows.values().cloned().collect();
    let (head, last) = (tree.place(*tree.main.last().unwrap()), tree.place(tree.main[10]));
    store.apply_chain_update(&ChainUpdate { rows: &rows, head, finalized: last }).await.unwrap();
    let stored: BTreeSet<Root> = tree.rows.keys().copied().collect();
    let nowhere = BlockPlace { root: Root([9; 32]), slot: Slot(500) };
    let report =
        store.apply_chain_update(&ChainUpdate { rows: &[], head: nowhere, finalized: last }).await.unwrap();
    assert!(!report.settled && report.changed == 0);
    let earlier = ChainUpdate { rows: &[], head, finalized: tree.anchor };
    assert_eq!(store.apply_chain_update(&earlier).await.unwrap().changed, 0);
    assert_eq!(store.chain_marks().await.unwrap().finalized, Some(last));
    compare(store, tree.expected(&stored, head.root, last)).await;
}

async fn notes_on_gaps_replace_each_other_and_go_when_filled(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let note = |start: u64, end: u64, cause: GapCause, tries: u64| GapNote {
        gap: Gap { start: Slot(start), end: Slot(end) },
        cause,
        detail: "no state before slot 10".to_owned(),
        tries,
        last_try: 5,
        next_try: (cause != GapCause::NotWanted).then_some(9),
    };
    let first = [note(1, 9, GapCause::NotWanted, 0), note(10, 40, GapCause::Pruned, 1)];
    store.note_gaps(&first).await.unwrap();
    assert_eq!(store.gap_notes().await.unwrap(), first);
    let second = note(30, 50, GapCause::Unreachable, 2);
    store.note_gaps(std::slice::from_ref(&second)).await.unwrap();
    assert_eq!(store.gap_notes().await.unwrap(), [first[0].clone(), second]);
    store.fill_final(&[], Slot(45)..=Slot(60)).await.unwrap();
    assert_eq!(store.gap_notes().await.unwrap(), first[..1]);
}

async fn unknown_slots_end_with_the_parent_that_is_missing(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    store.insert_blocks(&[block(3, 0, 1, None), block(40, 30, 2, None)]).await.unwrap();
    let gap = |start: u64, end: u64| vec![Gap { start: Slot(start), end: Slot(end) }];
    assert_eq!(store.gaps().await.unwrap(), gap(4, 39));
    assert_eq!(store.unknown_slots().await.unwrap(), gap(4, 30));
}

async fn a_database_is_of_one_network(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let (ours, other) = (support::root(1, 0, 1), support::root(2, 0, 1));
    for _ in 0..2 {
        kept.store.claim_network(ours).await.unwrap();
    }
    let refused = kept.store.claim_network(other).await.unwrap_err();
    assert!(refused.to_string().contains(&ours.to_string()), "{refused}");
    assert_eq!(kept.store.chain_marks().await.unwrap(), ChainMarks::default());
}

async fn a_head_that_is_not_above_the_final_block_changes_no_state(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let child = |slot: u64, parent: &BlockRow, proposer: u64| {
        let mut row = block(slot, parent.slot.0, proposer, None);
        row.parent_root = Some(parent.block_root);
        row
    };
    let place = |row: &BlockRow| BlockPlace { root: row.block_root, slot: row.slot };
    let first = block(1, 0, 1, None);
    let second = child(2, &first, 1);
    let third = child(3, &second, 1);
    let genesis = BlockPlace { root: support::root(0, 0, 0), slot: Slot(0) };
    let main = [first.clone(), second.clone(), third.clone()];
    let update = ChainUpdate { rows: &main, head: place(&third), finalized: genesis };
    assert!(store.apply_chain_update(&update).await.unwrap().settled);
    let update = ChainUpdate { rows: &[], head: place(&third), finalized: place(&second) };
    store.apply_chain_update(&update).await.unwrap();
    // A node that does not know of finality yet follows a branch that goes by the final block.
    let beside = child(2, &first, 2);
    let side = [beside.clone(), child(4, &beside, 2)];
    let update = ChainUpdate { rows: &side, head: place(&side[1]), finalized: genesis };
    assert!(store.apply_chain_update(&update).await.unwrap().is_beside_final);
    let state = async |row: &BlockRow| {
        store.block_by_root(row.block_root).await.unwrap().expect("it is stored").canonical
    };
    for (row, expected) in [
        (&first, CanonicalState::Finalized),
        (&second, CanonicalState::Finalized),
        (&third, CanonicalState::Canonical),
        (&side[0], CanonicalState::Orphaned),
        (&side[1], CanonicalState::Orphaned),
    ] {
        assert_eq!(state(row).await, expected, "slot {}", row.slot);
    }
    let marks = store.chain_marks().await.unwrap();
    assert_eq!((marks.head, marks.finalized), (Some(place(&third)), Some(place(&second))));
    assert!(store.check().await.unwrap().is_sound());
}
