//! The state with which following begins.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use consensus::spec::Spec;
use consensus::state::State;
use consensus::{Root, Slot};

use super::error::FollowError;
use super::limits::ViewLimits;
use super::view::{ChainView, Place};
use crate::beacon_api::{BeaconApi, BlockId, StateId};
use crate::compression::Compression;

/// Where the state comes from with which following begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// The node's latest finalized state.
    Finalized,
    /// The latest finalized state of another node of the network: for nodes that give no states.
    Node(BeaconApi),
    /// A state's encoding.
    State(Bytes),
}

impl Start {
    /// Reads an encoded state from a file; the end of its name tells how it is compressed. An error is a sentence.
    pub fn read(path: &Path, limit: u64) -> Result<Self, String> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (_, compression) = Compression::split_name(&name);
        let file = File::open(path)
            .map_err(|error| format!("\"{}\" can't be read, because {error}", path.display()))?;
        let bytes = compression
            .unpack(file, limit)
            .map_err(|error| format!("\"{}\" can't be unpacked: {error}", path.display()))?;
        Ok(Self::State(bytes.into()))
    }
}

/// Makes a view of the state to begin with, checked against the node that is followed. Without plans of forks, those of
/// each node are tried.
pub(super) async fn begin(
    api: &BeaconApi,
    start: &Start,
    plans: Option<Spec>,
    limits: ViewLimits,
) -> Result<ChainView, FollowError> {
    let specs = match plans {
        Some(spec) => vec![spec],
        None => api.specs().await?.into_iter().map(|(spec, _)| spec).collect(),
    };
    let mut failed = None;
    for spec in specs {
        match begin_with(api, start, Arc::new(spec), limits).await {
            // A node may plan what never happened, and read the state so.
            Err(error @ (FollowError::Api(_) | FollowError::State(_))) => failed = failed.or(Some(error)),
            result => return result,
        }
    }
    Err(failed.unwrap_or(FollowError::NoHead))
}

async fn begin_with(
    api: &BeaconApi,
    start: &Start,
    spec: Arc<Spec>,
    limits: ViewLimits,
) -> Result<ChainView, FollowError> {
    let network = api.genesis().await?.validators_root;
    let state = match start {
        Start::Finalized => api.state(StateId::Finalized, &spec).await?.state,
        Start::Node(other) => other.state(StateId::Finalized, &spec).await?.state,
        Start::State(bytes) => {
            let (spec, bytes) = (Arc::clone(&spec), bytes.clone());
            blocking(move || State::decode_any_fork(spec, &bytes)).await?.map_err(FollowError::State)?
        }
    };
    check_network(network, &state)?;
    let view = blocking(move || ChainView::new(state, limits)).await?.map_err(FollowError::State)?;
    let anchor = view.anchor();
    let canonical = match api.header(BlockId::Root(anchor.root)).await? {
        Some(header) => header.canonical,
        // A node that began with a later state may not have it.
        None => is_parent_of_next(api, anchor).await?,
    };
    if canonical { Ok(view) } else { Err(FollowError::NotCanonical { root: anchor.root, slot: anchor.slot }) }
}

/// Slots behind a block in which the next one is looked for.
const NEXT_WITHIN: u64 = 64;

/// Whether the first block behind a place, in the node's chain, builds on it.
async fn is_parent_of_next(api: &BeaconApi, place: Place) -> Result<bool, FollowError> {
    let head = api.header(BlockId::Head).await?.ok_or(FollowError::NoHead)?;
    let first = place.slot.0.saturating_add(1);
    for slot in first..=head.slot.0.min(place.slot.0.saturating_add(NEXT_WITHIN)) {
        if let Some(next) = api.header(BlockId::Slot(Slot(slot))).await? {
            return Ok(next.parent_root == place.root);
        }
    }
    Ok(false)
}

fn check_network(expected: Root, state: &State) -> Result<(), FollowError> {
    let found = state.genesis_validators_root;
    if found == expected { Ok(()) } else { Err(FollowError::Network { expected, found }) }
}

/// Does work away from the threads that wait for others.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, FollowError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| FollowError::Work(error.to_string()))
}
