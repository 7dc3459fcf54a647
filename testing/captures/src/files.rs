//! Finding and unpacking the files of the data.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// The directory of the data, if it is there.
pub fn data() -> Option<PathBuf> {
    let root = std::env::var_os("BLOCKMARK_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("CI").is_none(), "no conformance data in {}", root.display());
    eprintln!("skipped: no conformance data");
    None
}

thread_local! {
    static OPENED: RefCell<BTreeSet<PathBuf>> = const { RefCell::new(BTreeSet::new()) };
}

fn opened(path: &Path) -> File {
    OPENED.with_borrow_mut(|opened| opened.insert(path.to_owned()));
    File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of a gzip file.
pub fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(opened(path))
        .read_to_end(&mut bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes
}

/// The content of a file of text.
pub(crate) fn text(path: &Path) -> String {
    std::io::read_to_string(opened(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder that this thread never opened.
pub(crate) fn unopened(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut left: Vec<_> = paths
        .flat_map(|path| if path.is_dir() { unopened(&path) } else { vec![path] })
        .filter(|path| OPENED.with_borrow(|opened| !opened.contains(path)))
        .collect();
    left.sort();
    left
}

/// The JSON in a gzip file.
pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&unpacked(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The JSON of each line in a gzip file.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = String::from_utf8(unpacked(path)).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}

/// The files of a folder whose names end so, with that end taken off, in order of names.
pub(crate) fn folder(path: &Path, end: &str) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_suffix(end)?.to_owned();
            Some((name, path))
        })
        .collect();
    files.sort();
    files
}
