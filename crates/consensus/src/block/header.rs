//! The header of a block, randomness and the vote on the deposit chain.

use std::sync::Arc;

use crate::bls;
use crate::containers::{BeaconBlockHeader, Eth1Data, SignatureBytes, SignedBeaconBlock};
use crate::primitives::Root;
use crate::spec::DOMAIN_RANDAO;
use crate::ssz::{Ssz, merkle};
use crate::state::{State, compute_signing_root};
use crate::transition::math::{index, mul, rem};
use crate::transition::{Checks, Signatures, StateRoot, TransitionError, Violation, ensure};

/// Takes in the header of a block.
///
/// Source: phase0 `process_block_header`.
pub fn process_block_header(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
) -> Result<(), TransitionError> {
    let message = &block.message;
    if message.slot != state.data.slot {
        return Err(TransitionError::mismatch("the slot", state.data.slot, message.slot));
    }
    ensure!(
        message.slot > state.data.latest_block_header.slot,
        "there is a block at this slot or after it already"
    );
    match checks.state_root {
        StateRoot::Verify => {
            let proposer = state.proposer_index()?;
            if message.proposer_index != proposer {
                return Err(TransitionError::mismatch("the proposer", proposer, message.proposer_index));
            }
            let parent = Root(state.data.latest_block_header.hash_tree_root(&state.shape()));
            if message.parent_root != parent {
                return Err(TransitionError::mismatch("the parent root", parent, message.parent_root));
            }
        }
        StateRoot::Trust => state.trust_proposer(message.proposer_index),
    }
    let slashed = state.data.validators.slashed.get(index(message.proposer_index)).copied();
    ensure!(!slashed.ok_or(Violation::NoValidator(message.proposer_index))?, "the proposer is slashed");
    let body_root = match checks.state_root {
        StateRoot::Verify => Root(message.body.hash_tree_root(&state.shape())),
        StateRoot::Trust => Root::default(),
    };
    state.deferred.body_root = checks.state_root == StateRoot::Trust;
    state.deferred.payload_roots = false;
    state.deferred.block = (checks.state_root == StateRoot::Trust).then(|| Arc::clone(block));
    state.data.latest_block_header = BeaconBlockHeader {
        slot: message.slot,
        proposer_index: message.proposer_index,
        parent_root: message.parent_root,
        state_root: Root::default(),
        body_root,
    };
    Ok(())
}

/// Mixes the proposer's signature into the randomness of the epoch.
///
/// Source: phase0 `process_randao`.
pub fn process_randao(
    state: &mut State,
    reveal: &SignatureBytes,
    checks: Checks,
) -> Result<(), TransitionError> {
    let epoch = state.current_epoch();
    if checks.signatures == Signatures::Verify {
        let proposer = state.proposer_index()?;
        let key =
            state.data.validators.pubkeys.get(index(proposer)).ok_or(Violation::NoValidator(proposer))?;
        let root = compute_signing_root(&epoch, state.domain(DOMAIN_RANDAO, epoch), &state.shape());
        if !bls::verify(key, &root, reveal) {
            return Err(Violation::Signature("the randao reveal").into());
        }
    }
    let mix = mixed(state.randao_mix(epoch)?, reveal);
    let place = rem(epoch, state.spec.preset.epochs_per_historical_vector, "the number of randao mixes")?;
    let kept = state.data.randao_mixes.get_mut(index(place));
    *kept.ok_or(Violation::State("randao_mixes is too short"))? = mix;
    Ok(())
}

/// A randao mix with a reveal mixed in; the order of reveals does not matter.
pub(crate) fn mixed(mix: Root, reveal: &SignatureBytes) -> Root {
    let Root(mut mix) = mix;
    for (to, from) in mix.iter_mut().zip(merkle::hash(&reveal.0)) {
        *to ^= from;
    }
    Root(mix)
}

/// Counts the proposer's vote on the deposit chain.
///
/// Source: phase0 `process_eth1_data`.
pub fn process_eth1_data(state: &mut State, vote: &Eth1Data) -> Result<(), TransitionError> {
    state.data.eth1_data_votes.push(vote.clone());
    let preset = &state.spec.preset;
    let slots = mul(preset.epochs_per_eth1_voting_period, preset.slots_per_epoch, "the voting period")?;
    // Where it is the current value already, votes for it change nothing.
    if *vote != state.data.eth1_data {
        let votes = state.data.eth1_data_votes.iter().filter(|other| *other == vote).count() as u64;
        if votes.saturating_mul(2) > slots {
            state.data.eth1_data = vote.clone();
        }
    }
    Ok(())
}
