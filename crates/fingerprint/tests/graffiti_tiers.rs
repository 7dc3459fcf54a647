//! How much a client's name in graffiti is worth.

use fingerprint::Client;
use fingerprint::graffiti::{GraffitiRules, RuleSet, Tier};

#[test]
fn software_is_told_from_people() {
    for (graffiti, client, tier) in [
        ("GEabcdLH1234", Client::Lighthouse, Some(Tier::Gold)),
        ("my node NM0a1bGR12ff Grandine/2.1", Client::Grandine, Some(Tier::Gold)),
        ("GEabPM12", Client::Prysm, Some(Tier::Gold)),
        ("GEabcdPR1234", Client::Prysm, Some(Tier::Gold)),
        ("hello NMTK", Client::Teku, Some(Tier::Gold)),
        ("TKabcd1234", Client::Teku, Some(Tier::Gold)),
        ("LS8f3c", Client::Lodestar, Some(Tier::Gold)),
        ("GEabcdCN1234", Client::Other, Some(Tier::Gold)),
        ("GEabcdLH1234", Client::Teku, None),
        ("Lighthouse/v8.0.0-ced49dd", Client::Lighthouse, Some(Tier::Silver)),
        ("Nimbus/v24.2.1-d22fd3-stateofus", Client::Nimbus, Some(Tier::Silver)),
        ("Grandine/2.0.4", Client::Grandine, Some(Tier::Silver)),
        ("teku/v25.6.0", Client::Teku, Some(Tier::Silver)),
        ("RP-NS v1.2.3", Client::Lodestar, Some(Tier::Silver)),
        ("RP-NS v1.2.3", Client::Nimbus, None),
        ("I like Teku", Client::Teku, Some(Tier::Bronze)),
        ("my Lighthouse/v8.0.0", Client::Lighthouse, Some(Tier::Bronze)),
        ("PRYSM to the moon", Client::Prysm, Some(Tier::Bronze)),
        ("xGEabcdLH1234", Client::Lighthouse, None),
        ("GEABCDLH1234", Client::Lighthouse, None),
        ("LH", Client::Lighthouse, None),
        ("", Client::Nimbus, None),
        ("node-7", Client::Grandine, None),
    ] {
        assert_eq!(Tier::of(graffiti, client), tier, "{graffiti} of {client}");
    }
    assert!(Tier::Gold > Tier::Silver && Tier::Silver > Tier::Bronze);
}

/// Whatever the rules for labels recognise has a tier.
#[test]
fn every_example_of_the_rules_has_a_tier() {
    let rules = GraffitiRules::built_in(RuleSet::Blockmark);
    let mut examples = 0;
    for line in RuleSet::Blockmark.source().lines().filter_map(|line| line.strip_prefix("examples = [")) {
        for graffiti in line.split('"').skip(1).step_by(2) {
            let client = rules.guess(graffiti, fingerprint::ClientSet::EMPTY).expect("an example");
            assert!(Tier::of(graffiti, client).is_some(), "{graffiti} of {client}");
            examples += 1;
        }
    }
    assert!(examples > 50, "{examples}");
}
