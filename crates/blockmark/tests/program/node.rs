//! A beacon node that serves the generated blocks, as well as it is told to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use consensus::rewards::BlockReward;
use tokio::runtime::Runtime;

use crate::place::BLOCKS;

/// How a request is answered, by its number from 0.
pub(crate) type Manner = fn(u32) -> Answer;

#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Blocks,
    Status(u16),
    Foreign,
    Never,
}

/// A node on a port of its own, gone when dropped.
pub(crate) struct Node {
    pub(crate) url: String,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Behaviour {
    blocks: Arc<BTreeMap<u64, &'static BlockReward>>,
    manner: Manner,
    requests: Arc<AtomicU32>,
}

impl Node {
    pub(crate) fn start(manner: Manner) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener =
            runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let blocks = BLOCKS.iter().map(|block| (block.reward.meta.slot, &block.reward)).collect();
        let behaviour = Behaviour { blocks: Arc::new(blocks), manner, requests: Arc::default() };
        let router =
            Router::new().route("/lighthouse/analysis/block_rewards", get(answer)).with_state(behaviour);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }
}

async fn answer(State(node): State<Behaviour>, Query(query): Query<HashMap<String, String>>) -> Response {
    let slot = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let (Some(first), Some(last)) = (slot("start_slot"), slot("end_slot")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match (node.manner)(node.requests.fetch_add(1, Ordering::SeqCst)) {
        Answer::Blocks => {
            let mut body = Vec::new();
            let within = node.blocks.range(first..=last).map(|(_, reward)| *reward);
            simulate::write_json(within, &mut body).expect("memory takes it");
            body.into_response()
        }
        Answer::Status(code) => StatusCode::from_u16(code).expect("a status").into_response(),
        Answer::Foreign => r#"[{"block_root": 7}]"#.into_response(),
        Answer::Never => std::future::pending().await,
    }
}
