//! A range of a chain straight from Beacon API nodes: a state, and the blocks after it, asked for ahead.
//!
//! ```text
//! connect ─▶ start_state ─▶ blocks ─▶ replay ─▶ rewards
//!        └─▶ from_blocks: no state; committees, balances and checkpoints of each epoch ─▶ rewards
//! ```
//!
//! Everything here waits: it is for threads that may, not for async tasks. Requests go on while what they brought
//! is worked on; a queue bounds what waits.

mod blocks;
mod error;
mod from_blocks;
mod state;

use std::sync::Arc;

use consensus::Slot;
use consensus::spec::Spec;
use tokio::runtime::{Builder, Runtime};

pub use blocks::NodeChainBlocks;
pub use error::NodeChainError;
pub use from_blocks::FromBlocksReplay;
pub use state::StartingState;

use crate::beacon_api::{BeaconApi, NodeReport};
use crate::chain::Genesis;
use crate::fetch::StopSwitch;

/// Requests at the same time, where nobody says otherwise.
pub const DEFAULT_PARALLEL: usize = 8;

/// Nodes of one network, ready to be asked for its chain. Copies share everything.
#[derive(Clone, Debug)]
pub struct NodeChain {
    runtime: Arc<Background>,
    api: BeaconApi,
    spec: Arc<Spec>,
    genesis: Genesis,
    head: Slot,
    parallel: usize,
    stop: StopSwitch,
}

/// A runtime of its own: it may be let go anywhere.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Background {
    fn start() -> Result<Self, NodeChainError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| NodeChainError::Network(error.to_string()))
    }

    /// Waits for an answer, or until it is stopped.
    fn wait<T, E: Into<NodeChainError>>(
        &self,
        stop: &StopSwitch,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, NodeChainError> {
        let Some(runtime) = &self.0 else { return Err(NodeChainError::Stopped) };
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.stopped() => Err(NodeChainError::Stopped),
                result = work => result.map_err(Into::into),
            }
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl NodeChain {
    /// Learns the network of the nodes, which must be one, and how far it is.
    pub fn connect(api: BeaconApi, parallel: usize, stop: &StopSwitch) -> Result<Self, NodeChainError> {
        let runtime = Background::start()?;
        let asked = async {
            one_network(&api.survey().await)?;
            let (spec, _) = api.spec().await?;
            let genesis = api.genesis().await?;
            let head = api.syncing().await?.head_slot;
            Ok::<_, NodeChainError>((spec, genesis, head))
        };
        let (spec, genesis, head) = runtime.wait(stop, asked)?;
        Ok(Self {
            runtime: Arc::new(runtime),
            api,
            spec: Arc::new(spec),
            genesis,
            head,
            parallel: parallel.max(1),
            stop: stop.clone(),
        })
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// The slot of the head when the nodes were asked first.
    pub fn head(&self) -> Slot {
        self.head
    }

    /// The nodes, without passwords, as they are named in a sentence.
    pub fn nodes(&self) -> String {
        self.api.names().collect::<Vec<_>>().join(" and ")
    }

    /// Refuses a range whose end is not there yet.
    pub fn check_end(&self, end: Slot) -> Result<(), NodeChainError> {
        if self.head < end {
            return Err(NodeChainError::NotYet { end, head: self.head });
        }
        Ok(())
    }

    fn wait<T, E: Into<NodeChainError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, NodeChainError> {
        self.runtime.wait(&self.stop, work)
    }
}

fn one_network(reports: &[NodeReport]) -> Result<(), NodeChainError> {
    let mut roots = reports
        .iter()
        .filter_map(|report| Some((&report.node, report.genesis.as_ref().ok()?.validators_root)));
    let Some((first_node, first)) = roots.next() else { return Ok(()) };
    match roots.find(|(_, root)| *root != first) {
        None => Ok(()),
        Some((second_node, second)) => Err(NodeChainError::Networks {
            first_node: first_node.to_string(),
            first,
            second_node: second_node.to_string(),
            second,
        }),
    }
}
