//! A simulated chain through everything, without any recorded data: node, recording, era file, replay.

use std::path::Path;
use std::sync::Arc;

use captures::fake_node::{Answers, FakeNode};
use captures::pacing::{TestPacing, options};
use consensus::rewards::{Attestations, Scale};
use consensus::spec::{Config, Fork, Preset, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, state_transition};
use consensus::{Root, Slot};
use serde_json::json;
use simulate::chain::{Chain, ChainPlan, Signing};
use source::StopSwitch;
use source::beacon_api::BeaconApi;
use source::chain::{ChainBlock, Genesis};
use source::chain_input::ChainInput;
use source::compression::Compression;
use source::era::{BlockRoots, EraWriter};
use source::record::{NoRecordProgress, RecordPlan, record};
use source::recording::{Recording, RecordingLimits};
use source::replay::{Links, Replay};

const SLOTS: u64 = 64;

/// Blocks of slots 1 to 64, and the states of slots 0 and 64.
struct Simulated {
    spec: Arc<Spec>,
    blocks: Vec<ChainBlock>,
    states: [State; 2],
}

fn simulated(fork: Fork) -> Simulated {
    simulated_of(fork, 32)
}

fn simulated_of(fork: Fork, validators: u32) -> Simulated {
    let mut spec = Spec {
        preset: Preset::MINIMAL,
        config: Config { config_name: "simulated".to_owned(), ..Config::default() },
    };
    for earlier in Fork::ALL.into_iter().filter(|earlier| *earlier <= fork) {
        spec.config.set_fork_epoch(earlier, 0);
    }
    let plan = ChainPlan {
        spec,
        fork,
        upgrades: Vec::new(),
        validators,
        seed: 5,
        signing: Signing::Unsigned,
        missed_permille: 150,
        payload_bytes: 500,
        genesis_time: 1_700_000_000,
    };
    let mut chain = Chain::new(plan).expect("a chain");
    let genesis = chain.state().clone();
    let spec = Arc::clone(genesis.spec());
    let block = |chain: &mut Chain| chain.advance(&mut FromScratch).expect("a slot");
    let blocks: Vec<ChainBlock> =
        (0..SLOTS).filter_map(|_| Some(ChainBlock { fork, block: block(&mut chain)? })).collect();
    assert!(blocks.len() > 40 && blocks.len() < 64, "{}", blocks.len());
    Simulated { spec, blocks, states: [genesis, chain.state().clone()] }
}

impl Simulated {
    /// What a node with this chain answers; slot 3 and those that can be divided by 5 in JSON only.
    fn answers(&self) -> Arc<Answers> {
        let mut answers = Answers::default();
        answers.put("/eth/v1/config/spec", None, json!({ "data": self.spec.to_values() }));
        let genesis = &self.states[0];
        let genesis = Genesis {
            time: genesis.genesis_time,
            validators_root: genesis.genesis_validators_root,
            fork_version: self.spec.config.fork_version(Fork::Phase0).0,
        };
        answers.put("/eth/v1/beacon/genesis", None, genesis.to_json());
        answers.put("/eth/v1/node/version", None, json!({"data": {"version": "simulated"}}));
        let syncing = json!({"head_slot": SLOTS, "sync_distance": 0, "is_syncing": false});
        answers.put("/eth/v1/node/syncing", None, json!({ "data": syncing }));
        for block in &self.blocks {
            let (slot, fork) = (block.slot().0, block.fork.name());
            let path = format!("/eth/v2/beacon/blocks/{slot}");
            let data = block.block.to_json(&self.spec.shape(block.fork));
            answers.put(&path, Some(fork), json!({"version": fork, "data": data}));
            if slot != 3 && !slot.is_multiple_of(5) {
                answers.put_ssz(&path, fork, block.encode(&self.spec));
            }
        }
        let state = &self.states[0];
        let ssz = state.encode().expect("an encoding");
        answers.put_ssz("/eth/v2/debug/beacon/states/0", state.fork_name().name(), ssz);
        Arc::new(answers)
    }

    /// Replays what is at a path, with every root checked, and compares it with the chain.
    fn check_replay(&self, path: &Path, last: u64) {
        let replay = ChainInput::open(path).expect("a chain").replay(Slot(1), Slot(last)).expect("a replay");
        let mut state = replay.state;
        let mut blocks = self.blocks.iter().filter(|block| block.slot().0 <= last);
        for block in replay.blocks {
            let block = block.expect("a block");
            assert_eq!(Some(&block), blocks.next());
            state_transition(&mut state, &block.block, Checks::ROOTS, &mut FromScratch, &mut ())
                .expect("a valid block");
        }
        assert!(blocks.next().is_none());
    }
}

#[tokio::test]
async fn a_chain_goes_from_a_node_into_a_recording_and_an_era_file() {
    for fork in Fork::ALL {
        let chain = simulated(fork);
        let node = FakeNode::honest(&chain.answers()).await;
        let pacing = Arc::new(TestPacing::default());
        let api = BeaconApi::with_pacing([&node.url], options(), pacing).expect("a node");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("recording");
        let plan =
            RecordPlan { compression: Compression::Snappy, ..RecordPlan::new(Slot(1), Slot(SLOTS), &path) };
        let report = record(&plan, &api, &NoRecordProgress, &StopSwitch::default()).await;
        let report = report.unwrap_or_else(|error| panic!("{fork}: {error}"));
        assert_eq!(report.stored, chain.blocks.len() as u64, "{fork}");
        let recording = Recording::open(&path, RecordingLimits::default()).expect("a recording");
        assert_eq!(recording.verify().expect("a chain").blocks, report.stored, "{fork}");
        assert_eq!(**recording.spec(), *chain.spec, "{fork}");
        chain.check_replay(&path, SLOTS);

        let eras = directory.path().join("eras");
        let config = json!({ "data": chain.spec.to_values() }).to_string();
        std::fs::create_dir(&eras).expect("a directory");
        std::fs::write(eras.join("config.yaml"), config).expect("written");
        let mut writer =
            EraWriter::create(&eras, Arc::clone(&chain.spec), BlockRoots::Verify).expect("a writer");
        writer.begin(0).expect("an era");
        writer.end(&chain.states[0]).expect("an era");
        writer.begin(1).expect("an era");
        for block in recording.blocks(Slot(0), Slot(SLOTS - 1)) {
            writer.block(&block.expect("a block")).expect("a block");
        }
        let last = &chain.states[1];
        assert_eq!(last.slot, SLOTS);
        writer.end(last).expect("an era");
        writer.finish().expect("a file");
        chain.check_replay(&eras, SLOTS - 1);
        assert_ne!(last.genesis_validators_root, Root::default());
    }
}

#[test]
fn attestations_tell_what_they_are_made_of() {
    for fork in [Fork::Phase0, Fork::Altair, Fork::Deneb, Fork::Electra, Fork::Fulu, Fork::Gloas] {
        // Four committees a slot.
        let chain = simulated_of(fork, 128);
        let [mut state, _] = chain.states.clone();
        let blocks = chain.blocks.iter().cloned().map(Ok::<_, std::convert::Infallible>);
        let mut voted = std::collections::HashSet::new();
        let (mut several, mut repeated) = (0, 0);
        for block in Replay::new(chain.states[0].clone(), blocks, Links::Check) {
            let block = block.expect("a block");
            state_transition(&mut state, &block.block.block, Checks::TRUST, &mut FromScratch, &mut ())
                .expect("a valid block");
            let seen = block.observation();
            let included = &block.block.block.message.body.attestations;
            assert_eq!((seen.shapes.len(), seen.votes.len()), (included.len(), included.len()));
            let mut paid = 0;
            for ((attestation, shape), reward) in included.iter().zip(&seen.shapes).zip(&seen.rewards) {
                let data = &attestation.data;
                let committees: Vec<u64> = if fork >= Fork::Electra {
                    attestation.committee_bits.ones().map(|committee| committee as u64).collect()
                } else {
                    vec![data.index]
                };
                let members: Vec<u32> = committees
                    .iter()
                    .flat_map(|committee| state.beacon_committee(data.slot, *committee).expect("a committee"))
                    .collect();
                let votes = attestation.aggregation_bits.ones().map(|bit| (data.target.epoch, members[bit]));
                let (new, known): (Vec<_>, Vec<_>) = votes.partition(|vote| !voted.contains(vote));
                let place = format!("{fork:?} slot {} {attestation:?}", seen.slot);
                assert_eq!(
                    (shape.new as usize, shape.repeated as usize),
                    (new.len(), known.len()),
                    "{place}"
                );
                assert_eq!(shape.committees, committees.iter().map(|committee| 1 << committee).sum::<u64>());
                assert_eq!(shape.committees_of_slot, 4, "{place}");
                assert!(shape.new >= reward.fresh_validators, "{place}");
                voted.extend(new);
                several += usize::from(committees.len() > 1);
                repeated += known.len();
                paid += shape.paid.0;
            }
            let spec = block.reward(Scale::Spec, Attestations::Omit);
            let expected = if fork == Fork::Phase0 { 0 } else { spec.attestation_rewards.total.0 };
            assert_eq!(paid, expected, "{fork:?} slot {}", seen.slot);
        }
        assert!(repeated > 0 && (several > 0) == (fork >= Fork::Electra), "{fork:?}: {several}, {repeated}");
    }
}
