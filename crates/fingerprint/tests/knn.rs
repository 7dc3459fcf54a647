//! Nearest neighbours: as recorded from the reference, and always as a plain scan finds them.

mod recorded;

use fingerprint::classifier::neighbours::{Neighbour, NeighbourIndex};
use fingerprint::classifier::rows::Rows;
use fingerprint::{Classification, Client, Thresholds};
use proptest::prelude::*;
use recorded::{clients, close, json, numbers, row, strings};
use serde_json::Value;

/// The verdict of an index over rows whose classes are positions in [`Client::ALL`].
fn verdict(index: &NeighbourIndex, enabled: &[Client], query: &[f64]) -> Classification {
    let all = index.probabilities(query);
    let probabilities = enabled.iter().map(|client| (*client, all[client.index()])).collect();
    Classification::from_probabilities(probabilities, None, Thresholds::default())
}

fn assert_as_recorded(verdict: &Classification, recorded: &Value, block: &str) {
    let expected = recorded["probability_map"].as_object().expect("a map");
    assert_eq!(expected.len(), verdict.probabilities.len(), "{block}");
    for (client, probability) in &verdict.probabilities {
        let wanted = expected[client.name()].as_f64().expect("a probability");
        assert!(close(*probability, wanted), "{block}: {client} {probability}, recorded {wanted}");
    }
    assert_eq!(verdict.single_name(), recorded["best_guess_single"], "{block}");
    assert_eq!(verdict.best_guess_multi, recorded["best_guess_multi"].as_str().unwrap(), "{block}");
}

#[test]
fn all_real_blocks_as_recorded() {
    let (Some(knn), Some(features)) = (json("expected_knn.json"), json("expected_features.json")) else {
        return;
    };
    let names = strings(&knn["model"]["features"]);
    let enabled = clients(&knn["model"]["enabled_clients"]);
    let mut rows = Rows::with_capacity(names.len(), 15);
    for file in strings(&knn["model"]["training_order"]) {
        let label: Client = file.split('/').next().unwrap().parse().unwrap();
        rows.push(&row(&features[&file], &names), label.index() as u8).unwrap();
    }
    let index = NeighbourIndex::build(&rows, 9, Client::ALL.len());
    for (file, recorded) in knn["blocks"].as_object().unwrap() {
        let query = row(&features[file], &names);
        let nearest = index.nearest(&query);
        let distances: Vec<f64> = nearest.iter().map(|one| one.distance).collect();
        for (distance, wanted) in distances.iter().zip(numbers(&recorded["neighbour_distances"])) {
            assert!(close(*distance, wanted), "{file}: {distance}, recorded {wanted}");
        }
        assert_as_recorded(&verdict(&index, &enabled, &query), recorded, file);
    }
}

#[test]
fn leave_one_out_as_recorded() {
    let (Some(knn), Some(features), Some(model)) =
        (json("expected_knn_leave_one_out.json"), json("expected_features.json"), json("expected_knn.json"))
    else {
        return;
    };
    let files = strings(&model["model"]["training_order"]);
    let (mut checked, mut ambiguous) = (0, 0);
    for set in knn.as_object().unwrap().values() {
        let names = strings(&set["features"]);
        for (left_out, recorded) in set["blocks"].as_object().unwrap() {
            let mut rows = Rows::with_capacity(names.len(), 14);
            for file in files.iter().filter(|file| *file != left_out) {
                let label: Client = file.split('/').next().unwrap().parse().unwrap();
                rows.push(&row(&features[file], &names), label.index() as u8).unwrap();
            }
            let index = NeighbourIndex::build(&rows, 9, Client::ALL.len());
            let query = row(&features[left_out], &names);
            if recorded["tie_at_kth_neighbour"] == true {
                // The answer stands if all rows at that distance are of one class.
                let wider = NeighbourIndex::build(&rows, 14, Client::ALL.len()).nearest(&query);
                let tied: Vec<&Neighbour> =
                    wider.iter().filter(|one| one.distance == wider[8].distance).collect();
                if tied.iter().any(|one| one.class != tied[0].class) {
                    ambiguous += 1;
                    continue;
                }
            }
            let enabled = clients(&recorded["enabled_clients"]);
            assert_as_recorded(&verdict(&index, &enabled, &query), recorded, left_out);
            checked += 1;
        }
    }
    assert_eq!((checked, ambiguous), (30, 0));
}

/// The k nearest by looking at all rows and sorting them.
fn scan(rows: &Rows, k: usize, query: &[f64]) -> Vec<(f64, u32, u8)> {
    let mut all: Vec<(f64, u32, u8)> = (0..rows.len())
        .map(|row| {
            let squared: f64 =
                rows.row(row).iter().zip(query).fold(0.0, |sum, (a, b)| sum + (b - a) * (b - a));
            (squared, row as u32, rows.classes()[row])
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all.into_iter().map(|(squared, row, class)| (squared.sqrt(), row, class)).collect()
}

fn found(index: &NeighbourIndex, query: &[f64]) -> Vec<(f64, u32, u8)> {
    index.nearest(query).into_iter().map(|one| (one.distance, one.row, one.class)).collect()
}

/// Values that meet often, so that rows repeat and distances tie.
fn coarse() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0u8..8).prop_map(|value| f64::from(value) / 8.0),
        (0u8..3).prop_map(|value| f64::from(value) / 3.0),
        Just(-0.0),
        -1e3..1e3f64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_tree_finds_what_a_scan_finds(
        width in 1usize..7,
        k in 1usize..12,
        cells in prop::collection::vec(coarse(), 1..2400),
        questions in prop::collection::vec(coarse(), 60),
    ) {
        let mut rows = Rows::with_capacity(width, 0);
        for (position, row) in cells.chunks_exact(width).enumerate() {
            rows.push(row, (position % 5) as u8).unwrap();
        }
        let index = NeighbourIndex::build(&rows, k, 5);
        for query in questions.chunks_exact(width).chain((0..rows.len().min(20)).map(|row| rows.row(row))) {
            prop_assert_eq!(found(&index, query), scan(&rows, k, query));
        }
    }

    #[test]
    fn wide_and_tight_rows_too(
        scale in prop_oneof![Just(1e-160), Just(1e-8), Just(1e8), Just(1e160)],
        cells in prop::collection::vec(-1.0..1.0f64, 24 * 100..24 * 200),
        question in prop::collection::vec(-1.0..1.0f64, 24),
    ) {
        let mut rows = Rows::with_capacity(24, 0);
        for (position, row) in cells.chunks_exact(24).enumerate() {
            let row: Vec<f64> = row.iter().map(|value| value * scale).collect();
            rows.push(&row, (position % 3) as u8).unwrap();
        }
        let index = NeighbourIndex::build(&rows, 9, 3);
        let query: Vec<f64> = question.iter().map(|value| value * scale).collect();
        prop_assert_eq!(found(&index, &query), scan(&rows, 9, &query));
        let probabilities = index.probabilities(&query);
        prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn many_points_are_found_through_several_parallel_levels() {
    let mut rows = Rows::with_capacity(3, 0);
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for position in 0..50_000 {
        rows.push(&[next(), (next() * 50.0).floor() / 50.0, next()], (position % 6) as u8).unwrap();
    }
    let index = NeighbourIndex::build(&rows, 9, 6);
    for _ in 0..50 {
        let query = [next(), (next() * 50.0).floor() / 50.0, next()];
        assert_eq!(found(&index, &query), scan(&rows, 9, &query));
    }
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one_thread.install(|| NeighbourIndex::build(&rows, 9, 6)), index);
}

#[test]
fn queries_that_are_no_rows_find_nothing() {
    let mut rows = Rows::with_capacity(2, 0);
    rows.push(&[0.0, 1.0], 0).unwrap();
    assert!(rows.push(&[0.0], 0).is_err());
    assert!(rows.push(&[0.0, f64::NAN], 0).is_err());
    let index = NeighbourIndex::build(&rows, 9, 1);
    assert!(index.probabilities(&[1.0]).is_empty());
    assert!(index.probabilities(&[1.0, f64::NAN]).is_empty());
    assert_eq!(index.probabilities(&[1.0, 2.0]), [1.0]);
}
