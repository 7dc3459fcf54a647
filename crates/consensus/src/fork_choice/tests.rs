//! Tests of what the official cases do not reach: the clock, and letting go of blocks.

use std::sync::Arc;

use super::tree::{Arrival, Node, Tree};
use super::votes::Votes;
use super::{ForkChoiceError, OnTrust, Store};
use crate::containers::{BeaconBlock, BeaconState, Checkpoint, SignedBeaconBlock};
use crate::primitives::Root;
use crate::spec::{Fork, Network};
use crate::state::State;
use crate::transition::{Checks, FromScratch};

fn state() -> State {
    let mut spec = Network::Minimal.spec();
    spec.config.set_fork_epoch(Fork::Altair, u64::MAX);
    State::new(Arc::new(spec), Fork::Phase0, BeaconState { genesis_time: 1_000, ..BeaconState::default() })
        .unwrap()
}

fn store() -> Store {
    let state = state();
    let state_root = Root(state.hash_tree_root().unwrap());
    let block = BeaconBlock { state_root, ..BeaconBlock::default() };
    Store::new(state, &block, Box::new(FromScratch)).unwrap()
}

fn root(number: u8) -> Root {
    Root([number; 32])
}

/// Blocks 0 to 4 in a row at even slots; 5 beside 2, and 6 on top of it.
fn tree() -> Tree {
    let node = |number: u8, slot: u64, parent: Option<usize>| Node {
        root: root(number),
        slot,
        proposer: 0,
        parent,
        arrival: Arrival::Late,
        state: state(),
        unrealized_justified: Checkpoint::default(),
    };
    let mut tree = Tree::new(node(0, 0, None));
    for (number, slot, parent) in [(1, 2, 0), (2, 4, 1), (3, 6, 2), (4, 8, 3), (5, 5, 1), (6, 7, 5)] {
        tree.add(node(number, slot, Some(parent)));
    }
    tree
}

#[test]
fn an_anchor_needs_the_state_that_its_block_names() {
    let refused = Store::new(state(), &BeaconBlock::default(), Box::new(FromScratch));
    assert!(refused.is_err_and(|error| error.to_string().contains("the state root")));
}

#[test]
fn the_clock_goes_forward_alone() {
    let mut store = store();
    assert_eq!((store.current_slot(), store.unix_ms()), (0, 1_000_000));
    let length = Network::Minimal.spec().config.slot_duration_ms;
    store.on_tick(1_000_000 + 9 * length - 1).unwrap();
    assert_eq!((store.current_slot(), store.current_epoch()), (8, 1));
    store.on_tick(1_000_000 + 9 * length).unwrap();
    assert_eq!(store.current_slot(), 9);
    let (from, to) = (store.unix_ms(), store.unix_ms() - 1);
    assert_eq!(store.on_tick(to), Err(ForkChoiceError::Time { from, to }));
    // The end of time costs no more than a second.
    store.on_tick(u64::MAX).unwrap();
    assert_eq!(store.unix_ms(), u64::MAX);
}

#[test]
fn a_block_needs_its_parent_and_its_slot() {
    let mut store = store();
    let mut take = |parent_root, slot| {
        let message = BeaconBlock { slot, parent_root, ..BeaconBlock::default() };
        let block = SignedBeaconBlock { message, ..SignedBeaconBlock::default() };
        store.on_block(&Arc::new(block), Checks::ALL, &mut OnTrust)
    };
    assert_eq!(take(root(9), 0), Err(ForkChoiceError::UnknownBlock(root(9))));
    let anchor = take(Root::default(), 0);
    assert!(matches!(anchor, Err(ForkChoiceError::UnknownBlock(_))), "{anchor:?}");
    let first = store.justified_checkpoint().root;
    let mut take = |slot| {
        let message = BeaconBlock { slot, parent_root: first, ..BeaconBlock::default() };
        let block = SignedBeaconBlock { message, ..SignedBeaconBlock::default() };
        store.on_block(&Arc::new(block), Checks::ALL, &mut OnTrust)
    };
    assert_eq!(take(1), Err(ForkChoiceError::Early { slot: 1, now: 0 }));
    assert_eq!(take(0), Err(ForkChoiceError::NotFinalized(0)));
    assert_eq!((store.len(), store.head()), (1, Ok(first)));
}

#[test]
fn ancestors_are_found_up_to_the_first_block() {
    let tree = tree();
    let ancestor = |place, slot| tree.ancestor(place, slot).map(|node| node.root);
    assert_eq!(ancestor(4, 7), Some(root(3)));
    assert_eq!(ancestor(6, 4), Some(root(1)));
    assert_eq!(ancestor(4, 8), Some(root(4)));
    assert_eq!(tree.ancestor(9, 0).map(|node| node.root), None);
    assert_eq!(tree.descends(&root(2), 4), [false, false, true, true, true, false, false]);
    assert_eq!(tree.descends(&root(2), 5), [false, false, true, true, true, false, false]);
    // At slot 6 the third block, not the second, stands for the chain of the fourth.
    assert_eq!(tree.descends(&root(2), 6), [false, false, true, false, false, false, false]);
}

#[test]
fn what_can_no_longer_be_on_the_chain_is_let_go() {
    let mut tree = tree();
    let keep = tree.descends(&root(2), 4);
    let moved = tree.retain(&keep);
    assert_eq!(moved, [None, None, Some(0), Some(1), Some(2), None, None]);
    assert_eq!(tree.nodes().iter().map(|node| node.parent).collect::<Vec<_>>(), [None, Some(0), Some(1)]);
    assert_eq!((tree.place(&root(4)), tree.place(&root(6))), (Some(2), None));

    let mut votes = Votes::default();
    votes.take(3, 4, 7);
    votes.take(1, 6, 7);
    votes.follow(&moved);
    assert_eq!(votes.places().collect::<Vec<_>>(), [None, None, None, Some(2)]);
    // The vote for the block that was let go is the later one still.
    votes.take(1, 0, 7);
    votes.take(1, 1, 6);
    assert_eq!(votes.places().nth(1), Some(None));
    votes.take(1, 1, 8);
    assert_eq!(votes.places().nth(1), Some(Some(1)));
}

#[test]
fn a_vote_of_the_first_epoch_counts_once() {
    let mut votes = Votes::default();
    votes.take(0, 1, 0);
    votes.take(0, 2, 0);
    assert_eq!(votes.places().collect::<Vec<_>>(), [Some(1)]);
    votes.mark_equivocating(0);
    votes.take(0, 2, 5);
    assert_eq!(votes.places().collect::<Vec<_>>(), [None]);
}
