//! Graffiti rules against recordings of the reference, and the checks of rule files.

mod recorded;

use fingerprint::graffiti::{Limits, RuleFileError};
use fingerprint::{Client, ClientSet, GraffitiRules, RuleSet};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn recorded_graffiti_are_recognised_the_same_way() {
    let Some(cases) = recorded::json("graffiti_vectors.json") else { return };
    let rules = GraffitiRules::built_in(RuleSet::Blockprint);
    let without_lighthouse = ClientSet::EMPTY.with(Client::Lighthouse);
    for case in cases.as_array().expect("a list") {
        let graffiti = case["graffiti"].as_str().expect("graffiti");
        for (column, disabled) in
            [("client", ClientSet::EMPTY), ("client_lighthouse_disabled", without_lighthouse)]
        {
            let found = rules.guess(graffiti, disabled).map(Client::name);
            assert_eq!(found, case.get(column).and_then(Value::as_str), "{graffiti:?}, {column}");
        }
    }
}

#[test]
fn built_in_sets_load_and_keep_their_names() {
    for set in RuleSet::ALL {
        let rules = GraffitiRules::from_toml(set.source()).expect("a valid file");
        assert_eq!(rules.name(), set.name());
        assert_eq!(rules, GraffitiRules::built_in(set));
        assert_eq!(set.name().parse(), Ok(set));
    }
    assert!("other".parse::<RuleSet>().is_err());
    assert_eq!(GraffitiRules::default(), GraffitiRules::built_in(RuleSet::Blockmark));
}

#[test]
fn blockmark_knows_every_client_by_every_mark() {
    let rules = GraffitiRules::built_in(RuleSet::Blockmark);
    let guess = |graffiti: &str| rules.guess(graffiti, ClientSet::EMPTY);
    let clients = [
        (Client::Grandine, "GR", "Grandine/0.4.0", "RP-G v1.2.3"),
        (Client::Lighthouse, "LH", "Lighthouse/v5.1.0-1234abc", "RP-GL v1.9.0"),
        (Client::Lodestar, "LS", "Lodestar-v1.2.3", "RP-NS v1.2.3"),
        (Client::Nimbus, "NB", "Nimbus/v1.5.5-67ab47-stateofus", "RP-N v1.3.0 (meek was here)"),
        (Client::Prysm, "PM", "prylabs-validator-3", "RP-P v1.2.1 (Alea iacta est.)"),
        (Client::Teku, "TK", "future of finance, nbd [teku]", "RP-NT v1.9.0"),
    ];
    for (client, code, signature, rocket_pool) in clients {
        assert_eq!(guess(signature), Some(client), "{signature}");
        assert_eq!(guess(rocket_pool), Some(client), "{rocket_pool}");
        for execution in ["GE", "NM", "BU", "EG", "RH", "EJ", "TE"] {
            let full = format!("{execution}12ab{code}cd34");
            for graffiti in [
                full.clone(),
                format!("hello {full}"),
                format!("{full} hello"),
                format!("{execution}1a{code}2b"),
                format!("{execution}{code}"),
                format!("hello, {execution}{code}!"),
            ] {
                assert_eq!(guess(&graffiti), Some(client), "{graffiti}");
            }
            for graffiti in [
                format!("x{full}"),
                format!("{full}5"),
                format!("{execution}{code}S"),
                format!("A{execution}{code}"),
            ] {
                assert_eq!(guess(&graffiti), None, "{graffiti}");
            }
        }
    }
    assert_eq!(guess("EG1234CNabcd"), Some(Client::Other));
    for nobody in
        ["", "hello", "stereotekuno", "lighthouses of Brittany", "GEABCDLS1234", "rp-l v1.2.3", "RP-L v1.2"]
    {
        assert_eq!(guess(nobody), None, "{nobody}");
    }
    assert_eq!(rules.guess("Teku", ClientSet::EMPTY.with(Client::Teku)), None);
}

#[test]
fn network_rules_go_first() {
    let rules = GraffitiRules::from_toml(
        r#"
        name = "mine"
        [[rule]]
        client = "Teku"
        patterns = ['.*teku']
        [[network.holesky.rule]]
        client = "Prysm"
        patterns = ['not teku']
        examples = ["not teku"]
        "#,
    )
    .expect("a valid file");
    let holesky = rules.for_network("holesky");
    assert_eq!(rules.guess("not teku", ClientSet::EMPTY), Some(Client::Teku));
    assert_eq!(holesky.guess("not teku", ClientSet::EMPTY), Some(Client::Prysm));
    assert_eq!(holesky.guess("not teku", ClientSet::EMPTY.with(Client::Prysm)), Some(Client::Teku));
    assert_eq!(rules.for_network("sepolia"), rules);
    assert_eq!(rules.networks().collect::<Vec<_>>(), ["holesky"]);
    let json = serde_json::to_string(&holesky).expect("text");
    let restored: GraffitiRules = serde_json::from_str(&json).expect("the same rules");
    assert_eq!(restored, holesky);
    assert_eq!(restored.network(), Some("holesky"));
}

fn rule(body: &str) -> Result<GraffitiRules, RuleFileError> {
    GraffitiRules::from_toml(&format!("name = 'x'\n[[rule]]\nclient = 'Teku'\n{body}"))
}

#[test]
fn faulty_files_are_refused_with_the_fault() {
    use RuleFileError as E;
    assert!(rule("patterns = ['a']").is_ok());
    assert!(matches!(GraffitiRules::from_toml("name"), Err(E::Syntax { .. })));
    assert!(matches!(GraffitiRules::from_toml(""), Err(E::Syntax { .. })));
    assert!(matches!(rule("pattern = ['a']"), Err(E::Syntax { .. })));
    assert!(matches!(rule("patterns = ['(']"), Err(E::BadPattern { .. })));
    assert!(matches!(rule("patterns = ['a)|(?:b']"), Err(E::BadPattern { .. })));
    assert!(matches!(rule("patterns = ['((a{1000}){1000}){1000}']"), Err(E::BadPattern { .. })));
    assert!(matches!(rule(&format!("patterns = ['{}']", "a".repeat(513))), Err(E::BadPattern { .. })));
    assert!(matches!(rule("patterns = ['']"), Err(E::MatchesEverything { .. })));
    assert!(matches!(rule("patterns = ['.*']"), Err(E::MatchesEverything { .. })));
    assert!(matches!(rule("patterns = ['a']\nexamples = ['b']"), Err(E::ExampleMissed { found: None, .. })));
    assert!(matches!(
        rule("patterns = ['a']\ncounterexamples = ['ab']"),
        Err(E::CounterexampleMatched { .. })
    ));
    assert!(matches!(
        GraffitiRules::from_toml("name = 'x'\n[[rule]]\nclient = 'Geth'"),
        Err(E::UnknownClient { .. })
    ));
    let many = format!("patterns = [{}]", "'a',".repeat(Limits::PATTERNS + 1));
    assert!(matches!(rule(&many), Err(E::TooMany { .. })));
    let large = format!("# {}", "x".repeat(Limits::FILE_BYTES));
    assert!(matches!(rule(&large), Err(E::TooLarge { .. })));
    // Each fits alone, all together do not.
    let together = format!("patterns = [{}]", r"'\pL{3}a',".repeat(Limits::PATTERNS));
    assert!(matches!(rule(&together), Err(E::PatternsTooLarge { .. })));
    let networks = |count: usize| {
        let rules = (0..count).map(|number| format!("[[network.n{number}.rule]]\nclient = 'Teku'\n"));
        GraffitiRules::from_toml(&format!("name = 'x'\n{}", rules.collect::<String>()))
    };
    assert!(networks(Limits::NETWORKS).is_ok());
    assert!(matches!(networks(Limits::NETWORKS + 1), Err(E::TooMany { what: "networks", .. })));
    let long = format!("patterns = ['a']\ncounterexamples = ['{}']", "b".repeat(Limits::EXAMPLE_BYTES + 1));
    assert!(matches!(rule(&long), Err(E::TooMany { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        drop(GraffitiRules::from_toml(&text));
    }

    #[test]
    fn any_pattern_is_taken_or_refused(pattern in "[a-c.*+?|(){}\\[\\]\\\\^$0-9bwpLsxi:,-]{0,24}", text in any::<String>()) {
        if let Ok(rules) = rule(&format!("patterns = ['''\n{pattern}''']")) {
            rules.guess(&text, ClientSet::EMPTY);
            prop_assert_eq!(rules.guess("", ClientSet::EMPTY), None);
        }
    }

    #[test]
    fn any_graffiti_is_answered_and_disabled_clients_are_never_named(text in any::<String>(), bits in any::<u8>()) {
        let disabled: ClientSet =
            Client::ALL.into_iter().filter(|client| bits & (1 << client.index()) != 0).collect();
        for set in RuleSet::ALL {
            let guess = GraffitiRules::built_in(set).guess(&text, disabled);
            prop_assert!(guess.is_none_or(|client| !disabled.contains(client)));
        }
    }
}
