//! Withdrawal credentials: who may withdraw, and what they allow.

use super::{State, is_compounding};
use crate::containers::{ExecutionAddress, Validator};
use crate::primitives::Root;
use crate::spec::{
    BLS_WITHDRAWAL_PREFIX, COMPOUNDING_WITHDRAWAL_PREFIX, ETH1_ADDRESS_WITHDRAWAL_PREFIX, Fork,
};
use crate::ssz::Bytes;
use crate::transition::math::index;
use crate::transition::{TransitionError, Violation};

/// What withdrawal credentials say of themselves.
pub(crate) trait Credentials {
    /// Whether they name a BLS key.
    fn is_bls(&self) -> bool;

    /// Whether they name an address and do not compound.
    ///
    /// Source: capella `has_eth1_withdrawal_credential`.
    fn is_eth1(&self) -> bool;

    /// Whether they name an address that can be paid, by the rules of a fork.
    ///
    /// Source: electra `has_execution_withdrawal_credential`.
    fn is_payable(&self, fork: Fork) -> bool;

    /// The address that is paid. It means something only where there is one.
    fn address(&self) -> ExecutionAddress;
}

impl Credentials for Root {
    fn is_bls(&self) -> bool {
        self.0.first() == Some(&BLS_WITHDRAWAL_PREFIX)
    }

    fn is_eth1(&self) -> bool {
        self.0.first() == Some(&ETH1_ADDRESS_WITHDRAWAL_PREFIX)
    }

    fn is_payable(&self, fork: Fork) -> bool {
        self.is_eth1() || (fork >= Fork::Electra && is_compounding(self))
    }

    fn address(&self) -> ExecutionAddress {
        let mut address = [0; 20];
        for (to, from) in address.iter_mut().zip(self.0.iter().skip(12)) {
            *to = *from;
        }
        Bytes(address)
    }
}

impl Validator {
    /// Whether the validator is active in an epoch.
    ///
    /// Source: phase0 `is_active_validator`.
    pub fn is_active(&self, epoch: u64) -> bool {
        self.activation_epoch <= epoch && epoch < self.exit_epoch
    }

    /// Whether the validator can be slashed in an epoch.
    ///
    /// Source: phase0 `is_slashable_validator`.
    pub fn is_slashable(&self, epoch: u64) -> bool {
        !self.slashed && self.activation_epoch <= epoch && epoch < self.withdrawable_epoch
    }
}

impl State {
    /// Lets a validator compound; what it has above the least balance is queued as a deposit.
    ///
    /// Source: electra `switch_to_compounding_validator`.
    pub(crate) fn switch_to_compounding(&mut self, validator: u64) -> Result<(), TransitionError> {
        let mut credentials = self.validator(validator)?.withdrawal_credentials;
        let [prefix, ..] = &mut credentials.0;
        *prefix = COMPOUNDING_WITHDRAWAL_PREFIX;
        self.set_credentials(validator, credentials)?;
        self.queue_excess_active_balance(validator)
    }

    /// Sets who may withdraw.
    pub(crate) fn set_credentials(
        &mut self,
        validator: u64,
        credentials: Root,
    ) -> Result<(), TransitionError> {
        let column = std::sync::Arc::make_mut(&mut self.data.validators.withdrawal_credentials);
        *column.get_mut(index(validator)).ok_or(Violation::NoValidator(validator))? = credentials;
        Ok(())
    }

    /// The balance of a validator, gwei.
    pub(crate) fn balance(&self, validator: u64) -> Result<u64, TransitionError> {
        let balance = self.data.balances.get(index(validator)).copied();
        balance.ok_or(Violation::NoValidator(validator).into())
    }
}
