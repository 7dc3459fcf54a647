//! The forks of the beacon chain, in order.

use std::fmt;
use std::str::FromStr;

/// A fork of the beacon chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// Genesis, December 2020.
    Phase0,
    /// Sync committees and participation flags.
    Altair,
    /// Execution payloads.
    Bellatrix,
    /// Withdrawals.
    Capella,
    /// Blobs.
    Deneb,
    /// Compounding validators, committees merged in attestations.
    Electra,
    /// Data columns, proposer lookahead.
    Fulu,
    /// Builders in the protocol (EIP-7732).
    Gloas,
}

/// A name that is no fork.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fork; the forks are phase0, altair, bellatrix, capella, deneb, electra, fulu and gloas")]
pub struct ParseForkError(String);

impl Fork {
    /// All forks, oldest first.
    pub const ALL: [Self; 8] = [
        Self::Phase0,
        Self::Altair,
        Self::Bellatrix,
        Self::Capella,
        Self::Deneb,
        Self::Electra,
        Self::Fulu,
        Self::Gloas,
    ];

    /// The name as the Beacon API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phase0 => "phase0",
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
            Self::Gloas => "gloas",
        }
    }

    /// The fork before this one.
    pub fn previous(self) -> Option<Self> {
        Self::ALL.iter().copied().take_while(|fork| *fork < self).last()
    }

    /// The fork after this one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|fork| *fork > self)
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fork {
    type Err = ParseForkError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|fork| fork.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| ParseForkError(name.chars().take(40).collect()))
    }
}
