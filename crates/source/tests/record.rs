//! Recording from nodes: whole, in parts, and from nodes that change their minds.

use std::path::Path;
use std::sync::{Arc, Mutex};

use captures::Capture;
use captures::fake_node::{Answers, Asked, FakeNode, Fault};
use captures::pacing::{TestPacing, options};
use consensus::transition::{Checks, FromScratch, state_transition};
use consensus::{Root, Slot};
use source::StopSwitch;
use source::beacon_api::BeaconApi;
use source::record::{
    NoRecordProgress, RecordError, RecordPlan, RecordProgress, RecordReport, SlotOutcome, StartState, record,
};
use source::recording::{Recording, RecordingLimits};

/// Deneb, every slot from 34 to 104, with the state of each.
const DENEB: &str = "lighthouse-devnet/deneb-minimal-34-104";

fn recorded() -> Option<(Capture, Arc<Answers>)> {
    let capture = captures::named(DENEB)?;
    let answers = Answers::of(&capture);
    Some((capture, answers))
}

fn api(nodes: &[&FakeNode]) -> BeaconApi {
    let urls = nodes.iter().map(|node| &node.url);
    BeaconApi::with_pacing(urls, options(), Arc::new(TestPacing::default())).expect("URLs")
}

async fn run(plan: &RecordPlan, nodes: &[&FakeNode]) -> Result<RecordReport, RecordError> {
    record(plan, &api(nodes), &NoRecordProgress, &StopSwitch::default()).await
}

fn plan(directory: &Path) -> RecordPlan {
    RecordPlan::new(Slot(35), Slot(104), directory)
}

fn open(directory: &Path) -> Recording {
    Recording::open(directory, RecordingLimits::default()).expect("a recording")
}

/// The recording has the blocks of the capture from a slot on, and they are one chain.
fn check(directory: &Path, capture: &Capture, first: u64) {
    let recording = open(directory);
    let spec = capture.spec();
    let expected: Vec<_> = capture
        .blocks()
        .iter()
        .filter(|block| (first..=104).contains(&block.slot.0))
        .map(|block| block.from_ssz(&spec))
        .collect();
    let read: Result<Vec<_>, _> = recording.all_blocks().collect();
    assert_eq!(read.expect("blocks"), expected);
    let verified = recording.verify().expect("a chain");
    assert_eq!(verified.blocks, expected.len() as u64);
    let manifest = recording.manifest().expect("a manifest");
    assert_eq!(manifest.ranges.len(), 1, "{:?}", manifest.ranges);
    assert_eq!((manifest.ranges[0].first, manifest.ranges[0].last), (Slot(first), Slot(104)));
}

fn blocks_asked(node: &FakeNode) -> usize {
    node.count("/eth/v2/beacon/blocks/")
}

#[tokio::test]
async fn a_range_is_recorded_and_can_be_replayed() {
    let Some((capture, answers)) = recorded() else { return };
    let node = FakeNode::honest(&answers).await;
    for parallel in [1, 16] {
        let directory = tempfile::tempdir().expect("a directory");
        let plan = RecordPlan { parallel, ..plan(directory.path()) };
        let report = run(&plan, &[&node]).await.expect("a report");
        let blocks = capture.blocks().iter().filter(|block| block.slot.0 >= 35).count() as u64;
        assert_eq!((report.stored, report.empty, report.kept), (blocks, 70 - blocks, 0));
        assert_eq!((report.first, report.last, report.state), (Slot(35), Slot(104), Some(Slot(34))));
        assert_eq!(report.manifest.origin, [node.url.as_str()]);
        assert!(report.manifest.client_versions[0].starts_with("Lighthouse/v5.3.0"));
        assert!(!report.stopped);
        check(directory.path(), &capture, 35);
        // A second time nothing is asked for again.
        let before = (blocks_asked(&node), node.count("/eth/v2/debug"));
        let report = run(&plan, &[&node]).await.expect("a report");
        assert_eq!((report.stored, report.empty, report.kept), (0, 0, 70));
        assert_eq!((blocks_asked(&node), node.count("/eth/v2/debug")), before);
        if parallel == 16 {
            let recording = open(directory.path());
            let mut state = recording.state_before(Slot(35)).expect("a state");
            for block in recording.all_blocks() {
                let block = block.expect("a block");
                let applied =
                    state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ());
                applied.expect("a valid block");
            }
            assert_eq!(state.slot, 104);
        }
    }
}

#[tokio::test]
async fn an_earlier_state_makes_the_recording_begin_earlier() {
    let Some((capture, answers)) = recorded() else { return };
    let node = FakeNode::honest(&answers).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = RecordPlan { start: Slot(60), state: StartState::Slot(Slot(39)), ..plan(directory.path()) };
    let report = run(&plan, &[&node]).await.expect("a report");
    assert_eq!((report.first, report.state), (Slot(40), Some(Slot(39))));
    check(directory.path(), &capture, 40);
}

#[tokio::test]
async fn a_finalized_state_is_begun_with_and_gone_on_from() {
    let Some((capture, answers)) = recorded() else { return };
    let mut answers = Answers::clone(&answers);
    let state = |slot: u64| format!("/eth/v2/debug/beacon/states/{slot}");
    let finalized = "/eth/v2/debug/beacon/states/finalized";
    answers.put_ssz(finalized, "deneb", answers.ssz(&state(48)).expect("a state").to_vec());
    let node = FakeNode::honest(&Arc::new(answers.clone())).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = RecordPlan { state: StartState::Finalized, ..plan(directory.path()) };
    let short = RecordPlan { end: Slot(70), ..plan.clone() };
    let report = run(&short, &[&node]).await.expect("a report");
    assert_eq!((report.first, report.state), (Slot(49), Some(Slot(48))));
    // Later another one is finalized; the recording goes on from its own.
    answers.put_ssz(finalized, "deneb", answers.ssz(&state(64)).expect("a state").to_vec());
    let node = FakeNode::honest(&Arc::new(answers)).await;
    let report = run(&plan, &[&node]).await.expect("a report");
    assert_eq!((report.first, report.kept), (Slot(49), 22));
    check(directory.path(), &capture, 49);
}

#[tokio::test]
async fn without_a_state_blocks_are_recorded_as_they_come() {
    let Some((capture, answers)) = recorded() else { return };
    let node = FakeNode::honest(&answers).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = RecordPlan { start: Slot(34), state: StartState::Without, ..plan(directory.path()) };
    let report = run(&plan, &[&node]).await.expect("a report");
    assert_eq!(report.state, None);
    check(directory.path(), &capture, 34);
    assert_eq!(open(directory.path()).state_slots().count(), 0);
}

#[tokio::test]
async fn a_recording_that_fails_in_the_middle_is_continued() {
    let Some((capture, answers)) = recorded() else { return };
    let slot_of = |asked: &Asked| asked.path.rsplit('/').next().and_then(|slot| slot.parse::<u64>().ok());
    let failing = FakeNode::scripted(&answers, move |asked| {
        let late = asked.path.starts_with("/eth/v2/beacon/blocks/") && slot_of(asked)? >= 60;
        late.then_some(Fault::Status(500))
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let error = run(&plan(directory.path()), &[&failing]).await.expect_err("it fails").to_string();
    assert!(error.starts_with("the block of slot 6") && error.contains(&failing.url), "{error}");
    let stored = open(directory.path()).block_slots().count();
    assert!(stored > 15, "{stored}");
    let honest = FakeNode::honest(&answers).await;
    let report = run(&plan(directory.path()), &[&honest]).await.expect("a report");
    assert!(report.kept >= stored as u64);
    assert!(blocks_asked(&honest) <= 70 - stored);
    check(directory.path(), &capture, 35);
}

/// Stops after so many slots, and notes what it hears.
#[derive(Default)]
struct Listener {
    stop: StopSwitch,
    stop_after: Option<usize>,
    slots: Mutex<Vec<(Slot, SlotOutcome)>>,
    back: Mutex<Vec<Slot>>,
}

impl RecordProgress for Listener {
    fn slot(&self, slot: Slot, outcome: SlotOutcome) {
        let mut slots = self.slots.lock().expect("no panic");
        slots.push((slot, outcome));
        if Some(slots.len()) == self.stop_after {
            self.stop.stop();
        }
    }

    fn back_to(&self, slot: Slot) {
        self.back.lock().expect("no panic").push(slot);
    }
}

#[tokio::test]
async fn a_recording_is_stopped_and_continued() {
    let Some((capture, answers)) = recorded() else { return };
    let node = FakeNode::honest(&answers).await;
    let directory = tempfile::tempdir().expect("a directory");
    let listener = Listener { stop_after: Some(10), ..Listener::default() };
    let plan = plan(directory.path());
    let report = record(&plan, &api(&[&node]), &listener, &listener.stop).await.expect("a report");
    assert!(report.stopped && report.stored + report.empty >= 10 && report.stored < 60, "{report:?}");
    let listener = Listener::default();
    let report = record(&plan, &api(&[&node]), &listener, &listener.stop).await.expect("a report");
    assert!(!report.stopped && report.kept >= 8, "{report:?}");
    assert_eq!(listener.slots.lock().expect("no panic").len(), 70);
    check(directory.path(), &capture, 35);
}

#[tokio::test]
async fn a_branch_that_was_left_is_left_too() {
    let Some((capture, answers)) = recorded() else { return };
    for orphan in capture.orphans() {
        // The first time the node is asked for the slot it follows the other branch still.
        let (slot, root) = (orphan.slot, orphan.root);
        let own = format!("/eth/v2/beacon/blocks/{slot}");
        let other = format!("/eth/v2/beacon/blocks/{root}");
        let mut both = Answers::clone(&answers);
        if both.ssz(&own).is_none() {
            // The slot is empty in the end. A fault needs an answer to put another one in its place.
            both.put_ssz(&own, "deneb", orphan.ssz.clone());
        }
        let empty = answers.ssz(&own).is_none();
        let node = FakeNode::scripted(&Arc::new(both), move |asked| {
            let here = asked.path == own;
            match asked.before {
                0 if here => Some(Fault::Instead(other.clone())),
                _ if here && empty => Some(Fault::Status(404)),
                _ => None,
            }
        })
        .await;
        let directory = tempfile::tempdir().expect("a directory");
        let listener = Listener::default();
        let plan = plan(directory.path());
        let report = record(&plan, &api(&[&node]), &listener, &listener.stop).await;
        let report = report.unwrap_or_else(|error| panic!("orphan of slot {slot}: {error}"));
        assert!(report.stored > 50);
        let back = listener.back.lock().expect("no panic").clone();
        assert!(back.len() == 1 && back[0] < slot, "{back:?} for an orphan of slot {slot}");
        check(directory.path(), &capture, 35);
    }
}

#[tokio::test]
async fn a_block_that_is_kept_from_us_is_asked_for_again() {
    let Some((capture, answers)) = recorded() else { return };
    let path = "/eth/v2/beacon/blocks/50";
    assert!(answers.ssz(path).is_some());
    let node = FakeNode::scripted(&answers, move |asked| {
        (asked.path == path && asked.before == 0).then_some(Fault::Status(404))
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    run(&plan(directory.path()), &[&node]).await.expect("a report");
    check(directory.path(), &capture, 35);
    // Always is another thing.
    let node =
        FakeNode::scripted(&answers, move |asked| (asked.path == path).then_some(Fault::Status(404))).await;
    let directory = tempfile::tempdir().expect("a directory");
    let error = run(&plan(directory.path()), &[&node]).await.expect_err("a hole");
    let spec = capture.spec();
    let root = |slot: u64| {
        let blocks = capture.blocks();
        blocks.iter().find(|block| block.slot.0 == slot).expect("a block").from_ssz(&spec).root(&spec)
    };
    let next = capture.blocks().into_iter().find(|block| block.slot.0 > 50).expect("a block").slot;
    let before = capture.blocks().into_iter().rev().find(|block| block.slot.0 < 50).expect("a block").slot;
    assert_eq!(
        error.to_string(),
        format!(
            "the block of slot {next} from the beacon node at {} does not fit: parent_root is {}, and the block before \
             it, of slot {before}, is {}",
            node.url,
            root(50),
            root(before.0)
        )
    );
    // What is stored is a chain, and another node can go on.
    assert_eq!(open(directory.path()).block_slots().next_back(), Some(before));
    let honest = FakeNode::honest(&answers).await;
    run(&plan(directory.path()), &[&honest]).await.expect("a report");
    check(directory.path(), &capture, 35);
}

#[tokio::test]
async fn a_recording_whose_end_was_reorganised_is_mended() {
    let Some((capture, answers)) = recorded() else { return };
    let spec = capture.spec();
    // One that follows the block that stayed in the chain before it.
    let orphan = capture.orphans().into_iter().find(|orphan| {
        let parent = orphan.from_ssz(&spec).block.message.parent_root;
        let before = capture.blocks().into_iter().rfind(|block| block.slot < orphan.slot);
        before.is_some_and(|before| before.root == parent)
    });
    let orphan = orphan.expect("an orphan");
    let own = format!("/eth/v2/beacon/blocks/{}", orphan.slot);
    let other = format!("/eth/v2/beacon/blocks/{}", orphan.root);
    let mut before = Answers::clone(&answers);
    before.put_ssz(&own, "deneb", orphan.ssz.clone());
    let node = FakeNode::scripted(&Arc::new(before), move |asked| {
        (asked.path == own).then(|| Fault::Instead(other.clone()))
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let short = RecordPlan { end: orphan.slot, ..plan(directory.path()) };
    run(&short, &[&node]).await.expect("a report");
    assert_eq!(open(directory.path()).block(orphan.slot).expect("a block").root(&spec), orphan.root);
    let honest = FakeNode::honest(&answers).await;
    run(&plan(directory.path()), &[&honest]).await.expect("a report");
    check(directory.path(), &capture, 35);
}

#[tokio::test]
async fn what_can_not_be_recorded_is_said() {
    let Some((capture, answers)) = recorded() else { return };
    let node = FakeNode::honest(&answers).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plan = plan(directory.path());
    let sentence = async |plan: RecordPlan| run(&plan, &[&node]).await.expect_err("refused").to_string();
    let error = sentence(RecordPlan { start: Slot(9), end: Slot(8), ..plan.clone() }).await;
    assert_eq!(error, "slots 9 to 8 are no range: the end is before the start");
    let error = sentence(RecordPlan { start: Slot(0), end: Slot(0), ..plan.clone() }).await;
    assert!(error.contains("begin at slot 1"), "{error}");
    let error = sentence(RecordPlan { end: Slot(105), ..plan.clone() }).await;
    assert_eq!(error, "slot 105 is not there yet: the beacon nodes are at slot 104");
    let error = sentence(RecordPlan { start: Slot(10), ..plan.clone() }).await;
    assert!(error.starts_with("the state of slot 9 can't be had from the beacon node at "), "{error}");
    assert!(error.ends_with("begin at a later slot, or record without a state"), "{error}");
    let error = sentence(RecordPlan { state: StartState::Slot(Slot(104)), ..plan.clone() }).await;
    assert_eq!(error, "slots 105 to 104 are no range: the end is before the start");

    // A node of another network beside it, and alone for the same recording.
    let mut other = Answers::clone(&answers);
    let mut genesis = capture.genesis_body();
    let foreign = Root([5; 32]);
    genesis["data"]["genesis_validators_root"] = foreign.to_string().into();
    other.put("/eth/v1/beacon/genesis", None, genesis);
    let other = FakeNode::honest(&Arc::new(other)).await;
    let error = run(&plan, &[&node, &other]).await.expect_err("two networks").to_string();
    assert!(error.contains("of different networks") && error.contains(&other.url), "{error}");
    let error = run(&plan, &[&other]).await.expect_err("another state").to_string();
    let own = capture.genesis().validators_root;
    assert!(
        error.contains("its genesis_validators_root is")
            || error.contains(&format!("genesis_validators_root is {own}, where {foreign}")),
        "{error}"
    );
}
