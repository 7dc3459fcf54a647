//! Which client built this block. Pure: no socket, file, clock or database.
//!
//! ```text
//! BlockObservation ─▶ graffiti  ─▶ a client that signs its name
//!                  └▶ features  ─▶ classifier (model) ─▶ Classification
//! ```

pub mod classifier;
pub mod client;
pub mod observation;
pub mod score;

pub use classifier::{Classification, Thresholds};
pub use client::{Client, ClientSet};
pub use observation::{AttestationSummary, AttestationVote, BlockObservation};
