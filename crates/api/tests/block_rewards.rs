//! Block rewards of a followed chain over HTTP: every recorded answer of a real Lighthouse, and the errors.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::{AppState, Limits, RewardSettings, Settings, router};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use captures::Capture;
use captures::pacing::options;
use consensus::rewards::Scale;
use consensus::state::State;
use consensus::{Root, Slot};
use futures::StreamExt;
use serde_json::{Value, json};
use source::StopSwitch;
use source::beacon_api::{ApiOptions, BeaconApi};
use source::chain_input::ChainInput;
use source::compression::Compression;
use source::follow::{ChainView, Driver, FollowOptions, Follower, Start, ViewLimits};
use store::{OpenMode, Store};
use testkit::{DevNode, Network, Step, Tree, TreePlan, blinded};
use tower::ServiceExt;

const RANGE: &str = "/lighthouse/analysis/block_rewards";

/// The whole service over a node that is followed.
struct Service {
    router: Router,
    follower: Follower,
    stop: StopSwitch,
    _directory: tempfile::TempDir,
}

impl Service {
    async fn start(node: &DevNode, limits: ViewLimits, change: impl FnOnce(&mut Settings)) -> Self {
        let patience = ApiOptions {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            ..options()
        };
        let api = BeaconApi::new([&node.url], patience).expect("a URL");
        let following = FollowOptions { limits, poll: Duration::from_millis(50), ..FollowOptions::default() };
        let (follower, driver) = Driver::new(api, Start::Finalized, following);
        let stop = StopSwitch::default();
        tokio::spawn(driver.run(stop.clone()));
        let mut settings = Settings::default();
        settings.rewards.follower = Some(follower.clone());
        change(&mut settings);
        let (router, directory) = over(settings, || u64::MAX / 4).await;
        Self { router, follower, stop, _directory: directory }
    }

    /// Waits until the view is as it should be. Panics where it never will be, rather than to hang.
    async fn until(&self, what: &str, is_so: impl Fn(&ChainView) -> bool) {
        for _ in 0..30_000 {
            if self.follower.view(&is_so) == Some(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{what}: {:?}", self.follower.status());
    }

    async fn head(&self, root: Root) {
        self.until(&format!("the head is not {root}"), |view| view.head().root == root).await;
    }

    async fn anchor(&self, root: Root) {
        self.until(&format!("{root} is not final"), |view| view.anchor().root == root).await;
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        send(&self.router, "GET", path, Body::empty()).await
    }

    async fn post(&self, body: &Value) -> (StatusCode, Value) {
        send(&self.router, "POST", RANGE, body.to_string()).await
    }

    /// A stream of events.
    async fn events(&self) -> axum::body::BodyDataStream {
        let request =
            Request::get("/eth/v1/events?topics=block_reward").body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response.into_body().into_data_stream()
    }
}

async fn over(settings: Settings, now: api::Now) -> (Router, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a store");
    (router(AppState::at(store, None, settings, now)), directory)
}

async fn send(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).body(body.into()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a whole answer");
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}")))
}

fn error(code: u16, message: &str) -> (StatusCode, Value) {
    let body = json!({ "code": code, "message": message, "stacktraces": [] });
    (StatusCode::from_u16(code).expect("a status"), body)
}

/// Events named `block_reward`, as they come out of a stream, until there are as many as wanted.
async fn block_rewards(
    stream: &mut axum::body::BodyDataStream,
    text: &mut String,
    wanted: usize,
) -> Vec<Value> {
    loop {
        let whole = text.rfind("\n\n").map_or(0, |end| end + 2);
        let found: Vec<Value> = text[..whole].split("\n\n").filter_map(reward_event).collect();
        if found.len() >= wanted {
            return found;
        }
        assert!(!text.contains("error - dropped"), "events were dropped");
        let bytes: Bytes = stream.next().await.expect("more events").expect("a piece");
        text.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
    }
}

fn reward_event(event: &str) -> Option<Value> {
    let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
    assert!(event.lines().any(|line| line == "event: block_reward"), "{event}");
    Some(serde_json::from_str(data).expect("JSON"))
}

fn recorded(capture: &Capture, name: &str) -> Value {
    captures::json(&capture.path().join(name))
}

/// The node of a capture as it was at the first recorded state.
async fn node_of(capture: &Capture) -> DevNode {
    let spec = Arc::new(capture.spec());
    let (_, ssz) = capture.states().swap_remove(0);
    let state = State::decode_any_fork(Arc::clone(&spec), &ssz).expect("a state");
    let mut base = state.latest_block_header.clone();
    base.state_root = Root(state.hash_tree_root().expect("a root"));
    let config = serde_json::from_str(&capture.config()).expect("JSON");
    let node = DevNode::start(Network { spec, config, genesis: capture.genesis_body(), base }).await;
    node.put_state("finalized", &state);
    node
}

/// Plays what a node told while it was recorded, and asks all that it was asked when its head was there.
async fn play(name: &str) {
    let Some(capture) = captures::named(name) else { return };
    let spec = capture.spec();
    let node = node_of(&capture).await;
    // Rewards stay known for the whole of the recording, states only as finality lets them.
    // The events are read at the end.
    let service = Service::start(&node, ViewLimits::default(), |settings| {
        settings.limits.event_queue = 1_000;
    })
    .await;
    let mut blocks: HashMap<Root, _> = HashMap::new();
    for block in capture.blocks().into_iter().chain(capture.orphans()) {
        blocks.insert(block.root, block.from_ssz(&spec));
    }
    let canonical: HashMap<Slot, Root> =
        capture.blocks().iter().map(|block| (block.slot, block.root)).collect();
    let mut posts: HashMap<Root, Vec<(Value, Value)>> = HashMap::new();
    let mut by_parent = |request: &Value, answer: &Value| {
        let parent = request["parent_root"].as_str().expect("a root").parse().expect("a root");
        posts.entry(parent).or_default().push((request.clone(), answer.clone()));
    };
    let pairs = |request: Value, answer: Value| -> Vec<(Value, Value)> {
        let list = |value: Value| value.as_array().expect("a list").clone();
        list(request).into_iter().zip(list(answer)).collect()
    };
    for (request, answer) in pairs(
        recorded(&capture, "block_rewards_post/request.json.gz"),
        recorded(&capture, "block_rewards_post/response.json.gz"),
    ) {
        by_parent(&request, &answer);
    }
    let mut dreams: Vec<_> = std::fs::read_dir(capture.path().join("dreams"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    dreams.sort();
    for dream in dreams {
        let dream = captures::json(&dream);
        for (request, answer) in pairs(dream["request"].clone(), dream["response"].clone()) {
            by_parent(&request, &answer);
        }
    }
    service.until("no events are read", |_| node.streams_open() > 0).await;
    let mut stream = service.events().await;
    let (mut text, mut expected_events, mut known) =
        (String::new(), Vec::new(), std::collections::HashSet::new());
    let (mut compared, mut quirks) = (0, 0);
    for event in captures::lines(&capture.path().join("events.jsonl.gz")) {
        let data = &event["data"];
        let root = || data["block"].as_str().expect("a root").parse::<Root>().expect("a root");
        match event["event"].as_str().expect("a name") {
            "block_reward" => expected_events.push(data.clone()),
            "block" => {
                let Some(block) = blocks.get(&root()) else { continue };
                node.add_block(root(), block.clone());
                node.send("block", data);
                known.insert(root());
                service.until(&format!("{} is not seen", root()), |view| view.block(&root()).is_some()).await;
                for (request, answer) in posts.remove(&root()).unwrap_or_default() {
                    let (status, ours) = service.post(&json!([request])).await;
                    assert_eq!(status, StatusCode::OK, "{ours}");
                    // This node answers 0 where the state before is a stored full state.
                    if answer["attestation_rewards"]["total"] == 0 && ours[0] != answer {
                        quirks += 1;
                        continue;
                    }
                    assert_eq!(ours, json!([answer]), "{name}: POST on {}", root());
                    compared += 1;
                }
            }
            "head" if known.contains(&root()) => {
                node.set_head(root());
                node.send("head", data);
                service.head(root()).await;
            }
            "finalized_checkpoint" => {
                let epoch = data["epoch"].as_str().expect("digits").parse().expect("a number");
                node.set_finalized(epoch, root());
                node.send("finalized_checkpoint", data);
                if known.contains(&root()) {
                    service.anchor(root()).await;
                }
            }
            _ => {}
        }
    }
    let last = capture.blocks().pop().expect("a block");
    service.head(last.root).await;
    let events = block_rewards(&mut stream, &mut text, expected_events.len()).await;
    let order = |mut rewards: Vec<Value>| {
        rewards.sort_by_key(|reward| reward["block_root"].as_str().map(str::to_owned));
        rewards
    };
    assert_eq!(events.len(), expected_events.len());
    assert_eq!(order(events), order(expected_events.clone()), "{name}: events");
    let mut ranges = 0;
    for (file, with) in [("block_rewards_with_attestations", true), ("block_rewards", false)] {
        let answer = recorded(&capture, &format!("{file}.json.gz"));
        let slot = |reward: &Value| reward["meta"]["slot"].as_str().expect("a slot").to_owned();
        let list = answer.as_array().expect("a list");
        let (first, last) = (slot(&list[0]), slot(list.last().expect("a reward")));
        let path = format!("{RANGE}?start_slot={first}&end_slot={last}&include_attestations={with}");
        let (status, ours) = service.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{ours}");
        assert_eq!(ours, answer, "{name}: {path}");
        ranges += list.len();
    }
    assert!(compared > 60 && quirks <= 1, "{compared} posted blocks, {quirks} answers of 0");
    assert!(!canonical.is_empty() && posts.len() <= 1, "{} parents were never seen", posts.len());
    println!("{name}: {compared} posted blocks, {} events, {ranges} blocks of ranges", expected_events.len());
    service.stop.stop();
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn a_busy_minimal_devnet_is_answered_as_lighthouse_did() {
    play("lighthouse-devnet/deneb-minimal-34-104").await;
}

#[tokio::test]
async fn a_mainnet_preset_devnet_is_answered_as_lighthouse_did() {
    play("lighthouse-devnet/deneb-mainnet-129-288").await;
}

#[tokio::test]
async fn a_devnet_with_reorganisations_is_answered_as_lighthouse_did() {
    play("lighthouse-devnet/deneb-mainnet-305-432").await;
}

/// A node with a whole tree, caught up with.
async fn simulated(change: impl FnOnce(&mut Settings)) -> (Tree, DevNode, Service) {
    let tree = Tree::grow(TreePlan { slots: 56, seed: 4, ..TreePlan::default() });
    let node = DevNode::start(Network::of(&tree)).await;
    node.put_state("finalized", &tree.genesis);
    for (root, block) in &tree.blocks {
        node.add_block(*root, block.clone());
    }
    node.set_head(tree.head());
    let limits = ViewLimits { history: 8, ..ViewLimits::default() };
    let service = Service::start(&node, limits, change).await;
    service.head(tree.head()).await;
    let finalized = tree.steps.iter().rev().find_map(|step| match step {
        Step::Final(root, epoch) => Some((*root, *epoch)),
        _ => None,
    });
    let (root, epoch) = finalized.expect("finality");
    node.set_finalized(epoch, root);
    service.anchor(root).await;
    (tree, node, service)
}

#[tokio::test]
async fn what_is_not_caught_up_with_yet_is_no_empty_list() {
    let tree = Tree::grow(TreePlan { slots: 12, seed: 4, ..TreePlan::default() });
    let node = DevNode::start(Network::of(&tree)).await;
    node.put_state("finalized", &tree.genesis);
    // The node answers 404 when it is asked for its head.
    node.tells_head(false);
    let service = Service::start(&node, ViewLimits::default(), |_| {}).await;
    service.until("no state", |view| view.anchor().root == tree.genesis_root()).await;
    let (status, body) = service.get(&format!("{RANGE}?start_slot=1&end_slot=9")).await;
    assert_eq!((status.as_u16(), body["code"].as_u64()), (503, Some(503)), "{body}");
    // Once it has one, it is caught up with, and slots behind the head are empty.
    for (root, block) in &tree.blocks {
        node.add_block(*root, block.clone());
    }
    node.set_head(tree.head());
    node.tells_head(true);
    service.head(tree.head()).await;
    let mut answer = service.get(&format!("{RANGE}?start_slot=1&end_slot=40")).await;
    for _ in 0..30_000 {
        if answer.0 == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        answer = service.get(&format!("{RANGE}?start_slot=1&end_slot=40")).await;
    }
    let blocks = service.follower.view(|view| view.canonical(Slot(1), Slot(40)).len()).expect("a view");
    assert_eq!((answer.0, answer.1.as_array().map(Vec::len)), (StatusCode::OK, Some(blocks)), "{}", answer.1);
    assert!(blocks > 0);
}

#[tokio::test]
async fn errors_are_lighthouse_s() {
    let (tree, _node, service) = simulated(|settings| settings.limits.reward_slots = 100).await;
    let head = tree.slot(&tree.head());
    let oldest = service.follower.view(|view| view.oldest_slot()).expect("a view");
    for (start, end) in [(0, 5), (9, 8)] {
        let path = format!("{RANGE}?start_slot={start}&end_slot={end}");
        let message = format!("BAD_REQUEST: invalid start and end: {start}, {end}");
        assert_eq!(service.get(&path).await, error(400, &message));
    }
    assert!(oldest > Slot(2), "{oldest}");
    let message =
        format!("BAD_REQUEST: state at slot 0 unknown: the oldest slot that can be answered is {oldest}");
    assert_eq!(service.get(&format!("{RANGE}?start_slot=1&end_slot={head}")).await, error(400, &message));
    let (status, body) = service.get(&format!("{RANGE}?start_slot=1&end_slot=200")).await;
    assert_eq!((status.as_u16(), body["code"].as_u64()), (400, Some(400)), "{body}");
    let (status, body) = service.get(&format!("{RANGE}?start_slot=one&end_slot=2")).await;
    assert!(status == StatusCode::BAD_REQUEST && body["stacktraces"] == json!([]), "{body}");
    for query in ["", "?topics=head", "?topics=block_reward,head"] {
        let (status, body) = service.get(&format!("/eth/v1/events{query}")).await;
        assert_eq!((status.as_u16(), body["code"].as_u64()), (400, Some(400)), "{body}");
    }
    // Every answered range is a part of the whole.
    let (_, whole) = service.get(&format!("{RANGE}?start_slot={oldest}&end_slot={head}")).await;
    let slots: Vec<u64> =
        tree.main.iter().map(|root| tree.slot(root).0).filter(|slot| *slot >= oldest.0).collect();
    let answered = |rewards: &Value| -> Vec<u64> {
        let slot = |reward: &Value| reward["meta"]["slot"].as_str().expect("a slot").parse().expect("digits");
        rewards.as_array().expect("a list").iter().map(slot).collect()
    };
    assert_eq!(answered(&whole), slots);
    for start in oldest.0..=head.0 {
        let (_, part) = service.get(&format!("{RANGE}?start_slot={start}&end_slot={}", start + 3)).await;
        let expected: Vec<u64> =
            slots.iter().copied().filter(|slot| (start..=start + 3).contains(slot)).collect();
        assert_eq!(answered(&part), expected);
    }
    // What can't be posted.
    let (status, body) = service.post(&json!({})).await;
    assert!(status == StatusCode::BAD_REQUEST && body["code"] == 400, "{body}");
    let root = Root([9; 32]);
    let blinded = |parent: Root, slot: u64| {
        let block =
            consensus::containers::BlindedBeaconBlock { slot, parent_root: parent, ..Default::default() };
        let mut json =
            consensus::ssz::Json::to_json(&block, &tree.spec.shape(consensus::spec::Fork::Electra));
        json["body"]["sync_aggregate"]["sync_committee_bits"] = json!("0xffffffff");
        json
    };
    let message = format!("BAD_REQUEST: parent block not known or not canonical: {root}");
    assert_eq!(service.post(&json!([blinded(root, 60)])).await, error(400, &message));
    let old = service.follower.view(|view| view.canonical(oldest, head)[0].root).expect("a block");
    let message = format!("BAD_REQUEST: no state known for parent block: {old}");
    assert_eq!(service.post(&json!([blinded(old, tree.slot(&old).0 + 1)])).await, error(400, &message));
    let good = blinded(tree.head(), head.0 + 1);
    let (status, body) = service.post(&json!([good, good])).await;
    assert_eq!((status.as_u16(), body.as_array().map(Vec::len)), (200, Some(2)), "{body}");
    let (status, body) = service.post(&json!([good, blinded(root, 60)])).await;
    assert!(status == StatusCode::BAD_REQUEST && body.is_object(), "one bad block ends the request: {body}");
    let mut strange = good.clone();
    strange["body"]["execution_payload"] = json!({});
    let (status, body) = service.post(&json!([strange])).await;
    assert!(body["message"].as_str().expect("a text").contains("body.execution_payload"), "{status} {body}");
    let (status, _) = service.post(&json!([blinded(tree.head(), u64::MAX)])).await;
    assert_eq!(status.as_u16(), 400);
    let (status, _) = service.post(&json!(vec![json!(1); 129])).await;
    assert_eq!(status.as_u16(), 413);
    service.stop.stop();
}

/// The blocks of the chain as proposals that nobody signed.
fn unsigned(tree: &Tree) -> Vec<Value> {
    tree.main.iter().map(|root| blinded(&tree.spec, &tree.blocks[root])).collect()
}

#[tokio::test]
async fn what_is_older_is_replayed_from_disk_and_scales_are_chosen() {
    let directory = tempfile::tempdir().expect("a directory");
    let tree = Tree::grow(TreePlan { slots: 56, seed: 4, ..TreePlan::default() });
    let path = directory.path().join("recording");
    let config = json!({ "data": tree.spec.to_values() }).to_string();
    let identity = source::recording::Identity { config: &config, genesis: tree.identity() };
    let writer =
        source::recording::RecordingWriter::open(&path, identity, Compression::Zstd).expect("a recording");
    writer.write_state(Slot(0), &tree.genesis.encode().expect("an encoding")).expect("written");
    for root in &tree.main {
        writer.write_block(&tree.blocks[root]).expect("written");
    }
    writer.finish().expect("a manifest");
    let archive = ChainInput::open(&path).expect("a recording");
    let unsigned = unsigned(&tree);
    let head = tree.slot(&tree.head());
    let everything = format!("{RANGE}?start_slot=1&end_slot={head}&include_attestations=true");
    let mut answers = Vec::new();
    for scale in Scale::ALL {
        // From disk alone, and joined with what is followed.
        let rewards = RewardSettings { follower: None, archive: Some(archive.clone()), scale };
        let (alone, _directory) = over(Settings { rewards, ..Settings::default() }, || 0).await;
        let (status, body) = send(&alone, "GET", &everything, Body::empty()).await;
        assert_eq!((status.as_u16(), body.as_array().map(Vec::len)), (200, Some(tree.main.len())), "{body}");
        let (_, _node, service) = simulated(|settings| {
            settings.rewards.archive = Some(archive.clone());
            settings.rewards.scale = scale;
        })
        .await;
        assert_eq!(service.get(&everything).await, (StatusCode::OK, body.clone()));
        // As if nobody had signed the same blocks: their parents are found in any order.
        assert_eq!(service.post(&json!(unsigned)).await, (StatusCode::OK, body.clone()));
        service.stop.stop();
        assert_eq!(
            send(&alone, "POST", RANGE, json!(unsigned).to_string()).await,
            (StatusCode::OK, body.clone())
        );
        for (place, block) in unsigned.iter().enumerate().rev().step_by(7) {
            let (status, answer) = send(&alone, "POST", RANGE, json!([block]).to_string()).await;
            assert_eq!((status, &answer[0]), (StatusCode::OK, &body[place]), "{place}");
        }
        let mut strange = unsigned[9].clone();
        strange["parent_root"] = json!(Root([9; 32]));
        let message = format!("BAD_REQUEST: parent block not known or not canonical: {}", Root([9; 32]));
        let posted = json!([strange]).to_string();
        assert_eq!(send(&alone, "POST", RANGE, posted).await, error(400, &message));
        let mut far = unsigned[9].clone();
        far["slot"] = json!((tree.slot(&tree.main[8]).0 + 257).to_string());
        assert_eq!(send(&alone, "POST", RANGE, json!([far]).to_string()).await.0, StatusCode::BAD_REQUEST);
        answers.push(body);
        // Who compresses reads on after the end of an answer.
        let request = Request::builder().uri(&everything).header("accept-encoding", "gzip");
        let answer =
            alone.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        assert!(!to_bytes(answer.into_body(), usize::MAX).await.expect("all of it").is_empty());
        let beyond = format!("{RANGE}?start_slot=1&end_slot={}", head.0 + 1);
        assert_eq!(send(&alone, "GET", &beyond, Body::empty()).await.0, StatusCode::BAD_REQUEST);
    }
    assert!(answers[0] != answers[1] && answers[0] != answers[2]);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_what_it_missed() {
    let tree = Tree::grow(TreePlan { slots: 40, seed: 4, ..TreePlan::default() });
    let node = DevNode::start(Network::of(&tree)).await;
    node.put_state("finalized", &tree.genesis);
    let limits = Limits { event_queue: 2, event_streams: 1, ..Limits::default() };
    let service = Service::start(&node, ViewLimits::default(), |settings| settings.limits = limits).await;
    service.until("there is no view", |_| true).await;
    let mut stream = service.events().await;
    let (status, _) = service.get("/eth/v1/events?topics=block_reward").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "one stream is the most here");
    for root in &tree.main {
        node.add_block(*root, tree.blocks[root].clone());
    }
    node.set_head(tree.head());
    service.head(tree.head()).await;
    service.stop.stop();
    let mut text = String::new();
    while let Some(bytes) = stream.next().await {
        text.push_str(std::str::from_utf8(&bytes.expect("a piece")).expect("UTF-8"));
    }
    let told = text.split("\n\n").filter_map(reward_event).count();
    let missed: usize = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix(": error - dropped ")?.strip_suffix(" messages")?.parse::<usize>().ok()
        })
        .sum();
    assert!(missed > 0, "{text}");
    assert_eq!(told + missed, tree.main.len());
}

#[tokio::test]
async fn without_a_source_the_addresses_say_what_turns_them_on() {
    let (router, _directory) = over(Settings::default(), || 0).await;
    for (method, path, body) in [
        ("GET", "/lighthouse/analysis/block_rewards?start_slot=1&end_slot=2", ""),
        ("POST", "/lighthouse/analysis/block_rewards", "[]"),
        ("GET", "/eth/v1/events?topics=block_reward", ""),
    ] {
        let (status, body) = send(&router, method, path, body).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
        assert!(body["message"].as_str().expect("a text").contains("--beacon-node"), "{body}");
    }
    let (status, body) = send(&router, "GET", "/health/ready", "").await;
    assert_eq!((status, &body["chain"]), (StatusCode::OK, &Value::Null));
}

#[tokio::test]
async fn readiness_follows_the_chain() {
    let (_tree, node, service) = simulated(|_| {}).await;
    // The clock of this test is centuries on: the head is stale.
    let (status, body) = service.get("/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["chain"]["freshness"]["state"], "stale", "{body}");
    let mut settings = Settings::default();
    settings.rewards.follower = Some(service.follower.clone());
    let (fresh, _directory) = over(settings, || 1_700_000_000 + 56 * 6).await;
    loop {
        let (status, body) = send(&fresh, "GET", "/health/ready", "").await;
        if status == StatusCode::OK {
            assert_eq!(body["chain"]["phase"], "following");
            assert_eq!(body["chain"]["head_slot"], body["chain"]["node_head_slot"]);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The page on completeness lists the node with what it gave so far.
    let request = Request::get("/sync").body(Body::empty()).expect("a request");
    let answer = fresh.clone().oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("a whole answer");
    let page = String::from_utf8(bytes.to_vec()).expect("text");
    let row =
        page.split("Last answer</th>").nth(1).expect("a table of nodes").split("</tbody>").next().unwrap();
    let host = node.url.trim_start_matches("http://").trim_end_matches('/');
    assert!(row.contains(host) && row.contains("\u{a0}s ago</td>") && row.contains(" in "), "{row}");
    service.stop.stop();
    loop {
        let (status, body) = send(&fresh, "GET", "/health/ready", "").await;
        if body["chain"]["phase"] == "stopped" {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(node);
}
