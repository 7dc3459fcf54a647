//! What the tests of the router share: conformance data, a trained model, a temporary server.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]

pub mod chain;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::{AppState, Settings, router};
use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use fingerprint::{
    Client, DataOrigin, FeatureSet, GraffitiRules, Model, ModelOrigin, RuleSet, TrainingOptions, TrainingRow,
    TrainingSet,
};
use futures::StreamExt;
use private_postgres::PrivatePostgres;
use serde_json::Value;
use store::{OpenMode, Store, StoreUrl};
use tempfile::TempDir;
use tower::ServiceExt;

/// The folder of conformance data; `None` where it is absent, which CI does not accept.
pub fn data(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BLOCKMARK_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join("blockprint").join(file);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "conformance data are missing: {}", path.display());
    println!("skipped: no conformance data");
    None
}

pub fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The generated blocks of a role, with their label, in file order.
pub fn synthetic(role: &str) -> Option<Vec<(String, Value)>> {
    let all = json(&data("synthetic_block_rewards.json")?);
    let wanted = all.as_array().unwrap().iter().filter(|entry| entry["role"] == role);
    Some(
        wanted
            .map(|entry| {
                (entry["label"].as_str().unwrap_or_default().to_owned(), entry["block_reward"].clone())
            })
            .collect(),
    )
}

/// The 24 test blocks with the graffiti that the recording used.
pub fn test_blocks() -> Option<Vec<Value>> {
    const GRAFFITI: [&str; 6] = ["Lighthouse/v5", "Teku x", "Prysm", "plain", "GEabcdLS1234", "nimbus"];
    let mut blocks: Vec<Value> = synthetic("test")?.into_iter().map(|(_, block)| block).collect();
    for (block, graffiti) in blocks.iter_mut().zip(GRAFFITI.iter().cycle()) {
        block["meta"]["graffiti"] = (*graffiti).into();
    }
    Some(blocks)
}

/// The model of the recording: nine neighbours, four features, trained on role=train.
pub fn model() -> Option<Model> {
    let features = FeatureSet::default_four();
    let mut rows: Vec<(Client, TrainingRow)> = synthetic("train")?
        .into_iter()
        .map(|(label, block)| {
            let label: Client = label.parse().unwrap();
            let observation =
                source::parse_block_reward(&serde_json::to_vec(&block).unwrap()).expect("a valid block");
            let mut values = Vec::new();
            features.compute(&observation, &mut values).unwrap();
            let row = TrainingRow {
                block_root: observation.block_root,
                slot: observation.slot,
                label,
                features: values,
            };
            (label, row)
        })
        .collect();
    rows.sort_by_key(|(label, row)| (*label, row.block_root.to_string()));
    let mut set = TrainingSet::new(features);
    for (_, row) in rows {
        set.push(row).unwrap();
    }
    let options = TrainingOptions {
        rules: GraffitiRules::built_in(RuleSet::Blockprint),
        note: ModelOrigin { trained_on: DataOrigin::GENERATED, evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    };
    Some(Model::train(&set, options).unwrap())
}

/// A server over an empty database in a temporary directory.
pub struct Server {
    pub router: Router,
    pub store: Store,
    pub state: AppState,
    _directory: TempDir,
}

impl Server {
    pub async fn start(model: Option<Model>, settings: Settings) -> Self {
        Self::start_at(model, settings, || 0).await
    }

    pub async fn start_at(model: Option<Model>, settings: Settings, now: api::Now) -> Self {
        let directory = TempDir::new().unwrap();
        let url = StoreUrl::from(directory.path().join("blocks.sqlite"));
        Self::start_over(url, directory, model, settings, now).await
    }

    /// A server over an empty schema of a PostgreSQL server.
    pub async fn start_over_postgres(
        server: &PrivatePostgres,
        model: Option<Model>,
        settings: Settings,
    ) -> Self {
        let url = server.fresh_schema().parse().unwrap();
        Self::start_over(url, TempDir::new().unwrap(), model, settings, || 0).await
    }

    async fn start_over(
        url: StoreUrl,
        directory: TempDir,
        model: Option<Model>,
        settings: Settings,
        now: api::Now,
    ) -> Self {
        let store = Store::open(url, OpenMode::Create).await.unwrap();
        let state = AppState::at(store.clone(), model.map(Arc::new), settings, now);
        Self { router: router(state.clone()), store, state, _directory: directory }
    }

    pub async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// An answer that goes on, as a stream of events does.
    pub async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let (parts, body) = response.into_parts();
        Stream { headers: parts.headers, body: body.into_data_stream() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap())
    }
}

/// An answer that goes on.
pub struct Stream {
    pub headers: HeaderMap,
    body: BodyDataStream,
}

impl Stream {
    /// Reads until a text came, and gives everything up to then.
    pub async fn until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        while !text.contains(wanted) {
            let next = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await;
            let bytes = next.unwrap_or_else(|_| panic!("{wanted:?} did not come: {text}"));
            let bytes = bytes.unwrap_or_else(|| panic!("the stream ended before {wanted:?}: {text}"));
            text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
        }
        text
    }

    /// What comes within a time, once something comes.
    pub async fn within(&mut self, time: Duration) -> String {
        match tokio::time::timeout(time, self.body.next()).await {
            Ok(Some(bytes)) => String::from_utf8_lossy(&bytes.unwrap()).into_owned(),
            Ok(None) => panic!("the stream ended"),
            Err(_) => String::new(),
        }
    }

    /// Reads until the stream ends.
    pub async fn until_end(&mut self) {
        let end = async { while self.body.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(60), end).await.expect("the stream goes on");
    }
}
