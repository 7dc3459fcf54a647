//! Beacon nodes as input, recordings of them, and ranges of recordings.

#[cfg(unix)]
use std::process::Stdio;
use std::sync::Arc;

use captures::fake_node::{Answers, Asked, FakeNode, Fault};
use captures::served::{Forms, ServedChain};
use consensus::rewards::Scale;
use consensus::spec::Fork;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::place::{Place, Ran};

const SLOTS: u64 = 40;

/// A chain, and nodes that serve it as long as it lives.
struct Beacon {
    chain: ServedChain,
    runtime: Runtime,
}

impl Beacon {
    fn new(fork: Fork) -> Self {
        Self { chain: ServedChain::simulated(fork, SLOTS), runtime: Runtime::new().expect("a runtime") }
    }

    /// What a node answers that gives the states of some slots.
    fn answers(&self, states: impl IntoIterator<Item = u64>) -> Answers {
        let mut answers = self.chain.answers(Forms::Both);
        states.into_iter().for_each(|slot| self.chain.give_state(&mut answers, slot, Forms::Both));
        answers
    }

    fn node(&self, answers: Answers) -> FakeNode {
        self.runtime.block_on(FakeNode::honest(&Arc::new(answers)))
    }

    fn scripted(
        &self,
        answers: Answers,
        script: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static,
    ) -> FakeNode {
        self.runtime.block_on(FakeNode::scripted(&Arc::new(answers), script))
    }

    /// The rewards of a range as the program prints them.
    fn rewards(&self, first: u64, last: u64, scale: Scale) -> Value {
        serde_json::to_value(self.chain.rewards(first..=last, scale)).expect("JSON")
    }
}

fn is_block(asked: &Asked) -> Option<u64> {
    asked.path.strip_prefix("/eth/v2/beacon/blocks/")?.parse().ok()
}

#[track_caller]
fn array(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[test]
fn a_node_gives_what_its_recording_gives() {
    let place = Place::with_blocks();
    let beacon = Beacon::new(Fork::Electra);
    let node = beacon.node(beacon.answers(0..SLOTS));
    place
        .run(&["record", "1", "40", "chain", "--beacon-node", &node.url])
        .exits(0)
        .prints("Recorded the state of slot 0 and ");
    for (first, last) in [("1", "40"), ("13", "30"), ("25", "25")] {
        let range = ["--start", first, "--end", last];
        let number = |text: &str| text.parse::<u64>().expect("a number");
        for scale in Scale::ALL {
            let rewards = |input: &str| {
                let more = ["--scale", scale.name(), "--include-attestations"];
                array(&place.run(&[&["rewards", input], &range[..], &more].concat()).exits(0))
            };
            let expected = beacon.rewards(number(first), number(last), scale);
            assert_eq!(rewards("chain"), expected);
            assert_eq!(rewards(&node.url), expected);
        }
        for command in [&["features"][..], &["classify", "--model", "model.bmm"]] {
            let of = |input: &str| place.run(&[command, &[input, "--json"], &range].concat()).exits(0).stdout;
            assert_eq!(of("chain"), of(&node.url));
        }
    }
    let range = ["--start", "9", "--end", "40"];
    let build = ["db", "build", &node.url, "--model", "model.bmm", "--json"];
    let built = place.run(&[&build[..], &range].concat()).exits(0);
    let count = beacon.chain.blocks.iter().filter(|block| block.slot().0 >= 9).count();
    assert_eq!(built.json()[0]["inserted"], count);
    let build = ["db", "build", "chain", "--model", "model.bmm", "--json"];
    let built = place.run(&[&build[..], &range].concat()).exits(0);
    assert_eq!(built.json()[0]["unchanged"], count);
}

#[test]
fn a_block_of_a_node_is_applied_to_the_state_before_it() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Electra);
    let node = beacon.node(beacon.answers(0..SLOTS));
    let last = beacon.chain.blocks.last().expect("a block");
    let root = last.root(&beacon.chain.spec).to_string();
    for block in [last.slot().to_string(), root.clone()] {
        let ran =
            place.run(&["debug", "transition", &node.url, &block, "--no-signatures", "--json"]).exits(0);
        assert_eq!(ran.json()[0]["reward"]["block_root"], root, "{ran}");
        assert_eq!(ran.json()[0]["state_root"], last.block.message.state_root.to_string(), "{ran}");
    }
    place.run(&["debug", "transition", &node.url, "99", "--json"]).exits(1);
    place.run(&["debug", "transition", &node.url, "first"]).exits(2).says("neither a slot nor a root");
    place.run(&["debug", "transition", "http://", "1"]).exits(2).says("URL");
}

#[test]
fn a_node_without_states_is_used_by_its_blocks_and_that_is_said() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Deneb);
    let mut answers = beacon.chain.answers(Forms::JsonOnly);
    beacon.chain.give_epochs(&mut answers, 0..=SLOTS);
    let node = beacon.node(answers);
    let range = ["--start", "13", "--end", "30", "--include-attestations"];
    let ran = place.run(&[&["rewards", &node.url], &range[..]].concat()).exits(0);
    assert_eq!(array(&ran), beacon.rewards(13, 30, Scale::Legacy));
    ran.says("note: no state can be had: rewards are computed from blocks alone");
    let ran = place.run(&[&["rewards", &node.url, "--via", "state"], &range[..]].concat()).exits(1);
    let ran = ran.says("states are not given at all");
    let ran = place.line(&format!("{} --include-attestations", ran.hint())).exits(0);
    assert_eq!(array(&ran), beacon.rewards(13, 30, Scale::Legacy));
    place.run(&["fetch", "13", "30", "got", "--batch", "8", "--beacon-node", &node.url]).exits(0);
    let fetched = place.run(&["rewards", "got"]).exits(0);
    assert_eq!(array(&fetched), beacon.rewards(13, 30, Scale::Legacy));
}

#[test]
fn the_hint_of_a_node_that_keeps_few_states_names_a_range_that_it_can_give() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Fulu);
    let mut answers = beacon.answers(24..=SLOTS);
    beacon.chain.give_epochs(&mut answers, 24..=SLOTS);
    let node = beacon.node(answers);
    for command in ["rewards", "features"] {
        let words = [command, &node.url, "--start", "13", "--end", "38"];
        let ran = place.run(&words).exits(1).says("the oldest state that is given is of slot 24");
        let again = place.line(ran.hint()).exits(0);
        assert!(ran.hint().contains("--start 25 --end 38") && !again.stdout.is_empty());
    }
    let ran = place.run(&["fetch", "13", "38", "got", "--beacon-node", &node.url]).exits(1);
    place.line(ran.says("is of slot 24").hint()).exits(0);
    assert_eq!(place.names("got"), ["slot_25_to_38.json"]);
    // A file of an older state helps.
    place.write("older.ssz", beacon.chain.state(7).encode().expect("a state"));
    let words = [
        "rewards",
        &node.url,
        "--start",
        "13",
        "--end",
        "38",
        "--state",
        "older.ssz",
        "--include-attestations",
    ];
    let ran = place.run(&words).exits(0).says("the nearest state is of slot 7: 5 slots are replayed");
    assert_eq!(array(&ran), beacon.rewards(13, 38, Scale::Legacy));
    let ran = place.run(&["rewards", &node.url, "--start", "30", "--end", "99"]).exits(1);
    let ran = ran.says("slot 99 is not there yet");
    place.line(ran.hint()).exits(0);
}

#[test]
fn fetched_files_are_continued_and_hold_what_the_chain_paid() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Electra);
    let node = beacon.node(beacon.answers(0..SLOTS));
    let fetch = ["fetch", "1", "40", "got", "--batch", "8", "--beacon-node", &node.url];
    place.run(&fetch).exits(0).prints("Fetched 40 slots");
    let names = place.names("got");
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(node.count("/lighthouse"), 0);
    let whole = place.run(&["rewards", "got"]).exits(0);
    assert_eq!(array(&whole), beacon.rewards(1, 40, Scale::Legacy));
    // Two files are gone or cut; only they are made again.
    let kept = std::fs::read(place.path("got/slot_9_to_16.json")).expect("a file");
    std::fs::remove_file(place.path("got/slot_9_to_16.json")).expect("it is there");
    place.write("got/slot_33_to_40.json", &kept[..kept.len() / 2]);
    let before = node.count("/eth/v2/beacon/blocks/");
    let report = &place.run(&[&fetch[..], &["--json"]].concat()).exits(0).json()[0];
    assert_eq!((&report["fetched_slots"], &report["kept_slots"]), (&16.into(), &24.into()));
    // One more where a file ends with slots without a block: the next one must agree.
    let asked = node.count("/eth/v2/beacon/blocks/") - before;
    assert!((16..=20).contains(&asked), "{asked}");
    assert_eq!(place.run(&["rewards", "got"]).exits(0).stdout, whole.stdout);
    assert_eq!(place.names("got"), names);
    let scaled = ["fetch", "1", "8", "spec", "--scale", "spec", "--beacon-node", &node.url];
    place.run(&scaled).exits(0);
    assert_eq!(array(&place.run(&["rewards", "spec"]).exits(0)), beacon.rewards(1, 8, Scale::Spec));
}

#[test]
fn a_node_that_fails_midway_is_followed_by_the_second() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Electra);
    let failing = |asked: &Asked| (is_block(asked)? >= 20).then_some(Fault::Break);
    let first = beacon.scripted(beacon.answers(0..SLOTS), failing);
    let second = beacon.node(beacon.answers(0..SLOTS));
    let words =
        ["rewards", &first.url, "--start", "9", "--end", "40", "--include-attestations", "--attempts", "1"];
    let both = [&words[..], &["--beacon-node", &second.url]].concat();
    assert_eq!(array(&place.run(&both).exits(0)), beacon.rewards(9, 40, Scale::Legacy));
    let ran = place.run(&words).exits(3).says("it broke off its answer");
    assert!(array(&ran).as_array().is_some_and(|rewards| !rewards.is_empty()), "{ran}");
    let nodes = ["--beacon-node", &first.url, "--beacon-node", &second.url, "--attempts", "1"];
    place.run(&[&["record", "1", "40", "chain"], &nodes[..]].concat()).exits(0);
    assert_eq!(
        array(&place.run(&["rewards", "chain", "--include-attestations"]).exits(0)),
        beacon.rewards(1, 40, Scale::Legacy)
    );
    // What was fetched before the node failed stays; the rest comes from another one.
    let fetch = ["fetch", "1", "40", "got", "--batch", "8", "--attempts", "1", "--beacon-node"];
    let ran = place.run(&[&fetch[..], &[&first.url]].concat()).exits(1).says("could not be fetched");
    assert_eq!(place.names("got"), ["slot_1_to_8.json", "slot_9_to_16.json"]);
    let again = ran.hint().replace(&first.url, &second.url);
    place.line(&again).exits(0).prints("16 slots were there before");
    assert_eq!(array(&place.run(&["rewards", "got"]).exits(0)), beacon.rewards(1, 40, Scale::Legacy));
}

#[test]
fn ranges_of_recordings_and_errors_outside_of_them() {
    let place = Place::new();
    let beacon = Beacon::new(Fork::Deneb);
    beacon.chain.record(&place.path("chain"), &[0, 20]);
    let rewards =
        |more: &[&str]| place.run(&[&["rewards", "chain", "--include-attestations"], more].concat());
    for (more, first, last) in [
        (&["--start", "21"][..], 21, SLOTS),
        (&["--end", "12"], 1, 12),
        (&["--start", "0", "--end", "40"], 1, SLOTS),
        (&["--start", "19", "--end", "23"], 19, 23),
    ] {
        assert_eq!(array(&rewards(more).exits(0)), beacon.rewards(first, last, Scale::Legacy));
    }
    let ran = rewards(&["--start", "30", "--end", "50"]).exits(1).says("which has slots 1 to 40");
    assert!(ran.hint().contains("--start 30 --end 40"), "{ran}");
    place.line(ran.hint()).exits(0);
    rewards(&["--start", "9", "--end", "3"]).exits(2).says("the end is before the start");
    let ran = place.run(&["features", "chain", "--start", "41"]).exits(1).says("which has slots 1 to 40");
    place.line(ran.hint()).exits(0);
    place.run(&["rewards", "nowhere", "--start", "1"]).exits(1).says("does not exist");
}

#[test]
fn recordings_that_can_not_be_made_say_why_and_what_helps() {
    let place = Place::with_blocks();
    let beacon = Beacon::new(Fork::Electra);
    let mut answers = beacon.answers([16]);
    let state = answers.ssz("/eth/v2/debug/beacon/states/16").expect("a state").to_vec();
    answers.put_ssz("/eth/v2/debug/beacon/states/finalized", "electra", state);
    let node = beacon.node(answers.clone());
    let record = |words: &[&str]| place.run(&[&["record"], words, &["--beacon-node", &node.url]].concat());
    let ran = record(&["9", "40", "chain"]).exits(1).says("nodes keep few states");
    let again = place.line(ran.hint()).exits(0).prints("the state of slot 16");
    assert!(again.stdout.contains("Wrote chain"), "{again}");
    assert_eq!(
        array(&place.run(&["rewards", "chain", "--include-attestations"]).exits(0)),
        beacon.rewards(17, 40, Scale::Legacy)
    );
    let report = &record(&["17", "40", "chain", "--json"]).exits(0).json()[0];
    assert_eq!((&report["stored"], &report["kept"]), (&0.into(), &24.into()));
    record(&["9", "3", "other"]).exits(2).says("the end is before the start");
    record(&["0", "0", "other"]).exits(2).says("genesis");
    record(&["1", "2", "other", "--state", "soon"]).exits(2).says("finalized, none or a slot");
    place.line(record(&["17", "99", "more"]).exits(1).says("not there yet").hint()).exits(0);
    record(&["1", "8", "model.bmm/chain"]).exits(1).says("model.bmm");
    record(&["1", "8", "blocks", "--state", "none"]).exits(0).prints("no state");
    let json = serde_json::json!({"data": {"genesis_time": "1", "genesis_fork_version": "0x00000000",
        "genesis_validators_root": format!("0x{}", "ab".repeat(32))}});
    answers.put("/eth/v1/beacon/genesis", None, json);
    let other = beacon.node(answers);
    let nodes = ["--beacon-node", &node.url, "--beacon-node", &other.url];
    let ran = place.run(&[&["record", "17", "30", "third"], &nodes[..]].concat()).exits(1);
    place.line(ran.says("of different networks").hint()).exits(0);
    place.run(&["record", "1", "2", "other", "--beacon-node", "node"]).exits(2).says("URL");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_the_hint_goes_on_with() {
    use crate::trouble::{signal, wait_until};
    let place = Place::new();
    let beacon = Beacon::new(Fork::Electra);
    let stalling = |asked: &Asked| (is_block(asked)? >= 20).then_some(Fault::Stall);
    let slow = beacon.scripted(beacon.answers(0..SLOTS), stalling);
    let node = beacon.node(beacon.answers(0..SLOTS));
    let commands = [
        (&["record", "1", "40", "a chain"][..], "a chain/blocks", 5),
        (&["fetch", "1", "40", "got", "--batch", "8"], "got", 2),
    ];
    for (words, folder, least) in commands {
        let words = [words, &["--beacon-node", &slow.url]].concat();
        let child =
            place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let whole = || {
            place.path(folder).exists()
                && place.names(folder).iter().filter(|name| !name.starts_with('.')).count() >= least
        };
        wait_until("something is stored", whole);
        signal(&child, "-INT");
        let ran = Ran::of(&words, child.wait_with_output().expect("it ends")).exits(1).says("stopped: ");
        assert!(!place.names(folder).iter().any(|name| name.starts_with('.')), "{:?}", place.names(folder));
        place.line(&ran.hint().replace(&slow.url, &node.url)).exits(0).prints("there before");
    }
    for input in ["a chain", "got"] {
        let ran = place.run(&["rewards", input, "--include-attestations"]);
        let ran = if input == "got" { place.run(&["rewards", "got"]) } else { ran };
        assert_eq!(array(&ran.exits(0)), beacon.rewards(1, 40, Scale::Legacy));
    }
}
