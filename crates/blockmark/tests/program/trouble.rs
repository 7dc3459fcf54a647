//! Machines and nodes that do not play along: full disks, taken ports, Ctrl-C, two programs at once.

#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::node::{Answer, Node};
use crate::place::{BLOCKS, FIRST_SLOT, Place, Ran};

/// How long anything may take before a test gives up waiting for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_stops_a_fetch_and_its_hint_goes_on() {
    let place = Place::new();
    let slow = Node::start(|request| if request == 0 { Answer::Blocks } else { Answer::Never });
    let end = (FIRST_SLOT + 31).to_string();
    let words =
        ["fetch", "1000", &end, "my blocks", "--batch", "16", "--parallel", "1", "--beacon-node", &slow.url];
    let child =
        place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let first = place.path("my blocks/slot_1000_to_1015.json");
    wait_until("the first batch is stored", || first.exists());
    signal(&child, "-INT");
    let ran = Ran::of(&words, child.wait_with_output().expect("it ends")).exits(1).says("stopped: 16 slots");
    assert_eq!(place.names("my blocks").len(), 1, "no half files");
    let node = Node::start(|_| Answer::Blocks);
    let again = place.line(&ran.hint().replace(&slow.url, &node.url)).exits(0);
    assert!(again.stdout.contains("16 slots were there before"), "{again}");
    assert_eq!(place.names("my blocks"), ["slot_1000_to_1015.json", "slot_1016_to_1031.json"]);
}

#[test]
fn nodes_that_fail_are_named() {
    let place = Place::with_blocks();
    let range = ["--start", "1000", "--end", "1600", "--attempts", "1"];
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let silent = format!("http://user:secret@{free}");
    for command in ["features", "classify", "db build"] {
        let mut words: Vec<&str> = command.split(' ').collect();
        words.push(&silent);
        words.extend(range);
        if command != "features" {
            words.extend(["--model", "model.bmm"]);
        }
        let ran = place.run(&words).exits(1).says("can't be reached");
        assert!(!ran.stderr.contains("secret"), "{ran}");
        words.push("--json");
        assert_eq!(place.run(&words).exits(1).error_json()["error"]["code"], "failed");
    }
    let fetch = ["fetch", "1000", "1010", "got", "--attempts", "1", "--beacon-node"];
    place.run(&[&fetch[..], &[&silent]].concat()).exits(1).says("can't be reached");
    let old = Node::start(|_| Answer::Status(404));
    place.run(&[&fetch[..], &[&old.url]].concat()).exits(1).says("removed from Lighthouse");
    place.run(&[&["features", &old.url], &range[..]].concat()).exits(1).says("removed from Lighthouse");
    let locked = Node::start(|_| Answer::Status(401));
    place.run(&[&["features", &locked.url], &range[..]].concat()).exits(1).says("credentials");
    let foreign = Node::start(|_| Answer::Foreign);
    place.run(&[&fetch[..], &[&foreign.url]].concat()).exits(1).says("can't be used");
}

#[test]
fn an_answer_that_cannot_be_used_is_listed_and_the_next_one_asked_for() {
    let place = Place::with_blocks();
    let node = Node::start(|request| if request == 0 { Answer::Foreign } else { Answer::Blocks });
    let ran = place.run(&["features", &node.url, "--start", "700", "--end", "1100", "--json"]).exits(3);
    assert_eq!(ran.json().len(), BLOCKS.iter().filter(|block| block.reward.meta.slot >= 956).count());
    let bad = &ran.error_json()["bad_inputs"]["inputs"][0];
    assert!(bad["path"].as_str().expect("a place").ends_with("slots 700 to 955"), "{ran}");
    assert!(bad["reason"].as_str().expect("a reason").contains("block_root"), "{ran}");
}

#[test]
fn a_full_device_is_a_failure_with_a_sentence() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let place = Place::with_blocks();
    place.run(&["db", "build", "raw", "--model", "model.bmm", "--db", "d.sqlite"]).exits(0);
    let commands: &[&[&str]] = &[
        &["features", "raw"],
        &["features", "raw", "--json"],
        &["classify", "raw", "--model", "model.bmm"],
        &["classify", "raw", "--model", "model.bmm", "--json"],
        &["classify", "raw", "--model", "model.bmm", "--explain"],
        &["label", "raw", "set.parquet"],
        &["train", "set.parquet", "--model", "n.bmm"],
        &["evaluate", "set.parquet", "--cv", "2"],
        &["db", "check", "--db", "d.sqlite"],
        &["db", "affinity", "1", "--db", "d.sqlite"],
        &["db", "export", "-", "--db", "d.sqlite"],
        &["db", "init", "--db", "d.sqlite"],
        &["help", "inputs"],
    ];
    for words in commands {
        let mut command = place.command(words);
        let output = command.stdout(full.try_clone().expect("a handle")).output().expect("it starts");
        Ran::of(words, output).exits(1).says("No space left on device");
        // Where nobody hears errors, the exit code still tells.
        let mut command = place.command(&[words, &["--log", "=;="][..]].concat());
        let status = command.stderr(full.try_clone().expect("a handle")).stdout(Stdio::null()).status();
        assert_eq!(status.expect("it starts").code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::with_blocks();
    let mut child = place
        .command(&["features", "raw", "--set", "everything"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    Ran::of(&["features"], child.wait_with_output().expect("it ends")).exits(0);
}

#[test]
fn files_that_cannot_grow_fail_and_leave_nothing_half() {
    let place = Place::with_blocks();
    place.run(&["label", "raw", "set.parquet"]).exits(0);
    std::fs::copy(place.path("model.bmm"), place.path("kept.bmm")).expect("a copy");
    let before = std::fs::read(place.path("kept.bmm")).expect("a model");
    // In blocks of 512 bytes, or of 1024 in some shells. The signal is ignored, so that writing fails.
    let limited = |blocks: u32, words: &[&str]| {
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_blockmark")]).args(words);
        command.current_dir(place.path(""));
        Ran::of(words, command.output().expect("sh runs"))
    };
    limited(1, &["train", "set.parquet", "--model", "kept.bmm"]).exits(1).says("kept.bmm");
    assert_eq!(std::fs::read(place.path("kept.bmm")).expect("a model"), before, "the old model stays");
    limited(1, &["label", "raw", "other.parquet"]).exits(1).says("error: ");
    limited(1, &["plot", "set.parquet", "plots"]).exits(1).says("plots");
    let build = ["db", "build", "raw", "--model", "model.bmm", "--db", "d.sqlite"];
    limited(60, &build).exits(1).says("error: ");
    assert!(!place.names("").iter().any(|name| name.ends_with(".tmp")), "{:?}", place.names(""));
    place.run(&build).exits(0);
    place.run(&["label", "raw", "other.parquet"]).exits(0);
    place.run(&["db", "check", "--db", "d.sqlite"]).exits(0).prints("48 blocks");
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let place = Place::with_blocks();
    place.run(&["label", "raw", "set.parquet"]).exits(0);
    // A file where a folder is needed: no user can write below it.
    let cases: &[&[&str]] = &[
        &["label", "raw", "model.bmm/set"],
        &["label", "raw", "model.bmm/set.parquet"],
        &["train", "set.parquet", "--model", "model.bmm/m"],
        &["evaluate", "set.parquet", "--cv", "2", "--report", "model.bmm/report"],
        &["plot", "set.parquet", "model.bmm/plots"],
        &["fetch", "1", "2", "model.bmm/got", "--attempts", "1"],
        &["db", "init", "--db", "model.bmm/d.sqlite"],
        &["db", "build", "raw", "--model", "model.bmm", "--db", "model.bmm/d.sqlite"],
        &["demo", "--once", "--blocks", "20", "--data-dir", "model.bmm/data"],
    ];
    for words in cases {
        let ran = place.run(words).exits(1).says("error: ").says("model.bmm");
        assert!(ran.stdout.is_empty() || words[0] == "demo", "{ran}");
    }
}

#[test]
fn two_programs_may_fill_one_database() {
    let place = Place::with_blocks();
    let words = ["db", "build", "raw", "--model", "model.bmm", "--db", "d.sqlite", "--json"];
    let start = || {
        let mut command = place.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let children = [start(), start(), start()];
    let reports = children
        .map(|child| Ran::of(&words, child.wait_with_output().expect("it ends")).exits(0).json().remove(0));
    let inserted: u64 = reports.iter().filter_map(|report| report["inserted"].as_u64()).sum();
    assert_eq!(inserted, 48, "{reports:?}");
    place.run(&["db", "check", "--db", "d.sqlite"]).exits(0).prints("48 blocks");
}

#[test]
fn a_port_in_use_is_told_before_any_work() {
    let place = Place::with_blocks();
    place.run(&["db", "init", "--db", "d.sqlite"]).exits(0);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let listen = format!("127.0.0.1:{port}");
    let serve =
        ["serve", "--db", "d.sqlite", "--model", "model.bmm", "--listen", &listen, "--token", "secret"];
    let ran = place.run(&serve).exits(1).says("is in use by another program");
    assert!(ran.hint().contains("--model model.bmm") && !ran.hint().contains("secret"), "{ran}");
    place.run(&["demo", "--port", &port]).exits(1).says("is in use").says("try: blockmark demo --port");
    assert!(!place.path("blockmark-data").exists());
}

#[test]
fn a_server_answers_until_it_is_told_to_stop() {
    let place = Place::with_blocks();
    place.run(&["db", "build", "raw", "--model", "model.bmm", "--db", "d.sqlite"]).exits(0);
    for name in ["-INT", "-TERM"] {
        let words = ["serve", "--db", "d.sqlite", "--model", "model.bmm", "--listen", "127.0.0.1:0"];
        let mut child = place.command(&words).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        while !line.starts_with("Dashboard: http://") {
            line.clear();
            assert!(said.read_line(&mut line).expect("text") > 0, "it ended before it served");
        }
        let address = line["Dashboard: http://".len()..].split('/').next().expect("an address").to_owned();
        let mut connection = TcpStream::connect(&address).expect("it listens");
        let request = format!("GET /sync/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).expect("it takes requests");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("greatest_block_slot"), "{answer}");
        signal(&child, name);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
}
