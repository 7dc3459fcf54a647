//! The reader on real blocks, on every historical shape, and on everything that is no block reward.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use consensus::rewards::BlockReward;
use consensus::{Gwei, Root};
use fingerprint::{AttestationSummary, AttestationVote};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use simulate::{RewardPlan, Shape};

use super::*;

const ROOT: &str = "0x5316104db4a56be70b9ec5042b92caa38188747f40fd2a52a13d93c656fcaa4d";

/// The conformance data, which is not part of the repository.
fn conformance_data() -> Option<PathBuf> {
    let directory = std::env::var_os("BLOCKMARK_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from)
        .join("blockprint");
    if directory.is_dir() {
        return Some(directory);
    }
    assert!(std::env::var_os("CI").is_none(), "there is no conformance data at {}", directory.display());
    println!("skipped: no conformance data");
    None
}

fn example() -> Value {
    json!({
        "total": 12,
        "block_root": ROOT,
        "meta": {"slot": "9", "parent_slot": "8", "proposer_index": 3, "graffiti": "é\u{1F60A}\n"},
        "attestation_rewards": {
            "total": 10, "prev_epoch_total": 0, "curr_epoch_total": 10,
            "per_attestation_rewards": [{"7": 6, "12345678": 4}, {}],
            "attestations": [
                {"slot": "8", "index": "5", "beacon_block_root": ROOT,
                 "source": {"epoch": "0", "root": ROOT}, "target": {"epoch": "0", "root": ROOT}},
                {"slot": 7, "index": 6, "beacon_block_root": ROOT}
            ]
        },
        "sync_committee_rewards": 2
    })
}

fn parse(value: &Value) -> Result<BlockObservation, String> {
    parse_block_reward(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn changed(pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut value = example();
    change(value.pointer_mut(pointer).expect("a field of the example"));
    value
}

/// What an observation has to be, taken from the JSON by another reader.
fn expected(value: &Value) -> BlockObservation {
    fn number(value: &Value) -> u64 {
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
    }
    let root = |value: &Value| value.as_str().and_then(|text| text.parse::<Root>().ok()).expect("a root");
    let rewards = &value["attestation_rewards"];
    BlockObservation {
        block_root: root(&value["block_root"]),
        slot: number(&value["meta"]["slot"]).into(),
        parent_slot: number(&value["meta"]["parent_slot"]).into(),
        fork: None,
        proposer_index: number(&value["meta"]["proposer_index"]).into(),
        graffiti: value["meta"]["graffiti"].as_str().expect("a string").to_owned(),
        attestation_total: Gwei(number(&rewards["total"])),
        rewards: rewards["per_attestation_rewards"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|map| map.as_object().expect("an object"))
            .map(|map| AttestationSummary {
                fresh_validators: map.len() as u32,
                total: Gwei(map.values().map(number).sum()),
            })
            .collect(),
        votes: rewards["attestations"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|vote| AttestationVote {
                slot: number(&vote["slot"]).into(),
                index: number(&vote["index"]),
                beacon_block_root: root(&vote["beacon_block_root"]),
            })
            .collect(),
        shapes: Vec::new(),
    }
}

#[test]
fn real_blocks_are_read_as_another_reader_reads_them() {
    let Some(data) = conformance_data() else { return };
    let mut files = 0;
    for client in ["Lighthouse", "Nimbus", "Prysm", "Teku"] {
        for file in std::fs::read_dir(data.join("data_proc").join(client)).expect("a folder") {
            let text = std::fs::read(file.expect("an entry").path()).expect("a file");
            let value: Value = serde_json::from_slice(&text).expect("JSON");
            let block = parse_block_reward(&text).expect("a block reward");
            assert_eq!(block, expected(&value));
            let sum: u64 = block.rewards.iter().map(|rewards| rewards.total.0).sum();
            assert_eq!(sum, block.attestation_total.0);
            files += 1;
        }
    }
    assert_eq!(files, 15);
    let text = std::fs::read(data.join("synthetic_block_rewards.json")).expect("a file");
    let blocks: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(blocks.len(), 111);
    for block in blocks {
        let reward = &block["block_reward"];
        assert_eq!(parse(reward), Ok(expected(reward)), "{}", block["note"]);
    }
}

#[test]
fn generated_blocks_round_trip() {
    for shape in [Shape::Phase0Like, Shape::ElectraLike] {
        let plan = RewardPlan { blocks: 20, shape, ..RewardPlan::default() };
        let rewards: Vec<BlockReward> = simulate::blocks(&plan).map(|block| block.reward).collect();
        let mut text = Vec::new();
        simulate::write_json(&rewards, &mut text).expect("memory takes it");
        let all = parse_block_rewards(&text, &Limits::default()).expect("a body");
        let streamed: Vec<_> = RewardReader::new(text.as_slice(), Limits::default())
            .map(|record| record.expect("a block").observation)
            .collect();
        assert_eq!(all, streamed);
        for (reward, block) in rewards.iter().zip(&all) {
            assert_eq!(*block, expected(&serde_json::to_value(reward).expect("JSON")));
        }
        assert_eq!(all.len(), rewards.len());
    }
}

#[test]
fn every_historical_shape_is_read() {
    let whole = parse(&example()).expect("the final shape");
    assert_eq!(whole, expected(&example()));
    let without_votes = BlockObservation { votes: Vec::new(), ..whole.clone() };

    // 2021: no totals of the block, rewards per epoch as maps.
    let mut old = example();
    let top = old.as_object_mut().expect("an object");
    top.remove("total");
    top.remove("sync_committee_rewards");
    let rewards = old["attestation_rewards"].as_object_mut().expect("an object");
    rewards.remove("attestations");
    rewards.insert("prev_epoch_rewards".to_owned(), json!({"1": 2, "3": "what ever"}));
    rewards.insert("curr_epoch_rewards".to_owned(), json!({}));
    assert_eq!(parse(&old), Ok(without_votes.clone()));

    assert_eq!(parse(&changed("/attestation_rewards/attestations", |v| *v = Value::Null)), Ok(without_votes));
    assert_eq!(parse(&changed("/meta/slot", |v| *v = json!(9))), Ok(whole.clone()));
    assert_eq!(parse(&changed("/meta/parent_slot", |v| *v = json!(8))), Ok(whole.clone()));
    assert_eq!(
        parse(&changed("/meta", |v| v["extra"] = json!([{"a": [null, true, -1.5e-3, "\\"]}]))),
        Ok(whole)
    );
    // White space, escapes in keys and in text.
    let spaced = format!(
        "\n{{ \"m\\u0065ta\" : {{ \"slot\" :\t\"09\",\"parent_slot\":8 , \"proposer_index\":0,\"graffiti\":\"\\ud83d\\ude0a\\n\\/\" }},
         \"block_root\":\"{ROOT}\",\"attestation_rewards\":{{\"total\":18446744073709551615,\"per_attestation_rewards\":
         [ {{ \"1\" : 0 , \"\\u0032\":18446744073709551615 }} , {{ }} ] }} }}\r\n"
    );
    let block = parse_block_reward(spaced.as_bytes()).expect("a block reward");
    assert_eq!((block.slot.0, block.graffiti.as_str()), (9, "\u{1F60A}\n/"));
    assert_eq!((block.rewards[0].fresh_validators, block.rewards[0].total.0), (2, u64::MAX));
}

#[test]
fn errors_name_field_and_reason() {
    let whole = "a non-negative integer";
    let field = |pointer: &str, value: Value| parse(&changed(pointer, |v| *v = value)).expect_err(pointer);
    let maps = "attestation_rewards.per_attestation_rewards";
    assert_eq!(field("/total", json!("12")), format!("\"total\" must be {whole}, found \"12\""));
    assert_eq!(field("/total", json!(-1)), format!("\"total\" must be {whole}, found -1"));
    assert_eq!(
        field("/meta/proposer_index", json!("3")),
        format!("\"meta.proposer_index\" must be {whole}, found \"3\"")
    );
    assert_eq!(field("/meta/slot", json!(1.0)), format!("\"meta.slot\" must be {whole}, found 1.0"));
    assert_eq!(field("/meta/slot", json!("")), format!("\"meta.slot\" must be {whole}, found \"\""));
    assert_eq!(
        field("/meta/slot", json!("18446744073709551616")),
        format!("\"meta.slot\" must be {whole}, found \"18446744073709551616\"")
    );
    assert_eq!(
        field("/attestation_rewards/total", json!(1.5e30)),
        format!("\"attestation_rewards.total\" must be {whole}, found 1.5e+30")
    );
    assert_eq!(
        field("/attestation_rewards/per_attestation_rewards/0/7", json!("12")),
        format!("\"{maps}[0][\"7\"]\" must be {whole}, found \"12\"")
    );
    assert_eq!(
        field("/attestation_rewards/per_attestation_rewards/1", json!([])),
        format!("\"{maps}[1]\" must be an object, found an array")
    );
    assert_eq!(
        field("/attestation_rewards/per_attestation_rewards/0", json!({"x": 1})),
        format!("\"{maps}[0]\" must be keyed by validator index, found \"x\"")
    );
    assert_eq!(
        field("/attestation_rewards/per_attestation_rewards/0", json!({"1": u64::MAX, "2": 1})),
        format!("\"{maps}[0]\" adds up to more than 18446744073709551615")
    );
    assert_eq!(
        field("/attestation_rewards/attestations/1/beacon_block_root", json!("0x12")),
        "\"attestation_rewards.attestations[1].beacon_block_root\" must be a root (0x and 64 hexadecimal digits), found \"0x12\""
    );
    assert_eq!(field("/meta/graffiti", Value::Null), "\"meta.graffiti\" must be a string, found null");
    assert_eq!(field("/meta", json!("x")), "\"meta\" must be an object, found \"x\"");
    for (parent, key, name) in [
        ("", "block_root", "block_root"),
        ("", "meta", "meta"),
        ("", "attestation_rewards", "attestation_rewards"),
        ("/meta", "slot", "meta.slot"),
        ("/meta", "parent_slot", "meta.parent_slot"),
        ("/meta", "graffiti", "meta.graffiti"),
        ("/attestation_rewards", "per_attestation_rewards", maps),
        ("/attestation_rewards", "total", "attestation_rewards.total"),
        ("/attestation_rewards/attestations/0", "index", "attestation_rewards.attestations[0].index"),
    ] {
        let value = changed(parent, |v| drop(v.as_object_mut().map(|object| object.remove(key))));
        assert_eq!(parse(&value), Err(format!("\"{name}\" is missing")));
    }
}

#[test]
fn what_serde_would_not_write_is_refused_too() {
    let text = example().to_string();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        parse_block_reward(text.replacen(from, to, 1).as_bytes()).expect_err(to).to_string()
    };
    let maps = "attestation_rewards.per_attestation_rewards";
    assert_eq!(
        with("\"7\":6", "\"7\":NaN"),
        format!("\"{maps}[0][\"7\"]\" must be a non-negative integer, found NaN")
    );
    assert_eq!(
        with("\"7\":6", "\"7\":06"),
        format!("\"{maps}[0][\"7\"]\" must be a non-negative integer, found 06")
    );
    assert_eq!(
        with("\"7\":6", "\"7\":6,\"12345678\":1"),
        format!("\"{maps}[0][\"12345678\"]\" appears twice")
    );
    assert_eq!(with("\"7\":6", "\"7\":6,\"07\":1"), format!("\"{maps}[0][\"7\"]\" appears twice"));
    assert_eq!(
        with("\"7\":6", "\"7\":18446744073709551616"),
        format!("\"{maps}[0][\"7\"]\" must be a non-negative integer, found 18446744073709551616")
    );
    assert_eq!(with("\"total\":12", "\"meta\":1,\"total\":12"), "\"meta\" appears twice");
    assert_eq!(with("\"total\":12", "\"total\":12,\"total\":13"), "\"total\" appears twice");
    assert_eq!(with("\"parent_slot\":\"8\"", "\"parent_slot\":8,\"slot\":9"), "\"meta.slot\" appears twice");
    assert!(with("\"total\":12", "\"total\":12,").starts_with("the text is not JSON at byte"));
    assert!(with("\"total\":12", "\"x\":nul").contains("is not JSON"));
    assert!(with("\\n", "\\x").contains("an escape that JSON knows"));
    assert!(with("\\n", "\n").contains("control characters"));
    assert!(with("\\n", "\\ud800").contains("without broken escapes"));
    let deep = format!("\"x\":{}1{},\"total\":12", "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(with("\"total\":12", &deep), "the text is nested more than 64 levels deep");
    let bad_utf8 = text.replace('é', "?").into_bytes();
    let bad_utf8: Vec<u8> = bad_utf8.iter().map(|byte| if *byte == b'?' { 0xff } else { *byte }).collect();
    assert!(parse_block_reward(&bad_utf8).expect_err("no UTF-8").to_string().contains("a string in UTF-8"));
    assert_eq!(
        parse_block_reward(b"[]").expect_err("no object").to_string(),
        "the text must be an object, found an array"
    );
    assert!(parse_block_reward(format!("{text} {text}").as_bytes()).is_err());
}

#[test]
fn counts_are_bounded() {
    let limits = Limits { attestations: 1, ..Limits::default() };
    let body = format!("[{}]", example());
    let error = parse_block_rewards(body.as_bytes(), &limits).expect_err("two attestations").to_string();
    assert!(error.ends_with("has more than 1 attestations"), "{error}");
    let limits = Limits { validators: 1, ..Limits::default() };
    let error = parse_block_rewards(body.as_bytes(), &limits).expect_err("two validators").to_string();
    assert!(error.ends_with("has more than 1 validators in one block"), "{error}");
    let limits = Limits { blocks: 1, ..Limits::default() };
    let two = format!("[{},{}]", example(), example());
    let error = parse_block_rewards(two.as_bytes(), &limits).expect_err("two blocks").to_string();
    assert_eq!(error, "the text has more than 1 block rewards");
}

#[test]
fn a_body_is_whole_or_an_error_with_the_block_s_number() {
    let good = example().to_string();
    let bad = changed("/attestation_rewards/per_attestation_rewards/0/7", |v| *v = json!("12")).to_string();
    let error =
        |body: &str| parse_block_rewards(body.as_bytes(), &Limits::default()).expect_err("bad").to_string();
    assert_eq!(
        error(&format!("[{good},{good},{good},{bad}]")),
        "block 3: \"attestation_rewards.per_attestation_rewards[0][\"7\"]\" must be a non-negative integer, found \"12\""
    );
    assert_eq!(error(&good), "the text must be an array of block rewards, found an object");
    assert_eq!(error(""), "the text is empty, where block rewards were expected");
    assert_eq!(error(&format!("[{good}")), "the text ends in the middle, so the text was cut short");
    assert_eq!(error("[7 ]"), "block 0: the block reward must be an object, found 7");
    assert!(error(&format!("[{good}] x")).contains("expected the end of the text"));
    assert_eq!(parse_block_rewards(b" [ ] ", &Limits::default()).ok().map(|blocks| blocks.len()), Some(0));
}

fn read_all(text: &[u8], limits: Limits) -> Vec<Result<u64, String>> {
    RewardReader::new(text, limits)
        .map(|item| item.map(|record| record.observation.slot.0).map_err(|error| error.to_string()))
        .collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn streams_of_every_framing_are_read() {
    let one = example().to_string();
    let pretty = serde_json::to_string_pretty(&example()).expect("JSON");
    let parts = [gzip(format!("[{one},").as_bytes()), gzip(format!("{pretty}]").as_bytes())].concat();
    for (text, count) in [
        (one.clone().into_bytes(), 1),
        (format!("\u{feff} [{one} , {pretty}\n]\n").into_bytes(), 2),
        (format!("{one}\n{one}\n{one}\n").into_bytes(), 3),
        (format!("{one}{pretty}").into_bytes(), 2),
        (format!("[{one}][{one},{one}] []").into_bytes(), 3),
        (b"[]".to_vec(), 0),
        (gzip(format!("[{one},{one}]").as_bytes()), 2),
        (parts, 2),
    ] {
        let slots = read_all(&text, Limits::default());
        assert_eq!(slots, vec![Ok(9); count], "{}", String::from_utf8_lossy(&text));
        // However small the pieces are.
        let bytes = OneByOne(&text);
        assert_eq!(RewardReader::new(bytes, Limits::default()).flatten().count(), count);
    }
}

struct OneByOne<'a>(&'a [u8]);

impl Read for OneByOne<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let one = room.len().min(1);
        self.0.read(&mut room[..one])
    }
}

#[test]
fn a_bad_block_does_not_take_the_others_with_it() {
    let good = example().to_string();
    let bad = changed("/meta/slot", |v| *v = json!("x")).to_string();
    let items = read_all(format!("[{good},{bad},{good}]").as_bytes(), Limits::default());
    let error = "block 1: \"meta.slot\" must be a non-negative integer, found \"x\"".to_owned();
    assert_eq!(items, [Ok(9), Err(error), Ok(9)]);
}

#[test]
fn broken_text_ends_with_an_error_after_what_is_whole() {
    let one = example().to_string();
    let last = |text: &[u8]| {
        let mut items = read_all(text, Limits::default());
        (items.pop().and_then(Result::err).unwrap_or_default(), items.len())
    };
    assert_eq!(last(b""), ("the text is empty, where block rewards were expected".to_owned(), 0));
    assert_eq!(last(b" \n"), ("the text is empty, where block rewards were expected".to_owned(), 0));
    let cut = "ends in the middle, so the text was cut short";
    assert_eq!(last(format!("[{one},").as_bytes()), (format!("the text {cut}"), 1));
    assert_eq!(last(format!("[{one}").as_bytes()), (format!("the text {cut}"), 1));
    assert_eq!(
        last(&format!("[{one},{one}]").as_bytes()[..one.len() + 60]).0,
        format!("block 1: the block reward {cut}")
    );
    let packed = gzip(format!("[{one},{one}]").as_bytes());
    assert!(last(&packed[..packed.len() - 12]).0.ends_with(cut));
    assert_eq!(last(b"[7]"), ("block 0: the block reward must be an object, found 7".to_owned(), 0));
    assert!(last(format!("[{one} {one}]").as_bytes()).0.contains("expected a comma or the end of the array"));
    assert!(!last(format!("[{one},]").as_bytes()).0.is_empty());
    assert!(!last(b"SQLite format 3").0.is_empty());
    let mut corrupt = gzip(one.as_bytes());
    corrupt[20] ^= 0xff;
    assert!(!last(&corrupt).0.is_empty());
}

#[test]
fn text_that_is_no_json_is_called_so() {
    let first = |text: &str| match RewardReader::new(text.as_bytes(), Limits::default()).next() {
        Some(Err(error)) => error.to_string(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(
        first("<html>502 Bad Gateway</html>"),
        "the text is not JSON, it begins with \"<html>502 Bad Gatewa\""
    );
    assert_eq!(first("\n nothing"), "the text is not JSON, it begins with \"nothing\"");
    assert!(first("null ").contains("must be an object, found null"), "{}", first("null "));
}

#[test]
fn graffiti_is_as_long_as_a_block_has_room_for() {
    let of = |text: String| changed("/meta/graffiti", |v| *v = json!(text)).to_string();
    // 32 bytes that are no text become 32 replacement characters of three bytes.
    assert!(parse_block_reward(of("\u{fffd}".repeat(32)).as_bytes()).is_ok());
    let error = parse_block_reward(of("x".repeat(97)).as_bytes()).expect_err("too long").to_string();
    let reason = "has 97 bytes, but the 32 bytes of a graffiti make a text of 96 at most";
    assert_eq!(error, format!("\"meta.graffiti\" {reason}"));
}

#[test]
fn objects_are_bounded_in_size() {
    let limits = Limits { object_bytes: 2000, ..Limits::default() };
    let one = example().to_string();
    let large = changed("/meta", |v| v["padding"] = json!("x".repeat(4000))).to_string();
    let items = read_all(format!("[{one},{large},{one}]").as_bytes(), limits);
    assert_eq!(items, [Ok(9), Err("block 1: the block reward is larger than 2000 bytes".to_owned()), Ok(9)]);
    let endless = [b"[{\"x\":\"".to_vec(), vec![b'x'; 3 << 20]].concat();
    let items = read_all(&endless, limits);
    assert_eq!(items, [Err("block 0: the block reward is larger than 2000 bytes".to_owned())]);
}

/// An array of the same block again and again, made while it is read.
struct Endless {
    piece: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.left -= 1;
            self.at = 0;
            if let Some(first) = self.piece.first_mut() {
                *first = b',';
            }
        }
        let count = (&self.piece[self.at..]).read(room)?;
        self.at += count;
        Ok(count)
    }
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let piece = format!("[{}", changed("/meta", |v| v["padding"] = json!("x".repeat(20_000)))).into_bytes();
    let mut reader = RewardReader::new(Endless { piece, at: 0, left: 3000 }, Limits::default());
    let count = reader.by_ref().take_while(Result::is_ok).count();
    assert_eq!(count, 3001);
    assert!(reader.buffer_bytes() <= 512 * 1024, "{}", reader.buffer_bytes());
}

fn never_panics(text: &[u8]) {
    let one = parse_block_reward(text).is_ok();
    let all = parse_block_rewards(text, &Limits::default()).is_ok();
    assert!(!(one && all));
    let items: Vec<_> = RewardReader::new(text, Limits::default()).take(1000).collect();
    if one || all {
        assert!(items.iter().all(Result::is_ok));
    }
    for item in items {
        if let Err(error) = item {
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        never_panics(&text);
    }

    #[test]
    fn mutated_blocks_are_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), Just(b'"'), Just(b'{'), Just(b'}'), Just(b','), Just(b'-'), Just(b'\\'), Just(b'9')
        ]), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
        list in any::<bool>(),
    ) {
        let mut text = example().to_string().into_bytes();
        if list {
            text = [b"[".to_vec(), text.clone(), b",".to_vec(), text, b"]".to_vec()].concat();
        }
        for (place, byte) in changes {
            let place = place.index(text.len());
            text[place] = byte;
        }
        if cuts {
            text.truncate(cut.index(text.len()));
        }
        never_panics(&text);
        // What is taken is JSON that another reader takes as well, and reads the same.
        if let Ok(block) = parse_block_reward(&text) {
            let value: Value = serde_json::from_slice(&text).expect("JSON");
            prop_assert_eq!(block, expected(&value));
        }
    }

    #[test]
    fn reward_maps_are_summed(
        map in proptest::collection::btree_map(0u64..1 << 40, 0u64..1 << 40, 0..200),
        space in prop_oneof![Just(""), Just(" "), Just("\n  ")],
    ) {
        let entries: Vec<String> =
            map.iter().map(|(validator, reward)| format!("\"{validator}\":{space}{reward}")).collect();
        let maps = format!("[{{{}}}]", entries.join(&format!(",{space}")));
        let text = example().to_string();
        let (head, tail) = text.split_at(text.find("\"per_attestation_rewards\":").expect("a key") + 26);
        let end = tail.find(']').expect("an end") + 1;
        let text = format!("{head}{maps}{}", &tail[end..]);
        let block = parse_block_reward(text.as_bytes()).expect("a block reward");
        prop_assert_eq!(block.rewards[0].fresh_validators as usize, map.len());
        prop_assert_eq!(block.rewards[0].total.0, map.values().sum::<u64>());
    }
}
