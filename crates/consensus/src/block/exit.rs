//! Voluntary exits, and changes from BLS credentials to an address.

use crate::bls;
use crate::containers::{SignedBLSToExecutionChange, SignedVoluntaryExit};
use crate::primitives::Root;
use crate::spec::{
    DOMAIN_BLS_TO_EXECUTION_CHANGE, DOMAIN_VOLUNTARY_EXIT, ETH1_ADDRESS_WITHDRAWAL_PREFIX, FAR_FUTURE_EPOCH,
    Fork,
};
use crate::ssz::merkle;
use crate::state::{Credentials, State, compute_domain, compute_signing_root};
use crate::transition::math::add;
use crate::transition::{Checks, Signatures, TransitionError, Violation, ensure};

/// Lets a validator leave that asks for it.
///
/// Source: phase0, deneb (EIP-7044) and electra `process_voluntary_exit`.
pub fn process_voluntary_exit(
    state: &mut State,
    signed: &SignedVoluntaryExit,
    checks: Checks,
) -> Result<(), TransitionError> {
    let exit = &signed.message;
    let epoch = state.current_epoch();
    let validator = state.validator(exit.validator_index)?;
    ensure!(validator.is_active(epoch), "the validator is not active");
    ensure!(validator.exit_epoch == FAR_FUTURE_EPOCH, "the validator is leaving already");
    ensure!(exit.epoch <= epoch, "the exit is not valid yet");
    let earliest =
        add(validator.activation_epoch, state.spec.config.shard_committee_period, "the epoch of an exit")?;
    ensure!(earliest <= epoch, "the validator has not been active for long enough");
    if state.fork >= Fork::Electra {
        let waiting = state.pending_balance_to_withdraw(exit.validator_index);
        ensure!(waiting == 0, "the validator waits for a partial withdrawal");
    }
    if checks.signatures == Signatures::Verify {
        let root = compute_signing_root(exit, exit_domain(state, exit.epoch), &state.shape());
        if !bls::verify(&validator.pubkey, &root, &signed.signature) {
            return Err(Violation::Signature("a voluntary exit").into());
        }
    }
    state.initiate_validator_exit(exit.validator_index)
}

/// From Deneb on exits are signed for Capella, so that they stay valid.
fn exit_domain(state: &State, epoch: u64) -> Root {
    if state.fork < Fork::Deneb {
        return state.domain(DOMAIN_VOLUNTARY_EXIT, epoch);
    }
    let version = state.spec.config.fork_version(Fork::Capella);
    compute_domain(DOMAIN_VOLUNTARY_EXIT, version, state.data.genesis_validators_root, &state.shape())
}

/// Changes the credentials of a validator from a BLS key to an address.
///
/// Source: capella `process_bls_to_execution_change`.
pub fn process_bls_to_execution_change(
    state: &mut State,
    signed: &SignedBLSToExecutionChange,
    checks: Checks,
) -> Result<(), TransitionError> {
    let change = &signed.message;
    let credentials = state.validator(change.validator_index)?.withdrawal_credentials;
    ensure!(credentials.is_bls(), "the credentials name no BLS key");
    let hash = merkle::hash(&change.from_bls_pubkey.0);
    ensure!(credentials.0.iter().skip(1).eq(hash.iter().skip(1)), "the credentials name another BLS key");
    if checks.signatures == Signatures::Verify {
        let shape = state.shape();
        let version = state.spec.config.fork_version(Fork::Phase0);
        let genesis = state.data.genesis_validators_root;
        let domain = compute_domain(DOMAIN_BLS_TO_EXECUTION_CHANGE, version, genesis, &shape);
        let root = compute_signing_root(change, domain, &shape);
        if !bls::verify(&change.from_bls_pubkey, &root, &signed.signature) {
            return Err(Violation::Signature("a change of credentials").into());
        }
    }
    let mut credentials = [0; 32];
    for (to, from) in credentials.iter_mut().skip(12).zip(change.to_execution_address.0) {
        *to = from;
    }
    let [prefix, ..] = &mut credentials;
    *prefix = ETH1_ADDRESS_WITHDRAWAL_PREFIX;
    state.set_credentials(change.validator_index, Root(credentials))
}
