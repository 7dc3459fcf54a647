//! Nearest neighbours: as recorded from the reference, and always as a plain scan finds them.

mod recorded;

use fingerprint::classifier::neighbours::NeighbourIndex;
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
        let distances: Vec<f64> =
            nearest.iter().flat_map(|one| std::iter::repeat_n(one.distance, one.rows as usize)).collect();
        assert!(distances.len() >= 9, "{file}");
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
    let mut checked = 0;
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
            let enabled = clients(&recorded["enabled_clients"]);
            assert_as_recorded(&verdict(&index, &enabled, &query), recorded, left_out);
            checked += 1;
        }
    }
    assert_eq!(checked, 30);
}

/// The k nearest rows and those as far as the last, by looking at all rows: distance, class, how many of one point.
fn scan(rows: &Rows, k: usize, query: &[f64]) -> Vec<(f64, u8, u32)> {
    let mut all: Vec<(f64, usize)> = (0..rows.len())
        .map(|row| {
            let squares = rows.row(row).iter().zip(query).map(|(a, b)| (b - a) * (b - a));
            (squares.fold(0.0, |sum, square| sum + square), row)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let Some(&(worst, _)) = all.get(k - 1).or(all.last()) else { return Vec::new() };
    all.retain(|(squared, _)| *squared <= worst);
    let mut found: Vec<(f64, usize, u32)> = Vec::new();
    for (squared, row) in all {
        let same = |other: &&mut (f64, usize, u32)| {
            rows.row(other.1) == rows.row(row) && rows.classes()[other.1] == rows.classes()[row]
        };
        match found.iter_mut().find(same) {
            Some(known) => known.2 += 1,
            None => found.push((squared.sqrt(), row, 1)),
        }
    }
    found.into_iter().map(|(distance, row, count)| (distance, rows.classes()[row], count)).collect()
}

/// The probabilities that follow from a scan, written as one sum over rows.
fn scanned_probabilities(rows: &Rows, k: usize, query: &[f64], classes: usize) -> Vec<f64> {
    let found = scan(rows, k, query);
    let Some(&(worst, ..)) = found.last() else { return Vec::new() };
    let nearer: u32 = found.iter().filter(|one| one.0 < worst).map(|one| one.2).sum();
    let tied: u32 = found.iter().filter(|one| one.0 == worst).map(|one| one.2).sum();
    let share = ((k as f64 - f64::from(nearer)) / f64::from(tied)).min(1.0);
    let at_query = found[0].0 == 0.0;
    let mut sums = vec![0.0; classes];
    for (distance, class, count) in found {
        let weight = match (at_query, distance == 0.0) {
            (true, true) => 1.0,
            (true, false) => 0.0,
            (false, _) => 1.0 / distance,
        };
        sums[class as usize] += weight * f64::from(count) * if distance == worst { share } else { 1.0 };
    }
    let total: f64 = sums.iter().sum();
    sums.iter().map(|sum| sum / total).collect()
}

fn found(index: &NeighbourIndex, query: &[f64]) -> Vec<(f64, u8, u32)> {
    index.nearest(query).into_iter().map(|one| (one.distance, one.class, one.rows)).collect()
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
            let wanted = scanned_probabilities(&rows, k, query, 5);
            for (probability, wanted) in index.probabilities(query).into_iter().zip(wanted) {
                prop_assert!((probability - wanted).abs() < 1e-9, "{} for {}", probability, wanted);
            }
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

#[test]
fn rows_that_tie_for_the_last_places_share_them() {
    let mut rows = Rows::with_capacity(1, 0);
    let mut add = |value: f64, class: u8, count: usize| {
        (0..count).for_each(|_| rows.push(&[value], class).expect("a number"));
    };
    add(0.0, 0, 30);
    add(0.0, 1, 60);
    add(1.0, 2, 5);
    let index = NeighbourIndex::build(&rows, 9, 3);
    let near = |found: Vec<f64>, wanted: [f64; 3]| {
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}, not {wanted:?}");
    };
    // All nine voters are at the query: a third of those rows are of class 0.
    near(index.probabilities(&[0.0]), [1.0 / 3.0, 2.0 / 3.0, 0.0]);
    // Five at distance 1, and four places for ninety rows at distance 2.
    near(index.probabilities(&[2.0]), [2.0 / 21.0, 4.0 / 21.0, 15.0 / 21.0]);
}
