//! What a block would earn that nobody signed: a proposal of a node, in the form of a blinded block.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use consensus::containers::{BlindedBeaconBlock, BlindedBeaconBlockBody};
use consensus::rewards::{Attestations, BlockContext, BlockReward, RewardLog, Scale, record_parts};
use consensus::spec::{Fork, Spec};
use consensus::ssz::{Json, Ssz};
use consensus::state::State;
use consensus::{Root, Slot};
use serde_json::Value;

use super::error::PreviewError;
use super::view::ChainView;
use super::work::{StatePlan, advance};

/// States that are kept between questions: proposals for one slot come from many clients.
const REMEMBERED: usize = 2;
/// Slots between a proposal and its parent at most: what a question may cost.
pub(super) const EMPTY_SLOTS: u64 = 256;

/// A block that nobody signed, as it was read.
#[derive(Clone, Debug)]
pub struct Proposal {
    block: BlindedBeaconBlock,
    fork: Fork,
    root: Root,
}

/// The two states that were used last.
#[derive(Debug, Default)]
pub struct Previews {
    remembered: Mutex<VecDeque<(Root, Slot, State)>>,
}

/// What is left to do for an answer; it does not need the view.
#[derive(Debug)]
pub struct PreviewWork {
    proposal: Proposal,
    start: Begin,
}

#[derive(Debug)]
enum Begin {
    /// The state at the slot.
    Ready(Box<State>),
    /// The way to the parent's state.
    Plan(Box<StatePlan>),
}

impl Proposal {
    /// Reads a blinded block in the JSON of the Beacon API. The body must have exactly the fields of the fork that
    /// holds at its slot.
    pub fn read(spec: &Spec, json: &Value) -> Result<Self, PreviewError> {
        let slot = json.get("slot").and_then(|slot| slot.as_u64().or_else(|| slot.as_str()?.parse().ok()));
        let fork = spec.fork_at_slot(slot.unwrap_or_default());
        let not_a_block = |reason: String| PreviewError::NotABlock { fork: fork.name(), reason };
        let slot = slot.ok_or_else(|| not_a_block("slot: expected an integer".to_owned()))?;
        if fork >= Fork::Gloas {
            return Err(PreviewError::NoBlinded { slot: Slot(slot), fork: fork.name() });
        }
        let shape = spec.shape(fork);
        let known = BlindedBeaconBlockBody::field_names(&shape);
        let body = json.get("body").and_then(Value::as_object);
        let strange = |body: &'_ serde_json::Map<String, Value>| {
            let strange = body.keys().find(|name| !known.contains(&name.as_str()))?;
            Some(strange.chars().take(60).collect::<String>())
        };
        if let Some(name) = body.and_then(strange) {
            return Err(not_a_block(format!("body.{name}: a block of this fork has no such field")));
        }
        let block =
            BlindedBeaconBlock::from_json(json, &shape).map_err(|error| not_a_block(error.to_string()))?;
        let root = Root(block.hash_tree_root(&shape));
        Ok(Self { block, fork, root })
    }

    /// The root of the block that it builds on.
    pub fn parent_root(&self) -> Root {
        self.block.parent_root
    }

    /// Its slot.
    pub fn slot(&self) -> Slot {
        Slot(self.block.slot)
    }

    /// Refuses one that can't be a child of a block of that slot, or is too far from it.
    pub(super) fn check_slot(&self, parent_slot: Slot) -> Result<(), PreviewError> {
        let (slot, parent) = (self.slot(), self.parent_root());
        if slot <= parent_slot || slot.0 - parent_slot.0 > EMPTY_SLOTS {
            return Err(PreviewError::Slot { slot, parent, parent_slot, most: EMPTY_SLOTS });
        }
        Ok(())
    }

    /// What it would earn on the state after its parent, advanced to its slot. With its attestations.
    pub(super) fn reward(self, mut state: State, scale: Scale) -> Result<BlockReward, PreviewError> {
        let Self { block, fork, root } = self;
        let body = &block.body;
        let parent_slot = state.latest_block_header.slot;
        let mut log = RewardLog::default();
        record_parts(&mut state, block.proposer_index, &body.attestations, &body.sync_aggregate, &mut log)?;
        let context = BlockContext {
            block_root: root,
            slot: block.slot,
            parent_slot,
            proposer_index: block.proposer_index,
            graffiti: &body.graffiti.0,
            slots_per_epoch: state.spec().preset.slots_per_epoch,
            phase0: fork == Fork::Phase0,
        };
        Ok(log.block_reward(&context, scale, Attestations::Include))
    }
}

impl Previews {
    /// Finds the state from which a proposal is answered.
    pub fn plan(&self, view: &ChainView, proposal: Proposal) -> Result<PreviewWork, PreviewError> {
        let (parent, slot) = (proposal.parent_root(), proposal.slot());
        let anchor = view.anchor();
        let parent_slot = match view.block(&parent) {
            Some(block) => block.slot(),
            None if parent == anchor.root => anchor.slot,
            None => return Err(PreviewError::ParentUnknown(parent)),
        };
        proposal.check_slot(parent_slot)?;
        let start = match self.recall(parent, slot) {
            Some(state) => Begin::Ready(Box::new(state)),
            None => Begin::Plan(Box::new(view.plan(&parent).ok_or(PreviewError::NoState(parent))?)),
        };
        Ok(PreviewWork { proposal, start })
    }

    /// The reward of a proposal, with its attestations.
    pub fn run(&self, work: PreviewWork, scale: Scale) -> Result<BlockReward, PreviewError> {
        let PreviewWork { proposal, start } = work;
        let (parent, slot) = (proposal.parent_root(), proposal.slot());
        let state = match start {
            Begin::Ready(state) => *state,
            // Several blocks on one parent come in one request: the first has computed it by now.
            Begin::Plan(plan) => match self.recall(parent, slot) {
                Some(state) => state,
                None => {
                    let mut state = plan.run()?;
                    advance(&mut state, slot, parent)?;
                    self.remember(parent, slot, &state);
                    state
                }
            },
        };
        proposal.reward(state, scale)
    }

    fn recall(&self, parent: Root, slot: Slot) -> Option<State> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered
            .iter()
            .find(|(root, at, _)| (*root, *at) == (parent, slot))
            .map(|(.., state)| state.clone())
    }

    fn remember(&self, parent: Root, slot: Slot, state: &State) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|(root, at, _)| (*root, *at) != (parent, slot));
        remembered.push_front((parent, slot, state.clone()));
        remembered.truncate(REMEMBERED);
    }
}
