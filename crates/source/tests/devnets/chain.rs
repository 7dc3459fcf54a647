//! A recorded network, applied block by block with signatures and state roots verified.

use std::collections::HashMap;
use std::sync::Arc;

use captures::{Capture, CapturedBlock};
use consensus::Root;
use consensus::containers::SignedBeaconBlock;
use consensus::hasher::StateHasher;
use consensus::rewards::{Attestations, BlockContext, RewardLog, Scale};
use consensus::spec::Spec;
use consensus::ssz::{Json, Ssz};
use consensus::state::State;
use consensus::transition::{Checks, StateRoots, TransitionError, apply_signed_block, process_slots};
use source::chain::ChainBlock;

/// A network with every state that its blocks led to.
pub(crate) struct Chain {
    pub(crate) capture: Capture,
    pub(crate) spec: Arc<Spec>,
    pub(crate) blocks: Vec<CapturedBlock>,
    pub(crate) orphans: Vec<CapturedBlock>,
    /// Post-states by block.
    pub(crate) states: HashMap<Root, State>,
    pub(crate) applied: HashMap<Root, Applied>,
    /// Recorded states that a replayed one was equal to.
    pub(crate) states_equal: usize,
    hasher: StateHasher,
}

/// What applying one block showed.
pub(crate) struct Applied {
    pub(crate) block: Arc<SignedBeaconBlock>,
    pub(crate) log: RewardLog,
    /// The reward in the scale of the specification.
    pub(crate) attestations: u64,
    pub(crate) sync: u64,
    /// The proposer's balance in the slot of the block, before it and after it.
    pub(crate) balance: (u64, u64),
    /// What each validator gained or lost in the sync committee, in order of the committee's first mention.
    pub(crate) sync_members: HashMap<u64, i64>,
}

impl Applied {
    /// What the proposer got as proposer, gwei.
    pub(crate) fn total(&self) -> u64 {
        self.attestations + self.sync + self.log.proposer_slashings + self.log.attester_slashings
    }

    /// `after - before` of the balance is the reward, the own part in the sync committee, and withdrawals.
    fn check_balance(&self, place: &str) {
        let proposer = self.block.message.proposer_index;
        let withdrawn: u64 = self
            .block
            .message
            .body
            .execution_payload
            .withdrawals
            .iter()
            .filter(|withdrawal| withdrawal.validator_index == proposer)
            .map(|withdrawal| withdrawal.amount)
            .sum();
        let own = self.sync_members.get(&proposer).copied().unwrap_or_default();
        let expected = self.total() as i64 + own - withdrawn as i64;
        assert_eq!(self.balance.1 as i64 - self.balance.0 as i64, expected, "{place}");
    }
}

impl Chain {
    /// Reads all blocks, and the states that nothing recorded leads to.
    pub(crate) fn open(name: &str) -> Option<Self> {
        let capture = captures::named(name)?;
        let spec = Arc::new(capture.spec());
        let (blocks, orphans) = (capture.blocks(), capture.orphans());
        let mut chain = Self {
            capture,
            spec,
            blocks,
            orphans,
            states: HashMap::new(),
            applied: HashMap::new(),
            states_equal: 0,
            hasher: StateHasher::new(),
        };
        chain.replay();
        Some(chain)
    }

    /// A place for messages.
    pub(crate) fn place(&self, slot: u64) -> String {
        format!("{}, slot {slot}", self.capture.name)
    }

    pub(crate) fn slots_per_epoch(&self) -> u64 {
        self.spec.preset.slots_per_epoch
    }

    /// The root of the block that a state comes of.
    fn head_of(&mut self, state: &State) -> Root {
        let mut header = state.latest_block_header.clone();
        if header.state_root == Root::default() {
            header.state_root = self.hasher.state_root(state).expect("a root");
        }
        Root(header.hash_tree_root(&state.shape()))
    }

    fn replay(&mut self) {
        let mut recorded = self.capture.states();
        let (_, first) = recorded.remove(0);
        let first = State::decode_any_fork(Arc::clone(&self.spec), &first).expect("the first state");
        let root = self.head_of(&first);
        self.states.insert(root, first);
        let mut blocks: Vec<(Root, ChainBlock)> =
            self.blocks.iter().chain(&self.orphans).map(|block| (block.root, self.read(block))).collect();
        blocks.sort_by_key(|(_, block)| block.slot());

        for (root, ChainBlock { block, .. }) in blocks {
            let place = self.place(block.message.slot);
            let Some(parent) = self.states.get(&block.message.parent_root).cloned() else {
                // Before the first state only.
                let before = recorded.first().is_some_and(|(slot, _)| block.message.slot < slot.0);
                assert!(before, "{place}: the parent is unknown");
                continue;
            };
            let (state, applied) =
                self.apply(parent, block, Checks::ALL).unwrap_or_else(|error| panic!("{place}: {error}"));
            applied.check_balance(&place);
            if let Some((_, ssz)) = recorded.iter().find(|(slot, _)| slot.0 == state.slot)
                && self.blocks.iter().any(|block| block.root == root)
            {
                assert!(state.encode().expect("an encoding") == *ssz, "{place}: the recorded state differs");
                self.states_equal += 1;
            }
            self.states.insert(root, state);
            self.applied.insert(root, applied);
        }
        assert_eq!(self.states_equal, recorded.len(), "{}: states that no block leads to", self.capture.name);
        println!(
            "{}: {} blocks applied, {} recorded states are equal",
            self.capture.name,
            self.applied.len(),
            self.states_equal
        );
    }

    /// The block of a record, whose two forms agree.
    fn read(&self, captured: &CapturedBlock) -> ChainBlock {
        let place = self.place(captured.slot.0);
        let block = captured.from_ssz(&self.spec);
        assert_eq!(captured.from_json(&self.spec), block, "{place}");
        assert_eq!(block.root(&self.spec), captured.root, "{place}");
        assert_eq!(block.encode(&self.spec), captured.ssz, "{place}");
        let written = block.block.to_json(&self.spec.shape(block.fork)).to_string();
        // Lodestar writes addresses in mixed case.
        assert_eq!(written, captured.json["data"].to_string().to_lowercase(), "{place}");
        block
    }

    /// Applies a block to its parent's state.
    pub(crate) fn apply(
        &mut self,
        mut state: State,
        block: Arc<SignedBeaconBlock>,
        checks: Checks,
    ) -> Result<(State, Applied), TransitionError> {
        let message = &block.message;
        process_slots(&mut state, message.slot, &mut self.hasher)?;
        let proposer = message.proposer_index as usize;
        let before = state.balances[proposer];
        let rate = state.sync_rewards()?;
        let members = state.sync_members()?;
        let parent_slot = state.latest_block_header.slot;
        let mut log = RewardLog::default();
        apply_signed_block(&mut state, &block, checks, &mut self.hasher, &mut log)?;
        let mut sync_members = HashMap::new();
        let bits = &message.body.sync_aggregate.sync_committee_bits;
        for (position, member) in members.iter().enumerate() {
            let sign = if bits.get(position) == Some(true) { 1 } else { -1 };
            *sync_members.entry(u64::from(*member)).or_default() += sign * rate.participant as i64;
        }
        let context = BlockContext {
            block_root: Root(message.hash_tree_root(&state.shape())),
            slot: message.slot,
            parent_slot,
            proposer_index: message.proposer_index,
            graffiti: &message.body.graffiti.0,
            slots_per_epoch: self.spec.preset.slots_per_epoch,
            phase0: false,
        };
        let reward = log.block_reward(&context, Scale::Spec, Attestations::Omit);
        assert_eq!(reward.total.0, reward.attestation_rewards.total.0 + reward.sync_committee_rewards.0);
        let applied = Applied {
            attestations: reward.attestation_rewards.total.0,
            sync: reward.sync_committee_rewards.0,
            balance: (before, state.balances[proposer]),
            sync_members,
            log,
            block: Arc::clone(&block),
        };
        Ok((state, applied))
    }

    /// The state of the chain that stayed at the end of a slot, advanced to it where the slot is empty.
    pub(crate) fn state_at(&mut self, slot: u64) -> State {
        let block = self.blocks.iter().rev().find(|block| block.slot.0 <= slot);
        let mut state = match block.and_then(|block| self.states.get(&block.root)) {
            Some(state) => state.clone(),
            None => self.states.values().min_by_key(|state| state.slot).expect("a state").clone(),
        };
        if state.slot < slot {
            process_slots(&mut state, slot, &mut self.hasher).expect("empty slots");
        }
        state
    }

    /// The state of the chain that stayed at a slot, before the block of that slot: what an era ends with.
    pub(crate) fn state_before_block_of(&mut self, slot: u64) -> State {
        let mut state = self.state_at(slot.saturating_sub(1));
        if state.slot < slot {
            process_slots(&mut state, slot, &mut self.hasher).expect("an empty slot");
        }
        state
    }

    /// Whether every file of the directory was read.
    pub(crate) fn all_was_read(&self) {
        let left = self.capture.unopened();
        assert!(left.is_empty(), "{}: never read: {left:?}", self.capture.name);
    }
}
