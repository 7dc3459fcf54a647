//! The runner itself: it must fail what is wrong, and name what it left out.

mod support;

use std::collections::BTreeMap;

use spec_tests::{Batch, Case, CaseName, Outcome, Part, Skipped, Verdict, run_case};

fn name(path: &str) -> CaseName {
    let folders: Vec<String> = path.split('/').map(str::to_owned).collect();
    CaseName::from_folders(&folders).unwrap()
}

fn case(path: &str, parts: &[(&str, &[u8])]) -> Case {
    let parts =
        parts.iter().map(|(name, bytes)| ((*name).to_owned(), Part::Memory(bytes.to_vec()))).collect();
    Case::new(name(path), parts)
}

const SEVEN: &str = "tests/general/phase0/ssz_generic/uints/valid/uint_8_seven";
const ROOT: &[u8] = b"root: '0x0700000000000000000000000000000000000000000000000000000000000000'";
/// The byte 7, as a block of Snappy.
const PACKED: &[u8] = &[1, 0, 7];

fn fails(case: &Case, with: &str) {
    let Verdict::Fail(reason) = run_case(case).verdict else { panic!("{} does not fail", case.name) };
    assert!(reason.contains(with), "{reason}");
}

#[test]
fn a_right_value_passes_and_every_wrong_part_fails() {
    let right = [("meta.yaml", ROOT), ("serialized.ssz_snappy", PACKED), ("value.yaml", b"7")];
    let outcome = run_case(&case(SEVEN, &right));
    assert_eq!((outcome.verdict, outcome.unopened), (Verdict::Pass, vec![]));
    for (part, bytes, reason) in [
        ("meta.yaml", b"root: '0x07'".as_slice(), "root"),
        ("serialized.ssz_snappy", &[1, 0, 8], "hash tree root"),
        ("serialized.ssz_snappy", &[2, 4, 7, 7], "2 bytes where 1 were expected"),
        ("serialized.ssz_snappy", &[9, 9, 9], "serialized"),
        ("value.yaml", b"8", "value.yaml is another value"),
        ("value.yaml", b"[", "value.yaml"),
    ] {
        let mut parts = right.to_vec();
        parts.retain(|(name, _)| *name != part);
        parts.push((part, bytes));
        fails(&case(SEVEN, &parts), reason);
    }
}

#[test]
fn containers_of_gloas_are_run_and_what_can_t_be_run_is_skipped() {
    let path = "tests/minimal/gloas/ssz_static/BuilderPendingWithdrawal/ssz_zero/case_0";
    // 36 bytes of zeros: a literal of one, and a copy of those behind it.
    let zeros: &[u8] = &[36, 0, 0, (34 << 2) | 2, 1, 0];
    // Three leaves of zeros, and one to fill up, in a tree of two levels.
    let root = b"root: '0xdb56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71'";
    let value = b"{fee_recipient: '0x0000000000000000000000000000000000000000', amount: 0, builder_index: 0}";
    let parts = [("roots.yaml", root.as_slice()), ("serialized.ssz_snappy", zeros), ("value.yaml", value)];
    assert_eq!(run_case(&case(path, &parts)).verdict, Verdict::Pass);
    let other = path.replace("BuilderPendingWithdrawal", "DataColumnSidecar");
    let skipped = |case: &Case| match run_case(case) {
        Outcome { verdict: Verdict::Skip(Skipped::Unsupported(why)), unopened, .. }
            if unopened.is_empty() =>
        {
            why
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(skipped(&case(&other, &parts)), "DataColumnSidecar as gloas has it");
    let genesis =
        case("tests/minimal/altair/genesis/initialization/pyspec_tests/one", &[("eth1.yaml", b"{}")]);
    assert_eq!(skipped(&genesis), "a chain that begins with altair");
}

#[test]
fn signatures_are_made_and_added_up() {
    let sign = "tests/general/phase0/bls/sign/bls/one";
    let of_zero = b"{input: {privkey: '0x0000000000000000000000000000000000000000000000000000000000000000', message: '0x5656565656565656565656565656565656565656565656565656565656565656'}, output: null}";
    assert_eq!(run_case(&case(sign, &[("data.yaml", of_zero)])).verdict, Verdict::Pass);
    let secret = "0x263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3";
    let message = "0x5656565656565656565656565656565656565656565656565656565656565656";
    let hex = |text: &str| -> Vec<u8> {
        (2..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let signature = consensus::bls::sign(&hex(secret).try_into().unwrap(), &hex(message).try_into().unwrap());
    let signature =
        format!("0x{}", signature.unwrap().0.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let data = |input: String, output: &str| format!("{{input: {input}, output: {output}}}").into_bytes();
    let passes = |handler: &str, data: Vec<u8>| {
        let path = format!("tests/general/phase0/bls/{handler}/bls/one");
        let outcome = run_case(&case(&path, &[("data.yaml", &data)]));
        assert_eq!(outcome.verdict, Verdict::Pass, "{handler}");
    };
    let one = |key: &str| format!("{{privkey: '{key}', message: '{message}'}}");
    passes("sign", data(one(secret), &format!("'{signature}'")));
    fails(&case(sign, &[("data.yaml", &data(one(secret), "null"))]), "signature");
    passes("aggregate", data(format!("['{signature}']"), &format!("'{signature}'")));
    passes("aggregate", data("[]".to_owned(), "null"));
    let verify = |signature: &str| {
        format!("{{pubkeys: ['0x{}'], messages: ['{message}'], signature: '{signature}'}}", PUBLIC_KEY)
    };
    passes("aggregate_verify", data(verify(&signature), "true"));
    passes("aggregate_verify", data(verify(&format!("0xc0{}", "00".repeat(95))), "false"));
    passes(
        "aggregate_verify",
        data(format!("{{pubkeys: [], messages: [], signature: '{signature}'}}"), "false"),
    );
}

/// The public key of the secret key of the test.
const PUBLIC_KEY: &str =
    "a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a";

#[test]
fn a_value_needs_its_encoding_and_its_root() {
    fails(&case(SEVEN, &[("meta.yaml", ROOT)]), "serialized.ssz_snappy is missing");
    fails(&case(SEVEN, &[("serialized.ssz_snappy", PACKED)]), "meta.yaml is missing");
}

#[test]
fn a_part_that_nobody_opens_is_named() {
    let parts = [
        ("meta.yaml", ROOT),
        ("serialized.ssz_snappy", PACKED),
        ("value.yaml", b"7"),
        ("surprise.ssz_snappy", PACKED),
    ];
    let outcome = run_case(&case(SEVEN, &parts));
    assert_eq!((outcome.verdict, outcome.unopened), (Verdict::Pass, vec!["surprise.ssz_snappy".to_owned()]));
}

#[test]
fn an_invalid_value_must_not_decode() {
    let path = "tests/general/phase0/ssz_generic/boolean/invalid/byte_2";
    assert_eq!(run_case(&case(path, &[("serialized.ssz_snappy", &[1, 0, 2])])).verdict, Verdict::Pass);
    fails(&case(path, &[("serialized.ssz_snappy", &[1, 0, 1])]), "must not");
}

#[test]
fn a_manifest_must_name_the_case() {
    let manifest = b"preset: general\nfork: altair\n".as_slice();
    let parts = [("manifest.yaml", manifest), ("meta.yaml", ROOT), ("serialized.ssz_snappy", PACKED)];
    fails(&case(SEVEN, &parts), "manifest.yaml: fork");
}

#[test]
fn what_is_not_known_is_skipped_and_not_passed() {
    for (path, what) in [
        ("tests/minimal/altair/telepathy/core/suite/case", "the runner \"telepathy\""),
        ("tests/minimal/altair/operations/telepathy/suite/case", "the handler \"operations/telepathy\""),
        ("tests/tiny/altair/operations/deposit/suite/case", "the preset \"tiny\""),
        ("tests/minimal/osaka/operations/deposit/suite/case", "the fork \"osaka\""),
    ] {
        assert_eq!(run_case(&case(path, &[])).verdict, Verdict::Skip(Skipped::Unknown(what.to_owned())));
    }
}

/// All parts of a case.
fn parts(case: &Case) -> BTreeMap<String, Part> {
    case.part_names()
        .map(|name| (name.to_owned(), Part::Memory(case.bytes(name).unwrap().unwrap())))
        .collect()
}

#[test]
fn a_state_that_differs_and_a_verdict_that_differs_fail() {
    let Some(folder) = support::vectors() else { return };
    let cases = Batch::Archive(folder.join("minimal-altair.tar.zst")).load().unwrap().cases;
    let mut valid = 0;
    let mut invalid = 0;
    for case in cases.iter().filter(|case| case.name.handler == "sync_aggregate") {
        let mut parts = parts(case);
        let name = case.name.clone();
        match parts.remove("post.ssz_snappy") {
            Some(_) => {
                fails(&Case::new(name.clone(), parts.clone()), "must be refused");
                parts.insert("post.ssz_snappy".to_owned(), parts["pre.ssz_snappy"].clone());
                fails(&Case::new(name, parts), "post differs at balances");
                valid += 1;
            }
            None => {
                parts.insert("post.ssz_snappy".to_owned(), parts["pre.ssz_snappy"].clone());
                fails(&Case::new(name, parts), "must be accepted");
                invalid += 1;
            }
        }
    }
    assert!(valid > 0 && invalid > 0, "{valid} valid, {invalid} invalid");
}

/// A text with the digit behind the last occurrence of a pattern changed.
fn changed_after(text: &str, pattern: &str) -> String {
    let at = text.rfind(pattern).unwrap() + pattern.len();
    let digit = if text[at..].starts_with('0') { "1" } else { "0" };
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}

#[test]
fn every_answer_of_a_store_is_judged() {
    let Some(folder) = support::vectors() else { return };
    let cases = Batch::Archive(folder.join("minimal-deneb.tar.zst")).load().unwrap().cases;
    let find = |name: &str| {
        let mut cases = cases.iter().filter(|case| case.name.runner == "fork_choice");
        let case = cases.find(|case| case.name.case == name).unwrap();
        (case.name.clone(), parts(case), case.text("steps.yaml").unwrap().unwrap())
    };
    let with = |name: CaseName, mut parts: BTreeMap<String, Part>, steps: String| {
        parts.insert("steps.yaml".to_owned(), Part::Memory(steps.into_bytes()));
        Case::new(name, parts)
    };
    let (name, parts, steps) = find("basic_is_parent_root");
    for (pattern, reason) in [
        ("get_proposer_head: '0x", "get_proposer_head: root: expected"),
        ("proposer_boost_root: '0x", "proposer_boost_root: root: expected"),
        ("head:\n      slot: ", "head: slot: expected"),
        ("justified_checkpoint:\n      epoch: ", "justified_checkpoint: checkpoint"),
        ("finalized_checkpoint:\n      epoch: ", "finalized_checkpoint: checkpoint"),
        ("    time: ", "time: seconds"),
    ] {
        fails(&with(name.clone(), parts.clone(), changed_after(&steps, pattern)), reason);
    }
    let (name, parts, steps) = find("invalid_incorrect_proof");
    let steps = steps.replace("valid: false", "valid: true");
    fails(&with(name, parts, steps), "blobs, commitments and proofs do not fit each other");
    let (name, parts, steps) = find("on_block_future_block");
    let steps = steps.replace("valid: false", "valid: true");
    fails(&with(name, parts, steps), "is too early");
}

/// The official archives have no cases of these types. The roots come from a second implementation.
#[test]
fn types_without_official_cases_have_the_roots_of_a_second_implementation() {
    let var = "ab090000000f0000000100020003000d";
    for (handler, name, encoding, root, value) in [
        (
            "progressive_containers",
            "ProgressiveVarTestStruct_x",
            var.to_owned(),
            "c4cd317bddbf9e019b0fc992e0f1d6e3ccb634c706913994a9eaf541a298c261",
            "{A: 171, B: [1, 2, 3], C: '0x0d'}",
        ),
        (
            "compatible_unions",
            "CompatibleUnionBC_3_x",
            format!("03{var}"),
            "10bf51c9f04590b49d7d3cf451221971f25d284804df5569f6ec64daffdd5ea1",
            "{selector: 3, data: {A: 171, B: [1, 2, 3], C: '0x0d'}}",
        ),
        (
            "containers",
            "BitsStruct_x",
            "0b00000003010c000000ff0d01".to_owned(),
            "55733c08211a4a8ba29a72f157bb0b211a05c6258128585ebd695b08b5e6efbb",
            "{A: '0x0d', B: '0x03', C: '0x01', D: '0x01', E: '0xff'}",
        ),
    ] {
        let bytes: Vec<u8> = (0..encoding.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&encoding[place..place + 2], 16).unwrap())
            .collect();
        let packed = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
        let meta = format!("root: '0x{root}'");
        let path = format!("tests/general/phase0/ssz_generic/{handler}/valid/{name}");
        let parts = [
            ("meta.yaml", meta.as_bytes()),
            ("serialized.ssz_snappy", &packed),
            ("value.yaml", value.as_bytes()),
        ];
        assert_eq!(run_case(&case(&path, &parts)).verdict, Verdict::Pass, "{name}");
    }
}

#[test]
fn signatures_are_judged() {
    let message = "0x".to_owned() + &"56".repeat(32);
    let infinity = "0xc0".to_owned() + &"00".repeat(95);
    let key = "0xc0".to_owned() + &"00".repeat(47);
    let judge = |handler: &str, input: &str, output: &str| {
        let path = format!("tests/general/altair/bls/{handler}/bls/case");
        let data = format!("input: {input}\noutput: {output}\n");
        run_case(&case(&path, &[("data.yaml", data.as_bytes())])).verdict
    };
    let nobody = format!("{{pubkeys: [], message: '{message}', signature: '{infinity}'}}");
    assert_eq!(judge("eth_fast_aggregate_verify", &nobody, "true"), Verdict::Pass);
    assert_eq!(judge("fast_aggregate_verify", &nobody, "false"), Verdict::Pass);
    assert!(matches!(judge("fast_aggregate_verify", &nobody, "true"), Verdict::Fail(_)));
    let one = format!("{{pubkey: '{key}', message: '{message}', signature: '{infinity}'}}");
    assert_eq!(judge("verify", &one, "false"), Verdict::Pass);
    assert_eq!(judge("eth_aggregate_pubkeys", "[]", "null"), Verdict::Pass);
    assert_eq!(judge("eth_aggregate_pubkeys", &format!("['{key}']"), "null"), Verdict::Pass);
}

/// Official attestations without anybody, and without a committee, with their signatures not looked at.
#[test]
fn nobody_s_vote_is_refused_whatever_is_checked() {
    let Some(folder) = support::vectors() else { return };
    let mut seen = 0;
    for fork in ["altair", "electra"] {
        let archive = Batch::Archive(folder.join(format!("minimal-{fork}.tar.zst")));
        for case in archive.load().unwrap().cases {
            let name = case.name.to_string();
            if !name.contains("operations/attestation/") || !name.contains("invalid_empty_participants") {
                continue;
            }
            let parts = case.part_names().filter(|part| *part != "meta.yaml").map(str::to_owned);
            let mut parts: BTreeMap<String, Part> =
                parts.map(|part| (part.clone(), Part::Memory(case.bytes(&part).unwrap().unwrap()))).collect();
            parts.insert("meta.yaml".to_owned(), Part::Memory(b"bls_setting: 2".to_vec()));
            assert_eq!(run_case(&Case::new(case.name.clone(), parts)).verdict, Verdict::Pass, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen} cases");
}
