//! Similarity and rank correlation against recordings of the reference, and against the plain definitions.

mod naive;
mod recorded;

use fingerprint::similarity::{MatchingBlock, matching_blocks, ratio, spearman};
use proptest::prelude::*;
use recorded::close;
use serde_json::Value;

#[test]
fn recorded_sequences_match() {
    let Some(cases) = recorded::json("difflib_vectors.json") else { return };
    for case in cases.as_array().expect("a list") {
        // Elements are compared as they are written, whatever they are.
        let elements = |key: &str| -> Vec<String> {
            case[key].as_array().expect("a sequence").iter().map(Value::to_string).collect()
        };
        let (a, b) = (elements("a"), elements("b"));
        let expected = case["ratio"].as_f64().expect("a ratio");
        assert!(close(ratio(&a, &b), expected), "ratio of {case}");
        let blocks: Vec<MatchingBlock> = case["matching_blocks"]
            .as_array()
            .expect("blocks")
            .iter()
            .map(|block| {
                let number = |position: usize| block[position].as_u64().expect("a number") as usize;
                MatchingBlock { a_start: number(0), b_start: number(1), len: number(2) }
            })
            .collect();
        assert_eq!(matching_blocks(&a, &b), blocks, "blocks of {case}");
        if let Some(expected) = case.get("spearman").and_then(Value::as_f64) {
            let numbers = |key: &str| -> Vec<i64> {
                case[key].as_array().expect("a sequence").iter().filter_map(Value::as_i64).collect()
            };
            let found = spearman(&numbers("a"), &numbers("b")).expect("a correlation");
            assert!(close(found, expected), "{found} is not {expected} for {case}");
        }
    }
}

#[test]
fn popular_elements_do_not_begin_a_match_but_lengthen_one() {
    // 200 elements: 0 is popular, the others occur once.
    let a: Vec<u32> = (0..200).map(|position| if position % 2 == 0 { 0 } else { position }).collect();
    let mut b = a.clone();
    b.rotate_left(7);
    assert_eq!(ratio(&a, &b), naive::ratio(&a, &b));
    // Nothing but a popular element: no seed, yet equal beginnings are found.
    assert_eq!(ratio(&[0; 200], &[0; 200]), 1.0);
    assert_eq!(ratio(&[0; 250], &[0; 200]), 2.0 * 200.0 / 450.0);
    let mut late = [0; 250];
    late[0] = 1;
    assert_eq!(ratio(&late, &[0; 200]), 0.0);
}

#[test]
fn correlation_is_only_given_where_it_is_defined() {
    assert_eq!(spearman::<u8>(&[], &[]), None);
    assert_eq!(spearman(&[1], &[1]), None);
    assert_eq!(spearman(&[1, 2], &[3, 3]), None);
    assert_eq!(spearman(&[1, 2], &[1, 2, 3]), None);
    assert_eq!(spearman(&[1, 2, 3], &[10, 20, 30]), Some(1.0));
    assert_eq!(spearman(&[1, 2, 3], &[9, 8, 7]), Some(-1.0));
}

#[test]
fn long_sequences_take_no_stack_and_bounded_time() {
    let a: Vec<u32> = (0..1024).collect();
    let b: Vec<u32> = (0..1024).rev().collect();
    assert_eq!(ratio(&a, &b), 2.0 / 2048.0);
    let a: Vec<u32> = (0..1024).map(|position| position % 100).collect();
    let b: Vec<u32> = (0..1024).map(|position| (position * 37) % 100).collect();
    let value = ratio(&a, &b);
    assert!((0.0..=1.0).contains(&value));
}

fn sequence(letters: u8, lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..letters, lengths)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn short_sequences_agree_with_the_definition(a in sequence(5, 0..40), b in sequence(5, 0..40)) {
        let mut found = naive::blocks(&a, &b);
        found.sort_unstable();
        let total: usize = matching_blocks(&a, &b).iter().map(|block| block.len).sum();
        prop_assert_eq!(total, found.iter().map(|block| block.2).sum::<usize>());
        let value = ratio(&a, &b);
        prop_assert_eq!(value, naive::ratio(&a, &b));
        prop_assert!((0.0..=1.0).contains(&value));
        prop_assert_eq!(ratio(&a, &a), 1.0);
    }

    #[test]
    fn matching_blocks_match_and_ascend(a in sequence(4, 0..60), b in sequence(4, 0..60)) {
        let blocks = matching_blocks(&a, &b);
        for block in &blocks {
            prop_assert_eq!(
                &a[block.a_start..block.a_start + block.len],
                &b[block.b_start..block.b_start + block.len]
            );
        }
        for pair in blocks.windows(2) {
            prop_assert!(pair[0].a_start + pair[0].len <= pair[1].a_start);
            prop_assert!(pair[0].b_start + pair[0].len <= pair[1].b_start);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn long_sequences_agree_with_the_definition(a in sequence(120, 150..260), b in sequence(120, 180..300)) {
        prop_assert_eq!(ratio(&a, &b), naive::ratio(&a, &b));
        prop_assert_eq!(ratio(&b, &b), 1.0);
    }
}
