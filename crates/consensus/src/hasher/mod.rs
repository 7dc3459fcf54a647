//! Hash tree roots of states, of which only what changed since the last one is hashed again.
//!
//! A transition knows nothing of hashing. The hasher keeps the content of every column as it was when last hashed,
//! and the Merkle tree above it; asked for the root of a state, it compares. So one hasher serves any state, also
//! those of different branches, and copies of states stay free. It is fast where the state is near the last one.

mod elements;
mod fields;
mod forest;
mod mirror;
mod packed;
mod registry;
#[cfg(test)]
mod tests;
mod tree;

use fields::Memories;

use crate::containers::BeaconState;
use crate::primitives::Root;
use crate::spec::{Preset, Shape};
use crate::ssz::proof::Proof;
use crate::state::State;
use crate::transition::{StateRoots, TransitionError, Violation};

/// Computes roots of states, each from what it knows of the one before.
#[derive(Default)]
pub struct StateHasher {
    preset: Option<Preset>,
    /// The epoch of the state that was hashed last.
    epoch: Option<u64>,
    memories: Memories,
}

impl StateHasher {
    /// A hasher that knows nothing yet: its first root is computed from nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The root of each field of a state, in order. An error where roots were taken on trust and are missing.
    pub fn field_roots(&mut self, state: &State) -> Result<Vec<[u8; 32]>, TransitionError> {
        self.roots_of(&*state.complete()?, &state.shape())
    }

    /// The root of the fields of a state. An error where the columns of the validators differ in length.
    pub fn root_of_fields(&mut self, data: &BeaconState, shape: &Shape<'_>) -> Result<Root, TransitionError> {
        Ok(Root(BeaconState::root_of_fields(self.roots_of(data, shape)?, shape)))
    }

    /// Proves a part of a state by its generalized index. `None` where there is no such part. An error where roots were
    /// taken on trust and are missing.
    pub fn prove(&mut self, state: &State, index: u64) -> Result<Option<Proof>, TransitionError> {
        let data = state.complete()?;
        let roots = self.roots_of(&data, &state.shape())?;
        let mut branch = Vec::new();
        let leaf = data.prove_with(&roots, index, &state.shape(), &mut branch);
        Ok(leaf.map(|leaf| Proof { index, leaf, branch }))
    }

    /// Bytes of memory that the hasher holds, without what single elements of lists point to.
    pub fn size_bytes(&self) -> usize {
        self.memories.bytes()
    }

    fn roots_of(&mut self, data: &BeaconState, shape: &Shape<'_>) -> Result<Vec<[u8; 32]>, TransitionError> {
        if !data.validators.has_even_columns() {
            return Err(Violation::State("the columns of validators differ in length").into());
        }
        if self.preset.as_ref() != Some(shape.preset) {
            *self = Self { preset: Some(shape.preset.clone()), ..Self::default() };
        }
        let epoch = data.slot.checked_div(shape.preset.slots_per_epoch);
        if self.epoch != epoch {
            self.memories.rotate(data);
            self.epoch = epoch;
        }
        Ok(self.memories.roots(data, shape))
    }
}

impl StateRoots for StateHasher {
    fn state_root(&mut self, state: &State) -> Result<Root, TransitionError> {
        self.root_of_fields(&*state.complete()?, &state.shape())
    }
}
