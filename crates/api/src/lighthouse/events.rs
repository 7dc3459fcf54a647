//! `GET /eth/v1/events?topics=block_reward`: the reward of every block, as it is seen.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use consensus::rewards::{Attestations, Scale};
use futures::stream;
use source::follow::FollowEvent;
use source::replay::ReplayedBlock;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::error::BeaconError;
use crate::state::AppState;

const TOPIC: &str = "block_reward";

/// The reward of every block as it is seen, in the chain or beside it, with attestations. A reader that is too slow
/// misses some, and is told how many by a comment.
#[utoipa::path(
    get,
    path = "/eth/v1/events",
    tag = "lighthouse",
    params(("topics" = String, Query, description = "`block_reward`, the only topic.", pattern = "^block_reward$")),
    responses(
        (status = 200, description = "Server-sent events named `block_reward`.", content_type = "text/event-stream"),
        (status = 400, description = "Other topics, or none; `{code, message, stacktraces}`."),
        (status = 401, description = "Private."),
        (status = 501, description = "No chain is followed."),
        (status = 503, description = "Too many streams.")
    )
)]
pub(crate) async fn events(State(state): State<AppState>, RawQuery(query): RawQuery) -> Response {
    match open(&state, query.as_deref().unwrap_or_default()) {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn open(state: &AppState, query: &str) -> Result<Response, BeaconError> {
    check_topics(query)?;
    let settings = state.settings();
    let follower = settings.rewards.follower.as_ref().ok_or_else(BeaconError::turned_off)?;
    let permit = Arc::clone(state.event_streams())
        .try_acquire_owned()
        .map_err(|_| BeaconError::later("as many streams of events are open as may be"))?;
    let seen = follower.subscribe().ok_or_else(|| BeaconError::later("the server is stopping"))?;
    let dropped = Arc::new(AtomicU64::new(0));
    let (sender, blocks) = channel(settings.limits.event_queue.max(1));
    tokio::spawn(forward(seen, sender, Arc::clone(&dropped)));
    let scale = settings.rewards.scale;
    let reader = Reader { blocks, dropped, held: None, scale };
    let events = stream::unfold((reader, permit), |(mut reader, permit)| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), (reader, permit)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Refuses everything but `topics=block_reward`, whether once, repeated or in a list.
fn check_topics(query: &str) -> Result<(), BeaconError> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("topics="));
    let topics: Vec<&str> =
        values.flat_map(|value| value.split(',')).flat_map(|value| value.split("%2C")).collect();
    if topics.is_empty() {
        return Err(BeaconError::bad("no topics are given; the only one here is block_reward"));
    }
    match topics.iter().find(|topic| **topic != TOPIC) {
        Some(topic) => {
            let topic: String = topic.chars().take(60).collect();
            Err(BeaconError::bad(format!("topic {topic:?} is not served; the only one here is block_reward")))
        }
        None => Ok(()),
    }
}

/// Passes blocks on to a reader, and counts those that find no room.
async fn forward(
    mut seen: broadcast::Receiver<FollowEvent>,
    sender: Sender<Arc<ReplayedBlock>>,
    dropped: Arc<AtomicU64>,
) {
    loop {
        let event = tokio::select! {
            event = seen.recv() => event,
            () = sender.closed() => return,
        };
        match event {
            Ok(FollowEvent::BlockSeen(block)) => match sender.try_send(block) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(TrySendError::Closed(_)) => return,
            },
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => {
                dropped.fetch_add(missed, Ordering::Relaxed);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// One reader's end.
struct Reader {
    blocks: Receiver<Arc<ReplayedBlock>>,
    dropped: Arc<AtomicU64>,
    /// A block that waits until the reader was told what it missed.
    held: Option<Arc<ReplayedBlock>>,
    scale: Scale,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        let block = match self.held.take() {
            Some(block) => block,
            None => {
                let block = self.blocks.recv().await;
                let dropped = self.dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    self.held = block;
                    return Some(Event::default().comment(format!("error - dropped {dropped} messages")));
                }
                block?
            }
        };
        let scale = self.scale;
        let text = move || serde_json::to_string(&block.reward(scale, Attestations::Include)).ok();
        let text = tokio::task::spawn_blocking(text).await.ok().flatten()?;
        Some(Event::default().event(TOPIC).data(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_block_rewards_are_a_topic() {
        for query in ["topics=block_reward", "topics=block_reward,block_reward", "a=b&topics=block_reward"] {
            assert_eq!(check_topics(query), Ok(()), "{query}");
        }
        for query in ["", "topics=", "topics=head", "topics=block_reward,head", "topics=block_reward%2Chead"]
        {
            assert!(check_topics(query).is_err(), "{query}");
        }
    }
}
