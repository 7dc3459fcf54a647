//! What a network is: its preset, its configuration, and which fork holds at which epoch.

mod config;
mod constants;
mod fork;
mod network;
mod plans;
mod preset;
pub mod sizes;

pub use config::{BlobParameters, Config, ConfigError};
pub use constants::*;
pub use fork::{Fork, ParseForkError};
pub use network::Network;
pub use plans::UnknownFork;
pub use preset::Preset;

/// The preset and fork that decide the sizes and fields of containers.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The preset.
    pub preset: &'a Preset,
    /// The fork.
    pub fork: Fork,
}

impl<'a> Shape<'a> {
    /// The shape of a preset at a fork.
    pub fn new(preset: &'a Preset, fork: Fork) -> Self {
        Self { preset, fork }
    }
}

/// A preset and a configuration: everything that differs between networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Sizes and quotients that are fixed when a client is built.
    pub preset: Preset,
    /// Fork schedule and values that a network chooses.
    pub config: Config,
}

impl Spec {
    /// The shape of containers at a fork.
    pub fn shape(&self, fork: Fork) -> Shape<'_> {
        Shape::new(&self.preset, fork)
    }

    /// The epoch of a slot.
    pub fn epoch_at(&self, slot: u64) -> u64 {
        slot.checked_div(self.preset.slots_per_epoch).unwrap_or_default()
    }

    /// The first slot of an epoch, or the last slot there is.
    pub fn start_slot(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.preset.slots_per_epoch)
    }

    /// The fork that holds at a slot.
    pub fn fork_at_slot(&self, slot: u64) -> Fork {
        self.config.fork_at(self.epoch_at(slot))
    }
}
