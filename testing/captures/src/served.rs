//! A chain with the state of every slot, and what nodes of several kinds answer about it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use consensus::rewards::{Attestations, BlockContext, BlockReward, RewardLog, Scale};
use consensus::spec::{Config, Fork, Preset, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, latest_header, process_slots, state_transition};
use consensus::{Root, Slot};
use serde_json::{Value, json};
use simulate::chain::{Chain, ChainPlan, Signing};
use source::chain::{ChainBlock, Genesis};
use source::compression::Compression;
use source::recording::{Identity, RecordingWriter};

use crate::Capture;
use crate::fake_node::Answers;

/// How a node gives blocks and states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// SSZ where it is asked for.
    Both,
    /// JSON, whatever is asked for.
    JsonOnly,
}

/// A chain with everything that a node may be asked about it.
#[derive(Clone, Debug)]
pub struct ServedChain {
    /// The network.
    pub spec: Arc<Spec>,
    /// The blocks, by slot.
    pub blocks: Vec<ChainBlock>,
    /// The states of all slots, with their blocks, from the one before the first block on.
    pub states: Vec<State>,
    logs: Vec<(RewardLog, u64)>,
}

impl ServedChain {
    /// A simulated chain of the minimal preset, 32 validators, slots 1 to `slots`, some without a block.
    pub fn simulated(fork: Fork, slots: u64) -> Self {
        let config = Config { config_name: "simulated".to_owned(), ..Config::default() };
        let plan = ChainPlan {
            spec: Spec { preset: Preset::MINIMAL, config },
            fork,
            upgrades: Vec::new(),
            validators: 32,
            seed: 5,
            signing: Signing::Unsigned,
            missed_permille: 150,
            payload_bytes: 100,
            genesis_time: 1_700_000_000,
        };
        let mut chain = Chain::new(plan).expect("a chain");
        let genesis = chain.state().clone();
        let blocks = (0..slots).filter_map(|_| {
            let block = chain.advance(&mut FromScratch).expect("a slot")?;
            Some(ChainBlock { fork, block })
        });
        let blocks: Vec<_> = blocks.collect();
        Self::replayed(genesis, blocks, slots)
    }

    /// A recorded chain, from its first state on.
    pub fn of(capture: &Capture) -> Self {
        let spec = Arc::new(capture.spec());
        let (_, first) = capture.states().into_iter().next().expect("a state");
        let first = State::decode_any_fork(Arc::clone(&spec), &first).expect("a state");
        let blocks: Vec<_> = capture
            .blocks()
            .iter()
            .map(|block| block.from_ssz(&spec))
            .filter(|block| block.slot().0 > first.slot)
            .collect();
        let last = blocks.last().expect("a block").slot().0;
        Self::replayed(first, blocks, last)
    }

    fn replayed(first: State, blocks: Vec<ChainBlock>, last: u64) -> Self {
        let spec = Arc::clone(first.spec());
        let mut states = vec![first];
        let mut logs = Vec::new();
        let mut next = blocks.iter().peekable();
        while let Some(state) = states.last().filter(|state| state.slot < last) {
            let mut state = state.clone();
            let slot = state.slot + 1;
            match next.next_if(|block| block.slot().0 == slot) {
                Some(block) => {
                    let parent_slot = state.latest_block_header.slot;
                    let mut log = RewardLog::default();
                    state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut log)
                        .expect("a valid block");
                    logs.push((log, parent_slot));
                }
                None => process_slots(&mut state, slot, &mut FromScratch).expect("an empty slot"),
            }
            states.push(state);
        }
        Self { spec, blocks, states, logs }
    }

    /// The first slot behind the first state, and the last slot.
    pub fn slots(&self) -> RangeInclusive<u64> {
        let at = |state: Option<&State>| state.expect("a state").slot;
        at(self.states.first()) + 1..=at(self.states.last())
    }

    /// The state of a slot.
    pub fn state(&self, slot: u64) -> &State {
        self.states.iter().find(|state| state.slot == slot).expect("a state")
    }

    /// What each block of a range paid, with every root checked on the way.
    pub fn rewards(&self, slots: RangeInclusive<u64>, scale: Scale) -> Vec<BlockReward> {
        let within = |slot: u64| slots.contains(&slot);
        self.blocks
            .iter()
            .zip(&self.logs)
            .filter(|(block, _)| within(block.slot().0))
            .map(|(block, (log, parent_slot))| {
                let message = &block.block.message;
                let context = BlockContext {
                    block_root: block.root(&self.spec),
                    slot: message.slot,
                    parent_slot: *parent_slot,
                    proposer_index: message.proposer_index,
                    graffiti: &message.body.graffiti.0,
                    slots_per_epoch: self.spec.preset.slots_per_epoch,
                    phase0: block.fork == Fork::Phase0,
                };
                log.block_reward(&context, scale, Attestations::Include)
            })
            .collect()
    }

    fn genesis(&self) -> Genesis {
        let state = &self.states[0];
        Genesis {
            time: state.genesis_time,
            validators_root: state.genesis_validators_root,
            fork_version: self.spec.config.fork_version(Fork::Phase0).0,
        }
    }

    /// What a node answers that has the blocks, and nothing of states.
    pub fn answers(&self, forms: Forms) -> Answers {
        let mut answers = Answers::default();
        answers.put("/eth/v1/config/spec", None, json!({ "data": self.spec.to_values() }));
        answers.put("/eth/v1/beacon/genesis", None, self.genesis().to_json());
        answers.put("/eth/v1/node/version", None, json!({"data": {"version": "served"}}));
        let syncing = json!({"head_slot": self.slots().end(), "sync_distance": 0, "is_syncing": false});
        answers.put("/eth/v1/node/syncing", None, json!({ "data": syncing }));
        for block in &self.blocks {
            let (fork, shape) = (block.fork.name(), self.spec.shape(block.fork));
            let root = block.root(&self.spec);
            let data = block.block.to_json(&shape);
            for id in [block.slot().to_string(), root.to_string()] {
                let path = format!("/eth/v2/beacon/blocks/{id}");
                answers.put(&path, Some(fork), json!({"version": fork, "data": data}));
                if forms == Forms::Both {
                    answers.put_ssz(&path, fork, block.encode(&self.spec));
                }
                let message = block.block.message.to_header(&shape).to_json(&shape);
                answers.put(&format!("/eth/v1/beacon/headers/{id}"), None, header(root, &message));
            }
        }
        let first = &self.states[0];
        let message = latest_header(first, &mut FromScratch).expect("a header");
        let root = Root(consensus::ssz::Ssz::hash_tree_root(&message, &first.shape()));
        let message = message.to_json(&first.shape());
        answers.put(&format!("/eth/v1/beacon/headers/{root}"), None, header(root, &message));
        answers
    }

    /// Adds a state to what a node gives.
    pub fn give_state(&self, answers: &mut Answers, slot: u64, forms: Forms) {
        let state = self.state(slot);
        let (fork, path) = (state.fork_name().name(), format!("/eth/v2/debug/beacon/states/{slot}"));
        let ssz = state.encode().expect("an encoding");
        let data = state.clone().into_data().to_json(&state.shape());
        answers.put(&path, Some(fork), json!({"version": fork, "data": data}));
        if forms == Forms::Both {
            answers.put_ssz(&path, fork, ssz);
        }
    }

    /// Adds committees, validators and checkpoints of the epochs that begin in a range of slots.
    pub fn give_epochs(&self, answers: &mut Answers, slots: RangeInclusive<u64>) {
        let per_epoch = self.spec.preset.slots_per_epoch;
        for slot in slots.filter(|slot| slot.is_multiple_of(per_epoch)) {
            let mut state = self.state(slot).clone();
            let epoch = slot / per_epoch;
            let per_slot = state.shuffling(epoch).expect("a shuffling").committees_per_slot();
            let committees: Vec<Value> = (slot..slot + per_epoch)
                .flat_map(|slot| (0..per_slot).map(move |index| (slot, index)))
                .map(|(slot, index)| {
                    let members = state.beacon_committee(slot, index).expect("a committee");
                    let members: Vec<String> = members.iter().map(u32::to_string).collect();
                    json!({"slot": slot.to_string(), "index": index.to_string(), "validators": members})
                })
                .collect();
            let path = |name: &str| format!("/eth/v1/beacon/states/{slot}/{name}");
            let query = format!("committees?epoch={epoch}");
            answers.put(&path(&query), None, json!({ "data": committees }));
            let validators: Vec<Value> = (0..)
                .zip(state.validators.iter())
                .zip(state.balances.iter())
                .map(|((index, validator), balance): ((u64, _), _)| {
                    json!({"index": index.to_string(), "balance": balance.to_string(),
                        "status": "active_ongoing", "validator": validator.to_json(&state.shape())})
                })
                .collect();
            answers.put(&path("validators"), None, json!({ "data": validators }));
            let checkpoint =
                |checkpoint: &consensus::containers::Checkpoint| checkpoint.to_json(&state.shape());
            let data = json!({
                "previous_justified": checkpoint(&state.previous_justified_checkpoint),
                "current_justified": checkpoint(&state.current_justified_checkpoint),
                "finalized": checkpoint(&state.finalized_checkpoint),
            });
            answers.put(&path("finality_checkpoints"), None, json!({ "data": data }));
        }
    }

    /// Writes it as a recording with the states of the given slots.
    pub fn record(&self, directory: &std::path::Path, states: &[u64]) {
        let config = json!({ "data": self.spec.to_values() }).to_string();
        let identity = Identity { config: &config, genesis: self.genesis() };
        let writer = RecordingWriter::open(directory, identity, Compression::Zstd).expect("a recording");
        for slot in states {
            writer.write_state(Slot(*slot), &self.state(*slot).encode().expect("a state")).expect("written");
        }
        for block in &self.blocks {
            writer.write_block(block).expect("a block");
        }
        for slot in self.slots().map(Slot).filter(|slot| !writer.has_block(*slot)) {
            writer.note_empty(slot).expect("an empty slot");
        }
        writer.finish().expect("a manifest");
    }
}

fn header(root: Root, message: &Value) -> Value {
    let signature = format!("0x{}", "00".repeat(96));
    json!({"data": {"root": root.to_string(), "canonical": true,
        "header": {"message": message, "signature": signature}}})
}
