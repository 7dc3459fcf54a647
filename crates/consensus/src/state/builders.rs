//! Builders of payloads, what they owe, and the committees that vote on payloads (EIP-7732).

use super::State;
use super::proposers::{Lottery, MAX_TRIALS, slot_seed};
use crate::containers::{Builder, BuilderPendingPayment, BuilderPendingWithdrawal, PublicKeyBytes};
use crate::primitives::Root;
use crate::spec::sizes::PtcSize;
use crate::spec::{BUILDER_WITHDRAWAL_PREFIX, DOMAIN_PTC_ATTESTER, FAR_FUTURE_EPOCH};
use crate::ssz::List;
use crate::transition::math::{add, index, rem};
use crate::transition::{TransitionError, Violation, ensure};

const NO_PAYMENT: Violation = Violation::State("builder_pending_payments is too short");

/// Whether credentials are those of a builder.
///
/// Source: gloas `is_builder_withdrawal_credential`.
pub(crate) fn is_builder_credential(credentials: &Root) -> bool {
    credentials.0.first() == Some(&BUILDER_WITHDRAWAL_PREFIX)
}

impl State {
    /// A builder.
    pub(crate) fn builder(&self, builder: u64) -> Result<&Builder, TransitionError> {
        self.data.builders.get(index(builder)).ok_or(Violation::NoBuilder(builder).into())
    }

    /// A builder, to be changed.
    pub(crate) fn builder_mut(&mut self, builder: u64) -> Result<&mut Builder, TransitionError> {
        self.data.builders.get_mut(index(builder)).ok_or(Violation::NoBuilder(builder).into())
    }

    /// The first builder with a public key.
    pub(crate) fn builder_of(&self, key: &PublicKeyBytes) -> Option<u64> {
        self.data.builders.iter().position(|builder| builder.pubkey == *key).map(|place| place as u64)
    }

    /// Whether a builder's deposit is finalized and it is not leaving.
    ///
    /// Source: gloas `is_active_builder`.
    pub(crate) fn is_active_builder(&self, builder: &Builder) -> bool {
        builder.deposit_epoch < self.data.finalized_checkpoint.epoch
            && builder.withdrawable_epoch == FAR_FUTURE_EPOCH
    }

    /// What a builder owes, gwei.
    ///
    /// Source: gloas `get_pending_balance_to_withdraw_for_builder`.
    pub(crate) fn builder_debt(&self, builder: u64) -> Result<u64, TransitionError> {
        let waiting = self.data.builder_pending_withdrawals.iter();
        let unsettled = self.data.builder_pending_payments.iter().map(|payment| &payment.withdrawal);
        waiting
            .chain(unsettled)
            .filter(|payment| payment.builder_index == builder)
            .try_fold(0, |sum, payment| add(sum, payment.amount, "what a builder owes"))
    }

    /// Adds a builder, in the place of one who has left and was paid where there is one.
    ///
    /// Source: gloas `get_index_for_new_builder`, `set_or_append_list`.
    pub(crate) fn push_builder(&mut self, builder: Builder) {
        let epoch = self.current_epoch();
        let free = |old: &Builder| old.withdrawable_epoch <= epoch && old.balance == 0;
        let place = self.data.builders.iter().position(free);
        match place.and_then(|place| self.data.builders.get_mut(place)) {
            Some(old) => *old = builder,
            None => self.data.builders.push(builder),
        }
    }

    /// Takes the first `count` payments of builders off the queue.
    ///
    /// Source: gloas `update_builder_pending_withdrawals`.
    pub(crate) fn drop_builder_payments(&mut self, count: usize) {
        let count = count.min(self.data.builder_pending_withdrawals.len());
        if count > 0 {
            self.data.builder_pending_withdrawals.make_mut().drain(..count);
        }
    }

    /// Where the payment for a slot of the previous or the current epoch is kept.
    pub(crate) fn payment_place(&self, slot: u64) -> Result<usize, TransitionError> {
        let what = "the place of a payment";
        let per_epoch = self.spec.preset.slots_per_epoch;
        let epoch = self.spec.epoch_at(slot);
        ensure!(
            epoch == self.current_epoch() || epoch == self.previous_epoch(),
            "payments are kept for the previous and the current epoch only"
        );
        let place = rem(slot, per_epoch, what)?;
        Ok(index(if epoch == self.current_epoch() { add(place, per_epoch, what)? } else { place }))
    }

    /// Makes the payment for a slot due.
    ///
    /// Source: gloas `settle_builder_payment`.
    pub(crate) fn settle_payment(&mut self, slot: u64) -> Result<(), TransitionError> {
        let place = self.payment_place(slot)?;
        let payment = self.data.builder_pending_payments.get_mut(place).ok_or(NO_PAYMENT)?;
        let withdrawal = std::mem::take(payment).withdrawal;
        self.push_builder_payment(withdrawal);
        Ok(())
    }

    /// Queues a payment of a builder, unless it is of nothing.
    pub(crate) fn push_builder_payment(&mut self, payment: BuilderPendingWithdrawal) {
        if payment.amount > 0 {
            self.data.builder_pending_withdrawals.push(payment);
        }
    }

    /// Forgets the payment for a slot, where it is still kept and the proposer is the one who took the bid.
    ///
    /// Source: gloas `process_proposer_slashing`.
    pub(crate) fn cancel_payment(&mut self, slot: u64, proposer: u64) -> Result<(), TransitionError> {
        let epoch = self.spec.epoch_at(slot);
        if epoch != self.current_epoch() && epoch != self.previous_epoch() {
            return Ok(());
        }
        let place = self.payment_place(slot)?;
        let kept = self.data.builder_pending_payments.get(place).ok_or(NO_PAYMENT)?;
        if kept.proposer_index == proposer {
            *self.data.builder_pending_payments.get_mut(place).ok_or(NO_PAYMENT)? =
                BuilderPendingPayment::default();
        }
        Ok(())
    }

    /// Draws the payload timeliness committees of the slots of an epoch, up to two epochs ahead, by the effective
    /// balances of now. A member may be there more than once.
    ///
    /// Source: gloas `compute_ptc`, `compute_balance_weighted_selection`.
    pub(crate) fn draw_payload_committees(
        &mut self,
        epoch: u64,
    ) -> Result<Vec<List<u64, PtcSize>>, TransitionError> {
        let seed = self.seed(epoch, DOMAIN_PTC_ATTESTER)?;
        let shuffling = self.shuffling_ahead(epoch)?;
        let first = self.spec.start_slot(epoch);
        (0..self.spec.preset.slots_per_epoch)
            .map(|offset| {
                let slot = first.saturating_add(offset);
                let candidates = shuffling.members_of_slot(slot).unwrap_or_default();
                self.draw_payload_committee(candidates, slot_seed(&seed, slot))
            })
            .collect()
    }

    fn draw_payload_committee(
        &self,
        candidates: &[u32],
        seed: [u8; 32],
    ) -> Result<List<u64, PtcSize>, TransitionError> {
        ensure!(!candidates.is_empty(), "there is no attester of a slot to vote on its payload");
        let size = index(self.spec.preset.ptc_size);
        let mut lottery = Lottery::new(self, seed);
        let mut members = Vec::with_capacity(size);
        for (trial, candidate) in (0..MAX_TRIALS).zip(candidates.iter().cycle()) {
            if members.len() >= size {
                break;
            }
            let balance = self.data.validators.effective_balances.get(*candidate as usize).copied();
            if lottery.wins(trial, balance.unwrap_or_default()) {
                members.push(u64::from(*candidate));
            }
        }
        ensure!(
            members.len() >= size,
            "the attesters of a slot have too little effective balance for a committee"
        );
        Ok(List::new(members))
    }

    /// The payload timeliness committee of a slot of the previous, the current or the next epoch, as a copy.
    ///
    /// Source: gloas `get_ptc`.
    pub fn payload_committee(&self, slot: u64) -> Result<Vec<u64>, TransitionError> {
        let what = "the place of a committee";
        let per_epoch = self.spec.preset.slots_per_epoch;
        // The window begins with the epoch before the current one.
        let epoch = add(self.spec.epoch_at(slot), 1, what)?;
        let ahead = epoch.checked_sub(self.current_epoch());
        let ahead = ahead.filter(|ahead| *ahead <= self.spec.preset.min_seed_lookahead.saturating_add(1));
        let ahead = ahead.ok_or(Violation::Rule(
            "payload committees are known for the epochs around the current one only",
        ))?;
        let place = add(ahead.saturating_mul(per_epoch), rem(slot, per_epoch, what)?, what)?;
        let committee = self.data.ptc_window.get(index(place));
        Ok(committee.ok_or(Violation::State("ptc_window is too short"))?.to_vec())
    }
}
