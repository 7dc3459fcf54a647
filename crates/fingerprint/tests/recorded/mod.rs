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
