//! The time of the store.

use super::error::ForkChoiceError;
use super::store::Store;
use super::tree::Arrival;

/// Basis points of a whole.
const BASIS_POINTS: u64 = 10_000;

impl Store {
    /// Sets the time, Unix time in milliseconds.
    ///
    /// Source: phase0 `on_tick`.
    pub fn on_tick(&mut self, unix_ms: u64) -> Result<(), ForkChoiceError> {
        if unix_ms < self.unix_ms {
            return Err(ForkChoiceError::Time { from: self.unix_ms, to: unix_ms });
        }
        let before = self.current_slot();
        self.unix_ms = unix_ms;
        let now = self.current_slot();
        if now > before {
            self.boost = None;
        }
        // What votes would justify does not change on the way: several epochs are as good as one.
        if self.spec.epoch_at(now) > self.spec.epoch_at(before) {
            let (justified, finalized) =
                (self.unrealized_justified.clone(), self.unrealized_finalized.clone());
            self.update_checkpoints(&justified, &finalized);
        }
        Ok(())
    }

    /// The time, Unix time in milliseconds.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    /// Unix time of genesis, seconds.
    pub fn genesis_time(&self) -> u64 {
        self.genesis_time
    }

    /// The slot of the store's time.
    ///
    /// Source: phase0 `get_current_slot`.
    pub fn current_slot(&self) -> u64 {
        self.since_genesis().checked_div(self.spec.config.slot_duration_ms).unwrap_or_default()
    }

    /// The epoch of the store's time.
    ///
    /// Source: phase0 `get_current_store_epoch`.
    pub fn current_epoch(&self) -> u64 {
        self.spec.epoch_at(self.current_slot())
    }

    fn since_genesis(&self) -> u64 {
        self.unix_ms.saturating_sub(self.genesis_time.saturating_mul(1_000))
    }

    /// Milliseconds since the slot began.
    fn ms_of_slot(&self) -> u64 {
        self.since_genesis().checked_rem(self.spec.config.slot_duration_ms).unwrap_or_default()
    }

    /// So many milliseconds are a part of a slot, given in basis points.
    ///
    /// Source: phase0 `get_slot_component_duration_ms`.
    fn part_of_slot(&self, basis_points: u64) -> u64 {
        self.spec.config.slot_duration_ms.saturating_mul(basis_points) / BASIS_POINTS
    }

    /// How a block arrives that comes now.
    ///
    /// Source: phase0 `record_block_timeliness`.
    pub(super) fn arrival(&self, slot: u64) -> Arrival {
        let due = self.part_of_slot(self.spec.config.attestation_due_bps);
        if slot == self.current_slot() && self.ms_of_slot() < due { Arrival::Timely } else { Arrival::Late }
    }

    /// Whether it is early enough in the slot to propose a block that displaces the one before.
    ///
    /// Source: phase0 `is_proposing_on_time`.
    pub(super) fn is_proposing_on_time(&self) -> bool {
        self.ms_of_slot() <= self.part_of_slot(self.spec.config.proposer_reorg_cutoff_bps)
    }
}
