//! No container is left out of the fuzz target that reads all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

#[test]
fn every_container_is_fuzzed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut declared = BTreeSet::new();
    for entry in fs::read_dir(root.join("src/containers")).expect("the containers") {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("a source");
        for part in text.split("container! {").skip(1) {
            let (_, rest) = part.split_once("pub struct ").expect("a container");
            declared.insert(words(rest).next().expect("a name").to_owned());
        }
        if text.contains("beacon_state!(container);") {
            declared.insert("BeaconState".to_owned());
        }
    }
    assert!(declared.len() > 70 && declared.contains("Validator"), "{declared:?}");
    let list = fs::read_to_string(root.join("../../fuzz/src/containers.rs")).expect("the list");
    let (_, list) = list.split_once("\ncontainers! {").expect("the list");
    let (list, _) = list.split_once('}').expect("its end");
    let fuzzed: BTreeSet<_> = words(list).map(str::to_owned).collect();
    assert_eq!(declared, fuzzed);
}
