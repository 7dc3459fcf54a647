//! Tables, queries and migrations of verdicts; SQLite embedded, PostgreSQL when asked.
//!
//! ```text
//! BlockRow ─▶ insert ─▶ blocks ─┬▶ coverage          gaps, sync status
//!                               ├▶ epoch_counts      blocks per client, shares
//!                               └▶ validator_latest  newest block of a proposer
//! ```
//!
//! One transaction changes all four, so that no answer ever needs to scan the blocks.

pub mod affinity;
mod attestations;
mod backup;
mod browse;
mod chain;
mod check;
mod codes;
mod copy;
mod counts;
mod coverage;
mod coverage_table;
mod db;
mod error;
mod evidence;
mod export;
mod gap_notes;
mod history;
mod import;
mod insert;
mod known_roots;
mod latest;
mod lead;
mod location;
mod models;
mod postgres;
mod query;
mod readers;
mod record;
mod retention;
mod rollup;
mod roots;
mod row;
mod schema;
mod sql;
mod sqlite;
mod states;
mod store;
mod validator_set;
mod work;

pub use affinity::{AffinityRule, Verdict, affinity};
pub use attestations::{AttestationRow, Attestations, MAX_LISTED, RowShape};
pub use backup::{BackupReport, unfinished};
pub use browse::{
    BlockFilter, Found, HistoryFilter, MAX_GROUPED_SLOTS, MissedSlots, MissingSlots, Reorg, Seek,
    ValidatorFilter, ValidatorSummary, Weighed,
};
pub use chain::{BlockPlace, ChainMarks, ChainReport, ChainUpdate};
pub use check::CheckReport;
pub use copy::{CopyProgress, CopyReport, Digest};
pub use counts::{ClientCounts, Confusion, RuleCounts};
pub use coverage::{Gap, IntervalSet, LastChunk, explode_gap};
pub use error::StoreError;
pub use export::{ExportReport, Format};
pub use gap_notes::{GapCause, GapNote};
pub use history::{HISTORY_BLOCKS, History, Smoothed, history};
pub use import::{ImportProgress, ImportReport, LISTED, SetAside, check_blockprint, surrogate_root};
pub use insert::{InsertReport, check_row};
pub use lead::Lead;
pub use location::{OpenMode, StoreUrl};
pub use models::ModelRecord;
pub use query::{BlockCursor, LatestBlock, Page, SyncStatus};
pub use row::{BlockRow, CanonicalState, RootOrigin};
pub use schema::SCHEMA_VERSION;
pub use store::{PATIENCE, Store};
pub use validator_set::ValidatorSet;
pub use work::{Milliseconds, WorkItem, WorkStatus};
