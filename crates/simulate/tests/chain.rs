//! Simulated chains are valid by every rule, and the same plan makes the same chain.

use std::sync::Arc;

use consensus::Root;
use consensus::containers::{Attestation, SignedBeaconBlock};
use consensus::rewards::{AttestationLog, RewardLog, record_parts};
use consensus::spec::{Fork, Network, Preset, Spec};
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, process_slots, process_slots_trusting, state_transition};
use fingerprint::Client;
use simulate::GraffitiHabit;
use simulate::chain::{Chain, ChainError, ChainPlan, Packers, Signing, Upgrade};

fn plan(fork: Fork, signing: Signing) -> ChainPlan {
    let spec = Spec { preset: Preset::MINIMAL, config: Network::Mainnet.spec().config };
    ChainPlan {
        spec,
        fork,
        upgrades: Vec::new(),
        validators: 96,
        seed: 7,
        signing,
        missed_permille: 60,
        payload_bytes: 700,
        genesis_time: 1_700_000_000,
    }
}

fn grow(plan: ChainPlan, slots: u64) -> (State, Vec<Arc<SignedBeaconBlock>>, State) {
    let mut chain = Chain::new(plan).unwrap();
    let genesis = chain.state().clone();
    let mut blocks = Vec::new();
    for _ in 0..slots {
        blocks.extend(chain.advance(&mut FromScratch).unwrap());
    }
    (genesis, blocks, chain.state().clone())
}

#[test]
fn every_block_of_a_signed_chain_passes_all_checks() {
    for fork in [Fork::Phase0, Fork::Capella, Fork::Fulu, Fork::Gloas] {
        let (mut state, blocks, end) = grow(plan(fork, Signing::Signed), 20);
        assert!(blocks.len() > 15, "{fork}: {} blocks", blocks.len());
        for block in &blocks {
            state_transition(&mut state, block, Checks::ALL, &mut FromScratch, &mut ())
                .unwrap_or_else(|error| panic!("{fork}: {error}"));
        }
        if state.slot < end.slot {
            process_slots(&mut state, end.slot, &mut FromScratch).unwrap();
        }
        assert_eq!(state.hash_tree_root().unwrap(), end.hash_tree_root().unwrap(), "{fork}");
    }
}

#[test]
fn chains_of_every_fork_finalize_and_pay_their_proposers() {
    for fork in Fork::ALL {
        let (mut state, blocks, end) = grow(plan(fork, Signing::Unsigned), 47);
        let deposited: u64 = state.balances.iter().sum();
        assert!(end.finalized_checkpoint.epoch >= 2, "{fork}: finalized {}", end.finalized_checkpoint.epoch);
        let mut paid = 0;
        for block in &blocks {
            let mut log = RewardLog::default();
            state_transition(&mut state, block, Checks::TRUST, &mut FromScratch, &mut log)
                .unwrap_or_else(|error| panic!("{fork}: {error}"));
            // In phase 0 it is paid later, at the end of the epoch.
            let worth = |attestation: &AttestationLog| {
                let attesters = attestation.attesters.iter();
                attesters.map(|attester| attestation.worth.numerator(attester)).sum::<u64>()
            };
            paid += u64::from(log.attestations.iter().any(|attestation| worth(attestation) > 0));
            let at_once = log.attestations.iter().map(|attestation| attestation.paid).sum::<u64>() > 0;
            assert!(!at_once || fork > Fork::Phase0, "{fork}");
            assert_eq!(log.sync_participants > 0, fork > Fork::Phase0, "{fork}");
        }
        assert!(paid as usize + 3 > blocks.len(), "{fork}: {paid} of {} blocks pay", blocks.len());
        // From Capella on the balances above the most effective one are withdrawn.
        assert!(fork >= Fork::Capella || end.balances.iter().sum::<u64>() > deposited, "{fork}");
        // Trust leaves out roots and nothing else.
        assert_eq!(state.balances, end.balances, "{fork}");
        assert_eq!(state.validators, end.validators, "{fork}");
        assert_eq!(state.current_justified_checkpoint, end.current_justified_checkpoint, "{fork}");
    }
}

#[test]
fn a_signed_chain_crosses_all_forks() {
    let crossing = |first: Fork, upgrades: Vec<Upgrade>, slots: u64| {
        let plan = ChainPlan { upgrades, validators: 48, ..plan(first, Signing::Signed) };
        let (mut state, blocks, end) = grow(plan, slots);
        let genesis = state.clone();
        for block in &blocks {
            state_transition(&mut state, block, Checks::ALL, &mut FromScratch, &mut ())
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(state.fork_name(), genesis.spec().fork_at_slot(block.message.slot));
        }
        (genesis, blocks, end)
    };
    let (fork, each): (Vec<_>, Vec<_>) =
        (1..).zip(Fork::ALL.into_iter().skip(1)).map(|(epoch, fork)| (fork, Upgrade { fork, epoch })).unzip();
    let (genesis, blocks, end) = crossing(Fork::Phase0, each, 66);
    assert_eq!(Some(&end.fork_name()), fork.last());
    assert_eq!(end.finalized_checkpoint.epoch, 6);
    let votes = |epoch: u64| {
        let of_epoch = blocks.iter().filter(move |block| block.message.slot / 8 == epoch);
        of_epoch.map(|block| block.message.body.attestations.len()).sum::<usize>()
    };
    assert!((0..8).all(|epoch| votes(epoch) > 4), "{:?}", (0..8).map(votes).collect::<Vec<_>>());
    // The merge is the first block of Bellatrix.
    let payload = |block: &&Arc<SignedBeaconBlock>| block.message.body.execution_payload.block_number > 0;
    assert_eq!(blocks.iter().find(payload).map(|block| block.message.slot), Some(16));
    assert_eq!(genesis.spec().config.fork_epoch(Fork::Deneb), 4);

    // A fork that is not named begins with the one behind it; what was signed before both is worthless then.
    let (genesis, _, end) = crossing(Fork::Altair, vec![Upgrade { fork: Fork::Capella, epoch: 2 }], 40);
    assert_eq!(genesis.spec().config.fork_epoch(Fork::Bellatrix), 2);
    assert_eq!(genesis.spec().config.fork_epoch(Fork::Deneb), u64::MAX);
    assert!(end.finalized_checkpoint.epoch >= 3, "{}", end.finalized_checkpoint.epoch);
}

#[test]
fn payloads_of_gloas_come_or_do_not_come() {
    let plan = ChainPlan { missed_permille: 200, ..plan(Fork::Gloas, Signing::Unsigned) };
    let (mut state, blocks, _) = grow(plan, 60);
    let (mut came, mut absent, mut late_votes) = (0, 0, 0);
    for pair in blocks.windows(2) {
        let [block, next] = pair else { continue };
        state_transition(&mut state, block, Checks::ROOTS, &mut FromScratch, &mut ()).unwrap();
        let hash = block.message.body.signed_execution_payload_bid.message.block_hash;
        let body = &next.message.body;
        let upon = body.signed_execution_payload_bid.message.parent_block_hash == hash;
        came += u64::from(upon);
        absent += u64::from(!upon);
        // The committee of the slot before says so, where that slot has a block.
        let about: Vec<_> = body.payload_attestations.iter().collect();
        let follows = block.message.slot + 1 == next.message.slot;
        assert_eq!(!about.is_empty(), follows, "slot {}", next.message.slot);
        if let Some(most) = about.iter().max_by_key(|vote| vote.aggregation_bits.count()) {
            assert_eq!(most.data.payload_present, upon);
        }
        late_votes += body.attestations.iter().filter(|vote| vote.data.index == 1).count();
    }
    assert!(came > 25 && absent > 3, "{came} came, {absent} did not");
    assert!(late_votes > 0, "votes for the block of an earlier slot say whether its payload came");
}

#[test]
fn the_same_plan_makes_the_same_chain_and_another_seed_another() {
    let (_, first, _) = grow(plan(Fork::Electra, Signing::Unsigned), 12);
    let (_, second, _) = grow(plan(Fork::Electra, Signing::Unsigned), 12);
    assert_eq!(first, second);
    let (_, other, _) = grow(ChainPlan { seed: 8, ..plan(Fork::Electra, Signing::Unsigned) }, 12);
    assert_ne!(first, other);
}

#[test]
fn plans_that_can_t_be_carried_out_are_refused() {
    let refused = |upgrades: &[&str]| {
        let upgrades = upgrades.iter().map(|text| text.parse().unwrap()).collect();
        let plan = ChainPlan { upgrades, ..plan(Fork::Capella, Signing::Unsigned) };
        Chain::new(plan).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&["bellatrix=3"]),
        "bellatrix can't begin with epoch 3: the chain has it, or a later one, before"
    );
    assert_eq!(refused(&["deneb=0"]), "deneb can't begin with epoch 0: the chain begins with another one");
    assert_eq!(
        refused(&["deneb=4", "electra=3"]),
        "electra can't begin with epoch 3: an earlier fork begins after it"
    );
    assert_eq!(
        refused(&["deneb=18446744073709551615"]),
        "deneb can't begin with epoch 18446744073709551615: no chain comes to that epoch"
    );
    for bad in ["deneb", "deneb=", "deneb=-1", "osaka=3"] {
        assert!(bad.parse::<Upgrade>().is_err(), "{bad}");
    }
    let few = ChainPlan { validators: 7, ..plan(Fork::Electra, Signing::Unsigned) };
    assert_eq!(Chain::new(few).map(|_| ()), Err(ChainError::Validators { found: 7, slots: 8 }));
}

#[test]
fn each_client_packs_in_its_own_order_and_may_sign() {
    let packers = |mix: Vec<(Client, f64)>, share| Packers { mix, graffiti: GraffitiHabit::Signed { share } };
    let plan = ChainPlan { validators: 512, ..plan(Fork::Electra, Signing::Unsigned) };
    let grow = |packers: Packers| -> Vec<(Client, Arc<SignedBeaconBlock>)> {
        let mut chain = Chain::new(plan.clone()).unwrap().packed_by(packers);
        let genesis = chain.state().clone();
        let mut blocks = Vec::new();
        for _ in 0..40 {
            if let Some(block) = chain.advance(&mut FromScratch).unwrap() {
                blocks.push((chain.packer(block.message.proposer_index).unwrap(), block));
            }
        }
        // Valid, and it goes on being finalized.
        let mut state = genesis;
        for (_, block) in &blocks {
            state_transition(&mut state, block, Checks::ROOTS, &mut FromScratch, &mut ()).unwrap();
        }
        assert!(state.finalized_checkpoint.epoch > 0);
        blocks
    };
    let slots = |block: &SignedBeaconBlock| -> Vec<u64> {
        block.message.body.attestations.iter().map(|attestation| attestation.data.slot).collect()
    };
    let falls = |slots: &[u64]| slots.windows(2).any(|pair| pair[1] < pair[0]);
    let rises = |slots: &[u64]| slots.windows(2).any(|pair| pair[1] > pair[0]);
    let mut both_epochs = 0;
    for (client, block) in grow(packers(vec![(Client::Grandine, 1.0)], 0.0)) {
        assert_eq!(client, Client::Grandine);
        let epochs: Vec<u64> = slots(&block).iter().map(|slot| slot / 8).collect();
        assert!(!rises(&epochs), "{:?}", slots(&block));
        both_epochs += usize::from(falls(&epochs));
        let graffiti = consensus::rewards::graffiti_text(&block.message.body.graffiti.0);
        assert!(graffiti.starts_with("generated "), "{graffiti}");
    }
    assert!(both_epochs > 3, "{both_epochs}");
    assert!(grow(packers(vec![(Client::Teku, 1.0)], 0.0)).iter().all(|(_, block)| !rises(&slots(block))));
    let nimbus = grow(packers(vec![(Client::Nimbus, 1.0)], 0.0));
    assert!(nimbus.iter().any(|(_, block)| rises(&slots(block)) && falls(&slots(block))));
    let rules = fingerprint::graffiti::GraffitiRules::built_in(fingerprint::graffiti::RuleSet::Blockmark);
    let mix: Vec<_> = Client::NAMED.into_iter().map(|client| (client, 1.0)).collect();
    let mut seen = std::collections::BTreeSet::new();
    for (client, block) in grow(packers(mix, 1.0)) {
        let graffiti = consensus::rewards::graffiti_text(&block.message.body.graffiti.0);
        assert_eq!(rules.guess(&graffiti, fingerprint::ClientSet::EMPTY), Some(client), "{graffiti}");
        seen.insert(client);
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

/// An attestation without some of its votes, if every committee keeps one.
fn thinned(
    attestation: &Attestation,
    committee_size: usize,
    keep: impl Fn(usize) -> bool,
) -> Option<Attestation> {
    let mut thin = attestation.clone();
    let bits: Vec<usize> = attestation.aggregation_bits.ones().collect();
    bits.iter().filter(|bit| !keep(**bit)).for_each(|bit| {
        thin.aggregation_bits.set(*bit, false);
    });
    let left: Vec<usize> = thin.aggregation_bits.ones().collect();
    let parts = attestation.aggregation_bits.len() / committee_size;
    (0..parts).all(|part| left.iter().any(|bit| bit / committee_size == part)).then_some(thin)
}

#[test]
fn an_attestation_pays_alone_what_it_pays_and_what_those_before_it_took() {
    let mut log = RewardLog::default();
    for fork in [Fork::Phase0, Fork::Altair, Fork::Electra, Fork::Gloas] {
        // Four committees of 4 in each of the 8 slots of an epoch.
        let (mut state, blocks, _) = grow(ChainPlan { validators: 128, ..plan(fork, Signing::Unsigned) }, 30);
        let (mut took, mut whole) = (0, 0);
        for block in &blocks {
            let message = &block.message;
            let mut before = state.clone();
            process_slots_trusting(&mut before, message.slot, message.parent_root).unwrap();
            // Halves, thirds and wholes that repeat each other, in all orders of a block.
            let attestations: Vec<Attestation> = [2_usize, 1, 3, 2, 5]
                .iter()
                .enumerate()
                .flat_map(|(turn, every)| {
                    let keep = move |bit: usize| (bit + turn).is_multiple_of(*every);
                    let some = message.body.attestations.iter().filter_map(move |one| thinned(one, 4, keep));
                    some.map(move |mut one| {
                        // Whoever voted for another head earns a flag less, and the rest later.
                        if turn == 0 {
                            one.data.beacon_block_root = Root([9; 32]);
                        }
                        one
                    })
                })
                .collect();
            let paid = |attestations: &[Attestation], log: &mut RewardLog| {
                let sync = &message.body.sync_aggregate;
                log.clear();
                record_parts(&mut before.clone(), message.proposer_index, attestations, sync, log).unwrap();
                log.attestations.iter().map(|attestation| attestation.paid).collect::<Vec<_>>()
            };
            let together = paid(&attestations, &mut log);
            let alone: Vec<u64> = log.attestations.iter().map(|one| one.alone).collect();
            for (place, one) in attestations.iter().enumerate() {
                assert_eq!(
                    paid(std::slice::from_ref(one), &mut log),
                    [alone[place]],
                    "{fork} slot {} place {place}",
                    message.slot
                );
                assert!(together[place] <= alone[place]);
                took += usize::from(together[place] < alone[place]);
                whole += usize::from(together[place] > 0);
            }
            state_transition(&mut state, block, Checks::TRUST, &mut FromScratch, &mut ()).unwrap();
        }
        // In phase 0 nothing is paid on inclusion.
        assert_eq!(took > 50 && whole > 30, fork > Fork::Phase0, "{fork}: {took} of {whole}");
    }
}
