//! Votes on whether the payload of the slot before came in time (EIP-7732).

use crate::bls;
use crate::containers::PayloadAttestation;
use crate::spec::DOMAIN_PTC_ATTESTER;
use crate::state::{State, compute_signing_root};
use crate::transition::math::index;
use crate::transition::{Checks, Signatures, StateRoot, TransitionError, Violation, ensure};

/// Checks votes on the payload of the slot before. They change nothing in the state.
///
/// Source: gloas `process_payload_attestation`.
pub fn process_payload_attestation(
    state: &State,
    attestation: &PayloadAttestation,
    checks: Checks,
) -> Result<(), TransitionError> {
    let data = &attestation.data;
    ensure!(
        data.beacon_block_root == state.data.latest_block_header.parent_root,
        "the vote is not for the parent block"
    );
    ensure!(data.slot.checked_add(1) == Some(state.data.slot), "the vote is not of the slot before");
    // In ascending order in the specification: the sum of keys is the same in any.
    let committee = state.payload_committee(data.slot)?;
    if committee.is_empty() && checks.state_root == StateRoot::Trust {
        // A replay on trust draws no committees.
        return Ok(());
    }
    let members = attestation.aggregation_bits.ones().filter_map(|bit| committee.get(bit).copied());
    let mut keys = Vec::new();
    for member in members {
        let key = state.data.validators.pubkeys.get(index(member));
        keys.push(*key.ok_or(Violation::NoValidator(member))?);
    }
    ensure!(!keys.is_empty(), "nobody took part");
    if checks.signatures == Signatures::Verify {
        let domain = state.domain(DOMAIN_PTC_ATTESTER, state.spec.epoch_at(data.slot));
        let root = compute_signing_root(data, domain, &state.shape());
        if !bls::fast_aggregate_verify(&keys, &root, &attestation.signature) {
            return Err(Violation::Signature("a vote on a payload").into());
        }
    }
    Ok(())
}
