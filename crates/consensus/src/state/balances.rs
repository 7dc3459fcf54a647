//! Balances, and the sums of them that rules are made of.

use std::sync::Arc;

use super::State;
use crate::containers::Validator;
use crate::spec::{Fork, WEIGHT_DENOMINATOR};
use crate::transition::math::{add, div, index, mul, rem};
use crate::transition::{TransitionError, Violation};

impl State {
    /// The sum of effective balances of the active validators of the current epoch, at least one increment. Gwei.
    ///
    /// Source: phase0 `get_total_active_balance`.
    pub fn total_active_balance(&mut self) -> Result<u64, TransitionError> {
        let epoch = self.current_epoch();
        if let Some((of, total)) = self.caches.total_active_balance
            && of == epoch
        {
            return Ok(total);
        }
        let validators = &self.data.validators;
        let mut total = 0_u64;
        for ((start, end), balance) in validators
            .activation_epochs
            .iter()
            .zip(validators.exit_epochs.iter())
            .zip(validators.effective_balances.iter())
        {
            if *start <= epoch && epoch < *end {
                total = add(total, *balance, "the total active balance")?;
            }
        }
        let total = total.max(self.spec.preset.effective_balance_increment);
        self.caches.total_active_balance = Some((epoch, total));
        Ok(total)
    }

    /// Base reward of an increment in the current epoch, gwei.
    ///
    /// Source: altair `get_base_reward_per_increment`.
    pub fn base_reward_per_increment(&mut self) -> Result<u64, TransitionError> {
        let total = self.total_active_balance()?;
        let preset = &self.spec.preset;
        let product = mul(preset.effective_balance_increment, preset.base_reward_factor, "the base reward")?;
        div(product, total.isqrt(), "the base reward")
    }

    /// Effective balances in whole increments, by validator. Refuses a balance of 65,536 increments or more: no
    /// network allows for more than 2,048.
    pub(crate) fn increments(&mut self) -> Result<Arc<Vec<u16>>, TransitionError> {
        let balances = &self.data.validators.effective_balances;
        if let Some(increments) = &self.caches.increments
            && increments.len() == balances.len()
        {
            return Ok(Arc::clone(increments));
        }
        let increment = self.spec.preset.effective_balance_increment;
        let mut increments = Vec::with_capacity(balances.len());
        let mut whole = true;
        for balance in balances.iter() {
            let (number, rest) = increments_of(*balance, increment)?;
            increments.push(number);
            whole &= rest == 0;
        }
        self.caches.whole_increments = whole;
        let increments = Arc::new(increments);
        self.caches.increments = Some(Arc::clone(&increments));
        Ok(increments)
    }

    /// Whether every effective balance is a whole number of increments. The rules make no other; a made-up state may
    /// have them.
    pub(crate) fn has_whole_increments(&mut self) -> Result<bool, TransitionError> {
        self.increments()?;
        Ok(self.caches.whole_increments)
    }

    /// To be called when effective balances, or who is active in the current epoch, change.
    pub(crate) fn forget_balances(&mut self) {
        self.caches.total_active_balance = None;
        self.caches.increments = None;
    }

    /// Sets the sum of effective balances of the active validators of an epoch, gwei, as another pass found it.
    pub(crate) fn remember_total_active_balance(&mut self, epoch: u64, total: u64) {
        let least = self.spec.preset.effective_balance_increment;
        self.caches.total_active_balance = Some((epoch, total.max(least)));
    }

    /// Sets the effective balance of a validator, gwei. What it was and what it is, in increments. The total active
    /// balance is not changed with it.
    pub(crate) fn set_effective_balance(
        &mut self,
        validator: u32,
        gwei: u64,
    ) -> Result<(u16, u16), TransitionError> {
        let missing = || Violation::NoValidator(u64::from(validator));
        let increment = self.spec.preset.effective_balance_increment;
        let place = validator as usize;
        let columns = &mut self.data.validators;
        let balance = Arc::make_mut(&mut columns.effective_balances).get_mut(place).ok_or_else(missing)?;
        let (before, _) = increments_of(*balance, increment)?;
        let (after, rest) = increments_of(gwei, increment)?;
        *balance = gwei;
        self.caches.whole_increments &= rest == 0;
        if let Some(increments) = &mut self.caches.increments {
            *Arc::make_mut(increments).get_mut(place).ok_or_else(missing)? = after;
        }
        Ok((before, after))
    }

    /// Adds to a balance.
    ///
    /// Source: phase0 `increase_balance`.
    pub(crate) fn increase_balance(&mut self, validator: u64, gwei: u64) -> Result<(), TransitionError> {
        let balance =
            self.data.balances.get_mut(index(validator)).ok_or(Violation::NoValidator(validator))?;
        *balance = add(*balance, gwei, "a balance")?;
        Ok(())
    }

    /// Takes from a balance, down to nothing.
    ///
    /// Source: phase0 `decrease_balance`.
    pub(crate) fn decrease_balance(&mut self, validator: u64, gwei: u64) -> Result<(), TransitionError> {
        let balance =
            self.data.balances.get_mut(index(validator)).ok_or(Violation::NoValidator(validator))?;
        *balance = balance.saturating_sub(gwei);
        Ok(())
    }

    /// A validator, gathered from the columns.
    pub(crate) fn validator(&self, validator: u64) -> Result<Validator, TransitionError> {
        self.data.validators.get(index(validator)).ok_or(Violation::NoValidator(validator).into())
    }

    /// Adds a validator with its balance, and its place in every column.
    pub(crate) fn push_validator(&mut self, validator: &Validator, balance: u64) {
        self.data.validators.push(validator);
        self.data.balances.push(balance);
        if self.fork >= Fork::Altair {
            self.data.previous_epoch_participation.push(0);
            self.data.current_epoch_participation.push(0);
            self.data.inactivity_scores.push(0);
        }
        let increment = self.spec.preset.effective_balance_increment;
        match (&mut self.caches.increments, increments_of(validator.effective_balance, increment)) {
            (Some(increments), Ok((number, 0))) => Arc::make_mut(increments).push(number),
            _ => self.caches.increments = None,
        }
    }

    /// What the proposer gets for each member of the sync committee that takes part, and what the member gets. Gwei.
    ///
    /// Source: altair `process_sync_aggregate`.
    pub fn sync_rewards(&mut self) -> Result<SyncRewards, TransitionError> {
        use crate::spec::{PROPOSER_WEIGHT, SYNC_REWARD_WEIGHT};
        let what = "the reward of the sync committee";
        let per_increment = self.base_reward_per_increment()?;
        let total = self.total_active_balance()?;
        let preset = &self.spec.preset;
        let increments = div(total, preset.effective_balance_increment, what)?;
        let all = mul(per_increment, increments, what)?;
        let per_slot = div(mul(all, SYNC_REWARD_WEIGHT, what)?, WEIGHT_DENOMINATOR, what)?;
        let per_slot = div(per_slot, preset.slots_per_epoch, what)?;
        let participant = div(per_slot, preset.sync_committee_size, what)?;
        let proposer =
            div(mul(participant, PROPOSER_WEIGHT, what)?, WEIGHT_DENOMINATOR - PROPOSER_WEIGHT, what)?;
        Ok(SyncRewards { participant, proposer })
    }
}

/// A balance in whole increments, and what is left of it in gwei.
fn increments_of(gwei: u64, increment: u64) -> Result<(u16, u64), TransitionError> {
    let what = "an effective balance";
    let number = u16::try_from(div(gwei, increment, what)?).map_err(|_| Violation::Range(what))?;
    Ok((number, rem(gwei, increment, what)?))
}

/// Rewards for one bit of a sync aggregate, gwei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncRewards {
    /// What the member gets, or loses where it is absent.
    pub participant: u64,
    /// What the proposer gets for a member that is present.
    pub proposer: u64,
}
