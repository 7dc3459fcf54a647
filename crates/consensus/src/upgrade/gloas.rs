//! The upgrade to Gloas: payloads come apart from blocks, and builders have balances (EIP-7732).

use std::collections::HashMap;

use crate::block::add_builder;
use crate::containers::{ExecutionPayloadBid, ExecutionRequests, PendingDeposit, PublicKeyBytes};
use crate::epoch::initial_ptc_window;
use crate::primitives::Root;
use crate::spec::BUILDER_INDEX_SELF_BUILD;
use crate::spec::sizes::SlotsPerHistoricalRoot;
use crate::ssz::{Bits, Column, Ssz};
use crate::state::{State, is_builder_credential};
use crate::transition::TransitionError;
use crate::transition::math::{add, index};

/// Source: gloas `upgrade_to_gloas`.
pub(super) fn to_gloas(state: &mut State) -> Result<(), TransitionError> {
    let header = std::mem::take(&mut state.data.latest_execution_payload_header);
    state.deferred.payload_roots = false;
    let requests_root = Root(ExecutionRequests::default().hash_tree_root(&state.shape()));
    let preset = &state.spec.preset;
    let roots = index(preset.slots_per_historical_root);
    let payments = index(preset.slots_per_epoch.saturating_mul(2));
    let data = &mut state.data;
    data.latest_block_hash = header.block_hash;
    data.latest_execution_payload_bid = ExecutionPayloadBid {
        parent_block_hash: header.parent_hash,
        parent_block_root: data.latest_block_header.parent_root,
        block_hash: header.block_hash,
        prev_randao: header.prev_randao,
        gas_limit: header.gas_limit,
        builder_index: BUILDER_INDEX_SELF_BUILD,
        slot: data.latest_block_header.slot,
        execution_requests_root: requests_root,
        ..ExecutionPayloadBid::default()
    };
    data.execution_payload_availability = (0..roots).map(|_| true).collect::<Bits<SlotsPerHistoricalRoot>>();
    data.builder_pending_payments = Column::new(vec![Default::default(); payments]);
    state.data.ptc_window = Column::new(initial_ptc_window(state)?);
    onboard_builders(state)
}

/// Makes builders of those whose first deposits wait and name builders' credentials.
///
/// Source: gloas `onboard_builders_from_pending_deposits`.
fn onboard_builders(state: &mut State) -> Result<(), TransitionError> {
    let waiting = std::mem::take(&mut state.data.pending_deposits);
    let mut kept = Kept::default();
    for deposit in &waiting {
        if state.validator_of(&deposit.pubkey).is_some() {
            kept.push(deposit);
        } else if let Some(builder) = state.builder_of(&deposit.pubkey) {
            let builder = state.builder_mut(builder)?;
            builder.balance = add(builder.balance, deposit.amount, "the balance of a builder")?;
        } else if !is_builder_credential(&deposit.withdrawal_credentials)
            || kept.makes_validator(state, &deposit.pubkey)
        {
            kept.push(deposit);
        } else if is_signed(state, deposit) {
            let epoch = state.spec.epoch_at(deposit.slot);
            add_builder(state, deposit.pubkey, &deposit.withdrawal_credentials, deposit.amount, epoch);
        }
    }
    state.data.pending_deposits = Column::new(kept.deposits);
    Ok(())
}

fn is_signed(state: &State, deposit: &PendingDeposit) -> bool {
    let PendingDeposit { pubkey, withdrawal_credentials, amount, signature, .. } = deposit;
    state.is_valid_deposit_signature(pubkey, *withdrawal_credentials, *amount, signature)
}

/// Deposits that go on waiting, and what is known of those of new keys.
#[derive(Default)]
struct Kept {
    deposits: Vec<PendingDeposit>,
    by_key: HashMap<PublicKeyBytes, Candidate>,
}

/// Deposits of one key that go on waiting.
#[derive(Default)]
struct Candidate {
    /// Whether one of them is signed.
    signed: bool,
    /// Those whose signature was not looked at.
    unseen: Vec<usize>,
}

impl Kept {
    fn push(&mut self, deposit: &PendingDeposit) {
        self.by_key.entry(deposit.pubkey).or_default().unseen.push(self.deposits.len());
        self.deposits.push(deposit.clone());
    }

    /// Whether a deposit that goes on waiting will make a validator of the key. No signature is looked at twice.
    ///
    /// Source: gloas `is_pending_validator`.
    fn makes_validator(&mut self, state: &State, key: &PublicKeyBytes) -> bool {
        let Some(candidate) = self.by_key.get_mut(key) else { return false };
        while !candidate.signed
            && let Some(place) = candidate.unseen.pop()
        {
            candidate.signed = self.deposits.get(place).is_some_and(|deposit| is_signed(state, deposit));
        }
        candidate.signed
    }
}
