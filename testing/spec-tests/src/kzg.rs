//! Proofs of blobs and cells, with the trusted setup of mainnet.
//!
//! Source: deneb and fulu `polynomial-commitments.md`.

use std::thread;

use c_kzg::{Blob, Bytes48, Cell, Error, ethereum_kzg_settings};
use consensus::containers::{DataColumnSidecar, KzgCommitment, KzgProof};
use consensus::fork_choice::DataProblem;

/// Tables that are computed ahead: none, the verification needs none.
const PRECOMPUTE: u64 = 0;

/// The stack on which blobs are verified.
const STACK_BYTES: usize = 32 << 20;

fn points<const N: usize>(points: &[consensus::ssz::Bytes<N>]) -> Result<Vec<Bytes48>, Error> {
    points.iter().map(|point| Bytes48::from_bytes(&point.0)).collect()
}

fn judge(outcome: Result<bool, Error>, reason: &'static str) -> Result<(), DataProblem> {
    match outcome {
        Ok(true) => Ok(()),
        // Points and field elements that are none are as bad as proofs that prove nothing.
        Ok(false) | Err(_) => Err(DataProblem::Invalid(reason)),
    }
}

/// Whether blobs are those of their commitments.
///
/// Source: deneb `verify_blob_kzg_proof_batch`.
pub(crate) fn verify_blobs(
    blobs: &[consensus::containers::Blob],
    commitments: &[KzgCommitment],
    proofs: &[KzgProof],
) -> Result<(), DataProblem> {
    let verify = move || {
        let blobs = blobs.iter().map(|blob| Blob::from_bytes(blob)).collect::<Result<Vec<_>, _>>()?;
        ethereum_kzg_settings(PRECOMPUTE).verify_blob_kzg_proof_batch(
            &blobs,
            &points(commitments)?,
            &points(proofs)?,
        )
    };
    // The library moves blobs of 128 KiB by value, in a build that is not optimised too often for a small stack.
    let outcome = thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, verify);
        worker.ok().and_then(|worker| worker.join().ok())
    });
    let outcome = outcome.ok_or(DataProblem::Invalid("the thread that verifies blobs failed"))?;
    judge(outcome, "blobs, commitments and proofs do not fit each other")
}

/// Whether the cells of a column are those of its commitments.
///
/// Source: fulu `verify_data_column_sidecar_kzg_proofs`.
pub(crate) fn verify_column(sidecar: &DataColumnSidecar) -> Result<(), DataProblem> {
    let verify = || {
        let cells =
            sidecar.column.iter().map(|cell| Cell::from_bytes(cell)).collect::<Result<Vec<_>, _>>()?;
        ethereum_kzg_settings(PRECOMPUTE).verify_cell_kzg_proof_batch(
            &points(&sidecar.kzg_commitments)?,
            &vec![sidecar.index; cells.len()],
            &cells,
            &points(&sidecar.kzg_proofs)?,
        )
    };
    judge(verify(), "cells, commitments and proofs of a column do not fit each other")
}
