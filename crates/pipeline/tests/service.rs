//! A chain is followed through disorder, outages and lies: the database becomes the one that peace would have made.
//!
//! `BLOCKMARK_SCHEDULES=1000` runs so many schedules, a third of them on PostgreSQL, `BLOCKMARK_SCHEDULES=1000..2000` those
//! of a range; `BLOCKMARK_SCHEDULE=17` runs one.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use consensus::{Epoch, Root, Slot};
use fingerprint::FeatureScratch;
use pipeline::service::{ChainJudge, HealPolicy, HealSource, HealStep, Healer, History};
use private_postgres::PrivatePostgres;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use source::follow::{ChainView, ViewLimits};
use source::{NodeChoices, StopSwitch};
use store::{BlockPlace, BlockRow, CanonicalState, ChainUpdate, Gap, GapCause, OpenMode, Store, StoreUrl};
use support::{Service, judge};
use testkit::{DevNode, Disturbance, Network, Step, Tree, TreePlan, schedule};

/// All rows with their evidence, in order.
async fn rows(store: &Store) -> Vec<BlockRow> {
    let mut rows = Vec::new();
    for row in store.blocks(Slot(0)..Slot(1 << 30), None, 100_000).await.expect("rows").items {
        rows.push(store.block_by_root(row.block_root).await.expect("a row").expect("it is there"));
    }
    rows.sort_by_key(|row| (row.slot, row.block_root));
    rows
}

/// The database of the same blocks, had they come one after the other.
async fn in_peace(tree: &Tree, seen: &BTreeSet<Root>, judge: &ChainJudge, path: &Path) -> Store {
    let store = Store::open(path, OpenMode::Create).await.expect("a database");
    let limits = ViewLimits { blocks: 4_096, states: 64, ..ViewLimits::default() };
    let mut view = ChainView::new(tree.genesis.clone(), limits).expect("a view");
    let mut order: Vec<(Slot, Root)> = tree.blocks.keys().map(|root| (tree.slot(root), *root)).collect();
    order.sort_unstable();
    let mut scratch = FeatureScratch::default();
    let genesis = BlockPlace { root: tree.genesis_root(), slot: Slot(0) };
    let mut head = genesis;
    for (slot, root) in order {
        view.on_block(tree.blocks[&root].clone(), root);
        if !seen.contains(&root) {
            continue;
        }
        let row = judge.row(view.block(&root).expect("it is applied"), &mut scratch);
        if tree.main.contains(&root) {
            head = BlockPlace { root, slot };
        }
        let update = ChainUpdate { rows: &[row], head, finalized: genesis };
        store.apply_chain_update(&update).await.expect("stored");
    }
    let place = |root: Root| BlockPlace { root, slot: tree.slot(&root) };
    let finalized = tree.last_final().map_or(genesis, |(root, _)| place(root));
    store.apply_chain_update(&ChainUpdate { rows: &[], head, finalized }).await.expect("stored");
    store
}

async fn compare(tree: &Tree, store: &Store, judge: &ChainJudge, folder: &Path, what: &str) {
    let found = rows(store).await;
    let seen: BTreeSet<Root> = found.iter().map(|row| row.block_root).collect();
    let missing: Vec<Slot> =
        tree.main.iter().filter(|root| !seen.contains(root)).map(|root| tree.slot(root)).collect();
    if !missing.is_empty() {
        let (marks, gaps) = (store.chain_marks().await, store.unknown_slots().await);
        let (notes, work) = (store.gap_notes().await, store.work_status(u64::MAX >> 1).await);
        let states: Vec<_> = found.iter().map(state).collect();
        panic!("{what}: {missing:?} are missing; {marks:?} {gaps:?} {notes:?} {work:?} {states:?}");
    }
    let peace = in_peace(tree, &seen, judge, &folder.join("peace.sqlite")).await;
    let expected = rows(&peace).await;
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{what}: slot {}", found.slot);
    }
    let everything = Epoch(0)..Epoch(1 << 40);
    let counts = peace.blocks_per_client(everything.clone()).await.expect("counts");
    assert_eq!(store.blocks_per_client(everything.clone()).await.expect("counts"), counts, "{what}");
    // All blocks are of Electra: what they show is known of each, whoever stored it.
    assert!(found.iter().all(|row| row.signs.is_some()), "{what}");
    let rules = peace.rule_counts(everything.clone(), 8).await.expect("counts");
    assert!(!rules.is_empty(), "{what}");
    assert_eq!(store.rule_counts(everything, 8).await.expect("counts"), rules, "{what}");
    let slots = Slot(0)..Slot(4_096);
    let shares = peace.shares(slots.clone(), 32).await.expect("shares");
    assert_eq!(store.shares(slots, 32).await.expect("shares"), shares, "{what}");
    assert_eq!(store.gaps().await.expect("gaps"), [], "{what}");
    let status = peace.sync_status().await.expect("a status");
    assert_eq!(store.sync_status().await.expect("a status"), status, "{what}");
    assert_eq!(store.gap_notes().await.expect("notes"), [], "{what}");
    let check = store.check().await.expect("a check");
    assert!(check.is_sound(), "{what}: {check:?}");
    let canonical = found.iter().filter(|row| row.canonical != CanonicalState::Orphaned).count();
    assert_eq!(canonical, tree.main.len(), "{what}");
}

/// A healer that works through all of a schedule, while blocks come.
fn keep_healing(healer: Healer) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let stop = StopSwitch::default();
        loop {
            healer.step(&stop).await.expect("no error");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}

fn healer(store: &Store, judge: &ChainJudge, places: &[&str], clock: &Arc<AtomicU64>) -> Healer {
    let policy = HealPolicy { history: History::Genesis, chunk_slots: 16, ..HealPolicy::default() };
    let choices = NodeChoices { attempts: 1, ..NodeChoices::default() };
    let source = |place: &&str| HealSource { place: (*place).to_owned(), choices: choices.clone() };
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || clock.load(Ordering::SeqCst));
    Healer::new(store.clone(), judge.clone(), places.iter().map(source).collect(), policy, clock)
}

/// Fills all gaps, and gives how many pieces that took.
async fn heal(healer: &Healer, store: &Store) -> usize {
    let stop = StopSwitch::default();
    let mut filled = 0;
    loop {
        match healer.step(&stop).await.expect("no error") {
            HealStep::Filled { .. } => filled += 1,
            HealStep::Passed(_) => {}
            HealStep::Idle { until: None } => return filled,
            step => {
                let states: Vec<_> = rows(store).await.iter().map(state).collect();
                panic!("{step:?}; {:?} {states:?}", store.chain_marks().await)
            }
        }
    }
}

/// What a failed test tells of a block.
fn state(row: &BlockRow) -> (u64, u64, CanonicalState, Root) {
    (row.slot.0, row.parent_slot.0, row.canonical, row.block_root)
}

/// What schedules did, so that a test can say that something happened at all.
#[derive(Default)]
struct Happened {
    depths: BTreeSet<u64>,
    killed: usize,
    filled: usize,
}

/// One schedule: two nodes that tell different things at different times, lies, cuts, and a service that is killed
/// and started again.
async fn run(plan: TreePlan, seed: u64, happened: &mut Happened) {
    let what = format!("schedule {seed} of {plan:?}");
    let tree = Tree::grow(plan);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let folder = tempfile::tempdir().expect("a folder");
    let server = (seed % 3 == 2).then(PrivatePostgres::shared).flatten();
    let place: StoreUrl = match server {
        Some(server) => server.fresh_schema().parse().expect("a URL"),
        None => folder.path().join("blocks.sqlite").into(),
    };
    let store = Store::open(place, OpenMode::Create).await.expect("a database");
    let judge = judge();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let node = DevNode::start(Network::of(&tree)).await;
        node.put_state("finalized", &tree.genesis);
        node.put_state("genesis", &tree.genesis);
        nodes.push(node);
    }
    nodes[1].gives_ssz(false);
    let disturbance = Disturbance {
        late_percent: random.random_range(0..60),
        late_by: random.random_range(1..16),
        again_percent: random.random_range(0..60),
        lost_heads_percent: random.random_range(0..70),
    };
    let steps: Vec<Vec<Step>> = (0..2).map(|_| schedule(&tree.steps, disturbance, random.random())).collect();
    let clock = Arc::new(AtomicU64::new(1_000));
    let heals = || keep_healing(healer(&store, &judge, &[&nodes[1].url, &nodes[0].url], &clock));
    let mut service = Some(Service::start(&nodes, &store, &judge));
    let mut healing = (seed % 2 == 1).then(heals);
    let longest = steps.iter().map(Vec::len).max().unwrap_or(0);
    let mut back_at = 0;
    for at in 0..longest {
        for (node, steps) in nodes.iter().zip(&steps) {
            if let Some(step) = steps.get(at) {
                node.learn(&tree, *step);
            }
        }
        match random.random_range(0..60) {
            0 => nodes[0].cut(),
            1 => nodes[0].is_up(false),
            2 | 3 => nodes[0].is_up(true),
            4 => nodes[1].takes_streams(false),
            5 | 6 => nodes[1].takes_streams(true),
            7 => {
                // One node gives another block than it is asked for.
                if let Some(Step::Block(root)) = steps[0].get(at + 1) {
                    nodes[0].add_block(*root, tree.blocks[&tree.main[0]].clone());
                }
            }
            8 => {
                if let Some(service) = service.take() {
                    service.kill().await;
                    if let Some(healing) = healing.take() {
                        healing.abort();
                        assert!(
                            healing.await.is_err_and(|error| error.is_cancelled()),
                            "{what}: healing failed"
                        );
                    }
                    happened.killed += 1;
                    back_at = at + random.random_range(0..80);
                }
            }
            _ => {}
        }
        if service.is_none() && at >= back_at {
            service = Some(Service::start(&nodes, &store, &judge));
            healing = (seed % 2 == 1).then(heals);
        }
        clock.fetch_add(1, Ordering::SeqCst);
        if random.random_range(0..4) == 0 {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..12))).await;
        }
    }
    for node in &nodes {
        node.is_up(true);
        node.takes_streams(true);
        for (root, block) in &tree.blocks {
            node.add_block(*root, block.clone());
        }
        node.set_head(tree.head());
        if let Some((root, epoch)) = tree.last_final() {
            node.set_finalized(epoch, root);
        }
    }
    let last = tree.last_final().map(|(root, _)| root);
    let mut service = service.unwrap_or_else(|| Service::start(&nodes, &store, &judge));
    while !service.finish(tree.head(), last).await {
        // Whoever listens from now on hears no late events.
        service = Service::start(&nodes, &store, &judge);
    }
    if let Some(healing) = healing.take() {
        healing.abort();
        assert!(healing.await.is_err_and(|error| error.is_cancelled()), "{what}: healing failed");
    }
    // All pauses and leases are over.
    clock.fetch_add(1_000_000, Ordering::SeqCst);
    happened.filled += heal(&healer(&store, &judge, &[&nodes[0].url], &clock), &store).await;
    compare(&tree, &store, &judge, folder.path(), &what).await;
    happened.depths.insert(tree.deepest);
    println!("schedule {seed}: as in peace, {} slots deep", tree.deepest);
}

/// The schedules to run: the first few unless told otherwise.
fn seeds(most: u64) -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().expect("the number of a schedule");
    let told = |name: &str| std::env::var(name).ok();
    match (told("BLOCKMARK_SCHEDULE"), told("BLOCKMARK_SCHEDULES")) {
        (Some(one), _) => vec![number(&one)],
        (None, Some(all)) => match all.split_once("..") {
            Some((first, end)) => (number(first)..number(end)).collect(),
            None => (0..number(&all)).collect(),
        },
        (None, None) => (0..most).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_every_schedule_the_database_is_that_of_peace() {
    let mut happened = Happened::default();
    let seeds = seeds(16);
    for seed in &seeds {
        let plan = TreePlan {
            slots: 40 + seed % 5 * 8,
            longest_branch: 1 + seed % 9,
            missed_permille: [0, 120, 300][usize::try_from(seed % 3).expect("small")],
            seed: 1_000 + seed,
            ..TreePlan::default()
        };
        run(plan, *seed, &mut happened).await;
    }
    println!("{} killed, {} pieces filled", happened.killed, happened.filled);
    assert!(seeds.len() < 16 || happened.killed > 0 && happened.filled > 0);
}

/// A plan with long side branches, one after the other.
fn deep(seed: u64) -> TreePlan {
    TreePlan {
        slots: 130,
        longest_branch: 62,
        branch_percent: 100,
        seed: 7_000 + seed,
        ..TreePlan::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_reorganisations_are_followed() {
    let mut happened = Happened::default();
    let mut seeds = seeds(4);
    if std::env::var_os("BLOCKMARK_SCHEDULES").is_none() {
        // Of these the service ended at its start, or took a branch as final while it caught up.
        seeds.extend([80, 111, 119]);
    }
    for seed in &seeds {
        run(deep(*seed), *seed, &mut happened).await;
    }
    println!("the deepest reorganisations of these schedules undid {:?} slots", happened.depths);
    assert!(seeds.len() < 4 || happened.depths.last() >= Some(&55), "{:?}", happened.depths);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_filled_is_noted_and_filled_when_it_can() {
    let tree = Tree::grow(TreePlan { slots: 64, seed: 3, branch_percent: 0, ..TreePlan::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let store =
        Store::open(&folder.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let judge = judge();
    // The node began at a checkpoint itself: no state and no block before it.
    let early = tree.states.iter().filter(|(root, _)| tree.slot(root).0 <= 40);
    let (root, state) = early.max_by_key(|(root, _)| tree.slot(root)).expect("a state");
    let mut base = state.latest_block_header.clone();
    base.state_root = Root(state.hash_tree_root().expect("a root"));
    let node = DevNode::start(Network { base, ..Network::of(&tree) }).await;
    node.put_state("finalized", state);
    let begin = tree.slot(root);
    for later in tree.main.iter().filter(|later| tree.slot(later) > begin) {
        node.add_block(*later, tree.blocks[later].clone());
    }
    node.set_head(tree.head());
    let nodes = [node];
    assert!(Service::start(&nodes, &store, &judge).finish(tree.head(), None).await);
    assert_eq!(store.gaps().await.expect("gaps").len(), 1);
    let clock = Arc::new(AtomicU64::new(1_000));
    let stop = StopSwitch::default();
    let alone = healer(&store, &judge, &[&nodes[0].url], &clock);
    // Other pieces in the queue are held back by the same note.
    let step = async || loop {
        match alone.step(&stop).await.expect("no error") {
            HealStep::Passed(_) => {}
            step => break step,
        }
    };
    let failed = async || match step().await {
        HealStep::Failed(note) => note,
        step => panic!("{step:?}"),
    };
    let first = failed().await;
    assert_eq!((first.cause, first.gap.start, first.tries), (GapCause::Pruned, Slot(1), 1), "{first:?}");
    let due = first.next_try.expect("a time");
    assert_eq!(step().await, HealStep::Idle { until: Some(due) });
    clock.store(due, Ordering::SeqCst);
    let second = failed().await;
    assert_eq!(second.tries, 2);
    let later = second.next_try.expect("a time");
    assert!(later - due > due - 1_000, "the pause grows: {due}, {later}");
    // Another node has it all.
    let archive = DevNode::start(Network::of(&tree)).await;
    archive.put_state("genesis", &tree.genesis);
    for (root, block) in &tree.blocks {
        archive.add_block(*root, block.clone());
    }
    archive.set_head(tree.head());
    clock.store(later, Ordering::SeqCst);
    assert!(heal(&healer(&store, &judge, &[&nodes[0].url, &archive.url], &clock), &store).await > 1);
    has_all(&store, &tree).await;
}

/// Slots of an hour of mainnet.
const HOUR: u64 = 300;

/// A node goes away while it is on a side branch, and comes back an hour later, on the main chain. `begins_anew` is
/// whether it has lost all before its newest final block by then.
async fn an_hour_away(begins_anew: bool) {
    let plan =
        |seed| TreePlan { slots: 390, longest_branch: 20, missed_permille: 60, seed, ..TreePlan::default() };
    let gives_state =
        |tree: &Tree| tree.last_final().is_some_and(|(root, _)| tree.states.contains_key(&root));
    let tree = (60..).map(|seed| Tree::grow(plan(seed))).find(gives_state).expect("a tree");
    let folder = tempfile::tempdir().expect("a folder");
    let store =
        Store::open(&folder.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let judge = judge();
    let [node, archive] =
        [DevNode::start(Network::of(&tree)).await, DevNode::start(Network::of(&tree)).await];
    node.put_state("finalized", &tree.genesis);
    archive.put_state("genesis", &tree.genesis);
    for (root, block) in &tree.blocks {
        archive.add_block(*root, block.clone());
    }
    archive.set_head(tree.head());
    let is_aside = |step: &Step| matches!(step, Step::Head(root) if tree.slot(root).0 > 40 && tree.slot(root).0 % 8 == 7 && !tree.main.contains(root));
    let away = tree.steps.iter().position(is_aside).expect("a side branch");
    let Step::Head(aside) = tree.steps[away] else { panic!("no head") };
    let after_an_hour = |step: &Step| {
        let (Step::Block(root) | Step::Head(root) | Step::Final(root, _)) = step;
        tree.slot(root).0 >= tree.slot(&aside).0 + HOUR
    };
    let back = tree.steps.iter().position(after_an_hour).expect("later steps");
    let nodes = [node];
    let mut service = Service::start(&nodes, &store, &judge);
    // It begins at genesis, so that nothing is missing before.
    while service.follower.view(|_| ()).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for step in &tree.steps[..=away] {
        nodes[0].learn(&tree, *step);
    }
    while !service.is_at(aside, None).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = nodes[0].count("/");
    nodes[0].is_up(false);
    for step in &tree.steps[away + 1..back] {
        nodes[0].learn(&tree, *step);
    }
    while nodes[0].count("/") < asked + 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (last, _) = tree.last_final().expect("a final block");
    for step in &tree.steps[back..] {
        nodes[0].learn(&tree, *step);
    }
    if begins_anew {
        nodes[0].forget_before(tree.slot(&last));
    }
    nodes[0].is_up(true);
    while !service.finish(tree.head(), Some(last)).await {
        service = Service::start(&nodes, &store, &judge);
    }
    let gaps = store.gaps().await.expect("gaps");
    assert_eq!(gaps.is_empty(), !begins_anew, "{gaps:?}, away since {}", tree.slot(&aside));
    let clock = Arc::new(AtomicU64::new(1_000));
    let filled = heal(&healer(&store, &judge, &[&archive.url], &clock), &store).await;
    assert_eq!(filled > 0, begins_anew);
    compare(&tree, &store, &judge, folder.path(), "an hour without a node").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_without_a_node_leaves_no_trace() {
    an_hour_away(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_lost_while_it_was_away_is_had_from_another() {
    an_hour_away(true).await;
}

/// A chain of which the newest blocks are stored, and a node that has all of it.
async fn half_known(tree: &Tree, store: &Store, judge: &ChainJudge) -> DevNode {
    let archive = DevNode::start(Network::of(tree)).await;
    archive.put_state("genesis", &tree.genesis);
    for (root, block) in &tree.blocks {
        archive.add_block(*root, block.clone());
    }
    archive.set_head(tree.head());
    let early = tree.states.iter().filter(|(root, _)| tree.slot(root).0 <= tree.slot(&tree.head()).0 - 16);
    let (root, state) = early.max_by_key(|(root, _)| tree.slot(root)).expect("a state");
    archive.set_finalized(tree.slot(root).0 / 8, *root);
    archive.put_state("finalized", state);
    let nodes = [archive];
    assert!(Service::start(&nodes, store, judge).finish(tree.head(), None).await);
    assert_eq!(store.gaps().await.expect("gaps").len(), 1);
    let [archive] = nodes;
    archive
}

async fn has_all(store: &Store, tree: &Tree) {
    assert_eq!(store.gaps().await.expect("gaps"), []);
    assert_eq!(store.gap_notes().await.expect("notes"), []);
    let stored: Vec<Root> = rows(store).await.iter().map(|row| row.block_root).collect();
    assert_eq!(stored, tree.main);
    assert!(store.check().await.expect("a check").is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_workers_fill_one_gap() {
    let tree = Tree::grow(TreePlan { slots: 96, seed: 5, branch_percent: 0, ..TreePlan::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("blocks.sqlite");
    let store = Store::open(&path, OpenMode::Create).await.expect("a database");
    let judge = judge();
    let archive = half_known(&tree, &store, &judge).await;
    let stop = StopSwitch::default();
    let clock = Arc::new(AtomicU64::new(1_000));
    let mut working = Vec::new();
    for _ in 0..2 {
        // As another process: with connections of its own.
        let store = Store::open(&path, OpenMode::Existing).await.expect("a database");
        let choices = NodeChoices { attempts: 1, ..NodeChoices::default() };
        let source = HealSource { place: archive.url.clone(), choices };
        let policy =
            HealPolicy { history: History::Genesis, chunk_slots: 8, workers: 2, ..HealPolicy::default() };
        let clock = Arc::clone(&clock);
        let clock = Arc::new(move || clock.load(Ordering::SeqCst));
        let healer = Healer::new(store, judge.clone(), vec![source], policy, clock);
        working.push(tokio::spawn(healer.run(stop.clone())));
    }
    while !store.gaps().await.expect("gaps").is_empty() {
        // Pieces that waited for the one above are put back for a second.
        clock.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.stop();
    for worker in working {
        worker.await.expect("no panic");
    }
    has_all(&store, &tree).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_process_had_taken_is_filled_by_others() {
    let tree = Tree::grow(TreePlan { slots: 48, seed: 9, branch_percent: 0, ..TreePlan::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let store =
        Store::open(&folder.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let judge = judge();
    let archive = half_known(&tree, &store, &judge).await;
    let gap = store.unknown_slots().await.expect("slots").remove(0);
    let top = Gap { start: Slot(gap.end.0 - 3), ..gap };
    store.offer_work(&[top]).await.expect("a queue");
    let clock = Arc::new(AtomicU64::new(1_000));
    // Taken by a process that never comes back.
    store.take_work(1_000_000, 1_060_000).await.expect("a queue").expect("work");
    let choices = NodeChoices { attempts: 1, ..NodeChoices::default() };
    let source = HealSource { place: archive.url.clone(), choices };
    let policy =
        HealPolicy { history: History::Genesis, chunk_slots: 16, lease_seconds: 1, ..HealPolicy::default() };
    let now = Arc::clone(&clock);
    let now = Arc::new(move || now.load(Ordering::SeqCst));
    let healer = Healer::new(store.clone(), judge, vec![source], policy, now);
    let stop = StopSwitch::default();
    // The piece below is read, and not stored before the one above it. It is offered anew later.
    let HealStep::Passed(below) = healer.step(&stop).await.expect("no error") else { panic!("not passed") };
    assert!(below.end < top.start, "{below:?}");
    assert_eq!(store.unknown_slots().await.expect("slots"), [gap]);
    clock.store(1_060, Ordering::SeqCst);
    assert!(
        matches!(healer.step(&stop).await.expect("no error"), HealStep::Filled { gap, .. } if gap == top)
    );
    heal(&healer, &store).await;
    has_all(&store, &tree).await;
}
