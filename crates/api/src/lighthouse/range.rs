//! `GET /lighthouse/analysis/block_rewards`: the rewards of the chain's blocks in a range of slots.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use consensus::Slot;
use consensus::rewards::{Attestations, Scale};
use futures::{StreamExt, stream};
use serde::Deserialize;
use source::chain_input::ChainInput;
use source::follow::{ChainView, Follower, Phase};
use source::replay::{Links, Replay, ReplayedBlock};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::error::BeaconError;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// Blocks that were written ahead of the reader.
const AHEAD: usize = 4;
/// How long a reader may take for a block before the rest of the answer is given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Asked {
    start_slot: u64,
    end_slot: u64,
    #[serde(default)]
    include_attestations: bool,
}

/// The rewards of the chain's blocks from one slot to another, both included; slots without a block give nothing.
#[utoipa::path(
    get,
    path = "/lighthouse/analysis/block_rewards",
    tag = "lighthouse",
    params(
        ("start_slot" = u64, Query, description = "The first slot; not 0.", minimum = 1, maximum = 1_099_511_627_775_u64),
        ("end_slot" = u64, Query, description = "The last slot; not below the first.", minimum = 1, maximum = 1_099_511_627_775_u64),
        ("include_attestations" = Option<bool>, Query, description = "Name what each attestation voted for.")
    ),
    responses(
        (status = 200, description = "A list of block rewards, ascending."),
        (status = 400, description = "The range is none, or lies outside of what is known; `{code, message, stacktraces}`."),
        (status = 401, description = "Private."),
        (status = 501, description = "No chain is followed."),
        (status = 503, description = "The chain is being caught up with, and is not that far yet.")
    )
)]
pub(crate) async fn range(State(state): State<AppState>, asked: Result<Params<Asked>, ApiError>) -> Response {
    match answer(&state, asked).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(state: &AppState, asked: Result<Params<Asked>, ApiError>) -> Result<Response, BeaconError> {
    let Params(asked) = asked.map_err(BeaconError::bad)?;
    let sources = sources(state, asked)?;
    let permit = Arc::clone(state.rewards_in_flight()).acquire_owned().await.map_err(BeaconError::ours)?;
    let (sender, mut rewards) = channel(AHEAD);
    let attestations = if asked.include_attestations { Attestations::Include } else { Attestations::Omit };
    let scale = state.settings().rewards.scale;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let writer = Writer { sender, runtime: Handle::current(), scale, attestations };
        writer.write(sources);
    });
    // An error before the first block still becomes a status.
    let first = rewards.recv().await.transpose()?;
    Ok(respond(first, rewards))
}

/// Where the blocks of a range come from.
struct Sources {
    archive: Option<(ChainInput, Slot, Slot)>,
    seen: Vec<Arc<ReplayedBlock>>,
}

fn sources(state: &AppState, asked: Asked) -> Result<Sources, BeaconError> {
    let settings = state.settings();
    let rewards = &settings.rewards;
    if !rewards.is_on() {
        return Err(BeaconError::turned_off());
    }
    let Asked { start_slot: start, end_slot: end, .. } = asked;
    if start > end || start == 0 {
        return Err(BeaconError::bad(format!("invalid start and end: {start}, {end}")));
    }
    let most = settings.limits.reward_slots;
    if end - start >= most {
        return Err(BeaconError::bad(format!("slots {start} to {end} are more than {most} at once")));
    }
    let (first, last) = (Slot(start), Slot(end));
    let look = |view: &ChainView| {
        let head = view.head().slot;
        let newest = current_slot(view, state.now()).max(head);
        (view.oldest_slot(), head, newest, view.canonical(first, last))
    };
    let seen = rewards.follower.as_ref().and_then(|follower| follower.view(look));
    let held = rewards.archive.as_ref().and_then(|archive| Some((archive, archive.slots()?)));
    if let Some((oldest, head, newest, blocks)) = seen {
        let follows = |follower: &Follower| follower.status().phase == Phase::Following;
        if last > head && !rewards.follower.as_ref().is_some_and(follows) {
            return Err(BeaconError::later(format!(
                "the chain is being caught up with, and slot {head} is the newest so far; try again in a while"
            )));
        }
        if last > newest {
            return Err(BeaconError::bad(format!("block at end slot {end} unknown: the newest is {newest}")));
        }
        if first >= oldest {
            return Ok(Sources { archive: None, seen: blocks });
        }
        let up_to = Slot(last.0.min(oldest.0.saturating_sub(1)));
        return match held {
            Some((archive, (from, to))) if from <= first && up_to <= to => {
                Ok(Sources { archive: Some((archive.clone(), first, up_to)), seen: blocks })
            }
            _ => Err(BeaconError::bad(format!(
                "state at slot {} unknown: the oldest slot that can be answered is {oldest}{}",
                start - 1,
                held.map_or_else(String::new, |(_, (from, to))| format!(", and {from} to {to} from disk")),
            ))),
        };
    }
    match held {
        Some((archive, (from, to))) if from <= first && last <= to => {
            Ok(Sources { archive: Some((archive.clone(), first, last)), seen: Vec::new() })
        }
        _ if rewards.follower.is_some() => {
            Err(BeaconError::later("the chain is being caught up with; try again in a while"))
        }
        Some((_, (from, to))) => Err(BeaconError::bad(format!(
            "slots {start} to {end} are not all known: {from} to {to} can be answered"
        ))),
        None => Err(BeaconError::turned_off()),
    }
}

/// The slot of a Unix time in seconds.
pub(crate) fn current_slot(view: &ChainView, now: u64) -> Slot {
    let millis = now.saturating_sub(view.genesis_time()).saturating_mul(1_000);
    Slot(millis / view.spec().config.slot_duration_ms.max(1))
}

/// Writes rewards for a reader that may be slow or go away.
struct Writer {
    sender: Sender<Result<Bytes, BeaconError>>,
    runtime: Handle,
    scale: Scale,
    attestations: Attestations,
}

impl Writer {
    fn write(&self, sources: Sources) {
        if let Some((archive, first, last)) = sources.archive
            && !self.replay(&archive, first, last)
        {
            return;
        }
        for block in &sources.seen {
            if !self.block(block) {
                return;
            }
        }
    }

    /// Replays blocks on disk. Gives whether to go on.
    fn replay(&self, archive: &ChainInput, first: Slot, last: Slot) -> bool {
        let input = match archive.replay(first, last) {
            Ok(input) => input,
            Err(error) => return self.send(Err(BeaconError::ours(error))),
        };
        for block in Replay::new(input.state, input.blocks, Links::Check).by_epochs() {
            let goes_on = match block {
                Ok(block) if block.slot() < first => true,
                Ok(block) => self.block(&block),
                Err(error) => {
                    self.send(Err(BeaconError::ours(error)));
                    false
                }
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    fn block(&self, block: &ReplayedBlock) -> bool {
        let text = serde_json::to_vec(&block.reward(self.scale, self.attestations));
        self.send(text.map(Bytes::from).map_err(BeaconError::ours))
    }

    /// Gives whether somebody still reads.
    fn send(&self, part: Result<Bytes, BeaconError>) -> bool {
        let is_error = part.is_err();
        self.runtime.block_on(self.sender.send_timeout(part, PATIENCE)).is_ok() && !is_error
    }
}

/// A list of the parts, written while they come. An error in the middle breaks it off without its closing bracket.
fn respond(first: Option<Bytes>, rest: Receiver<Result<Bytes, BeaconError>>) -> Response {
    let mut opening = b"[".to_vec();
    opening.extend_from_slice(&first.unwrap_or_default());
    let rest = stream::unfold(Some(rest), |rest| async move {
        let mut rest = rest?;
        match rest.recv().await {
            Some(Ok(part)) => Some((Ok([b",", part.as_ref()].concat().into()), Some(rest))),
            Some(Err(error)) => {
                tracing::error!(?error, "An answer with block rewards is broken off");
                Some((Err(std::io::Error::other("broken off")), None))
            }
            None => Some((Ok(Bytes::from_static(b"]")), None)),
        }
    });
    // Who compresses asks once more after the end.
    let body = Body::from_stream(stream::iter([Ok(Bytes::from(opening))]).chain(rest).fuse());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
