//! A Beacon API node on a port of this machine that answers as a recorded one did, or as a script says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use consensus::spec::Spec;
use consensus::ssz::Ssz;
use serde_json::{Value, json};

use crate::{Capture, CapturedBlock};

const SSZ: &str = "application/octet-stream";

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// How often this path was asked for before.
    pub before: usize,
}

/// How an answer differs from the recorded one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status and a message.
    Status(u16),
    /// Nothing, ever.
    Stall,
    /// This text, in place of any answer.
    Text(String),
    /// A redirect to this URL, in place of any answer.
    Redirect(String),
    /// The headers, then a byte now and then that never makes an answer.
    Drip,
    /// Half of the answer, then the connection breaks.
    Break,
    /// Half of the answer, as if it were all.
    Half,
    /// The answer to another path.
    Instead(String),
    /// This body, with the headers of the true answer.
    Body(Vec<u8>),
    /// JSON, whatever was asked for.
    Json,
    /// Another fork in the header; none where it is empty.
    Version(&'static str),
    /// The true answer without a content type.
    Untyped,
    /// So many bytes of zeros.
    Zeros(usize),
    /// The true answer, then silence: for streams.
    ThenSilence,
}

type Script = dyn Fn(&Asked) -> Option<Fault> + Send + Sync;

/// A node that runs until it is dropped.
#[derive(Debug)]
pub struct FakeNode {
    /// Its URL.
    pub url: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

struct Inner {
    answers: Arc<Answers>,
    script: Box<Script>,
    asked: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl FakeNode {
    /// A node that answers as recorded.
    pub async fn honest(answers: &Arc<Answers>) -> Self {
        Self::scripted(answers, |_| None).await
    }

    /// A node that answers as recorded, except where the script says otherwise.
    pub async fn scripted(
        answers: &Arc<Answers>,
        script: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            answers: Arc::clone(answers),
            script: Box::new(script),
            asked: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url, inner, server }
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().expect("no panic").clone()
    }

    /// How often paths that begin so were asked for.
    pub fn count(&self, start: &str) -> usize {
        self.asked().iter().filter(|path| path.starts_with(start)).count()
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What a node answers, by path.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    json: BTreeMap<String, (Option<String>, Bytes)>,
    ssz: BTreeMap<String, (String, Bytes)>,
    events: String,
}

impl Answers {
    /// The answers of a capture. Blocks are known by slot and root, the last one as the head too.
    pub fn of(capture: &Capture) -> Arc<Self> {
        let mut answers = Self { events: capture.events(), ..Self::default() };
        let spec = capture.spec();
        answers.put("/eth/v1/config/spec", None, serde_json::from_str(&capture.config()).expect("JSON"));
        answers.put("/eth/v1/beacon/genesis", None, capture.genesis_body());
        let version = capture.version().unwrap_or_else(|| json!({"data": {"version": capture.name}}));
        answers.put("/eth/v1/node/version", None, version);
        answers.put("/eth/v1/node/health", None, json!({}));
        let blocks = capture.blocks();
        let head = blocks.last().expect("a block");
        answers.put(
            "/eth/v1/node/syncing",
            None,
            json!({"data": {"head_slot": head.slot.to_string(), "sync_distance": "0", "is_syncing": false,
                "is_optimistic": false, "el_offline": false}}),
        );
        for block in &blocks {
            answers.put_block(&block.slot.to_string(), block, &spec, true);
            answers.put_block(&block.root.to_string(), block, &spec, true);
        }
        answers.put_block("head", head, &spec, true);
        for block in capture.orphans() {
            answers.put_block(&block.root.to_string(), &block, &spec, false);
        }
        for (slot, ssz) in capture.states() {
            let fork = spec.fork_at_slot(slot.0).name();
            let path = format!("/eth/v2/debug/beacon/states/{slot}");
            answers.ssz.insert(path, (fork.to_owned(), ssz.into()));
        }
        for (epoch, body) in capture.committees() {
            answers.put(&format!("/eth/v1/beacon/states/head/committees?epoch={epoch}"), None, body);
        }
        for (slot, body) in capture.block_rewards() {
            answers.put(&format!("/eth/v1/beacon/rewards/blocks/{slot}"), None, body);
        }
        answers.put("/eth/v1/beacon/states/head/validators", None, capture.validators());
        if let Some(body) = capture.finality_checkpoints() {
            answers.put("/eth/v1/beacon/states/head/finality_checkpoints", None, body);
        }
        Arc::new(answers)
    }

    /// Takes away what is there for a path.
    pub fn remove(&mut self, path: &str) {
        self.json.remove(path);
        self.ssz.remove(path);
    }

    /// Answers a path with JSON.
    pub fn put(&mut self, path: &str, version: Option<&str>, body: Value) {
        self.json.insert(path.to_owned(), (version.map(str::to_owned), body.to_string().into()));
    }

    /// Answers a path with SSZ where that is asked for.
    pub fn put_ssz(&mut self, path: &str, version: &str, body: Vec<u8>) {
        self.ssz.insert(path.to_owned(), (version.to_owned(), body.into()));
    }

    /// The SSZ for a path.
    pub fn ssz(&self, path: &str) -> Option<Bytes> {
        self.ssz.get(path).map(|(_, body)| body.clone())
    }

    fn put_block(&mut self, id: &str, block: &CapturedBlock, spec: &Spec, canonical: bool) {
        let path = format!("/eth/v2/beacon/blocks/{id}");
        let version = spec.fork_at_slot(block.slot.0).name();
        self.put(&path, Some(version), block.json.clone());
        self.put_ssz(&path, version, block.ssz.clone());
        let decoded = block.from_ssz(spec);
        let header = decoded.block.message.to_header(&spec.shape(decoded.fork));
        debug_assert_eq!(header.hash_tree_root(&spec.shape(decoded.fork)), block.root.0);
        let message = &block.json["data"]["message"];
        let body = json!({"data": {"root": block.root.to_string(), "canonical": canonical, "header": {"message": {
            "slot": message["slot"], "proposer_index": message["proposer_index"],
            "parent_root": message["parent_root"], "state_root": message["state_root"],
            "body_root": header.body_root.to_string(),
        }, "signature": block.json["data"]["signature"]}}});
        self.put(&format!("/eth/v1/beacon/headers/{id}"), None, body);
    }

    /// Content type, fork and body.
    fn find(&self, path: &str, wants_ssz: bool) -> Option<(&'static str, Option<String>, Bytes)> {
        if path.starts_with("/eth/v1/events") {
            return Some(("text/event-stream", None, self.events.clone().into()));
        }
        if wants_ssz && let Some((version, body)) = self.ssz.get(path) {
            return Some((SSZ, Some(version.clone()), body.clone()));
        }
        let (version, body) = self.json.get(path)?;
        Some(("application/json", version.clone(), body.clone()))
    }
}

async fn answer(State(node): State<Arc<Inner>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let before = {
        let mut asked = node.asked.lock().expect("no panic");
        let before = asked.iter().filter(|asked| **asked == path).count();
        asked.push(path.clone());
        before
    };
    let fault = (node.script)(&Asked { path: path.clone(), before });
    match &fault {
        Some(Fault::Text(text)) => return axum::response::Html(text.clone()).into_response(),
        Some(Fault::Redirect(to)) => return axum::response::Redirect::temporary(to).into_response(),
        _ => {}
    }
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wants_ssz = accept.is_some_and(|accept| accept.contains(SSZ)) && !matches!(fault, Some(Fault::Json));
    let asked_path = match &fault {
        Some(Fault::Instead(other)) => other,
        _ => &path,
    };
    let Some((kind, mut version, body)) = node.answers.find(asked_path, wants_ssz) else {
        return message(404, "NOT_FOUND: nothing is known of it");
    };
    let half = body.slice(..body.len() / 2);
    if let Some(Fault::Version(other)) = &fault {
        version = Some((*other).to_owned()).filter(|other| !other.is_empty());
    }
    let untyped = matches!(fault, Some(Fault::Untyped));
    let body = match fault {
        Some(Fault::Status(status)) => return message(status, "no luck today"),
        Some(Fault::Stall) => return std::future::pending().await,
        Some(Fault::Drip) => Body::from_stream(futures::stream::unfold((), |()| async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        })),
        Some(Fault::Break) => {
            let parts = [Ok(half), Err(std::io::Error::other("cut"))];
            Body::from_stream(futures::stream::iter(parts))
        }
        Some(Fault::Half) => Body::from(half),
        Some(Fault::Body(other)) => Body::from(other),
        Some(Fault::Zeros(count)) => {
            let piece = Bytes::from(vec![0; 1 << 16]);
            let pieces = (0..count.div_ceil(1 << 16)).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
            Body::from_stream(futures::stream::iter(pieces))
        }
        Some(Fault::ThenSilence) => {
            use futures::StreamExt;
            let first = futures::stream::iter([Ok::<_, std::io::Error>(body)]);
            Body::from_stream(first.chain(futures::stream::pending()))
        }
        _ => Body::from(body),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if !untyped {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Some(version) = version {
        headers.insert("eth-consensus-version", HeaderValue::from_str(&version).expect("a header"));
    }
    response
}

fn message(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let body = json!({"code": status.as_u16(), "message": text}).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
