//! Any text as a graffiti rule file, and what it makes of a graffiti.
#![no_main]

use fingerprint::ClientSet;
use fingerprint::graffiti::GraffitiRules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(rules) = GraffitiRules::from_toml(text) {
        let _ = rules.guess("Lighthouse/v5 GEabcdLS1234", ClientSet::EMPTY);
    }
});
