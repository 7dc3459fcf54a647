//! What is known of the chain.

use std::fmt;
use std::sync::Arc;

use super::blocks::refuse_payloads_apart;
use super::error::ForkChoiceError;
use super::tree::{Arrival, Node, Tree};
use super::votes::Votes;
use crate::containers::{BeaconBlock, Checkpoint};
use crate::primitives::Root;
use crate::spec::Spec;
use crate::ssz::Ssz;
use crate::state::State;
use crate::transition::{StateRoots, TransitionError};

/// What is known of the chain.
///
/// Source: phase0 `Store`.
pub struct Store {
    pub(super) spec: Arc<Spec>,
    pub(super) unix_ms: u64,
    pub(super) genesis_time: u64,
    pub(super) justified: Checkpoint,
    pub(super) finalized: Checkpoint,
    pub(super) unrealized_justified: Checkpoint,
    pub(super) unrealized_finalized: Checkpoint,
    /// The block of this slot that counts for more, because it came in time.
    pub(super) boost: Option<Root>,
    pub(super) tree: Tree,
    pub(super) votes: Votes,
    /// States at checkpoints, oldest use first.
    pub(super) states: Vec<(Checkpoint, State)>,
    pub(super) roots: Box<dyn StateRoots + Send>,
}

impl Store {
    /// A store that begins with a block it trusts and the state after it.
    ///
    /// Source: phase0 `get_forkchoice_store`.
    pub fn new(
        state: State,
        block: &BeaconBlock,
        mut roots: Box<dyn StateRoots + Send>,
    ) -> Result<Self, ForkChoiceError> {
        refuse_payloads_apart(state.fork_name())?;
        let state_root = roots.state_root(&state)?;
        if state_root != block.state_root {
            return Err(TransitionError::mismatch("the state root", state_root, block.state_root).into());
        }
        let spec = Arc::clone(state.spec());
        let root = Root(block.hash_tree_root(&state.shape()));
        let anchor = Checkpoint { epoch: state.current_epoch(), root };
        let genesis_time = state.genesis_time;
        let elapsed = spec.config.slot_duration_ms.saturating_mul(state.slot);
        Ok(Self {
            unix_ms: genesis_time.saturating_mul(1_000).saturating_add(elapsed),
            genesis_time,
            justified: anchor.clone(),
            finalized: anchor.clone(),
            unrealized_justified: anchor.clone(),
            unrealized_finalized: anchor.clone(),
            boost: None,
            votes: Votes::default(),
            states: vec![(anchor.clone(), state.clone())],
            tree: Tree::new(Node {
                root,
                slot: block.slot,
                proposer: block.proposer_index,
                parent: None,
                arrival: Arrival::Timely,
                state,
                unrealized_justified: anchor,
            }),
            spec,
            roots,
        })
    }

    /// The block of this slot that counts for more, because it came in time.
    pub fn proposer_boost_root(&self) -> Option<Root> {
        self.boost
    }

    /// Whether a block is known.
    pub fn contains(&self, root: &Root) -> bool {
        self.tree.place(root).is_some()
    }

    /// The slot of a known block.
    pub fn slot_of(&self, root: &Root) -> Option<u64> {
        self.tree.get(root).map(|node| node.slot)
    }

    /// The state after a known block. A copy shares its columns.
    pub fn state_of(&self, root: &Root) -> Option<&State> {
        self.tree.get(root).map(|node| &node.state)
    }

    /// How many blocks are known.
    pub fn len(&self) -> usize {
        self.tree.nodes().len()
    }

    /// Whether no block is known: never, there is always the one that the store began with or a later one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("unix_ms", &self.unix_ms)
            .field("justified", &self.justified)
            .field("finalized", &self.finalized)
            .field("boost", &self.boost)
            .field("blocks", &self.len())
            .finish_non_exhaustive()
    }
}
