//! Beacon chain rules and block rewards. Pure: no socket, file, clock or database.

pub mod block;
pub mod bls;
pub mod containers;
pub mod epoch;
pub mod fork_choice;
pub mod genesis;
pub mod hasher;
pub mod light_client;
pub mod primitives;
pub mod rewards;
pub mod spec;
pub mod ssz;
pub mod state;
pub mod transition;
pub mod upgrade;

pub use primitives::{Epoch, Gwei, ParseRootError, Root, Slot, ValidatorIndex};
