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

/// A file of the conformance data, or `None` where there is none. In continuous integration that is an error.
pub(crate) fn conformance(name: &str) -> Option<String> {
    let folder = std::env::var_os("BLOCKMARK_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    match std::fs::read_to_string(folder.join("blockprint").join(name)) {
        Ok(text) => Some(text),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{name}: {error}"),
        Err(_) => {
            println!("skipped: no conformance data");
            None
        }
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last as u64 + 1) as usize);
        }
    }

    pub(crate) fn verdict(&mut self) -> Option<Client> {
        Client::from_index(self.roll(8) as usize)
    }
}
