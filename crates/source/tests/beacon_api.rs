//! Nodes that answer as recorded ones did, and nodes that lie, stall and break off.

use std::sync::Arc;
use std::time::Duration;

use captures::fake_node::{Answers, FakeNode, Fault};
use captures::pacing::{TestPacing, options};
use captures::{Capture, Maker};
use consensus::spec::{Fork, Network, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::{Epoch, Root, Slot};
use serde_json::json;
use source::beacon_api::{ApiError, ApiOptions, ApiProblem, BeaconApi, BlockId, Health, StateId};

const MINIMAL: &str = "lodestar-devnet/electra/minimal";

fn api(urls: &[&str]) -> (BeaconApi, Arc<TestPacing>) {
    api_with(urls, options())
}

fn api_with(urls: &[&str], options: ApiOptions) -> (BeaconApi, Arc<TestPacing>) {
    let pacing = Arc::new(TestPacing::default());
    let api = BeaconApi::with_pacing(urls, options, Arc::clone(&pacing) as _).expect("URLs");
    (api, pacing)
}

/// A capture, its network and its answers.
fn recorded(name: &str) -> Option<(Capture, Arc<Spec>, Arc<Answers>)> {
    let capture = captures::named(name)?;
    let spec = Arc::new(capture.spec());
    let answers = Answers::of(&capture);
    Some((capture, spec, answers))
}

#[tokio::test]
async fn every_recorded_block_is_had_in_both_forms() {
    for name in [
        "lighthouse-devnet/deneb-minimal-34-104",
        "lodestar-devnet/capella/minimal",
        MINIMAL,
        "lodestar-devnet/fulu/minimal",
        "grandine-devnet/electra-minimal-512",
        "grandine-devnet/fulu-8192",
    ] {
        let Some((capture, spec, answers)) = recorded(name) else { return };
        let ssz_node = FakeNode::honest(&answers).await;
        let json_node = FakeNode::scripted(&answers, |_| Some(Fault::Json)).await;
        let (ssz, _) = api(&[&ssz_node.url]);
        let (json, _) = api(&[&json_node.url]);
        let blocks = capture.blocks();
        let last = blocks.last().expect("a block").slot;
        let mut expected = blocks.iter().peekable();
        for slot in (blocks[0].slot.0..=last.0).map(Slot) {
            let captured = expected.next_if(|block| block.slot == slot);
            for api in [&ssz, &json] {
                let block = api.block(slot.into(), &spec).await.expect("an answer");
                assert_eq!(
                    block.as_ref().map(|block| block.root),
                    captured.map(|block| block.root),
                    "{name}, {slot}"
                );
                if let (Some(block), Some(captured)) = (block, captured) {
                    assert_eq!(block.block.encode(&spec), captured.ssz, "{name}, {slot}");
                }
            }
        }
        for orphan in capture.orphans() {
            let block = ssz.block(orphan.root.into(), &spec).await.expect("an answer").expect("an orphan");
            assert_eq!(block.block.slot(), orphan.slot, "{name}");
        }
        let head = ssz.block(BlockId::Head, &spec).await.expect("an answer").expect("a head");
        assert_eq!(head.block.slot(), last);
        assert_eq!(&*head.node, ssz_node.url);
    }
}

#[tokio::test]
async fn states_are_had_and_checked() {
    let Some((capture, spec, answers)) = recorded(MINIMAL) else { return };
    let (slot, ssz) = capture.states().swap_remove(5);
    let state = State::decode_any_fork(Arc::clone(&spec), &ssz).expect("a state");
    let root = Root(state.hash_tree_root().expect("a root"));
    let mut answers = Answers::clone(&answers);
    answers.put_ssz(&format!("/eth/v2/debug/beacon/states/{root}"), "electra", ssz.clone());
    let wrong = Root([7; 32]);
    answers.put_ssz(&format!("/eth/v2/debug/beacon/states/{wrong}"), "electra", ssz.clone());
    let json = json!({"version": "electra", "data": state.clone().into_data().to_json(&state.shape())});
    answers.put("/eth/v2/debug/beacon/states/finalized", None, json);
    let node = FakeNode::honest(&Arc::new(answers)).await;
    let (api, _) = api(&[&node.url]);
    for id in [StateId::Slot(slot), StateId::Root(root), StateId::Finalized] {
        let had = api.state(id, &spec).await.expect("a state");
        assert_eq!(*had.state, *state, "{id}");
        assert_eq!(had.ssz, ssz, "{id}");
    }
    let error = api.state(StateId::Root(wrong), &spec).await.expect_err("another root").to_string();
    assert!(
        error.contains(&format!("the root of the state is {root}, where {wrong} was expected")),
        "{error}"
    );
    let error = api.state(StateId::Slot(Slot(999)), &spec).await.expect_err("it has none").to_string();
    assert!(
        error.starts_with("the state of slot 999 can't be had from the beacon node at http://127."),
        "{error}"
    );
    assert!(error.ends_with("it has no such thing: NOT_FOUND: nothing is known of it"), "{error}");
}

#[tokio::test]
async fn what_nodes_say_of_themselves_is_read() {
    for (name, version) in [
        ("lighthouse-devnet/deneb-minimal-34-104", "Lighthouse/v5.3.0-2e0eb6d+/x86_64-linux"),
        ("lodestar-devnet/capella/minimal", "Lodestar/v1.5.1/2115aa7"),
        ("grandine-devnet/electra-1024", "Grandine/2.0.0-bc5c0dba"),
    ] {
        let Some((capture, spec, answers)) = recorded(name) else { return };
        let node = FakeNode::honest(&answers).await;
        let (api, _) = api(&[&node.url]);
        let said = api.version().await.expect("a version");
        assert!(said.starts_with(version.split("/x86").next().expect("a part")), "{said}");
        assert_eq!(api.genesis().await.expect("a genesis"), capture.genesis());
        let (had, text) = api.spec().await.expect("a configuration");
        assert_eq!(had, *spec);
        assert_eq!(Spec::parse(&text), Ok(had));
        let head = capture.blocks().pop().expect("a block");
        let syncing = api.syncing().await.expect("a status");
        assert_eq!((syncing.head_slot, syncing.is_syncing), (head.slot, false));
        let header = api.header(BlockId::Head).await.expect("an answer").expect("a header");
        assert_eq!((header.root, header.slot, header.canonical), (head.root, head.slot, true));
        assert_eq!(header.parent_root, head.from_ssz(&spec).block.message.parent_root);
        let header = api.header(head.root.into()).await.expect("an answer").expect("a header");
        assert_eq!(header.root, head.root);
        assert_eq!(api.header(Slot(100_000).into()).await.expect("an answer"), None);
        let finality = api.finality_checkpoints(StateId::Head).await.expect("checkpoints");
        assert!(finality.finalized.epoch <= finality.current_justified.epoch);
        assert!(finality.current_justified.epoch.0 > 0, "{finality:?}");
        let validators = api.validators(StateId::Head).await.expect("validators");
        let count = capture.validators()["data"].as_array().expect("a list").len();
        assert_eq!(validators.len(), count);
        assert!(validators.iter().all(|entry| entry.effective_balance.0 <= 2_048_000_000_000));
        assert!(matches!(api.health().await[..], [Ok(Health::Ready)]));
        let reports = api.survey().await;
        assert_eq!(reports[0].version.as_deref().ok(), Some(said.as_str()));
        assert_eq!(reports[0].genesis.as_ref().ok(), Some(&capture.genesis()));
    }
}

#[tokio::test]
async fn rewards_of_every_recorded_block_are_read() {
    for name in ["lighthouse-devnet/deneb-minimal-34-104", MINIMAL, "grandine-devnet/electra-1024"] {
        let Some((capture, spec, answers)) = recorded(name) else { return };
        let node = FakeNode::honest(&answers).await;
        let (api, _) = api(&[&node.url]);
        for block in capture.blocks() {
            let rewards = api.block_rewards(block.slot.into()).await.expect("an answer").expect("rewards");
            let message = block.from_ssz(&spec);
            assert_eq!(
                rewards.proposer.0, message.block.message.proposer_index,
                "{name}, slot {}",
                block.slot
            );
        }
        assert_eq!(api.block_rewards(Slot(1_000_000).into()).await.expect("an answer"), None);
    }
    let Some((_, _, answers)) = recorded(MINIMAL) else { return };
    let mut answers = Answers::clone(&answers);
    let part = "1";
    answers.put(
        "/eth/v1/beacon/rewards/blocks/1",
        None,
        json!({"data": {"proposer_index": "1", "total": "3", "attestations": part, "sync_aggregate": part,
            "proposer_slashings": "0", "attester_slashings": "0"}}),
    );
    let node = FakeNode::honest(&Arc::new(answers)).await;
    let error = api(&[&node.url]).0.block_rewards(Slot(1).into()).await.expect_err("wrong").to_string();
    assert!(
        error.ends_with("its answer is wrong: total is 3, where 2, the sum of its parts was expected"),
        "{error}"
    );
}

#[tokio::test]
async fn committees_are_those_that_the_chain_computes() {
    for name in [
        "lighthouse-devnet/deneb-minimal-34-104",
        MINIMAL,
        "grandine-devnet/electra-1024",
        "grandine-devnet/electra-8192",
    ] {
        let Some((capture, spec, answers)) = recorded(name) else { return };
        let node = FakeNode::honest(&answers).await;
        let (api, _) = api(&[&node.url]);
        for (epoch, body) in capture.committees() {
            let committees = api.committees(StateId::Head, Epoch(epoch), &spec).await.expect("committees");
            assert_eq!(committees.len(), body["data"].as_array().expect("a list").len(), "{name}");
            assert!(committees.is_sorted_by_key(|committee| (committee.slot, committee.index)));
            let mut members: Vec<_> = committees.iter().flat_map(|committee| &committee.validators).collect();
            members.sort_by_key(|validator| validator.0);
            let count = members.len();
            members.dedup();
            assert_eq!(members.len(), count, "{name}, epoch {epoch}: a validator is in two committees");
        }
    }
}

#[tokio::test]
async fn committees_with_slot_and_index_swapped_are_refused() {
    let Some((capture, spec, answers)) = recorded("lodestar-devnet/capella/minimal") else { return };
    assert_eq!(capture.maker, Maker::Lodestar);
    let node = FakeNode::honest(&answers).await;
    let (epoch, _) = capture.committees().remove(0);
    let error = api(&[&node.url]).0.committees(StateId::Head, Epoch(epoch), &spec).await;
    let error = error.expect_err("swapped").to_string();
    let first = epoch * 8;
    let expected = format!(
        "the committees of epoch {epoch} in the state \"head\" can't be had from the beacon node at {}: its answer is \
         wrong for slot {first}: slot is 0, where one of epoch {epoch} ({first} to {}) was expected",
        node.url,
        first + 7
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn lists_with_gaps_are_refused() {
    let Some((capture, spec, answers)) = recorded("grandine-devnet/electra-minimal-512") else { return };
    let (epoch, body) = capture.committees().remove(0);
    let change = async |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut answers = Answers::clone(&answers);
        let mut body = body.clone();
        change(body["data"].as_array_mut().expect("a list"));
        answers.put(&format!("/eth/v1/beacon/states/head/committees?epoch={epoch}"), None, body);
        let node = FakeNode::honest(&Arc::new(answers)).await;
        let committees = api(&[&node.url]).0.committees(StateId::Head, Epoch(epoch), &spec).await;
        committees.expect_err("refused").to_string()
    };
    let error = change(&|list| drop(list.pop())).await;
    assert!(
        error.contains("the number of committees is 31, where the same number for each of 8 slots"),
        "{error}"
    );
    let error = change(&Vec::clear).await;
    assert!(error.contains("the number of committees is 0"), "{error}");
    let error = change(&|list| list[0] = list[1].clone()).await;
    assert!(error.contains("index is "), "{error}");
    let error = change(&|list| list[3]["index"] = json!("x")).await;
    assert!(error.contains("expected an integer or its digits in a text"), "{error}");
    let mut answers = Answers::clone(&answers);
    let mut validators = capture.validators();
    validators["data"].as_array_mut().expect("a list").remove(5);
    answers.put("/eth/v1/beacon/states/head/validators", None, validators);
    let node = FakeNode::honest(&Arc::new(answers)).await;
    let error = api(&[&node.url]).0.validators(StateId::Head).await.expect_err("a gap").to_string();
    assert!(error.ends_with("index is 6, where 5 was expected"), "{error}");
}

/// The error of a block from one node with a fault.
async fn block_error(
    answers: &Arc<Answers>,
    spec: &Arc<Spec>,
    slot: u64,
    fault: Fault,
) -> (String, ApiProblem) {
    let node = FakeNode::scripted(answers, move |_| Some(fault.clone())).await;
    let (api, _) = api(&[&node.url]);
    let error = api.block(Slot(slot).into(), spec).await.expect_err("a fault");
    let text = error.to_string();
    let named = format!("the block of slot {slot} can't be had from the beacon node at {}: ", node.url);
    assert!(text.starts_with(&named), "{text}");
    (text[named.len()..].to_owned(), error.problem().expect("a problem").clone())
}

#[tokio::test]
async fn a_lying_node_is_named_with_slot_and_field() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let json_of = |slot: u64| {
        let path = format!("/eth/v2/beacon/blocks/{slot}");
        let node = FakeNode::scripted(&answers, |_| Some(Fault::Json));
        async move {
            let node = node.await;
            let text = reqwest::get(format!("{}{path}", node.url)).await.expect("an answer").text().await;
            serde_json::from_str::<serde_json::Value>(&text.expect("a text")).expect("JSON")
        }
    };
    let other = || Fault::Instead("/eth/v2/beacon/blocks/2".to_owned());
    let (text, _) = block_error(&answers, &spec, 3, other()).await;
    assert_eq!(text, "its answer is wrong for slot 3: message.slot is 2, where 3 was expected");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Version("deneb")).await;
    assert_eq!(
        text,
        "its answer is wrong for slot 3: Eth-Consensus-Version is deneb, where electra, which holds at this slot was expected"
    );
    let mut body = json_of(3).await;
    body["version"] = json!("fulu");
    let (text, problem) = block_error(&answers, &spec, 3, Fault::Body(body.to_string().into())).await;
    // The body is sent as SSZ, which it is not.
    assert!(matches!(problem, ApiProblem::Unreadable { .. } | ApiProblem::Wrong { .. }), "{text}");
    let mut json_only = Answers::clone(&answers);
    json_only.remove("/eth/v2/beacon/blocks/3");
    json_only.put("/eth/v2/beacon/blocks/3", None, body.clone());
    let json_only = Arc::new(json_only);
    let (text, _) = block_error(&json_only, &spec, 3, Fault::Json).await;
    assert!(text.contains("wrong for slot 3: version is fulu, where electra"), "{text}");
    for (change, expected) in [
        (json!(null), "the field message is missing"),
        (json!({"message": {"slot": "3"}}), "message: proposer_index: the field is missing"),
    ] {
        let mut answers = Answers::clone(&json_only);
        answers.put("/eth/v2/beacon/blocks/3", None, json!({"version": "electra", "data": change}));
        let (text, _) = block_error(&Arc::new(answers), &spec, 3, Fault::Json).await;
        assert!(text.contains("its answer can't be read: "), "{text}");
        assert!(text.contains(expected) || text.contains("proposer_index"), "{text}");
    }
    let mut body = json_of(3).await;
    body["data"]["message"]["body"]["attestations"] = json!([{"aggregation_bits": "0x"}]);
    let mut changed = Answers::clone(&json_only);
    changed.put("/eth/v2/beacon/blocks/3", None, body);
    let (text, _) = block_error(&Arc::new(changed), &spec, 3, Fault::Json).await;
    assert!(
        text.contains(
            "the block of slot 3 as one of electra: message.body.attestations[0].aggregation_bits: "
        ),
        "{text}"
    );
    // A block of another root than was asked for.
    let node = FakeNode::scripted(&answers, move |_| Some(other())).await;
    let root = Root([9; 32]);
    let error = api(&[&node.url]).0.block(root.into(), &spec).await.expect_err("another").to_string();
    assert!(error.contains("wrong for slot 2: the root of the block is 0x"), "{error}");
    assert!(error.ends_with(&format!("where {root} was expected")), "{error}");
}

#[tokio::test]
async fn a_fork_that_nobody_names_follows_from_the_slot() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    for fault in [Fault::Version(""), Fault::Version("ELECTRA"), Fault::Untyped] {
        let node = FakeNode::scripted(&answers, move |_| Some(fault.clone())).await;
        let block =
            api(&[&node.url]).0.block(Slot(3).into(), &spec).await.expect("an answer").expect("a block");
        assert_eq!(block.block.fork, Fork::Electra);
    }
    // JSON without header and version, and without content type.
    let mut changed = Answers::clone(&answers);
    changed.remove("/eth/v2/beacon/blocks/3");
    let node = FakeNode::scripted(&answers, |_| Some(Fault::Json)).await;
    let body = reqwest::get(format!("{}/eth/v2/beacon/blocks/3", node.url)).await.expect("an answer");
    let body: serde_json::Value = serde_json::from_str(&body.text().await.expect("a text")).expect("JSON");
    changed.put("/eth/v2/beacon/blocks/3", None, json!({"data": body["data"]}));
    let node = FakeNode::scripted(&Arc::new(changed), |_| Some(Fault::Untyped)).await;
    let block = api(&[&node.url]).0.block(Slot(3).into(), &spec).await.expect("an answer").expect("a block");
    assert_eq!(block.block.fork, Fork::Electra);
}

#[tokio::test]
async fn stalls_breaks_and_halves_are_told_apart() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let (text, problem) = block_error(&answers, &spec, 3, Fault::Break).await;
    assert!(matches!(problem, ApiProblem::BrokenOff { .. }), "{text}");
    assert!(
        text.starts_with("it broke off its answer, because ") && text.ends_with("(asked 3 times)"),
        "{text}"
    );
    // Half of an encoding can't be told from a wrong one; it names the field.
    let (text, _) = block_error(&answers, &spec, 3, Fault::Half).await;
    let named = "the block of slot 3 as one of electra: message.body.execution_requests: the offset";
    assert!(text.contains(named), "{text}");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Body(vec![100; 50])).await;
    assert_eq!(text, "its answer ends in the middle: 50 bytes are no block (asked 3 times)");
    let mut json_only = Answers::clone(&answers);
    json_only.remove("/eth/v2/beacon/blocks/3");
    json_only.put("/eth/v2/beacon/blocks/3", Some("electra"), json!({"data": {"message": {"slot": "3"}}}));
    let (text, problem) = block_error(&Arc::new(json_only), &spec, 3, Fault::Half).await;
    assert!(matches!(problem, ApiProblem::CutShort { .. }), "{text}");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Zeros(65 << 20)).await;
    assert_eq!(text, "its answer is larger than 67108864 bytes");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Status(500)).await;
    assert_eq!(text, "it failed with status 500: no luck today (asked 3 times)");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Status(400)).await;
    assert_eq!(text, "it refused with status 400: no luck today");
    let (text, _) = block_error(&answers, &spec, 3, Fault::Status(401)).await;
    assert_eq!(text, "it wants other credentials (status 401); give them in the URL as user:password@");
}

#[tokio::test]
async fn a_node_that_stalls_is_given_up() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let patience = ApiOptions { read_timeout: Duration::from_millis(500), ..options() };
    let stalling = FakeNode::scripted(&answers, |_| Some(Fault::Stall)).await;
    let (alone, _) = api_with(&[&stalling.url], patience);
    let error = alone.block(Slot(3).into(), &spec).await.expect_err("nothing").to_string();
    assert!(error.ends_with(": nothing, or no whole answer, came for 0.5 s (asked 3 times)"), "{error}");
    let honest = FakeNode::honest(&answers).await;
    let (both, _) = api_with(&[&stalling.url, &honest.url], patience);
    let block = both.block(Slot(3).into(), &spec).await.expect("an answer").expect("a block");
    assert_eq!(&*block.node, honest.url);
}

#[tokio::test]
async fn a_node_that_stalls_or_drips_holds_nobody_up() {
    let Some((_, _, answers)) = recorded(MINIMAL) else { return };
    // Only the whole answer has a limit here: of a node that drips, something always comes in time.
    let patience = ApiOptions {
        read_timeout: Duration::from_secs(600),
        small_time: Duration::from_millis(500),
        ..options()
    };
    for fault in [Fault::Stall, Fault::Drip] {
        let shown = format!("{fault:?}");
        let bad = FakeNode::scripted(&answers, move |_| Some(fault.clone())).await;
        let honest = FakeNode::honest(&answers).await;
        let (api, _) = api_with(&[&bad.url, &honest.url], patience);
        let [silent, well] = <[_; 2]>::try_from(api.survey().await).expect("two nodes");
        for problem in [silent.version.err(), silent.syncing.err(), silent.genesis.err()] {
            assert!(matches!(problem, Some(ApiProblem::Timeout { .. })), "{shown}: {problem:?}");
        }
        assert!(well.genesis.is_ok(), "{shown}");
        let health = api.health().await;
        assert!(health[1].is_ok(), "{shown}");
        // It is asked last from now on.
        let before = bad.count("/eth/v1/beacon/genesis");
        assert!(api.genesis().await.is_ok(), "{shown}");
        assert_eq!(bad.count("/eth/v1/beacon/genesis"), before, "{shown}");
    }
}

#[tokio::test]
async fn failures_are_waited_out_with_growing_pauses() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let node = FakeNode::scripted(&answers, |asked| (asked.before < 3).then_some(Fault::Status(503))).await;
    let (api, pacing) = api_with(&[&node.url], ApiOptions { rounds: 5, ..options() });
    let block = api.block(Slot(3).into(), &spec).await.expect("an answer");
    assert!(block.is_some());
    let pauses: Vec<u128> = pacing.slept().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [500, 1000, 2000]);
    // No pause is longer than the longest.
    let node = FakeNode::scripted(&answers, |_| Some(Fault::Status(503))).await;
    let (api, pacing) = api_with(&[&node.url], ApiOptions { rounds: 12, ..options() });
    api.block(Slot(3).into(), &spec).await.expect_err("always");
    assert_eq!(pacing.slept().len(), 11);
    assert_eq!(pacing.slept().last(), Some(&Duration::from_secs(30)));
    assert_eq!(node.count("/"), 12);
}

#[tokio::test]
async fn a_node_that_does_not_do_ssz_is_asked_for_json() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let node = FakeNode::scripted(&answers, |asked| match asked.before {
        0 => Some(Fault::Status(406)),
        _ => Some(Fault::Json),
    })
    .await;
    let (api, pacing) = api(&[&node.url]);
    assert!(api.block(Slot(3).into(), &spec).await.expect("an answer").is_some());
    assert!(pacing.slept().is_empty());
}

#[tokio::test]
async fn another_node_helps_out() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let honest = FakeNode::honest(&answers).await;
    for fault in [
        Fault::Status(500),
        Fault::Status(400),
        Fault::Status(401),
        Fault::Status(404),
        Fault::Break,
        Fault::Half,
        Fault::Version("deneb"),
        Fault::Instead("/eth/v2/beacon/blocks/2".to_owned()),
        Fault::Zeros(65 << 20),
    ] {
        let shown = format!("{fault:?}");
        let bad = FakeNode::scripted(&answers, move |_| Some(fault.clone())).await;
        let (api, pacing) = api(&[&bad.url, &honest.url]);
        let block = api.block(Slot(3).into(), &spec).await.expect("an answer").expect("a block");
        assert_eq!(&*block.node, honest.url, "{shown}");
        assert!(pacing.slept().is_empty(), "{shown}");
    }
    // A node that can't be reached is asked last until it has rested.
    let gone = FakeNode::honest(&answers).await;
    let url = gone.url.clone();
    drop(gone);
    tokio::task::yield_now().await;
    let (api, pacing) = api(&[&url, &honest.url]);
    let before = honest.count("/");
    for slot in [1, 2, 3] {
        assert!(api.block(Slot(slot).into(), &spec).await.expect("an answer").is_some());
    }
    assert_eq!(honest.count("/"), before + 3);
    pacing.advance(Duration::from_secs(6));
    assert!(api.block(Slot(3).into(), &spec).await.expect("an answer").is_some());
}

#[tokio::test]
async fn when_no_node_helps_each_is_named() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let lying = FakeNode::scripted(&answers, |_| Some(Fault::Version("deneb"))).await;
    let failing = FakeNode::scripted(&answers, |_| Some(Fault::Status(500))).await;
    let (api, pacing) = api(&[&lying.url, &failing.url]);
    let error = api.block(Slot(3).into(), &spec).await.expect_err("none").to_string();
    assert!(error.contains(&lying.url) && error.contains(&failing.url), "{error}");
    assert!(error.contains("Eth-Consensus-Version is deneb") && error.contains("status 500"), "{error}");
    // The answer of the first was final.
    assert_eq!((lying.count("/"), failing.count("/")), (1, 3));
    assert_eq!(pacing.slept().len(), 2);
}

#[tokio::test]
async fn a_slot_is_empty_only_when_no_node_has_a_block() {
    let Some((_, spec, answers)) = recorded(MINIMAL) else { return };
    let behind = FakeNode::scripted(&answers, |_| Some(Fault::Status(404))).await;
    let honest = FakeNode::honest(&answers).await;
    let both = api(&[&behind.url, &honest.url]).0;
    assert!(both.block(Slot(3).into(), &spec).await.expect("an answer").is_some());
    assert!(both.block(Slot(1_000).into(), &spec).await.expect("an answer").is_none());
    // One that fails does not hold up the answer of the other.
    let failing = FakeNode::scripted(&answers, |_| Some(Fault::Status(500))).await;
    let (both, pacing) = api(&[&failing.url, &behind.url]);
    assert!(both.block(Slot(3).into(), &spec).await.expect("an answer").is_none());
    assert!(pacing.slept().is_empty());
}

#[test]
fn urls_are_checked_and_passwords_never_printed() {
    let new = |urls: &[&str]| BeaconApi::new(urls, ApiOptions::default());
    assert!(matches!(new(&[]), Err(ApiError::NoNodes)));
    assert!(new(&["ftp://node"]).expect_err("refused").to_string().contains("neither with http:// nor"));
    assert!(new(&["http://"]).expect_err("refused").to_string().contains("can't be used"));
    let api = new(&["https://user:secret@node/key/?token=secret"]).expect("a node");
    assert_eq!(api.names().collect::<Vec<_>>(), ["https://node/key"]);
    assert!(!format!("{api:?}").contains("secret"), "{api:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_shown() {
    let answers = Arc::new(Answers::default());
    for (body, expected) in [
        ("\n<!DOCTYPE HTML><html><body>502</body></html>", "an HTML page"),
        ("<HTML>", "an HTML page"),
        ("<?xml version='1.0'?>", "begins with \"<?xml version='1.0'?>\""),
        ("welcome\u{1b}[31m\u{202e}", r#"begins with "welcome\u{1b}[31m\u{202e}""#),
        (&"ö".repeat(500), &format!("begins with \"{}\"…", "ö".repeat(40))),
    ] {
        let fault = Fault::Text(body.to_owned());
        let node = FakeNode::scripted(&answers, move |_| Some(fault.clone())).await;
        let api = api(&[&node.url]).0;
        let said = format!(
            "from the beacon node at {}: its answer can't be read: it is not JSON, but {expected}; is the URL that of a \
             Beacon API?",
            node.url
        );
        let genesis = api.genesis().await.expect_err("no JSON").to_string();
        let spec = api.spec().await.expect_err("no JSON").to_string();
        let validators = api.validators(StateId::Head).await.expect_err("no JSON").to_string();
        // Blocks are asked for as SSZ.
        let block = api.block(BlockId::Head, &Arc::new(Network::Mainnet.spec())).await;
        let block = block.expect_err("no block").to_string();
        for error in [genesis, spec, validators, block] {
            assert!(error.ends_with(&said), "{error}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_a_dead_address_names_that_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = listener.local_addr().expect("an address");
    drop(listener);
    let to = format!("http://me:secret@{dead}/eth?key=secret");
    let answers = Arc::new(Answers::default());
    let node = FakeNode::scripted(&answers, move |_| Some(Fault::Redirect(to.clone()))).await;
    let (api, _) = api(&[&node.url]);
    let error = api.genesis().await.expect_err("nobody answers").to_string();
    let said = format!(
        "from the beacon node at {}: it can't be reached, because it redirects to http://{dead}, where nobody answers: ",
        node.url
    );
    assert!(error.contains(&said), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let health = api.health().await.remove(0).expect_err("nobody answers").to_string();
    assert!(health.contains(&format!("redirects to http://{dead}, ")), "{health}");
}
