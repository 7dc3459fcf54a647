//! Following nodes over HTTP: what they tell in disorder, twice or not at all, and nodes that fail.

use std::collections::BTreeMap;

use std::time::Duration;

use captures::pacing::options;
use consensus::rewards::{Attestations, Scale};
use consensus::spec::{Fork, Spec, UnknownFork};
use consensus::{Root, Slot};
use simulate::chain::Upgrade;
use source::StopSwitch;
use source::beacon_api::{ApiOptions, BeaconApi, EventOptions};
use source::follow::{
    ChainView, Driver, FollowError, FollowEvent, FollowOptions, Follower, Phase, Start, ViewLimits,
};
use testkit::{DevNode, Disturbance, Network, Step, Tree, TreePlan, schedule};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Short pauses: tests wait for what happens, never for a time.
fn patience() -> ApiOptions {
    ApiOptions {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        first_rest: Duration::from_millis(20),
        longest_rest: Duration::from_millis(20),
        ..options()
    }
}

fn following(poll: Duration) -> FollowOptions {
    FollowOptions {
        poll,
        queue: 4_096,
        events: EventOptions { silence: poll * 4 },
        ..FollowOptions::default()
    }
}

const OFTEN: Duration = Duration::from_millis(30);
/// Longer than any test: nothing is polled, events must do.
const NEVER: Duration = Duration::from_secs(3_600);

/// A follower under test.
struct Run {
    follower: Follower,
    events: Receiver<FollowEvent>,
    stop: StopSwitch,
    task: tokio::task::JoinHandle<Result<(), FollowError>>,
}

impl Run {
    fn start(nodes: &[&DevNode], start: Start, options: FollowOptions) -> Self {
        let api = BeaconApi::new(nodes.iter().map(|node| &node.url), patience()).expect("URLs");
        let (follower, driver) = Driver::new(api, start, options);
        let events = follower.subscribe().expect("a stream");
        let stop = StopSwitch::default();
        let task = tokio::spawn(driver.run(stop.clone()));
        Self { follower, events, stop, task }
    }

    /// Waits for the next event.
    async fn event(&mut self) -> FollowEvent {
        loop {
            match self.events.recv().await {
                Ok(event) => return event,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("the follower ended: {:?}", self.follower.status()),
            }
        }
    }

    /// Waits until a block is the head.
    async fn head(&mut self, root: Root) {
        while self.follower.view(|view| view.head().root) != Some(root) {
            self.event().await;
        }
    }

    async fn anchor(&mut self, root: Root) {
        while self.follower.view(|view| view.anchor().root) != Some(root) {
            self.event().await;
        }
    }

    async fn stop(self) {
        self.stop.stop();
        self.task.await.expect("no panic").expect("no error");
        assert_eq!(self.follower.status().phase, Phase::Stopped);
        assert!(self.follower.subscribe().is_none());
    }
}

/// A node with the genesis of a tree.
async fn node(tree: &Tree) -> DevNode {
    let node = DevNode::start(Network::of(tree)).await;
    node.put_state("finalized", &tree.genesis);
    node
}

/// Lets a node know all blocks of a tree.
fn know_all(node: &DevNode, tree: &Tree) {
    for (root, block) in &tree.blocks {
        node.add_block(*root, block.clone());
    }
}

/// Canonical blocks with their rewards.
fn rewards(view: &ChainView) -> BTreeMap<Root, String> {
    let blocks = view.canonical(Slot(0), Slot(u64::MAX));
    let text = |reward| serde_json::to_string(&reward).expect("JSON");
    blocks
        .iter()
        .map(|block| (block.root, text(block.reward(Scale::Legacy, Attestations::Include))))
        .collect()
}

fn expected(tree: &Tree) -> BTreeMap<Root, String> {
    let mut view = ChainView::new(tree.genesis.clone(), ViewLimits::default()).expect("a view");
    for root in &tree.main {
        view.on_block(tree.blocks[root].clone(), *root);
        view.on_head(*root);
    }
    rewards(&view)
}

#[tokio::test]
async fn a_chain_is_caught_up_with_and_then_followed_by_events() {
    let tree = Tree::grow(TreePlan { slots: 60, seed: 11, ..TreePlan::default() });
    let node = node(&tree).await;
    let half = tree.steps.len() / 2;
    know_all(&node, &tree);
    let head_at = |steps: &[Step]| {
        steps.iter().rev().find_map(|step| if let Step::Head(root) = step { Some(*root) } else { None })
    };
    node.set_head(head_at(&tree.steps[..half]).expect("a head"));
    let mut run = Run::start(&[&node], Start::Finalized, following(NEVER));
    run.head(head_at(&tree.steps[..half]).expect("a head")).await;
    while node.streams_open() == 0 {
        tokio::task::yield_now().await;
    }
    // Nothing is polled any more: each step must be enough.
    for step in &tree.steps[half..] {
        if let Step::Head(root) = step {
            node.set_head(*root);
        }
        node.tell(*step);
    }
    run.head(tree.head()).await;
    let last_final = tree.steps.iter().rev().find_map(|step| match step {
        Step::Final(root, _) => Some(*root),
        _ => None,
    });
    run.anchor(last_final.expect("finality")).await;
    // The head was asked for when the stream began: events of older heads may still come.
    let all = Some(expected(&tree));
    while run.follower.view(rewards) != all {
        run.event().await;
    }
    let status = run.follower.status();
    assert_eq!((status.phase, status.error), (Phase::Following, None));
    assert_eq!(status.anchor.map(|anchor| anchor.root), last_final);
    assert_eq!(node.count("/eth/v2/debug/beacon/states/"), 1, "one state is enough");
    run.stop().await;
}

#[tokio::test]
async fn disorder_cuts_and_failing_nodes_change_nothing_in_the_end() {
    for seed in 0..3 {
        let tree = Tree::grow(TreePlan { slots: 50, seed: 20 + seed, ..TreePlan::default() });
        let (first, second) = (node(&tree).await, node(&tree).await);
        second.gives_ssz(false);
        let both = [&first, &second];
        let disturbance =
            Disturbance { late_percent: 40, late_by: 12, again_percent: 40, lost_heads_percent: 50 };
        let steps = schedule(&tree.steps, disturbance, seed);
        let mut run = Run::start(&both, Start::Finalized, following(OFTEN));
        for (at, step) in steps.iter().enumerate() {
            for node in both {
                // A node knows a block with all of its ancestors before it speaks of it.
                let (Step::Block(root) | Step::Head(root) | Step::Final(root, _)) = *step;
                let mut next = root;
                while let Some(block) = tree.blocks.get(&next) {
                    node.add_block(next, block.clone());
                    next = tree.parent(&next);
                }
                match *step {
                    Step::Head(root) => node.set_head(root),
                    Step::Final(root, epoch) => node.set_finalized(epoch, root),
                    Step::Block(_) => {}
                }
                node.tell(*step);
            }
            match at % 40 {
                10 => first.cut(),
                15 => first.is_up(false),
                25 => first.is_up(true),
                30 => second.takes_streams(false),
                35 => second.takes_streams(true),
                _ => {}
            }
            if at % 5 == 0 {
                tokio::task::yield_now().await;
            }
        }
        for node in both {
            node.is_up(true);
            node.set_head(tree.head());
        }
        // Late events may still lead away from the head: what counts is that it is found in the end.
        let expected = Some(expected(&tree));
        while run.follower.view(rewards) != expected {
            run.event().await;
        }
        run.stop().await;
    }
}

#[tokio::test]
async fn where_no_events_come_the_head_is_asked_for() {
    let tree = Tree::grow(TreePlan { slots: 30, seed: 5, ..TreePlan::default() });
    let node = node(&tree).await;
    node.takes_streams(false);
    know_all(&node, &tree);
    node.set_head(tree.main[5]);
    let mut run = Run::start(&[&node], Start::Finalized, following(OFTEN));
    for at in [5, 6, 8, tree.main.len() - 1] {
        node.set_head(tree.main[at]);
        run.head(tree.main[at]).await;
    }
    assert_eq!(node.streams_opened(), 0);
    assert_eq!(run.follower.view(rewards), Some(expected(&tree)));
    run.stop().await;
}

#[tokio::test]
async fn a_thread_that_is_lost_is_taken_up_at_the_finalized_state() {
    let tree = Tree::grow(TreePlan { slots: 70, seed: 8, branch_percent: 0, ..TreePlan::default() });
    let node = node(&tree).await;
    know_all(&node, &tree);
    node.set_head(tree.main[3]);
    let mut run = Run::start(&[&node], Start::Finalized, following(OFTEN));
    run.head(tree.main[3]).await;
    // The node does not have the blocks between, as after a long absence and a start from a checkpoint.
    let (root, state) = tree
        .states
        .iter()
        .filter(|(root, _)| tree.slot(root).0 < 60)
        .max_by_key(|(root, _)| tree.slot(root))
        .expect("a state");
    let mut base = state.latest_block_header.clone();
    base.state_root = Root(state.hash_tree_root().expect("a root"));
    drop(node);
    let other = DevNode::start(Network { base, ..Network::of(&tree) }).await;
    other.put_state("finalized", state);
    for later in tree.main.iter().filter(|later| tree.slot(later) > tree.slot(root)) {
        other.add_block(*later, tree.blocks[later].clone());
    }
    other.set_head(tree.head());
    run.stop().await;
    // A follower that knows both nodes loses the thread with the first one.
    let first = self::node(&tree).await;
    know_all(&first, &tree);
    first.set_head(tree.main[3]);
    let mut run = Run::start(&[&first, &other], Start::Finalized, following(OFTEN));
    run.head(tree.main[3]).await;
    first.is_up(false);
    run.head(tree.head()).await;
    let restarted = run.follower.view(|view| view.oldest_slot()).expect("a view");
    assert_eq!(restarted, Slot(tree.slot(root).0 + 1));
    let all = expected(&tree);
    let kept = run.follower.view(rewards).expect("a view");
    assert!(kept.len() > 5 && kept.iter().all(|(root, reward)| all.get(root) == Some(reward)));
    run.stop().await;
}

/// At the start a node may be on another branch than the state that it gave a moment before.
#[tokio::test]
async fn a_node_that_changes_its_mind_at_the_start_is_asked_again() {
    let tree = Tree::grow(TreePlan { slots: 40, seed: 6, branch_percent: 0, ..TreePlan::default() });
    let node = node(&tree).await;
    know_all(&node, &tree);
    let (root, state) = tree.states.iter().min_by_key(|(root, _)| tree.slot(root)).expect("a state");
    node.put_state("finalized", state);
    node.set_head(tree.parent(root));
    let mut run = Run::start(&[&node], Start::Finalized, following(OFTEN));
    let told = async {
        while !run.follower.status().error.is_some_and(|error| error.contains("is not in the chain")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), told).await.expect("it says so");
    node.set_head(tree.head());
    run.head(tree.head()).await;
    run.stop().await;
}

#[tokio::test]
async fn the_state_to_begin_with_may_be_given_and_must_fit() {
    let tree = Tree::grow(TreePlan { slots: 40, seed: 6, branch_percent: 0, ..TreePlan::default() });
    let node = node(&tree).await;
    know_all(&node, &tree);
    node.set_head(tree.head());
    let (root, state) = tree.states.iter().min_by_key(|(root, _)| tree.slot(root)).expect("a state");
    let ssz = state.encode().expect("an encoding");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.ssz.gz");
    let packed = source::compression::Compression::Gzip.pack(&ssz).expect("packed");
    std::fs::write(&path, packed).expect("written");
    let start = Start::read(&path, 1 << 30).expect("a state");
    let mut run = Run::start(&[&node], start, following(OFTEN));
    run.head(tree.head()).await;
    assert_eq!(run.follower.view(ChainView::oldest_slot), Some(Slot(tree.slot(root).0 + 1)));
    assert_eq!(node.count("/eth/v2/debug/beacon/states/"), 0);
    run.stop().await;

    // A node that does not have the block itself has one that builds on it.
    let later = self::node(&tree).await;
    for (block_root, block) in tree.blocks.iter().filter(|(_, block)| block.slot() > Slot(tree.slot(root).0))
    {
        later.add_block(*block_root, block.clone());
    }
    later.set_head(tree.head());
    let mut run = Run::start(&[&later], Start::State(ssz.clone().into()), following(OFTEN));
    run.head(tree.head()).await;
    run.stop().await;
    // A node that tells no head says so, and is asked again.
    later.tells_head(false);
    let run = Run::start(&[&later], Start::State(ssz.clone().into()), following(OFTEN));
    let told = async {
        while !run
            .follower
            .status()
            .error
            .is_some_and(|error| error.contains("no beacon node tells its head"))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), told).await.expect("it says so");
    run.stop().await;

    // Another node gives it.
    let other = self::node(&tree).await;
    let api = BeaconApi::new([&other.url], patience()).expect("a URL");
    let mut run = Run::start(&[&node], Start::Node(api), following(OFTEN));
    run.head(tree.head()).await;
    assert_eq!(other.count("/eth/v2/debug/beacon/states/"), 1);
    run.stop().await;

    // A state of another network, one of another chain, and no state at all.
    let foreign = Tree::grow(TreePlan { slots: 9, seed: 99, branch_percent: 0, ..TreePlan::default() });
    let start = |state: &consensus::state::State| Start::State(state.encode().expect("an encoding").into());
    let run = Run::start(&[&node], start(&foreign.genesis), following(OFTEN));
    let error = run.task.await.expect("no panic").expect_err("another network");
    assert!(matches!(error, FollowError::Network { .. }), "{error}");
    let mut elsewhere = state.clone();
    elsewhere.data_mut().latest_block_header.proposer_index ^= 1;
    let run = Run::start(&[&node], start(&elsewhere), following(OFTEN));
    let error = run.task.await.expect("no panic").expect_err("another chain");
    assert!(matches!(error, FollowError::NotCanonical { .. }), "{error}");
    let run = Run::start(&[&node], Start::State(vec![0; 60].into()), following(OFTEN));
    let error = run.task.await.expect("no panic").expect_err("no state");
    assert!(matches!(error, FollowError::State(_)), "{error}");
    let missing = Start::read(&directory.path().join("none.ssz"), 1).expect_err("no file");
    assert!(missing.contains("none.ssz"), "{missing}");
}

/// A chain that comes to Fulu, and its network before anybody had planned that.
fn forking(seed: u64) -> (Tree, Spec) {
    let upgrade = Upgrade { fork: Fork::Fulu, epoch: 5 };
    let plan = TreePlan { slots: 72, seed, branch_percent: 0, upgrade: Some(upgrade), ..TreePlan::default() };
    let tree = Tree::grow(plan);
    let mut before = (*tree.spec).clone();
    before.config.set_fork_epoch(Fork::Fulu, u64::MAX);
    (tree, before)
}

#[tokio::test]
async fn a_fork_that_is_planned_while_the_chain_is_followed_is_followed() {
    let (tree, before) = forking(21);
    let at = |slot| tree.main.iter().rev().find(|root| tree.slot(root).0 < slot).copied().expect("a block");
    // By the stream of events, which ends when the node is upgraded, and by asking from time to time.
    for by_events in [true, false] {
        let node = node(&tree).await;
        node.set_config(&before);
        node.takes_streams(by_events);
        know_all(&node, &tree);
        node.set_head(at(38));
        let plans = if by_events { NEVER } else { OFTEN };
        let mut run = Run::start(&[&node], Start::Finalized, FollowOptions { plans, ..following(OFTEN) });
        run.head(at(38)).await;
        // The node was upgraded.
        node.set_config(&tree.spec);
        node.cut();
        node.set_head(tree.head());
        run.head(tree.head()).await;
        assert_eq!(run.follower.view(rewards), Some(expected(&tree)));
        assert_eq!(run.follower.status().error, None);
        // Whoever knows less of the future says nothing new.
        node.set_config(&before);
        let asked = node.count("/eth/v1/config/spec");
        while node.count("/eth/v1/config/spec") < asked + 2 {
            node.cut();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(run.follower.view(rewards), Some(expected(&tree)));
        run.stop().await;
    }
}

#[tokio::test]
async fn the_node_that_plans_most_tells_the_forks() {
    let (tree, before) = forking(22);
    let nodes = [node(&tree).await, node(&tree).await];
    nodes[0].set_config(&before);
    for node in &nodes {
        know_all(node, &tree);
        node.set_head(tree.head());
    }
    let mut run = Run::start(&[&nodes[0], &nodes[1]], Start::Finalized, following(OFTEN));
    run.head(tree.head()).await;
    assert_eq!(run.follower.view(rewards), Some(expected(&tree)));
    run.stop().await;
}

#[tokio::test]
async fn a_planned_fork_without_rules_is_told() {
    let tree = Tree::grow(TreePlan { slots: 12, seed: 23, branch_percent: 0, ..TreePlan::default() });
    let node = node(&tree).await;
    know_all(&node, &tree);
    node.set_head(tree.head());
    let mut run = Run::start(&[&node], Start::Finalized, FollowOptions { plans: OFTEN, ..following(OFTEN) });
    run.head(tree.head()).await;
    assert_eq!(run.follower.status().unknown_fork, None);
    let heze = UnknownFork { name: "heze".to_owned(), epoch: 9_000 };
    let mut planned = (*tree.spec).clone();
    planned.config.unknown_forks.push(heze.clone());
    node.set_config(&planned);
    while run.follower.status().unknown_fork.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(run.follower.status().unknown_fork, Some(heze));
    assert_eq!(run.follower.view(rewards), Some(expected(&tree)), "nothing began anew");
    run.stop().await;
}

#[tokio::test]
async fn a_long_stretch_is_the_chain_of_one_node() {
    // A slot that is empty in the chain of the first node, and has a block in that of the second.
    let (tree, side) = (0..20)
        .find_map(|seed| {
            let plan = TreePlan { seed, branch_percent: 60, missed_permille: 300, ..TreePlan::default() };
            let tree = Tree::grow(plan);
            let is_empty = |slot| tree.main.iter().all(|root| tree.slot(root) != slot);
            let before = |slot| tree.main.iter().rev().find(|root| tree.slot(root) < slot).copied();
            let fits = |root: &&Root| {
                let slot = tree.slot(root);
                is_empty(slot) && slot.0 > 8 && before(slot) == Some(tree.parent(root))
            };
            let side = tree.blocks.keys().filter(fits).min_by_key(|root| tree.slot(root)).copied()?;
            Some((tree, side))
        })
        .expect("a branch beside an empty slot");
    let nodes = [node(&tree).await, node(&tree).await];
    tree.main.iter().for_each(|root| nodes[0].add_block(*root, tree.blocks[root].clone()));
    nodes[0].set_head(tree.head());
    let last = tree.steps.iter().rev().find_map(|step| match step {
        Step::Final(root, epoch) => Some((*root, *epoch)),
        _ => None,
    });
    let (root, epoch) = last.expect("finality");
    nodes[0].set_finalized(epoch, root);
    know_all(&nodes[1], &tree);
    nodes[1].set_head(side);
    let limits = ViewLimits { blocks: 128, ..ViewLimits::default() };
    let mut run =
        Run::start(&[&nodes[0], &nodes[1]], Start::Finalized, FollowOptions { limits, ..following(NEVER) });
    let mut seen = Vec::new();
    while run.follower.view(|view| (view.head().root, view.anchor().root)) != Some((tree.head(), root)) {
        if let FollowEvent::BlockSeen(block) = run.event().await {
            seen.push(block.root);
        }
    }
    assert!(!seen.is_empty() && !seen.contains(&side), "a block of the other node was taken");
    run.stop().await;
}
