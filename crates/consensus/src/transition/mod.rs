//! The state transition: slots, epochs and blocks of every fork.
//!
//! Source: consensus-specs `specs/phase0/beacon-chain.md`, "Beacon chain state transition function", and what each
//! later fork changes in it.

mod apply;
mod checks;
mod error;
pub(crate) mod math;
mod recorder;
mod slots;

pub use apply::{apply_signed_block, state_transition};
pub use checks::{Checks, PayloadStatus, Signatures, StateRoot};
pub(crate) use error::ensure;
pub use error::{TransitionError, Violation};
pub(crate) use recorder::weight_of;
pub use recorder::{AttesterReward, Chance, Recorder, SlashingKind, Worth};
pub(crate) use slots::version_of;
pub use slots::{
    FromScratch, MAX_EMPTY_SLOTS, StateRoots, latest_header, process_slots, process_slots_trusting,
};
