//! The production service as a program: its settings, what it checks, and that killing it costs nothing.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use consensus::spec::UnknownFork;
use consensus::{Epoch, Slot};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::{BlockRow, CanonicalState, OpenMode, Store, StoreUrl};
use testkit::{DevNode, Network, Tree, TreePlan};

use crate::place::Place;
use crate::trouble::{signal, wait_until};

/// A running service.
pub(crate) struct Running {
    pub(crate) child: Child,
    address: String,
    /// What it said since it serves.
    said: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(place: &Place, node: &DevNode, database: &str) -> Self {
        Self::of(place.command(&Self::words(node, database)))
    }

    /// The command line of a service that fills the whole past.
    pub(crate) fn words<'a>(node: &'a DevNode, database: &'a str) -> [&'a str; 17] {
        [
            "run",
            "--beacon-node",
            &node.url,
            "--db",
            database,
            "--model",
            "model.bmm",
            "--listen",
            "127.0.0.1:0",
            "--set",
            "network.name=simulated",
            "--set",
            "backfill.history=genesis",
            "--set",
            "backfill.chunk_slots=16",
            "--set",
            "backfill.lease_seconds=1",
        ]
    }

    /// Waits until it serves.
    pub(crate) fn of(mut command: std::process::Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let (mut line, mut before) = (String::new(), String::new());
        let address = loop {
            before.push_str(&line);
            line.clear();
            assert!(said.read_line(&mut line).expect("text") > 0, "it ended before it served: {before}");
            let told = ["Dashboard: http://", "Metrics: http://"];
            if let Some(rest) = told.into_iter().find_map(|told| line.strip_prefix(told)) {
                break rest.split('/').next().expect("an address").to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        let heard = Arc::new(Mutex::new(String::new()));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let mut heard = hearing.lock().expect("no panic");
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self { child, address, said: heard }
    }

    /// Whether it said something since it serves.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        self.said.lock().expect("no panic").contains(words)
    }

    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut connection = TcpStream::connect(&self.address).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        connection.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it ends");
    }

    /// Waits until all of a tree is in, and ends it in order.
    pub(crate) fn finish(mut self, tree: &Tree) {
        let head = format!("\"head_slot\":{},", tree.slot(&tree.head()));
        let last = tree.last_final().map_or(Slot(0), |(root, _)| tree.slot(&root));
        let last = format!("\"finalized_slot\":{last},");
        let blocks = format!("blockmark_blocks {}", tree.main.len());
        wait_until("all is in", || {
            let health = self.get("/health/ready").unwrap_or_default();
            let metrics = self.get("/metrics").unwrap_or_default();
            health.contains(&head) && health.contains(&last) && metrics.lines().any(|line| line == blocks)
        });
        let metrics = self.get("/metrics").expect("it answers");
        for name in [
            "blockmark_slot_lag ",
            "blockmark_database_bytes ",
            "blockmark_head_slot ",
            "blockmark_gap_slots 0",
        ] {
            assert!(metrics.contains(name), "{name} is missing: {metrics}");
        }
        signal(&self.child, "-TERM");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }
}

/// The blocks of the chain as they are stored, and whether everything beside them agrees.
pub(crate) fn stored(place: &Place, database: &str, tree: &Tree) -> Vec<BlockRow> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(url(place, database), OpenMode::ReadOnly).await.expect("a database");
        let check = store.check().await.expect("a check");
        assert!(check.is_sound(), "{check:?}");
        let rows = store.blocks(Slot(0)..Slot(1 << 30), None, 100_000).await.expect("rows").items;
        let chain: Vec<_> =
            rows.into_iter().filter(|row| row.canonical != CanonicalState::Orphaned).collect();
        let roots: Vec<_> = chain.iter().map(|row| row.block_root).collect();
        assert_eq!(roots, tree.main);
        let counts = store.blocks_per_client(Epoch(0)..Epoch(1 << 30)).await.expect("counts");
        assert_eq!(counts.total(), chain.len() as u64);
        chain
    })
}

/// Where a database is that was named to a program in this folder.
fn url(place: &Place, database: &str) -> StoreUrl {
    if database.contains("://") {
        database.parse().expect("a URL")
    } else {
        StoreUrl::from(place.path(database))
    }
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_database() {
    let tree = Tree::grow(TreePlan { slots: 56, seed: 31, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let place = Place::with_blocks();
    let mut databases = Vec::new();
    let fresh = || {
        let node = runtime.block_on(DevNode::start(Network::of(&tree)));
        node.put_state("finalized", &tree.genesis);
        node.put_state("genesis", &tree.genesis);
        node
    };
    for seed in 0..2 {
        let database = format!("killed-{seed}.sqlite");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let node = fresh();
        let mut running = Some(Running::start(&place, &node, &database));
        let mut killed = 0;
        for step in &tree.steps {
            node.learn(&tree, *step);
            std::thread::sleep(std::time::Duration::from_millis(random.random_range(0..8)));
            // Readers beside the writer; one that is just being started may not answer yet.
            for path in ["/blocks_per_client/0/9?partial=true", "/"] {
                running.as_ref().and_then(|running| running.get(path));
            }
            if random.random_range(0..14) == 0 {
                match running.take() {
                    Some(running) => {
                        running.kill();
                        killed += 1;
                    }
                    None => running = Some(Running::start(&place, &node, &database)),
                }
            }
        }
        assert!(killed > 0);
        running.unwrap_or_else(|| Running::start(&place, &node, &database)).finish(&tree);
        // An event that comes late may lead away from the head; whoever listens from now on hears none.
        Running::start(&place, &node, &database).finish(&tree);
        databases.push(stored(&place, &database, &tree));
    }
    let node = fresh();
    let running = Running::start(&place, &node, "peace.sqlite");
    for step in &tree.steps {
        node.learn(&tree, *step);
    }
    running.finish(&tree);
    Running::start(&place, &node, "peace.sqlite").finish(&tree);
    let peace = stored(&place, "peace.sqlite", &tree);
    for database in databases {
        assert_eq!(database, peace);
    }
}

#[test]
fn a_service_that_does_not_serve_tells_metrics() {
    let tree = Tree::grow(TreePlan { slots: 24, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(DevNode::start(Network::of(&tree)));
    node.put_state("finalized", &tree.genesis);
    node.put_state("genesis", &tree.genesis);
    let place = Place::with_blocks();
    let mut command = place.command(&Running::words(&node, "quiet.sqlite"));
    command.args(["--set", "serve.enabled=false", "--set", "metrics.listen=127.0.0.1:0"]);
    let running = Running::of(command);
    // What happens seldom is told from the start, so that the first time is a step that rules see.
    for line in [
        "blockmark_store_failures_total 0",
        "blockmark_reorgs_total 0",
        "blockmark_unjudged_blocks_total 0",
        "blockmark_reorg_depth_slots_count 0",
    ] {
        let is_told =
            || running.get("/metrics").is_some_and(|metrics| metrics.lines().any(|told| told == line));
        wait_until(line, is_told);
    }
    for step in &tree.steps {
        node.learn(&tree, *step);
    }
    for path in ["/", "/api/v1/blocks", "/docs"] {
        let answer = running.get(path).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    running.finish(&tree);
    stored(&place, "quiet.sqlite", &tree);
}

#[test]
fn a_database_whose_making_was_interrupted_is_made() {
    let tree = Tree::grow(TreePlan { slots: 9, branch_percent: 0, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(DevNode::start(Network::of(&tree)));
    node.put_state("finalized", &tree.genesis);
    node.put_state("genesis", &tree.genesis);
    for step in &tree.steps {
        node.learn(&tree, *step);
    }
    let place = Place::with_blocks();
    // This is what is left of a process that was killed before its first transaction.
    place.write("begun.sqlite", "");
    Running::start(&place, &node, "begun.sqlite").finish(&tree);
    stored(&place, "begun.sqlite", &tree);
}

#[test]
fn old_features_are_given_up_while_blocks_and_verdicts_stay() {
    let tree = Tree::grow(TreePlan { slots: 56, branch_percent: 0, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(DevNode::start(Network::of(&tree)));
    node.put_state("finalized", &tree.genesis);
    node.put_state("genesis", &tree.genesis);
    for step in &tree.steps {
        node.learn(&tree, *step);
    }
    let place = Place::with_blocks();
    Running::start(&place, &node, "old.sqlite").finish(&tree);
    let first = tree.main.first().expect("a block");
    let known = |running: &Running| running.get(&format!("/api/v1/blocks/{first}")).unwrap_or_default();
    let kept = Running::start(&place, &node, "old.sqlite");
    assert!(known(&kept).contains("\"features\":{"), "{}", known(&kept));
    kept.kill();
    // The chain of the test ended years ago.
    let mut command = place.command(&Running::words(&node, "old.sqlite"));
    command.args(["--set", "retention.evidence=30d"]);
    let running = Running::of(command);
    wait_until("features are given up", || known(&running).contains("\"features\":null"));
    assert!(known(&running).contains("\"probabilities\":{"), "{}", known(&running));
    running.finish(&tree);
    stored(&place, "old.sqlite", &tree);
}

#[test]
fn settings_are_shown_with_their_origin_and_without_secrets() {
    let place = Place::new();
    place.write(
        "blockmark.toml",
        "[nodes]\nurls = [\"http://me:hush@node:5052\"]\n\n[serve]\ntoken = \"hush\"\nlisten = \"127.0.0.1:1\"\n",
    );
    let shown = place.run(&["config", "show", "--listen", "127.0.0.1:2", "--json"]).exits(0);
    assert!(!shown.stdout.contains("hush"), "{shown}");
    let settings = &shown.json()[0]["settings"];
    assert_eq!(settings["nodes.urls"]["value"][0], "http://node:5052");
    assert_eq!(settings["nodes.urls"]["origin"], "blockmark.toml:2");
    assert_eq!(settings["serve.listen"]["value"], "127.0.0.1:2");
    assert_eq!(settings["serve.listen"]["origin"], "--listen");
    assert_eq!(settings["backfill.history"]["origin"], "default");
    place.run(&["config", "show"]).exits(0).prints("(hidden)");
    place.write("wrong.toml", "[serve]\nlisen = \"x\"\n");
    for command in ["run", "check"] {
        place
            .run(&[command, "--config", "wrong.toml"])
            .exits(1)
            .says("wrong.toml:2: there is no setting serve.lisen");
    }
    for (set, complaint) in [
        ("serve.tls_key=key.pem", "serve.tls_certificates (default): the key needs a certificate"),
        ("serve.trusted_proxies=10.0.0.1,proxy", "\"proxy\" is no IP address"),
        ("serve.listen=8000", "\"8000\" is no address to listen on; one is written 127.0.0.1:8000"),
        ("metrics.listen=127.0.0.1:1", "is the address of serve.listen (blockmark.toml:6)"),
        (
            "nodes.urls=me:hush@node:5052",
            "nodes.urls (--set): \"node:5052\": the URL of the beacon node can't be used",
        ),
        ("serve.cors=example.org", "is no origin"),
        ("backfill.history=30m", "is neither checkpoint, genesis, a time such as 30d"),
    ] {
        place.run(&["check", "--set", "model.path=m", "--set", set]).exits(1).says(complaint);
    }
    let mut command = place.command(&["config", "show"]);
    let ran =
        command.env("BLOCKMARK_SERVER_TOKEN", "x").env("BLOCKMARK_LOG", "warn").output().expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.contains("BLOCKMARK_SERVER_TOKEN names no setting") && !said.contains("BLOCKMARK_LOG"),
        "{said}"
    );
    place.run(&["config", "show", "--set", "serve.lisen=1"]).exits(2).says("there is no such setting");
    place.run(&["run"]).exits(1).says("model.path (default) is not set");
}

#[test]
fn check_looks_at_everything_and_run_refuses_another_network() {
    let tree = Tree::grow(TreePlan { slots: 9, branch_percent: 0, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(DevNode::start(Network::of(&tree)));
    node.put_state("finalized", &tree.genesis);
    let place = Place::with_blocks();
    let words = |command, network| {
        let set = format!("network.name={network}");
        [
            command,
            "--beacon-node",
            &node.url,
            "--model",
            "model.bmm",
            "--listen",
            "127.0.0.1:0",
            "--set",
            &set,
        ]
        .map(str::to_owned)
    };
    let run = |words: &[String], more: &[&str]| {
        place.run(&words.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let good = run(&words("check", "simulated"), &["--json"]).exits(0);
    let report = &good.json()[0];
    assert_eq!(report["ok"], true);
    let state = |report: &serde_json::Value, check: &str| {
        let checks = report["checks"].as_array().expect("a list").clone();
        let found = checks.iter().find(|item| item["check"] == check);
        found.unwrap_or_else(|| panic!("no {check}: {report}"))["state"].clone()
    };
    for check in ["settings", "node", "network", "forks", "state", "database", "model", "listen"] {
        assert_eq!(state(report, check), "ok", "{report}");
    }
    // The chain of the test ended years ago.
    assert_eq!(state(report, "clock"), "warn");
    let mut planned = (*tree.spec).clone();
    planned.config.unknown_forks.push(UnknownFork { name: "heze".to_owned(), epoch: u64::MAX / 2 });
    node.set_config(&planned);
    run(&words("check", "simulated"), &[]).exits(0).prints("warn  forks").prints("heze");
    node.set_config(&tree.spec);
    let wrong = run(&words("check", "mainnet"), &["--json"]).exits(1);
    assert_eq!(
        (state(&wrong.json()[0], "network"), wrong.json()[0]["ok"].clone()),
        ("fail".into(), false.into())
    );
    run(&words("check", "simulated"), &["--db", "model.bmm"]).exits(1).prints("is not an SQLite database");
    // What a start would stumble over.
    place.write("none.pem", "");
    let state = testkit::encoded_state(&tree.genesis);
    place.write("whole.ssz", &state);
    place.write("cut.ssz", &state[..1000]);
    for (set, complaint) in [
        (&["checkpoint.state=whole.ssz"][..], ""),
        (&["checkpoint.state=none.ssz"], "FAIL  state        checkpoint.state: \"none.ssz\" can't be read"),
        (&["checkpoint.state=cut.ssz"], "FAIL  state        checkpoint.state: \"cut.ssz\" is no state"),
        (&["checkpoint.state=http://127.0.0.1:1"], "does not give its finalized state"),
        (&["backfill.sources=raw"], "FAIL  source       backfill.sources: \"raw\" is neither a recording"),
        (&["serve.recording=none"], "FAIL  recording    serve.recording: \"none\""),
        (&["serve.tls_certificates=none.pem", "serve.tls_key=none.pem"], "none.pem holds no certificate"),
    ] {
        let more: Vec<&str> = set.iter().flat_map(|set| ["--set", *set]).collect();
        let ran = run(&words("check", "simulated"), &more);
        if complaint.is_empty() {
            ran.exits(0).prints("whole.ssz: slot 0")
        } else {
            ran.exits(1).prints(complaint)
        };
    }
    let cut = run(&words("run", "simulated"), &["--set", "checkpoint.state=cut.ssz"]).exits(1);
    cut.says("checkpoint.state names \"cut.ssz\", which does not serve");
    let tls = ["--set", "serve.tls_certificates=none.pem", "--set", "serve.tls_key=none.pem"];
    let ran = run(&words("run", "simulated"), &tls).exits(1).says("error: none.pem holds no certificate");
    assert!(!ran.stderr.contains("Dashboard"), "{ran}");
    let bare = runtime.block_on(DevNode::start(Network::of(&tree)));
    let mut of_bare = words("check", "simulated");
    of_bare[2].clone_from(&bare.url);
    run(&of_bare, &[]).exits(1).prints("FAIL  state        no node gives its finalized state");
    run(&words("run", "mainnet"), &[])
        .exits(1)
        .says("of the network simulated, and network.name says mainnet");
    let mut other = (*tree.spec).clone();
    other.config.config_name = "hoodi".to_owned();
    bare.set_config(&other);
    let mut both = words("run", "simulated");
    both[2] = format!("{},{}", node.url, bare.url);
    run(&both, &[]).exits(1).says(&format!(
        "the beacon nodes are of different networks, and network.name says simulated: the one at {} is of simulated; \
         the one at {} is of hoodi",
        node.url, bare.url
    ));
    node.is_up(false);
    run(&words("check", "simulated"), &["--set", "nodes.attempts=1"]).exits(1).prints("FAIL  node");
}
