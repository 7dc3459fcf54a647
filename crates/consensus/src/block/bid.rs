//! The bid that a block takes: which payload its slot is to have, and what the builder pays for that (EIP-7732).

use crate::bls;
use crate::containers::{BuilderPendingPayment, BuilderPendingWithdrawal, SignedExecutionPayloadBid};
use crate::spec::{BUILDER_INDEX_SELF_BUILD, DOMAIN_BEACON_BUILDER, GENESIS_SLOT, PAYLOAD_BUILDER_VERSION};
use crate::state::{State, compute_signing_root};
use crate::transition::math::add;
use crate::transition::{Checks, Signatures, TransitionError, Violation, ensure};

/// Takes a bid, and notes what the builder has to pay.
///
/// Source: gloas `process_execution_payload_bid`.
pub fn process_execution_payload_bid(
    state: &mut State,
    signed: &SignedExecutionPayloadBid,
    checks: Checks,
) -> Result<(), TransitionError> {
    let bid = &signed.message;
    if bid.builder_index == BUILDER_INDEX_SELF_BUILD {
        ensure!(bid.value == 0, "a proposer who builds the payload pays itself");
        ensure!(signed.signature == bls::INFINITY, "the bid of the proposer itself is signed");
    } else {
        check_builder(state, signed, checks)?;
    }
    let epoch = state.current_epoch();
    let most = state.spec.config.max_blobs_at(epoch);
    ensure!(bid.blob_kzg_commitments.len() as u64 <= most, "there are more blobs than a block may have");
    if bid.slot != state.data.slot {
        return Err(TransitionError::mismatch("the slot of the bid", state.data.slot, bid.slot));
    }
    ensure!(bid.slot > GENESIS_SLOT, "there is no bid for the first slot");
    let parent_hash = state.data.latest_block_hash;
    if bid.parent_block_hash != parent_hash {
        return Err(TransitionError::mismatch("the parent hash", parent_hash, bid.parent_block_hash));
    }
    ensure!(bid.block_hash != bid.parent_block_hash, "the payload is its own parent");
    let parent_root = state.block_root_at_slot(bid.slot.saturating_sub(1))?;
    if bid.parent_block_root != parent_root {
        return Err(TransitionError::mismatch("the parent root", parent_root, bid.parent_block_root));
    }
    ensure!(
        bid.prev_randao == state.randao_mix(epoch)?,
        "the randomness of the bid is not that of the state"
    );
    if bid.value > 0 {
        let payment = BuilderPendingPayment {
            weight: 0,
            withdrawal: BuilderPendingWithdrawal {
                fee_recipient: bid.fee_recipient,
                amount: bid.value,
                builder_index: bid.builder_index,
            },
            proposer_index: state.proposer_index()?,
        };
        let place = state.payment_place(bid.slot)?;
        let kept = state.data.builder_pending_payments.get_mut(place);
        *kept.ok_or(Violation::State("builder_pending_payments is too short"))? = payment;
    }
    state.data.latest_execution_payload_bid = bid.clone();
    Ok(())
}

/// Whether the builder may bid, can pay, and signed.
///
/// Source: gloas `can_builder_cover_bid`, `verify_execution_payload_bid_signature`.
fn check_builder(
    state: &State,
    signed: &SignedExecutionPayloadBid,
    checks: Checks,
) -> Result<(), TransitionError> {
    let bid = &signed.message;
    let builder = state.builder(bid.builder_index)?;
    ensure!(state.is_active_builder(builder), "the builder is not active");
    ensure!(builder.version == PAYLOAD_BUILDER_VERSION, "the builder builds no payloads");
    let what = "what a builder owes";
    let debt = add(state.spec.preset.min_deposit_amount, state.builder_debt(bid.builder_index)?, what)?;
    ensure!(
        builder.balance.checked_sub(debt).is_some_and(|left| left >= bid.value),
        "the builder can't pay what it bids"
    );
    if checks.signatures == Signatures::Verify {
        let domain = state.domain(DOMAIN_BEACON_BUILDER, state.current_epoch());
        let root = compute_signing_root(bid, domain, &state.shape());
        if !bls::verify(&builder.pubkey, &root, &signed.signature) {
            return Err(Violation::Signature("a bid").into());
        }
    }
    Ok(())
}
