//! Whatever a person names as input, part by part: the one place that knows every kind of input.
//!
//! A new kind is a variant of [`Place`], recognised in [`Place::recognise`], opened in [`Place::parts`] and cut
//! into parts in [`Parts::next_part`]. What works on blocks sees [`Part`]s only.

use std::fmt;
use std::path::PathBuf;

use consensus::rewards::{Attestations, Scale};
use consensus::{Root, Slot};
use fingerprint::Client;
use tokio::runtime::{Builder, Runtime};

use crate::beacon_node::NodeError;
use crate::chain_input::{ChainInput, ChainInputError};
use crate::fetch::BatchError;
use crate::inputs::{InputError, InputFile, Inputs};
use crate::node_blocks::NodeBlocks;
use crate::node_chain::NodeChainError;
use crate::node_place::{NodeChoices, NodePlace, OpenNode};
use crate::replay::{Links, Replay, ReplayError, ReplayedBlock};
use crate::rewards::{KeepText, Limits, RewardError, RewardRecord};

/// Files from this size on are read a bit at a time; smaller ones may be held whole.
const LARGE_BYTES: u64 = 64 << 20;

/// Where blocks are.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file or directory of block-reward JSON, a recording, an era file or a folder of them.
    Path {
        /// The file or directory.
        path: PathBuf,
        /// First slot, of a chain.
        start: Option<Slot>,
        /// Last slot, included, of a chain.
        end: Option<Slot>,
    },
    /// Beacon API nodes.
    Node(Box<NodePlace>),
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
    #[error("\"{}\" is read whole: --start and --end are for nodes, recordings and era files", path.display())]
    RangeOfPath {
        /// The file or directory.
        path: PathBuf,
    },
    /// A URL that is none.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl Place {
    /// Tells what a text names: `http://` and `https://` begin a node, anything else is a path. A node needs a range
    /// of slots; a chain on disk takes one.
    pub fn recognise(
        text: &str,
        start: Option<Slot>,
        end: Option<Slot>,
        choices: NodeChoices,
    ) -> Result<Self, PlaceError> {
        match (start, end) {
            (Some(start), Some(end)) if end < start => return Err(PlaceError::Backwards { start, end }),
            (_, Some(Slot(0))) => return Err(PlaceError::OnlyGenesis),
            _ => {}
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            let path = PathBuf::from(text);
            let ranged = start.is_some() || end.is_some();
            if ranged && path.exists() && !ChainInput::recognise(&path) {
                return Err(PlaceError::RangeOfPath { path });
            }
            return Ok(Self::Path { path, start, end });
        }
        let range = (start.unwrap_or(Slot(1)), end.unwrap_or(Slot(1)));
        let node = NodePlace::new(text, range.0, range.1, choices)?;
        if start.is_none() || end.is_none() {
            return Err(PlaceError::NoRange { node: node.name().to_owned() });
        }
        Ok(Self::Node(Box::new(node)))
    }

    /// Finds what is there; blocks are read, and nodes asked, later.
    pub fn parts(&self) -> Result<Parts, InputError> {
        self.parts_keeping(KeepText::No)
    }

    /// As [`Self::parts`], with the text of block-reward JSON kept where asked for.
    pub fn parts_keeping(&self, keep: KeepText) -> Result<Parts, InputError> {
        Ok(match self {
            Self::Path { path, start, end } if ChainInput::recognise(path) => {
                let (part, total) = chain_part(path, *start, *end)?;
                Parts { total, unit: "slots", keep, rest: Rest::Chain(Some(Box::new(part))) }
            }
            Self::Path { path, .. } => {
                let files = Inputs::find(path)?.files;
                let total = files.len() as u64;
                Parts { total, unit: "files", keep, rest: Rest::Files(files.into_iter()) }
            }
            Self::Node(node) => {
                let total = node.end.0.saturating_sub(node.start.0).saturating_add(1);
                Parts { total, unit: "slots", keep, rest: Rest::Node(node.clone()) }
            }
        })
    }
}

/// The chain at a path, from the first slot that is wanted, and how many slots that are.
fn chain_part(
    path: &std::path::Path,
    start: Option<Slot>,
    end: Option<Slot>,
) -> Result<(Part, u64), InputError> {
    let chain = ChainInput::open(path).map_err(Box::new)?;
    let (first, last) = chain.covered().unwrap_or((Slot(1), Slot(1)));
    let (start, end) = (start.unwrap_or(first.max(Slot(1))), end.unwrap_or(last));
    // Slot 0 has no rewards, so that a range from it is one from slot 1.
    let outside = start < first && start.0.saturating_add(1) < first.0 || end > last || end < start;
    if outside {
        let path = path.to_owned();
        return Err(Box::new(ChainInputError::Outside { path, start, end, first, last }).into());
    }
    let replay = chain.replay(start, end).map_err(Box::new)?;
    let blocks = Replay::new(replay.state, replay.blocks, Links::Check)
        .by_epochs()
        .map(|block| block.map_err(|error| PartError::Replay(Box::new(error))));
    let total = end.0.saturating_sub(start.0).saturating_add(1);
    Ok((Part::of_chain(path.display().to_string(), start, total, Replayed::from_slot(start, blocks)), total))
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Path { path, start: None, end: None }
    }
}

/// The parts of an input, in order.
#[derive(Debug)]
pub struct Parts {
    total: u64,
    unit: &'static str,
    keep: KeepText,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Files(std::vec::IntoIter<InputFile>),
    Chain(Option<Box<Part>>),
    /// Not asked yet.
    Node(Box<NodePlace>),
    /// Rewards as a node gives them.
    Lighthouse {
        blocks: Box<NodeBlocks>,
        runtime: Runtime,
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
        if let Rest::Node(node) = &self.rest {
            match node.open()? {
                OpenNode::Computed(blocks) => {
                    let name = format!("{}, slots {} to {}", node.name(), node.start, node.end);
                    let part = Part::of_chain(name, node.start, self.total, blocks);
                    self.rest = Rest::Chain(None);
                    return Ok(Some(part));
                }
                OpenNode::Lighthouse(lighthouse) => {
                    let blocks = NodeBlocks::new(*lighthouse, node.start, node.end, self.keep);
                    let runtime = Builder::new_current_thread().enable_all().build();
                    let runtime = runtime.map_err(InputError::Network)?;
                    self.rest = Rest::Lighthouse { blocks: Box::new(blocks), runtime };
                }
            }
        }
        match &mut self.rest {
            Rest::Files(files) => Ok(files.next().map(|file| Part::of_file(file, self.keep))),
            Rest::Chain(part) => Ok(part.take().map(|part| *part)),
            Rest::Lighthouse { blocks, runtime } => next_of_node(blocks, runtime),
            Rest::Node(_) => Ok(None),
        }
    }
}

fn next_of_node(blocks: &mut NodeBlocks, runtime: &Runtime) -> Result<Option<Part>, InputError> {
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
        first_slot: None,
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
    /// The first slot, where the units are slots and the blocks come one by one.
    pub first_slot: Option<Slot>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(InputFile, KeepText),
    Records(Vec<RewardRecord>),
    Chain(Replayed),
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
    /// A chain from nodes can't be replayed further.
    #[error(transparent)]
    Node(#[from] Box<ReplayError<NodeChainError>>),
    /// Rewards from blocks alone can't be computed further.
    #[error(transparent)]
    FromBlocks(#[from] Box<NodeChainError>),
    /// A block can't be written as JSON.
    #[error("slot {slot}: the reward can't be written as JSON, because {error}")]
    Write {
        /// The block's slot.
        slot: Slot,
        /// Why.
        error: serde_json::Error,
    },
}

/// Blocks of a chain with what they paid, computed here.
pub struct Replayed(Box<dyn Iterator<Item = Result<ReplayedBlock, PartError>> + Send>);

impl Replayed {
    /// The blocks from a slot on. Those before it are replayed and left out.
    pub fn from_slot(
        first: Slot,
        blocks: impl Iterator<Item = Result<ReplayedBlock, PartError>> + Send + 'static,
    ) -> Self {
        Self(Box::new(blocks.filter(move |block| !matches!(block, Ok(block) if block.block.slot() < first))))
    }
}

impl Iterator for Replayed {
    type Item = Result<ReplayedBlock, PartError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl fmt::Debug for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replayed")
    }
}

/// The reward of a block, as JSON in Lighthouse's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardJson {
    /// The block's slot.
    pub slot: Slot,
    /// The block's root.
    pub block_root: Root,
    /// The JSON.
    pub text: Box<[u8]>,
}

/// The blocks of a part.
pub type PartBlocks = Box<dyn Iterator<Item = Result<RewardRecord, PartError>> + Send>;

impl Part {
    fn of_file(file: InputFile, keep: KeepText) -> Self {
        Self {
            name: file.path.display().to_string(),
            label: file.label,
            units: 1,
            reading: if file.size_bytes < LARGE_BYTES { Reading::Together } else { Reading::Alone },
            first_slot: None,
            content: Content::File(file, keep),
        }
    }

    fn of_chain(name: String, first: Slot, units: u64, blocks: Replayed) -> Self {
        let content = Content::Chain(blocks);
        Self { name, label: None, units, reading: Reading::Alone, first_slot: Some(first), content }
    }

    /// Its rewards as JSON, in order, bad ones as errors. Those of JSON are passed on as they are, if their text
    /// was kept.
    pub fn rewards(
        self,
        scale: Scale,
        attestations: Attestations,
        limits: Limits,
    ) -> Box<dyn Iterator<Item = Result<RewardJson, PartError>> + Send> {
        match self.content {
            Content::Chain(blocks) => Box::new(blocks.map(move |block| {
                let block = block?;
                let slot = block.block.slot();
                let text = serde_json::to_vec(&block.reward(scale, attestations))
                    .map_err(|error| PartError::Write { slot, error })?;
                Ok(RewardJson { slot, block_root: block.root, text: text.into() })
            })),
            _ => Box::new(self.blocks(limits).map(|record| {
                let record = record?;
                Ok(RewardJson {
                    slot: record.observation.slot,
                    block_root: record.observation.block_root,
                    text: record.text.unwrap_or_else(|| b"null".to_vec()).into(),
                })
            })),
        }
    }

    /// Its blocks in order, bad ones as errors.
    pub fn blocks(self, limits: Limits) -> PartBlocks {
        match self.content {
            Content::File(file, keep) => match file.open(limits) {
                Ok(reader) => Box::new(reader.keep_text(keep).map(|block| block.map_err(PartError::Block))),
                Err(error) => Box::new(std::iter::once(Err(PartError::Open(error)))),
            },
            Content::Chain(blocks) => Box::new(blocks.map(|block| {
                block.map(|block| RewardRecord {
                    observation: block.observation(),
                    parent_root: Some(block.parent_root()),
                    text: None,
                })
            })),
            Content::Records(records) => Box::new(records.into_iter().map(Ok)),
            Content::Unusable(error) => Box::new(std::iter::once(Err(PartError::Answer(error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(text: &str, start: Option<u64>, end: Option<u64>) -> Result<Place, PlaceError> {
        Place::recognise(text, start.map(Slot), end.map(Slot), NodeChoices::default())
    }

    #[test]
    fn nodes_and_paths_are_told_apart() {
        for url in ["http://localhost:5052", "HTTPS://user:secret@node"] {
            assert!(matches!(recognise(url, Some(1), Some(2)), Ok(Place::Node { .. })), "{url}");
        }
        assert!(matches!(recognise("rewards/https", None, None), Ok(Place::Path { .. })));
        assert!(matches!(recognise("ftp://node", None, None), Ok(Place::Path { .. })));
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
        let file = tempfile::NamedTempFile::with_suffix(".json").expect("a file");
        let path = file.path().to_str().expect("text");
        assert!(sentence(path, Some(1), None).contains("is read whole"));
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
