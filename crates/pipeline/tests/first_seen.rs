//! When blocks were first seen is stored of those that were seen while they were new, and of no other.

#![allow(dead_code, reason = "the service under test has more to it than this needs")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use consensus::{Root, Slot};
use futures::future::BoxFuture;
use source::beacon_api::{Pacing, SystemPacing};
use store::{OpenMode, Store};
use support::{Service, judge};
use testkit::{DevNode, Network, Step, Tree, TreePlan};

/// A clock on the wall that a test moves.
#[derive(Debug)]
struct Wall {
    unix_ms: AtomicU64,
    system: SystemPacing,
}

impl Pacing for Wall {
    fn now(&self) -> Duration {
        self.system.now()
    }

    fn unix_ms(&self) -> u64 {
        self.unix_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.system.sleep(time)
    }

    fn random(&self) -> f64 {
        self.system.random()
    }
}

/// Lets a node learn everything up to a head, and waits until that is stored.
async fn learn(node: &[DevNode; 1], tree: &Tree, steps: &mut &[Step], head: Root, service: &mut Service) {
    while let Some((step, rest)) = steps.split_first() {
        node[0].learn(tree, *step);
        *steps = rest;
        if *step == Step::Head(head) {
            break;
        }
    }
    while !service.is_at(head, None).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_seen_while_it_is_new_has_a_time() {
    follow(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_names_when_it_is_asked_is_seen_as_well() {
    follow(false).await;
}

async fn follow(has_streams: bool) {
    let plan = TreePlan { slots: 12, branch_percent: 0, missed_permille: 0, seed: 5, ..TreePlan::default() };
    let tree = Tree::grow(plan);
    let slot_ms = tree.spec.config.slot_duration_ms;
    let start = |slot: Slot| tree.identity().time * 1_000 + slot.0 * slot_ms;
    let folder = tempfile::tempdir().expect("a folder");
    let store =
        Store::open(&folder.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let nodes = [DevNode::start(Network::of(&tree)).await];
    nodes[0].put_state("finalized", &tree.genesis);
    nodes[0].takes_streams(has_streams);
    let wall = Arc::new(Wall {
        unix_ms: AtomicU64::new(start(tree.slot(&tree.main[2])) + 9_000),
        system: SystemPacing::default(),
    });
    // Three blocks are there before it starts.
    let mut steps = &tree.steps[..];
    let there = steps.iter().position(|step| *step == Step::Head(tree.main[2])).expect("a head") + 1;
    steps[..there].iter().for_each(|step| nodes[0].learn(&tree, *step));
    steps = &steps[there..];
    let mut service = Service::start_at(&nodes, &store, &judge(), Arc::clone(&wall) as Arc<dyn Pacing>);
    learn(&nodes, &tree, &mut &[][..], tree.main[2], &mut service).await;
    let mut expected = vec![None; 3];
    for (at, late_ms) in [(3, 1_900), (4, 0), (5, 32 * slot_ms + 1), (6, 2_250)] {
        let (head, seen) = (tree.main[at], start(tree.slot(&tree.main[at])) + late_ms);
        wall.unix_ms.store(seen, Ordering::SeqCst);
        learn(&nodes, &tree, &mut steps, head, &mut service).await;
        expected.push((late_ms <= 32 * slot_ms).then_some(seen));
    }
    let mut found = Vec::new();
    for root in &tree.main[..expected.len()] {
        found.push(store.block_by_root(*root).await.expect("a row").expect("it is there").first_seen_ms);
    }
    assert_eq!(found, expected);
    service.kill().await;
}
