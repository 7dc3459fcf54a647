//! Simulated chains are valid by every rule, and the same plan makes the same chain.

use std::sync::Arc;

use consensus::containers::SignedBeaconBlock;
use consensus::rewards::RewardLog;
use consensus::spec::{Fork, Network, Preset, Spec};
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, process_slots, state_transition};
use fingerprint::Client;
use simulate::GraffitiHabit;
use simulate::chain::{Chain, ChainError, ChainPlan, Packers, Signing};

fn plan(fork: Fork, signing: Signing) -> ChainPlan {
    let spec = Spec { preset: Preset::MINIMAL, config: Network::Mainnet.spec().config };
    ChainPlan {
        spec,
        fork,
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
    for fork in [Fork::Capella, Fork::Fulu] {
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
    for fork in [Fork::Altair, Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu] {
        let (mut state, blocks, end) = grow(plan(fork, Signing::Unsigned), 47);
        assert!(end.finalized_checkpoint.epoch >= 2, "{fork}: finalized {}", end.finalized_checkpoint.epoch);
        let mut paid = 0;
        for block in &blocks {
            let mut log = RewardLog::default();
            state_transition(&mut state, block, Checks::TRUST, &mut FromScratch, &mut log)
                .unwrap_or_else(|error| panic!("{fork}: {error}"));
            paid += u64::from(log.attestations.iter().any(|attestation| attestation.paid > 0));
        }
        assert!(paid as usize + 3 > blocks.len(), "{fork}: {paid} of {} blocks pay", blocks.len());
        // Trust leaves out roots and nothing else.
        assert_eq!(state.balances, end.balances, "{fork}");
        assert_eq!(state.validators, end.validators, "{fork}");
        assert_eq!(state.current_justified_checkpoint, end.current_justified_checkpoint, "{fork}");
    }
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
    let refused = Chain::new(plan(Fork::Phase0, Signing::Unsigned)).map(|_| ());
    assert_eq!(refused, Err(ChainError::Fork(Fork::Phase0)));
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
    for (client, block) in grow(packers(vec![(Client::Grandine, 1.0)], 0.0)) {
        assert_eq!(client, Client::Grandine);
        assert!(!falls(&slots(&block)), "{:?}", slots(&block));
        let graffiti = consensus::rewards::graffiti_text(&block.message.body.graffiti.0);
        assert!(graffiti.starts_with("generated "), "{graffiti}");
    }
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
