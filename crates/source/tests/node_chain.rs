//! Rewards straight from nodes: by a state, by blocks alone, and from nodes that keep little or fail.

use std::sync::{Arc, Mutex};

use captures::Capture;
use captures::fake_node::{Answers, Asked, FakeNode, Fault};
use captures::served::{Forms, ServedChain};
use consensus::Slot;
use consensus::rewards::{Attestations, BlockReward, Scale};
use consensus::spec::Fork;
use serde_json::Value;
use source::{KeepText, Limits, NodeChoices, NodePlace, Notice, Place, Via};

const FORKS: [Fork; 4] = [Fork::Altair, Fork::Capella, Fork::Deneb, Fork::Fulu];
const SLOTS: u64 = 48;

/// What came of a range: the rewards, what was bad, and what was noted.
#[derive(Debug, Default)]
struct Got {
    rewards: Vec<Value>,
    bad: Vec<String>,
    notes: Vec<String>,
}

/// Asks nodes for the rewards of a range, on a thread that may wait.
async fn ask(nodes: &[&FakeNode], slots: (u64, u64), choices: NodeChoices) -> Result<Got, String> {
    let others = nodes.iter().skip(1).map(|node| node.url.clone()).collect();
    let url = nodes[0].url.clone();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notes);
    let notice = Notice::new(move |text| heard.lock().expect("no panic").push(text.to_owned()));
    let choices = NodeChoices { others, notice, attempts: 2, ..choices };
    let work = move || {
        let place = NodePlace::new(&url, Slot(slots.0), Slot(slots.1), choices).expect("a URL");
        let mut parts = Place::Node(Box::new(place)).parts_keeping(KeepText::Yes).expect("parts");
        let mut got = Got::default();
        while let Some(part) = parts.next_part().map_err(|error| error.to_string())? {
            for reward in part.rewards(Scale::Legacy, Attestations::Include, Limits::default()) {
                match reward {
                    Ok(reward) => got.rewards.push(serde_json::from_slice(&reward.text).expect("JSON")),
                    Err(error) => got.bad.push(error.to_string()),
                }
            }
        }
        Ok::<_, String>(got)
    };
    let mut got = tokio::task::spawn_blocking(work).await.expect("no panic")?;
    got.notes = std::mem::take(&mut notes.lock().expect("no panic"));
    Ok(got)
}

fn via(via: Via) -> NodeChoices {
    NodeChoices { via, ..NodeChoices::default() }
}

fn values(rewards: &[BlockReward]) -> Vec<Value> {
    rewards.iter().map(|reward| serde_json::to_value(reward).expect("JSON")).collect()
}

#[track_caller]
fn check(chain: &ServedChain, slots: (u64, u64), got: &Got) {
    assert_eq!(got.bad, Vec::<String>::new());
    let expected = values(&chain.rewards(slots.0..=slots.1, Scale::Legacy));
    // A single slot may have no block.
    assert_eq!(
        expected.is_empty(),
        chain.blocks.iter().all(|block| !(slots.0..=slots.1).contains(&block.slot().0))
    );
    for (got, expected) in got.rewards.iter().zip(&expected) {
        assert_eq!(got, expected, "slots {slots:?}");
    }
    assert_eq!(got.rewards.len(), expected.len(), "slots {slots:?}");
}

fn with_states(chain: &ServedChain, states: impl IntoIterator<Item = u64>, forms: Forms) -> Arc<Answers> {
    let mut answers = chain.answers(forms);
    states.into_iter().for_each(|slot| chain.give_state(&mut answers, slot, forms));
    Arc::new(answers)
}

#[tokio::test]
async fn rewards_by_a_state_are_those_of_the_chain() {
    for fork in FORKS {
        let chain = ServedChain::simulated(fork, SLOTS);
        for forms in [Forms::Both, Forms::JsonOnly] {
            let node = FakeNode::honest(&with_states(&chain, 0..SLOTS, forms)).await;
            for slots in [(1, SLOTS), (13, 30), (16, 16), (17, 24)] {
                let got = ask(&[&node], slots, via(Via::State)).await.expect("rewards");
                assert_eq!(got.notes, Vec::<String>::new());
                check(&chain, slots, &got);
            }
            assert_eq!(node.count("/lighthouse"), 0);
        }
    }
}

#[tokio::test]
async fn rewards_by_blocks_alone_are_those_of_the_chain() {
    for fork in FORKS {
        let chain = ServedChain::simulated(fork, SLOTS);
        let mut answers = chain.answers(Forms::JsonOnly);
        chain.give_epochs(&mut answers, 0..=SLOTS);
        let node = FakeNode::honest(&Arc::new(answers)).await;
        for slots in [(1, SLOTS), (8, 8), (13, 30), (16, 16), (17, 24), (40, SLOTS)] {
            // Asked for, and found to be the only way.
            for way in [Via::Blocks, Via::Auto] {
                let got = ask(&[&node], slots, via(way)).await.expect("rewards");
                check(&chain, slots, &got);
                assert!(got.notes[0].contains("from blocks alone"), "{:?}", got.notes);
            }
        }
    }
}

/// Recorded networks: all their blocks behind the first state with everything since.
fn recorded() -> Vec<Capture> {
    let names = [
        "lighthouse-devnet/deneb-minimal-34-104",
        "lodestar-devnet/capella/minimal",
        "lodestar-devnet/electra/minimal",
        "lodestar-devnet/fulu/minimal",
    ];
    names.into_iter().filter_map(captures::named).collect()
}

#[tokio::test]
async fn recorded_networks_give_the_same_both_ways() {
    for capture in recorded() {
        let chain = ServedChain::of(&capture);
        let slots = chain.slots();
        let (first, last) = (*slots.start(), *slots.end());
        // Lodestar of that time gives blocks as JSON, whatever is asked for.
        let forms = if capture.name.contains("capella") { Forms::JsonOnly } else { Forms::Both };
        let mut answers = chain.answers(forms);
        chain.give_state(&mut answers, first - 1, Forms::Both);
        chain.give_epochs(&mut answers, first - 1..=last);
        let node = FakeNode::honest(&Arc::new(answers)).await;
        let got = ask(&[&node], (first, last), via(Via::State)).await.expect("rewards");
        check(&chain, (first, last), &got);
        // Blocks since the start of the epoch before are needed.
        let per_epoch = chain.spec.preset.slots_per_epoch;
        let begin = if first == 1 { 1 } else { (first / per_epoch + 2) * per_epoch + 3 };
        let got = ask(&[&node], (begin, last), via(Via::Blocks)).await.expect("rewards");
        check(&chain, (begin, last), &got);
    }
}

#[tokio::test]
async fn a_state_from_before_is_replayed_forward_and_that_is_said() {
    let chain = ServedChain::simulated(Fork::Electra, SLOTS);
    for kept in [0, 24, 29] {
        let node = FakeNode::honest(&with_states(&chain, [kept], Forms::Both)).await;
        let slots = (36, 44);
        let file = tempfile::NamedTempFile::with_suffix(".ssz").expect("a file");
        std::fs::write(file.path(), chain.state(kept).encode().expect("a state")).expect("written");
        let of_file = NodeChoices { state: Some(file.path().to_owned()), ..NodeChoices::default() };
        let got = ask(&[&node], slots, of_file).await.expect("rewards");
        check(&chain, slots, &got);
        if kept == 29 {
            // No node is asked for the state of every slot.
            let error = ask(&[&node], slots, via(Via::State)).await.expect_err("no state");
            assert!(error.contains("states are not given at all"), "{error}");
            continue;
        }
        let got = ask(&[&node], slots, via(Via::State)).await.expect("rewards");
        check(&chain, slots, &got);
        assert!(got.notes[0].contains(&format!("the nearest state is of slot {kept}")), "{:?}", got.notes);
    }
}

#[tokio::test]
async fn the_oldest_state_is_named_where_none_is_old_enough() {
    let chain = ServedChain::simulated(Fork::Electra, SLOTS);
    let mut answers = Answers::clone(&with_states(&chain, 32..=SLOTS, Forms::Both));
    chain.give_epochs(&mut answers, 32..=SLOTS);
    let node = FakeNode::honest(&Arc::new(answers)).await;
    for way in [Via::State, Via::Auto] {
        let error = ask(&[&node], (20, 40), via(way)).await.expect_err("no state");
        assert!(error.contains("no state of slot 19 or shortly before it"), "{error}");
        assert!(error.contains("the oldest state that is given is of slot 32"), "{error}");
    }
    let got = ask(&[&node], (33, 40), via(Via::Auto)).await.expect("rewards");
    check(&chain, (33, 40), &got);
}

#[tokio::test]
async fn a_state_of_another_network_or_time_is_refused() {
    let chain = ServedChain::simulated(Fork::Electra, 8);
    let node = FakeNode::honest(&with_states(&chain, 0..=8, Forms::Both)).await;
    let file = tempfile::NamedTempFile::with_suffix(".ssz").expect("a file");
    let refused = async |bytes: Vec<u8>, said: &str| {
        std::fs::write(file.path(), bytes).expect("written");
        let choices = NodeChoices { state: Some(file.path().to_owned()), ..NodeChoices::default() };
        let error = ask(&[&node], (3, 6), choices).await.expect_err("refused");
        assert!(error.contains(said), "{error}");
    };
    refused(b"no state".to_vec(), "can't be used").await;
    refused(chain.state(5).encode().expect("a state"), "it is of slot 5, and must be before slot 3").await;
    let mut other = chain.state(0).clone();
    other.data_mut().genesis_validators_root = consensus::Root([7; 32]);
    refused(other.encode().expect("a state"), "is of another network").await;
    // Of the same network, but with another block before.
    let mut other = chain.state(0).clone();
    other.data_mut().latest_block_header.proposer_index = 9;
    std::fs::write(file.path(), other.encode().expect("a state")).expect("written");
    let choices = NodeChoices { state: Some(file.path().to_owned()), ..NodeChoices::default() };
    let got = ask(&[&node], (3, 6), choices).await.expect("it begins");
    assert!(got.rewards.is_empty() && got.bad[0].contains("does not follow"), "{got:?}");
}

#[tokio::test]
async fn the_second_node_goes_on_where_the_first_fails() {
    let chain = ServedChain::simulated(Fork::Deneb, SLOTS);
    let answers = with_states(&chain, 0..SLOTS, Forms::Both);
    for fault in [Fault::Status(500), Fault::Break, Fault::Half] {
        let failing = move |asked: &Asked| {
            let slot = asked.path.strip_prefix("/eth/v2/beacon/blocks/")?.parse::<u64>().ok()?;
            (slot >= 20).then(|| fault.clone())
        };
        let first = FakeNode::scripted(&answers, failing).await;
        let second = FakeNode::honest(&answers).await;
        let got = ask(&[&first, &second], (10, 40), via(Via::State)).await.expect("rewards");
        check(&chain, (10, 40), &got);
        assert!(second.count("/eth/v2/beacon/blocks/") >= 20);
        // Alone it gives what it has, and says where it ended.
        let got = ask(&[&first], (10, 40), via(Via::State)).await.expect("some rewards");
        assert!(!got.rewards.is_empty() && got.bad.len() == 1, "{got:?}");
        assert!(got.bad[0].contains("the block of slot 2"), "{:?}", got.bad);
    }
}

#[tokio::test]
async fn a_block_that_a_node_misses_is_asked_for_by_its_root() {
    let chain = ServedChain::simulated(Fork::Deneb, SLOTS);
    let answers = with_states(&chain, 0..SLOTS, Forms::Both);
    let missed: Vec<u64> =
        chain.blocks.iter().map(|block| block.slot().0).filter(|slot| (18..=21).contains(slot)).collect();
    let missing = move |asked: &Asked| {
        let slot = asked.path.strip_prefix("/eth/v2/beacon/blocks/")?.parse::<u64>().ok()?;
        missed.contains(&slot).then_some(Fault::Status(404))
    };
    let node = FakeNode::scripted(&answers, missing).await;
    let got = ask(&[&node], (10, 40), via(Via::State)).await.expect("rewards");
    check(&chain, (10, 40), &got);
    // Those at the end of a range are told by the next block.
    let got = ask(&[&node], (10, 21), via(Via::State)).await.expect("rewards");
    check(&chain, (10, 21), &got);
    // Where it can't be had at all, nothing is made up.
    let gone = |asked: &Asked| {
        let id = asked.path.strip_prefix("/eth/v2/beacon/blocks/")?;
        (id == "20" || id.starts_with("0x")).then_some(Fault::Status(404))
    };
    let node = FakeNode::scripted(&answers, gone).await;
    let slots = || chain.blocks.iter().map(|block| block.slot().0);
    assert!(slots().any(|slot| slot == 20), "the seed makes a block of slot 20");
    let before = slots().filter(|slot| *slot < 20).max().expect("a block");
    let got = ask(&[&node], (10, 40), via(Via::State)).await.expect("some rewards");
    assert!(got.bad[0].contains(&format!("does not follow the block of slot {before}")), "{:?}", got.bad);
}

#[tokio::test]
async fn a_second_node_that_is_behind_does_not_end_the_chain() {
    let chain = ServedChain::simulated(Fork::Deneb, SLOTS);
    let answers = with_states(&chain, 0..SLOTS, Forms::Both);
    let failing = |asked: &Asked| {
        let slot = asked.path.strip_prefix("/eth/v2/beacon/blocks/")?.parse::<u64>().ok()?;
        (slot >= 20).then_some(Fault::Break)
    };
    let first = FakeNode::scripted(&answers, failing).await;
    let late = ServedChain::simulated(Fork::Deneb, 30);
    let second = FakeNode::honest(&with_states(&late, 0..30, Forms::Both)).await;
    let got = ask(&[&first, &second], (10, 40), via(Via::State)).await.expect("some rewards");
    // The last block before an error may be held back.
    let there = values(&chain.rewards(10..=30, Scale::Legacy));
    assert!(there.starts_with(&got.rewards) && got.rewards.len() + 1 >= there.len(), "{}", got.rewards.len());
    assert!(got.bad.len() == 1 && got.bad[0].contains("the beacon nodes are at slot 30"), "{:?}", got.bad);
}

#[tokio::test]
async fn nodes_of_two_networks_and_slots_to_come_are_refused() {
    let chain = ServedChain::simulated(Fork::Electra, 8);
    let answers = with_states(&chain, 0..8, Forms::Both);
    let mut other = Answers::clone(&answers);
    let genesis = serde_json::json!({"data": {"genesis_time": "1", "genesis_fork_version": "0x00000000",
        "genesis_validators_root": format!("0x{}", "ab".repeat(32))}});
    other.put("/eth/v1/beacon/genesis", None, genesis);
    let (node, other) = (FakeNode::honest(&answers).await, FakeNode::honest(&Arc::new(other)).await);
    let error = ask(&[&node, &other], (1, 8), via(Via::Auto)).await.expect_err("two networks");
    assert!(error.contains("of different networks") && error.contains(&other.url), "{error}");
    let error = ask(&[&node], (1, 9), via(Via::Auto)).await.expect_err("not yet");
    assert!(error.contains("slot 9 is not there yet: the beacon nodes are at slot 8"), "{error}");
}

#[tokio::test]
async fn the_old_address_is_used_where_it_is_all_there_is() {
    let chain = ServedChain::simulated(Fork::Electra, 8);
    let expected = values(&chain.rewards(1..=8, Scale::Legacy));
    let path = "/lighthouse/analysis/block_rewards?start_slot=1&end_slot=8&include_attestations=true";
    let one = "/lighthouse/analysis/block_rewards?start_slot=1&end_slot=1&include_attestations=true";
    let mut only = Answers::default();
    only.put(path, None, Value::Array(expected.clone()));
    let mut pruned = chain.answers(Forms::Both);
    pruned.put(path, None, Value::Array(expected.clone()));
    pruned.put(one, None, Value::Array(expected[..1].to_vec()));
    for answers in [only, pruned] {
        let node = FakeNode::honest(&Arc::new(answers)).await;
        for way in [Via::Auto, Via::Lighthouse] {
            let got = ask(&[&node], (1, 8), via(way)).await.expect("rewards");
            assert_eq!(got.rewards, expected);
            assert_eq!(got.notes.len(), usize::from(way == Via::Auto), "{:?}", got.notes);
        }
    }
}
