//! The state to begin with: that before the first slot, or the nearest one before it that can be had.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use consensus::state::State;
use consensus::{Root, Slot};

use super::error::is_not_given;
use super::{NodeChain, NodeChainError};
use crate::beacon_api::{BlockId, StateId};
use crate::chain::ChainBlock;
use crate::compression::Compression;
use crate::recording::head_root;

/// How far back a node is asked for a state: blocks from there on must be replayed.
const FARTHEST_BACK: u64 = 65_536;
/// What states that nodes keep for long are spaced by.
const KEPT_EVERY: [u64; 4] = [2_048, 4_096, 8_192, 32_768];
/// A state of mainnet has about 300 MB.
const STATE_BYTES: u64 = 2 << 30;

/// A state, and the root of its latest block.
#[derive(Debug)]
pub struct StartingState {
    /// The state.
    pub state: State,
    /// The root of its latest block.
    pub root: Root,
}

impl NodeChain {
    /// The state before a slot: of a file where one is named, else of the slot before, else the nearest one before
    /// that which a node gives.
    pub fn start_state(&self, first: Slot, file: Option<&Path>) -> Result<StartingState, NodeChainError> {
        let before = Slot(first.0.saturating_sub(1));
        let (state, what) = match file {
            Some(path) => (self.state_of_file(path, before)?, format!("the state \"{}\"", path.display())),
            None => self.nearest_state(before)?,
        };
        let (expected, found) = (self.genesis.validators_root, state.genesis_validators_root);
        if expected != found {
            return Err(NodeChainError::OtherChain { what, expected, found });
        }
        let root = head_root(&state)?;
        Ok(StartingState { state, root })
    }

    /// A block, and the state that it is applied to: that of its parent, in the chain or not.
    pub fn block_and_state(&self, id: BlockId) -> Result<(ChainBlock, State), NodeChainError> {
        let block = self.wait(self.api.block(id, &self.spec))?;
        let block =
            block.ok_or_else(|| NodeChainError::NoBlock { nodes: self.nodes(), block: id.said() })?.block;
        let parent = BlockId::Root(block.block.message.parent_root);
        let header = self.wait(self.api.header(parent))?;
        let header =
            header.ok_or_else(|| NodeChainError::NoBlock { nodes: self.nodes(), block: parent.said() })?;
        let by_root = self.wait(self.api.state(StateId::Root(header.state_root), &self.spec));
        let had = match by_root {
            Err(NodeChainError::Api(error)) if header.canonical && is_not_given(&error) => {
                self.wait(self.api.state(StateId::Slot(header.slot), &self.spec))?
            }
            had => had?,
        };
        Ok((block, had.state))
    }

    fn state_of_file(&self, path: &Path, before: Slot) -> Result<State, NodeChainError> {
        let bad = |reason: String| NodeChainError::StateFile { path: path.to_owned(), reason };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (_, compression) = Compression::split_name(&name);
        let file = File::open(path).map_err(|error| bad(error.to_string()))?;
        let bytes = compression.unpack(BufReader::new(file), STATE_BYTES);
        let bytes = bytes.map_err(|error| bad(error.to_string()))?;
        let state = State::decode_any_fork(Arc::clone(&self.spec), &bytes);
        let state = state.map_err(|error| bad(error.to_string()))?;
        if state.slot > before.0 {
            let first = before.0.saturating_add(1);
            return Err(bad(format!("it is of slot {}, and must be before slot {first}", state.slot)));
        }
        Ok(state)
    }

    fn nearest_state(&self, before: Slot) -> Result<(State, String), NodeChainError> {
        let mut tried = Vec::new();
        for id in self.candidates(before)? {
            if tried.contains(&id) {
                continue;
            }
            tried.push(id);
            match self.wait(async { Ok::<_, NodeChainError>(self.api.state(id, &self.spec).await) })? {
                Ok(had) if had.state.slot <= before.0 => {
                    let what =
                        format!("the state of slot {} from the beacon node at {}", had.state.slot, had.node);
                    return Ok((had.state, what));
                }
                Ok(_) => {}
                Err(error) if is_not_given(&error) => {
                    tracing::debug!(%id, %error, "A state is not given");
                }
                Err(error) => return Err(error.into()),
            }
        }
        let oldest = self.wait(async { Ok::<_, NodeChainError>(self.oldest_state(before).await) })?;
        Err(NodeChainError::NoState { nodes: self.nodes(), before, oldest })
    }

    /// States that a node may have, the nearest first.
    fn candidates(&self, before: Slot) -> Result<Vec<StateId>, NodeChainError> {
        let at = |slot: u64| StateId::Slot(Slot(slot));
        let per_epoch = self.spec.preset.slots_per_epoch.max(1);
        let epoch = before.0 / per_epoch * per_epoch;
        let mut candidates = vec![at(before.0)];
        candidates.extend((0..3).filter_map(|back| Some(at(epoch.checked_sub(back * per_epoch)?))));
        let finalized = self.wait(self.api.header(BlockId::Finalized)).ok().flatten();
        if finalized.is_some_and(|header| self.is_near(header.slot.0, before)) {
            candidates.push(StateId::Finalized);
        }
        for every in KEPT_EVERY {
            let kept = before.0 / every * every;
            if self.is_near(kept, before) {
                candidates.push(at(kept));
            }
        }
        if self.is_near(0, before) {
            candidates.push(StateId::Genesis);
        }
        if self.stop.is_stopped() {
            return Err(NodeChainError::Stopped);
        }
        Ok(candidates)
    }

    fn is_near(&self, slot: u64, before: Slot) -> bool {
        before.0.checked_sub(slot).is_some_and(|distance| distance <= FARTHEST_BACK)
    }

    /// The oldest state that a node gives, to the epoch. States are taken as given from some slot on; what says so
    /// is a small answer that needs the state.
    async fn oldest_state(&self, after: Slot) -> Option<Slot> {
        let per_epoch = self.spec.preset.slots_per_epoch.max(1);
        let slot = |epoch: u64| Slot(epoch.saturating_mul(per_epoch));
        let (mut low, mut high) = (after.0 / per_epoch, self.head.0 / per_epoch);
        let knows = async |epoch| self.api.finality_checkpoints(StateId::Slot(slot(epoch))).await.is_ok();
        if !knows(high).await {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if knows(middle).await {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let oldest = slot(high);
        self.api.gives_state(StateId::Slot(oldest)).await.then_some(oldest)
    }
}
