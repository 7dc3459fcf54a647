//! Randomness, block roots and state roots that the state keeps for a while.

use super::State;
use crate::primitives::Root;
use crate::transition::math::{index, rem};
use crate::transition::{TransitionError, Violation, ensure};

impl State {
    /// The randao mix of an epoch.
    ///
    /// Source: phase0 `get_randao_mix`.
    pub fn randao_mix(&self, epoch: u64) -> Result<Root, TransitionError> {
        let place = rem(epoch, self.spec.preset.epochs_per_historical_vector, "the number of randao mixes")?;
        let mix = self.data.randao_mixes.get(index(place));
        mix.copied().ok_or(Violation::State("randao_mixes is too short").into())
    }

    /// The root of the latest block at or before a slot.
    ///
    /// Source: phase0 `get_block_root_at_slot`.
    pub fn block_root_at_slot(&self, slot: u64) -> Result<Root, TransitionError> {
        let kept = self.spec.preset.slots_per_historical_root;
        ensure!(
            slot < self.data.slot && self.data.slot <= slot.saturating_add(kept),
            "the state keeps no block root for that slot"
        );
        let root = self.data.block_roots.get(index(rem(slot, kept, "the number of block roots")?));
        root.copied().ok_or(Violation::State("block_roots is too short").into())
    }

    /// The root of the latest block at the first slot of an epoch.
    ///
    /// Source: phase0 `get_block_root`.
    pub fn block_root(&self, epoch: u64) -> Result<Root, TransitionError> {
        self.block_root_at_slot(self.spec.start_slot(epoch))
    }
}
