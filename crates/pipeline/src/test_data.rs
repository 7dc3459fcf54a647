//! Conformance data for tests, where it is.

use std::fs;
use std::path::{Path, PathBuf};

use fingerprint::Client;

/// A file or folder of the conformance data; `None`, with a note, where there is none.
pub(crate) fn path(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BLOCKMARK_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join(below);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no conformance data at {}", path.display());
    println!("skipped: no conformance data");
    None
}

/// The 15 real blocks: client, file name, JSON.
pub(crate) fn real_blocks() -> Option<Vec<(Client, String, String)>> {
    let folder = path("blockprint/data_proc")?;
    let mut blocks = Vec::new();
    for client in Client::ALL {
        let Ok(files) = fs::read_dir(folder.join(client.name())) else { continue };
        for file in files {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("a name");
            blocks.push((client, name, fs::read_to_string(file.path()).expect("its text")));
        }
    }
    blocks.sort();
    Some(blocks)
}

/// The generated blocks: role, label, JSON.
pub(crate) fn synthetic_blocks() -> Option<Vec<(String, Option<Client>, serde_json::Value)>> {
    let text = fs::read_to_string(path("blockprint/synthetic_block_rewards.json")?).expect("the file");
    let entries: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    let blocks = entries.into_iter().map(|mut entry| {
        let role = entry["role"].as_str().unwrap_or_default().to_owned();
        let label = entry["label"].as_str().and_then(|label| label.parse().ok());
        (role, label, entry["block_reward"].take())
    });
    Some(blocks.collect())
}
