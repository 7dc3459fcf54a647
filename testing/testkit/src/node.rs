//! A beacon node that does as a test says.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use consensus::containers::BeaconBlockHeader;
use consensus::spec::{Fork, Spec};
use consensus::ssz::Ssz;
use consensus::{Root, Slot};
use futures::StreamExt;
use serde_json::{Value, json};
use source::chain::{ChainBlock, Genesis};
use tokio::sync::broadcast;

use crate::answers;
use crate::schedule::Step;
use crate::tree::Tree;

/// Paths that were asked for are counted as long as there are no more than these since.
const REMEMBERED_PATHS: usize = 8_192;

/// What a node knows of its network from the start.
#[derive(Clone, Debug)]
pub struct Network {
    /// The network.
    pub spec: Arc<Spec>,
    /// The body of `/eth/v1/config/spec`.
    pub config: Value,
    /// The body of `/eth/v1/beacon/genesis`.
    pub genesis: Value,
    /// The header of the block that all others build on, whose state the node may give.
    pub base: BeaconBlockHeader,
}

/// A node that runs until it is dropped.
#[derive(Debug)]
pub struct DevNode {
    /// Its URL.
    pub url: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) network: Network,
    knowledge: Mutex<Knowledge>,
    streams: broadcast::Sender<Signal>,
}

/// What changes while it runs.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) blocks: HashMap<Root, ChainBlock>,
    pub(crate) base: Root,
    pub(crate) head: Root,
    pub(crate) finalized: (u64, Root),
    /// Encoded states by the id in the address, with their fork.
    pub(crate) states: HashMap<String, (String, Bytes)>,
    pub(crate) gives_ssz: bool,
    /// The body of `/eth/v1/config/spec`.
    pub(crate) config: Value,
    /// Whether it answers at all.
    pub(crate) is_up: bool,
    takes_streams: bool,
    tells_head: bool,
    /// The newest of the paths that were asked for.
    asked: VecDeque<String>,
    connected: usize,
}

#[derive(Clone, Debug)]
enum Signal {
    Event(String),
    Cut,
}

impl Network {
    /// The network of a tree, with genesis as the base.
    pub fn of(tree: &Tree) -> Self {
        Self::of_genesis(&tree.genesis)
    }

    /// The network of a genesis state, which is the base.
    pub fn of_genesis(genesis: &consensus::state::State) -> Self {
        let spec = Arc::clone(genesis.spec());
        let mut base = genesis.latest_block_header.clone();
        base.state_root = Root(genesis.hash_tree_root().expect("a root"));
        let identity = Genesis {
            time: genesis.genesis_time,
            validators_root: genesis.genesis_validators_root,
            fork_version: spec.config.fork_version(Fork::Phase0).0,
        };
        Self { config: json!({ "data": spec.to_values() }), genesis: identity.to_json(), spec, base }
    }
}

impl DevNode {
    /// A node that knows no block but the base, which is its head and final.
    pub async fn start(network: Network) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shape = network.spec.shape(network.spec.fork_at_slot(network.base.slot));
        let base = Root(network.base.hash_tree_root(&shape));
        let knowledge = Knowledge {
            blocks: HashMap::new(),
            base,
            head: base,
            finalized: (0, base),
            states: HashMap::new(),
            gives_ssz: true,
            config: network.config.clone(),
            is_up: true,
            takes_streams: true,
            tells_head: true,
            asked: VecDeque::new(),
            connected: 0,
        };
        let (streams, _) = broadcast::channel(1 << 14);
        let inner = Arc::new(Inner { network, knowledge: Mutex::new(knowledge), streams });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url, inner, server }
    }

    /// Changes what it says of its network, as an upgrade does.
    pub fn set_config(&self, spec: &Spec) {
        self.know().config = json!({ "data": spec.to_values() });
    }

    /// Lets the node know a block.
    pub fn add_block(&self, root: Root, block: ChainBlock) {
        self.know().blocks.insert(root, block);
    }

    /// Changes the head.
    pub fn set_head(&self, root: Root) {
        self.know().head = root;
    }

    /// Changes what is final.
    pub fn set_finalized(&self, epoch: u64, root: Root) {
        self.know().finalized = (epoch, root);
    }

    /// Gives a state for an id in the address, such as `finalized`.
    pub fn put_state(&self, id: &str, state: &consensus::state::State) {
        self.put_encoded_state(id, state.fork_name().name(), encoded_state(state));
    }

    /// Gives a state that is encoded already, see [`encoded_state`]: several nodes can share it.
    pub fn put_encoded_state(&self, id: &str, fork: &str, ssz: Bytes) {
        self.know().states.insert(id.to_owned(), (fork.to_owned(), ssz));
    }

    /// Forgets blocks before a slot, and states that are named by such a slot, as nodes do that keep no history.
    pub fn forget_before(&self, slot: Slot) {
        let mut know = self.know();
        know.blocks.retain(|_, block| block.slot() >= slot);
        know.states.retain(|id, _| id.parse().ok().is_none_or(|of: u64| of >= slot.0));
    }

    /// Whether blocks and states are given as SSZ, or as JSON only.
    pub fn gives_ssz(&self, gives: bool) {
        self.know().gives_ssz = gives;
    }

    /// Whether the node answers; where not, everything is 503.
    pub fn is_up(&self, is_up: bool) {
        self.know().is_up = is_up;
        if !is_up {
            self.cut();
        }
    }

    /// Sends an event to all who listen.
    pub fn send(&self, name: &str, data: &Value) {
        // Without listeners nobody hears it, as with a true node.
        let _ = self.inner.streams.send(Signal::Event(format!("event: {name}\ndata: {data}\n\n")));
    }

    /// Sends the events of a step.
    pub fn tell(&self, step: Step) {
        let (Step::Block(root) | Step::Head(root) | Step::Final(root, _)) = step;
        let slot = self.know().blocks.get(&root).map_or(0, |block| block.slot().0).to_string();
        let zero = Root::default().to_string();
        match step {
            Step::Block(root) => self.send(
                "block",
                &json!({"slot": slot, "block": root.to_string(), "execution_optimistic": false}),
            ),
            Step::Head(root) => self.send(
                "head",
                &json!({"slot": slot, "block": root.to_string(), "state": zero, "epoch_transition": false,
                    "execution_optimistic": false}),
            ),
            Step::Final(root, epoch) => self.send(
                "finalized_checkpoint",
                &json!({"block": root.to_string(), "state": zero, "epoch": epoch.to_string(),
                    "execution_optimistic": false}),
            ),
        }
    }

    /// Learns a step of a tree and tells of it. A node knows a block with all of its ancestors before it speaks of
    /// it; where the tree has the state of a final block, that one is given.
    pub fn learn(&self, tree: &Tree, step: Step) {
        let (Step::Block(root) | Step::Head(root) | Step::Final(root, _)) = step;
        let mut next = root;
        while let Some(block) = tree.blocks.get(&next) {
            self.add_block(next, block.clone());
            next = tree.parent(&next);
        }
        match step {
            Step::Head(root) => self.set_head(root),
            Step::Final(root, epoch) => {
                self.set_finalized(epoch, root);
                if let Some(state) = tree.states.get(&root) {
                    self.put_state("finalized", state);
                }
            }
            Step::Block(_) => {}
        }
        self.tell(step);
    }

    /// Ends all streams of events.
    pub fn cut(&self) {
        let _ = self.inner.streams.send(Signal::Cut);
    }

    /// Whether new streams of events are taken.
    pub fn takes_streams(&self, takes: bool) {
        self.know().takes_streams = takes;
    }

    /// Whether the header of the head is given; where not, it is 404.
    pub fn tells_head(&self, tells: bool) {
        self.know().tells_head = tells;
    }

    /// Streams of events that were opened so far.
    pub fn streams_opened(&self) -> usize {
        self.know().connected
    }

    /// Streams of events that are open.
    pub fn streams_open(&self) -> usize {
        self.inner.streams.receiver_count()
    }

    /// How often addresses that begin so were asked for.
    pub fn count(&self, start: &str) -> usize {
        self.know().asked.iter().filter(|path| path.starts_with(start)).count()
    }

    fn know(&self) -> MutexGuard<'_, Knowledge> {
        self.inner.know()
    }
}

/// A state as nodes give it, without the spare room that its buffer had while it was written.
pub fn encoded_state(state: &consensus::state::State) -> Bytes {
    state.encode().expect("an encoding").into_boxed_slice().into()
}

impl Drop for DevNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Inner {
    fn know(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().expect("no panic")
    }
}

async fn answer(State(node): State<Arc<Inner>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_ssz = accept.is_some_and(|accept| accept.contains(answers::SSZ));
    let mut know = node.know();
    if know.asked.len() >= REMEMBERED_PATHS {
        know.asked.pop_front();
    }
    know.asked.push_back(path.clone());
    if !know.is_up {
        return answers::refusal(StatusCode::SERVICE_UNAVAILABLE, "the node is down");
    }
    if path == "/eth/v1/events" {
        if !know.takes_streams {
            return answers::refusal(StatusCode::SERVICE_UNAVAILABLE, "no events today");
        }
        know.connected += 1;
        return stream(node.streams.subscribe());
    }
    if path == "/eth/v1/beacon/headers/head" && !know.tells_head {
        return answers::refusal(StatusCode::NOT_FOUND, "there is no head");
    }
    let wants_ssz = wants_ssz && know.gives_ssz;
    answers::find(&node.network, &know, &path, wants_ssz)
        .unwrap_or_else(|| answers::refusal(StatusCode::NOT_FOUND, "nothing is known of it"))
}

fn stream(signals: broadcast::Receiver<Signal>) -> Response {
    let parts = futures::stream::unfold(signals, |mut signals| async move {
        match signals.recv().await {
            Ok(Signal::Event(text)) => Some((Ok::<_, std::io::Error>(Bytes::from(text)), signals)),
            Ok(Signal::Cut) | Err(_) => None,
        }
    });
    // A first comment, so that the answer begins at once.
    let hello = futures::stream::iter([Ok(Bytes::from_static(b":\n\n"))]);
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(hello.chain(parts))).into_response()
}
