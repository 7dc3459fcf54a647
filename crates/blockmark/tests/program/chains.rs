//! Simulated chains through the program: any fork, and from one fork to the next.

use serde_json::Value;

use crate::place::Place;

const SIMULATE: [&str; 7] =
    ["simulate", "--validators", "64", "--preset", "minimal", "--missed-permille", "100"];

#[test]
fn a_chain_that_crosses_forks_is_replayed_by_everything() {
    let place = Place::new();
    let forks =
        ["--fork", "phase0", "--fork-at", "altair=1", "--fork-at", "capella=2", "--fork-at", "gloas=4"];
    let words = [&SIMULATE[..], &["--slots", "44", "--out", "chain", "--signed"], &forks].concat();
    let made = place.run(&[&words[..], &["--json"]].concat()).exits(0).json().remove(0);
    let blocks = made["blocks"].as_u64().expect("a count") as usize;
    assert!((30..=43).contains(&blocks), "{made}");
    // With all signatures and state roots.
    place.run(&["debug", "replay", "chain"]).exits(0).prints("every state root is right; finalized epoch 3");
    let manifest = std::fs::read_to_string(place.path("chain/manifest.json")).expect("a manifest");
    assert!(manifest.contains("--fork phase0 --fork-at altair=1 --fork-at capella=2 --fork-at gloas=4"));
    let rewards = place.run(&["rewards", "chain", "--scale", "spec"]).exits(0).stdout;
    let rewards: Vec<Value> = serde_json::from_str(&rewards).expect("an array");
    assert_eq!(rewards.len(), blocks);
    let mut paid = 0;
    for reward in &rewards {
        let slot: u64 = reward["meta"]["slot"].as_str().and_then(|slot| slot.parse().ok()).expect("a slot");
        // There is no sync committee before Altair.
        assert_eq!(reward["sync_committee_rewards"].as_u64().expect("gwei") > 0, slot >= 8, "{reward}");
        paid += usize::from(reward["attestation_rewards"]["total"].as_u64().expect("gwei") > 0);
    }
    assert!(paid + 4 > blocks, "{paid} of {blocks} blocks have fresh votes");
    assert_eq!(place.run(&["features", "chain", "--json"]).exits(0).json().len(), blocks);
}

#[test]
fn forks_in_no_order_are_wrong_words() {
    let place = Place::new();
    let with = |more: &[&'static str]| {
        place.run(&[&SIMULATE[..], &["--slots", "8", "--out", "chain"], more].concat())
    };
    with(&["--fork", "capella", "--fork-at", "altair=3"])
        .exits(2)
        .says("altair can't begin with epoch 3: the chain has it, or a later one, before");
    with(&["--fork-at", "fulu"]).exits(2).says("a fork and its first epoch, such as capella=4");
    let few = ["simulate", "--validators", "5", "--slots", "8", "--out", "chain", "--preset", "minimal"];
    place.run(&few).exits(2).says("5 validators are too few");
    assert!(!place.path("chain").exists());
}
