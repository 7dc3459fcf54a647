//! Training sets: what they refuse, and that nothing depends on the order of rows.

use consensus::{Root, Slot};
use fingerprint::{Client, FeatureSet, TrainingRow, TrainingSet, TrainingSetError};
use proptest::prelude::*;

fn features() -> FeatureSet {
    FeatureSet::parse("reward,num_redundant").expect("two features")
}

fn row(root: u8, label: Client, values: [f64; 2]) -> TrainingRow {
    TrainingRow { block_root: Root([root; 32]), slot: Slot(root.into()), label, features: values.to_vec() }
}

fn set(rows: impl IntoIterator<Item = TrainingRow>) -> TrainingSet {
    let mut set = TrainingSet::new(features());
    for row in rows {
        set.push(row).expect("a fitting row");
    }
    set
}

#[test]
fn rows_come_back_and_columns_can_be_chosen() {
    let set = set([row(2, Client::Teku, [1.0, 2.0]), row(1, Client::Prysm, [3.0, 4.0])]);
    assert_eq!(set.len(), 2);
    assert_eq!(set.row(1), Some(row(1, Client::Prysm, [3.0, 4.0])));
    assert_eq!(set.row(2), None);
    assert_eq!(set.counts()[Client::Teku.index()], 1);
    assert_eq!(set.column("num_redundant"), Some(&[2.0, 4.0][..]));
    let one = set.select(&FeatureSet::parse("num_redundant").expect("a feature")).expect("a column");
    assert_eq!(one.columns(), [[2.0, 4.0]]);
    assert_eq!(
        set.select(&FeatureSet::parse("num_redundant,norm_reward").expect("features")),
        Err(TrainingSetError::MissingFeature { feature: "norm_reward" })
    );
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut set = set([row(1, Client::Teku, [1.0, 2.0])]);
    let before = set.clone();
    let narrow = TrainingRow { features: vec![1.0], ..row(2, Client::Teku, [0.0; 2]) };
    assert_eq!(set.push(narrow), Err(TrainingSetError::Width { expected: 2, found: 1 }));
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = set.push(row(2, Client::Teku, [0.0, value]));
        assert!(matches!(error, Err(TrainingSetError::NotFinite { feature: "num_redundant", row: 1, .. })));
    }
    assert_eq!(set, before);

    let columns = |first: Vec<f64>, slots: Vec<Slot>| {
        let roots = vec![Root([1; 32]), Root([2; 32])];
        TrainingSet::from_columns(features(), vec![first, vec![0.0; 2]], vec![Client::Teku; 2], slots, roots)
    };
    assert!(columns(vec![1.0, 2.0], vec![Slot(1); 2]).is_ok());
    assert_eq!(
        columns(vec![1.0], vec![Slot(1); 2]),
        Err(TrainingSetError::Length { column: "reward", expected: 2, found: 1 })
    );
    assert_eq!(
        columns(vec![1.0, 2.0], vec![Slot(1); 3]),
        Err(TrainingSetError::Length { column: "slot", expected: 2, found: 3 })
    );
    assert!(matches!(
        columns(vec![1.0, f64::NAN], vec![Slot(1); 2]),
        Err(TrainingSetError::NotFinite { feature: "reward", row: 1, .. })
    ));
    assert_eq!(
        TrainingSet::from_columns(features(), vec![], vec![], vec![], vec![]),
        Err(TrainingSetError::Width { expected: 2, found: 0 })
    );
}

#[test]
fn the_digest_sees_every_part() {
    let of = |row: TrainingRow| set([row]).digest();
    let first = row(1, Client::Teku, [1.0, 2.0]);
    let digest = of(first.clone());
    assert_eq!(digest, of(first.clone()));
    for other in [
        row(1, Client::Prysm, [1.0, 2.0]),
        row(1, Client::Teku, [1.0, 2.5]),
        TrainingRow { slot: Slot(7), ..first.clone() },
        TrainingRow { block_root: Root([7; 32]), ..first },
    ] {
        assert_ne!(digest, of(other));
    }
    let renamed = TrainingSet::new(FeatureSet::parse("num_redundant,reward").expect("features"));
    assert_ne!(renamed.digest(), TrainingSet::new(features()).digest());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_order_forgets_the_order_of_reading(
        rows in proptest::collection::vec((0..4u8, 0..7usize, 0..3u8, 0..3u8), 0..30),
        seed in any::<u64>(),
    ) {
        let rows: Vec<TrainingRow> = rows.into_iter()
            .map(|(root, label, x, y)| row(root, Client::ALL[label], [x.into(), y.into()]))
            .collect();
        let mut shuffled: Vec<(u64, TrainingRow)> = rows.iter().cloned().enumerate()
            .map(|(place, row)| ((place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17), row))
            .collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let mut first = set(rows);
        let mut second = set(shuffled.into_iter().map(|(_, row)| row));
        first.canonical_order();
        second.canonical_order();
        prop_assert_eq!(first.digest(), second.digest());
        let keys: Vec<_> = first.labels.iter().zip(&first.block_roots).collect();
        prop_assert!(keys.is_sorted());
        prop_assert_eq!(first, second);
    }
}
