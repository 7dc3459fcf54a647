//! What holds for every container whatever the bytes: reading never panics, and what can be read is written back as
//! it was.

mod support;

use consensus::spec::{Fork, Preset, Shape};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use spec_tests::types::{CONTAINERS, Container, Type, container};
use spec_tests::{Case, batches};

const PRESETS: [&Preset; 3] = [&Preset::MINIMAL, &Preset::MAINNET, &Preset::GNOSIS];

/// What can be read is written back as it was, has a root, and has a JSON form that is read back. Whether it can be.
fn reads(of: &Type, bytes: &[u8], shape: &Shape<'_>) -> bool {
    let Ok(value) = of.decode(bytes, shape) else { return false };
    assert_eq!(value.encoding(shape), bytes);
    value.root(shape);
    let json = value.json(shape);
    assert_eq!(of.from_json(&json, shape).unwrap().encoding(shape), bytes);
    true
}

fn any_container() -> impl Strategy<Value = (&'static Container, Shape<'static>)> {
    (0..CONTAINERS.len(), 0..PRESETS.len(), 0..Fork::ALL.len()).prop_map(|(container, preset, fork)| {
        let container = &CONTAINERS[container];
        (container, Shape::new(PRESETS[preset], Fork::ALL[fork].max(container.since)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(
        (container, shape) in any_container(),
        bytes in proptest::collection::vec(any::<u8>(), 0..1_500),
    ) {
        reads(&container.of, &bytes, &shape);
    }

    /// Small bytes make offsets and lengths that nearly fit.
    #[test]
    fn small_bytes_are_read_or_refused(
        (container, shape) in any_container(),
        bytes in proptest::collection::vec(prop_oneof![Just(0), Just(4), Just(8), 0..140_u8], 0..600),
    ) {
        reads(&container.of, &bytes, &shape);
    }
}

#[test]
fn containers_of_fixed_size_take_no_other_size() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut fixed = 0;
    for preset in PRESETS {
        for container in CONTAINERS {
            for fork in Fork::ALL.into_iter().filter(|fork| *fork >= container.since) {
                let shape = Shape::new(preset, fork);
                let Some(length) = container.of.fixed_len(&shape) else { continue };
                let zeros = vec![0; length + 1];
                assert!(reads(&container.of, &zeros[..length], &shape), "{}", container.name);
                assert!(container.of.decode(&zeros, &shape).is_err(), "{}", container.name);
                for _ in 0..8 {
                    let shorter = random.random_range(0..length);
                    assert!(container.of.decode(&zeros[..shorter], &shape).is_err(), "{}", container.name);
                }
                fixed += 1;
            }
        }
    }
    assert!(fixed > 500, "{fixed}");
}

/// The official values, cut and bent.
#[test]
fn official_values_cut_and_bent_are_read_or_refused() {
    let Some(folder) = support::vectors() else { return };
    let mut counts = (0, 0);
    for batch in batches(&folder).unwrap() {
        let cases = batch.load().unwrap().cases;
        let cases: Vec<Case> = cases.into_iter().filter(|case| case.name.runner == "ssz_static").collect();
        let found =
            cases.into_par_iter().map(|case| bend(&case)).reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        counts = (counts.0 + found.0, counts.1 + found.1);
    }
    let (tried, read) = counts;
    println!("{tried} bent values, {read} of them values again");
    assert!(tried > 10_000 && read > 0 && read < tried, "{tried} tried, {read} read");
}

/// How many bent forms of a value there were, and how many of them are values again.
fn bend(case: &Case) -> (usize, usize) {
    let preset = Preset::named(&case.name.preset).unwrap();
    let shape = Shape::new(&preset, case.name.fork.parse().unwrap());
    let of = &container(&case.name.handler).unwrap().of;
    let bytes = case.need_ssz_bytes("serialized").unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(bytes.len() as u64);
    let mut read = 0;
    const FORMS: usize = 6;
    for form in 0..FORMS {
        let mut bent = bytes.clone();
        match form {
            0 | 1 => bent.truncate(random.random_range(0..bytes.len())),
            2 => bent.extend_from_slice(&bytes[..bytes.len().min(random.random_range(1..40))]),
            _ => {
                // Bytes near the start are offsets more often.
                let end = if form == 3 { bent.len() } else { bent.len().min(400) };
                let place = random.random_range(0..end);
                bent[place] = random.random();
            }
        }
        let again = reads(of, &bent, &shape);
        let changed = bent.len() != bytes.len();
        assert!(!(again && changed && of.fixed_len(&shape).is_some()), "{} of another length", case.name);
        read += usize::from(again);
    }
    (FORMS, read)
}
