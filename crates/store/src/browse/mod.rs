//! Lists to look through: blocks by filters, missed slots, branches left behind, gaps, validators, groups of them.
//!
//! Every question here looks at a bounded number of rows, whatever the size of the database: an answer that stopped
//! early says how far it looked and where to go on.

mod blocks;
mod gaps;
mod groups;
mod missed;
mod reorgs;
mod validators;

use std::ops::Range;

use consensus::Slot;
use fingerprint::score::ConfusionMatrix;

use crate::counts::ClientCounts;
use crate::error::StoreError;
use crate::gap_notes::GapNote;
use crate::query::{BlockCursor, Page};
use crate::row::BlockRow;
use crate::store::Store;
use crate::work::Milliseconds;

pub use blocks::BlockFilter;
pub use gaps::MissingSlots;
pub use groups::MAX_GROUPED_SLOTS;
pub use missed::MissedSlots;
pub use reorgs::Reorg;
pub use validators::{HistoryFilter, ValidatorFilter, ValidatorSummary, Weighed};

/// Rows that one question looks at, at most, where no index leads to those wanted.
const SCANNED_ROWS: i64 = 32_768;

/// Orphaned blocks that one question looks at, at most.
const SCANNED_ORPHANS: i64 = 4_096;

/// Most items of one page.
const MAX_ITEMS: usize = 1_000;

/// Where in a list, which is newest first, a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seek {
    /// With the newest.
    #[default]
    Newest,
    /// With the oldest, which comes last on the page.
    Oldest,
    /// With the newest before a place.
    Before(BlockCursor),
    /// With the oldest after a place, which comes last on the page.
    After(BlockCursor),
}

/// A page of a list, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// The items, newest first. There may be few or none though there are more: see `searched`.
    pub items: Vec<T>,
    /// Where older ones may be; `None` at the end.
    pub older: Option<BlockCursor>,
    /// Where newer ones may be; `None` at the end.
    pub newer: Option<BlockCursor>,
    /// The slots that were looked at, the end not included.
    pub searched: Range<Slot>,
}

impl Store {
    /// Blocks that pass a filter, newest first.
    pub async fn search_blocks(
        &self,
        filter: &BlockFilter,
        seek: Seek,
        limit: usize,
    ) -> Result<Found<BlockRow>, StoreError> {
        blocks::search(&mut self.database().reader().await?.connection(), filter, seek, limit).await
    }

    /// Slots of a range that have no block in the chain although they are known, newest first. Only the newest 8,192
    /// slots of the range are looked at: see [`MissedSlots::searched`].
    pub async fn missed_slots(&self, range: Range<Slot>) -> Result<MissedSlots, StoreError> {
        missed::missed(&mut self.database().reader().await?.connection(), range).await
    }

    /// Branches that the chain left behind, newest first, with what took their place.
    pub async fn reorgs(
        &self,
        range: Range<Slot>,
        seek: Seek,
        limit: usize,
    ) -> Result<Found<Reorg>, StoreError> {
        reorgs::reorgs(&mut self.database().reader().await?.connection(), range, seek, limit).await
    }

    /// Orphaned blocks by verdict in a range of slots.
    pub async fn orphans_per_client(&self, range: Range<Slot>) -> Result<ClientCounts, StoreError> {
        reorgs::orphans_per_client(&mut self.database().reader().await?.connection(), range).await
    }

    /// Missing slots after a slot, in order, cut where their causes differ: why they are missing and what comes next.
    pub async fn missing_slots(
        &self,
        after: Option<Slot>,
        limit: usize,
        now: Milliseconds,
    ) -> Result<Page<MissingSlots, Slot>, StoreError> {
        gaps::missing(&mut self.database().reader().await?.connection(), after, limit, now).await
    }

    /// Validators with what their blocks say together, ordered by index, beginning after one.
    pub async fn validators(
        &self,
        filter: &ValidatorFilter,
        after: Option<consensus::ValidatorIndex>,
        limit: usize,
    ) -> Result<Page<ValidatorSummary, consensus::ValidatorIndex>, StoreError> {
        validators::page(&mut self.database().reader().await?.connection(), filter, after, limit).await
    }

    /// Validators by what their blocks say together, ordered by index, beginning after one. So few are weighed for one
    /// page that it may be empty though there are more: see [`Weighed::next`].
    pub async fn validators_by_history(
        &self,
        filter: &ValidatorFilter,
        history: &HistoryFilter,
        after: Option<consensus::ValidatorIndex>,
        limit: usize,
    ) -> Result<Weighed, StoreError> {
        let mut reader = self.database().reader().await?;
        validators::weighed(&mut reader.connection(), filter, history, after, limit).await
    }

    /// Blocks by verdict in a range of slots, orphaned ones left out, for groups of validators: `group_of` gives the
    /// number of a validator's group, those of no group are counted in the last field. The range has at most
    /// [`MAX_GROUPED_SLOTS`] slots.
    pub async fn blocks_per_group(
        &self,
        range: Range<Slot>,
        groups: usize,
        group_of: impl Fn(consensus::ValidatorIndex) -> Option<usize> + Send,
    ) -> Result<Vec<ClientCounts>, StoreError> {
        let group_of = move |_, validator| group_of(validator);
        groups::counts(&mut self.database().reader().await?.connection(), range, groups, group_of).await
    }

    /// As [`Store::blocks_per_group`], for groups that depend on the slot of a block too, such as days.
    pub async fn blocks_per_group_and_slot(
        &self,
        range: Range<Slot>,
        groups: usize,
        group_of: impl Fn(Slot, consensus::ValidatorIndex) -> Option<usize> + Send,
    ) -> Result<Vec<ClientCounts>, StoreError> {
        groups::counts(&mut self.database().reader().await?.connection(), range, groups, group_of).await
    }

    /// Blocks by verdict in runs of slots, orphaned ones left out, as [`Store::shares`] for runs of any length. Runs
    /// without a block are left out. The range has at most [`MAX_GROUPED_SLOTS`] slots.
    pub async fn shares_of_slots(
        &self,
        range: Range<Slot>,
        bucket_slots: u64,
    ) -> Result<Vec<(Slot, ClientCounts)>, StoreError> {
        groups::shares_of_slots(&mut self.database().reader().await?.connection(), range, bucket_slots).await
    }

    /// What the graffiti say against the verdicts, in a range of slots. Blocks whose graffiti name no client are left
    /// out.
    pub async fn confusion_matrix(&self, range: Range<Slot>) -> Result<ConfusionMatrix, StoreError> {
        groups::confusion(&mut self.database().reader().await?.connection(), range).await
    }

    /// As [`Store::confusion_matrix`], for runs of slots, each with its first slot; runs without such a block are left
    /// out. The range has at most [`MAX_GROUPED_SLOTS`] slots and 256 runs.
    pub async fn confusion_of_runs(
        &self,
        range: Range<Slot>,
        run_slots: u64,
    ) -> Result<Vec<(Slot, ConfusionMatrix)>, StoreError> {
        groups::confusion_of_runs(&mut self.database().reader().await?.connection(), range, run_slots).await
    }

    /// What is noted of the missing slot, if it is missing and something is.
    pub async fn gap_note_at(&self, slot: Slot) -> Result<Option<GapNote>, StoreError> {
        gaps::note_at(&mut self.database().reader().await?.connection(), slot).await
    }
}
