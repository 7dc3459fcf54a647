//! Deposits that come with a proof from the deposit contract.

use crate::containers::{Deposit, DepositData, PendingDeposit};
use crate::spec::{DEPOSIT_CONTRACT_TREE_DEPTH, Fork, GENESIS_SLOT};
use crate::ssz::{Ssz, merkle};
use crate::state::State;
use crate::transition::math::{add, sub};
use crate::transition::{TransitionError, ensure};

/// Takes in a deposit. The proof of possession of a new key is always checked: without it the deposit has no effect.
///
/// Source: phase0 and electra `process_deposit`.
pub fn process_deposit(state: &mut State, deposit: &Deposit) -> Result<(), TransitionError> {
    let leaf = deposit.data.hash_tree_root(&state.shape());
    let branch: Vec<[u8; 32]> = deposit.proof.iter().map(|root| root.0).collect();
    let valid = merkle::is_valid_merkle_branch(
        &leaf,
        &branch,
        // One more, for the number of deposits.
        DEPOSIT_CONTRACT_TREE_DEPTH + 1,
        state.data.eth1_deposit_index,
        &state.data.eth1_data.deposit_root.0,
    );
    ensure!(valid, "the branch does not lead to the root of the deposit contract");
    state.data.eth1_deposit_index = add(state.data.eth1_deposit_index, 1, "the number of deposits")?;
    apply_deposit(state, &deposit.data)
}

/// Applies a deposit that is known to be in the deposit contract.
///
/// Source: phase0 and electra `apply_deposit`.
pub fn apply_deposit(state: &mut State, deposit: &DepositData) -> Result<(), TransitionError> {
    let DepositData { pubkey, withdrawal_credentials, amount, signature } = deposit.clone();
    let known = state.validator_of(&pubkey);
    if known.is_none()
        && !state.is_valid_deposit_signature(&pubkey, withdrawal_credentials, amount, &signature)
    {
        return Ok(());
    }
    if state.fork < Fork::Electra {
        return match known {
            Some(validator) => state.increase_balance(u64::from(validator), amount),
            None => state.add_validator(pubkey, withdrawal_credentials, amount),
        };
    }
    if known.is_none() {
        state.add_validator(pubkey, withdrawal_credentials, 0)?;
    }
    // The slot tells it from a deposit request.
    let waiting = PendingDeposit { pubkey, withdrawal_credentials, amount, signature, slot: GENESIS_SLOT };
    state.data.pending_deposits.push(waiting);
    Ok(())
}

/// How many deposits a block at this state must have.
///
/// Source: phase0 and electra `process_operations`.
pub(super) fn expected_deposits(state: &State) -> Result<u64, TransitionError> {
    let data = &state.data;
    let what = "the number of deposits";
    let most = state.spec.preset.max_deposits;
    if state.fork >= Fork::Gloas {
        return Ok(0);
    }
    if state.fork >= Fork::Electra {
        let end = data.eth1_data.deposit_count.min(data.deposit_requests_start_index);
        return Ok(end.saturating_sub(data.eth1_deposit_index).min(most));
    }
    Ok(sub(data.eth1_data.deposit_count, data.eth1_deposit_index, what)?.min(most))
}
