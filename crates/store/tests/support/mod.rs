//! What the tests share: scratch databases and made-up blocks.
#![allow(dead_code)]

use std::path::PathBuf;

use consensus::{Gwei, Root, Slot, ValidatorIndex};
use fingerprint::classifier::Classification;
use fingerprint::{Client, Sign, Signs};
use private_postgres::PrivatePostgres;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use store::{
    AttestationRow, Attestations, BlockRow, CanonicalState, OpenMode, RootOrigin, RowShape, Store, StoreUrl,
};

/// What keeps the database of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Makes tests `NAME::sqlite` and `NAME::postgres` of `async fn NAME(engine: Engine)`.
#[allow(unused_macros, reason = "not every file of tests has some for both engines")]
macro_rules! each_engine {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(super::support::Engine::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                if private_postgres::PrivatePostgres::shared().is_some() {
                    super::$name(super::support::Engine::Postgres).await;
                }
            }
        }
    )+ };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use each_engine;

/// A place for a database, and a directory for other files.
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
    url: StoreUrl,
    /// The URL of a schema on the server.
    server: Option<String>,
}

/// A database whose directory lives as long as it.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) scratch: Scratch,
}

impl Scratch {
    /// A place for an SQLite file.
    pub(crate) fn new() -> Self {
        Self::on(Engine::Sqlite)
    }

    pub(crate) fn on(engine: Engine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        match engine {
            Engine::Sqlite => {
                let url = StoreUrl::from(directory.path().join("blocks.sqlite"));
                Self { directory, url, server: None }
            }
            Engine::Postgres => {
                let server = PrivatePostgres::shared().unwrap().fresh_schema();
                Self { directory, url: server.parse().unwrap(), server: Some(server) }
            }
        }
    }

    pub(crate) fn url(&self) -> StoreUrl {
        self.url.clone()
    }

    /// The whole URL of the server.
    pub(crate) fn secret(&self) -> &str {
        self.server.as_deref().unwrap()
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> PathBuf {
        self.url.path().unwrap().to_owned()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn open(&self, mode: OpenMode) -> Store {
        Store::open(self.url(), mode).await.unwrap()
    }

    pub(crate) async fn create(&self) -> Store {
        self.open(OpenMode::Create).await
    }

    pub(crate) async fn create_kept(self) -> Kept {
        Kept { store: self.create().await, scratch: self }
    }

    /// The number that SQL gives, asked behind the store's back.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match &self.server {
            Some(url) => PrivatePostgres::shared().unwrap().run(url, sql).parse().unwrap(),
            None => {
                let mut other = SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap();
                sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut other).await.unwrap().get(0)
            }
        }
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn run(&self, sql: &str) {
        match &self.server {
            Some(url) => drop(PrivatePostgres::shared().unwrap().run(url, sql)),
            None => {
                let mut other = SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut other).await.unwrap();
                other.close().await.unwrap();
            }
        }
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
        attestations: Attestations::NotRecorded,
        signs: None,
        first_seen_ms: None,
    }
}

/// Signs that rule every client out.
pub(crate) fn all_signs() -> Signs {
    Sign::ALL.into_iter().collect()
}

/// So many attestations of a block, each one different.
pub(crate) fn attestations(slot: u64, count: u64) -> Attestations {
    let row = |position: u64| {
        let shape = RowShape {
            committees: if position == 0 { u64::MAX } else { 1 << (slot % 64) | 1 << (position % 64) },
            committees_of_slot: 64,
            repeated: position as u32,
            paid: Gwei(slot * 1_000 + position),
        };
        let slot = Slot(slot.saturating_sub(1 + position));
        AttestationRow { slot, new: 500 - position as u32, shape: Some(shape) }
    };
    Attestations::Listed((0..count).map(row).collect())
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

    /// Signs of all kinds: not known, none, of some clients and of all.
    pub(crate) fn signs(&mut self) -> Option<Signs> {
        match self.roll(4) {
            0 => None,
            1 => Some(Signs::NONE),
            2 => Some(Signs::NONE.with(Sign::ALL[self.roll(Sign::ALL.len() as u64) as usize])),
            _ => Some(all_signs()),
        }
    }
}
