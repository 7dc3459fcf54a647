//! New validators, and what a validator's credentials allow.

use super::{State, compute_domain, compute_signing_root};
use crate::bls;
use crate::containers::{DepositMessage, PendingDeposit, PublicKeyBytes, SignatureBytes, Validator};
use crate::primitives::Root;
use crate::spec::{
    COMPOUNDING_WITHDRAWAL_PREFIX, DOMAIN_DEPOSIT, FAR_FUTURE_EPOCH, Fork, GENESIS_SLOT, Preset,
};
use crate::transition::math::{index, rem, sub};
use crate::transition::{TransitionError, Violation};

/// Whether credentials are those of a compounding validator.
///
/// Source: electra `has_compounding_withdrawal_credential`.
pub(crate) fn is_compounding(credentials: &Root) -> bool {
    credentials.0.first() == Some(&COMPOUNDING_WITHDRAWAL_PREFIX)
}

/// The most effective balance that credentials allow at a fork, gwei.
///
/// Source: electra `get_max_effective_balance`; before it the preset's limit for all.
pub(crate) fn max_effective_balance(preset: &Preset, fork: Fork, credentials: &Root) -> u64 {
    if fork < Fork::Electra {
        preset.max_effective_balance
    } else if is_compounding(credentials) {
        preset.max_effective_balance_electra
    } else {
        preset.min_activation_balance
    }
}

impl State {
    /// Whether a depositor holds the key: the signature is over the deposit alone, good on any fork of the network.
    ///
    /// Source: electra `is_valid_deposit_signature`, phase0 `apply_deposit`.
    pub(crate) fn is_valid_deposit_signature(
        &self,
        pubkey: &PublicKeyBytes,
        withdrawal_credentials: Root,
        amount: u64,
        signature: &SignatureBytes,
    ) -> bool {
        let shape = self.shape();
        let message = DepositMessage { pubkey: *pubkey, withdrawal_credentials, amount };
        let version = self.spec.config.fork_version(Fork::Phase0);
        let domain = compute_domain(DOMAIN_DEPOSIT, version, Root::default(), &shape);
        bls::verify(pubkey, &compute_signing_root(&message, domain, &shape), signature)
    }

    /// Adds the validator that a first deposit makes.
    ///
    /// Source: phase0 and electra `add_validator_to_registry`, `get_validator_from_deposit`.
    pub(crate) fn add_validator(
        &mut self,
        pubkey: PublicKeyBytes,
        withdrawal_credentials: Root,
        amount: u64,
    ) -> Result<(), TransitionError> {
        let what = "a deposit";
        let preset = &self.spec.preset;
        let whole = sub(amount, rem(amount, preset.effective_balance_increment, what)?, what)?;
        let most = max_effective_balance(preset, self.fork, &withdrawal_credentials);
        let validator = Validator {
            pubkey,
            withdrawal_credentials,
            effective_balance: whole.min(most),
            slashed: false,
            activation_eligibility_epoch: FAR_FUTURE_EPOCH,
            activation_epoch: FAR_FUTURE_EPOCH,
            exit_epoch: FAR_FUTURE_EPOCH,
            withdrawable_epoch: FAR_FUTURE_EPOCH,
        };
        self.push_validator(&validator, amount);
        Ok(())
    }

    /// Moves what a validator has above the activation balance into the queue of deposits.
    ///
    /// Source: electra `queue_excess_active_balance`.
    pub(crate) fn queue_excess_active_balance(&mut self, validator: u64) -> Result<(), TransitionError> {
        let least = self.spec.preset.min_activation_balance;
        let place = index(validator);
        let balance = *self.data.balances.get(place).ok_or(Violation::NoValidator(validator))?;
        if balance <= least {
            return Ok(());
        }
        let record = self.validator(validator)?;
        self.decrease_balance(validator, balance - least)?;
        self.queue_balance(&record, balance - least);
        Ok(())
    }

    /// Queues a balance that is a validator's already: no signature, and the genesis slot.
    pub(crate) fn queue_balance(&mut self, validator: &Validator, amount: u64) {
        self.data.pending_deposits.push(PendingDeposit {
            pubkey: validator.pubkey,
            withdrawal_credentials: validator.withdrawal_credentials,
            amount,
            signature: bls::INFINITY,
            slot: GENESIS_SLOT,
        });
    }
}
