//! `/api/v1/blocks`: blocks by filters, and one block by root or slot.

use std::ops::RangeInclusive;

use axum::extract::{OriginalUri, Path, State};
use consensus::{Root, Slot, ValidatorIndex};
use serde::{Deserialize, Serialize};
use store::{BlockFilter, BlockRow, CanonicalState, ValidatorSet};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, JsonOnly, ListForm, Validity};
use super::cursor;
use super::range::{RangeQuery, refuse_gaps, validity, with_cursor};
use super::shapes::{Block, ClientParam, FormParam, Searched};
use crate::compat::number;
use crate::error::ApiError;
use crate::query::{NoParams, Params, With};
use crate::state::AppState;

/// Items of a page, where the request does not say.
const DEFAULT_LIMIT: usize = 100;

/// Most validators in one `proposer`.
const MAX_PROPOSERS: usize = 256;

/// Which blocks. All conditions apply together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Only blocks of these validators: up to 256 indices with commas.
    #[param(pattern = "^[0-9]{1,12}(,[0-9]{1,12}){0,255}$", example = "412233,412234")]
    proposer: Option<String>,
    /// Only blocks of the validators of this entity.
    #[param(pattern = "^[a-z0-9-]{1,100}$")]
    entity: Option<String>,
    /// Only blocks with this verdict.
    #[param(inline)]
    client: Option<ClientParam>,
    /// Only blocks whose verdict has at least this probability.
    #[param(minimum = 0, maximum = 1)]
    min_probability: Option<f64>,
    /// Only blocks whose verdict has at most this probability.
    #[param(minimum = 0, maximum = 1)]
    max_probability: Option<f64>,
    /// Only blocks whose graffiti contain this text; small and capital letters of ASCII are the same.
    #[param(min_length = 1, max_length = 32)]
    graffiti: Option<String>,
    /// Only blocks in this state. `canonical` here includes what is final or not known to be left behind.
    #[param(inline)]
    state: Option<StateParam>,
    /// Only blocks whose graffiti name another client than the verdict.
    conflict: Option<bool>,
    /// A place in the list, from `next` or `prev`.
    #[param(pattern = "^(older|newer)-[0-9]{1,19}$")]
    cursor: Option<String>,
    /// Blocks of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// A state in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StateParam {
    /// In the chain: anything but orphaned.
    Canonical,
    /// Left behind.
    Orphaned,
    /// In the chain for good.
    Finalized,
    /// Nobody said.
    Unknown,
}

impl StateParam {
    pub(crate) fn states(self) -> Vec<CanonicalState> {
        match self {
            Self::Canonical => {
                vec![CanonicalState::Unknown, CanonicalState::Canonical, CanonicalState::Finalized]
            }
            Self::Orphaned => vec![CanonicalState::Orphaned],
            Self::Finalized => vec![CanonicalState::Finalized],
            Self::Unknown => vec![CanonicalState::Unknown],
        }
    }
}

/// A page of blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockList {
    /// Newest first. A page may be short, or empty, though there are more: a question looks at so many rows only.
    blocks: Vec<Block>,
    /// The slots that this page was searched for in.
    searched: Searched,
    /// The address of older blocks; null at the end.
    next: Option<String>,
    /// The address of newer blocks; null at the beginning.
    prev: Option<String>,
}

/// Blocks by filters, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/blocks",
    tag = "v1",
    params(RangeQuery, Query),
    responses(
        (status = 200, description = "A page of blocks.", content(
            (BlockList = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names; or there is no such entity.")
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    With(bounds, query): With<RangeQuery, Query>,
) -> Result<Answer, ApiError> {
    let wanted = bounds.slots(&state)?;
    let slots = wanted.or(0, u64::MAX);
    if wanted.start.is_some() {
        refuse_gaps(&state, &slots, bounds.partial).await?;
    }
    let filter = BlockFilter {
        slots: Some(slots),
        proposers: proposers(&state, query.proposer.as_deref(), query.entity.as_deref())?,
        verdict: query.client.map(ClientParam::verdict),
        probability: probability(query.min_probability, query.max_probability)?,
        states: query.state.map(StateParam::states).unwrap_or_default(),
        conflict: query.conflict.unwrap_or(false),
        ..BlockFilter::default()
    };
    let filter = BlockFilter { graffiti: query.graffiti.map(graffiti).transpose()?, ..filter };
    let limit = limit(query.limit, DEFAULT_LIMIT, 1_000)?;
    let seek = cursor::seek(query.cursor.as_deref())?;
    let found = state.store().search_blocks(&filter, seek, limit).await?;
    let address = |cursor: Option<String>| cursor.map(|cursor| with_cursor(&uri, &cursor));
    let entities = state.entities();
    let list = BlockList {
        blocks: found.items.into_iter().map(|row| Block::of(row, entities)).collect(),
        searched: found.searched.into(),
        next: address(cursor::older(found.older)),
        prev: address(cursor::newer(found.newer)),
    };
    let answer =
        Answer::list(form, &list, |list| Block::table(&list.blocks), validity(&state, wanted).await?)?;
    Ok(answer.link("next", list.next.as_deref()).link("prev", list.prev.as_deref()))
}

/// The number of items of a page.
pub(crate) fn limit(wanted: Option<usize>, default: usize, most: usize) -> Result<usize, ApiError> {
    match wanted {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(ApiError::BadParameter(format!("limit is {limit}; 1 to {most} are allowed"))),
    }
}

fn probability(low: Option<f64>, high: Option<f64>) -> Result<Option<RangeInclusive<f64>>, ApiError> {
    for (name, value) in [("min_probability", low), ("max_probability", high)] {
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return Err(ApiError::BadParameter(format!("{name} must be from 0 to 1")));
        }
    }
    Ok((low.is_some() || high.is_some()).then(|| low.unwrap_or(0.0)..=high.unwrap_or(1.0)))
}

/// Graffiti are 32 bytes at most.
fn graffiti(part: String) -> Result<String, ApiError> {
    if (1..=32).contains(&part.chars().count()) {
        return Ok(part);
    }
    Err(ApiError::BadParameter("graffiti must have 1 to 32 characters".to_owned()))
}

/// The validators of a list and an entity; those of both where both are given.
fn proposers(
    state: &AppState,
    list: Option<&str>,
    entity: Option<&str>,
) -> Result<Option<ValidatorSet>, ApiError> {
    let entity = entity.map(|slug| entity_of(state, slug)).transpose()?;
    let Some(list) = list else { return Ok(entity.map(|entity| entity.validators.clone())) };
    let mut indices = Vec::new();
    for text in list.split(',') {
        match text.parse() {
            Ok(index) if indices.len() < MAX_PROPOSERS => indices.push(ValidatorIndex(index)),
            Ok(_) => {
                return Err(ApiError::BadParameter(format!(
                    "proposer names more than {MAX_PROPOSERS} validators"
                )));
            }
            Err(_) => {
                let shown: String = text.chars().take(40).collect();
                return Err(ApiError::BadParameter(format!(
                    "proposer has {shown:?}, which is no index of a validator"
                )));
            }
        }
    }
    indices.retain(|index| entity.is_none_or(|entity| entity.validators.contains(*index)));
    Ok(Some(indices.into_iter().collect()))
}

/// The entity of a slug.
pub(crate) fn entity_of<'s>(
    state: &'s AppState,
    slug: &str,
) -> Result<&'s crate::entities::Entity, ApiError> {
    state.entities().by_slug(slug).ok_or_else(|| {
        let shown: String = slug.chars().take(40).collect();
        ApiError::Missing(format!("there is no entity {shown:?}; /api/v1/entities lists them"))
    })
}

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
    params(("id" = String, Path, description = "A block root, or a slot.", pattern = "^(0x[0-9a-fA-F]{64}|[0-9]{1,12})$")),
    responses(
        (status = 200, body = Blocks),
        (status = 404, description = "No such block.")
    )
)]
pub(crate) async fn block(
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: JsonOnly,
    _: Params<NoParams>,
) -> Result<Answer, ApiError> {
    let rows = find(&state, &id).await?;
    let is_final = rows.iter().all(|row| row.canonical == CanonicalState::Finalized) && id.starts_with("0x");
    let blocks = rows.into_iter().map(|row| Block::of(row, state.entities())).collect();
    Answer::json(&Blocks { blocks }, if is_final { Validity::Final } else { Validity::Changing })
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
