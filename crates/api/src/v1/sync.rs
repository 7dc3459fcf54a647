//! `/api/v1/sync`: how far the database goes, what is missing, how old it is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, JsonOnly, Validity};
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::query::{NoParams, Params};
use crate::state::AppState;

/// How complete the database is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sync {
    /// The highest slot with a block; 0 if there is none.
    greatest_block_slot: u64,
    /// Whether there is no gap.
    synced: bool,
    /// How old the newest block is.
    freshness: Freshness,
    /// Slots that are missing.
    missing_slots: u64,
    /// The gaps, both ends included, in order and without overlap.
    gaps: Vec<SyncGap>,
}

/// Missing slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct SyncGap {
    start: u64,
    end: u64,
    slots: u64,
}

/// How far the database goes, what is missing, and how old it is.
#[utoipa::path(get, path = "/api/v1/sync", tag = "v1", responses((status = 200, body = Sync)))]
pub(crate) async fn sync(
    State(state): State<AppState>,
    _: JsonOnly,
    _: Params<NoParams>,
) -> Result<Answer, ApiError> {
    let status = state.store().sync_status().await?;
    let gaps: Vec<_> = state
        .store()
        .gaps()
        .await?
        .iter()
        .map(|gap| SyncGap {
            start: gap.start.0,
            end: gap.end.0,
            slots: gap.end.0.saturating_sub(gap.start.0) + 1,
        })
        .collect();
    let sync = Sync {
        greatest_block_slot: status.greatest_block_slot.0,
        synced: status.synced,
        freshness: state.freshness(status.greatest_block_slot.0),
        missing_slots: gaps.iter().map(|gap| gap.slots).sum(),
        gaps,
    };
    Answer::json(&sync, Validity::Changing)
}
