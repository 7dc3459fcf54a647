//! Lodestar: a running node's chain of Capella, and chains of Electra and Fulu made with its libraries.

use std::collections::HashMap;
use std::sync::Arc;

use consensus::Slot;
use consensus::epoch::{AttestationDeltas, Deltas, attestation_deltas};
use consensus::spec::Fork;
use consensus::state::State;
use serde_json::{Value, json};
use source::era::{BlockRoots, BrokenIndex, EraLimits, EraReader, EraWriter};

use crate::answers::{self, number, root};
use crate::chain::Chain;

/// What the capture of a driver should hold.
struct Expected {
    blocks: usize,
    orphans: usize,
    states: usize,
    epochs: usize,
}

#[test]
fn electra_of_the_minimal_preset_is_that_of_lodestar() {
    driven("electra/minimal", &Expected { blocks: 118, orphans: 5, states: 39, epochs: 16 });
}

#[test]
fn electra_of_the_mainnet_preset_is_that_of_lodestar() {
    driven("electra/mainnet", &Expected { blocks: 119, orphans: 4, states: 5, epochs: 4 });
}

#[test]
fn fulu_of_the_minimal_preset_is_that_of_lodestar() {
    driven("fulu/minimal", &Expected { blocks: 114, orphans: 3, states: 39, epochs: 16 });
}

#[test]
fn fulu_of_the_mainnet_preset_is_that_of_lodestar() {
    driven("fulu/mainnet", &Expected { blocks: 118, orphans: 5, states: 5, epochs: 4 });
}

/// A chain of the driver, from its genesis on.
fn driven(name: &str, expected: &Expected) {
    let name = format!("lodestar-devnet/{name}");
    let Some(mut chain) = Chain::open(&name) else { return };
    assert_eq!((chain.blocks.len(), chain.orphans.len()), (expected.blocks, expected.orphans), "{name}");
    assert_eq!(chain.applied.len(), expected.blocks + expected.orphans, "{name}");
    assert_eq!(chain.states_equal, expected.states, "{name}");
    assert_eq!(chain.block_rewards(), expected.blocks, "{name}");
    assert_eq!(chain.sync_rewards(), expected.blocks, "{name}");
    assert_eq!(balances(&chain), expected.blocks, "{name}");
    // The last answer was made with blocks that are not kept.
    assert_eq!(attestation_rewards(&mut chain), (expected.epochs - 1, 1), "{name}");
    let slots = chain.slots_per_epoch();
    for (epoch, answer) in chain.capture.committees() {
        let mut state = chain.state_at((epoch * slots).min(128));
        answers::committees(&answer, epoch, &mut state, &chain.place(epoch * slots));
    }
    let (events, not_kept) = chain.events();
    assert!(not_kept.is_empty(), "{name}: {not_kept:?}");
    assert_eq!(events["block"], expected.blocks + expected.orphans, "{name}");
    assert_eq!(events["chain_reorg"], expected.orphans, "{name}");
    labels(&chain);
    let validators = chain.capture.validators();
    let slot = validators["slot"].as_u64().expect("a slot");
    answers::validators(&validators, &chain.state_at(slot), &chain.place(slot));
    genesis(&mut chain);
    if chain.spec.preset.slots_per_historical_root <= 128 {
        era_file(&mut chain);
    }
    summary(&mut chain, expected);
    chain.all_was_read();
    println!("{name}: {events:?}");
}

#[test]
fn capella_of_a_running_node_is_that_of_lodestar() {
    let Some(mut chain) = Chain::open("lodestar-devnet/capella/minimal") else { return };
    // The state before the first block was not kept.
    assert_eq!((chain.blocks.len(), chain.applied.len(), chain.states_equal), (106, 105, 39));
    assert_eq!((chain.block_rewards(), chain.sync_rewards(), balances(&chain)), (40, 40, 40));
    let slots = chain.slots_per_epoch();
    for (epoch, answer) in chain.capture.committees() {
        // This version swaps the two numbers, and counts the slot from the start of the epoch.
        let mut answer = answer;
        for entry in answer["data"].as_array_mut().expect("an array") {
            let (index, slot) = (number(&entry["slot"]), number(&entry["index"]) + epoch * slots);
            entry["index"] = json!(index.to_string());
            entry["slot"] = json!(slot.to_string());
        }
        let mut state = chain.state_at((epoch * slots).max(308));
        answers::committees(&answer, epoch, &mut state, &chain.place(epoch * slots));
    }
    let (events, not_kept) = chain.events();
    // Of the first block only the state is known, and of the one that lost only the event.
    let first = chain.blocks[0].root;
    assert!(not_kept.len() == 2 && not_kept.contains(&first), "{not_kept:?}");
    assert_eq!(events["block"], 107);
    let last = chain.state_at(415);
    let validators = chain.capture.validators();
    let state = (408..=415).map(|slot| chain.state_at(slot)).find(|state| same_balances(&validators, state));
    answers::validators(&validators, &state.unwrap_or(last), "the validators at the end");
    let finality = chain.capture.finality_checkpoints().expect("checkpoints");
    let state = chain.state_at(415);
    for (name, ours) in [
        ("previous_justified", &state.previous_justified_checkpoint),
        ("current_justified", &state.current_justified_checkpoint),
        ("finalized", &state.finalized_checkpoint),
    ] {
        assert_eq!(number(&finality["data"][name]["epoch"]), ours.epoch, "{name}");
        assert_eq!(root(&finality["data"][name]["root"]), ours.root, "{name}");
    }
    answers::fork_schedule(&chain, "fork_schedule.json.gz");
    let told = chain.capture.genesis();
    assert_eq!((told.time, told.validators_root), (state.genesis_time, state.genesis_validators_root));
    let version = chain.capture.version().expect("a version");
    assert_eq!(version["data"]["version"], "Lodestar/v1.5.1/2115aa7");
    let summary: Value = serde_json::from_str(&chain.capture.text("summary.json")).expect("JSON");
    assert_eq!(summary, json!({"slots": [308, 415], "blocks": 106, "parent_states": 40}));
    chain.all_was_read();
}

fn same_balances(answer: &Value, state: &State) -> bool {
    let listed = answer["data"].as_array().expect("an array");
    listed.iter().zip(state.balances.iter()).all(|(entry, ours)| number(&entry["balance"]) == *ours)
}

/// The blocks and states as an era file, read back.
fn era_file(chain: &mut Chain) {
    let slots = chain.spec.preset.slots_per_historical_root;
    let directory = tempfile::tempdir().expect("a directory");
    let spec = || Arc::clone(&chain.spec);
    let mut writer = EraWriter::create(directory.path(), spec(), BlockRoots::Verify).expect("a writer");
    let blocks: Vec<_> = chain.blocks.iter().map(|block| block.from_ssz(&chain.spec)).collect();
    let states: Vec<State> = (0..=128 / slots).map(|era| chain.state_before_block_of(era * slots)).collect();
    for (era, state) in (0_u64..).zip(&states) {
        writer.begin(era).expect("an era");
        for block in blocks.iter().filter(|block| (block.slot().0 / slots) + 1 == era) {
            writer.block(block).expect("a block");
        }
        writer.end(state).expect("a state");
    }
    let path = writer.finish().expect("a file");
    let limits = EraLimits::default();
    let mut reader =
        EraReader::open(&path, Arc::clone(&chain.spec), limits, BrokenIndex::Refuse).expect("a file");
    let mut read = 0;
    for (era, state) in (0_u64..).zip(&states) {
        read += reader.verify(era).expect("a good era").blocks;
        assert_eq!(*reader.state(Slot(era * slots)).expect("a state"), **state, "era {era}");
    }
    assert_eq!(read, blocks.iter().filter(|block| block.slot().0 < 128).count() as u64);
}

/// The proposer's balance around each block.
fn balances(chain: &Chain) -> usize {
    let lines = chain.capture.lines("balances.jsonl.gz");
    for line in &lines {
        let slot = line["slot"].as_u64().expect("a slot");
        let ours = chain.canonical(slot).unwrap_or_else(|| panic!("{}", chain.place(slot)));
        assert_eq!(line["proposer"], ours.block.message.proposer_index, "{}", chain.place(slot));
        assert_eq!(line["before"], ours.balance.0, "{}", chain.place(slot));
        assert_eq!(line["after"], ours.balance.1, "{}", chain.place(slot));
    }
    lines.len()
}

/// A recorded component and ours, which is the specification's and so cut off: this implementation's report is rounded
/// to the nearest gwei, so it may be one more.
fn near(told: &Value, ours: i64) -> bool {
    let told: i64 = told.as_str().and_then(|text| text.parse().ok()).expect("a number");
    (told.abs() - ours.abs() == 0 || told.abs() - ours.abs() == 1) && (told.signum() * ours.signum() >= 0)
}

/// `rewards/attestations` of every epoch: each validator's, and the ideal of each effective balance. Gives how many
/// were compared, and how many need blocks after the last one.
fn attestation_rewards(chain: &mut Chain) -> (usize, usize) {
    let (mut compared, mut beyond) = (0, 0);
    let last = chain.blocks.last().expect("a block").slot.0;
    let slots = chain.slots_per_epoch();
    let lines = chain.capture.lines("rewards_attestations.jsonl.gz");
    for line in &lines {
        let epoch = line["epoch"].as_u64().expect("an epoch");
        let slot = (epoch + 2) * slots - 1;
        if slot > last {
            beyond += 1;
            continue;
        }
        compared += 1;
        let place = format!("{}, epoch {epoch}", chain.place(slot));
        let mut state = chain.state_at(slot);
        let deltas = attestation_deltas(&mut state).expect("deltas");
        let net = |deltas: &Deltas, at: usize| deltas.rewards[at] as i64 - deltas.penalties[at] as i64;
        let ideal: HashMap<u64, &Value> = line["data"]["ideal_rewards"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|entry| (number(&entry["effective_balance"]), entry))
            .collect();
        let total = line["data"]["total_rewards"].as_array().expect("an array");
        assert!(!total.is_empty(), "{place}");
        for entry in total {
            let validator = number(&entry["validator_index"]) as usize;
            let effective = state.validators.get(validator).expect("a validator").effective_balance;
            for (name, part) in parts(&deltas) {
                let ours = net(part, validator);
                assert!(near(&entry[name], ours), "{place}: {entry}, {name}: {ours}");
                if ours > 0 {
                    assert_eq!(ideal[&effective][name], entry[name], "{place}: {validator}, {name}");
                }
            }
            assert!(near(&entry["inactivity"], net(&deltas.inactivity, validator)), "{place}: {entry}");
        }
        let listed: Vec<u64> = total.iter().map(|entry| number(&entry["validator_index"])).collect();
        for validator in (0..state.validators.len() as u64).filter(|index| !listed.contains(index)) {
            let at = validator as usize;
            assert!(
                parts(&deltas).iter().all(|(_, part)| net(part, at) == 0),
                "{place}: {validator} is left out"
            );
        }
        check_ideal(&ideal, &mut state, &place);
    }
    (compared, beyond)
}

fn parts(deltas: &AttestationDeltas) -> [(&'static str, &Deltas); 3] {
    [("source", &deltas.source), ("target", &deltas.target), ("head", &deltas.head)]
}

/// The ideal reward of every listed effective balance, from the participation of the epoch before the state's.
fn check_ideal(ideal: &HashMap<u64, &Value>, state: &mut State, place: &str) {
    let increment = state.spec().preset.effective_balance_increment;
    let per_increment = state.base_reward_per_increment().expect("a base reward");
    let active = state.total_active_balance().expect("a balance") / increment;
    let epoch = state.previous_epoch();
    for (flag, name, weight) in [(0, "source", 14), (1, "target", 26), (2, "head", 14)] {
        let took_part = |at: &usize| {
            let validator = state.validators.get(*at).expect("a validator");
            validator.activation_epoch <= epoch
                && epoch < validator.exit_epoch
                && !validator.slashed
                && state.previous_epoch_participation[*at] >> flag & 1 == 1
        };
        let balance = |at: usize| state.validators.get(at).expect("a validator").effective_balance;
        let voted: u64 = (0..state.validators.len()).filter(took_part).map(balance).sum::<u64>() / increment;
        for (effective, entry) in ideal {
            let base = effective / increment * per_increment;
            let ours = base * weight * voted / (active * 64);
            assert!(near(&entry[name], ours as i64), "{place}: {entry}, {name}: {ours}");
        }
    }
}

/// Every block has its line, and the line its proposer.
fn labels(chain: &Chain) {
    let lines = chain.capture.lines("labels.jsonl.gz");
    assert_eq!(lines.len(), chain.applied.len(), "{}", chain.capture.name);
    for line in &lines {
        let ours = &chain.applied[&root(&line["root"])].block.message;
        assert_eq!(line["slot"], ours.slot);
        assert_eq!(line["proposer"], ours.proposer_index);
        let stayed = chain.blocks.iter().any(|block| block.root == root(&line["root"]));
        assert_eq!(line["canonical"], stayed);
        let profiles = ["merged-greedy", "per-committee-newest", "merged-redundant", "oldest-first-partial"];
        assert_eq!(line["profile"], profiles[ours.proposer_index as usize % 4]);
    }
}

fn genesis(chain: &mut Chain) {
    let told = chain.capture.genesis();
    let state = chain.state_at(0);
    assert_eq!((told.time, told.validators_root), (state.genesis_time, state.genesis_validators_root));
    assert_eq!(told.fork_version, chain.spec.config.fork_version(Fork::Phase0).0);
}

fn summary(chain: &mut Chain, expected: &Expected) {
    let summary: Value = serde_json::from_str(&chain.capture.text("summary.json")).expect("JSON");
    assert_eq!(summary["blocks"], expected.blocks);
    assert_eq!(summary["orphans"], expected.orphans);
    assert_eq!(summary["epochs_attestation_rewards"].as_array().map(Vec::len), Some(expected.epochs));
    let last = chain.state_at(128);
    assert_eq!(last.fork_name(), if summary["fork"] == "fulu" { Fork::Fulu } else { Fork::Electra });
    let finalizes = |chain: &mut Chain, slot: u64| chain.state_at(slot).finalized_checkpoint.epoch > 0;
    let first = (1..=128).find(|slot| finalizes(chain, *slot)).expect("finality");
    assert_eq!(summary["first_finalized_slot"], first);
    // The driver went on after the last block that is kept, so what it lists in the end is more.
    let list = |name: &str| -> Vec<u64> {
        summary[name].as_array().expect("an array").iter().filter_map(Value::as_u64).collect()
    };
    assert!(summary["last_finalized"].as_u64().expect("an epoch") >= last.finalized_checkpoint.epoch);
    let slashed =
        |index: &u64| last.validators.get(*index as usize).is_some_and(|validator| validator.slashed);
    let ours: Vec<u64> = (0..last.validators.len() as u64).filter(slashed).collect();
    assert!(!ours.is_empty() && ours.iter().all(|index| list("slashed").contains(index)), "{ours:?}");
    let exits = chain.blocks.iter().flat_map(|block| {
        let exits = &chain.applied[&block.root].block.message.body.voluntary_exits;
        exits.iter().map(|exit| exit.message.validator_index)
    });
    let ours: Vec<u64> = exits.collect();
    assert!(!ours.is_empty() && ours.iter().all(|index| list("exited").contains(index)), "{ours:?}");
}
