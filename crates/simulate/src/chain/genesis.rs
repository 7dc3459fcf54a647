//! The genesis state of a simulated chain: every validator active, a few of them compounding.

use std::sync::Arc;

use consensus::Root;
use consensus::containers::{
    BeaconBlockBody, BeaconState, Eth1Data, ExecutionPayloadHeader, ForkRecord, PublicKeyBytes,
    SyncAggregate, Validator,
};
use consensus::epoch::next_sync_committee;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork, UNSET_DEPOSIT_REQUESTS_START_INDEX};
use consensus::ssz::{Bits, Bytes, Column, Ssz};
use consensus::state::State;
use consensus::upgrade::upgrade;
use rand::Rng;

use super::keys::Keys;
use super::payload::first_hash;
use super::{ChainError, ChainPlan};

/// One validator in so many is compounding, from Electra on.
const COMPOUNDING_EVERY: u32 = 50;

/// One validator in so many still has BLS credentials.
const BLS_CREDENTIALS_EVERY: u32 = 40;

/// The state that the chain begins with, at slot 0.
pub(super) fn genesis_state(plan: &ChainPlan, keys: &Keys) -> Result<State, ChainError> {
    let preset = &plan.spec.preset;
    // What Gloas adds follows from a state of Fulu.
    let fork = plan.fork.min(Fork::Fulu);
    let shape = plan.spec.shape(fork);
    let mut random = plan.random(0, 1);
    let mut data = BeaconState {
        genesis_time: plan.genesis_time,
        fork: ForkRecord {
            previous_version: plan.spec.config.fork_version(fork.previous().unwrap_or(Fork::Phase0)),
            current_version: plan.spec.config.fork_version(fork),
            epoch: 0,
        },
        eth1_data: Eth1Data {
            deposit_count: u64::from(plan.validators),
            block_hash: first_hash(plan),
            ..Eth1Data::default()
        },
        eth1_deposit_index: u64::from(plan.validators),
        deposit_requests_start_index: UNSET_DEPOSIT_REQUESTS_START_INDEX,
        block_roots: zeros(preset.slots_per_historical_root).into(),
        state_roots: zeros(preset.slots_per_historical_root).into(),
        randao_mixes: vec![first_hash(plan); preset.epochs_per_historical_vector as usize].into(),
        slashings: vec![0; preset.epochs_per_slashings_vector as usize].into(),
        justification_bits: Bits::empty_vector(&shape),
        ..BeaconState::default()
    };
    let mut balances = Vec::with_capacity(keys.public().len());
    for (index, key) in (0_u32..).zip(keys.public()) {
        let (validator, balance) = validator(plan, index, key, &mut random);
        data.validators.push(&validator);
        balances.push(balance);
    }
    let count = balances.len();
    data.balances = balances.into();
    if fork >= Fork::Altair {
        data.previous_epoch_participation = vec![0; count].into();
        data.current_epoch_participation = vec![0; count].into();
        data.inactivity_scores = vec![0; count].into();
    }
    data.genesis_validators_root = Root(data.validators.hash_tree_root(&shape));
    data.latest_block_header.body_root = empty_body_root(plan, fork);
    data.latest_execution_payload_header = ExecutionPayloadHeader {
        block_hash: first_hash(plan),
        timestamp: plan.genesis_time,
        ..ExecutionPayloadHeader::default()
    };
    let ahead = preset.slots_per_epoch.saturating_mul(preset.min_seed_lookahead.saturating_add(1));
    data.proposer_lookahead = vec![0; ahead as usize].into();
    finish(plan, fork, data)
}

/// The root of the body that the genesis block has.
fn empty_body_root(plan: &ChainPlan, fork: Fork) -> Root {
    let shape = plan.spec.shape(fork);
    let sync_aggregate =
        SyncAggregate { sync_committee_bits: Bits::empty_vector(&shape), ..SyncAggregate::default() };
    Root(BeaconBlockBody { sync_aggregate, ..BeaconBlockBody::default() }.hash_tree_root(&shape))
}

/// Fills in what follows from the rest of the state.
fn finish(plan: &ChainPlan, fork: Fork, data: BeaconState) -> Result<State, ChainError> {
    let mut state = State::new(Arc::new(plan.spec.clone()), fork, data)?;
    if fork >= Fork::Altair {
        let committee = next_sync_committee(&state)?;
        let data = state.data_mut();
        data.current_sync_committee = committee.clone();
        data.next_sync_committee = committee;
    }
    if fork >= Fork::Electra {
        let earliest = plan.spec.preset.max_seed_lookahead.saturating_add(1);
        let data = state.data_mut();
        data.earliest_exit_epoch = earliest;
        data.earliest_consolidation_epoch = earliest;
    }
    if fork >= Fork::Fulu {
        let mut ahead = Vec::new();
        for epoch in 0..=plan.spec.preset.min_seed_lookahead {
            ahead.extend(state.compute_proposer_indices(epoch)?);
        }
        state.data_mut().proposer_lookahead = Column::new(ahead);
    }
    if fork < plan.fork {
        upgrade(&mut state, plan.fork)?;
        let validators_root = state.validators.hash_tree_root(&state.shape());
        let data = state.data_mut();
        data.genesis_validators_root = Root(validators_root);
        data.latest_block_header.body_root = empty_body_root(plan, plan.fork);
    }
    Ok(state)
}

fn zeros(count: u64) -> Vec<Root> {
    vec![Root::default(); count as usize]
}

/// A validator and its balance in gwei.
fn validator(plan: &ChainPlan, index: u32, key: &PublicKeyBytes, random: &mut impl Rng) -> (Validator, u64) {
    let preset = &plan.spec.preset;
    let increment = preset.effective_balance_increment;
    let compounding = plan.fork >= Fork::Electra && index % COMPOUNDING_EVERY == 1;
    let effective_balance = if compounding {
        let most = preset.max_effective_balance_electra / increment;
        random.random_range(32.min(most)..=most).saturating_mul(increment)
    } else {
        preset.max_effective_balance
    };
    let mut credentials = [0; 32];
    random.fill(&mut credentials[12..]);
    credentials[0] = if compounding {
        2
    } else {
        u8::from(plan.last_fork() >= Fork::Capella && !index.is_multiple_of(BLS_CREDENTIALS_EVERY))
    };
    let validator = Validator {
        pubkey: Bytes(key.0),
        withdrawal_credentials: Root(credentials),
        effective_balance,
        slashed: false,
        activation_eligibility_epoch: 0,
        activation_epoch: 0,
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    };
    (validator, effective_balance.saturating_add(random.random_range(0..20_000_000)))
}
