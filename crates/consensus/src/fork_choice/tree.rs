//! The known blocks as a tree, parents before their children.

use std::collections::HashMap;

use crate::containers::Checkpoint;
use crate::primitives::Root;
use crate::state::State;

/// Whether a block came before attestations were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In its slot, in time.
    Timely,
    /// Later.
    Late,
}

/// A block with the state after it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) root: Root,
    pub(super) slot: u64,
    pub(super) proposer: u64,
    /// The place of the parent; only the first node has none.
    pub(super) parent: Option<usize>,
    pub(super) arrival: Arrival,
    pub(super) state: State,
    /// What the votes so far would justify if the epoch ended with this block.
    pub(super) unrealized_justified: Checkpoint,
}

/// The known blocks. There is always at least one, from which all others descend.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    places: HashMap<Root, usize>,
}

impl Tree {
    pub(super) fn new(first: Node) -> Self {
        Self { places: HashMap::from([(first.root, 0)]), nodes: vec![first] }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn place(&self, root: &Root) -> Option<usize> {
        self.places.get(root).copied()
    }

    pub(super) fn get(&self, root: &Root) -> Option<&Node> {
        self.place(root).and_then(|place| self.nodes.get(place))
    }

    pub(super) fn get_mut(&mut self, root: &Root) -> Option<&mut Node> {
        let place = self.place(root)?;
        self.nodes.get_mut(place)
    }

    pub(super) fn add(&mut self, node: Node) {
        self.places.insert(node.root, self.nodes.len());
        self.nodes.push(node);
    }

    /// The latest ancestor at or before a slot, or the block itself. The first block of the tree stands for all that
    /// came before it.
    ///
    /// Source: phase0 `get_ancestor`.
    pub(super) fn ancestor(&self, mut place: usize, slot: u64) -> Option<&Node> {
        loop {
            let node = self.nodes.get(place)?;
            match node.parent {
                Some(parent) if node.slot > slot => place = parent,
                _ => return Some(node),
            }
        }
    }

    /// By block, whether its ancestor at or before a slot has this root.
    pub(super) fn descends(&self, root: &Root, slot: u64) -> Vec<bool> {
        let mut descends: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let through = node.parent.filter(|_| node.slot > slot);
            descends.push(match through {
                Some(parent) => descends.get(parent).copied().unwrap_or_default(),
                None => node.root == *root,
            });
        }
        descends
    }

    /// Lets go of all blocks that are not to be kept. By former place, the place of each block that is.
    pub(super) fn retain(&mut self, keep: &[bool]) -> Vec<Option<usize>> {
        let mut moved: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        let mut kept = Vec::new();
        for (mut node, keep) in std::mem::take(&mut self.nodes).into_iter().zip(keep) {
            moved.push(keep.then_some(kept.len()));
            if *keep {
                node.parent = node.parent.and_then(|parent| moved.get(parent).copied().flatten());
                kept.push(node);
            }
        }
        self.nodes = kept;
        self.places = self.nodes.iter().enumerate().map(|(place, node)| (node.root, place)).collect();
        moved
    }
}
