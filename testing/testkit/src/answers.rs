//! The answers of the standard Beacon API, from what a node knows.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use consensus::Root;
use consensus::ssz::Json;
use serde_json::{Value, json};

use crate::node::{Knowledge, Network};

/// The type of encoded answers.
pub(crate) const SSZ: &str = "application/octet-stream";

/// The answer to a path, if there is one.
pub(crate) fn find(network: &Network, know: &Knowledge, path: &str, wants_ssz: bool) -> Option<Response> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["eth", "v1", "config", "spec"] => Some(json_answer(&know.config)),
        ["eth", "v1", "beacon", "genesis"] => Some(json_answer(&network.genesis)),
        ["eth", "v1", "node", "version"] => Some(json_answer(&json!({"data": {"version": "testkit"}}))),
        ["eth", "v1", "node", "health"] => Some(StatusCode::OK.into_response()),
        ["eth", "v1", "node", "syncing"] => Some(json_answer(&json!({"data": {
            "head_slot": slot_of(network, know, &know.head).to_string(), "sync_distance": "0",
            "is_syncing": false, "is_optimistic": false, "el_offline": false,
        }}))),
        ["eth", "v1", "beacon", "headers", id] => header_answer(network, know, id),
        ["eth", "v2", "beacon", "blocks", id] => block_answer(network, know, id, wants_ssz),
        ["eth", "v2", "debug", "beacon", "states", id] => {
            let (version, ssz) = know.states.get(*id)?;
            Some(with_version(SSZ, version, ssz.clone()))
        }
        ["eth", "v1", "beacon", "states", "head", "finality_checkpoints"] => {
            let (epoch, root) = know.finalized;
            let root = if epoch == 0 { Root::default() } else { root };
            let checkpoint = json!({"epoch": epoch.to_string(), "root": root.to_string()});
            Some(json_answer(
                &json!({"data": {"previous_justified": checkpoint, "current_justified": checkpoint,
                "finalized": checkpoint}}),
            ))
        }
        _ => None,
    }
}

/// An error as nodes write it.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Response {
    let body = json!({"code": status.as_u16(), "message": message, "stacktraces": []});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn json_answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn with_version(kind: &'static str, version: &str, body: Bytes) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    let version = HeaderValue::from_str(version).expect("a header");
    response.headers_mut().insert("eth-consensus-version", version);
    response
}

fn slot_of(network: &Network, know: &Knowledge, root: &Root) -> u64 {
    know.blocks.get(root).map_or(network.base.slot, |block| block.slot().0)
}

/// The blocks from the head back to the base.
fn chain(know: &Knowledge) -> impl Iterator<Item = Root> {
    let parent = |root: &Root| Some(know.blocks.get(root)?.block.message.parent_root);
    std::iter::successors(Some(know.head), parent)
}

fn resolve(network: &Network, know: &Knowledge, id: &str) -> Option<Root> {
    match id {
        "head" => Some(know.head),
        "finalized" => Some(know.finalized.1),
        _ if id.starts_with("0x") => id.parse().ok(),
        _ => {
            let slot: u64 = id.parse().ok()?;
            chain(know).find(|root| slot_of(network, know, root) == slot)
        }
    }
}

fn header_answer(network: &Network, know: &Knowledge, id: &str) -> Option<Response> {
    let root = resolve(network, know, id)?;
    let (header, signature) = match know.blocks.get(&root) {
        Some(block) => {
            let shape = network.spec.shape(block.fork);
            (block.block.message.to_header(&shape), block.block.signature.to_json(&shape))
        }
        None if root == know.base => (network.base.clone(), Value::Null),
        None => return None,
    };
    let canonical = chain(know).any(|other| other == root);
    let message = header.to_json(&network.spec.shape(network.spec.fork_at_slot(header.slot)));
    Some(json_answer(&json!({"data": {"root": root.to_string(), "canonical": canonical,
        "header": {"message": message, "signature": signature}}})))
}

fn block_answer(network: &Network, know: &Knowledge, id: &str, wants_ssz: bool) -> Option<Response> {
    let block = know.blocks.get(&resolve(network, know, id)?)?;
    let version = block.fork.name();
    if wants_ssz {
        return Some(with_version(SSZ, version, block.encode(&network.spec).into()));
    }
    let data = block.block.to_json(&network.spec.shape(block.fork));
    let body = json!({"version": version, "execution_optimistic": false, "finalized": false, "data": data});
    Some(with_version("application/json", version, body.to_string().into()))
}
