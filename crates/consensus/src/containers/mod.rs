//! The containers of the beacon chain, one declaration for all forks.
//!
//! Source: consensus-specs `specs/<fork>/beacon-chain.md`, "Containers".

mod attestation;
mod availability;
mod block;
mod builders;
mod duties;
mod light_client;
mod operations;
mod payload;
mod registry;
mod state;

pub use attestation::*;
pub use availability::*;
pub use block::*;
pub use builders::*;
pub use duties::*;
pub use light_client::*;
pub use operations::*;
pub use payload::*;
pub use registry::*;
pub(crate) use state::beacon_state;
pub use state::*;

use crate::ssz::Bytes;

/// A compressed BLS public key.
pub type PublicKeyBytes = Bytes<48>;
/// A compressed BLS signature.
pub type SignatureBytes = Bytes<96>;
/// An address of the execution chain.
pub type ExecutionAddress = Bytes<20>;
/// The version of a fork.
pub type Version = Bytes<4>;
/// A KZG commitment of a blob.
pub type KzgCommitment = Bytes<48>;
/// A KZG proof of a blob or a cell.
pub type KzgProof = Bytes<48>;
