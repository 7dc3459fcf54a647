//! The genesis state of a simulated chain: every validator active, a few of them compounding.

use std::sync::Arc;

use consensus::Root;
use consensus::containers::{
    BeaconBlockBody, BeaconBlockHeader, BeaconState, Eth1Data, ExecutionPayloadHeader, ForkRecord,
    PublicKeyBytes, SyncAggregate, Validator,
};
use consensus::epoch::next_sync_committee;
use consensus::spec::{FAR_FUTURE_EPOCH, Fork, UNSET_DEPOSIT_REQUESTS_START_INDEX};
use consensus::ssz::{Bits, Bytes, Column, Ssz, merkle};
use consensus::state::State;
use rand::Rng;

use super::keys::Keys;
use super::{ChainError, ChainPlan};

/// One validator in so many is compounding, from Electra on.
const COMPOUNDING_EVERY: u32 = 50;

/// One validator in so many still has BLS credentials.
const BLS_CREDENTIALS_EVERY: u32 = 40;

/// The hash that the first payload builds on.
fn genesis_block_hash(plan: &ChainPlan) -> Root {
    Root(merkle::hash(&plan.seed.to_le_bytes()))
}

/// The state that the chain begins with, at slot 0.
pub(super) fn genesis_state(plan: &ChainPlan, keys: &Keys) -> Result<State, ChainError> {
    let preset = &plan.spec.preset;
    let shape = plan.spec.shape(plan.fork);
    let mut random = plan.random(0, 1);
    let mut data = BeaconState {
        genesis_time: plan.genesis_time,
        fork: ForkRecord {
            previous_version: plan.spec.config.fork_version(plan.fork.previous().unwrap_or(Fork::Phase0)),
            current_version: plan.spec.config.fork_version(plan.fork),
            epoch: 0,
        },
        eth1_data: Eth1Data {
            deposit_count: u64::from(plan.validators),
            block_hash: genesis_block_hash(plan),
            ..Eth1Data::default()
        },
        eth1_deposit_index: u64::from(plan.validators),
        deposit_requests_start_index: UNSET_DEPOSIT_REQUESTS_START_INDEX,
        block_roots: zeros(preset.slots_per_historical_root).into(),
        state_roots: zeros(preset.slots_per_historical_root).into(),
        randao_mixes: vec![genesis_block_hash(plan); preset.epochs_per_historical_vector as usize].into(),
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
    if plan.fork >= Fork::Altair {
        data.previous_epoch_participation = vec![0; count].into();
        data.current_epoch_participation = vec![0; count].into();
        data.inactivity_scores = vec![0; count].into();
    }
    data.genesis_validators_root = Root(data.validators.hash_tree_root(&shape));
    let body = BeaconBlockBody {
        sync_aggregate: SyncAggregate {
            sync_committee_bits: Bits::empty_vector(&shape),
            ..SyncAggregate::default()
        },
        ..BeaconBlockBody::default()
    };
    data.latest_block_header =
        BeaconBlockHeader { body_root: Root(body.hash_tree_root(&shape)), ..BeaconBlockHeader::default() };
    data.latest_execution_payload_header = ExecutionPayloadHeader {
        block_hash: genesis_block_hash(plan),
        timestamp: plan.genesis_time,
        ..ExecutionPayloadHeader::default()
    };
    let ahead = preset.slots_per_epoch.saturating_mul(preset.min_seed_lookahead.saturating_add(1));
    data.proposer_lookahead = vec![0; ahead as usize].into();
    finish(plan, data)
}

/// Fills in what follows from the rest of the state.
fn finish(plan: &ChainPlan, data: BeaconState) -> Result<State, ChainError> {
    let mut state = State::new(Arc::new(plan.spec.clone()), plan.fork, data)?;
    if plan.fork >= Fork::Altair {
        let committee = next_sync_committee(&state)?;
        let data = state.data_mut();
        data.current_sync_committee = committee.clone();
        data.next_sync_committee = committee;
    }
    if plan.fork >= Fork::Electra {
        let earliest = plan.spec.preset.max_seed_lookahead.saturating_add(1);
        let data = state.data_mut();
        data.earliest_exit_epoch = earliest;
        data.earliest_consolidation_epoch = earliest;
    }
    if plan.fork >= Fork::Fulu {
        let mut ahead = Vec::new();
        for epoch in 0..=plan.spec.preset.min_seed_lookahead {
            ahead.extend(state.compute_proposer_indices(epoch)?);
        }
        state.data_mut().proposer_lookahead = Column::new(ahead);
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
        u8::from(plan.fork >= Fork::Capella && !index.is_multiple_of(BLS_CREDENTIALS_EVERY))
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
