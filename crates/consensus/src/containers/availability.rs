//! Blobs and columns of blobs, as they are sent beside blocks.

use super::{KzgCommitment, KzgProof, SignedBeaconBlockHeader};
use crate::primitives::Root;
use crate::spec::sizes::{
    BytesPerBlob, BytesPerCell, KzgCommitmentInclusionProofDepth, KzgCommitmentsInclusionProofDepth,
    MaxBlobCommitmentsPerBlock, MaxPartialColumnHeaders, NumberOfColumns,
};
use crate::ssz::{Bits, ByteList, List, container};

/// A blob: field elements of 32 bytes.
pub type Blob = ByteList<BytesPerBlob>;
/// A piece of an extended blob.
pub type Cell = ByteList<BytesPerCell>;

container! {
    /// Names a blob.
    pub struct BlobIdentifier {
        /// Its block.
        pub block_root: Root,
        /// Its place in the block.
        pub index: u64,
    }
}

container! {
    /// A blob with its proof, Deneb and Electra.
    pub struct BlobSidecar {
        /// Its place in the block.
        pub index: u64,
        /// The blob.
        pub blob: Blob,
        /// Its commitment.
        pub kzg_commitment: KzgCommitment,
        /// The proof that the commitment is the blob's.
        pub kzg_proof: KzgProof,
        /// The header of its block.
        pub signed_block_header: SignedBeaconBlockHeader,
        /// The commitment's branch to the body's root.
        pub kzg_commitment_inclusion_proof: List<Root, KzgCommitmentInclusionProofDepth>,
    }
}

container! {
    /// Names columns of a block (EIP-7594).
    pub struct DataColumnsByRootIdentifier {
        /// The block.
        pub block_root: Root,
        /// The columns.
        pub columns: List<u64, NumberOfColumns>,
    }
}

container! {
    /// A column of the data of a block: one cell of each blob (EIP-7594).
    pub struct DataColumnSidecar {
        /// Its place among the columns.
        pub index: u64,
        /// The cells.
        pub column: List<Cell, MaxBlobCommitmentsPerBlock>,
        /// The commitments of the blobs.
        pub kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock>,
        /// The proofs of the cells.
        pub kzg_proofs: List<KzgProof, MaxBlobCommitmentsPerBlock>,
        /// The header of the block.
        pub signed_block_header: SignedBeaconBlockHeader,
        /// The branch of all commitments to the body's root.
        pub kzg_commitments_inclusion_proof: List<Root, KzgCommitmentsInclusionProofDepth>,
    }
}

container! {
    /// A cell and its place in the matrix of blobs and columns (EIP-7594).
    pub struct MatrixEntry {
        /// The cell.
        pub cell: Cell,
        /// Its proof.
        pub kzg_proof: KzgProof,
        /// The column.
        pub column_index: u64,
        /// The blob.
        pub row_index: u64,
    }
}

container! {
    /// What all partial columns of a block have in common.
    pub struct PartialDataColumnHeader {
        /// The commitments of the blobs.
        pub kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock>,
        /// The header of the block.
        pub signed_block_header: SignedBeaconBlockHeader,
        /// The branch of all commitments to the body's root.
        pub kzg_commitments_inclusion_proof: List<Root, KzgCommitmentsInclusionProofDepth>,
    }
}

container! {
    /// Some cells of a column.
    pub struct PartialDataColumnSidecar {
        /// Which cells there are.
        pub cells_present_bitmap: Bits<MaxBlobCommitmentsPerBlock>,
        /// The cells.
        pub partial_column: List<Cell, MaxBlobCommitmentsPerBlock>,
        /// Their proofs.
        pub kzg_proofs: List<KzgProof, MaxBlobCommitmentsPerBlock>,
        /// What the columns of the block have in common, or nothing.
        pub header: List<PartialDataColumnHeader, MaxPartialColumnHeaders>,
    }
}

container! {
    /// Which cells of a column a peer has and which it asks for.
    pub struct PartialDataColumnPartsMetadata {
        /// Cells it has.
        pub available: Bits<MaxBlobCommitmentsPerBlock>,
        /// Cells it asks for.
        pub requests: Bits<MaxBlobCommitmentsPerBlock>,
    }
}

container! {
    /// Names the partial columns of a block.
    pub struct PartialDataColumnGroupID {
        /// The block.
        pub beacon_block_root: Root,
    }
}
