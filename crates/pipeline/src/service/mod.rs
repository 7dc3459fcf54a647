//! The production service: a chain that is followed becomes verdicts, and what is missing is filled in behind it.
//!
//! ```text
//! source::follow ─▶ Recorder ─▶ store ◀─ Healer ◀─ nodes, recordings, era files
//!                                 └─ gaps ──┘
//! ```
//!
//! Both work from what is: the recorder from the view of the chain, the healer from the set of known slots. Events only
//! wake them. So a listener that fell behind, a cut stream and a killed process all end in the same database.
//!
//! Processes may share a database. One of them, the leader, records the chain; any number fill gaps, each a chunk that
//! it took from the queue.

mod first_seen;
mod heal;
mod judge;
mod measure;
mod recorder;
mod retention;

pub use heal::{
    Above, ChunkError, HealPlan, HealPolicy, HealSource, HealStep, Healer, History, UnixClock, check_links,
};
pub use judge::ChainJudge;
pub use recorder::Recorder;
pub use retention::{Retention, retain};
