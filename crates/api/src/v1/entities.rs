//! `/api/v1/entities`: who runs validators, and what builds their blocks.

use std::ops::Range;

use axum::extract::{Path, State};
use consensus::Slot;
use consensus::primitives::SLOTS_PER_EPOCH;
use serde::{Deserialize, Serialize};
use store::{ClientCounts, MAX_GROUPED_SLOTS};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, JsonOnly, ListForm};
use super::blocks::entity_of;
use super::range::{Wanted, bounds_of, refuse_gaps, validity};
use super::shapes::{FormParam, Searched, Share, shares_of};
use super::table::{Cell, Kind, Table};
use crate::entities::Entity;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Seven days of mainnet.
const DEFAULT_SLOTS: u64 = 1_575 * SLOTS_PER_EPOCH;

/// Which slots.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The first slot. Without any start it is 1,575 epochs before the end, or above the newest gap.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    start_slot: Option<u64>,
    /// The slot after the last; the default is the one after the newest stored block.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    end_slot: Option<u64>,
    /// The first epoch.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    start_epoch: Option<u64>,
    /// The epoch after the last.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    end_epoch: Option<u64>,
    /// The first slot begins at this UTC time or later.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$",
        example = "2026-11-13"
    )]
    since: Option<String>,
    /// All slots begin before this UTC time.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$",
        example = "2026-11-20"
    )]
    until: Option<String>,
    /// Answer though the range touches a gap.
    partial: Option<bool>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

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
async fn range(state: &AppState, wanted: Wanted, partial: Option<bool>) -> Result<Range<Slot>, ApiError> {
    let store = state.store();
    let newest = store.sync_status().await?.greatest_block_slot.0.saturating_add(1);
    let end = wanted.end.unwrap_or(newest).min(newest);
    let above_gap =
        store.gaps().await?.iter().map(|gap| gap.end.0.saturating_add(1)).filter(|slot| *slot <= end).max();
    let start = wanted.start.unwrap_or_else(|| end.saturating_sub(DEFAULT_SLOTS).max(above_gap.unwrap_or(0)));
    let range = Slot(start.max(end.saturating_sub(MAX_GROUPED_SLOTS)).min(end))..Slot(end);
    refuse_gaps(state, &range, partial).await?;
    Ok(range)
}

/// Entities with the clients that build their blocks.
#[utoipa::path(
    get,
    path = "/api/v1/entities",
    tag = "v1",
    params(Query),
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
    Params(query): Params<Query>,
) -> Result<Answer, ApiError> {
    let wanted = bounds_of!(query).slots(&state)?;
    let range = range(&state, wanted, query.partial).await?;
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
    params(("entity" = String, Path, description = "The name in addresses.", pattern = "^[a-z0-9-]{1,100}$"), Query),
    responses(
        (status = 200, body = EntityAnswer),
        (status = 404, description = "There is no such entity; or the range touches a gap, which the body names.")
    )
)]
pub(crate) async fn one(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    Params(query): Params<Query>,
    _: JsonOnly,
) -> Result<Answer, ApiError> {
    let entity = entity_of(&state, &slug)?;
    let wanted = bounds_of!(query).slots(&state)?;
    let range = range(&state, wanted, query.partial).await?;
    let group = |index| entity.validators.contains(index).then_some(0);
    let counts = state.store().blocks_per_group(range.clone(), 1, group).await?;
    let counted = |at: usize| counts.get(at).copied().unwrap_or_default();
    let all = (counted(0) + counted(1)).total();
    let answer = EntityAnswer {
        source: state.entities().source().to_owned(),
        counted: range.into(),
        entity: EntityShares::of(entity, counted(0)),
        share_of_all: (all > 0).then(|| counted(0).total() as f64 / all as f64),
    };
    Answer::json(&answer, validity(&state, wanted).await?)
}
