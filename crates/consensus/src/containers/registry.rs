//! The validators of a state, as dense columns.

use std::sync::Arc;

use super::PublicKeyBytes;
use crate::primitives::Root;
use crate::spec::Shape;
use crate::spec::sizes::ValidatorRegistryLimit;
use crate::ssz::proof::Step;
use crate::ssz::{Json, JsonError, List, Size, Ssz, SszError, SszErrorKind, container, merkle};

container! {
    /// A validator.
    pub struct Validator {
        /// Its key.
        pub pubkey: PublicKeyBytes,
        /// Who may withdraw.
        pub withdrawal_credentials: Root,
        /// The balance that counts, gwei.
        pub effective_balance: u64,
        /// Whether it was slashed.
        pub slashed: bool,
        /// When it asked to be activated.
        pub activation_eligibility_epoch: u64,
        /// Its first active epoch.
        pub activation_epoch: u64,
        /// The first epoch in which it is no longer active.
        pub exit_epoch: u64,
        /// When its balance may be withdrawn.
        pub withdrawable_epoch: u64,
    }
}

/// Bytes of an encoded validator.
const VALIDATOR_BYTES: usize = 121;

/// Chunks of a validator's tree.
const VALIDATOR_FIELDS: u64 = 8;

/// All validators, one column for each field; copies share the columns that nobody writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Keys.
    pub pubkeys: Arc<Vec<PublicKeyBytes>>,
    /// Who may withdraw.
    pub withdrawal_credentials: Arc<Vec<Root>>,
    /// The balance that counts, gwei.
    pub effective_balances: Arc<Vec<u64>>,
    /// Who was slashed.
    pub slashed: Arc<Vec<bool>>,
    /// When each asked to be activated.
    pub activation_eligibility_epochs: Arc<Vec<u64>>,
    /// First active epochs.
    pub activation_epochs: Arc<Vec<u64>>,
    /// First epochs of being active no longer.
    pub exit_epochs: Arc<Vec<u64>>,
    /// When each balance may be withdrawn.
    pub withdrawable_epochs: Arc<Vec<u64>>,
}

impl Registry {
    /// How many validators there are.
    pub fn len(&self) -> usize {
        self.pubkeys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pubkeys.is_empty()
    }

    /// Whether all columns have one length.
    pub(crate) fn has_even_columns(&self) -> bool {
        let count = self.len();
        self.withdrawal_credentials.len() == count
            && self.effective_balances.len() == count
            && self.slashed.len() == count
            && self.activation_eligibility_epochs.len() == count
            && self.activation_epochs.len() == count
            && self.exit_epochs.len() == count
            && self.withdrawable_epochs.len() == count
    }

    /// One validator, gathered from the columns.
    pub fn get(&self, index: usize) -> Option<Validator> {
        Some(Validator {
            pubkey: *self.pubkeys.get(index)?,
            withdrawal_credentials: *self.withdrawal_credentials.get(index)?,
            effective_balance: *self.effective_balances.get(index)?,
            slashed: *self.slashed.get(index)?,
            activation_eligibility_epoch: *self.activation_eligibility_epochs.get(index)?,
            activation_epoch: *self.activation_epochs.get(index)?,
            exit_epoch: *self.exit_epochs.get(index)?,
            withdrawable_epoch: *self.withdrawable_epochs.get(index)?,
        })
    }

    /// Adds a validator.
    pub fn push(&mut self, validator: &Validator) {
        Arc::make_mut(&mut self.pubkeys).push(validator.pubkey);
        Arc::make_mut(&mut self.withdrawal_credentials).push(validator.withdrawal_credentials);
        Arc::make_mut(&mut self.effective_balances).push(validator.effective_balance);
        Arc::make_mut(&mut self.slashed).push(validator.slashed);
        Arc::make_mut(&mut self.activation_eligibility_epochs).push(validator.activation_eligibility_epoch);
        Arc::make_mut(&mut self.activation_epochs).push(validator.activation_epoch);
        Arc::make_mut(&mut self.exit_epochs).push(validator.exit_epoch);
        Arc::make_mut(&mut self.withdrawable_epochs).push(validator.withdrawable_epoch);
    }

    /// All validators, in order.
    pub fn iter(&self) -> impl Iterator<Item = Validator> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Whether a validator is active in an epoch. Not where there is no such validator.
    ///
    /// Source: phase0 `is_active_validator`.
    pub fn is_active(&self, index: usize, epoch: u64) -> bool {
        self.activation_epochs.get(index).is_some_and(|start| *start <= epoch)
            && self.exit_epochs.get(index).is_some_and(|end| epoch < *end)
    }
}

impl FromIterator<Validator> for Registry {
    fn from_iter<I: IntoIterator<Item = Validator>>(validators: I) -> Self {
        let mut registry = Self::default();
        for validator in validators {
            registry.push(&validator);
        }
        registry
    }
}

/// `N` bytes at a place.
fn part<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes.iter().skip(start)) {
        *to = *from;
    }
    out
}

impl Ssz for Registry {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        None
    }

    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) {
        out.reserve(self.len().saturating_mul(VALIDATOR_BYTES));
        self.iter().for_each(|validator| validator.encode(shape, out));
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        if !bytes.len().is_multiple_of(VALIDATOR_BYTES) {
            return Err(SszErrorKind::Ragged { bytes: bytes.len(), element: VALIDATOR_BYTES }.into());
        }
        let count = bytes.len() / VALIDATOR_BYTES;
        let limit = ValidatorRegistryLimit::of(shape);
        if !ValidatorRegistryLimit::is_progressive(shape) && count as u64 > limit {
            return Err(SszErrorKind::TooMany { limit, found: count as u64 }.into());
        }
        let records = || bytes.chunks_exact(VALIDATOR_BYTES);
        let numbers = |start| Arc::new(records().map(|r| u64::from_le_bytes(part(r, start))).collect());
        let mut slashed = Vec::with_capacity(count);
        for (index, record) in records().enumerate() {
            let flag = record.get(88..89).unwrap_or_default();
            slashed.push(bool::decode(flag, shape).map_err(|e| e.in_field("slashed").in_item(index))?);
        }
        Ok(Self {
            pubkeys: Arc::new(records().map(|record| crate::ssz::Bytes(part(record, 0))).collect()),
            withdrawal_credentials: Arc::new(records().map(|record| Root(part(record, 48))).collect()),
            effective_balances: numbers(80),
            slashed: Arc::new(slashed),
            activation_eligibility_epochs: numbers(89),
            activation_epochs: numbers(97),
            exit_epochs: numbers(105),
            withdrawable_epochs: numbers(113),
        })
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let roots = self
            .iter()
            .map(|validator| merkle::merkleize(validator.field_roots(shape), VALIDATOR_FIELDS))
            .collect::<Vec<_>>();
        let root = if ValidatorRegistryLimit::is_progressive(shape) {
            merkle::merkleize_progressive(&roots)
        } else {
            merkle::merkleize(roots, ValidatorRegistryLimit::of(shape))
        };
        merkle::mix_in_length(&root, self.len() as u64)
    }

    fn generalized_index(path: &[Step<'_>], shape: &Shape<'_>) -> Option<u64> {
        List::<Validator, ValidatorRegistryLimit>::generalized_index(path, shape)
    }

    fn prove(&self, index: u64, shape: &Shape<'_>, branch: &mut Vec<[u8; 32]>) -> Option<[u8; 32]> {
        let list = List::<Validator, ValidatorRegistryLimit>::from(self.iter().collect::<Vec<_>>());
        list.prove(index, shape, branch)
    }
}

impl Json for Registry {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        self.iter().map(|validator| validator.to_json(shape)).collect()
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        let list = List::<Validator, ValidatorRegistryLimit>::from_json(value, shape)?;
        Ok(list.into_inner().into_iter().collect())
    }
}
