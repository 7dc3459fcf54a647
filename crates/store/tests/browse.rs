//! Lists to look through: what comes page by page is what a look at every row gives.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use consensus::{Slot, ValidatorIndex};
use fingerprint::{Client, ConfusionMatrix};
use store::{
    BlockFilter, BlockRow, CanonicalState, ClientCounts, Found, Gap, GapCause, GapNote, HISTORY_BLOCKS,
    HistoryFilter, IntervalSet, MAX_GROUPED_SLOTS, Seek, Store, StoreError, ValidatorFilter, ValidatorSet,
};
use support::{Dice, Engine, Scratch, block, each_engine};

each_engine!(
    filters_give_what_a_look_at_every_row_gives,
    a_rare_block_is_found_over_several_pages,
    missed_slots_are_neither_built_nor_unknown,
    branches_left_behind_are_told_with_what_replaced_them,
    missing_slots_come_with_their_causes,
    validators_come_with_their_history,
    groups_and_graffiti_are_counted,
    roots_are_found_by_their_first_digits
);

const GRAFFITI: [&str; 5] = ["", "Teku/v24", "LODESTAR", "ünïcode", "100% _x_ 'quoted'"];

fn random_block(dice: &mut Dice, slot: u64, parent: u64, proposers: u64) -> BlockRow {
    let verdict = dice.verdict();
    let mut row = block(slot, parent, dice.roll(proposers), verdict);
    for (_, probability) in &mut row.classification.probabilities {
        *probability = dice.roll(101) as f64 / 100.0;
    }
    row.graffiti = Some(GRAFFITI[dice.roll(5) as usize].to_owned());
    row.classification.graffiti_guess = dice.verdict().filter(|_| dice.roll(2) == 0);
    row.canonical = match dice.roll(8) {
        0 => CanonicalState::Orphaned,
        1 => CanonicalState::Canonical,
        2 => CanonicalState::Unknown,
        _ => CanonicalState::Finalized,
    };
    row
}

fn random_filter(dice: &mut Dice, slots: u64, proposers: u64) -> BlockFilter {
    let mut filter = BlockFilter::default();
    if dice.roll(3) == 0 {
        let start = dice.roll(slots);
        filter.slots = Some(Slot(start)..Slot(start + dice.roll(slots)));
    }
    filter.proposers = match dice.roll(4) {
        0 => Some((0..1 + dice.roll(5)).map(|_| ValidatorIndex(dice.roll(proposers))).collect()),
        1 => Some(ValidatorSet::of_runs([(ValidatorIndex(dice.roll(proposers)), ValidatorIndex(1 << 40))])),
        _ => None,
    };
    if dice.roll(3) == 0 {
        filter.verdict = Some(dice.verdict());
    }
    if dice.roll(4) == 0 {
        let low = dice.roll(101) as f64 / 100.0;
        filter.probability = Some(low..=(low + dice.roll(60) as f64 / 100.0));
    }
    if dice.roll(4) == 0 {
        filter.graffiti = Some(["teku", "LodeStar", "Ï", "% _X_", "'"][dice.roll(5) as usize].to_owned());
    }
    if dice.roll(3) == 0 {
        filter.states = vec![CanonicalState::Orphaned];
        if dice.roll(2) == 0 {
            filter.states.push(CanonicalState::Canonical);
        }
    }
    filter.conflict = dice.roll(5) == 0;
    filter
}

fn passes(filter: &BlockFilter, row: &BlockRow) -> bool {
    let verdict = row.classification.best_guess_single;
    filter.slots.as_ref().is_none_or(|slots| slots.contains(&row.slot))
        && filter.proposers.as_ref().is_none_or(|set| set.contains(row.proposer_index))
        && filter.verdict.is_none_or(|wanted| wanted == verdict)
        && filter.probability.as_ref().is_none_or(|bounds| {
            verdict.is_some_and(|client| bounds.contains(&row.classification.probability(client)))
        })
        && filter.graffiti.as_ref().is_none_or(|part| {
            let text = row.graffiti.as_deref().unwrap_or_default().to_ascii_lowercase();
            text.contains(&part.to_ascii_lowercase())
        })
        && (filter.states.is_empty() || filter.states.contains(&row.canonical))
        && (!filter.conflict
            || verdict.is_some_and(|verdict| {
                row.classification.graffiti_guess.is_some_and(|signed| signed != verdict)
            }))
}

/// Goes through all pages in one direction, and gives the items newest first.
async fn walk(store: &Store, filter: &BlockFilter, start: Seek, limit: usize) -> Vec<BlockRow> {
    let (mut rows, mut seek) = (Vec::new(), start);
    loop {
        let page: Found<BlockRow> = store.search_blocks(filter, seek, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(page.items.iter().all(|row| page.searched.contains(&row.slot)), "{:?}", page.searched);
        let next = match start {
            Seek::Newest | Seek::Before(_) => {
                rows.extend(page.items);
                page.older.map(Seek::Before)
            }
            Seek::Oldest | Seek::After(_) => {
                rows.splice(0..0, page.items);
                page.newer.map(Seek::After)
            }
        };
        let Some(next) = next else { return rows };
        seek = next;
    }
}

async fn filters_give_what_a_look_at_every_row_gives(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut dice = Dice(7);
    // More rows than are looked at first.
    const SLOTS: u64 = 1_600;
    const PROPOSERS: u64 = 700;
    let mut rows = Vec::new();
    for slot in 1..SLOTS {
        // In two buckets of the indexes.
        let slot = 262_144 - 300 + slot;
        for _ in 0..dice.roll(3) {
            rows.push(random_block(&mut dice, slot, slot - 1, PROPOSERS));
        }
    }
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert(row.block_root));
    store.insert_blocks(&rows).await.unwrap();
    let all = walk(store, &BlockFilter::default(), Seek::Newest, 1_000).await;
    assert_eq!(all.len(), rows.len());
    assert!(all.windows(2).all(|pair| pair[0].slot >= pair[1].slot));
    for turn in 0..120 {
        let filter = random_filter(&mut dice, 262_144 + SLOTS, PROPOSERS);
        let expected: Vec<BlockRow> = all.iter().filter(|row| passes(&filter, row)).cloned().collect();
        let limit = 1 + dice.roll(40) as usize;
        assert_eq!(walk(store, &filter, Seek::Newest, limit).await, expected, "{turn}: {filter:?}");
        assert_eq!(walk(store, &filter, Seek::Oldest, limit).await, expected, "{turn}: {filter:?}");
        // From the middle there and back.
        let page = store.search_blocks(&filter, Seek::Newest, limit).await.unwrap();
        let Some(older) = page.older else { continue };
        let second = store.search_blocks(&filter, Seek::Before(older), limit).await.unwrap();
        let back = store.search_blocks(&filter, Seek::After(second.newer.unwrap()), limit).await.unwrap();
        assert_eq!(back.items, page.items, "{turn}: {filter:?}");
    }
    let nobody = BlockFilter { proposers: Some(ValidatorSet::default()), ..BlockFilter::default() };
    assert!(walk(store, &nobody, Seek::Newest, 10).await.is_empty());
}

async fn a_rare_block_is_found_over_several_pages(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    // More rows than one question looks at.
    const ROWS: u64 = 33_000;
    let mut rows: Vec<BlockRow> =
        (1..=ROWS).map(|slot| block(slot, slot - 1, slot % 3, Some(Client::Teku))).collect();
    rows[4].classification.best_guess_single = Some(Client::Prysm);
    for rows in rows.chunks(16_384) {
        store.insert_blocks(rows).await.unwrap();
    }
    let filter = BlockFilter { verdict: Some(Some(Client::Prysm)), ..BlockFilter::default() };
    let first = store.search_blocks(&filter, Seek::Newest, 10).await.unwrap();
    assert!(
        first.items.is_empty() && first.searched == (Slot(ROWS + 1 - 32_768)..Slot(ROWS + 1)),
        "{first:?}"
    );
    let second = store.search_blocks(&filter, Seek::Before(first.older.unwrap()), 10).await.unwrap();
    assert_eq!((second.items.as_slice(), second.older), (&rows[4..5], None));
    // A chain of few validators, who have very many blocks each.
    let one = BlockFilter { proposers: Some([ValidatorIndex(1)].into_iter().collect()), ..filter };
    assert_eq!(walk(store, &one, Seek::Newest, 10).await.len(), 0);
    let validators = store.validators(&ValidatorFilter::default(), None, 10).await.unwrap();
    assert_eq!(validators.items.len(), 3);
    assert!(validators.items.iter().all(|one| one.history.blocks == HISTORY_BLOCKS), "{validators:?}");
}

async fn missed_slots_are_neither_built_nor_unknown(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    assert!(store.missed_slots(Slot(0)..Slot(100)).await.unwrap().slots.is_empty());
    let mut orphan = block(12, 11, 9, None);
    orphan.canonical = CanonicalState::Orphaned;
    let rows =
        [block(1, 0, 1, None), block(4, 1, 1, None), block(11, 10, 1, None), orphan, block(14, 11, 1, None)];
    store.insert_blocks(&rows).await.unwrap();
    // Slots 5 to 9 are a gap, with the links known no better than that.
    let missed = store.missed_slots(Slot(0)..Slot(u64::MAX)).await.unwrap();
    assert_eq!(missed.slots, [13, 12, 3, 2].map(Slot));
    assert_eq!(missed.searched, Slot(1)..Slot(15));
    assert_eq!(store.missed_slots(Slot(3)..Slot(13)).await.unwrap().slots, [12, 3].map(Slot));
    store.insert_blocks(&[block(20_000, 14, 1, None)]).await.unwrap();
    let missed = store.missed_slots(Slot(0)..Slot(30_000)).await.unwrap();
    assert_eq!(missed.searched, Slot(20_001 - 8_192)..Slot(20_001));
}

async fn branches_left_behind_are_told_with_what_replaced_them(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut rows: BTreeMap<(u64, u64), BlockRow> = BTreeMap::new();
    let mut grow = |slot: u64, parent: (u64, u64), proposer: u64, state: CanonicalState| {
        let mut row = block(slot, parent.0, proposer, Some(Client::ALL[(slot % 7) as usize]));
        row.parent_root = rows.get(&parent).map(|parent: &BlockRow| parent.block_root);
        row.canonical = state;
        rows.insert((slot, proposer), row);
    };
    let (main, off) = (CanonicalState::Canonical, CanonicalState::Orphaned);
    grow(10, (9, 0), 0, main);
    grow(11, (10, 0), 1, off); // one block, replaced in its own slot
    grow(11, (10, 0), 0, main);
    grow(12, (11, 0), 1, off); // a branch of three with a fork of its own
    grow(13, (12, 1), 1, off);
    grow(14, (13, 1), 1, off);
    grow(14, (12, 1), 2, off);
    grow(13, (11, 0), 0, main);
    grow(16, (13, 0), 0, main);
    grow(17, (16, 0), 1, off); // at the tip, not replaced yet
    let all: Vec<BlockRow> = rows.values().cloned().collect();
    store.insert_blocks(&all).await.unwrap();
    let roots = |keys: &[(u64, u64)]| keys.iter().map(|key| rows[key].block_root).collect::<BTreeSet<_>>();
    let of = |blocks: &[BlockRow]| blocks.iter().map(|row| row.block_root).collect::<BTreeSet<_>>();
    let found = store.reorgs(Slot(0)..Slot(100), Seek::Newest, 10).await.unwrap();
    assert_eq!((found.items.len(), found.older), (3, None), "{found:?}");
    let expected: [(_, u64, &[_], &[_]); 3] = [
        ((16, 0), 1, &[(17, 1)], &[]),
        ((11, 0), 3, &[(12, 1), (13, 1), (14, 1), (14, 2)], &[(13, 0), (16, 0)]),
        ((10, 0), 1, &[(11, 1)], &[(11, 0)]),
    ];
    for (reorg, (ancestor, depth, left, replaced_by)) in found.items.iter().zip(expected) {
        assert_eq!(reorg.ancestor, Some(rows[&ancestor].block_root));
        assert_eq!((reorg.ancestor_slot.0, reorg.depth), (ancestor.0, depth));
        assert_eq!(of(&reorg.left), roots(left));
        assert_eq!(of(&reorg.replaced_by), roots(replaced_by));
    }
    // Page by page, both ways, is the same.
    let first = store.reorgs(Slot(0)..Slot(100), Seek::Newest, 1).await.unwrap();
    let second = store.reorgs(Slot(0)..Slot(100), Seek::Before(first.older.unwrap()), 1).await.unwrap();
    assert_eq!([&first.items[0], &second.items[0]], [&found.items[0], &found.items[1]]);
    let back = store.reorgs(Slot(0)..Slot(100), Seek::After(second.newer.unwrap()), 1).await.unwrap();
    assert_eq!(back.items, first.items);
    assert_eq!(store.reorgs(Slot(12)..Slot(14), Seek::Newest, 9).await.unwrap().items, found.items[1..2]);
    let mut counts = ClientCounts::default();
    all.iter()
        .filter(|row| row.canonical == off && row.slot.0 < 17)
        .for_each(|row| counts.count(row.classification.best_guess_single));
    assert_eq!(store.orphans_per_client(Slot(11)..Slot(17)).await.unwrap(), counts);
}

async fn missing_slots_come_with_their_causes(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let blocks = [(100, 99), (110, 105), (120, 119), (121, 120), (130, 120)];
    store.insert_blocks(&blocks.map(|(slot, parent)| block(slot, parent, 1, None))).await.unwrap();
    let note = |start: u64, end: u64, cause: GapCause| GapNote {
        gap: Gap { start: Slot(start), end: Slot(end) },
        cause,
        detail: cause.name().to_owned(),
        tries: 1,
        last_try: 2,
        next_try: None,
    };
    let notes = [
        note(1, 49, GapCause::NotWanted),
        note(60, 105, GapCause::Pruned),
        note(121, 129, GapCause::Refused),
    ];
    store.note_gaps(&notes).await.unwrap();
    store.offer_work(&[Gap { start: Slot(112), end: Slot(115) }]).await.unwrap();
    store.take_work(1_000, 5_000).await.unwrap().unwrap();
    let expected: Vec<(u64, u64, Option<GapCause>, bool)> = vec![
        (1, 49, Some(GapCause::NotWanted), false),
        (50, 59, None, false),
        (60, 99, Some(GapCause::Pruned), false),
        (101, 105, Some(GapCause::Pruned), false),
        (106, 109, None, false),
        (111, 119, None, true),
    ];
    for limit in [1, 2, 3, 100] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.missing_slots(after, limit, 2_000).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let told: Vec<_> = found
            .iter()
            .map(|part| {
                let cause = part.note.as_ref().map(|note| note.cause);
                (part.slots.start.0, part.slots.end.0, cause, part.is_filling)
            })
            .collect();
        assert_eq!(told, expected, "limit {limit}");
        let gaps: BTreeSet<(u64, u64)> =
            found.iter().map(|part| (part.gap.start.0, part.gap.end.0)).collect();
        let set = IntervalSet::of_blocks(blocks.map(|(slot, parent)| (Slot(slot), Slot(parent))));
        assert_eq!(gaps, set.gaps().iter().map(|gap| (gap.start.0, gap.end.0)).collect());
    }
    assert!(!store.missing_slots(None, 100, 5_000).await.unwrap().items[5].is_filling);
    assert_eq!(store.gap_note_at(Slot(70)).await.unwrap().as_ref(), Some(&notes[1]));
    assert_eq!(store.gap_note_at(Slot(55)).await.unwrap(), None);
}

async fn validators_come_with_their_history(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut rows = Vec::new();
    for slot in 1..=900_u64 {
        // Validator n runs client n mod 6, and says so in most blocks.
        let proposer = slot % 300;
        let client = Client::NAMED[(proposer % 6) as usize];
        rows.push(block(slot, slot - 1, proposer, Some(client)));
    }
    store.insert_blocks(&rows).await.unwrap();
    let page = async |filter: &ValidatorFilter, limit: usize| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.validators(filter, after, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let all = page(&ValidatorFilter::default(), 77).await;
    assert_eq!(all.len(), 300);
    for (index, validator) in (0..).zip(&all) {
        assert_eq!(validator.latest.proposer_index, ValidatorIndex(index));
        let now = validator.history.now.unwrap();
        assert_eq!((validator.history.blocks, now.client), (3, Client::NAMED[(index % 6) as usize]));
        assert!(now.probability > 0.99 && validator.history.changes.is_empty(), "{validator:?}");
    }
    let teku = ValidatorFilter { latest: Some(Some(Client::Teku)), ..ValidatorFilter::default() };
    let teku: Vec<u64> = page(&teku, 7).await.iter().map(|one| one.latest.proposer_index.0).collect();
    assert_eq!(teku, (0..300).filter(|index| index % 6 == 5).collect::<Vec<_>>());
    let set = ValidatorSet::of_runs([
        (ValidatorIndex(3), ValidatorIndex(5)),
        (ValidatorIndex(290), ValidatorIndex(1_000_000)),
    ]);
    let some = ValidatorFilter { set: Some(set), latest: None };
    for limit in [2, 100] {
        let found: Vec<u64> =
            page(&some, limit).await.iter().map(|one| one.latest.proposer_index.0).collect();
        assert_eq!(found, [3, 4, 5].into_iter().chain(290..300).collect::<Vec<_>>());
    }
    validators_are_found_by_their_history(store).await;
}

/// Validators 41, 142 and 240 change from their client to Lodestar, the last one at slot 10,000.
async fn validators_are_found_by_their_history(store: &Store) {
    let mut rows = Vec::new();
    for (number, proposer) in [41, 142, 240].into_iter().enumerate() {
        for again in 0..8 {
            let slot = 9_000 + number as u64 * 500 + again * 10;
            rows.push(block(slot, slot - 1, proposer, Some(Client::Lodestar)));
        }
    }
    store.insert_blocks(&rows).await.unwrap();
    let find = async |filter: &ValidatorFilter, history: &HistoryFilter, limit: usize| {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.validators_by_history(filter, history, after, limit).await.unwrap();
            assert!(page.items.len() <= limit && page.weighed <= 256, "{page:?}");
            found.extend(page.items.iter().map(|one| one.latest.proposer_index.0));
            after = page.next;
            pages += 1;
            if after.is_none() {
                return (found, pages);
            }
        }
    };
    let any = ValidatorFilter::default();
    let changed = |slots: std::ops::Range<u64>| HistoryFilter {
        changed: Some(Slot(slots.start)..Slot(slots.end)),
        ..HistoryFilter::default()
    };
    assert_eq!(find(&any, &changed(0..20_000), 50).await, (vec![41, 142, 240], 2));
    assert_eq!(find(&any, &changed(0..20_000), 1).await.0, [41, 142, 240]);
    // Only three validators have a block so late, and only they are weighed.
    assert_eq!(find(&any, &changed(9_000..20_000), 50).await, (vec![41, 142, 240], 1));
    assert_eq!(find(&any, &changed(9_400..9_600), 50).await.0, [142]);
    assert_eq!(find(&any, &changed(10_001..20_000), 50).await.0, Vec::<u64>::new());
    let lodestar = HistoryFilter { client: Some(Client::Lodestar), ..HistoryFilter::default() };
    let mut expected: Vec<u64> = (0..300).filter(|index| index % 6 == 2).chain([41, 142, 240]).collect();
    expected.sort_unstable();
    assert_eq!(Client::NAMED[2], Client::Lodestar);
    let (found, _) = find(&any, &lodestar, 20).await;
    assert_eq!(
        found.iter().filter(|index| !expected.contains(index)).collect::<Vec<_>>(),
        Vec::<&u64>::new()
    );
    assert_eq!(found, expected);
    let many = HistoryFilter { least_blocks: 5, ..HistoryFilter::default() };
    assert_eq!(find(&any, &many, 50).await.0, [41, 142, 240]);
    let unsure = HistoryFilter { probability: Some(0.0..=0.5), ..HistoryFilter::default() };
    assert_eq!(find(&any, &unsure, 50).await, (Vec::new(), 2));
    let only = ValidatorFilter {
        set: Some([ValidatorIndex(142), ValidatorIndex(143)].into_iter().collect()),
        ..any
    };
    assert_eq!(find(&only, &changed(0..20_000), 50).await, (vec![142], 1));
}

async fn groups_and_graffiti_are_counted(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut dice = Dice(3);
    let rows: Vec<BlockRow> = (1..400).map(|slot| random_block(&mut dice, slot, slot - 1, 50)).collect();
    store.insert_blocks(&rows).await.unwrap();
    let group_of = |validator: ValidatorIndex| match validator.0 {
        0..10 => Some(0),
        10..30 => Some(1),
        30..40 => Some(99),
        _ => None,
    };
    let range = Slot(20)..Slot(300);
    let counts = store.blocks_per_group(range.clone(), 2, group_of).await.unwrap();
    let mut expected = vec![ClientCounts::default(); 3];
    for row in rows.iter().filter(|row| range.contains(&row.slot)) {
        if row.canonical != CanonicalState::Orphaned {
            let group = group_of(row.proposer_index).filter(|group| *group < 2).unwrap_or(2);
            expected[group].count(row.classification.best_guess_single);
        }
    }
    assert_eq!(counts, expected);
    let error = store.blocks_per_group(Slot(0)..Slot(MAX_GROUPED_SLOTS + 1), 2, group_of).await.unwrap_err();
    assert!(matches!(error, StoreError::RangeTooLong { .. }), "{error:?}");

    let mut runs: BTreeMap<u64, ClientCounts> = BTreeMap::new();
    for row in rows.iter().filter(|row| range.contains(&row.slot)) {
        if row.canonical != CanonicalState::Orphaned {
            let run = 20 + (row.slot.0 - 20) / 7 * 7;
            runs.entry(run).or_default().count(row.classification.best_guess_single);
        }
    }
    let found = store.shares_of_slots(range.clone(), 7).await.unwrap();
    assert_eq!(found, runs.into_iter().map(|(slot, counts)| (Slot(slot), counts)).collect::<Vec<_>>());

    let mut of_runs: BTreeMap<u64, ConfusionMatrix> = BTreeMap::new();
    for row in rows.iter().filter(|row| range.contains(&row.slot)) {
        let Some(truth) = row.classification.graffiti_guess else { continue };
        let run = 20 + (row.slot.0 - 20) / 7 * 7;
        of_runs.entry(run).or_default().add(truth, row.classification.best_guess_single);
    }
    let found = store.confusion_of_runs(range.clone(), 7).await.unwrap();
    assert_eq!(found, of_runs.into_iter().map(|(slot, counts)| (Slot(slot), counts)).collect::<Vec<_>>());
    let error = store.confusion_of_runs(Slot(0)..Slot(7 * 256 + 1), 7).await.unwrap_err();
    assert!(matches!(error, StoreError::RangeTooLong { most: 1_792, .. }), "{error:?}");

    let matrix = store.confusion_matrix(range.clone()).await.unwrap();
    for truth in Client::ALL {
        for verdict in Client::ALL.into_iter().map(Some).chain([None]) {
            let count = rows.iter().filter(|row| {
                range.contains(&row.slot)
                    && row.classification.graffiti_guess == Some(truth)
                    && row.classification.best_guess_single == verdict
            });
            assert_eq!(matrix.count(truth, verdict), count.count() as u64);
        }
    }
}

async fn roots_are_found_by_their_first_digits(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let store = &kept.store;
    let mut dice = Dice(11);
    // In several buckets of the index, and with a first byte shared by many.
    let rows: Vec<BlockRow> = (1..=300u64)
        .map(|number| {
            let mut row = random_block(&mut dice, number * 5_000, number * 5_000 - 1, 9);
            row.block_root.0[0] = (number % 3) as u8;
            row
        })
        .collect();
    store.insert_blocks(&rows).await.unwrap();
    for row in rows.iter().step_by(37) {
        let text = row.block_root.to_string();
        for digits in [&text[2..10], &text[2..11], &text[2..]] {
            let found = store.blocks_by_root_prefix(digits, 9).await.unwrap();
            let looked: Vec<_> =
                rows.iter().filter(|row| row.block_root.to_string()[2..].starts_with(digits)).collect();
            assert_eq!(
                found.iter().map(|row| row.block_root).collect::<Vec<_>>(),
                looked.iter().map(|row| row.block_root).collect::<Vec<_>>(),
                "{digits}"
            );
        }
    }
    assert_eq!(store.blocks_by_root_prefix("01", 1_000).await.unwrap().len(), 100);
    assert_eq!(store.blocks_by_root_prefix("0", 7).await.unwrap().len(), 7);
    for odd in ["xy", "0x01", &"0".repeat(65)] {
        assert!(store.blocks_by_root_prefix(odd, 9).await.unwrap().is_empty(), "{odd}");
    }
}
