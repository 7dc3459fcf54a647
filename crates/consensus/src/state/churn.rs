//! Leaving the active set: churn limits, exits and slashings.

use std::sync::Arc;

use super::State;
use crate::spec::{FAR_FUTURE_EPOCH, Fork, PROPOSER_WEIGHT, WEIGHT_DENOMINATOR};
use crate::transition::math::{add, div, index, mul, rem, sub};
use crate::transition::{TransitionError, Violation};

impl State {
    /// The epoch in which a change made now takes effect.
    ///
    /// Source: phase0 `compute_activation_exit_epoch`.
    pub(crate) fn activation_exit_epoch(&self, epoch: u64) -> Result<u64, TransitionError> {
        let ahead = self.spec.preset.max_seed_lookahead.saturating_add(1);
        add(epoch, ahead, "the epoch of an activation or exit")
    }

    /// Validators that may leave in an epoch, before Electra.
    ///
    /// Source: phase0 `get_validator_churn_limit`.
    pub(crate) fn validator_churn_limit(&mut self) -> Result<u64, TransitionError> {
        let active = self.shuffling(self.current_epoch())?.active().len() as u64;
        let config = &self.spec.config;
        Ok(div(active, config.churn_limit_quotient, "the churn limit")?.max(config.min_per_epoch_churn_limit))
    }

    /// Validators that may enter in an epoch, before Electra.
    ///
    /// Source: deneb `get_validator_activation_churn_limit`.
    pub(crate) fn validator_activation_churn_limit(&mut self) -> Result<u64, TransitionError> {
        let limit = self.validator_churn_limit()?;
        let most = self.spec.config.max_per_epoch_activation_churn_limit;
        Ok(if self.fork >= Fork::Deneb { limit.min(most) } else { limit })
    }

    /// Balance that may enter, leave or consolidate in an epoch, gwei.
    ///
    /// Source: electra `get_balance_churn_limit`.
    pub(crate) fn balance_churn_limit(&mut self) -> Result<u64, TransitionError> {
        let total = self.total_active_balance()?;
        let config = &self.spec.config;
        let churn = div(total, config.churn_limit_quotient, "the churn limit")?
            .max(config.min_per_epoch_churn_limit_electra);
        self.whole_increments(churn)
    }

    /// Balance that may enter or leave in an epoch, gwei.
    ///
    /// Source: electra `get_activation_exit_churn_limit`.
    pub(crate) fn activation_exit_churn_limit(&mut self) -> Result<u64, TransitionError> {
        let most = self.spec.config.max_per_epoch_activation_exit_churn_limit;
        Ok(self.balance_churn_limit()?.min(most))
    }

    /// Balance that may enter in an epoch, gwei.
    ///
    /// Source: gloas `get_activation_churn_limit`; before it that of activations and exits together.
    pub(crate) fn activation_churn_limit(&mut self) -> Result<u64, TransitionError> {
        if self.fork < Fork::Gloas {
            return self.activation_exit_churn_limit();
        }
        let most = self.spec.config.max_per_epoch_activation_churn_limit_gloas;
        Ok(self.exit_churn_limit()?.min(most))
    }

    /// Balance that may leave in an epoch, gwei.
    ///
    /// Source: gloas `get_exit_churn_limit`; before it that of activations and exits together.
    pub(crate) fn exit_churn_limit(&mut self) -> Result<u64, TransitionError> {
        if self.fork < Fork::Gloas {
            return self.activation_exit_churn_limit();
        }
        let total = self.total_active_balance()?;
        let config = &self.spec.config;
        let churn = div(total, config.churn_limit_quotient_gloas, "the churn limit")?
            .max(config.min_per_epoch_churn_limit_electra);
        self.whole_increments(churn)
    }

    /// Gwei rounded down to whole increments.
    fn whole_increments(&self, gwei: u64) -> Result<u64, TransitionError> {
        let what = "the churn limit";
        sub(gwei, rem(gwei, self.spec.preset.effective_balance_increment, what)?, what)
    }

    /// Balance that may consolidate in an epoch, gwei.
    ///
    /// Source: electra and gloas `get_consolidation_churn_limit`.
    pub(crate) fn consolidation_churn_limit(&mut self) -> Result<u64, TransitionError> {
        if self.fork >= Fork::Gloas {
            let total = self.total_active_balance()?;
            let quotient = self.spec.config.consolidation_churn_limit_quotient;
            return self.whole_increments(div(total, quotient, "the churn limit")?);
        }
        sub(self.balance_churn_limit()?, self.activation_exit_churn_limit()?, "the consolidation churn limit")
    }

    /// The epoch in which so much balance may leave; it is taken from the churn.
    ///
    /// Source: electra `compute_exit_epoch_and_update_churn`.
    pub(crate) fn take_exit_churn(&mut self, gwei: u64) -> Result<u64, TransitionError> {
        let per_epoch = self.exit_churn_limit()?;
        let soonest = self.activation_exit_epoch(self.current_epoch())?;
        let (epoch, left) = queue(
            self.data.earliest_exit_epoch,
            self.data.exit_balance_to_consume,
            soonest,
            per_epoch,
            gwei,
        )?;
        self.data.earliest_exit_epoch = epoch;
        self.data.exit_balance_to_consume = left;
        Ok(epoch)
    }

    /// The epoch in which so much balance may consolidate; it is taken from the churn.
    ///
    /// Source: electra `compute_consolidation_epoch_and_update_churn`.
    pub(crate) fn take_consolidation_churn(&mut self, gwei: u64) -> Result<u64, TransitionError> {
        let per_epoch = self.consolidation_churn_limit()?;
        let soonest = self.activation_exit_epoch(self.current_epoch())?;
        let (epoch, left) = queue(
            self.data.earliest_consolidation_epoch,
            self.data.consolidation_balance_to_consume,
            soonest,
            per_epoch,
            gwei,
        )?;
        self.data.earliest_consolidation_epoch = epoch;
        self.data.consolidation_balance_to_consume = left;
        Ok(epoch)
    }

    /// Lets a validator leave as soon as the queue allows. Nothing where it is leaving already.
    ///
    /// Source: phase0 and electra `initiate_validator_exit`.
    pub(crate) fn initiate_validator_exit(&mut self, validator: u64) -> Result<(), TransitionError> {
        let record = self.validator(validator)?;
        if record.exit_epoch != FAR_FUTURE_EPOCH {
            return Ok(());
        }
        let epoch = if self.fork >= Fork::Electra {
            self.take_exit_churn(record.effective_balance)?
        } else {
            self.next_exit_epoch()?
        };
        let delay = self.spec.config.min_validator_withdrawability_delay;
        let withdrawable = add(epoch, delay, "a withdrawable epoch")?;
        self.set_exit(validator, epoch, withdrawable)
    }

    /// Sets when a validator leaves and when its balance may be withdrawn.
    pub(crate) fn set_exit(
        &mut self,
        validator: u64,
        exit_epoch: u64,
        withdrawable_epoch: u64,
    ) -> Result<(), TransitionError> {
        let missing = Violation::NoValidator(validator);
        let place = index(validator);
        let columns = &mut self.data.validators;
        *Arc::make_mut(&mut columns.exit_epochs).get_mut(place).ok_or(missing.clone())? = exit_epoch;
        *Arc::make_mut(&mut columns.withdrawable_epochs).get_mut(place).ok_or(missing)? = withdrawable_epoch;
        self.touch(validator);
        Ok(())
    }

    /// To be called when exit epochs change otherwise than by [`State::initiate_validator_exit`].
    pub(crate) fn forget_exits(&mut self) {
        self.caches.exit_queue = None;
    }

    /// The epoch of the next exit, before Electra; the place in the queue is taken.
    fn next_exit_epoch(&mut self) -> Result<u64, TransitionError> {
        let limit = self.validator_churn_limit()?;
        let soonest = self.activation_exit_epoch(self.current_epoch())?;
        let (last, leaving) = match self.caches.exit_queue {
            Some(queue) => queue,
            None => {
                let exits = || self.data.validators.exit_epochs.iter().filter(|e| **e != FAR_FUTURE_EPOCH);
                let last = exits().max().copied().unwrap_or_default();
                (last, exits().filter(|epoch| **epoch == last).count() as u64)
            }
        };
        let (epoch, leaving) = if soonest > last { (soonest, 0) } else { (last, leaving) };
        let (epoch, leaving) =
            if leaving >= limit { (add(epoch, 1, "an exit epoch")?, 0) } else { (epoch, leaving) };
        self.caches.exit_queue = Some((epoch, leaving.saturating_add(1)));
        Ok(epoch)
    }

    /// Slashes a validator; the current proposer is the whistleblower. What the proposer gets, gwei.
    ///
    /// Source: phase0 `slash_validator`, and what altair, bellatrix and electra change in it.
    pub(crate) fn slash_validator(&mut self, validator: u64) -> Result<u64, TransitionError> {
        let what = "a slashing";
        let epoch = self.current_epoch();
        self.initiate_validator_exit(validator)?;
        let record = self.validator(validator)?;
        let missing = Violation::NoValidator(validator);
        let place = index(validator);
        let preset = self.spec.preset.clone();
        let until = add(epoch, preset.epochs_per_slashings_vector, what)?;
        let columns = &mut self.data.validators;
        *Arc::make_mut(&mut columns.slashed).get_mut(place).ok_or(missing.clone())? = true;
        *Arc::make_mut(&mut columns.withdrawable_epochs).get_mut(place).ok_or(missing)? =
            record.withdrawable_epoch.max(until);
        self.touch(validator);
        let bucket = index(rem(epoch, preset.epochs_per_slashings_vector, what)?);
        let slashed =
            self.data.slashings.get_mut(bucket).ok_or(Violation::State("slashings is too short"))?;
        *slashed = add(*slashed, record.effective_balance, "the slashed balance")?;
        let quotient = match self.fork {
            Fork::Phase0 => preset.min_slashing_penalty_quotient,
            Fork::Altair => preset.min_slashing_penalty_quotient_altair,
            Fork::Bellatrix | Fork::Capella | Fork::Deneb => preset.min_slashing_penalty_quotient_bellatrix,
            Fork::Electra | Fork::Fulu | Fork::Gloas => preset.min_slashing_penalty_quotient_electra,
        };
        self.decrease_balance(validator, div(record.effective_balance, quotient, what)?)?;
        let quotient = if self.fork >= Fork::Electra {
            preset.whistleblower_reward_quotient_electra
        } else {
            preset.whistleblower_reward_quotient
        };
        let whistleblower = div(record.effective_balance, quotient, what)?;
        let proposer_part = if self.fork >= Fork::Altair {
            div(mul(whistleblower, PROPOSER_WEIGHT, what)?, WEIGHT_DENOMINATOR, what)?
        } else {
            div(whistleblower, preset.proposer_reward_quotient, what)?
        };
        let proposer = self.proposer_index()?;
        self.increase_balance(proposer, proposer_part)?;
        self.increase_balance(proposer, sub(whistleblower, proposer_part, what)?)?;
        Ok(whistleblower)
    }
}

/// Takes `gwei` from a queue that lets `per_epoch` through in each epoch: the epoch, and what is left of its churn.
fn queue(
    earliest: u64,
    left: u64,
    soonest: u64,
    per_epoch: u64,
    gwei: u64,
) -> Result<(u64, u64), TransitionError> {
    let what = "the churn of an epoch";
    let (mut epoch, mut left) = if earliest < soonest { (soonest, per_epoch) } else { (earliest, left) };
    if gwei > left {
        let over = sub(gwei, left, what)?;
        let more = add(div(sub(over, 1, what)?, per_epoch, what)?, 1, what)?;
        epoch = add(epoch, more, what)?;
        left = add(left, mul(more, per_epoch, what)?, what)?;
    }
    Ok((epoch, sub(left, gwei, what)?))
}
