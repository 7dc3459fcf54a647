//! One hasher gives the official roots of the random states of all forks, one after another.

mod support;

use consensus::Root;
use consensus::containers::BeaconState;
use consensus::hasher::StateHasher;
use consensus::spec::{Fork, Preset, Shape};
use spec_tests::{Case, batches};

fn check(hasher: &mut StateHasher, case: &Case) -> Result<(), String> {
    let preset = Preset::named(&case.name.preset).ok_or("there is no such preset")?;
    let fork: Fork = case.name.fork.parse().map_err(|error| format!("{error}"))?;
    let shape = Shape::new(&preset, fork);
    let state: BeaconState = case.need_ssz("serialized", &shape).map_err(|error| error.to_string())?;
    let roots = case.need_yaml("roots").map_err(|error| error.to_string())?;
    let expected: Root = roots["root"].as_str().and_then(|root| root.parse().ok()).ok_or("no root")?;
    let root = hasher.root_of_fields(&state, &shape).map_err(|error| error.to_string())?;
    if root == expected { Ok(()) } else { Err(format!("expected {expected}, found {root}")) }
}

#[test]
fn roots_of_random_states_are_the_official_ones() {
    let Some(folder) = support::vectors() else { return };
    let mut hasher = StateHasher::new();
    let mut checked = 0;
    for batch in batches(&folder).expect("the folder of the archives") {
        for case in batch.load().expect("an archive").cases {
            if case.name.runner == "ssz_static" && case.name.handler == "BeaconState" {
                let outcome = check(&mut hasher, &case);
                assert!(outcome.is_ok(), "{}: {}", case.name, outcome.unwrap_err());
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "no state is in {}", folder.display());
    println!("{checked} states");
}
