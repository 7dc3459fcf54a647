//! `/api/v1/reorgs`, `/api/v1/orphans` and `/api/v1/missed`: what the chain left behind or out.

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Slot};
use fingerprint::Client;
use fingerprint::score::wilson;
use serde::{Deserialize, Serialize};
use store::{BlockRow, RootOrigin};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, ListForm};
use super::blocks::limit;
use super::cursor;
use super::range::{MAX_SLOT, RangeQuery, refuse_gaps, validity, with_cursor};
use super::shapes::{FormParam, FormQuery, Searched, client_name, state_name};
use super::table::{Cell, Kind, Table};
use crate::auth;
use crate::error::ApiError;
use crate::query::{Params, With};
use crate::state::AppState;

/// Which slots.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// A place in the list, from `next` or `prev`.
    #[param(pattern = "^(older|newer)-[0-9]{1,19}$")]
    cursor: Option<String>,
    /// Reorganisations of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// A page of reorganisations.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reorgs {
    /// Newest first.
    reorgs: Vec<Reorg>,
    /// The slots that this page was searched for in.
    searched: Searched,
    /// The address of older ones; null at the end.
    next: Option<String>,
    /// The address of newer ones; null at the beginning.
    prev: Option<String>,
}

/// A branch that the chain left behind, whether or not a node ever took it for the head.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reorg {
    /// Slots from the common ancestor to the last block left behind.
    depth: u64,
    /// The block on which branch and chain both build; null if its root is not known.
    ancestor: Option<String>,
    ancestor_slot: u64,
    /// The blocks left behind, in order; those of branches of the branch, too.
    left: Vec<BranchBlock>,
    /// Blocks of the chain above the ancestor, up to the first that is not older than the last one left behind. Empty
    /// if the chain does not reach so far yet.
    replaced_by: Vec<BranchBlock>,
}

/// A block of a branch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BranchBlock {
    slot: u64,
    /// Null for rows of an imported file that kept no roots.
    block_root: Option<String>,
    /// `unknown`, `canonical`, `orphaned` or `finalized`.
    state: &'static str,
    /// When it was first seen, in milliseconds since 1970; null for a block that was filled in later.
    first_seen_ms: Option<u64>,
    /// Only for those who may see single blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    verdict: Option<BranchVerdict>,
}

/// Who proposed a block, and what built it.
#[derive(Serialize, ToSchema)]
pub(crate) struct BranchVerdict {
    proposer_index: u64,
    /// The client; null if it is unknown.
    client: Option<String>,
    /// Its probability.
    probability: Option<f64>,
}

fn branch_block(row: BlockRow, may_see: bool) -> BranchBlock {
    let verdict = row.classification.best_guess_single;
    BranchBlock {
        slot: row.slot.0,
        block_root: (row.root_known == RootOrigin::Reported).then(|| row.block_root.to_string()),
        state: state_name(row.canonical),
        first_seen_ms: row.first_seen_ms,
        verdict: may_see.then(|| BranchVerdict {
            proposer_index: row.proposer_index.0,
            client: verdict.map(client_name),
            probability: verdict.map(|client| row.classification.probability(client)),
        }),
    }
}

/// Branches that the chain left behind, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/reorgs",
    tag = "v1",
    params(RangeQuery, Query),
    responses(
        (status = 200, description = "A page of reorganisations.", content(
            (Reorgs = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names.")
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    ListForm(form): ListForm,
    With(bounds, query): With<RangeQuery, Query>,
) -> Result<Response, ApiError> {
    let wanted = bounds.slots(&state)?;
    let slots = wanted.or(0, MAX_SLOT + 1);
    if wanted.start.is_some() {
        refuse_gaps(&state, &slots, bounds.partial).await?;
    }
    let seek = cursor::seek(query.cursor.as_deref())?;
    let found = state.store().reorgs(slots, seek, limit(query.limit, 50, 200)?).await?;
    let may_see = auth::is_allowed(&state.settings().private, &headers);
    let blocks = |rows: Vec<BlockRow>| rows.into_iter().map(|row| branch_block(row, may_see)).collect();
    let address = |cursor: Option<String>| cursor.map(|cursor| with_cursor(&uri, &cursor));
    let list = Reorgs {
        reorgs: found
            .items
            .into_iter()
            .map(|reorg| Reorg {
                depth: reorg.depth,
                ancestor: reorg.ancestor.map(|root| root.to_string()),
                ancestor_slot: reorg.ancestor_slot.0,
                left: blocks(reorg.left),
                replaced_by: blocks(reorg.replaced_by),
            })
            .collect(),
        searched: found.searched.into(),
        next: address(cursor::older(found.older)),
        prev: address(cursor::newer(found.newer)),
    };
    let answer = Answer::list(form, &list, table, validity(&state, wanted).await?)?
        .link("next", list.next.as_deref())
        .link("prev", list.prev.as_deref());
    // What it says depends on who asks.
    let mut response = answer.into_response();
    super::answer::keep_private(&mut response);
    Ok(response)
}

/// One row for each block, on either side.
fn table(list: &Reorgs) -> Table {
    let mut table = Table::new([
        ("depth", Kind::Number),
        ("ancestor_slot", Kind::Number),
        ("ancestor", Kind::Text),
        ("side", Kind::Text),
        ("slot", Kind::Number),
        ("block_root", Kind::Text),
        ("state", Kind::Text),
        ("first_seen_ms", Kind::Number),
        ("proposer_index", Kind::Number),
        ("client", Kind::Text),
        ("probability", Kind::Real),
    ]);
    for reorg in &list.reorgs {
        for (side, blocks) in [("left", &reorg.left), ("replaced_by", &reorg.replaced_by)] {
            for block in blocks {
                let verdict = block.verdict.as_ref();
                table.row([
                    Cell::from(reorg.depth),
                    reorg.ancestor_slot.into(),
                    reorg.ancestor.clone().into(),
                    side.into(),
                    block.slot.into(),
                    block.block_root.clone().into(),
                    block.state.into(),
                    block.first_seen_ms.into(),
                    verdict.map(|verdict| verdict.proposer_index).into(),
                    verdict.and_then(|verdict| verdict.client.clone()).into(),
                    verdict.and_then(|verdict| verdict.probability).into(),
                ]);
            }
        }
    }
    table
}

/// Which epochs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochQuery {
    /// The first epoch; the default is the one above the newest gap.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    start_epoch: Option<u64>,
    /// The epoch after the last; the default is the one after the newest stored block.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    end_epoch: Option<u64>,
    /// Answer though the range touches a gap.
    partial: Option<bool>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// Orphaned blocks by client.
#[derive(Serialize, ToSchema)]
pub(crate) struct Orphans {
    start_epoch: u64,
    /// The epoch after the last.
    end_epoch: u64,
    /// All clients, blocks without one last.
    clients: Vec<OrphanRate>,
}

/// How often a client's blocks were left behind.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrphanRate {
    /// The client; null for blocks without one.
    client: Option<String>,
    /// Blocks left behind.
    orphaned: u64,
    /// All its blocks, those left behind included.
    n: u64,
    /// Blocks left behind of every block; null without blocks.
    rate: Option<f64>,
    /// The lower end of the 95 % interval.
    rate_low: Option<f64>,
    /// The upper end.
    rate_high: Option<f64>,
}

/// Orphaned blocks by client, with the rate among all its blocks.
#[utoipa::path(
    get,
    path = "/api/v1/orphans",
    tag = "v1",
    params(EpochQuery),
    responses(
        (status = 200, description = "Every client.", content(
            (Orphans = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names.")
    )
)]
pub(crate) async fn orphans(
    State(state): State<AppState>,
    ListForm(form): ListForm,
    Params(query): Params<EpochQuery>,
) -> Result<Answer, ApiError> {
    let bounds = RangeQuery {
        start_epoch: query.start_epoch,
        end_epoch: query.end_epoch,
        partial: query.partial,
        ..RangeQuery::default()
    };
    let wanted = bounds.slots(&state)?;
    let store = state.store();
    let newest = store.sync_status().await?.greatest_block_slot.epoch().0.saturating_add(1);
    let above_gap = store.gaps().await?.last().map_or(0, |gap| (gap.end.0 + 1).div_ceil(SLOTS_PER_EPOCH));
    let range = wanted.or(above_gap * SLOTS_PER_EPOCH, newest * SLOTS_PER_EPOCH);
    refuse_gaps(&state, &range, bounds.partial).await?;
    let (start, end) = (Epoch(range.start.0 / SLOTS_PER_EPOCH), Epoch(range.end.0 / SLOTS_PER_EPOCH));
    let left = store.orphans_per_client(range).await?;
    let kept = store.blocks_per_client(start..end).await?;
    let rate = |client: Option<Client>, orphaned: u64, kept: u64| {
        let n = orphaned.saturating_add(kept);
        let (low, high) = wilson(orphaned, n);
        OrphanRate {
            client: client.map(client_name),
            orphaned,
            n,
            rate: (n > 0).then(|| orphaned as f64 / n as f64),
            rate_low: (n > 0).then_some(low),
            rate_high: (n > 0).then_some(high),
        }
    };
    let clients =
        Client::ALL.into_iter().map(|client| rate(Some(client), left.get(client), kept.get(client)));
    let orphans = Orphans {
        start_epoch: start.0,
        end_epoch: end.0,
        clients: clients.chain([rate(None, left.uncertain, kept.uncertain)]).collect(),
    };
    Answer::list(form, &orphans, orphan_table, validity(&state, wanted).await?)
}

fn orphan_table(orphans: &Orphans) -> Table {
    let mut table = Table::new([
        ("client", Kind::Text),
        ("orphaned", Kind::Number),
        ("n", Kind::Number),
        ("rate", Kind::Real),
        ("rate_low", Kind::Real),
        ("rate_high", Kind::Real),
    ]);
    for one in &orphans.clients {
        table.row([
            Cell::from(one.client.as_deref().unwrap_or("unknown")),
            one.orphaned.into(),
            one.n.into(),
            one.rate.into(),
            one.rate_low.into(),
            one.rate_high.into(),
        ]);
    }
    table
}

/// Slots without a block in the chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct Missed {
    /// The slots, newest first. Slots in gaps are not known to be missed.
    slots: Vec<u64>,
    /// The slots that were looked at: of longer ranges the newest 8,192.
    searched: Searched,
    /// The address of what lies before; null at the end.
    next: Option<String>,
}

/// Slots without a block in the chain, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/missed",
    tag = "v1",
    params(RangeQuery, FormQuery),
    responses(
        (status = 200, description = "A page of slots.", content(
            (Missed = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "The range touches a gap, which the body names.")
    )
)]
pub(crate) async fn missed(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    With(bounds, _): With<RangeQuery, FormQuery>,
) -> Result<Answer, ApiError> {
    let wanted = bounds.slots(&state)?;
    let range = wanted.or(0, MAX_SLOT + 1);
    if wanted.start.is_some() {
        refuse_gaps(&state, &range, bounds.partial).await?;
    }
    let first = range.start.max(Slot(1));
    let found = state.store().missed_slots(range).await?;
    let next = (found.searched.start > first).then(|| before(&uri, wanted.start, found.searched.start));
    let missed = Missed {
        slots: found.slots.into_iter().map(|slot| slot.0).collect(),
        searched: found.searched.into(),
        next,
    };
    let table = |missed: &Missed| {
        let mut table = Table::new([("slot", Kind::Number)]);
        missed.slots.iter().for_each(|slot| table.row([Cell::from(*slot)]));
        table
    };
    let answer = Answer::list(form, &missed, table, validity(&state, wanted).await?)?;
    Ok(answer.link("next", missed.next.as_deref()))
}

/// The address of the slots before a slot, in the form that was asked for.
fn before(uri: &Uri, start: Option<u64>, end: Slot) -> String {
    let kept = |pair: &&str| ["partial=", "format="].iter().any(|name| pair.starts_with(name));
    let start = start.map(|start| format!("start_slot={start}"));
    let pairs = start.into_iter().chain([format!("end_slot={end}")]);
    let kept = uri.query().unwrap_or_default().split('&').filter(kept).map(str::to_owned);
    format!("{}?{}", uri.path(), pairs.chain(kept).collect::<Vec<_>>().join("&"))
}
