//! `/api/v1/blocks`: one block, by root or slot.

use axum::Json;
use axum::extract::{Path, State};
use consensus::{Root, Slot};
use serde::Serialize;
use store::{BlockRow, CanonicalState};
use utoipa::ToSchema;

use super::shapes::Block;
use crate::compat::number;
use crate::error::ApiError;
use crate::state::AppState;

/// The blocks found: one, or several of one slot, the canonical first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
}

/// One block with its verdict and evidence.
#[utoipa::path(
    get,
    path = "/api/v1/blocks/{id}",
    tag = "v1",
    params(("id" = String, Path, description = "A block root, or a slot.")),
    responses(
        (status = 200, body = Blocks),
        (status = 401, description = "Private."),
        (status = 404, description = "No such block.")
    )
)]
pub(crate) async fn block(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Blocks>, ApiError> {
    let rows = find(&state, &id).await?;
    Ok(Json(Blocks { blocks: rows.into_iter().map(Block::from).collect() }))
}

/// The blocks at a root or slot, evidence included, the canonical first; an error if there is none.
pub(crate) async fn find(state: &AppState, id: &str) -> Result<Vec<BlockRow>, ApiError> {
    let store = state.store();
    if id.starts_with("0x") {
        let root: Root = id
            .parse()
            .map_err(|error| ApiError::BadParameter(format!("{id:?} is not a block root: {error}")))?;
        return match store.block_by_root(root).await? {
            Some(row) => Ok(vec![row]),
            None => Err(ApiError::Missing(format!(
                "no block with root {id} is stored; it may be on a side branch that was never seen"
            ))),
        };
    }
    let slot = Slot(number("slot", id)?);
    let mut rows = Vec::new();
    for row in store.blocks_at_slot(slot).await? {
        rows.push(store.block_by_root(row.block_root).await?.unwrap_or(row));
    }
    rows.sort_by_key(|row| match row.canonical {
        CanonicalState::Finalized => 0,
        CanonicalState::Canonical => 1,
        CanonicalState::Unknown => 2,
        CanonicalState::Orphaned => 3,
    });
    if rows.is_empty() {
        return Err(ApiError::Missing(match store.first_gap_touching(slot..Slot(slot.0 + 1)).await? {
            Some(gap) => {
                format!("slot {slot} is not stored yet: slots {} to {} are missing", gap.start, gap.end)
            }
            None if slot > store.sync_status().await?.greatest_block_slot => {
                format!("slot {slot} is above the newest stored block")
            }
            None => format!("there is no block in slot {slot}: it was missed"),
        }));
    }
    Ok(rows)
}
