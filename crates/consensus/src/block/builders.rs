//! Deposits and exits of builders that the execution chain reports (EIP-8282). A request that is not entitled to
//! anything has no effect, and does not make the block invalid.

use crate::bls;
use crate::containers::{Builder, BuilderDepositRequest, BuilderExitRequest, DepositMessage, PublicKeyBytes};
use crate::primitives::Root;
use crate::spec::{DOMAIN_BUILDER_DEPOSIT, FAR_FUTURE_EPOCH, Fork, PAYLOAD_BUILDER_VERSION};
use crate::state::{Credentials, State, compute_domain, compute_signing_root, is_builder_credential};
use crate::transition::TransitionError;
use crate::transition::math::add;

/// Adds a builder, or adds to the balance of one. The proof of possession of a new key is always checked.
///
/// Source: gloas `process_builder_deposit_request`.
pub fn process_builder_deposit_request(
    state: &mut State,
    request: &BuilderDepositRequest,
) -> Result<(), TransitionError> {
    if !is_builder_credential(&request.withdrawal_credentials) {
        return Ok(());
    }
    let epoch = state.current_epoch();
    let Some(known) = state.builder_of(&request.pubkey) else {
        if is_valid_signature(state, request) {
            add_builder(state, request.pubkey, &request.withdrawal_credentials, request.amount, epoch);
        }
        return Ok(());
    };
    let delay = state.spec.config.min_builder_withdrawability_delay;
    let builder = state.builder_mut(known)?;
    if builder.withdrawable_epoch != FAR_FUTURE_EPOCH && builder.balance == 0 {
        // It has left and was paid: what comes now is paid back later.
        builder.withdrawable_epoch = add(epoch, delay, "a withdrawable epoch")?;
    }
    builder.balance = add(builder.balance, request.amount, "the balance of a builder")?;
    Ok(())
}

/// Adds the builder that a deposit of an epoch makes.
///
/// Source: gloas `add_builder_to_registry`.
pub(crate) fn add_builder(
    state: &mut State,
    pubkey: PublicKeyBytes,
    credentials: &Root,
    amount: u64,
    deposit_epoch: u64,
) {
    state.push_builder(Builder {
        pubkey,
        version: PAYLOAD_BUILDER_VERSION,
        execution_address: credentials.address(),
        balance: amount,
        deposit_epoch,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    });
}

/// Source: gloas `is_valid_builder_deposit_signature`.
fn is_valid_signature(state: &State, request: &BuilderDepositRequest) -> bool {
    let shape = state.shape();
    let version = state.spec.config.fork_version(Fork::Phase0);
    let domain = compute_domain(DOMAIN_BUILDER_DEPOSIT, version, Root::default(), &shape);
    let message = DepositMessage {
        pubkey: request.pubkey,
        withdrawal_credentials: request.withdrawal_credentials,
        amount: request.amount,
    };
    bls::verify(&request.pubkey, &compute_signing_root(&message, domain, &shape), &request.signature)
}

/// Lets a builder leave that owes nothing, where its address asks for it.
///
/// Source: gloas `process_builder_exit_request`, `initiate_builder_exit`.
pub fn process_builder_exit_request(
    state: &mut State,
    request: &BuilderExitRequest,
) -> Result<(), TransitionError> {
    let Some(place) = state.builder_of(&request.pubkey) else { return Ok(()) };
    let builder = state.builder(place)?;
    let entitled = state.is_active_builder(builder) && builder.execution_address == request.source_address;
    if !entitled || state.builder_debt(place)? != 0 {
        return Ok(());
    }
    let delay = state.spec.config.min_builder_withdrawability_delay;
    let withdrawable = add(state.current_epoch(), delay, "a withdrawable epoch")?;
    state.builder_mut(place)?.withdrawable_epoch = withdrawable;
    Ok(())
}
