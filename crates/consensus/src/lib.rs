//! Beacon chain primitives and block rewards. Pure: no socket, file, clock or database.
//!
//! The rules of the chain themselves (containers, transition, shuffling) are not here yet; this crate
//! holds what every other room needs to name things: slots, epochs, roots, and the shape of a block reward.

pub mod primitives;
pub mod rewards;

pub use primitives::{Epoch, Gwei, ParseRootError, Root, Slot, ValidatorIndex};
