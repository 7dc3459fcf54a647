//! Era files: finished stretches of a chain, blocks and a state each, as consensus clients exchange them.
//!
//! ```text
//! file  := group+
//! group := Version, block*, state, other records*, index of blocks (not in era 0), index of the state
//! ```
//!
//! Era `n` holds the blocks of the `SLOTS_PER_HISTORICAL_ROOT` slots before slot `n * SLOTS_PER_HISTORICAL_ROOT`,
//! and the state of that slot with the slot's block applied, where there is one: the block itself is in the next era.
//! Era 0 is the genesis state alone. Blocks and states are SSZ in framed snappy; their fork follows from the slot.
//!
//! Source: eth-clients/e2store-format-specs `formats/era.md`, `types/0x6932.md`.

mod error;
mod export;
mod groups;
mod index;
mod reader;
mod record;
mod writer;

pub use error::{EraError, EraProblem};
pub use export::{EraExportError, EraProgress, EraReport, WrittenEra, write_eras};
pub use groups::EraGroup;
pub use reader::{BrokenIndex, EraLimits, EraReader, IndexFate, VerifiedEra};
pub use record::{RecordHeader, RecordType};
pub use writer::{BlockRoots, EraWriter};

use consensus::Root;
use consensus::state::State;

/// What the name of an era file says: `<network>-<era>-<root>.era`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraName {
    /// The name of the network.
    pub network: String,
    /// The first era in the file.
    pub era: u64,
    /// The first bytes of the last era's root.
    pub root: [u8; 4],
}

impl EraName {
    /// Reads a file name, without folders.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".era")?.rsplitn(3, '-');
        let (root, era, network) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let lower_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if era.len() < 5 || !digits(era) || root.len() != 8 || !lower_hex(root) || network.is_empty() {
            return None;
        }
        let root = u32::from_str_radix(root, 16).ok()?.to_be_bytes();
        Some(Self { network: network.to_owned(), era: era.parse().ok()?, root })
    }

    /// The name of a file that begins with `era` and ends with the given state.
    pub fn of(era: u64, last_state: &State) -> Self {
        let root = era_root(last_state).0.first_chunk().copied().unwrap_or_default();
        Self { network: last_state.spec().config.config_name.clone(), era, root }
    }
}

impl std::fmt::Display for EraName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:05}-{:08x}.era", self.network, self.era, u32::from_be_bytes(self.root))
    }
}

/// The root that names an era: of the period that ends with its state, or of the validators at genesis.
pub fn era_root(state: &State) -> Root {
    if state.slot == 0 {
        return state.genesis_validators_root;
    }
    // From Capella on the periods go into the summaries, and the roots stay as they were.
    let summary = state.historical_summaries.last().map(|summary| {
        let shape = state.shape();
        Root(consensus::ssz::Ssz::hash_tree_root(summary, &shape))
    });
    summary.or_else(|| state.historical_roots.last().copied()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let name = EraName { network: "my-net".to_owned(), era: 1, root: [0x40, 0xcf, 0x2f, 0x3c] };
        assert_eq!(name.to_string(), "my-net-00001-40cf2f3c.era");
        assert_eq!(EraName::parse("my-net-00001-40cf2f3c.era"), Some(name));
        assert_eq!(EraName::parse("mainnet-123456-40cf2f3c.era").map(|name| name.era), Some(123_456));
        for bad in [
            "mainnet-00001-40cf2f3c.era1",
            "mainnet-0001-40cf2f3c.era",
            "mainnet-00001-40CF2F3C.era",
            "mainnet-00001-40cf2f3.era",
            "-00001-40cf2f3c.era",
            "00001-40cf2f3c.era",
            "mainnet-+0001-40cf2f3c.era",
        ] {
            assert_eq!(EraName::parse(bad), None, "{bad}");
        }
    }
}
