//! What the tests share: scratch databases and made-up blocks.
#![allow(dead_code)]

use std::path::PathBuf;

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::Client;
use fingerprint::classifier::Classification;
use store::{BlockRow, CanonicalState, OpenMode, RootOrigin, Store};

/// A directory with a place for a database.
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
}

/// A database whose directory lives as long as it.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) scratch: Scratch,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.file("blocks.sqlite")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn create(&self) -> Store {
        Store::open(self.path(), OpenMode::Create).await.unwrap()
    }

    pub(crate) async fn create_kept(self) -> Kept {
        Kept { store: self.create().await, scratch: self }
    }
}

/// A root that follows from what names a block.
pub(crate) fn root(slot: u64, parent_slot: u64, proposer: u64) -> Root {
    Root(*blake3::hash(format!("{slot} {parent_slot} {proposer}").as_bytes()).as_bytes())
}

/// A block with the given verdict.
pub(crate) fn block(slot: u64, parent_slot: u64, proposer: u64, verdict: Option<Client>) -> BlockRow {
    let classification = match verdict {
        Some(client) => Classification {
            best_guess_single: verdict,
            best_guess_multi: client.name().to_owned(),
            probabilities: vec![(client, 0.97)],
            graffiti_guess: None,
        },
        None => Classification::uncertain(None),
    };
    BlockRow {
        block_root: root(slot, parent_slot, proposer),
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: Slot(slot),
        parent_slot: Slot(parent_slot),
        proposer_index: ValidatorIndex(proposer),
        graffiti: None,
        classification,
        model_hash: None,
        canonical: CanonicalState::Unknown,
        features: None,
    }
}
