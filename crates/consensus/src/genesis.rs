//! The first state of a chain, from the deposits made before it.
//!
//! Source: phase0 "Genesis".

use std::sync::Arc;

use crate::containers::{BeaconBlockBody, BeaconBlockHeader, BeaconState, Deposit, Eth1Data, ForkRecord};
use crate::primitives::Root;
use crate::spec::{DEPOSIT_CONTRACT_TREE_DEPTH, Fork, GENESIS_EPOCH, Spec};
use crate::ssz::{Bits, Column, Ssz, merkle};
use crate::state::State;
use crate::transition::math::{add, index, rem};
use crate::transition::{TransitionError, ensure};

/// The state that a block of the deposit chain and all deposits up to it make, phase 0.
///
/// Source: phase0 `initialize_beacon_state_from_eth1`.
pub fn initialize_beacon_state_from_eth1(
    spec: Arc<Spec>,
    eth1_block_hash: Root,
    eth1_timestamp: u64,
    deposits: &[Deposit],
) -> Result<State, TransitionError> {
    let mut state = empty_state(spec, eth1_block_hash, eth1_timestamp, deposits.len() as u64)?;
    let mut tree = DepositTree::default();
    for (number, deposit) in deposits.iter().enumerate() {
        tree.push(deposit.data.hash_tree_root(&state.shape()));
        state.data.eth1_data.deposit_root = Root(tree.root());
        apply_deposit(&mut state, deposit).map_err(|error| error.in_operation("deposits", number))?;
    }
    activate(&mut state)?;
    let root = state.data.validators.hash_tree_root(&state.shape());
    state.data.genesis_validators_root = Root(root);
    Ok(state)
}

/// Whether a chain may start with the state.
///
/// Source: phase0 `is_valid_genesis_state`.
pub fn is_valid_genesis_state(state: &State) -> bool {
    let config = &state.spec.config;
    let count = state.data.validators.len();
    let active = (0..count).filter(|place| state.data.validators.is_active(*place, GENESIS_EPOCH)).count();
    state.data.genesis_time >= config.min_genesis_time
        && active as u64 >= config.min_genesis_active_validator_count
}

fn empty_state(
    spec: Arc<Spec>,
    block_hash: Root,
    timestamp: u64,
    deposit_count: u64,
) -> Result<State, TransitionError> {
    let shape = spec.shape(Fork::Phase0);
    let preset = &spec.preset;
    let version = spec.config.fork_version(Fork::Phase0);
    let roots = || Column::new(vec![Root::default(); index(preset.slots_per_historical_root)]);
    let data = BeaconState {
        genesis_time: add(timestamp, spec.config.genesis_delay, "the genesis time")?,
        fork: ForkRecord { previous_version: version, current_version: version, epoch: GENESIS_EPOCH },
        latest_block_header: BeaconBlockHeader {
            body_root: Root(BeaconBlockBody::default().hash_tree_root(&shape)),
            ..BeaconBlockHeader::default()
        },
        block_roots: roots(),
        state_roots: roots(),
        eth1_data: Eth1Data { deposit_root: Root::default(), deposit_count, block_hash },
        randao_mixes: Column::new(vec![block_hash; index(preset.epochs_per_historical_vector)]),
        slashings: Column::new(vec![0; index(preset.epochs_per_slashings_vector)]),
        justification_bits: Bits::empty_vector(&shape),
        ..BeaconState::default()
    };
    State::new(Arc::clone(&spec), Fork::Phase0, data)
}

/// Source: phase0 `process_deposit`, `apply_deposit`.
fn apply_deposit(state: &mut State, deposit: &Deposit) -> Result<(), TransitionError> {
    let leaf = deposit.data.hash_tree_root(&state.shape());
    let branch: Vec<[u8; 32]> = deposit.proof.iter().map(|node| node.0).collect();
    let number = state.data.eth1_deposit_index;
    let root = state.data.eth1_data.deposit_root;
    ensure!(
        merkle::is_valid_merkle_branch(&leaf, &branch, DEPOSIT_CONTRACT_TREE_DEPTH + 1, number, &root.0),
        "the proof does not lead to the root of the deposits"
    );
    state.data.eth1_deposit_index = add(number, 1, "the number of deposits")?;
    let data = &deposit.data;
    match state.validator_of(&data.pubkey) {
        Some(validator) => state.increase_balance(u64::from(validator), data.amount),
        None => {
            let credentials = data.withdrawal_credentials;
            if state.is_valid_deposit_signature(&data.pubkey, credentials, data.amount, &data.signature) {
                state.add_validator(data.pubkey, credentials, data.amount)?;
            }
            Ok(())
        }
    }
}

/// Activates everybody whose deposits reached the most effective balance.
fn activate(state: &mut State) -> Result<(), TransitionError> {
    let preset = &state.spec.preset;
    let columns = &mut state.data.validators;
    let effective = Arc::make_mut(&mut columns.effective_balances).iter_mut();
    let asked = Arc::make_mut(&mut columns.activation_eligibility_epochs).iter_mut();
    let active = Arc::make_mut(&mut columns.activation_epochs).iter_mut();
    for (((effective, asked), active), balance) in effective.zip(asked).zip(active).zip(&state.data.balances)
    {
        let part = rem(*balance, preset.effective_balance_increment, "an effective balance")?;
        *effective = balance.saturating_sub(part).min(preset.max_effective_balance);
        if *effective == preset.max_effective_balance {
            *asked = GENESIS_EPOCH;
            *active = GENESIS_EPOCH;
        }
    }
    state.forget_balances();
    state.forget_activity();
    Ok(())
}

/// The root of a growing list of deposits, as the deposit contract keeps it: one node for each level.
#[derive(Clone, Debug, Default)]
struct DepositTree {
    branch: [[u8; 32]; DEPOSIT_CONTRACT_TREE_DEPTH as usize],
    count: u64,
}

impl DepositTree {
    fn push(&mut self, leaf: [u8; 32]) {
        let mut node = leaf;
        for (level, kept) in self.branch.iter_mut().enumerate() {
            if self.count >> level & 1 == 0 {
                *kept = node;
                break;
            }
            node = merkle::hash_pair(kept, &node);
        }
        self.count += 1;
    }

    fn root(&self) -> [u8; 32] {
        let mut node = [0; 32];
        for (level, (kept, depth)) in self.branch.iter().zip(0..).enumerate() {
            node = if self.count >> level & 1 == 1 {
                merkle::hash_pair(kept, &node)
            } else {
                merkle::hash_pair(&node, &merkle::zero_root(depth))
            };
        }
        merkle::mix_in_length(&node, self.count)
    }
}
