//! Reads the recordings of the reference implementation, where they are at hand.
#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;

use fingerprint::Client;
use serde_json::Value;

/// A file of the recordings; `None` where they are absent. With `CI` set they must be there.
pub fn json(name: &str) -> Option<Value> {
    let root = std::env::var_os("BLOCKMARK_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("blockprint").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the recording is JSON")),
        Err(_) if std::env::var_os("CI").is_none() => {
            println!("skipped: no conformance data");
            None
        }
        Err(error) => panic!("{name} is needed in CI: {error}"),
    }
}

pub fn strings(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|one| one.as_f64().expect("a number")).collect()
}

pub fn clients(value: &Value) -> Vec<Client> {
    strings(value).iter().map(|name| name.parse().expect("a client")).collect()
}

/// The chosen features of a recorded feature object.
pub fn row(features: &Value, names: &[String]) -> Vec<f64> {
    names.iter().map(|name| features[name.as_str()].as_f64().expect("a feature")).collect()
}

pub fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// The generated block rewards of one role with their labels, in the order of the recording.
pub fn synthetic(roles: &[&str]) -> Option<Vec<(Option<Client>, Value)>> {
    let all = json("synthetic_block_rewards.json")?;
    let chosen = all.as_array()?.iter().filter(|one| roles.iter().any(|role| one["role"] == *role));
    Some(
        chosen
            .map(|one| (one["label"].as_str().map(|name| name.parse().unwrap()), one["block_reward"].clone()))
            .collect(),
    )
}

/// Shuffles in a way that is always the same.
pub fn scramble<T>(items: &mut [T]) {
    let mut state = 88_172_645_463_325_252u64;
    for end in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(end, (state >> 33) as usize % (end + 1));
    }
}
