//! What both clients' nodes answered, compared with what the replay gave.

use std::collections::{BTreeMap, HashSet};

use captures::Maker;
use consensus::Root;
use consensus::containers::Validator;
use consensus::spec::Fork;
use consensus::state::State;
use serde_json::Value;

use crate::chain::{Applied, Chain};

/// A number in quotes.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

pub(crate) fn root(value: &Value) -> Root {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no root"))
}

fn signed(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

impl Chain {
    /// The applied block of the chain that stayed in a slot.
    pub(crate) fn canonical(&self, slot: u64) -> Option<&Applied> {
        let block = self.blocks.iter().find(|block| block.slot.0 == slot)?;
        self.applied.get(&block.root)
    }

    /// `rewards/blocks`, every field of every answer.
    pub(crate) fn block_rewards(&self) -> usize {
        let answers = self.capture.block_rewards();
        for (slot, answer) in &answers {
            let ours = self.canonical(slot.0).unwrap_or_else(|| panic!("{}", self.place(slot.0)));
            let expected = serde_json::json!({
                "proposer_index": ours.block.message.proposer_index.to_string(),
                "total": ours.total().to_string(),
                "attestations": ours.attestations.to_string(),
                "sync_aggregate": ours.sync.to_string(),
                "proposer_slashings": ours.log.proposer_slashings.to_string(),
                "attester_slashings": ours.log.attester_slashings.to_string(),
            });
            assert_eq!(answer["data"], expected, "{}", self.place(slot.0));
        }
        answers.len()
    }

    /// `rewards/sync_committee`, every member of every answer.
    pub(crate) fn sync_rewards(&self) -> usize {
        let answers = self.capture.sync_rewards();
        for (slot, answer) in &answers {
            let ours = self.canonical(slot.0).unwrap_or_else(|| panic!("{}", self.place(slot.0)));
            let listed = answer["data"].as_array().expect("an array");
            let told: std::collections::HashMap<u64, i64> = listed
                .iter()
                .map(|entry| (number(&entry["validator_index"]), signed(&entry["reward"])))
                .collect();
            assert_eq!(told.len(), listed.len(), "{}", self.place(slot.0));
            assert_eq!(told, ours.sync_members, "{}", self.place(slot.0));
        }
        answers.len()
    }

    /// `head`, `block` and `chain_reorg` events name blocks and states that are known, `finalized_checkpoint` what the
    /// state of the head has finalized. Gives the number of each, and blocks that were told of but not kept.
    pub(crate) fn events(&mut self) -> (BTreeMap<String, usize>, HashSet<Root>) {
        let (mut counts, mut not_kept) = (BTreeMap::new(), HashSet::new());
        let stream = self.capture.events();
        let mut head = None;
        for event in stream.split("\n\n").filter(|event| !event.trim().is_empty()) {
            let (name, data) = event.split_once("\ndata:").expect("a name and data");
            let name = name.trim().strip_prefix("event:").expect("a name").trim();
            let data: Value = serde_json::from_str(data).expect("JSON");
            *counts.entry(name.to_owned()).or_default() += 1;
            let known = |block: &Value, state: Option<&Value>, slot: Option<u64>| {
                let Some(applied) = self.applied.get(&root(block)) else { return false };
                let message = &applied.block.message;
                assert!(slot.is_none_or(|slot| slot == message.slot), "{event}");
                assert!(state.is_none_or(|state| root(state) == message.state_root), "{event}");
                true
            };
            match name {
                "block" => {
                    if !known(&data["block"], None, Some(number(&data["slot"]))) {
                        not_kept.insert(root(&data["block"]));
                    }
                }
                "head" => {
                    if known(&data["block"], Some(&data["state"]), Some(number(&data["slot"]))) {
                        head = Some(root(&data["block"]));
                    } else {
                        not_kept.insert(root(&data["block"]));
                    }
                }
                "chain_reorg" => {
                    assert!(known(&data["old_head_block"], Some(&data["old_head_state"]), None), "{event}");
                    let slot = Some(number(&data["slot"]));
                    assert!(known(&data["new_head_block"], Some(&data["new_head_state"]), slot), "{event}");
                    let ancestor =
                        self.common_slot(root(&data["old_head_block"]), root(&data["new_head_block"]));
                    assert_eq!(number(&data["depth"]), number(&data["slot"]) - ancestor, "{event}");
                }
                "finalized_checkpoint" => {
                    // Grandine names the block of the head, and gives the checkpoint's root as the state.
                    let (checkpoint, block) = match self.capture.maker {
                        Maker::Grandine => (&data["state"], Some(root(&data["block"]))),
                        Maker::Lighthouse | Maker::Lodestar => (&data["block"], head),
                    };
                    assert_eq!(block, head, "{event}");
                    let told = (number(&data["epoch"]), root(checkpoint));
                    let ours = head
                        .and_then(|head| self.states.get(&head))
                        .map(|state| (state.finalized_checkpoint.epoch, state.finalized_checkpoint.root));
                    assert!(ours == Some(told) || self.is_finalized(told), "{event}; the head has {ours:?}");
                }
                _ => panic!("unknown event {name}"),
            }
        }
        (counts, not_kept)
    }

    /// Whether a state of the chain that stayed has this finalized checkpoint: a node may tell of it before the head
    /// that finalizes it.
    fn is_finalized(&self, (epoch, root): (u64, Root)) -> bool {
        let states = self.blocks.iter().filter_map(|block| self.states.get(&block.root));
        let mut finalized = states.map(|state| &state.finalized_checkpoint);
        finalized.any(|checkpoint| checkpoint.epoch == epoch && checkpoint.root == root)
    }

    /// The slot of the last block that two blocks have in common.
    fn common_slot(&self, first: Root, second: Root) -> u64 {
        let line = |mut root: Root| {
            let mut line = Vec::new();
            while let Some(applied) = self.applied.get(&root) {
                line.push((root, applied.block.message.slot));
                root = applied.block.message.parent_root;
            }
            line.push((root, 0));
            line
        };
        let first: HashSet<Root> = line(first).into_iter().map(|(root, _)| root).collect();
        line(second)
            .into_iter()
            .find(|(root, _)| first.contains(root))
            .map(|(_, slot)| slot)
            .expect("an ancestor")
    }
}

/// The validators of an answer are those of a state.
pub(crate) fn validators(answer: &Value, state: &State, place: &str) {
    let listed = answer["data"].as_array().expect("an array");
    assert_eq!(listed.len(), state.validators.len(), "{place}");
    let shape = state.shape();
    for (position, entry) in listed.iter().enumerate() {
        assert_eq!(number(&entry["index"]), position as u64, "{place}");
        assert_eq!(number(&entry["balance"]), state.balances[position], "{place}: validator {position}");
        let told: Validator =
            consensus::ssz::Json::from_json(&entry["validator"], &shape).expect("a validator");
        assert_eq!(Some(told), state.validators.get(position), "{place}: validator {position}");
    }
}

/// The committees of an answer are those of a state.
pub(crate) fn committees(answer: &Value, epoch: u64, state: &mut State, place: &str) {
    let shuffling = state.shuffling(epoch).expect("a shuffling");
    let listed = answer["data"].as_array().expect("an array");
    let slots = state.spec().preset.slots_per_epoch;
    assert_eq!(listed.len() as u64, slots * shuffling.committees_per_slot(), "{place}");
    let mut seen = HashSet::new();
    for entry in listed {
        let (slot, index) = (number(&entry["slot"]), number(&entry["index"]));
        assert!(seen.insert((slot, index)), "{place}: {slot}, {index} twice");
        assert_eq!(
            members(&entry["validators"]),
            shuffling.committee(slot, index).expect("a committee"),
            "{place}"
        );
    }
}

pub(crate) fn members(list: &Value) -> Vec<u32> {
    list.as_array().expect("an array").iter().map(|member| number(member) as u32).collect()
}

/// The fork schedule is that of the configuration.
pub(crate) fn fork_schedule(chain: &Chain, file: &str) {
    let schedule = chain.capture.json(file);
    let version = |entry: &Value, name: &str| {
        let text = entry[name].as_str().expect("a version");
        u32::from_str_radix(text.trim_start_matches("0x"), 16).expect("a version").to_be_bytes()
    };
    let listed = schedule["data"].as_array().expect("an array");
    let mut previous = chain.spec.config.fork_version(Fork::Phase0).0;
    for (entry, fork) in listed.iter().zip(Fork::ALL) {
        let ours = chain.spec.config.fork_version(fork).0;
        assert_eq!(number(&entry["epoch"]), chain.spec.config.fork_epoch(fork), "{fork}");
        if chain.spec.config.fork_epoch(fork) == consensus::spec::FAR_FUTURE_EPOCH {
            // A fork that never comes: its version is in no configuration.
            continue;
        }
        assert_eq!(version(entry, "previous_version"), previous, "{fork}");
        assert_eq!(version(entry, "current_version"), ours, "{fork}");
        previous = ours;
    }
    assert!(!listed.is_empty());
}
