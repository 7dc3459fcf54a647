//! Grandine: running nodes' chains of Electra and Fulu, and the blocks that a node would have proposed.

use std::sync::Arc;

use consensus::containers::{BeaconBlock, SignedBeaconBlock};
use consensus::ssz::Json;
use consensus::transition::Checks;
use serde_json::Value;

use crate::answers::{self, number, root};
use crate::chain::Chain;

/// What a directory should hold: blocks, orphans, blocks that were not proposed, and of them those on a known block.
struct Expected {
    blocks: usize,
    orphans: usize,
    v3: usize,
    on_known: usize,
}

#[test]
fn electra_of_1024_validators_is_that_of_grandine() {
    check("electra-1024", &Expected { blocks: 78, orphans: 1, v3: 75, on_known: 75 });
}

#[test]
fn electra_of_8192_validators_is_that_of_grandine() {
    check("electra-8192", &Expected { blocks: 67, orphans: 1, v3: 80, on_known: 80 });
}

#[test]
fn later_electra_of_8192_validators_is_that_of_grandine() {
    check("electra-8192-later", &Expected { blocks: 32, orphans: 0, v3: 32, on_known: 32 });
}

#[test]
fn electra_of_the_minimal_preset_is_that_of_grandine() {
    check("electra-minimal-512", &Expected { blocks: 70, orphans: 2, v3: 72, on_known: 72 });
}

#[test]
fn fulu_of_8192_validators_is_that_of_grandine() {
    check("fulu-8192", &Expected { blocks: 42, orphans: 2, v3: 64, on_known: 64 });
}

#[test]
fn later_fulu_of_8192_validators_is_that_of_grandine() {
    check("fulu-8192-later", &Expected { blocks: 35, orphans: 1, v3: 36, on_known: 36 });
}

fn check(directory: &str, expected: &Expected) {
    let name = format!("grandine-devnet/{directory}");
    let Some(mut chain) = Chain::open(&name) else { return };
    assert_eq!((chain.blocks.len(), chain.orphans.len()), (expected.blocks, expected.orphans), "{name}");
    assert_eq!(chain.applied.len(), expected.blocks + expected.orphans, "{name}");
    assert_eq!(chain.block_rewards(), expected.blocks, "{name}");
    assert_eq!(chain.sync_rewards(), expected.blocks, "{name}");
    index(&chain);
    let slots = chain.slots_per_epoch();
    let (first, last) = range(&chain);
    for (epoch, answer) in chain.capture.committees() {
        let mut state = chain.state_at((epoch * slots).clamp(first, last));
        answers::committees(&answer, epoch, &mut state, &chain.place(epoch * slots));
    }
    for (epoch, answer) in chain.capture.numbered("sync_committees", "epoch_") {
        let mut state = chain.state_at((epoch * slots).clamp(first, last));
        let ours = state.sync_members().expect("members");
        assert_eq!(answers::members(&answer["data"]["validators"]), **ours, "{name}, epoch {epoch}");
        let parts = answer["data"]["validator_aggregates"].as_array().expect("an array");
        let joined: Vec<u32> = parts.iter().flat_map(answers::members).collect();
        assert_eq!(joined, **ours, "{name}, epoch {epoch}");
    }
    let (events, not_kept) = chain.events();
    assert!(not_kept.len() <= 1, "{name}: {not_kept:?}");
    let told = unproposed(&mut chain);
    assert_eq!(told, (expected.v3, expected.on_known), "{name}");
    at_the_end(&mut chain);
    answers::fork_schedule(&chain, "fork_schedule.json.gz");
    let genesis = chain.capture.genesis();
    let state = chain.state_at(last);
    assert_eq!((genesis.time, genesis.validators_root), (state.genesis_time, state.genesis_validators_root));
    let version = chain.capture.version().expect("a version");
    assert!(version["data"]["version"].as_str().expect("a text").starts_with("Grandine/2.0.0-bc5c0dba"));
    chain.all_was_read();
    println!("{name}: {events:?}, {not_kept:?}, {told:?} unproposed");
}

fn range(chain: &Chain) -> (u64, u64) {
    let slots = || chain.states.values().map(|state| state.slot);
    (slots().min().expect("a state"), slots().max().expect("a state"))
}

/// The line of each slot agrees with the block in it.
fn index(chain: &Chain) {
    for line in chain.capture.json("index.json.gz").as_array().expect("an array") {
        if line["block"].is_null() {
            continue;
        }
        let applied = &chain.applied[&root(&line["block"])];
        let message = &applied.block.message;
        assert_eq!(line["slot"], message.slot);
        assert_eq!(root(&line["parent"]), message.parent_root);
        assert_eq!(line["proposer"], message.proposer_index);
        assert_eq!(line["attestations"], message.body.attestations.len());
        assert_eq!(line["sync_bits"], applied.log.sync_participants);
        assert_eq!(line["transactions"], message.body.execution_payload.transactions.len());
        assert_eq!(line["graffiti"], consensus::rewards::graffiti_text(&message.body.graffiti.0));
        assert_eq!(line["version"], chain.spec.fork_at_slot(message.slot).to_string());
    }
}

/// Blocks that a node would have proposed: the state that each names, and what it says that it earns. Gives how many
/// there are, and how many of them build on a block that is known.
fn unproposed(chain: &mut Chain) -> (usize, usize) {
    let headers = chain.capture.lines("blocks_v3_headers.jsonl.gz");
    let blocks = chain.capture.numbered("blocks_v3", "");
    assert_eq!(headers.len(), blocks.len());
    let mut on_known = 0;
    for ((slot, answer), header) in blocks.iter().zip(&headers) {
        let place = format!("{}, not proposed", chain.place(*slot));
        assert_eq!(header["slot"], *slot, "{place}");
        assert_eq!(header["eth-consensus-version"], answer["version"], "{place}");
        assert_eq!(header["eth-consensus-block-value"], answer["consensus_block_value"], "{place}");
        assert_eq!(header["eth-execution-payload-value"], answer["execution_payload_value"], "{place}");
        let fork = chain.spec.fork_at_slot(*slot);
        let shape = chain.spec.shape(fork);
        let message = BeaconBlock::from_json(&answer["data"]["block"], &shape)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(message.to_json(&shape), answer["data"]["block"], "{place}");
        assert_eq!(message.slot, *slot, "{place}");
        let Some(parent) = chain.states.get(&message.parent_root).cloned() else { continue };
        let block = Arc::new(SignedBeaconBlock { message, ..SignedBeaconBlock::default() });
        let (_, applied) =
            chain.apply(parent, block, Checks::ROOTS).unwrap_or_else(|error| panic!("{place}: {error}"));
        let wei = u128::from(applied.total()) * 1_000_000_000;
        assert_eq!(answer["consensus_block_value"], wei.to_string(), "{place}");
        on_known += 1;
    }
    (blocks.len(), on_known)
}

/// Validators and checkpoints at the end of the range.
fn at_the_end(chain: &mut Chain) {
    let name = chain.capture.name;
    let validators = chain.capture.validators();
    let balances: Vec<u64> = validators["data"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry: &Value| number(&entry["balance"]))
        .collect();
    let (first, last) = range(chain);
    let state = (first..=last + 4)
        .rev()
        .map(|slot| chain.state_at(slot))
        .find(|state| state.balances.iter().eq(&balances));
    let state = state.unwrap_or_else(|| panic!("{name}: no state has the balances of the end"));
    answers::validators(&validators, &state, name);
    let finality = chain.capture.finality_checkpoints().expect("checkpoints");
    let told = &finality["data"]["finalized"];
    assert_eq!(number(&told["epoch"]), state.finalized_checkpoint.epoch, "{name}");
    assert_eq!(root(&told["root"]), state.finalized_checkpoint.root, "{name}");
    let told = &finality["data"]["current_justified"];
    assert_eq!(number(&told["epoch"]), state.current_justified_checkpoint.epoch, "{name}");
    assert_eq!(root(&told["root"]), state.current_justified_checkpoint.root, "{name}");
}
