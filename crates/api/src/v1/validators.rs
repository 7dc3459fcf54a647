//! `/api/v1/validators`: proposers, their blocks, and which client they speak for.

use axum::extract::{OriginalUri, Path, State};
use consensus::{Slot, ValidatorIndex};
use fingerprint::classifier::Classification;
use serde::{Deserialize, Serialize};
use store::{
    AffinityRule, BlockFilter, BlockRow, HISTORY_BLOCKS, Seek, Smoothed, ValidatorFilter, ValidatorSet,
    ValidatorSummary, Verdict, affinity as affinity_of, history as history_of,
};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, JsonOnly, ListForm, Validity};
use super::blocks::{entity_of, limit};
use super::cursor;
use super::range::{RangeQuery, with_cursor};
use super::shapes::{Block, ClientParam, FormParam, client_name};
use super::table::{Cell, Kind, Table};
use crate::compat::number;
use crate::error::ApiError;
use crate::query::{NoParams, Params};
use crate::state::AppState;

/// Blocks that a history shows, at most.
const MOST_BLOCKS: usize = 1_000;

/// Which validators.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Only validators of this entity.
    #[param(pattern = "^[a-z0-9-]{1,100}$")]
    entity: Option<String>,
    /// Only validators whose newest block has this verdict.
    #[param(inline)]
    client: Option<ClientParam>,
    /// A place in the list, from `next`.
    #[param(pattern = "^after-[0-9]{1,12}$")]
    cursor: Option<String>,
    /// Validators of a page.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<usize>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// A page of validators.
#[derive(Serialize, ToSchema)]
pub(crate) struct Validators {
    /// Ordered by index. Only validators that proposed a block are known.
    validators: Vec<Validator>,
    /// The address of further ones; null at the end.
    next: Option<String>,
}

/// A validator that proposed blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Validator {
    validator_index: u64,
    /// Who runs it; null if nobody is known to.
    entity: Option<String>,
    /// What its newest blocks, 64 at most, say together; null if none of them was judged.
    client: Option<String>,
    /// How likely that is.
    probability: Option<f64>,
    /// Blocks that were looked at.
    blocks: u64,
    /// How often the client changed between them.
    changes: u64,
    /// The slot of its newest block.
    latest_slot: u64,
    /// The verdict on its newest block; null if it is unknown.
    latest_client: Option<String>,
}

impl Validator {
    fn of(state: &AppState, summary: ValidatorSummary) -> Self {
        let ValidatorSummary { latest, history, .. } = summary;
        Self {
            validator_index: latest.proposer_index.0,
            entity: state.entities().of(latest.proposer_index).map(|entity| entity.slug.clone()),
            client: history.now.map(|now| client_name(now.client)),
            probability: history.now.map(|now| now.probability),
            blocks: history.blocks as u64,
            changes: history.changes.len() as u64,
            latest_slot: latest.slot.0,
            latest_client: latest.best_guess_single.map(client_name),
        }
    }
}

/// Validators with what their blocks say together, ordered by index.
#[utoipa::path(
    get,
    path = "/api/v1/validators",
    tag = "v1",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of validators.", content(
            (Validators = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
        )),
        (status = 404, description = "There is no such entity.")
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    Params(query): Params<ListQuery>,
) -> Result<Answer, ApiError> {
    let entity = query.entity.as_deref().map(|slug| entity_of(&state, slug)).transpose()?;
    let filter = ValidatorFilter {
        set: entity.map(|entity| entity.validators.clone()),
        latest: query.client.map(ClientParam::verdict),
    };
    let after = cursor::after(query.cursor.as_deref())?.map(ValidatorIndex);
    let limit = limit(query.limit, 100, 200)?;
    let page = state.store().validators(&filter, after, limit).await?;
    let list = Validators {
        validators: page.items.into_iter().map(|summary| Validator::of(&state, summary)).collect(),
        next: page.next.map(|last| with_cursor(&uri, &cursor::after_text(last.0))),
    };
    Ok(Answer::list(form, &list, table, Validity::Changing)?.link("next", list.next.as_deref()))
}

fn table(list: &Validators) -> Table {
    let mut table = Table::new([
        ("validator_index", Kind::Number),
        ("entity", Kind::Text),
        ("client", Kind::Text),
        ("probability", Kind::Real),
        ("blocks", Kind::Number),
        ("changes", Kind::Number),
        ("latest_slot", Kind::Number),
        ("latest_client", Kind::Text),
    ]);
    for one in &list.validators {
        table.row([
            Cell::from(one.validator_index),
            one.entity.clone().into(),
            one.client.clone().into(),
            one.probability.into(),
            one.blocks.into(),
            one.changes.into(),
            one.latest_slot.into(),
            one.latest_client.clone().into(),
        ]);
    }
    table
}

/// What the blocks of a validator say, one after the other.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValidatorHistory {
    validator_index: u64,
    /// Who runs it; null if nobody is known to.
    entity: Option<String>,
    /// What it runs at its newest block; null if none of them was judged.
    client: Option<String>,
    /// How likely that is.
    probability: Option<f64>,
    /// Its newest blocks, 64 at most, oldest first.
    course: Vec<HistoryBlock>,
    /// Where the client changed.
    changes: Vec<ClientChange>,
}

/// A block of a history.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryBlock {
    slot: u64,
    /// The verdict on this block alone; null if it is unknown.
    client: Option<String>,
    /// Its probability.
    probability: Option<f64>,
    /// What all blocks together say the validator ran here; null if none of them was judged.
    smoothed_client: Option<String>,
    /// How likely that is.
    smoothed_probability: Option<f64>,
    /// `unknown`, `canonical`, `orphaned` or `finalized`.
    state: &'static str,
}

/// A change of client between two blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientChange {
    /// The last block before it.
    after_slot: u64,
    /// The first block after it.
    before_slot: u64,
    from: String,
    to: String,
}

/// What a validator ran over time: each block weighed with those before and after it.
#[utoipa::path(
    get,
    path = "/api/v1/validators/{index}",
    tag = "v1",
    params(("index" = u64, Path, description = "The validator.")),
    responses(
        (status = 200, body = ValidatorHistory),
        (status = 404, description = "It proposed no stored block.")
    )
)]
pub(crate) async fn history(
    State(state): State<AppState>,
    Path(index): Path<String>,
    _: JsonOnly,
    _: Params<NoParams>,
) -> Result<Answer, ApiError> {
    let index = ValidatorIndex(number("index", &index)?);
    let mut rows = newest(&state, index, HISTORY_BLOCKS).await?;
    if rows.is_empty() {
        return Err(ApiError::Missing(format!("validator {index} proposed no block that is stored")));
    }
    rows.reverse();
    let verdicts: Vec<&Classification> = rows.iter().map(|row| &row.classification).collect();
    let history = history_of(&verdicts);
    let change = |at: &usize| -> Option<ClientChange> {
        let before = at.checked_sub(1)?;
        Some(ClientChange {
            after_slot: rows.get(before)?.slot.0,
            before_slot: rows.get(*at)?.slot.0,
            from: client_name(history.course.get(before)?.client),
            to: client_name(history.course.get(*at)?.client),
        })
    };
    let course = rows.iter().enumerate().map(|(at, row)| {
        let smoothed: Option<&Smoothed> = history.course.get(at);
        let verdict = row.classification.best_guess_single;
        HistoryBlock {
            slot: row.slot.0,
            client: verdict.map(client_name),
            probability: verdict.map(|client| row.classification.probability(client)),
            smoothed_client: smoothed.map(|at| client_name(at.client)),
            smoothed_probability: smoothed.map(|at| at.probability),
            state: super::shapes::state_name(row.canonical),
        }
    });
    let answer = ValidatorHistory {
        validator_index: index.0,
        entity: state.entities().of(index).map(|entity| entity.slug.clone()),
        client: history.now.map(|now| client_name(now.client)),
        probability: history.now.map(|now| now.probability),
        course: course.collect(),
        changes: history.changes.iter().filter_map(change).collect(),
    };
    Answer::json(&answer, Validity::Changing)
}

/// The newest blocks of a validator, newest first.
async fn newest(state: &AppState, index: ValidatorIndex, most: usize) -> Result<Vec<BlockRow>, ApiError> {
    let filter = BlockFilter { proposers: Some([index].into_iter().collect()), ..BlockFilter::default() };
    let (mut rows, mut seek) = (Vec::new(), Seek::Newest);
    // On a chain of few validators a page may end before it is full.
    loop {
        let found = state.store().search_blocks(&filter, seek, most - rows.len()).await?;
        rows.extend(found.items);
        match found.older {
            Some(older) if rows.len() < most => seek = Seek::Before(older),
            _ => return Ok(rows),
        }
    }
}

/// From which slot on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// The first slot; the default is 0.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    since_slot: Option<u64>,
    /// A place in the list, from `next`.
    #[param(pattern = "^(older|newer)-[0-9]{1,19}$")]
    cursor: Option<String>,
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// The blocks of a validator.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValidatorBlocks {
    validator_index: u64,
    /// In order, 1,000 at most.
    blocks: Vec<Block>,
    /// The address of later ones; null at the end.
    next: Option<String>,
}

/// The blocks of a validator, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/validators/{index}/blocks",
    tag = "v1",
    params(("index" = u64, Path, description = "The validator."), Since),
    responses((status = 200, description = "Its blocks.", content(
        (ValidatorBlocks = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
    )))
)]
pub(crate) async fn blocks(
    State(state): State<AppState>,
    Path(index): Path<String>,
    OriginalUri(uri): OriginalUri,
    ListForm(form): ListForm,
    Params(query): Params<Since>,
) -> Result<Answer, ApiError> {
    let index = number("index", &index)?;
    let bounds = RangeQuery { start_slot: query.since_slot, ..RangeQuery::default() };
    let since = bounds.slots(&state)?.start.unwrap_or(0);
    let set: ValidatorSet = [ValidatorIndex(index)].into_iter().collect();
    let filter = BlockFilter {
        slots: Some(Slot(since)..Slot(u64::MAX)),
        proposers: Some(set),
        ..BlockFilter::default()
    };
    let seek = match cursor::seek(query.cursor.as_deref())? {
        Seek::Newest => Seek::Oldest,
        seek => seek,
    };
    let found = state.store().search_blocks(&filter, seek, MOST_BLOCKS).await?;
    let list = ValidatorBlocks {
        validator_index: index,
        blocks: found.items.into_iter().rev().map(|row| Block::of(row, state.entities())).collect(),
        next: cursor::newer(found.newer).map(|cursor| with_cursor(&uri, &cursor)),
    };
    let answer = Answer::list(form, &list, |list| Block::table(&list.blocks), Validity::Changing)?;
    Ok(answer.link("next", list.next.as_deref()))
}

/// Up to which slot.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    /// The last slot; the default is no end.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    until_slot: Option<u64>,
}

/// Which client a validator runs, judged by its newest blocks in five ways.
#[derive(Serialize, ToSchema)]
pub(crate) struct Affinity {
    validator_index: u64,
    /// How many blocks were looked at: the newest 1,000 at most.
    blocks: usize,
    /// The newest block, if its probability is above 0.95.
    latest: Answered,
    /// The most frequent verdict of the newest three blocks.
    recent: Answered,
    /// The most frequent verdict of all blocks.
    mode: Answered,
    /// The client whose mean probability is above 0.95.
    mean: Answered,
    /// The client whose median probability is above 0.95.
    median: Answered,
}

/// One answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answered {
    /// `client`, `uncertain` (the blocks do not agree), or `unknown` (there is no block).
    verdict: &'static str,
    /// The client; null otherwise.
    client: Option<String>,
}

impl From<Verdict> for Answered {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Unknown => Self { verdict: "unknown", client: None },
            Verdict::Uncertain => Self { verdict: "uncertain", client: None },
            Verdict::Client(client) => Self { verdict: "client", client: Some(client_name(client)) },
        }
    }
}

/// Which client a validator runs, judged by its blocks.
#[utoipa::path(
    get,
    path = "/api/v1/validators/{index}/affinity",
    tag = "v1",
    params(("index" = u64, Path, description = "The validator."), Until),
    responses((status = 200, body = Affinity))
)]
pub(crate) async fn affinity(
    State(state): State<AppState>,
    Path(index): Path<String>,
    Params(until): Params<Until>,
    _: JsonOnly,
) -> Result<Answer, ApiError> {
    let index = number("index", &index)?;
    let bounds = RangeQuery { end_slot: until.until_slot, ..RangeQuery::default() };
    let end = bounds.slots(&state)?.end.map_or(u64::MAX, |slot| slot.saturating_add(1));
    let filter = BlockFilter {
        slots: Some(Slot(0)..Slot(end)),
        proposers: Some([ValidatorIndex(index)].into_iter().collect()),
        ..BlockFilter::default()
    };
    let mut rows = state.store().search_blocks(&filter, Seek::Newest, MOST_BLOCKS).await?.items;
    rows.reverse();
    let blocks: Vec<_> = rows.iter().map(|row| &row.classification).collect();
    let by = |rule| Answered::from(affinity_of(&blocks, rule));
    let affinity = Affinity {
        validator_index: index,
        blocks: blocks.len(),
        latest: by(AffinityRule::Latest),
        recent: by(AffinityRule::RECENT),
        mode: by(AffinityRule::Mode),
        mean: by(AffinityRule::WeightedAverage),
        median: by(AffinityRule::Median),
    };
    Answer::json(&affinity, Validity::Changing)
}
