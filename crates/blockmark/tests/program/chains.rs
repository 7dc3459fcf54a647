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
fn a_chain_in_the_place_of_another_has_nothing_of_it() {
    let place = Place::new();
    place.write("mix.json", br#"{"Teku": 1}"#);
    let simulate = ["simulate", "--validators", "64", "--preset", "minimal", "--out", "chain"];
    let first = ["--slots", "24", "--missed-permille", "0", "--mix", "mix.json", "--compression", "zst"];
    place.run(&[&simulate[..], &first].concat()).exits(0);
    let second = ["--slots", "20", "--missed-permille", "400"];
    let blocks =
        place.run(&[&simulate[..], &second, &["--json"]].concat()).exits(0).json()[0]["blocks"].clone();
    assert!(blocks.as_u64().is_some_and(|blocks| blocks < 18), "{blocks}");
    let replay = place.run(&["debug", "replay", "chain", "--no-signatures"]).exits(0);
    replay.prints(&format!("{blocks} blocks follow the rules"));
    assert!(!place.path("chain/packers.jsonl").exists());
    let manifest = std::fs::read_to_string(place.path("chain/manifest.json")).expect("a manifest");
    assert!(manifest.contains("--slots 20") && !manifest.contains("--slots 24"), "{manifest}");
    assert!(!manifest.contains(".zst"), "{manifest}");
    let states = std::fs::read_dir(place.path("chain/states")).expect("a folder");
    assert_eq!(states.count(), 1);
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

#[test]
fn a_recording_becomes_era_files_that_every_command_reads() {
    let place = Place::new();
    let forks = ["--fork", "altair", "--fork-at", "deneb=3", "--fork-at", "fulu=6"];
    place.run(&[&SIMULATE[..], &["--slots", "70", "--out", "chain"], &forks].concat()).exits(0);
    let lines =
        place.run(&["era", "chain", "eras", "--json"]).exits(0).says("Slots 64 to 70 are of eras").json();
    let names: Vec<&str> = lines.iter().filter_map(|line| line["file"].as_str()).collect();
    assert_eq!(names.len(), 2, "{lines:?}");
    assert!(names[1].starts_with("eras/simulated-00001-") && names[1].ends_with(".era"), "{}", names[1]);
    for command in [&["rewards"][..], &["features", "--json"]] {
        let of = |more: &[&'static str]| place.run(&[command, more].concat()).exits(0).stdout;
        assert_eq!(of(&["eras"]), of(&["chain", "--end", "63"]));
    }
    place.run(&["rewards", names[1]]).exits(0).prints("block_root");
    place.run(&["debug", "replay", "eras", "--no-signatures"]).exits(0).prints("every state root is right");
    place.run(&["era", "chain", "eras"]).exits(0).prints("2 era files with ");

    place.run(&["era", "http://localhost:1", "eras"]).exits(2).says("record the slots of the node first");
    place.run(&["era", "eras", "more"]).exits(1).says("is no recording");
    let few = [&SIMULATE[..], &["--slots", "5", "--out", "few"]].concat();
    place.run(&few).exits(0);
    std::fs::remove_file(place.path("few/states/0.ssz.snappy")).expect("removed");
    std::fs::remove_file(place.path("few/manifest.json")).expect("removed");
    place.run(&["era", "few", "more"]).exits(1).says("has no state that its blocks follow");
    assert!(!place.path("more").exists());
}
