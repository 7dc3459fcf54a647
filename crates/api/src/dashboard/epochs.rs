//! The latest epochs with their blocks per client, for readers who may not see single blocks.

use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Slot};
use store::ClientCounts;

use super::charts::{Series, short_name};
use super::format;
use super::history::BucketRow;
use super::shares::{Extent, blocks_of};
use crate::error::ApiError;
use crate::state::AppState;

/// A table of epochs, newest first.
#[derive(Default)]
pub(super) struct LatestEpochs {
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<BucketRow>,
}

/// A column: the blocks of a client.
pub(super) struct Head {
    pub(super) name: &'static str,
    pub(super) short: &'static str,
    /// The mark, as HTML.
    pub(super) icon: String,
}

impl LatestEpochs {
    /// So many epochs up to that of the newest block.
    pub(super) async fn read(state: &AppState, extent: &Extent, most: u64) -> Result<Self, ApiError> {
        if !extent.has_blocks {
            return Ok(Self::default());
        }
        let end = extent.end_epoch();
        let range = Epoch(end.saturating_sub(most)).start_slot()..Epoch(end).start_slot();
        let counts = state.store().shares(range, SLOTS_PER_EPOCH).await?;
        let shown: Vec<_> =
            Series::all().filter(|series| series.is_named() || *series == Series::Unknown).collect();
        let row = |(slot, counts): &(Slot, ClientCounts)| BucketRow {
            start: format::count(slot.epoch().0),
            n: format::count(counts.total()),
            cells: shown.iter().map(|series| format::count(blocks_of(counts, *series))).collect(),
        };
        let head = |series: &Series| Head {
            name: series.name(),
            short: short_name(match series {
                Series::Client(client) => Some(*client),
                Series::Unknown => None,
            }),
            icon: series.icon(),
        };
        Ok(Self { heads: shown.iter().map(head).collect(), rows: counts.iter().rev().map(row).collect() })
    }
}
