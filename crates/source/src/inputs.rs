//! Finds the block-reward files that a path stands for, and says what it holds instead if none.
//!
//! A path is a file, or a directory that is searched with everything below it. A file in a folder named
//! after a client (`Teku/0x….json`, the old form of a training set) carries that client as its label.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use consensus::Slot;
use fingerprint::Client;

use crate::beacon_node::NodeError;
use crate::rewards::{Limits, RewardReader};

/// Folders inside folders; also what ends a ring of links.
const MAX_FOLDER_DEPTH: usize = 16;
const SNIFFED_BYTES: u64 = 4096;

/// What kind of input a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// One file.
    File,
    /// A directory of files without labels.
    Directory,
    /// A directory of `<Client>/<root>.json` files: every file has a label.
    Labelled,
}

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// The client whose folder it lies in.
    pub label: Option<Client>,
    /// Its size in bytes, as stored.
    pub size_bytes: u64,
}

impl InputFile {
    /// Opens it for reading, plain or gzip.
    pub fn open(&self, limits: Limits) -> io::Result<RewardReader<File>> {
        RewardReader::open_path(&self.path, limits)
    }

    /// The slots its name promises, if it is named `slot_A_to_B.json`.
    pub fn slots(&self) -> Option<(Slot, Slot)> {
        slots_of_name(self.path.file_name()?.to_str()?)
    }
}

/// The files that a path stands for, in an order that does not depend on the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// What was recognised.
    pub kind: InputKind,
    /// The files: by folder, then by first slot where the names tell it, then by name.
    pub files: Vec<InputFile>,
    /// Clients that have a folder without a single file.
    pub empty_clients: Vec<Client>,
}

/// Why a path is no input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Nothing is there.
    #[error("\"{}\" does not exist", path.display())]
    Absent {
        /// The path.
        path: PathBuf,
    },
    /// It can't be read.
    #[error("\"{}\" can't be read, because {error}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A directory without anything in it.
    #[error("\"{}\" is empty, where files of block-reward JSON (.json or .json.gz) were expected", path.display())]
    Empty {
        /// The path.
        path: PathBuf,
    },
    /// Something else.
    #[error("\"{}\" is neither block-reward JSON nor a directory of it (.json or .json.gz). {holds}", path.display())]
    Unrecognised {
        /// The path.
        path: PathBuf,
        /// What it holds, as a sentence.
        holds: String,
    },
    /// A recording or an era file that can't be used.
    #[error(transparent)]
    Chain(#[from] Box<crate::chain_input::ChainInputError>),
    /// The node that was named gives no blocks.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Nodes give no chain.
    #[error(transparent)]
    NodeChain(#[from] Box<crate::node_chain::NodeChainError>),
    /// Nothing can wait for a node.
    #[error("the network can't be used, because {0}")]
    Network(#[source] io::Error),
}

impl Inputs {
    /// Finds the files of a path.
    pub fn find(path: &Path) -> Result<Self, InputError> {
        let data = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if data.is_dir() { find_in_directory(path) } else { find_file(path, data.len()) }
    }

    /// Size of all files in bytes, as stored.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }
}

/// The slots in a name of the form `slot_A_to_B.json` or `slot_A_to_B.json.gz`.
pub fn slots_of_name(name: &str) -> Option<(Slot, Slot)> {
    let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".json")?;
    let (first, last) = stem.strip_prefix("slot_")?.split_once("_to_")?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn unreadable(path: &Path, error: io::Error) -> InputError {
    let path = path.to_owned();
    if error.kind() == io::ErrorKind::NotFound {
        InputError::Absent { path }
    } else {
        InputError::Unreadable { path, error }
    }
}

fn find_file(path: &Path, size_bytes: u64) -> Result<Inputs, InputError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SNIFFED_BYTES).read_to_end(&mut head))
        .map_err(|error| unreadable(path, error))?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let holds = match text {
        [b'{' | b'[', ..] | [0x1f, 0x8b, ..] => {
            let file = InputFile { path: path.to_owned(), label: label_of(path), size_bytes };
            return Ok(Inputs { kind: InputKind::File, files: vec![file], empty_clients: Vec::new() });
        }
        [] => "It is empty.",
        _ if text.starts_with(b"SQLite format 3\0") => "It is an SQLite database.",
        _ if text.starts_with(b"PAR1") => "It is a Parquet file.",
        _ if text.starts_with(b"PK\x03\x04") => "It is a zip archive.",
        _ if text.starts_with(b"\x28\xb5\x2f\xfd") => "It is compressed with zstd.",
        _ => "It does not begin with an array or an object.",
    };
    Err(InputError::Unrecognised { path: path.to_owned(), holds: holds.to_owned() })
}

#[derive(Default)]
struct Found {
    files: Vec<InputFile>,
    /// Files of other kinds, by extension.
    others: BTreeMap<String, usize>,
    folders: usize,
    client_folders: BTreeSet<Client>,
}

fn find_in_directory(path: &Path) -> Result<Inputs, InputError> {
    let mut found = Found::default();
    // A folder named after a client may be given itself; "." has no name, so the full path is asked.
    let full = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
    search(path, client_of_folder(&full), 0, &mut found)?;
    if found.files.is_empty() {
        let path = path.to_owned();
        return Err(if found.others.is_empty() && found.folders == 0 {
            InputError::Empty { path }
        } else {
            InputError::Unrecognised { path, holds: found.holds() }
        });
    }
    found.files.sort_by_cached_key(|file| {
        let first_slot = file.slots().map(|(first, _)| first);
        (file.path.parent().map(Path::to_owned), first_slot, file.path.file_name().map(ToOwned::to_owned))
    });
    let kind = match found.files.iter().all(|file| file.label.is_some()) {
        true => InputKind::Labelled,
        false => InputKind::Directory,
    };
    let with_files: BTreeSet<Client> = found.files.iter().filter_map(|file| file.label).collect();
    let empty_clients = found.client_folders.difference(&with_files).copied().collect();
    Ok(Inputs { kind, files: found.files, empty_clients })
}

fn search(
    directory: &Path,
    label: Option<Client>,
    depth: usize,
    found: &mut Found,
) -> Result<(), InputError> {
    found.client_folders.extend(label);
    let entries = fs::read_dir(directory).map_err(|error| unreadable(directory, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(directory, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        // Follows links; one that leads nowhere is nobody's input.
        let Ok(data) = fs::metadata(&path) else { continue };
        if data.is_dir() {
            found.folders += 1;
            if depth < MAX_FOLDER_DEPTH {
                search(&path, client_of_folder(&path), depth + 1, found)?;
            }
        } else if name.ends_with(".json") || name.ends_with(".json.gz") {
            found.files.push(InputFile { path, label, size_bytes: data.len() });
        } else {
            let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
            *found.others.entry(extension.unwrap_or_default()).or_default() += 1;
        }
    }
    Ok(())
}

impl Found {
    /// What a directory holds instead, most frequent first.
    fn holds(&self) -> String {
        if self.others.is_empty() {
            return format!("It holds {} without files.", counted(self.folders, "folder"));
        }
        let mut kinds: Vec<_> = self.others.iter().collect();
        kinds.sort_by_key(|(extension, count)| (std::cmp::Reverse(**count), (*extension).clone()));
        let listed: Vec<String> = kinds
            .iter()
            .take(3)
            .map(|(extension, count)| match extension.as_str() {
                "" => counted(**count, "file without extension"),
                extension => counted(**count, &format!(".{extension} file")),
            })
            .collect();
        let others = if kinds.len() > 3 { " and others" } else { "" };
        format!("It holds {}{others}.", listed.join(", "))
    }
}

fn counted(count: usize, what: &str) -> String {
    match (count, what.split_once(' ')) {
        (1, _) => format!("1 {what}"),
        (_, Some(("file", rest))) => format!("{count} files {rest}"),
        _ => format!("{count} {what}s"),
    }
}

fn label_of(path: &Path) -> Option<Client> {
    fs::canonicalize(path).ok()?.parent().and_then(client_of_folder)
}

/// The client a folder is named after, spelled exactly.
fn client_of_folder(folder: &Path) -> Option<Client> {
    let name = folder.file_name()?.to_str()?;
    Client::ALL.into_iter().find(|client| client.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "[]").expect("a file");
        }
    }

    #[test]
    fn a_labelled_directory_gives_labels() {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), &["Teku/0x2.json", "Teku/0x1.json.gz", "Lighthouse/0x3.json"]);
        fs::create_dir(root.path().join("Nimbus")).expect("a folder");
        let inputs = Inputs::find(root.path()).expect("inputs");
        assert_eq!(inputs.kind, InputKind::Labelled);
        assert_eq!(inputs.empty_clients, [Client::Nimbus]);
        let labels: Vec<_> = inputs.files.iter().map(|file| file.label).collect();
        assert_eq!(labels, [Some(Client::Lighthouse), Some(Client::Teku), Some(Client::Teku)]);
        assert!(inputs.files[1].path.ends_with("Teku/0x1.json.gz"));
        let one = Inputs::find(&root.path().join("Teku/0x2.json")).expect("one file");
        assert_eq!((one.kind, one.files[0].label), (InputKind::File, Some(Client::Teku)));
        let folder = Inputs::find(&root.path().join("Teku")).expect("one client");
        assert_eq!((folder.kind, folder.files.len()), (InputKind::Labelled, 2));
    }

    #[test]
    fn slot_files_are_in_order_of_slots() {
        let root = tempfile::tempdir().expect("a directory");
        write(root.path(), &["slot_2049_to_4096.json", "slot_1_to_2048.json", "slot_10000_to_12047.json"]);
        write(root.path(), &[".slot_5_to_6.json.part"]);
        let inputs = Inputs::find(root.path()).expect("inputs");
        assert_eq!(inputs.kind, InputKind::Directory);
        let slots: Vec<_> = inputs.files.iter().filter_map(InputFile::slots).map(|slots| slots.0.0).collect();
        assert_eq!(slots, [1, 2049, 10000]);
    }

    #[test]
    fn what_is_no_input_is_described() {
        let root = tempfile::tempdir().expect("a directory");
        let sentence = |path: &Path| Inputs::find(path).expect_err("no input").to_string();
        assert!(sentence(&root.path().join("nowhere")).ends_with("does not exist"));
        assert!(sentence(root.path()).contains("is empty, where files of block-reward JSON"));
        write(root.path(), &["a.txt", "b.txt", "c"]);
        let text = sentence(root.path());
        assert!(text.ends_with("It holds 2 .txt files, 1 file without extension."), "{text}");
        fs::write(root.path().join("blocks.sqlite"), b"SQLite format 3\0....").expect("a file");
        assert!(sentence(&root.path().join("blocks.sqlite")).ends_with("It is an SQLite database."));
        fs::write(root.path().join("none.json"), b" \n").expect("a file");
        assert!(sentence(&root.path().join("none.json")).ends_with("It is empty."));
        fs::create_dir_all(root.path().join("x/Teku")).expect("folders");
        assert!(sentence(&root.path().join("x")).ends_with("It holds 1 folder without files."));
    }
}
