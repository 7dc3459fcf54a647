//! Fetching from a node that behaves, and from nodes that do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use consensus::Slot;
use consensus::rewards::BlockReward;
use simulate::{RewardPlan, Shape};
use source::fetch::{BatchDone, BatchOutcome, Existing, NoProgress};
use source::{
    BeaconNode, FetchError, FetchPlan, FetchProgress, Inputs, KeepText, Limits, NodeBlocks, NodeError,
    NodeOptions, Retry, StopSwitch, fetch,
};

/// What goes wrong with a request, by its number from 0.
type Fault = fn(u32) -> Option<Trouble>;

#[derive(Clone, Copy)]
enum Trouble {
    Status(u16),
    CutBody,
    /// Half an answer that says it is whole.
    HalfBody,
    Slow,
    Foreign,
}

#[derive(Clone)]
struct Fake {
    blocks: Arc<BTreeMap<u64, BlockReward>>,
    fault: Fault,
    requests: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<(u64, u64)>>>,
    authorization: Arc<Mutex<Option<String>>>,
    url: String,
}

impl Fake {
    /// A node whose chain has blocks in most of the slots 100 to 130.
    async fn start(fault: Fault) -> Self {
        let plan = RewardPlan {
            blocks: 30,
            start_slot: Slot(100),
            shape: Shape::ElectraLike,
            seed: 3,
            ..RewardPlan::default()
        };
        let blocks = simulate::blocks(&plan).map(|block| (block.reward.meta.slot, block.reward)).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let fake = Self {
            blocks: Arc::new(blocks),
            fault,
            requests: Arc::default(),
            asked: Arc::default(),
            authorization: Arc::default(),
            url: format!("http://{}", listener.local_addr().expect("an address")),
        };
        let router =
            Router::new().route("/lighthouse/analysis/block_rewards", get(answer)).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn node(&self) -> BeaconNode {
        BeaconNode::new(&self.url, quick()).expect("a node")
    }

    fn blocks_within(&self, first: u64, last: u64) -> u64 {
        self.blocks.range(first..=last).count() as u64
    }

    fn asked(&self) -> Vec<(u64, u64)> {
        let mut asked = self.asked.lock().expect("no panic").clone();
        asked.sort_unstable();
        asked
    }
}

fn quick() -> NodeOptions {
    NodeOptions {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        read_timeout: Duration::from_millis(400),
        attempts: 4,
        ..NodeOptions::default()
    }
}

async fn answer(
    State(fake): State<Fake>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (first, last) = (number("start_slot"), number("end_slot"));
    if first == 0 || first > last || query.get("include_attestations").map(String::as_str) != Some("true") {
        let message = format!("BAD_REQUEST: invalid start and end: {first}, {last}");
        let body = format!(r#"{{"code":400,"message":"{message}","stacktraces":[]}}"#);
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    fake.asked.lock().expect("no panic").push((first, last));
    *fake.authorization.lock().expect("no panic") =
        headers.get("authorization").and_then(|value| value.to_str().ok().map(str::to_owned));
    let mut body = Vec::new();
    let within = fake.blocks.range(first..=last).map(|(_, reward)| reward);
    simulate::write_json(within, &mut body).expect("memory takes it");
    match (fake.fault)(fake.requests.fetch_add(1, Ordering::SeqCst)) {
        None => body.into_response(),
        Some(Trouble::Status(code)) => {
            let status = StatusCode::from_u16(code).expect("a status");
            (status, r#"{"code":0,"message":"no luck today"}"#).into_response()
        }
        Some(Trouble::CutBody) => {
            let half = Bytes::from(body).slice(..20);
            let parts = [Ok(half), Err(std::io::Error::other("cut"))];
            Body::from_stream(futures::stream::iter(parts)).into_response()
        }
        Some(Trouble::HalfBody) => body[..body.len() / 2].to_vec().into_response(),
        Some(Trouble::Slow) => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            body.into_response()
        }
        Some(Trouble::Foreign) => r#"[{"block_root": 7}]"#.into_response(),
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn plan(first: u64, last: u64, directory: &Path) -> FetchPlan {
    FetchPlan { batch_slots: 8, ..FetchPlan::new(Slot(first), Slot(last), directory) }
}

#[tokio::test]
async fn a_range_is_fetched_whole_and_read_again() {
    let fake = Fake::start(|_| None).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = plan(100, 123, directory.path());
    let report = fetch(&plan, &fake.node(), &NoProgress, &StopSwitch::default()).await.expect("a report");
    let blocks = fake.blocks_within(100, 123);
    assert_eq!((report.fetched_slots, report.blocks, report.missed), (24, blocks, 24 - blocks));
    assert!(report.failed.is_empty() && !report.stopped);
    assert_eq!(
        names(directory.path()),
        ["slot_100_to_107.json", "slot_108_to_115.json", "slot_116_to_123.json"]
    );
    let inputs = Inputs::find(directory.path()).expect("inputs");
    let mut slots = Vec::new();
    for file in &inputs.files {
        for record in file.open(Limits::default()).expect("a file") {
            slots.push(record.expect("a block").observation.slot.0);
        }
    }
    let expected: Vec<u64> = fake.blocks.range(100..=123).map(|(slot, _)| *slot).collect();
    assert_eq!(slots, expected);
}

#[tokio::test]
async fn both_ends_are_included() {
    for (first, last, expected) in [
        (101, 101, vec![(101, 101)]),
        (100, 108, vec![(100, 107), (108, 108)]),
        (100, 107, vec![(100, 107)]),
        (0, 9, vec![(1, 8), (9, 9)]),
    ] {
        let fake = Fake::start(|_| None).await;
        let directory = tempfile::tempdir().expect("a directory");
        let plan = plan(first, last, directory.path());
        let report = fetch(&plan, &fake.node(), &NoProgress, &StopSwitch::default()).await.expect("a report");
        assert_eq!(fake.asked(), expected, "{first} to {last}");
        assert_eq!(report.blocks, fake.blocks_within(first, last));
        assert_eq!(report.fetched_slots, last - first.max(1) + 1);
    }
}

#[test]
fn batches_end_where_numbers_end() {
    let plan = FetchPlan::new(Slot(u64::MAX - 1), Slot(u64::MAX), "x");
    assert_eq!(plan.batches().collect::<Vec<_>>(), [(Slot(u64::MAX - 1), Slot(u64::MAX))]);
    let plan = FetchPlan { batch_slots: 0, ..FetchPlan::new(Slot(5), Slot(6), "x") };
    assert_eq!(plan.batches().count(), 2);
}

#[tokio::test]
async fn ranges_that_are_none_are_refused() {
    let node = BeaconNode::new("http://127.0.0.1:1", quick()).expect("a node");
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |first, last| {
        let plan = plan(first, last, directory.path());
        let node = node.clone();
        async move { fetch(&plan, &node, &NoProgress, &StopSwitch::default()).await.expect_err("no range") }
    };
    assert!(matches!(refused(9, 8).await, FetchError::Range { .. }));
    assert!(matches!(refused(0, 0).await, FetchError::OnlyGenesis));
    let error = refused(5, 6).await.to_string();
    assert!(error.contains("http://127.0.0.1:1 can't be reached"), "{error}");
    assert!(error.contains("tried 4 times"), "{error}");
}

#[tokio::test]
async fn what_is_there_is_kept_unless_it_is_cut_or_replaced() {
    let fake = Fake::start(|_| None).await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut plan = plan(100, 115, directory.path());
    let stop = StopSwitch::default();
    let text = |name: &str| fs::read_to_string(directory.path().join(name)).expect("a file");
    fetch(&plan, &fake.node(), &NoProgress, &stop).await.expect("a report");
    let whole = text("slot_108_to_115.json");

    let report = fetch(&plan, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!((report.kept_slots, report.fetched_slots), (16, 0));
    assert_eq!(fake.asked().len(), 2);

    fs::write(directory.path().join("slot_108_to_115.json"), &whole[..whole.len() / 2]).expect("a file");
    let report = fetch(&plan, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!((report.kept_slots, report.fetched_slots), (8, 8));
    assert_eq!(text("slot_108_to_115.json"), whole);

    plan.existing = Existing::Replace;
    let report = fetch(&plan, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!((report.kept_slots, report.fetched_slots), (0, 16));
}

#[tokio::test]
async fn a_longer_range_asks_for_the_rest_only_and_leaves_no_slot_twice() {
    let fake = Fake::start(|_| None).await;
    let directory = tempfile::tempdir().expect("a directory");
    let stop = StopSwitch::default();
    let names = || names(directory.path());
    fetch(&plan(104, 109, directory.path()), &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!(names(), ["slot_104_to_109.json"]);
    let mut longer = plan(100, 120, directory.path());
    let report = fetch(&longer, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!((report.kept_slots, report.fetched_slots), (6, 15));
    let apart =
        ["slot_100_to_103.json", "slot_104_to_109.json", "slot_110_to_117.json", "slot_118_to_120.json"];
    assert_eq!(names(), apart);
    // What is cut, or replaced in other batches, gives way to the file that holds its slots.
    fs::write(directory.path().join("slot_110_to_112.json"), "[").expect("a file");
    fs::remove_file(directory.path().join("slot_110_to_117.json")).expect("it is there");
    fetch(&longer, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!(names(), apart);
    (longer.existing, longer.batch_slots) = (Existing::Replace, 100);
    fetch(&longer, &fake.node(), &NoProgress, &stop).await.expect("a report");
    assert_eq!(names(), ["slot_100_to_120.json"]);
}

#[derive(Default)]
struct Notes {
    slots: AtomicU32,
    retries: Mutex<Vec<Retry>>,
    batches: Mutex<Vec<BatchDone>>,
}

impl FetchProgress for Notes {
    fn start(&self, slots: u64) {
        self.slots.store(slots as u32, Ordering::SeqCst);
    }

    fn batch(&self, done: &BatchDone) {
        self.batches.lock().expect("no panic").push(*done);
    }

    fn retry(&self, retry: &Retry) {
        self.retries.lock().expect("no panic").push(retry.clone());
    }
}

#[tokio::test]
async fn passing_troubles_are_overcome() {
    let faults: [Fault; 5] = [
        |number| (number < 2).then_some(Trouble::Status(500)),
        |number| (number < 2).then_some(Trouble::Status(429)),
        |number| (number < 2).then_some(Trouble::CutBody),
        |number| (number < 2).then_some(Trouble::HalfBody),
        |number| (number < 1).then_some(Trouble::Slow),
    ];
    for fault in faults {
        let fake = Fake::start(fault).await;
        let directory = tempfile::tempdir().expect("a directory");
        let notes = Notes::default();
        let plan = FetchPlan { parallel: 1, ..plan(100, 115, directory.path()) };
        let report = fetch(&plan, &fake.node(), &notes, &StopSwitch::default()).await.expect("a report");
        assert_eq!(report.blocks, fake.blocks_within(100, 115));
        assert_eq!(names(directory.path()).len(), 2);
        assert!(!notes.retries.lock().expect("no panic").is_empty());
        assert_eq!(notes.slots.load(Ordering::SeqCst), 16);
        assert_eq!(notes.batches.lock().expect("no panic").len(), 2);
    }
}

#[tokio::test]
async fn lasting_troubles_leave_the_other_batches_and_no_half_file() {
    let faults: [(Fault, &str); 5] = [
        (|number| (number < 4).then_some(Trouble::Status(500)), "failed on slots 100 to 107 with status 500"),
        (|number| (number < 4).then_some(Trouble::CutBody), "broke off its answer"),
        (|number| (number < 4).then_some(Trouble::HalfBody), "was cut short"),
        (
            |number| (number < 1).then_some(Trouble::Status(400)),
            "refused slots 100 to 107 with status 400: no luck",
        ),
        (
            |number| (number < 1).then_some(Trouble::Foreign),
            "block 0: \"block_root\" must be a root (0x and 64 hexadecimal digits), found 7",
        ),
    ];
    for (fault, words) in faults {
        let fake = Fake::start(fault).await;
        let directory = tempfile::tempdir().expect("a directory");
        let plan = FetchPlan { parallel: 1, ..plan(100, 115, directory.path()) };
        let notes = Notes::default();
        let report = fetch(&plan, &fake.node(), &notes, &StopSwitch::default()).await.expect("a report");
        assert_eq!((report.failed.len(), report.failed_slots(), report.fetched_slots), (1, 8, 8));
        let error = report.failed[0].error.to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(names(directory.path()), ["slot_108_to_115.json"]);
        let failed = notes.batches.lock().expect("no panic")[0];
        assert_eq!(failed.outcome, BatchOutcome::Failed);
        // The same command finishes the work.
        let report = fetch(&plan, &fake.node(), &NoProgress, &StopSwitch::default()).await.expect("a report");
        assert_eq!((report.kept_slots, report.fetched_slots), (8, 8));
    }
}

#[tokio::test]
async fn a_node_without_the_address_ends_the_fetch_with_a_reason() {
    let fake = Fake::start(|number| (number > 0).then_some(Trouble::Status(404))).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = FetchPlan { parallel: 1, ..plan(100, 123, directory.path()) };
    let error = fetch(&plan, &fake.node(), &NoProgress, &StopSwitch::default()).await.expect_err("404");
    let text = error.to_string();
    assert!(text.contains("removed from Lighthouse in 2026"), "{text}");
    assert!(text.contains("8 slots are stored"), "{text}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_stopped_fetch_leaves_whole_files_only() {
    let fake = Fake::start(|number| (number > 0).then_some(Trouble::Slow)).await;
    let directory = tempfile::tempdir().expect("a directory");
    let node = BeaconNode::new(&fake.url, NodeOptions { read_timeout: Duration::from_secs(60), ..quick() })
        .expect("a node");
    let plan = FetchPlan { parallel: 1, ..plan(100, 123, directory.path()) };
    let stop = StopSwitch::default();
    let elsewhere = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        elsewhere.stop();
    });
    let report = fetch(&plan, &node, &NoProgress, &stop).await.expect("a report");
    assert!(report.stopped);
    assert_eq!(report.fetched_slots, 8);
    assert_eq!(names(directory.path()), ["slot_100_to_107.json"]);
    // Stopped before the start: nothing is asked.
    let report = fetch(&plan, &node, &NoProgress, &stop).await.expect("a report");
    assert!(report.stopped);
    assert_eq!((report.kept_slots, report.fetched_slots), (8, 0));
}

#[tokio::test]
async fn passwords_are_sent_and_never_printed() {
    let fake = Fake::start(|number| (number > 0).then_some(Trouble::Status(401))).await;
    let url = fake.url.replace("http://", "http://bob:tellnoone@");
    let node = BeaconNode::new(&url, quick()).expect("a node");
    let body = node.block_rewards(Slot(100), Slot(101)).await.expect("an answer");
    assert_eq!(
        source::parse_block_rewards(&body, &Limits::default()).map(|blocks| blocks.len()).ok(),
        Some(2)
    );
    let sent = fake.authorization.lock().expect("no panic").clone().expect("an authorization");
    assert!(sent.starts_with("Basic "));
    let refused = node.block_rewards(Slot(100), Slot(101)).await.expect_err("401");
    let gone = BeaconNode::new("http://bob:tellnoone@127.0.0.1:1", quick()).expect("a node");
    let unreachable = gone.block_rewards(Slot(1), Slot(2)).await.expect_err("nobody there");
    let bad = BeaconNode::new("ftp://bob:tellnoone@host", quick()).expect_err("no http");
    let bad_port = BeaconNode::new("http://bob:tellnoone@host:99999999", quick()).expect_err("no port");
    for text in [
        format!("{node:?} {} {refused} {refused:?}", node.name()),
        format!("{unreachable} {unreachable:?} {bad} {bad:?} {bad_port} {bad_port:?}"),
    ] {
        assert!(!text.contains("tellnoone"), "{text}");
    }
    assert!(matches!(refused, NodeError::Unauthorized { status: 401, .. }));
}

#[tokio::test]
async fn blocks_come_without_files_too() {
    let fake = Fake::start(|number| (number == 0).then_some(Trouble::HalfBody)).await;
    let mut blocks = NodeBlocks::new(fake.node(), Slot(0), Slot(300), KeepText::Yes);
    assert_eq!(blocks.slots(), 300);
    let (mut ranges, mut slots) = (Vec::new(), Vec::new());
    while let Some(batch) = blocks.next_batch().await {
        let batch = batch.expect("a batch");
        ranges.push((batch.first.0, batch.last.0));
        for record in batch.records {
            let text = record.text.expect("the text was asked for");
            assert_eq!(source::parse_block_reward(&text).ok(), Some(record.observation.clone()));
            slots.push(record.observation.slot.0);
        }
    }
    assert_eq!(ranges, [(1, 256), (257, 300)]);
    assert_eq!(slots, fake.blocks.keys().copied().collect::<Vec<_>>());
}

#[tokio::test]
async fn large_answers_are_refused() {
    let fake = Fake::start(|_| None).await;
    let options = NodeOptions { memory_bytes: 1000, file_bytes: 1000, ..quick() };
    let node = BeaconNode::new(&fake.url, options).expect("a node");
    let error = node.block_rewards(Slot(100), Slot(120)).await.expect_err("too large");
    assert!(matches!(error, NodeError::TooLarge { limit: 1000, .. }), "{error}");
    let directory = tempfile::tempdir().expect("a directory");
    let plan = plan(100, 107, directory.path());
    let report = fetch(&plan, &node, &NoProgress, &StopSwitch::default()).await.expect("a report");
    assert_eq!(report.failed.len(), 1);
    assert!(names(directory.path()).is_empty());
}
