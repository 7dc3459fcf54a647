//! A service that runs for long: what it keeps in memory must not grow, and its database must hold exactly the chain.
//!
//! Time is the chain's: slots follow one another as fast as the service takes them. A few hours are run unless told
//! otherwise; a week of mainnet's slots is
//! `BLOCKMARK_SOAK_SLOTS=50400 cargo test --release -p pipeline --test soak -- --nocapture`, and
//! `BLOCKMARK_SOAK_DATABASE=postgres` keeps the database on a server.

mod heap;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use consensus::{Epoch, Root, Slot};
use pipeline::service::{HealPolicy, HealSource, HealStep, Healer, History};
use private_postgres::PrivatePostgres;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use source::follow::ViewLimits;
use source::{NodeChoices, StopSwitch};
use store::{CanonicalState, Gap, OpenMode, Store, StoreUrl};
use support::{Service, judge};
use testkit::{DevNode, Disorder, Disturbance, Network, Step, Tree, TreePlan, encoded_state};
use tokio::task::JoinHandle;

/// Slots of an hour of mainnet.
const HOUR: u64 = 300;
const SECONDS_PER_SLOT: u64 = 12;

/// The run is cut into so many parts; after each it is measured.
const PARTS: u64 = 7;

/// Slots that the nodes know: a service that was away finds them there. In a short run a fifth of it, so that what they
/// know has its full size before memory is compared.
const NODES_KEEP: u64 = 2_048;

/// Slots of which the simulation can still tell something. Longer than any branch, and than finality takes.
const TREE_KEEPS: u64 = 160;

/// States are given of every so many slots.
const STATE_EVERY: u64 = 16;

/// The service may be so many slots behind before the chain waits for it.
const BEHIND: u64 = 24;

/// What is allocated may differ by so much from one moment to another.
const HEAP_SLACK_KIB: u64 = 3 << 10;

/// The states of the simulated chain name every 64th slot for ever, in 64 bytes, and nodes keep up to 134 states.
const STATE_BYTES_PER_SLOT: u64 = 140;

/// Memory may differ by so much more: what SQLite needs beside pages, and what the allocator can't give back.
const SLACK_KIB: u64 = 16 << 10;

/// The connection that writes keeps so much of a file at most.
const WRITER_PAGES_KIB: u64 = 128 << 10;

/// What went on in a part of the run, and what there was at its end.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    killed: u64,
    outages: u64,
    cuts: u64,
    filled: u64,
    most_open: usize,
    most_final: usize,
    most_waiting: usize,
    most_states: usize,
    /// What this program has allocated, without the C libraries in it, SQLite among them.
    heap_kib: u64,
    /// Without what is mapped of files, which the system takes back when it needs to.
    anonymous_kib: u64,
    resident_kib: u64,
    peak_kib: u64,
    database_bytes: u64,
    blocks: u64,
}

/// A line of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// All that goes on.
struct World {
    tree: Tree,
    nodes: [DevNode; 2],
    tellers: [Disorder; 2],
    store: Store,
    judge: pipeline::service::ChainJudge,
    service: Option<Service>,
    healing: Option<JoinHandle<()>>,
    /// Seconds of the simulation.
    clock: Arc<AtomicU64>,
    filled: Arc<AtomicU64>,
    /// The newest final block that was told, with its epoch.
    last: Option<(Root, u64)>,
    /// Roots of the main chain by slot, to compare with at the end.
    main: Vec<(Slot, Root)>,
    nodes_keep: u64,
    part: Part,
}

impl World {
    async fn new(store: Store, slots: u64) -> Self {
        let plan = TreePlan {
            // Only what is of a whole tree needs an end.
            slots: u64::MAX,
            longest_branch: 12,
            branch_percent: 8,
            missed_permille: 20,
            seed: 77,
            ..TreePlan::default()
        };
        let tree = Tree::seedling(plan);
        let nodes = [DevNode::start(Network::of(&tree)).await, DevNode::start(Network::of(&tree)).await];
        for node in &nodes {
            node.put_state("finalized", &tree.genesis);
            node.put_state("genesis", &tree.genesis);
        }
        nodes[1].gives_ssz(false);
        let disturbance =
            Disturbance { late_percent: 20, late_by: 6, again_percent: 10, lost_heads_percent: 10 };
        Self {
            tree,
            nodes,
            tellers: [1, 2].map(|seed| Disorder::new(disturbance, seed)),
            store,
            judge: judge(),
            service: None,
            healing: None,
            clock: Arc::new(AtomicU64::new(SECONDS_PER_SLOT)),
            filled: Arc::default(),
            last: None,
            main: Vec::with_capacity(usize::try_from(slots).expect("it fits")),
            nodes_keep: NODES_KEEP.min(slots / 5),
            part: Part::default(),
        }
    }

    fn start(&mut self) {
        self.service = Some(Service::start(&self.nodes, &self.store, &self.judge));
        let policy = HealPolicy { history: History::Genesis, chunk_slots: 32, ..HealPolicy::default() };
        let choices = NodeChoices { attempts: 1, ..NodeChoices::default() };
        let source = |node: &DevNode| HealSource { place: node.url.clone(), choices: choices.clone() };
        let clock = Arc::clone(&self.clock);
        let now = Arc::new(move || clock.load(Ordering::SeqCst));
        let sources = self.nodes.iter().map(source).collect();
        let healer = Healer::new(self.store.clone(), self.judge.clone(), sources, policy, now);
        let filled = Arc::clone(&self.filled);
        self.healing = Some(tokio::spawn(async move {
            let stop = StopSwitch::default();
            loop {
                match healer.step(&stop).await.expect("no error") {
                    HealStep::Filled { .. } => drop(filled.fetch_add(1, Ordering::SeqCst)),
                    HealStep::Failed(note) => println!("not filled: {note:?}"),
                    _ => {}
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }));
    }

    async fn kill(&mut self) {
        if let Some(healing) = self.healing.take() {
            healing.abort();
            assert!(healing.await.is_err_and(|error| error.is_cancelled()), "healing failed");
        }
        if let Some(service) = self.service.take() {
            service.kill().await;
            self.part.killed += 1;
        }
    }

    /// The chain goes on by a slot, and the nodes tell of it.
    fn slot(&mut self) {
        self.tree.grow_slot();
        self.clock.fetch_add(SECONDS_PER_SLOT, Ordering::SeqCst);
        let slot = self.tree.state().slot;
        if let Some(root) = self.tree.main.last()
            && self.main.last().is_none_or(|(_, known)| known != root)
        {
            self.main.push((self.tree.slot(root), *root));
        }
        if slot.is_multiple_of(STATE_EVERY) {
            let (state, fork) = (encoded_state(self.tree.state()), self.tree.state().fork_name().name());
            for node in &self.nodes {
                node.put_encoded_state(&slot.to_string(), fork, state.clone());
            }
        }
        for step in std::mem::take(&mut self.tree.steps) {
            if let Step::Final(root, epoch) = step {
                self.last = Some((root, epoch));
            }
            for (node, teller) in self.nodes.iter().zip(&mut self.tellers) {
                for step in teller.next(step) {
                    node.learn(&self.tree, step);
                }
            }
        }
        if slot.is_multiple_of(64) {
            for node in &self.nodes {
                node.forget_before(Slot(slot.saturating_sub(self.nodes_keep)));
            }
            self.tree.forget_before(Slot(slot.saturating_sub(TREE_KEEPS)));
        }
    }

    /// Waits while the service is far behind, and notes what it keeps.
    async fn pace(&mut self) {
        let Some(service) = &self.service else { return };
        let slot = self.tree.state().slot;
        loop {
            let seen = service.follower.view(|view| {
                let (open, past) = view.count();
                self.part.most_open = self.part.most_open.max(open);
                self.part.most_final = self.part.most_final.max(past);
                self.part.most_waiting = self.part.most_waiting.max(view.waiting());
                self.part.most_states = self.part.most_states.max(view.states());
                view.head().slot.0
            });
            if seen.is_some_and(|head| head + BEHIND >= slot) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits while there are gaps whose blocks the nodes are about to forget: on a busy machine the chain is fast.
    async fn wait_for_healing(&self) {
        let slot = self.tree.state().slot;
        let is_old = |gap: &Gap| gap.start.0 + self.nodes_keep / 2 < slot;
        while self.store.unknown_slots().await.expect("gaps").iter().any(is_old) {
            self.clock.fetch_add(SECONDS_PER_SLOT, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until all that happened is stored, gaps included.
    async fn settle(&mut self) {
        let head = *self.tree.main.last().expect("a block");
        for (node, teller) in self.nodes.iter().zip(&mut self.tellers) {
            node.is_up(true);
            node.takes_streams(true);
            for step in teller.rest() {
                node.learn(&self.tree, step);
            }
            node.learn(&self.tree, Step::Head(head));
        }
        if let Some((root, epoch)) = self.last {
            for node in &self.nodes {
                node.learn(&self.tree, Step::Final(root, epoch));
            }
        }
        let last = self.last.map(|(root, _)| root);
        if self.service.is_none() {
            self.start();
        }
        loop {
            let service = self.service.as_mut().expect("it runs");
            if service.is_at(head, last).await && self.store.gaps().await.expect("gaps").is_empty() {
                return;
            }
            // Pauses of the healer end.
            self.clock.fetch_add(SECONDS_PER_SLOT, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A stretch of slots with all that goes wrong in it.
    async fn run(&mut self, slots: u64, random: &mut ChaCha8Rng) {
        let hour = HOUR.min(slots / 4);
        let outage = random.random_range(0..slots - hour);
        let mut back = None;
        for at in 0..slots {
            if at == outage {
                // An hour without nodes, if the part is long enough.
                self.part.outages += 1;
                self.nodes.iter().for_each(|node| node.is_up(false));
            }
            if at == outage + hour {
                self.nodes.iter().for_each(|node| node.is_up(true));
            }
            let nobody_is_up = (outage..outage + hour).contains(&at);
            self.slot();
            match random.random_range(0..900) {
                0..10 => {
                    self.nodes[at as usize % 2].cut();
                    self.part.cuts += 1;
                }
                10..13 => self.nodes[0].takes_streams(false),
                13..20 => self.nodes[0].takes_streams(true),
                20..23 if !nobody_is_up => self.nodes[1].is_up(false),
                23..30 if !nobody_is_up => self.nodes[1].is_up(true),
                30..33 if back.is_none() => {
                    self.kill().await;
                    // At once, or when the chain is final beyond what is stored.
                    back = Some(at + [0, 5, 100][random.random_range(0..3)]);
                }
                _ => {}
            }
            if back.is_some_and(|back| back <= at) || self.service.is_none() && back.is_none() {
                self.start();
                back = None;
            }
            if !nobody_is_up && self.service.is_some() {
                self.pace().await;
                if at.is_multiple_of(64) {
                    self.wait_for_healing().await;
                }
            }
        }
        self.settle().await;
    }

    /// Lets it end in order.
    async fn finish(&mut self) {
        let head = *self.tree.main.last().expect("a block");
        loop {
            let service = self.service.take().expect("it runs");
            if service.finish(head, self.last.map(|(root, _)| root)).await {
                return;
            }
            self.start();
        }
    }

    async fn measure(&mut self) -> Part {
        let mut part = std::mem::take(&mut self.part);
        part.filled = self.filled.swap(0, Ordering::SeqCst);
        part.heap_kib = heap::allocated() >> 10;
        part.anonymous_kib = memory("RssAnon");
        part.resident_kib = memory("VmRSS");
        part.peak_kib = memory("VmHWM");
        part.database_bytes = self.store.size_bytes().await.expect("a size");
        part.blocks = self.store.block_count().await.expect("a count");
        part
    }
}

/// Whether the database holds exactly the chain, and side branches as such.
async fn compare(store: &Store, main: &[(Slot, Root)]) -> u64 {
    let mut orphaned = 0;
    let mut expected = main.iter();
    let mut after = None;
    loop {
        let page = store.blocks(Slot(0)..Slot(1 << 30), after, 1_000).await.expect("rows");
        for row in &page.items {
            if row.canonical == CanonicalState::Orphaned {
                orphaned += 1;
            } else {
                assert_eq!(Some(&(row.slot, row.block_root)), expected.next());
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(expected.next(), None, "blocks are missing");
    let counts = store.blocks_per_client(Epoch(0)..Epoch(1 << 40)).await.expect("counts");
    assert_eq!(counts.total(), main.len() as u64);
    let check = store.check().await.expect("a check");
    assert!(check.is_sound(), "{check:?}");
    orphaned
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_does_not_grow() {
    let slots = number("BLOCKMARK_SOAK_SLOTS").unwrap_or(8 * HOUR);
    let folder = tempfile::tempdir().expect("a folder");
    let wants_server = std::env::var("BLOCKMARK_SOAK_DATABASE").is_ok_and(|kind| kind == "postgres");
    let place: StoreUrl = match PrivatePostgres::shared().filter(|_| wants_server) {
        Some(server) => server.fresh_schema().parse().expect("a URL"),
        None => folder.path().join("blocks.sqlite").into(),
    };
    let store = Store::open(place, OpenMode::Create).await.expect("a database");
    let mut world = World::new(store.clone(), slots).await;
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..PARTS {
        world.run(slots / PARTS, &mut random).await;
        let part = world.measure().await;
        println!("slot {}: {part:?}", world.tree.state().slot);
        parts.push(part);
    }
    world.finish().await;
    let orphaned = compare(&store, &world.main).await;
    println!(
        "{} blocks, {orphaned} beside them, deepest reorganisation {} slots",
        world.main.len(),
        world.tree.deepest
    );
    assert!(orphaned > 0 && parts.iter().any(|part| part.filled > 0));
    let limits = ViewLimits::default();
    for part in &parts {
        // What is not final is what happened since, and what came while the node was away.
        assert!(part.most_open > 0 && part.most_open < limits.blocks / 4, "{part:?}");
        assert!(part.most_final <= limits.history, "{part:?}");
        assert!(part.most_waiting <= limits.waiting, "{part:?}");
        assert!(part.most_states <= limits.states + 1, "{part:?}");
    }
    let (early, late) = (parts[2], parts[parts.len() - 1]);
    let per_block = (late.database_bytes - early.database_bytes) / (late.blocks - early.blocks);
    assert!(per_block < 1_024, "{per_block} bytes of the database for each block");
    let heap = late.heap_kib.saturating_sub(early.heap_kib);
    // The connection that writes keeps what it wrote, up to a limit.
    let bytes = if wants_server { 0 } else { late.database_bytes - early.database_bytes };
    let pages = (bytes >> 10).min(WRITER_PAGES_KIB);
    let grown = late.anonymous_kib.saturating_sub(early.anonymous_kib);
    println!(
        "{per_block} bytes a block in the database; {heap} KiB more allocated, memory grew by {grown} KiB, \
         {pages} KiB of pages"
    );
    let states = (slots / PARTS * (PARTS - 3) * STATE_BYTES_PER_SLOT) >> 10;
    assert!(heap < states + HEAP_SLACK_KIB, "{heap} KiB more are allocated");
    assert!(grown < pages + SLACK_KIB, "memory grew by {grown} KiB, {pages} KiB of it pages");
}
