//! Whatever a person names as input, part by part: the one place that knows every kind of input.
//!
//! A new kind is a variant of [`Place`], recognised in [`Place::recognise`], opened in [`Place::parts`] and cut
//! into parts in [`Parts::next_part`]. What works on blocks sees [`Part`]s only.

use std::path::PathBuf;

use consensus::Slot;
use fingerprint::Client;
use tokio::runtime::{Builder, Runtime};

use crate::beacon_node::{BeaconNode, NodeError, NodeOptions};
use crate::chain_input::{self, ChainInput, ChainInputError};
use crate::fetch::BatchError;
use crate::inputs::{InputError, InputFile, Inputs};
use crate::node_blocks::NodeBlocks;
use crate::replay::{Links, Replay, ReplayError};
use crate::rewards::{KeepText, Limits, RewardError, RewardRecord};

/// Files from this size on are read a bit at a time; smaller ones may be held whole.
const LARGE_BYTES: u64 = 64 << 20;

/// Where blocks are.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file or directory of block-reward JSON, a recording, an era file or a folder of them.
    Path(PathBuf),
    /// A Beacon API node.
    Node {
        /// The node.
        node: BeaconNode,
        /// First slot.
        start: Slot,
        /// Last slot, included.
        end: Slot,
    },
}

/// Why a text names no place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A node without a range.
    #[error("{node} is a node, and a node needs a range of slots: --start and --end, both included")]
    NoRange {
        /// The node as it may be printed.
        node: String,
    },
    /// The end lies before the start.
    #[error("slots {start} to {end} are no range: the end is before the start")]
    Backwards {
        /// First slot.
        start: Slot,
        /// Last slot.
        end: Slot,
    },
    /// Only the genesis block was asked for.
    #[error("slot 0 is the genesis block, which has no rewards; begin at slot 1")]
    OnlyGenesis,
    /// A range of something that is read whole.
    #[error("\"{}\" is read whole: --start and --end are for nodes (http:// or https://)", path.display())]
    RangeOfPath {
        /// The file or directory.
        path: PathBuf,
    },
    /// A URL that is none.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl Place {
    /// Tells what a text names: `http://` and `https://` begin a node, anything else is a path. Only a node
    /// takes a range of slots, and needs one.
    pub fn recognise(
        text: &str,
        start: Option<Slot>,
        end: Option<Slot>,
        options: NodeOptions,
    ) -> Result<Self, PlaceError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            let path = PathBuf::from(text);
            return match (start, end) {
                (None, None) => Ok(Self::Path(path)),
                _ => Err(PlaceError::RangeOfPath { path }),
            };
        }
        let node = BeaconNode::new(text, options)?;
        match (start, end) {
            (Some(start), Some(end)) if end < start => Err(PlaceError::Backwards { start, end }),
            (Some(_), Some(Slot(0))) => Err(PlaceError::OnlyGenesis),
            (Some(start), Some(end)) => Ok(Self::Node { node, start, end }),
            _ => Err(PlaceError::NoRange { node: node.name().to_owned() }),
        }
    }

    /// Finds what is there; blocks are read later.
    pub fn parts(&self) -> Result<Parts, InputError> {
        Ok(match self {
            Self::Path(path) if ChainInput::recognise(path) => {
                let chain = ChainInput::open(path).map_err(Box::new)?;
                let total =
                    chain.slots().map_or(0, |(first, last)| last.0.saturating_sub(first.0).saturating_add(1));
                let replay = chain.replay_all().map_err(Box::new)?;
                let part = Part::of_chain(path.display().to_string(), total, replay);
                Parts { total, unit: "slots", rest: Rest::Chain(Some(Box::new(part))) }
            }
            Self::Path(path) => {
                let files = Inputs::find(path)?.files;
                Parts { total: files.len() as u64, unit: "files", rest: Rest::Files(files.into_iter()) }
            }
            Self::Node { node, start, end } => {
                let blocks = NodeBlocks::new(node.clone(), *start, *end, KeepText::No);
                let total = blocks.slots();
                Parts { total, unit: "slots", rest: Rest::Node { blocks: Box::new(blocks), runtime: None } }
            }
        })
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

/// The parts of an input, in order.
#[derive(Debug)]
pub struct Parts {
    total: u64,
    unit: &'static str,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Files(std::vec::IntoIter<InputFile>),
    Chain(Option<Box<Part>>),
    Node {
        blocks: Box<NodeBlocks>,
        /// Made when first needed, which is where the thread may wait.
        runtime: Option<Runtime>,
    },
}

impl Parts {
    /// How many units all parts have together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What a unit is, in the plural.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// The next part. A node is asked for it, so this may take minutes; call it where a thread may wait, not
    /// from an async task. An error ends the input: the rest can't be had.
    pub fn next_part(&mut self) -> Result<Option<Part>, InputError> {
        match &mut self.rest {
            Rest::Files(files) => Ok(files.next().map(Part::of_file)),
            Rest::Chain(part) => Ok(part.take().map(|part| *part)),
            Rest::Node { blocks, runtime } => next_of_node(blocks, runtime),
        }
    }
}

fn next_of_node(blocks: &mut NodeBlocks, runtime: &mut Option<Runtime>) -> Result<Option<Part>, InputError> {
    let runtime = match runtime {
        Some(runtime) => runtime,
        None => {
            let made = Builder::new_current_thread().enable_all().build().map_err(InputError::Network)?;
            runtime.insert(made)
        }
    };
    let batch = runtime.block_on(blocks.next_batch());
    let (first, last, content) = match batch {
        None => return Ok(None),
        Some(Ok(batch)) => (batch.first, batch.last, Content::Records(batch.records)),
        Some(Err(BatchError::Node(error))) => return Err(error.into()),
        // The node is well, this answer is not: that is for the report, and the next ones may be good.
        Some(Err(error)) => match blocks.skip_batch() {
            Some((first, last)) => (first, last, Content::Unusable(error)),
            None => return Ok(None),
        },
    };
    Ok(Some(Part {
        name: format!("{}, slots {first} to {last}", blocks.node()),
        label: None,
        units: (last.0 - first.0).saturating_add(1),
        reading: Reading::Alone,
        content,
    }))
}

/// How a part is best read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Small, and independent of the parts around it: whole, several at a time.
    Together,
    /// Large, or in memory already: before the next part is asked for, some blocks at a time.
    Alone,
}

/// Blocks that are read together: a file, or an answer of a node.
#[derive(Debug)]
pub struct Part {
    /// What it is, for reports: the path, or the node with the slots. Without passwords.
    pub name: String,
    /// The client whose folder the file lies in.
    pub label: Option<Client>,
    /// How much of the input's total it is.
    pub units: u64,
    /// How it is best read.
    pub reading: Reading,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(InputFile),
    Records(Vec<RewardRecord>),
    Chain(Box<chain_input::Replay>),
    Unusable(BatchError),
}

/// What is wrong with a part or a block of it.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// A file can't be opened.
    #[error("the file can't be opened, because {0}")]
    Open(#[source] std::io::Error),
    /// A block can't be read.
    #[error(transparent)]
    Block(#[from] RewardError),
    /// An answer can't be used.
    #[error(transparent)]
    Answer(BatchError),
    /// A chain can't be replayed further.
    #[error(transparent)]
    Replay(#[from] Box<ReplayError<ChainInputError>>),
}

/// The blocks of a part.
pub type PartBlocks = Box<dyn Iterator<Item = Result<RewardRecord, PartError>> + Send>;

impl Part {
    fn of_file(file: InputFile) -> Self {
        Self {
            name: file.path.display().to_string(),
            label: file.label,
            units: 1,
            reading: if file.size_bytes < LARGE_BYTES { Reading::Together } else { Reading::Alone },
            content: Content::File(file),
        }
    }

    fn of_chain(name: String, units: u64, replay: chain_input::Replay) -> Self {
        Self { name, label: None, units, reading: Reading::Alone, content: Content::Chain(Box::new(replay)) }
    }

    /// Its blocks in order, bad ones as errors.
    pub fn blocks(self, limits: Limits) -> PartBlocks {
        match self.content {
            Content::File(file) => match file.open(limits) {
                Ok(reader) => Box::new(reader.map(|block| block.map_err(PartError::Block))),
                Err(error) => Box::new(std::iter::once(Err(PartError::Open(error)))),
            },
            Content::Chain(chain) => {
                Box::new(Replay::new(chain.state, chain.blocks, Links::Check).map(|block| match block {
                    Ok(block) => Ok(RewardRecord { observation: block.observation(), text: None }),
                    Err(error) => Err(PartError::Replay(Box::new(error))),
                }))
            }
            Content::Records(records) => Box::new(records.into_iter().map(Ok)),
            Content::Unusable(error) => Box::new(std::iter::once(Err(PartError::Answer(error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(text: &str, start: Option<u64>, end: Option<u64>) -> Result<Place, PlaceError> {
        Place::recognise(text, start.map(Slot), end.map(Slot), NodeOptions::default())
    }

    #[test]
    fn nodes_and_paths_are_told_apart() {
        for url in ["http://localhost:5052", "HTTPS://user:secret@node"] {
            assert!(matches!(recognise(url, Some(1), Some(2)), Ok(Place::Node { .. })), "{url}");
        }
        assert!(matches!(recognise("rewards/https", None, None), Ok(Place::Path(_))));
        assert!(matches!(recognise("ftp://node", None, None), Ok(Place::Path(_))));
    }

    #[test]
    fn a_range_is_needed_of_nodes_and_refused_of_files() {
        let sentence = |text, start, end| recognise(text, start, end).expect_err("no place").to_string();
        let secret = "http://user:secret@node";
        for (start, end) in [(None, None), (Some(1), None), (None, Some(1))] {
            let text = sentence(secret, start, end);
            assert!(text.starts_with("http://node is a node") && !text.contains("secret"), "{text}");
        }
        assert!(sentence(secret, Some(2), Some(1)).contains("the end is before the start"));
        assert!(sentence(secret, Some(0), Some(0)).contains("genesis"));
        assert!(sentence("file.json", Some(1), None).contains("\"file.json\" is read whole"));
        assert!(sentence("http://", Some(1), Some(1)).contains("URL"));
    }

    #[test]
    fn files_are_parts() {
        let root = tempfile::tempdir().expect("a directory");
        for name in ["slot_1_to_2.json", "slot_3_to_4.json"] {
            std::fs::write(root.path().join(name), "[]").expect("a file");
        }
        let mut parts = Place::from(root.path().to_owned()).parts().expect("parts");
        assert_eq!((parts.total(), parts.unit()), (2, "files"));
        std::fs::remove_file(root.path().join("slot_3_to_4.json")).expect("it is there");
        let first = parts.next_part().expect("a part").expect("the first");
        assert!(first.name.ends_with("slot_1_to_2.json"));
        assert_eq!(first.blocks(Limits::default()).count(), 0);
        let second = parts.next_part().expect("a part").expect("the second");
        let error = second.blocks(Limits::default()).next().expect("an item").expect_err("it is gone");
        assert!(error.to_string().starts_with("the file can't be opened"), "{error}");
        assert!(parts.next_part().expect("the end").is_none());
    }
}
