//! One stored block: where it stands in the chain, and the verdict on it.

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::Signs;
use fingerprint::classifier::Classification;
use serde::{Deserialize, Serialize};

use crate::attestations::Attestations;

/// Where the root of a row comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootOrigin {
    /// The block's own root, as a node reported it.
    #[default]
    Reported,
    /// A root made up for a row of a file that kept none; see [`crate::surrogate_root`].
    Imported,
}

/// What the chain made of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanonicalState {
    /// Nobody said yet. Counted like a canonical block.
    #[default]
    Unknown,
    /// On the chain that the node followed when it was asked.
    Canonical,
    /// Left behind by a reorganisation. Kept, but not counted.
    Orphaned,
    /// On the chain for good.
    Finalized,
}

/// A block and the verdict on it.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockRow {
    /// The key. See [`BlockRow::root_known`].
    pub block_root: Root,
    /// Whether the root is the block's own.
    pub root_known: RootOrigin,
    /// The root of the parent, where it was told.
    pub parent_root: Option<Root>,
    /// The slot of the block.
    pub slot: Slot,
    /// The slot of its parent.
    pub parent_slot: Slot,
    /// Who proposed it.
    pub proposer_index: ValidatorIndex,
    /// The proposer's text. Without null characters.
    pub graffiti: Option<String>,
    /// The verdict.
    pub classification: Classification,
    /// The model that gave it.
    pub model_hash: Option<[u8; 32]>,
    /// What the chain made of it.
    pub canonical: CanonicalState,
    /// The features the verdict rests on, by name. Lists of blocks leave them out; [`crate::Store::block_by_root`]
    /// reads them. Storing `None` over a known block keeps what is there.
    pub features: Option<Vec<(String, f64)>>,
    /// What is known of its attestations.
    pub attestations: Attestations,
    /// What of it some client never does, where that was worked out. Storing `None` over a known block keeps what is
    /// there.
    pub signs: Option<Signs>,
    /// When it was first seen, in milliseconds since 1970; nothing for a block that was filled in later. The earliest
    /// time that was stored stays.
    pub first_seen_ms: Option<u64>,
}

/// Bits of an id below the slot.
const ID_BITS: u32 = 20;

/// Slots that share one stretch of the indexes on roots and proposers. Part of the schema.
pub(crate) const SLOTS_PER_BUCKET: u64 = 262_144;

/// The highest slot that an id has room for: more than 400,000 years.
pub(crate) const MAX_SLOT: u64 = (1 << 40) - 1;

/// The highest validator index stored.
pub(crate) const MAX_PROPOSER: u64 = (1 << 40) - 1;

/// The lowest id of a slot; ids of the slot lie below [`first_id`] of the next.
pub(crate) fn first_id(slot: u64) -> i64 {
    i64::try_from(u128::from(slot) << ID_BITS).unwrap_or(i64::MAX)
}

/// The id that a block gets if no other block of the slot has it.
pub(crate) fn preferred_id(slot: u64, root: &Root) -> i64 {
    let [a, b, c, ..] = root.0;
    first_id(slot) | (i64::from(u32::from_be_bytes([0, a, b, c])) & ((1 << ID_BITS) - 1))
}

/// The slot of an id.
pub(crate) fn slot_of_id(id: i64) -> Slot {
    Slot(u64::try_from(id >> ID_BITS).unwrap_or(0))
}
