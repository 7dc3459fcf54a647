//! The view of a growing chain: the same whatever the order of what it is told, right, and bounded.

use std::collections::BTreeSet;

use consensus::rewards::{Attestations, Scale};
use consensus::spec::Fork;
use consensus::{Root, Slot};
use source::follow::{Admission, ChainView, FollowEvent, ViewLimits};
use source::replay::{Links, Replay};
use testkit::{Disturbance, Step, Tree, TreePlan, schedule};

const EVERYTHING: ViewLimits =
    ViewLimits { blocks: 1_000, history: 1_000, waiting: 1_000, states: 14, empty_slots: 64 };

/// A view that is told steps; what it lacks it gets by root, as from a node.
struct Told<'a> {
    tree: &'a Tree,
    view: ChainView,
    events: Vec<FollowEvent>,
    most_states: usize,
    most_blocks: usize,
}

impl<'a> Told<'a> {
    fn new(tree: &'a Tree, limits: ViewLimits) -> Self {
        let view = ChainView::new(tree.genesis.clone(), limits).expect("a view");
        assert_eq!(view.anchor().root, tree.genesis_root());
        Self { tree, view, events: Vec::new(), most_states: 0, most_blocks: 0 }
    }

    fn tell(&mut self, step: Step) {
        match step {
            Step::Block(root) => self.bring(root),
            Step::Head(root) => {
                let (known, events) = self.view.on_head(root);
                self.events.extend(events);
                if !known {
                    self.bring(root);
                }
            }
            Step::Final(root, _) => self.events.extend(self.view.on_finalized(root).expect("a state")),
        }
        self.most_states = self.most_states.max(self.view.states());
        self.most_blocks = self.most_blocks.max(self.view.count().0);
    }

    /// Brings a block, and its unknown ancestors up to one that is too old.
    fn bring(&mut self, root: Root) {
        let mut next = root;
        while let Some(block) = self.tree.blocks.get(&next) {
            match self.view.admit(block.clone(), next) {
                Admission::Waits { ancestor } => next = ancestor,
                Admission::Full => {
                    if let Some(anchor) = self.view.make_room() {
                        self.events.extend(self.view.on_finalized(anchor).expect("a state"));
                    }
                }
                _ => break,
            }
        }
        let block = self.tree.blocks[&next].clone();
        let (events, refusal) = self.view.on_block(block, next);
        assert_eq!(refusal, None);
        self.events.extend(events);
    }

    /// Everything that can be asked of it.
    fn summary(&self) -> Summary {
        let rewards = |root: &Root| {
            let block = self.view.block(root)?;
            let reward = block.reward(Scale::Spec, Attestations::Include);
            Some((*root, block.parent_slot, serde_json::to_string(&reward).expect("JSON")))
        };
        Summary {
            head: self.view.head().root,
            anchor: self.view.anchor().root,
            oldest: self.view.oldest_slot(),
            known: self.tree.blocks.keys().filter_map(rewards).collect(),
            canonical: canonical(&self.view),
            waiting_for_final: self.view.due_finality(),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Summary {
    head: Root,
    anchor: Root,
    oldest: Slot,
    known: BTreeSet<(Root, Slot, String)>,
    canonical: Vec<Root>,
    waiting_for_final: Option<Root>,
}

fn canonical(view: &ChainView) -> Vec<Root> {
    view.canonical(Slot(0), Slot(u64::MAX)).iter().map(|block| block.root).collect()
}

fn in_peace(tree: &Tree, limits: ViewLimits) -> Told<'_> {
    let mut told = Told::new(tree, limits);
    tree.steps.iter().for_each(|step| told.tell(*step));
    told
}

#[test]
fn any_order_makes_the_view_that_peace_makes() {
    let (mut deepest, mut seen_undone) = (0, 0);
    for seed in 0..6 {
        let longest_branch = [1, 3, 6, 14, 22, 6][seed as usize];
        let tree = Tree::grow(TreePlan { seed, longest_branch, ..TreePlan::default() });
        deepest = deepest.max(tree.deepest);
        let peace = in_peace(&tree, EVERYTHING);
        let expected = peace.summary();
        assert_eq!(expected.head, tree.head());
        assert_eq!(expected.canonical, tree.main);
        assert!(peace.view.anchor().slot > Slot(0), "seed {seed}: nothing is final");
        for disorder in 0..8_u32 {
            let disturbance = Disturbance {
                late_percent: 10 * disorder,
                late_by: 1 << disorder,
                again_percent: 30,
                lost_heads_percent: 40,
            };
            let order = schedule(&tree.steps, disturbance, u64::from(disorder) + 100 * seed);
            let mut told = Told::new(&tree, EVERYTHING);
            order.iter().for_each(|step| told.tell(*step));
            assert_eq!(told.summary(), expected, "seed {seed}, disorder {disorder}");
            seen_undone += check_events(&told, &tree);
        }
    }
    assert!(deepest >= 10, "the deepest reorganisation was {deepest}");
    assert!(seen_undone > 50, "{seen_undone}");
}

/// Every block comes once and after its parent; head changes lead from one to the next. Gives how many were undone.
fn check_events(told: &Told<'_>, tree: &Tree) -> usize {
    let mut seen = BTreeSet::from([tree.genesis_root()]);
    let mut chain = vec![tree.genesis_root()];
    let mut undone = 0;
    for event in &told.events {
        match event {
            FollowEvent::BlockSeen(block) => {
                assert!(seen.contains(&block.parent_root()), "{} before its parent", block.root);
                assert!(seen.insert(block.root), "{} came twice", block.root);
            }
            FollowEvent::HeadChanged(change) => {
                assert!(seen.contains(&change.new));
                assert_eq!(chain.last(), Some(&change.old));
                for root in &change.undone {
                    assert_eq!(chain.pop().as_ref(), Some(root));
                }
                let common = *chain.last().expect("genesis");
                let expected = tree.slot(&change.old).0 - tree.slot(&common).0;
                assert_eq!(change.depth, if change.undone.is_empty() { 0 } else { expected });
                undone += change.undone.len();
                for root in &change.joined {
                    assert_eq!(tree.parent(root), *chain.last().expect("genesis"));
                    chain.push(*root);
                }
                assert_eq!(chain.last(), Some(&change.new));
            }
            FollowEvent::Finalized { root, .. } => assert!(chain.contains(root)),
            FollowEvent::Restarted { .. } => panic!("a view does not begin anew"),
        }
    }
    assert_eq!(chain.last(), Some(&told.view.head().root));
    undone
}

#[test]
fn rewards_and_states_are_those_of_a_replay_in_every_fork() {
    for fork in [Fork::Altair, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu] {
        let tree = Tree::grow(TreePlan { fork, slots: 40, validators: 32, seed: 7, ..TreePlan::default() });
        let told = in_peace(&tree, EVERYTHING);
        let blocks = tree.main.iter().map(|root| Ok::<_, std::fmt::Error>(tree.blocks[root].clone()));
        let replay = Replay::new(tree.genesis.clone(), blocks, Links::Check);
        let expected: Vec<_> = replay.map(|block| block.expect("a block")).collect();
        let canonical = told.view.canonical(Slot(0), Slot(u64::MAX));
        assert_eq!(canonical.len(), expected.len(), "{fork}");
        for (block, expected) in canonical.iter().zip(&expected) {
            assert_eq!((block.root, block.parent_slot), (expected.root, expected.parent_slot));
            assert_eq!(block.observation(), expected.observation(), "{fork}, slot {}", block.slot());
            assert_eq!(
                block.reward(Scale::Legacy, Attestations::Include),
                expected.reward(Scale::Legacy, Attestations::Include)
            );
        }
        let mut compared = 0;
        for (root, expected) in &tree.states {
            let Some(plan) = told.view.plan(root) else { continue };
            let state = plan.run().expect("a state");
            assert_eq!(state.balances, expected.balances, "{fork}");
            assert_eq!(state.current_epoch_participation, expected.current_epoch_participation, "{fork}");
            compared += 1;
        }
        assert!(compared >= 2, "{fork}: {compared} states");
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let tree = Tree::grow(TreePlan { slots: 150, branch_percent: 40, seed: 3, ..TreePlan::default() });
    let without_finality: Vec<Step> =
        tree.steps.iter().filter(|step| !matches!(step, Step::Final(..))).copied().collect();
    for (name, steps) in [("final", &tree.steps), ("without finality", &without_finality)] {
        for (blocks, states) in [(40, 4), (40, 14), (64, 1), (1_000, 8)] {
            let limits = ViewLimits { blocks, history: 50, waiting: 8, states, empty_slots: 64 };
            let mut told = Told::new(&tree, limits);
            for step in steps {
                told.tell(*step);
                assert!(told.view.count().1 <= 50, "{name}");
                assert!(told.view.waiting() <= 8, "{name}");
                // Whatever is not kept can be had again, from a state not far off.
                let head = told.view.plan(&told.view.head().root).expect("the head is known");
                assert!(head.distance() <= blocks, "{name}");
            }
            assert!(told.most_states <= states + 1, "{name}: {} states", told.most_states);
            assert!(told.most_blocks <= blocks, "{name}: {} blocks", told.most_blocks);
            assert_eq!(told.view.head().root, tree.head(), "{name}");
            let kept = canonical(&told.view);
            assert!(tree.main.ends_with(&kept) && kept.len() >= 20, "{name}: {} blocks", kept.len());
            let oldest = told.view.oldest_slot();
            assert!(tree.main.iter().filter(|root| tree.slot(root) >= oldest).eq(&kept), "{name}");
        }
    }
}

#[test]
fn what_does_not_follow_is_refused_and_forgotten() {
    let tree = Tree::grow(TreePlan { slots: 20, ..TreePlan::default() });
    let limits = ViewLimits { empty_slots: 5, ..EVERYTHING };
    let mut view = ChainView::new(tree.genesis.clone(), limits).expect("a view");
    let first = &tree.blocks[&tree.main[0]];
    // An attestation of a committee that does not exist can't be applied.
    let mut broken = first.clone();
    let inner = std::sync::Arc::make_mut(&mut broken.block);
    let with_votes =
        tree.main.iter().find(|root| !tree.blocks[*root].block.message.body.attestations.is_empty());
    let votes = &tree.blocks[with_votes.expect("votes")].block.message.body.attestations;
    inner.message.body.attestations = votes.clone();
    let root = Root([1; 32]);
    let (events, refusal) = view.on_block(broken.clone(), root);
    assert!(events.is_empty());
    let refusal = refusal.expect("it is refused");
    assert_eq!((refusal.root, refusal.slot), (root, first.slot()));
    assert!(matches!(view.admit(broken, root), Admission::Refused));
    // Nor is what builds on it.
    let mut child = tree.blocks[&tree.main[1]].clone();
    std::sync::Arc::make_mut(&mut child.block).message.parent_root = root;
    assert!(matches!(view.admit(child, Root([2; 32])), Admission::Refused));
    // Nor a slot beyond all measure.
    let mut far = first.clone();
    std::sync::Arc::make_mut(&mut far.block).message.slot = u64::MAX;
    assert!(matches!(view.admit(far, Root([3; 32])), Admission::Refused));
    assert_eq!(view.count(), (0, 0));
    let (events, refusal) = view.on_block(first.clone(), tree.main[0]);
    assert!(matches!(events[..], [FollowEvent::BlockSeen(_)]) && refusal.is_none());
    assert!(matches!(view.admit(first.clone(), tree.main[0]), Admission::Known));
}
