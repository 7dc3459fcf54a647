//! Whether the blobs of a block are there.

use crate::containers::{BeaconBlock, DataColumnSidecar};
use crate::primitives::Root;
use crate::spec::{Fork, Spec};

/// What is wrong with the data of a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataProblem {
    /// It is not there. It may be later.
    #[error("it is not there")]
    Missing,
    /// It is not that of the block, by a rule or a proof.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Knows whether the data of blocks is there and proven. Asked from Deneb on, about blocks whose parent is known.
pub trait DataAvailability {
    /// Checks the data of a block at its fork: blobs in Deneb and Electra, columns from Fulu on.
    ///
    /// Source: deneb and fulu `is_data_available`.
    fn check(&mut self, fork: Fork, root: Root, block: &BeaconBlock) -> Result<(), DataProblem>;
}

/// Takes all data as available.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnTrust;

impl DataAvailability for OnTrust {
    fn check(&mut self, _: Fork, _: Root, _: &BeaconBlock) -> Result<(), DataProblem> {
        Ok(())
    }
}

/// Whether a column is well-formed. Proofs are not looked at.
///
/// Source: fulu `verify_data_column_sidecar`.
pub fn check_data_column_sidecar(spec: &Spec, sidecar: &DataColumnSidecar) -> Result<(), DataProblem> {
    let refuse = |reason| Err(DataProblem::Invalid(reason));
    if sidecar.index >= spec.preset.number_of_columns {
        return refuse("there is no such column");
    }
    let blobs = sidecar.kzg_commitments.len();
    if blobs == 0 {
        return refuse("a column of no blobs");
    }
    let epoch = spec.epoch_at(sidecar.signed_block_header.message.slot);
    if blobs as u64 > spec.config.max_blobs_at(epoch) {
        return refuse("a column of more blobs than a block may have");
    }
    if sidecar.column.len() != blobs || sidecar.kzg_proofs.len() != blobs {
        return refuse("commitments, cells and proofs of a column differ in number");
    }
    Ok(())
}
