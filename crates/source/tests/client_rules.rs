//! Signs that rule clients out, on blocks of real networks: what each attestation would have paid alone, and how many
//! blocks of a client break the rules of that client.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use captures::{Capture, Maker};
use consensus::Root;
use consensus::containers::{BeaconBlock, SignedBeaconBlock};
use consensus::hasher::StateHasher;
use consensus::rewards::{RewardLog, record_parts};
use consensus::spec::{Fork, Network, Preset, Spec};
use consensus::ssz::Json;
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, apply_signed_block, process_slots_trusting};
use fingerprint::{BlockObservation, Client, Sign, Signs};
use simulate::GraffitiHabit;
use simulate::chain::{Chain, ChainPlan, Packers, Signing};
use source::chain::ChainBlock;
use source::replay::{Links, Replay};

/// A recorded network, with what features see of its blocks.
struct Seen {
    spec: Arc<Spec>,
    /// The states after each block.
    states: HashMap<Root, State>,
    blocks: Vec<BlockObservation>,
}

/// Replays a network, and holds each attestation against what it pays as the only one on the same state.
fn seen(capture: &Capture) -> Seen {
    let spec = Arc::new(capture.spec());
    let (_, first) = capture.states().remove(0);
    let first = State::decode_any_fork(Arc::clone(&spec), &first).expect("a state");
    let blocks: Vec<ChainBlock> = capture.blocks().iter().map(|block| block.from_ssz(&spec)).collect();
    let mut seen = Seen { spec, states: HashMap::new(), blocks: Vec::new() };
    let mut state = first.clone();
    for block in Replay::new(first, blocks.into_iter().map(Ok::<_, Infallible>), Links::Trust) {
        let block = block.expect("a block that follows");
        let message = &block.block.block.message;
        let observation = block.observation();
        process_slots_trusting(&mut state, message.slot, message.parent_root).expect("slots");
        for (attestation, shape) in message.body.attestations.iter().zip(&observation.shapes) {
            let mut log = RewardLog::default();
            let one = std::slice::from_ref(attestation);
            let sync = &message.body.sync_aggregate;
            record_parts(&mut state.clone(), message.proposer_index, one, sync, &mut log).expect("applied");
            let place = format!("{}, slot {}", capture.name, message.slot);
            assert_eq!(log.attestations[0].paid, shape.alone.0, "{place}");
            assert!(shape.alone >= shape.paid, "{place}");
        }
        let datas: Vec<_> = message.body.attestations.iter().map(|attestation| &attestation.data).collect();
        for (place, shape) in observation.shapes.iter().enumerate() {
            let first = datas.iter().position(|data| *data == datas[place]);
            assert_eq!(first, Some(shape.same_data_as as usize));
            assert_eq!(datas[place].target.epoch, shape.epoch.0);
        }
        apply_signed_block(&mut state, &block.block.block, Checks::TRUST, &mut FromScratch, &mut ())
            .expect("applied");
        seen.states.insert(block.root, state.clone());
        seen.blocks.push(observation);
    }
    seen
}

/// How many blocks show each sign, and rule each client out.
#[derive(Default)]
struct Counts {
    blocks: usize,
    several: usize,
    signs: BTreeMap<Sign, usize>,
    ruled_out: BTreeMap<Client, usize>,
    nobody: usize,
}

impl Counts {
    fn add(&mut self, blocks: &[BlockObservation]) {
        for block in blocks {
            let signs = Signs::of(block).expect("a whole block of Electra");
            self.blocks += 1;
            self.several += usize::from(block.shapes.len() > 1);
            self.nobody += usize::from(signs.rules_out_all());
            signs.iter().for_each(|sign| *self.signs.entry(sign).or_default() += 1);
            for client in Client::ALL.into_iter().filter(|client| signs.rules_out(*client)) {
                *self.ruled_out.entry(client).or_default() += 1;
            }
        }
    }

    fn of(&self, sign: Sign) -> usize {
        self.signs.get(&sign).copied().unwrap_or_default()
    }

    /// Blocks that rule a client out.
    fn against(&self, client: Client) -> usize {
        self.ruled_out.get(&client).copied().unwrap_or_default()
    }

    fn print(&self, name: &str) {
        let signs: Vec<String> =
            self.signs.iter().map(|(sign, count)| format!("{} {count}", sign.code())).collect();
        println!(
            "{name}: {} blocks, {} of several attestations: {}",
            self.blocks,
            self.several,
            signs.join(", ")
        );
    }
}

/// What a node that was not about to propose would have built on the blocks of a network.
fn unproposed(capture: &Capture, seen: &Seen) -> Vec<BlockObservation> {
    let mut built = Vec::new();
    for (slot, answer) in capture.numbered("blocks_v3", "") {
        let fork = seen.spec.fork_at_slot(slot);
        let message =
            BeaconBlock::from_json(&answer["data"]["block"], &seen.spec.shape(fork)).expect("a block");
        let Some(parent) = seen.states.get(&message.parent_root) else { continue };
        let block = Arc::new(SignedBeaconBlock { message, ..SignedBeaconBlock::default() });
        let blocks = std::iter::once(Ok::<_, Infallible>(ChainBlock { fork, block }));
        let mut replay = Replay::new(parent.clone(), blocks, Links::Trust);
        built.extend(replay.next().map(|block| block.expect("a block that follows").observation()));
    }
    built
}

#[test]
fn grandine_breaks_none_of_its_rules() {
    let (mut proposed, mut asked) = (Counts::default(), Counts::default());
    for capture in captures::all().iter().filter(|capture| capture.maker == Maker::Grandine) {
        let seen = seen(capture);
        proposed.add(&seen.blocks);
        asked.add(&unproposed(capture, &seen));
    }
    if proposed.blocks == 0 {
        return;
    }
    proposed.print("proposed by Grandine");
    asked.print("asked of Grandine");
    assert_eq!((proposed.blocks, proposed.several), (324, 96));
    assert_eq!(proposed.against(Client::Grandine), 0);
    // Most of its blocks can be of anybody; of those with several attestations a part rules others out.
    for (client, blocks) in
        [(Client::Lighthouse, 26), (Client::Prysm, 26), (Client::Teku, 3), (Client::Nimbus, 1)]
    {
        assert_eq!(proposed.against(client), blocks, "{client}");
    }
    assert_eq!((proposed.against(Client::Lodestar), proposed.nobody), (0, 0));
    // A node that did not know that it would propose packs otherwise, and may break the rule on epochs.
    assert_eq!((asked.blocks, asked.of(Sign::PreviousEpochFirst)), (354, 1));
    assert_eq!(asked.against(Client::Grandine), 1);
}

#[test]
fn lighthouse_and_lodestar_break_none_of_their_rules_before_electra() {
    // What a Lodestar driver packed after Capella is nobody's.
    let driver = |capture: &Capture| capture.maker == Maker::Lodestar && !capture.name.contains("capella");
    let (mut lighthouse, mut lodestar) = (Counts::default(), Counts::default());
    for capture in captures::all().iter().filter(|one| one.maker != Maker::Grandine && !driver(one)) {
        let seen = seen(capture);
        assert!(seen.blocks.iter().all(|block| Signs::of(block).is_none()), "{}", capture.name);
        // As if Electra had come: what rules these two out was as true before.
        let of_electra = |block: BlockObservation| BlockObservation { fork: Some(Fork::Electra), ..block };
        let blocks: Vec<_> = seen.blocks.into_iter().map(of_electra).collect();
        let counts = if capture.maker == Maker::Lighthouse { &mut lighthouse } else { &mut lodestar };
        counts.add(&blocks);
    }
    if lighthouse.blocks == 0 {
        return;
    }
    lighthouse.print("proposed by Lighthouse");
    assert_eq!((lighthouse.blocks, lighthouse.several), (324, 87));
    assert_eq!(lighthouse.against(Client::Lighthouse), 0);
    lodestar.print("proposed by Lodestar");
    assert_eq!((lodestar.blocks, lodestar.several), (105, 70));
    assert_eq!(lodestar.against(Client::Lodestar), 0);
}

/// A chain whose blocks are packed by sketches of all clients, by client.
fn simulated(fork: Fork) -> BTreeMap<Client, Vec<BlockObservation>> {
    let plan = ChainPlan {
        spec: Spec { preset: Preset::MINIMAL, config: Network::Mainnet.spec().config },
        fork,
        upgrades: Vec::new(),
        validators: 1_024,
        seed: 11,
        signing: Signing::Unsigned,
        missed_permille: 20,
        payload_bytes: 100,
        genesis_time: 1_700_000_000,
    };
    let mix = Client::NAMED.into_iter().map(|client| (client, 1.0)).collect();
    let packers = Packers { mix, graffiti: GraffitiHabit::Unsigned };
    let mut chain = Chain::new(plan).expect("a chain").packed_by(packers);
    let genesis = chain.state().clone();
    let mut roots = StateHasher::new();
    let blocks = (0..600).filter_map(|_| chain.advance(&mut roots).expect("a slot"));
    let blocks: Vec<_> = blocks.map(|block| Ok::<_, Infallible>(ChainBlock { fork, block })).collect();
    let mut by_client: BTreeMap<Client, Vec<BlockObservation>> = BTreeMap::new();
    for block in Replay::new(genesis, blocks.into_iter(), Links::Trust) {
        let observation = block.expect("a block that follows").observation();
        let client = chain.packer(observation.proposer_index.0).expect("a client");
        by_client.entry(client).or_default().push(observation);
    }
    by_client
}

/// Of the blocks of other clients, how many of a hundred rule a client out at least.
const SHARES: [(Client, usize); 6] = [
    (Client::Grandine, 15),
    (Client::Lighthouse, 80),
    (Client::Lodestar, 12),
    (Client::Nimbus, 98),
    (Client::Prysm, 60),
    (Client::Teku, 25),
];

#[test]
fn sketches_of_clients_keep_their_own_rules_and_break_those_of_others() {
    for fork in [Fork::Electra, Fork::Gloas] {
        let mut by_packer = BTreeMap::new();
        for (packer, blocks) in simulated(fork) {
            let mut counts = Counts::default();
            counts.add(&blocks);
            counts.print(&format!("{fork}, {packer}"));
            assert!(counts.blocks > 40, "{fork}, {packer}: {}", counts.blocks);
            assert_eq!(counts.nobody, 0, "{fork}, {packer}");
            by_packer.insert(packer, counts);
        }
        for (client, least) in SHARES {
            let (mut all, mut broken) = (0, 0);
            for (packer, counts) in &by_packer {
                if *packer == client {
                    assert_eq!(counts.against(client), 0, "{fork}: {client} breaks its own rules");
                } else {
                    all += counts.blocks;
                    broken += counts.against(client);
                }
            }
            println!("{fork}: {broken} of {all} blocks of others are not of {client}");
            assert!(100 * broken >= least * all, "{fork}: {broken} of {all} blocks are not of {client}");
        }
    }
}
