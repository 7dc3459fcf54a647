//! The questions that nodes are asked.

use std::sync::Arc;
use std::time::Duration;

use consensus::Epoch;
use consensus::spec::Spec;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use super::answers::{
    At, BlockRewards, Committee, FinalityCheckpoints, Header, Health, Syncing, ValidatorEntry,
};
use super::ask::{Answer, Form, Node, Nodes, Outcome, Question};
use super::blocks::{ApiBlock, ApiState, check_slot, read_block, read_state};
use super::error::{ApiError, ApiProblem};
use super::events::{EventOptions, Events, Topic};
use super::health::{NodeHealth, NodeRecord};
use super::id::{BlockId, StateId};
use super::lists;
use super::options::{ApiOptions, Pacing, SystemPacing};
use crate::chain::Genesis;

/// One or several Beacon API nodes of one network. Copies share connections and what is known of the nodes.
#[derive(Clone, Debug)]
pub struct BeaconApi {
    pub(super) nodes: Arc<Nodes>,
}

/// What one node says of itself.
#[derive(Clone, Debug)]
pub struct NodeReport {
    /// The node, without user and password.
    pub node: Arc<str>,
    /// Its program and version.
    pub version: Result<String, ApiProblem>,
    /// How far it is.
    pub syncing: Result<Syncing, ApiProblem>,
    /// Its network.
    pub genesis: Result<Genesis, ApiProblem>,
}

impl BeaconApi {
    /// Nodes at URLs such as `http://localhost:5052` or `https://user:password@host/path`. The first is asked first.
    pub fn new<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        options: ApiOptions,
    ) -> Result<Self, ApiError> {
        Self::with_pacing(urls, options, Arc::new(SystemPacing::default()))
    }

    /// As [`Self::new`], with another source of time and chance.
    pub fn with_pacing<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        options: ApiOptions,
        pacing: Arc<dyn Pacing>,
    ) -> Result<Self, ApiError> {
        let list: Vec<Node> =
            urls.into_iter().map(|url| Node::new(url.as_ref(), &options)).collect::<Result<_, _>>()?;
        if list.is_empty() {
            return Err(ApiError::NoNodes);
        }
        let health = NodeHealth::new(list.len());
        Ok(Self { nodes: Arc::new(Nodes { list, options, pacing, health }) })
    }

    /// One of the nodes alone, by the name it is printed with: for answers that have to be of one view of the chain.
    pub(crate) fn only(&self, name: &str) -> Option<Self> {
        let node = self.nodes.list.iter().find(|node| &*node.name == name)?.clone();
        let (options, pacing) = (self.nodes.options, Arc::clone(&self.nodes.pacing));
        let nodes = Nodes { list: vec![node], options, pacing, health: NodeHealth::new(1) };
        Some(Self { nodes: Arc::new(nodes) })
    }

    /// The nodes as they may be printed: without user and password.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.list.iter().map(|node| &*node.name)
    }

    /// What each node gave so far, in the order given. Nobody is asked.
    pub fn records(&self) -> Vec<NodeRecord> {
        let Nodes { list, pacing, health, .. } = &*self.nodes;
        let now = pacing.now();
        list.iter().enumerate().filter_map(|(index, node)| health.record(index, &node.name, now)).collect()
    }

    /// Time since some moment that stays the same.
    pub(crate) fn now(&self) -> Duration {
        self.nodes.pacing.now()
    }

    /// The time of the clock, in milliseconds since 1970.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.nodes.pacing.unix_ms()
    }

    /// How patient the nodes are treated.
    pub fn options(&self) -> &ApiOptions {
        &self.nodes.options
    }

    /// Program and version of a node.
    pub async fn version(&self) -> Result<String, ApiError> {
        self.nodes.ask(&self.version_question(), read_version).await
    }

    /// How far a node is.
    pub async fn syncing(&self) -> Result<Syncing, ApiError> {
        self.nodes.ask(&self.syncing_question(), |answer| Syncing::read(At::new(&answer.json()?))).await
    }

    /// The network's genesis.
    pub async fn genesis(&self) -> Result<Genesis, ApiError> {
        self.nodes.ask(&self.genesis_question(), read_genesis).await
    }

    /// What each node says of itself, all at the same time and each asked once. One that says nothing holds this up no
    /// longer than a small answer may take, and is asked last afterwards.
    pub async fn survey(&self) -> Vec<NodeReport> {
        let reports = self.nodes.list.iter().enumerate().map(|(index, node)| async move {
            let (version, syncing, genesis) =
                (self.version_question(), self.syncing_question(), self.genesis_question());
            let (version, syncing, genesis) = futures::join!(
                self.nodes.ask_one(node, &version, read_version),
                self.nodes.ask_one(node, &syncing, |answer| Syncing::read(At::new(&answer.json()?))),
                self.nodes.ask_one(node, &genesis, read_genesis),
            );
            self.nodes.note(index, &genesis);
            NodeReport { node: Arc::clone(&node.name), version, syncing, genesis }
        });
        futures::future::join_all(reports).await
    }

    /// Whether each node serves, in the order of [`Self::names`], each asked once.
    pub async fn health(&self) -> Vec<Result<Health, ApiProblem>> {
        let answers = self.nodes.list.iter().map(|node| async move {
            let url = node.address.join("eth/v1/node/health");
            let sent = crate::http::send(node.client.get(url).header(ACCEPT, "application/json"));
            let timeout = self.options().small_time;
            let sent =
                tokio::time::timeout(timeout, sent).await.map_err(|_| ApiProblem::Timeout { timeout })?;
            let status = sent.map_err(|error| self.nodes.unsent(&error))?.status();
            Ok(match status {
                StatusCode::OK => Health::Ready,
                StatusCode::PARTIAL_CONTENT => Health::Syncing,
                status => Health::Unwell(status.as_u16()),
            })
        });
        futures::future::join_all(answers).await
    }

    /// The header of a block, or nothing where no node has it: a slot without a block.
    pub async fn header(&self, id: BlockId) -> Result<Option<Header>, ApiError> {
        let question =
            self.small(format!("the header of {}", id.said()), format!("eth/v1/beacon/headers/{id}"));
        let read = move |answer: &Answer| {
            let header = Header::read(At::new(&answer.json()?))?;
            check_slot(id, header.slot)?;
            match id {
                BlockId::Root(root) if root != header.root => {
                    Err(ApiProblem::wrong(Some(header.slot.0), "data.root", root, header.root))
                }
                _ => Ok(header),
            }
        };
        optional(self.nodes.find(&question, read).await?)
    }

    /// A block, or nothing where no node has it: a slot without a block.
    pub async fn block(&self, id: BlockId, spec: &Arc<Spec>) -> Result<Option<ApiBlock>, ApiError> {
        let options = self.options();
        let question = Question {
            form: Form::Ssz,
            ssz_limit: options.block_bytes,
            json_limit: options.block_bytes,
            time: options.list_time,
            ..self.small(id.said(), format!("eth/v2/beacon/blocks/{id}"))
        };
        let spec = Arc::clone(spec);
        optional(self.nodes.find(&question, move |answer| read_block(answer, id, &spec)).await?)
    }

    /// A state. Nodes keep few states for long: one of an old slot may not be had.
    pub async fn state(&self, id: StateId, spec: &Arc<Spec>) -> Result<ApiState, ApiError> {
        let options = self.options();
        let question = Question {
            form: Form::Ssz,
            ssz_limit: options.state_bytes,
            json_limit: options.list_bytes,
            time: options.state_time,
            ..self.small(id.said(), format!("eth/v2/debug/beacon/states/{id}"))
        };
        let spec = Arc::clone(spec);
        self.nodes.ask(&question, move |answer| read_state(answer, id, &spec)).await
    }

    /// Whether a node begins to give a state. The state itself is not read.
    pub async fn gives_state(&self, id: StateId) -> bool {
        let question =
            Question { form: Form::Ssz, ..self.small(id.said(), format!("eth/v2/debug/beacon/states/{id}")) };
        for node in &self.nodes.list {
            let sent = self.nodes.send(node, &question, Form::Ssz).await;
            if sent.is_ok_and(|response| response.status() == StatusCode::OK) {
                return true;
            }
        }
        false
    }

    /// The committees of an epoch, in order of slot and index, as a state knows them.
    pub async fn committees(
        &self,
        id: StateId,
        epoch: Epoch,
        spec: &Arc<Spec>,
    ) -> Result<Vec<Committee>, ApiError> {
        let question = Question {
            query: vec![("epoch", epoch.to_string())],
            json_limit: self.options().list_bytes,
            time: self.options().list_time,
            ..self.small(
                format!("the committees of epoch {epoch} in {}", id.said()),
                format!("eth/v1/beacon/states/{id}/committees"),
            )
        };
        let spec = Arc::clone(spec);
        self.nodes.ask(&question, move |answer| lists::committees(&answer.body, epoch, &spec)).await
    }

    /// The validators of a state, in order.
    pub async fn validators(&self, id: StateId) -> Result<Vec<ValidatorEntry>, ApiError> {
        let question = Question {
            json_limit: self.options().list_bytes,
            time: self.options().list_time,
            ..self.small(
                format!("the validators of {}", id.said()),
                format!("eth/v1/beacon/states/{id}/validators"),
            )
        };
        self.nodes.ask(&question, |answer| lists::validators(&answer.body)).await
    }

    /// What a state knows of finality.
    pub async fn finality_checkpoints(&self, id: StateId) -> Result<FinalityCheckpoints, ApiError> {
        let question = self.small(
            format!("the finality checkpoints of {}", id.said()),
            format!("eth/v1/beacon/states/{id}/finality_checkpoints"),
        );
        self.nodes.ask(&question, |answer| FinalityCheckpoints::read(At::new(&answer.json()?))).await
    }

    /// What a block paid its proposer, or nothing where no node has the block or tells rewards.
    pub async fn block_rewards(&self, id: BlockId) -> Result<Option<BlockRewards>, ApiError> {
        let question =
            self.small(format!("the rewards of {}", id.said()), format!("eth/v1/beacon/rewards/blocks/{id}"));
        let read = |answer: &Answer| BlockRewards::read(At::new(&answer.json()?));
        optional(self.nodes.find(&question, read).await?)
    }

    /// Events as they happen, from one node at a time.
    pub fn events(&self, topics: &[Topic], options: EventOptions) -> Events {
        Events::new(Arc::clone(&self.nodes), topics, options)
    }

    /// Waits between half and one and a half of a time, at random.
    pub async fn pause(&self, time: Duration) {
        let factor = crate::http::jitter(self.nodes.pacing.random());
        self.nodes.pacing.sleep(time.mul_f64(factor)).await;
    }

    fn version_question(&self) -> Question {
        self.small("the version", "eth/v1/node/version")
    }

    fn syncing_question(&self) -> Question {
        self.small("the sync status", "eth/v1/node/syncing")
    }

    pub(super) fn genesis_question(&self) -> Question {
        self.small("the genesis", "eth/v1/beacon/genesis")
    }

    fn small(&self, asked: impl Into<String>, path: impl Into<String>) -> Question {
        Question::small(asked, path, self.options())
    }
}

fn optional<T>(outcome: Outcome<T>) -> Result<Option<T>, ApiError> {
    match outcome {
        Outcome::Found(value) => Ok(Some(value)),
        Outcome::Absent(_) => Ok(None),
    }
}

pub(super) fn read_version(answer: &Answer) -> Result<String, ApiProblem> {
    let body = answer.json()?;
    let version = At::new(&body).field("data")?.field("version")?.text()?;
    Ok(crate::http::shortened(version))
}

pub(super) fn read_genesis(answer: &Answer) -> Result<Genesis, ApiProblem> {
    Genesis::from_json(&answer.json()?).map_err(ApiProblem::unreadable)
}
