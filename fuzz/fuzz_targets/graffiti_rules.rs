//! Any text as a graffiti rule file, and what it makes of a graffiti.
#![no_main]

use fingerprint::graffiti::GraffitiRules;
use fingerprint::{Client, ClientSet};
use libfuzzer_sys::fuzz_target;

const GRAFFITI: [&str; 4] = ["", "Lighthouse/v5 GEabcdLS1234", "RP-T v1.9 (Teku)", "\u{1F980} node-7\n"];

fuzz_target!(|text: &str| {
    let Ok(rules) = GraffitiRules::from_toml(text) else { return };
    let networks: Vec<String> = rules.networks().map(str::to_owned).collect();
    for graffiti in GRAFFITI {
        let guess = rules.guess(graffiti, ClientSet::EMPTY);
        let without = rules.guess(graffiti, ClientSet::EMPTY.with(Client::Teku));
        assert_ne!(without, Some(Client::Teku));
        if guess != Some(Client::Teku) {
            assert_eq!(without, guess);
        }
        for network in networks.iter().take(4) {
            let _ = rules.for_network(network).guess(graffiti, ClientSet::EMPTY);
        }
    }
    // No pattern matches an empty graffiti, or it would claim every block.
    assert_eq!(rules.guess("", ClientSet::EMPTY), None);
    assert_eq!(GraffitiRules::from_toml(rules.source()), Ok(rules));
});
