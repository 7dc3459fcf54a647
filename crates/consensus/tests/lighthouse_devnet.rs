//! Block rewards against every recorded answer of a real Lighthouse: `GET`, `POST`, events, dreams and orphans.

mod captures;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus::Root;
use consensus::containers::{Attestation, BlindedBeaconBlock, SignedBeaconBlock, SyncAggregate};
use consensus::rewards::{Attestations, BlockContext, RewardLog, Scale, record_parts};
use consensus::spec::Spec;
use consensus::ssz::{Json, Ssz};
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, apply_signed_block, process_slots_trusting};
use serde_json::Value;

/// One captured range of slots.
struct Capture {
    folder: PathBuf,
    spec: Arc<Spec>,
    /// Slot of each canonical block.
    canonical: HashMap<Root, u64>,
    orphans: HashMap<Root, Arc<SignedBeaconBlock>>,
    states: HashMap<(Root, u64), State>,
}

impl Capture {
    fn open(folder: &Path) -> Self {
        let text = String::from_utf8(captures::bytes(&folder.join("config_spec.json.gz"))).unwrap();
        let spec = Arc::new(Spec::parse(&text).unwrap());
        let mut canonical = HashMap::new();
        for entry in captures::json(&folder.join("index.json.gz")).as_array().unwrap() {
            if let Some(root) = entry["block"].as_str() {
                canonical.insert(root.parse().unwrap(), entry["slot"].as_u64().unwrap());
            }
        }
        let mut capture = Self {
            folder: folder.to_owned(),
            spec,
            canonical,
            orphans: HashMap::new(),
            states: HashMap::new(),
        };
        // The block before the range is known by the state that it left.
        let first = capture.first_state();
        let state = capture.state_at(first);
        let mut header = state.latest_block_header.clone();
        header.state_root = Root(state.hash_tree_root().unwrap());
        capture.canonical.insert(Root(header.hash_tree_root(&state.shape())), first);
        for path in captures::files(&folder.join("orphans")) {
            if path.to_string_lossy().ends_with(".ssz.gz") {
                let block = capture.block(&path);
                let root = Root(block.message.hash_tree_root(&capture.shape(block.message.slot)));
                assert!(path.to_string_lossy().contains(&root.to_string()), "{}", path.display());
                capture.orphans.insert(root, block);
            }
        }
        capture
    }

    fn shape(&self, slot: u64) -> consensus::spec::Shape<'_> {
        self.spec.shape(self.spec.fork_at_slot(slot))
    }

    fn first_state(&self) -> u64 {
        captures::files(&self.folder.join("states"))
            .iter()
            .map(|path| {
                path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().parse().unwrap()
            })
            .min()
            .unwrap()
    }

    fn state_at(&self, slot: u64) -> State {
        let bytes = captures::bytes(&self.folder.join(format!("states/{slot}.ssz.gz")));
        State::decode_any_fork(Arc::clone(&self.spec), &bytes).unwrap()
    }

    fn block(&self, path: &Path) -> Arc<SignedBeaconBlock> {
        let bytes = captures::bytes(path);
        // The message follows the offset and the signature, and begins with its slot.
        let slot = u64::from_le_bytes(bytes[100..108].try_into().unwrap());
        Arc::new(SignedBeaconBlock::decode(&bytes, &self.shape(slot)).unwrap())
    }

    /// The state of a block advanced to a slot.
    fn state_before(&mut self, parent: Root, slot: u64) -> State {
        if let Some(state) = self.states.get(&(parent, slot)) {
            return state.clone();
        }
        let mut state = match self.canonical.get(&parent) {
            Some(parent_slot) => self.state_at(*parent_slot),
            None => {
                let block =
                    Arc::clone(self.orphans.get(&parent).unwrap_or_else(|| panic!("{parent} is unknown")));
                let mut state = self.state_before(block.message.parent_root, block.message.slot);
                apply_signed_block(&mut state, &block, Checks::TRUST, &mut FromScratch, &mut ()).unwrap();
                state
            }
        };
        if state.slot < slot {
            process_slots_trusting(&mut state, slot, parent).unwrap();
        }
        self.states.insert((parent, slot), state.clone());
        state
    }

    /// The reward of a block by its parts, as JSON.
    fn reward(&mut self, parts: &Parts<'_>, attestations: Attestations) -> Value {
        let mut state = self.state_before(parts.parent_root, parts.slot);
        let parent_slot = state.latest_block_header.slot;
        let mut log = RewardLog::default();
        record_parts(&mut state, parts.proposer_index, parts.attestations, parts.sync_aggregate, &mut log)
            .unwrap();
        let context = BlockContext {
            block_root: parts.root,
            slot: parts.slot,
            parent_slot,
            proposer_index: parts.proposer_index,
            graffiti: &parts.graffiti.0,
            slots_per_epoch: self.spec.preset.slots_per_epoch,
            phase0: false,
        };
        serde_json::to_value(log.block_reward(&context, Scale::Legacy, attestations)).unwrap()
    }

    fn reward_of_blinded(&mut self, request: &Value) -> Value {
        let slot = request["slot"].as_str().unwrap().parse().unwrap();
        let block = BlindedBeaconBlock::from_json(request, &self.shape(slot)).unwrap();
        let parts = Parts {
            root: Root(block.hash_tree_root(&self.shape(slot))),
            slot,
            proposer_index: block.proposer_index,
            parent_root: block.parent_root,
            graffiti: block.body.graffiti,
            attestations: &block.body.attestations,
            sync_aggregate: &block.body.sync_aggregate,
        };
        self.reward(&parts, Attestations::Include)
    }
}

/// What a reward depends on.
struct Parts<'a> {
    root: Root,
    slot: u64,
    proposer_index: u64,
    parent_root: Root,
    graffiti: Root,
    attestations: &'a [Attestation],
    sync_aggregate: &'a SyncAggregate,
}

impl<'a> Parts<'a> {
    fn of(block: &'a SignedBeaconBlock, root: Root) -> Self {
        let message = &block.message;
        Self {
            root,
            slot: message.slot,
            proposer_index: message.proposer_index,
            parent_root: message.parent_root,
            graffiti: message.body.graffiti,
            attestations: &message.body.attestations,
            sync_aggregate: &message.body.sync_aggregate,
        }
    }
}

/// Answers that this node gives wrongly: its attestation rewards are 0 where the state before the first block of the
/// range is a stored full state.
fn quirk(answer: &Value, expected: &Value) -> bool {
    answer["attestation_rewards"]["total"] == 0 && expected["attestation_rewards"]["total"] != 0
}

fn check(folder: &Path) {
    let mut capture = Capture::open(folder);
    let mut by_root = HashMap::new();
    let roots: Vec<(Root, u64)> = capture.canonical.iter().map(|(root, slot)| (*root, *slot)).collect();
    for (root, slot) in roots {
        let path = capture.folder.join(format!("blocks/{slot}.ssz.gz"));
        if path.exists() && slot > capture.first_state() {
            let block = capture.block(&path);
            by_root.insert(root, capture.reward(&Parts::of(&block, root), Attestations::Include));
        }
    }
    let orphans: Vec<_> = capture.orphans.iter().map(|(root, block)| (*root, Arc::clone(block))).collect();
    for (root, block) in &orphans {
        let reward = capture.reward(&Parts::of(block, *root), Attestations::Include);
        by_root.insert(*root, reward);
    }
    let mut compared = 0;
    for (name, with) in [("block_rewards_with_attestations", true), ("block_rewards", false)] {
        for answer in captures::json(&folder.join(format!("{name}.json.gz"))).as_array().unwrap() {
            let root: Root = answer["block_root"].as_str().unwrap().parse().unwrap();
            let mut ours = by_root[&root].clone();
            if !with {
                ours["attestation_rewards"].as_object_mut().unwrap().remove("attestations");
            }
            assert_eq!(ours, *answer, "{name} {root}");
            compared += 1;
        }
    }
    let mut events = 0;
    for event in captures::lines(&folder.join("events.jsonl.gz")) {
        if event["event"] == "block_reward" {
            let root: Root = event["data"]["block_root"].as_str().unwrap().parse().unwrap();
            assert_eq!(by_root[&root], event["data"], "event {root}");
            events += 1;
        }
    }
    assert!(events >= by_root.len(), "{events} events for {} blocks", by_root.len());
    let request = captures::json(&folder.join("block_rewards_post/request.json.gz"));
    let response = captures::json(&folder.join("block_rewards_post/response.json.gz"));
    let mut quirks = 0;
    for (request, answer) in request.as_array().unwrap().iter().zip(response.as_array().unwrap()) {
        let ours = capture.reward_of_blinded(request);
        if quirk(answer, &ours) {
            quirks += 1;
            continue;
        }
        assert_eq!(ours, *answer, "POST of slot {}", request["slot"]);
        compared += 1;
    }
    assert!(quirks <= 1, "{quirks} answers with no attestation rewards");
    for path in captures::files(&folder.join("dreams")) {
        let dream = captures::json(&path);
        for (request, answer) in
            dream["request"].as_array().unwrap().iter().zip(dream["response"].as_array().unwrap())
        {
            assert_eq!(capture.reward_of_blinded(request), *answer, "{}", path.display());
            compared += 1;
        }
    }
    println!("{}: {compared} answers and {events} events are equal", folder.display());
}

#[test]
fn block_rewards_of_the_minimal_devnet_are_those_of_lighthouse() {
    if let Some(folder) = captures::folder("lighthouse-devnet") {
        check(&folder.join("deneb-minimal-34-104"));
    }
}

#[test]
fn block_rewards_of_the_mainnet_preset_devnet_are_those_of_lighthouse() {
    if let Some(folder) = captures::folder("lighthouse-devnet") {
        check(&folder.join("deneb-mainnet-129-288"));
    }
}

#[test]
fn block_rewards_of_the_busy_devnet_are_those_of_lighthouse() {
    if let Some(folder) = captures::folder("lighthouse-devnet") {
        check(&folder.join("deneb-mainnet-305-432"));
    }
}
