//! Which fork of a simulated chain begins when.

use std::fmt;
use std::str::FromStr;

use consensus::spec::{FAR_FUTURE_EPOCH, Fork};

use super::{ChainError, ChainPlan};

/// A fork that begins inside of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The fork.
    pub fork: Fork,
    /// Its first epoch, 1 or later.
    pub epoch: u64,
}

/// A text that names no fork with its first epoch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a fork and its first epoch, such as capella=4, found {0:?}")]
pub struct ParseUpgradeError(String);

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.fork, self.epoch)
    }
}

impl FromStr for Upgrade {
    type Err = ParseUpgradeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (fork, epoch) = text.split_once('=')?;
            Some(Self { fork: fork.parse().ok()?, epoch: epoch.parse().ok()? })
        };
        parsed().ok_or_else(|| ParseUpgradeError(text.chars().take(40).collect()))
    }
}

impl ChainPlan {
    /// The last fork that the chain comes to.
    pub(super) fn last_fork(&self) -> Fork {
        self.upgrades.last().map_or(self.fork, |upgrade| upgrade.fork)
    }

    /// Writes the schedule of the forks into the network's values.
    pub(super) fn schedule_forks(&mut self) -> Result<(), ChainError> {
        let mut before = Upgrade { fork: self.fork, epoch: 0 };
        for upgrade in &self.upgrades {
            let refused = |reason| Err(ChainError::Upgrade { upgrade: *upgrade, reason });
            if upgrade.fork <= before.fork {
                return refused("the chain has it, or a later one, before");
            }
            if upgrade.epoch == 0 {
                return refused("the chain begins with another one");
            }
            if upgrade.epoch < before.epoch {
                return refused("an earlier fork begins after it");
            }
            if upgrade.epoch == FAR_FUTURE_EPOCH {
                return refused("no chain comes to that epoch");
            }
            before = *upgrade;
        }
        for fork in Fork::ALL {
            let first = self.upgrades.iter().find(|upgrade| upgrade.fork >= fork);
            let epoch =
                if fork <= self.fork { 0 } else { first.map_or(FAR_FUTURE_EPOCH, |upgrade| upgrade.epoch) };
            self.spec.config.set_fork_epoch(fork, epoch);
        }
        Ok(())
    }
}
