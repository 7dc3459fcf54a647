//! Slashings: proposers who signed two blocks of a slot, attesters who contradicted themselves.

use super::attestation::check_indexed_attestation;
use crate::bls;
use crate::containers::{AttestationData, AttesterSlashing, ProposerSlashing, SignedBeaconBlockHeader};
use crate::spec::{DOMAIN_BEACON_PROPOSER, Fork};
use crate::state::{State, compute_signing_root};
use crate::transition::{Checks, Recorder, Signatures, SlashingKind, TransitionError, Violation, ensure};

/// Slashes a proposer.
///
/// Source: phase0 and gloas `process_proposer_slashing`.
pub fn process_proposer_slashing<R: Recorder>(
    state: &mut State,
    slashing: &ProposerSlashing,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let (first, second) = (&slashing.signed_header_1, &slashing.signed_header_2);
    ensure!(first.message.slot == second.message.slot, "the headers are of different slots");
    ensure!(
        first.message.proposer_index == second.message.proposer_index,
        "the headers are of different proposers"
    );
    ensure!(first.message != second.message, "the headers are the same");
    let proposer = first.message.proposer_index;
    let record = state.validator(proposer)?;
    ensure!(record.is_slashable(state.current_epoch()), "the proposer can't be slashed");
    if checks.signatures == Signatures::Verify {
        for signed in [first, second] {
            verify_header(state, signed, &record.pubkey)?;
        }
    }
    if state.fork >= Fork::Gloas {
        state.cancel_payment(first.message.slot, proposer)?;
    }
    let gwei = state.slash_validator(proposer)?;
    recorder.slashing(SlashingKind::Proposer, gwei);
    Ok(())
}

fn verify_header(
    state: &State,
    signed: &SignedBeaconBlockHeader,
    key: &crate::containers::PublicKeyBytes,
) -> Result<(), TransitionError> {
    let domain = state.domain(DOMAIN_BEACON_PROPOSER, state.spec.epoch_at(signed.message.slot));
    let root = compute_signing_root(&signed.message, domain, &state.shape());
    if !bls::verify(key, &root, &signed.signature) {
        return Err(Violation::Signature("a header of a proposer slashing").into());
    }
    Ok(())
}

/// Slashes the attesters of both votes.
///
/// Source: phase0 `process_attester_slashing`.
pub fn process_attester_slashing<R: Recorder>(
    state: &mut State,
    slashing: &AttesterSlashing,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let (first, second) = (&slashing.attestation_1, &slashing.attestation_2);
    ensure!(
        is_slashable_attestation_data(&first.data, &second.data),
        "the two votes do not contradict each other"
    );
    check_indexed_attestation(state, first, checks)?;
    check_indexed_attestation(state, second, checks)?;
    let epoch = state.current_epoch();
    let mut slashed = false;
    // Both lists are ascending.
    let mut others = second.attesting_indices.iter().copied().peekable();
    for validator in first.attesting_indices.iter().copied() {
        while others.next_if(|other| *other < validator).is_some() {}
        if others.next_if_eq(&validator).is_some() && state.validator(validator)?.is_slashable(epoch) {
            let gwei = state.slash_validator(validator)?;
            recorder.slashing(SlashingKind::Attester, gwei);
            slashed = true;
        }
    }
    ensure!(slashed, "nobody can be slashed");
    Ok(())
}

/// Whether two votes are a double vote, or the first surrounds the second.
///
/// Source: phase0 `is_slashable_attestation_data`.
pub fn is_slashable_attestation_data(first: &AttestationData, second: &AttestationData) -> bool {
    let double = first != second && first.target.epoch == second.target.epoch;
    let surround = first.source.epoch < second.source.epoch && second.target.epoch < first.target.epoch;
    double || surround
}
