//! `/api/v1/entities`: who runs validators, and what builds their blocks.

use std::ops::Range;

use axum::extract::{Path, State};
use consensus::Slot;
use serde::Serialize;
use store::{ClientCounts, MAX_GROUPED_SLOTS};
use utoipa::ToSchema;

use super::answer::{Answer, JsonOnly, ListForm};
use super::blocks::entity_of;
use super::range::{RangeQuery, Wanted, latest, refuse_gaps, validity};
use super::shapes::{FormQuery, Searched, Share, shares_of};
use super::table::{Cell, Kind, Table};
use crate::entities::Entity;
use crate::error::ApiError;
use crate::query::{NoParams, With};
use crate::state::AppState;

/// All entities with what builds their blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntityList {
    /// The file that the names come from; empty if there is none.
    source: String,
    /// The slots counted: of longer ranges the newest 262,144.
    counted: Searched,
    /// Ordered by address.
    entities: Vec<EntityShares>,
    /// Blocks of validators of no entity.
    others: GroupShares,
}

/// An entity with what builds its blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntityShares {
    /// The name in addresses.
    entity: String,
    /// The name, as in the file.
    name: String,
    /// How many validators it runs.
    validators: u64,
    #[serde(flatten)]
    blocks: GroupShares,
}

/// Blocks of a group and who built them.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupShares {
    /// Blocks counted.
    n: u64,
    /// By client, counted.
    shares: Vec<Share>,
}

impl From<ClientCounts> for GroupShares {
    fn from(counts: ClientCounts) -> Self {
        Self { n: counts.total(), shares: shares_of(&counts) }
    }
}

impl EntityShares {
    fn of(entity: &Entity, counts: ClientCounts) -> Self {
        Self {
            entity: entity.slug.clone(),
            name: entity.name.clone(),
            validators: entity.validators.len(),
            blocks: counts.into(),
        }
    }
}

/// The slots to count.
async fn counted(state: &AppState, wanted: Wanted, partial: Option<bool>) -> Result<Range<Slot>, ApiError> {
    let (range, _) = latest(state, wanted).await?;
    let start = range.start.0.max(range.end.0.saturating_sub(MAX_GROUPED_SLOTS));
    let range = Slot(start)..range.end;
    refuse_gaps(state, &range, partial).await?;
    Ok(range)
}

/// Entities with the clients that build their blocks.
#[utoipa::path(
    get,
    path = "/api/v1/entities",
    tag = "v1",
    params(RangeQuery, FormQuery),
    responses(
        (status = 200, description = "All entities.", content(
            (EntityList = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names.")
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    ListForm(form): ListForm,
    With(bounds, _): With<RangeQuery, FormQuery>,
) -> Result<Answer, ApiError> {
    let wanted = bounds.slots(&state)?;
    let range = counted(&state, wanted, bounds.partial).await?;
    let entities = state.entities();
    let number = entities.list().len();
    let mut counts =
        state.store().blocks_per_group(range.clone(), number, |index| entities.position_of(index)).await?;
    let others = counts.pop().unwrap_or_default();
    let list = EntityList {
        source: entities.source().to_owned(),
        counted: range.into(),
        entities: entities
            .list()
            .iter()
            .zip(counts)
            .map(|(entity, counts)| EntityShares::of(entity, counts))
            .collect(),
        others: others.into(),
    };
    Answer::list(form, &list, table, validity(&state, wanted).await?)
}

fn table(list: &EntityList) -> Table {
    let mut table = Table::new([
        ("entity", Kind::Text),
        ("name", Kind::Text),
        ("validators", Kind::Number),
        ("client", Kind::Text),
        ("blocks", Kind::Number),
        ("n", Kind::Number),
        ("share", Kind::Real),
        ("share_low", Kind::Real),
        ("share_high", Kind::Real),
    ]);
    for entity in &list.entities {
        for share in &entity.blocks.shares {
            table.row([
                Cell::from(entity.entity.as_str()),
                entity.name.as_str().into(),
                entity.validators.into(),
                share.client.as_deref().unwrap_or("unknown").into(),
                share.blocks.into(),
                entity.blocks.n.into(),
                share.share.into(),
                share.share_low.into(),
                share.share_high.into(),
            ]);
        }
    }
    table
}

/// One entity with what builds its blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntityAnswer {
    /// The file that the names come from.
    source: String,
    /// The slots counted: of longer ranges the newest 262,144.
    counted: Searched,
    #[serde(flatten)]
    entity: EntityShares,
    /// Its share of all blocks; null where none was counted.
    share_of_all: Option<f64>,
}

/// One entity with the clients that build its blocks.
#[utoipa::path(
    get,
    path = "/api/v1/entities/{entity}",
    tag = "v1",
    params(("entity" = String, Path, description = "The name in addresses.", pattern = "^[a-z0-9-]{1,100}$"), RangeQuery),
    responses(
        (status = 200, body = EntityAnswer),
        (status = 404, description = "There is no such entity; or the range touches a gap, which the body names.")
    )
)]
pub(crate) async fn one(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    With(bounds, _): With<RangeQuery, NoParams>,
    _: JsonOnly,
) -> Result<Answer, ApiError> {
    let entity = entity_of(&state, &slug)?;
    let wanted = bounds.slots(&state)?;
    let range = counted(&state, wanted, bounds.partial).await?;
    let group = |index| entity.validators.contains(index).then_some(0);
    let counts = state.store().blocks_per_group(range.clone(), 1, group).await?;
    let of_group = |at: usize| counts.get(at).copied().unwrap_or_default();
    let all = (of_group(0) + of_group(1)).total();
    let answer = EntityAnswer {
        source: state.entities().source().to_owned(),
        counted: range.into(),
        entity: EntityShares::of(entity, of_group(0)),
        share_of_all: (all > 0).then(|| of_group(0).total() as f64 / all as f64),
    };
    Answer::json(&answer, validity(&state, wanted).await?)
}
