//! Which client built this block. Pure: no socket, file, clock or database.
//!
//! ```text
//! BlockObservation ─▶ graffiti  ─▶ a client that signs its name
//!                  └▶ features  ─▶ classifier (model) ─▶ Classification
//! ```

pub mod client;
pub mod observation;

pub use client::{Client, ClientSet};
pub use observation::{AttestationSummary, AttestationVote, BlockObservation};
