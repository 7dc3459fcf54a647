//! Gaps: against recorded ones, in any order of insertion, and cut into requests.

mod support;

use consensus::Slot;
use serde_json::Value;
use store::{Gap, IntervalSet, LastChunk, explode_gap};
use support::{Dice, Engine, Scratch, block, conformance, each_engine};

each_engine!(gaps_are_the_recorded_ones, any_order_gives_the_same_set, a_link_taken_back_opens_the_gap_again);

fn gap(start: u64, end: u64) -> Gap {
    Gap { start: Slot(start), end: Slot(end) }
}

fn pairs(value: &Value) -> Vec<(u64, u64)> {
    let pair = |pair: &Value| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
    value.as_array().unwrap().iter().map(pair).collect()
}

/// What we answer where it deliberately differs from the recording. All recorded gaps that start at 0 start at 1
/// here: the genesis block is no block reward, so nobody can ask for it.
fn deliberate(blocks: &[(u64, u64)], recorded: Vec<Gap>) -> Vec<Gap> {
    match blocks {
        // A chain whose first block is not at slot 1, but whose parent is genesis, has no gap: slot 1 was empty.
        [(2, 0)] => Vec::new(),
        // Two blocks above the same hole: it is named once.
        [(1, 0), (2, 1), (4, 3), (5, 3)] => vec![gap(3, 3)],
        [(1, 0), (2, 1), (7, 5), (6, 4), (9, 7)] => vec![gap(3, 5)],
        // Blocks of two branches whose links overlap: the slots between are known from the other branch.
        [(8_253_078, _), ..] => vec![gap(1, 8_253_077)],
        _ => recorded.into_iter().map(|gap| Gap { start: gap.start.max(Slot(1)), ..gap }).collect(),
    }
}

async fn gaps_are_the_recorded_ones(engine: Engine) {
    let Some(text) = conformance("gap_vectors.json") else { return };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let cases = vectors["sync_gaps"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let blocks = pairs(&case["blocks_slot_parent_slot"]);
        let recorded: Vec<Gap> = serde_json::from_value(case["sync_gaps"].clone()).unwrap();
        let expected = deliberate(&blocks, recorded);
        let rows: Vec<_> = blocks.iter().map(|(slot, parent)| block(*slot, *parent, 1, None)).collect();
        let kept = Scratch::on(engine).create_kept().await;
        for row in &rows {
            kept.store.insert_blocks(std::slice::from_ref(row)).await.unwrap();
        }
        assert_eq!(kept.store.gaps().await.unwrap(), expected, "{blocks:?}");
        let status = kept.store.sync_status().await.unwrap();
        assert_eq!(status.greatest_block_slot.0, case["sync_status"]["greatest_block_slot"], "{blocks:?}");
        assert_eq!(status.synced, expected.is_empty(), "{blocks:?}");
        let set = IntervalSet::of_blocks(blocks.iter().map(|(slot, parent)| (Slot(*slot), Slot(*parent))));
        assert_eq!(set.gaps(), expected, "{blocks:?}");
        assert!(kept.store.check().await.unwrap().is_sound());
    }
}

#[test]
fn chunks_are_the_recorded_ones() {
    let Some(text) = conformance("gap_vectors.json") else { return };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    for case in vectors["explode_gap"].as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap();
        let whole = gap(number("start"), number("end"));
        let distance = number("slots_per_restore_point");
        let expected: Vec<Gap> =
            pairs(&case["chunks"]).into_iter().map(|(start, end)| gap(start, end)).collect();
        assert_eq!(explode_gap(whole, distance, LastChunk::Drop), expected, "{whole:?}");
        let kept = explode_gap(whole, distance, LastChunk::Keep);
        assert!(kept.starts_with(&expected), "{whole:?}");
        assert_eq!((kept[0].start, kept.last().unwrap().end), (whole.start, whole.end));
        assert!(kept.windows(2).all(|pair| pair[0].end.0 + 1 == pair[1].start.0), "{kept:?}");
    }
}

#[test]
fn absurd_gaps_do_no_harm() {
    assert_eq!(explode_gap(gap(5, 4), 2048, LastChunk::Keep), []);
    assert_eq!(explode_gap(gap(5, 9), 0, LastChunk::Keep), [gap(5, 9)]);
    assert_eq!(explode_gap(gap(u64::MAX - 1, u64::MAX), 2048, LastChunk::Keep).len(), 1);
}

/// Chains with empty slots, holes and side branches.
fn random_blocks(dice: &mut Dice) -> Vec<(u64, u64)> {
    let (mut slot, mut parent) = (0_u64, 0_u64);
    let mut blocks = Vec::new();
    for _ in 0..120 {
        slot += 1 + dice.roll(3) * dice.roll(2);
        if dice.roll(4) > 0 {
            blocks.push((slot, parent));
        }
        if dice.roll(8) == 0 {
            blocks.push((slot, parent.saturating_sub(dice.roll(4)).min(slot - 1)));
        }
        parent = slot;
    }
    blocks
}

/// The gaps by the definition alone, slot by slot.
fn gaps_by_hand(blocks: &[(u64, u64)]) -> Vec<Gap> {
    let highest = blocks.iter().map(|(slot, _)| *slot).max().unwrap_or(0);
    let known =
        |slot: u64| slot == 0 || blocks.iter().any(|(own, parent)| (parent + 1..=*own).contains(&slot));
    let mut gaps = Vec::new();
    let mut slot = 0;
    while slot <= highest {
        if known(slot) {
            slot += 1;
            continue;
        }
        let start = slot;
        while !known(slot) {
            slot += 1;
        }
        let above = blocks.iter().map(|(own, _)| *own).filter(|own| *own >= slot).min().unwrap();
        gaps.push(gap(start, above - 1));
    }
    gaps
}

async fn any_order_gives_the_same_set(engine: Engine) {
    let mut dice = Dice(7);
    for round in 0..30 {
        let mut blocks = random_blocks(&mut dice);
        let expected = gaps_by_hand(&blocks);
        dice.shuffle(&mut blocks);
        let mut set = IntervalSet::new();
        for (slot, parent) in &blocks {
            set.insert(Slot(*slot), Slot(*parent));
        }
        assert_eq!(set.gaps(), expected, "round {round}");
        assert_eq!(
            set,
            IntervalSet::of_blocks(blocks.iter().map(|(slot, parent)| (Slot(*slot), Slot(*parent))))
        );
        let kept = Scratch::on(engine).create_kept().await;
        let rows: Vec<_> = blocks.iter().map(|(slot, parent)| block(*slot, *parent, 1, None)).collect();
        for batch in rows.chunks(1 + dice.roll(40) as usize) {
            kept.store.insert_blocks(batch).await.unwrap();
        }
        assert_eq!(kept.store.gaps().await.unwrap(), expected, "round {round}");
        for _ in 0..60 {
            let start = dice.roll(260);
            let end = start + dice.roll(40);
            let touching = expected.iter().find(|gap| gap.start.0 < end && gap.end.0 >= start && start < end);
            let found = kept.store.first_gap_touching(Slot(start)..Slot(end)).await.unwrap();
            assert_eq!(found.as_ref(), touching, "round {round}: {start}..{end} of {expected:?}");
        }
        assert!(kept.store.check().await.unwrap().is_sound());
    }
}

async fn a_link_taken_back_opens_the_gap_again(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let mut far = block(10, 2, 5, None);
    kept.store.insert_blocks(&[block(1, 0, 1, None), block(2, 1, 2, None), far.clone()]).await.unwrap();
    assert_eq!(kept.store.gaps().await.unwrap(), []);
    far.parent_slot = Slot(8);
    let report = kept.store.insert_blocks(&[far.clone()]).await.unwrap();
    assert_eq!(report.updated, 1);
    assert_eq!(kept.store.gaps().await.unwrap(), [gap(3, 9)]);
    let check = kept.store.check().await.unwrap();
    assert!(check.is_sound(), "{check:?}");
}
