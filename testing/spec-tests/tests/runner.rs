//! The runner itself: it must fail what is wrong, and name what it left out.

mod support;

use std::collections::BTreeMap;

use spec_tests::{Batch, Case, CaseName, Part, Skipped, Verdict, run_case};

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
