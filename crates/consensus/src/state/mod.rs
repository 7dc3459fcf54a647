//! A beacon state with its rules, and what is derived from it and kept.

mod activity;
mod balances;
mod builders;
mod caches;
mod churn;
mod committees;
mod credentials;
mod deferred;
mod deposits;
mod partials;
mod proposers;
mod pubkeys;
mod randao;
mod shuffle;
mod signing;

use std::ops::Deref;
use std::sync::Arc;

pub(crate) use activity::{
    ACTIVE_BEFORE, ACTIVE_NEXT, ACTIVE_NOW, SILENT, SLASHED, SLASHED_AND_KEPT, WAITING,
};
pub(crate) use builders::is_builder_credential;
pub(crate) use committees::active_indices;
pub use committees::{Shuffling, ShufflingTask};
pub(crate) use credentials::Credentials;
pub(crate) use deposits::{is_compounding, max_effective_balance};
pub(crate) use proposers::Lottery;
pub use shuffle::{compute_shuffled_index, shuffle_list};
pub use signing::{compute_domain, compute_fork_digest, compute_signing_root};

use caches::Caches;
use deferred::Deferred;

use crate::containers::BeaconState;
use crate::spec::{Fork, Shape, Spec};
use crate::ssz::Ssz;
use crate::transition::{TransitionError, Violation};

/// A beacon state of a network at a fork. A copy shares all columns until one of the two writes them.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) spec: Arc<Spec>,
    pub(crate) fork: Fork,
    pub(crate) data: BeaconState,
    pub(crate) caches: Caches,
    pub(crate) deferred: Deferred,
}

impl State {
    /// A state from its parts. Refuses one whose columns do not fit each other.
    pub fn new(spec: Arc<Spec>, fork: Fork, data: BeaconState) -> Result<Self, TransitionError> {
        let state = Self { spec, fork, data, caches: Caches::default(), deferred: Deferred::default() };
        state.check_columns()?;
        Ok(state)
    }

    /// Reads a state of a known fork.
    pub fn decode(spec: Arc<Spec>, fork: Fork, bytes: &[u8]) -> Result<Self, TransitionError> {
        let data = BeaconState::decode(bytes, &spec.shape(fork))?;
        Self::new(spec, fork, data)
    }

    /// Reads a state whose fork follows from the slot that its bytes begin with.
    pub fn decode_any_fork(spec: Arc<Spec>, bytes: &[u8]) -> Result<Self, TransitionError> {
        let slot = bytes
            .get(40..48)
            .and_then(|slot| slot.try_into().ok())
            .map(u64::from_le_bytes)
            .ok_or(Violation::State("fewer bytes than its first fields have"))?;
        let fork = spec.fork_at_slot(slot);
        Self::decode(spec, fork, bytes).map_err(|error| error.at_slot(slot))
    }

    /// The encoding. An error where roots were taken on trust and are missing.
    pub fn encode(&self) -> Result<Vec<u8>, TransitionError> {
        Ok(self.complete()?.to_ssz(&self.shape()))
    }

    /// The hash tree root, computed from nothing. An error where roots were taken on trust and are missing.
    pub fn hash_tree_root(&self) -> Result<[u8; 32], TransitionError> {
        Ok(self.complete()?.hash_tree_root(&self.shape()))
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// The fork.
    pub fn fork_name(&self) -> Fork {
        self.fork
    }

    /// Sizes and fields of containers at the state's fork.
    pub fn shape(&self) -> Shape<'_> {
        self.spec.shape(self.fork)
    }

    /// The epoch of the state's slot.
    ///
    /// Source: phase0 `get_current_epoch`.
    pub fn current_epoch(&self) -> u64 {
        self.spec.epoch_at(self.data.slot)
    }

    /// The epoch before, or the first one.
    ///
    /// Source: phase0 `get_previous_epoch`.
    pub fn previous_epoch(&self) -> u64 {
        self.current_epoch().saturating_sub(1)
    }

    /// The fields, to be changed from outside of the transition. Forgets what was derived from them.
    pub fn data_mut(&mut self) -> &mut BeaconState {
        self.caches = Caches::default();
        &mut self.data
    }

    /// The fields.
    pub fn into_data(self) -> BeaconState {
        self.data
    }

    fn check_columns(&self) -> Result<(), TransitionError> {
        let count = self.data.validators.len();
        let fits = self.data.balances.len() == count
            && (self.fork < Fork::Altair
                || (self.data.previous_epoch_participation.len() == count
                    && self.data.current_epoch_participation.len() == count
                    && self.data.inactivity_scores.len() == count));
        if !fits {
            return Err(Violation::State("the columns of validators differ in length").into());
        }
        if u32::try_from(count).is_err() {
            return Err(Violation::State("more than 2^32 validators").into());
        }
        Ok(())
    }
}

impl Deref for State {
    type Target = BeaconState;

    fn deref(&self) -> &BeaconState {
        &self.data
    }
}
