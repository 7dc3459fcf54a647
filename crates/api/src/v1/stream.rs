//! `/api/v1/stream`: verdicts as they are stored, as server-sent events.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use consensus::{Root, Slot};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use store::BlockRow;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::shapes::{Block, state_name};
use crate::error::ApiError;
use crate::feed::FeedEvent;
use crate::query::Params;
use crate::state::AppState;

/// Stored blocks that a reader who comes back is told, at most.
const REPLAYED: usize = 256;

/// A comment is sent this often while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a reader is asked to wait before it comes back.
const RETRY: Duration = Duration::from_secs(3);

/// How long.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The stream ends after so many seconds; the default is no end.
    #[param(minimum = 1, maximum = 86_400)]
    seconds: Option<u64>,
}

/// What the chain made of a block, in an event named `state`. Events named `verdict` carry a whole `Block`.
#[derive(Serialize)]
pub(crate) struct StateEvent {
    slot: u64,
    block_root: String,
    /// `unknown`, `canonical`, `orphaned` or `finalized`.
    state: &'static str,
}

/// Verdicts as they are stored, by whichever process shares the database.
///
/// Events are named `verdict` (data: a block as in `/api/v1/blocks`), `state` (data: slot, block_root and state, when
/// the chain makes something else of a block) and `dropped` (data: how many events a slow reader missed). With
/// `Last-Event-ID` what was stored since that event comes first, at most 256 blocks; an event may come twice then.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "v1",
    params(Query, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event read; one that is not of this stream is passed over.")),
    responses(
        (status = 200, description = "Server-sent events.", content_type = "text/event-stream"),
        (status = 503, description = "Too many streams.")
    )
)]
pub(crate) async fn stream(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<Query>,
) -> Result<Response, ApiError> {
    if let Some(seconds) = query.seconds.filter(|seconds| !(1..=86_400).contains(seconds)) {
        return Err(ApiError::BadParameter(format!("seconds is {seconds}; 1 to 86400 are allowed")));
    }
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(event_place);
    let permit =
        Arc::clone(state.event_streams()).try_acquire_owned().map_err(|_| ApiError::TooManyStreams)?;
    let live = state.feed().subscribe();
    let ended = state.feed().ended();
    let mut replay = match last {
        None => Vec::new(),
        Some((slot, root)) => since(&state, slot, root).await?,
    };
    let replayed = replay.iter().map(|row| row.block_root).collect();
    replay.reverse();
    let reader = Reader { state, live, ended, replay, replayed, greeted: false, _permit: permit };
    let end = query.seconds.map(Duration::from_secs);
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let events = events.take_until(async move {
        match end {
            Some(end) => tokio::time::sleep(end).await,
            None => std::future::pending().await,
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn event_id(row: &BlockRow) -> String {
    format!("{}-{}", row.slot, row.block_root)
}

fn event_place(id: &str) -> Option<(Slot, Root)> {
    let (slot, root) = id.split_once('-')?;
    Some((Slot(slot.parse().ok().filter(|slot| *slot <= super::range::MAX_SLOT)?), root.parse().ok()?))
}

/// The blocks stored after one, in order; the newest of them if they are many.
async fn since(state: &AppState, slot: Slot, root: Root) -> Result<Vec<BlockRow>, ApiError> {
    let mut rows = state.store().recent(REPLAYED).await?;
    rows.reverse();
    rows.retain(|row| row.slot >= slot);
    if let Some(at) = rows.iter().position(|row| row.block_root == root) {
        rows.drain(..=at);
    }
    Ok(rows)
}

/// One reader's end.
struct Reader {
    state: AppState,
    live: broadcast::Receiver<FeedEvent>,
    ended: watch::Receiver<bool>,
    /// What it is told first, the next one last.
    replay: Vec<BlockRow>,
    replayed: HashSet<Root>,
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            return Some(Event::default().retry(RETRY).comment("verdicts follow"));
        }
        if let Some(row) = self.replay.pop() {
            return self.verdict(row);
        }
        loop {
            let event = tokio::select! {
                event = self.live.recv() => event,
                _ = self.ended.wait_for(|ended| *ended) => return None,
            };
            match event {
                Ok(FeedEvent::Verdict(row)) if self.replayed.remove(&row.block_root) => {}
                Ok(FeedEvent::Verdict(row)) => return self.verdict(Arc::unwrap_or_clone(row)),
                Ok(FeedEvent::State(row)) => {
                    let data = StateEvent {
                        slot: row.slot.0,
                        block_root: row.block_root.to_string(),
                        state: state_name(row.canonical),
                    };
                    return Event::default().event("state").id(event_id(&row)).json_data(data).ok();
                }
                Err(RecvError::Lagged(missed)) => {
                    return Some(Event::default().event("dropped").data(missed.to_string()));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn verdict(&self, row: BlockRow) -> Option<Event> {
        let id = event_id(&row);
        let block = Block::of(row, self.state.entities());
        Event::default().event("verdict").id(id).json_data(block).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        let root = Root([0xab; 32]);
        assert_eq!(event_place(&format!("77-{root}")), Some((Slot(77), root)));
        for id in ["", "77", "77-", "x-0xab", "-1-0x00", "1099511627776-0xab"] {
            assert_eq!(event_place(id), None, "{id}");
        }
    }
}
