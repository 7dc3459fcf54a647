//! Several services on one database, and databases that fail under them.

#![cfg(unix)]

use std::process::Command;

use private_postgres::PrivatePostgres;
use testkit::{DevNode, Network, Tree, TreePlan};

use crate::place::Place;
use crate::service::{Running, stored};
use crate::trouble::wait_until;

/// A node that knows the first half of what happens, so that there is a past to fill, and the other half.
fn half_way<'a>(tree: &'a Tree, runtime: &tokio::runtime::Runtime) -> (DevNode, &'a [testkit::Step]) {
    let node = runtime.block_on(DevNode::start(Network::of(tree)));
    node.put_state("finalized", &tree.genesis);
    node.put_state("genesis", &tree.genesis);
    let (past, future) = tree.steps.split_at(tree.steps.len() / 2);
    for step in past {
        node.learn(tree, *step);
    }
    (node, future)
}

fn measured(service: &Running, line: &str) -> bool {
    service.get("/metrics").is_some_and(|text| text.lines().any(|found| found == line))
}

fn leads(service: &Running) -> bool {
    measured(service, "blockmark_leader 1")
}

/// Two services follow and fill; the leader is killed, and the other one takes over. `interrupt` is what happens to
/// the database later.
fn share(database: &str, place: &Place, interrupt: impl FnOnce()) {
    let tree = Tree::grow(TreePlan { slots: 72, seed: 41, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (node, future) = half_way(&tree, &runtime);
    let feed = |steps: &[testkit::Step]| {
        for step in steps {
            node.learn(&tree, *step);
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
    };
    let leader = Running::start(place, &node, database);
    wait_until("the first one leads", || leads(&leader));
    let second = Running::start(place, &node, database);
    wait_until("the second one stands by", || measured(&second, "blockmark_leader 0"));
    let third = future.len() / 3;
    feed(&future[..third]);
    leader.kill();
    wait_until("another one leads", || leads(&second));
    let standby = Running::start(place, &node, database);
    feed(&future[third..2 * third]);
    interrupt();
    feed(&future[2 * third..]);
    wait_until("one leads in the end", || leads(&second) || leads(&standby));
    second.finish(&tree);
    wait_until("the last one leads", || leads(&standby));
    standby.finish(&tree);
    // An event that comes late may lead away from the head; whoever listens from now on hears none.
    Running::start(place, &node, database).finish(&tree);
    stored(place, database, &tree);
}

#[test]
fn services_share_a_file() {
    share("shared.sqlite", &Place::with_blocks(), || ());
}

#[test]
fn services_share_a_server_that_crashes() {
    let Some(server) = PrivatePostgres::start() else { return };
    share(&server.url(), &Place::with_blocks(), || {
        server.crash();
        std::thread::sleep(std::time::Duration::from_millis(500));
        server.restart();
    });
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost() {
    let tree = Tree::grow(TreePlan { slots: 64, seed: 43, branch_percent: 0, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (node, future) = half_way(&tree, &runtime);
    let place = Place::with_blocks();
    place.run(&["db", "init", "--db", "full.sqlite"]).exits(0);
    // In blocks of 512 bytes, or of 1024 in some shells. The signal is ignored, so that writing fails.
    let line = "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_blockmark")]).args(Running::words(&node, "full.sqlite"));
    command.current_dir(place.path(""));
    let limited = Running::of(command);
    for step in future {
        node.learn(&tree, *step);
    }
    let failures = |service: &Running| {
        let text = service.get("/metrics").unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix("blockmark_store_failures_total "));
        value.is_some_and(|value| value != "0")
    };
    wait_until("writing fails", || failures(&limited));
    assert!(limited.get("/health/live").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    limited.kill();
    Running::start(&place, &node, "full.sqlite").finish(&tree);
    stored(&place, "full.sqlite", &tree);
}

/// A service whose writes fail for a while, from when it is up with half of a chain. It must go on by itself.
fn refused_for_a_while(
    place: &Place,
    database: &str,
    sentence: &str,
    refuse: impl FnOnce(&Running) -> bool,
    allow: impl FnOnce(&Running),
) {
    let tree = Tree::grow(TreePlan { slots: 64, seed: 47, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (node, future) = half_way(&tree, &runtime);
    let mut command = Command::new("sh");
    // A limit on the size of files is to be an error, and no signal.
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_blockmark")]);
    command.args(Running::words(&node, database)).current_dir(place.path(""));
    let service = Running::of(command);
    wait_until("blocks are stored", || measured(&service, "blockmark_gap_slots 0") && leads(&service));
    wait_until("there are blocks", || !measured(&service, "blockmark_blocks 0"));
    if !refuse(&service) {
        println!("skipped: this machine can't make a file refuse writes");
        return service.kill();
    }
    for step in future {
        node.learn(&tree, *step);
    }
    wait_until("it says what is wrong", || service.has_said(sentence));
    for path in ["/", "/health/live", "/sync/status", "/api/v1/blocks"] {
        let answer = service.get(path).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    allow(&service);
    service.finish(&tree);
    // An event that comes late may lead away from the head; whoever listens from now on hears none.
    Running::start(place, &node, database).finish(&tree);
    stored(place, database, &tree);
}

#[cfg(target_os = "linux")]
#[test]
fn writes_that_the_system_refuses_are_made_when_it_takes_them() {
    let limit = |service: &Running, soft: &str| {
        let process = service.child.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={soft}:")]).status();
        set.is_ok_and(|status| status.success())
    };
    let sentence = "the system refuses to write to the database (disk I/O error, code 778)";
    refused_for_a_while(
        &Place::with_blocks(),
        "limited.sqlite",
        sentence,
        |service| limit(service, "0"),
        |service| assert!(limit(service, "unlimited")),
    );
}

/// Files that nobody may change, not even root, until this is dropped.
#[cfg(target_os = "linux")]
struct Immutable(Vec<std::path::PathBuf>);

#[cfg(target_os = "linux")]
impl Immutable {
    /// `None` where the machine or its file system has no such thing.
    fn make(place: &Place, names: &[String]) -> Option<Self> {
        let files = Self(names.iter().map(|name| place.path(name)).collect());
        files.change("+i").then_some(files)
    }

    fn change(&self, how: &str) -> bool {
        let done = Command::new("chattr").arg(how).args(&self.0).stderr(std::process::Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    }
}

#[cfg(target_os = "linux")]
impl Drop for Immutable {
    fn drop(&mut self) {
        self.change("-i");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_database_that_turns_read_only_is_read_and_written_again_later() {
    let place = Place::with_blocks();
    let database = "locked.sqlite";
    let immutable = std::cell::RefCell::new(None);
    refused_for_a_while(
        &place,
        database,
        "can't be written to: Operation not permitted (os error 1); what is stored in it can be read",
        |_| {
            // Not the index of the log, which is mapped into memory.
            immutable.replace(Immutable::make(&place, &[database.to_owned(), format!("{database}-wal")]));
            immutable.borrow().is_some()
        },
        |_| drop(immutable.take()),
    );
    // At the start: the service ends with a sentence, for whoever starts services to try again; readers are served.
    let Some(_immutable) = Immutable::make(&place, &[database.to_owned()]) else { return };
    let tree = Tree::grow(TreePlan { slots: 9, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (node, _) = half_way(&tree, &runtime);
    place.run(&Running::words(&node, database)).exits(1).says("can't be written to");
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockmark"));
    command.args(["serve", "--db", database, "--listen", "127.0.0.1:0"]).current_dir(place.path(""));
    let reader = Running::of(command);
    assert!(reader.get("/sync/status").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    reader.kill();
}

#[test]
fn a_database_of_another_network_is_refused() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let place = Place::with_blocks();
    let plan = TreePlan { slots: 9, branch_percent: 0, ..TreePlan::default() };
    let [ours, other] = [1, 2].map(|seed| Tree::grow(TreePlan { seed, ..plan }));
    let (node, future) = half_way(&ours, &runtime);
    for step in future {
        node.learn(&ours, *step);
    }
    Running::start(&place, &node, "ours.sqlite").finish(&ours);
    let (node, _) = half_way(&other, &runtime);
    place.run(&Running::words(&node, "ours.sqlite")).exits(1).says("name another database");
}
