//! Whether the process lives, and whether it should get readers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use consensus::spec::UnknownFork;
use serde::Serialize;
use source::follow::{Follower, Phase, Place};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::settings::ChainClock;
use crate::state::AppState;

/// The answer of `/health/ready`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether readers should be sent here.
    ready: bool,
    /// The newest slot with a block; 0 if there is none.
    newest_slot: u64,
    /// How old it is.
    freshness: Freshness,
    /// The loaded model's name; null if there is none, and `/classify` answers 503.
    model: Option<String>,
    /// The chain that is followed; null if none is.
    chain: Option<ChainHealth>,
}

/// How it stands with the chain that is followed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainHealth {
    /// starting, catching_up, following or stopped.
    pub(crate) phase: &'static str,
    /// The slot of the head.
    pub(crate) head_slot: Option<u64>,
    /// The slot of the newest final block.
    pub(crate) finalized_slot: Option<u64>,
    /// The first slot whose rewards are known.
    oldest_slot: Option<u64>,
    /// The slot of the node's head when it was last asked.
    pub(crate) node_head_slot: Option<u64>,
    /// A fork that the network plans and this program has no rules for: it has to be upgraded before.
    pub(crate) unknown_fork: Option<PlannedFork>,
    /// How old the head is.
    freshness: Freshness,
    /// What went wrong last, if nothing went well since.
    pub(crate) error: Option<String>,
}

/// A fork that is to come.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlannedFork {
    /// Its name.
    pub(crate) name: String,
    /// Its first epoch.
    pub(crate) epoch: u64,
    /// When that begins, in seconds of Unix time.
    pub(crate) time: Option<u64>,
}

impl PlannedFork {
    /// The first fork without rules here in the plans of a chain that is followed.
    pub(crate) fn unknown(follower: &Follower) -> Option<Self> {
        let UnknownFork { name, epoch } = follower.status().unknown_fork?;
        let slot = follower.view(|view| view.spec().start_slot(epoch));
        let time = ChainClock::of_followed(follower).zip(slot).map(|(clock, slot)| clock.start_of(slot));
        Some(Self { name, epoch, time })
    }
}

impl ChainHealth {
    pub(crate) fn of(follower: &Follower, now: u64) -> Self {
        let status = follower.status();
        let slot = |place: Option<Place>| place.map(|place| place.slot.0);
        let clock = ChainClock::of_followed(follower);
        Self {
            phase: status.phase.name(),
            head_slot: slot(status.head),
            finalized_slot: slot(status.anchor),
            oldest_slot: status.oldest_slot.map(|slot| slot.0),
            node_head_slot: status.node_head.map(|slot| slot.0),
            unknown_fork: PlannedFork::unknown(follower),
            freshness: Freshness::of(slot(status.head).unwrap_or_default(), clock, now),
            error: status.error,
        }
    }

    fn is_ready(&self) -> bool {
        self.phase == Phase::Following.name() && self.freshness.is_ready()
    }
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It does.")))]
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "live": true }))
}

/// Whether the database answers and its newest verdict is at most 32 slots old. Recorded data have no age and are
/// always ready. Where a chain is followed, its head must be at most 32 slots old, too.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Stale."))
)]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Response, ApiError> {
    let newest_slot = state.store().sync_status().await?.greatest_block_slot.0;
    let freshness = state.freshness(newest_slot);
    let follower = state.settings().rewards.follower.as_ref();
    let chain = follower.map(|follower| ChainHealth::of(follower, state.now()));
    let ready = freshness.is_ready() && chain.as_ref().is_none_or(ChainHealth::is_ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let model = state.model().map(|_| state.model_name().to_owned());
    Ok((status, Json(Readiness { ready, newest_slot, freshness, model, chain })).into_response())
}
