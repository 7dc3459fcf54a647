//! Blocks and their headers.

use super::{
    Attestation, AttesterSlashing, Deposit, Eth1Data, ExecutionPayload, ExecutionPayloadHeader,
    ExecutionRequests, KzgCommitment, PayloadAttestation, ProposerSlashing, SignatureBytes,
    SignedBLSToExecutionChange, SignedExecutionPayloadBid, SignedVoluntaryExit, SyncAggregate,
};
use crate::primitives::Root;
use crate::spec::Shape;
use crate::spec::sizes::{
    MaxAttestations, MaxAttesterSlashings, MaxBlobCommitmentsPerBlock, MaxBlsToExecutionChanges, MaxDeposits,
    MaxProposerSlashings, MaxVoluntaryExits,
};
use crate::ssz::{List, Ssz, Unbounded, container};

container! {
    /// A block with its body replaced by the body's root.
    pub struct BeaconBlockHeader {
        /// The slot.
        pub slot: u64,
        /// Who proposed it.
        pub proposer_index: u64,
        /// The root of the block before.
        pub parent_root: Root,
        /// The root of the state after it.
        pub state_root: Root,
        /// The root of the body.
        pub body_root: Root,
    }
}

container! {
    /// A signed header.
    pub struct SignedBeaconBlockHeader {
        /// The header.
        pub message: BeaconBlockHeader,
        /// The proposer's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// What a block does.
    pub struct BeaconBlockBody: progressive since Gloas {
        /// The proposer's signature of the epoch: randomness.
        pub randao_reveal: SignatureBytes,
        /// The proposer's vote on the deposit chain.
        pub eth1_data: Eth1Data,
        /// Bytes of the proposer's choice.
        pub graffiti: Root,
        /// Proposers who signed twice.
        pub proposer_slashings: List<ProposerSlashing, MaxProposerSlashings>,
        /// Attesters who contradicted themselves.
        pub attester_slashings: List<AttesterSlashing, MaxAttesterSlashings>,
        /// Votes.
        pub attestations: List<Attestation, MaxAttestations>,
        /// Deposits.
        pub deposits: List<Deposit, MaxDeposits>,
        /// Exits.
        pub voluntary_exits: List<SignedVoluntaryExit, MaxVoluntaryExits>,
        /// The sync committee's votes.
        pub sync_aggregate: SyncAggregate => Altair..,
        /// The block of the execution chain.
        pub execution_payload: ExecutionPayload => Bellatrix..Gloas,
        /// Changes of credentials.
        pub bls_to_execution_changes: List<SignedBLSToExecutionChange, MaxBlsToExecutionChanges> => Capella..,
        /// Commitments of the blobs.
        pub blob_kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock> => Deneb..Gloas,
        /// What the execution chain asks for.
        pub execution_requests: ExecutionRequests => Electra..Gloas,
        /// The bid for the payload of this slot (EIP-7732).
        pub signed_execution_payload_bid: SignedExecutionPayloadBid => Gloas..,
        /// Votes on the payload of the slot before.
        pub payload_attestations: List<PayloadAttestation, Unbounded> => Gloas..,
        /// What the execution chain asks for in the parent's payload.
        pub parent_execution_requests: ExecutionRequests => Gloas..,
    }
}

container! {
    /// A block.
    pub struct BeaconBlock {
        /// The slot.
        pub slot: u64,
        /// Who proposed it.
        pub proposer_index: u64,
        /// The root of the block before.
        pub parent_root: Root,
        /// The root of the state after it.
        pub state_root: Root,
        /// What it does.
        pub body: BeaconBlockBody,
    }
}

impl BeaconBlock {
    /// The header of this block. Hashes the body.
    pub fn to_header(&self, shape: &Shape<'_>) -> BeaconBlockHeader {
        BeaconBlockHeader {
            slot: self.slot,
            proposer_index: self.proposer_index,
            parent_root: self.parent_root,
            state_root: self.state_root,
            body_root: Root(self.body.hash_tree_root(shape)),
        }
    }
}

container! {
    /// A signed block.
    pub struct SignedBeaconBlock {
        /// The block.
        pub message: BeaconBlock,
        /// The proposer's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// The body of a block with the payload replaced by its header, as builders and the Beacon API know it. It has
    /// the root of the full body.
    pub struct BlindedBeaconBlockBody {
        /// The proposer's signature of the epoch: randomness.
        pub randao_reveal: SignatureBytes,
        /// The proposer's vote on the deposit chain.
        pub eth1_data: Eth1Data,
        /// Bytes of the proposer's choice.
        pub graffiti: Root,
        /// Proposers who signed twice.
        pub proposer_slashings: List<ProposerSlashing, MaxProposerSlashings>,
        /// Attesters who contradicted themselves.
        pub attester_slashings: List<AttesterSlashing, MaxAttesterSlashings>,
        /// Votes.
        pub attestations: List<Attestation, MaxAttestations>,
        /// Deposits.
        pub deposits: List<Deposit, MaxDeposits>,
        /// Exits.
        pub voluntary_exits: List<SignedVoluntaryExit, MaxVoluntaryExits>,
        /// The sync committee's votes.
        pub sync_aggregate: SyncAggregate => Altair..,
        /// The header of the block of the execution chain.
        pub execution_payload_header: ExecutionPayloadHeader => Bellatrix..Gloas,
        /// Changes of credentials.
        pub bls_to_execution_changes: List<SignedBLSToExecutionChange, MaxBlsToExecutionChanges> => Capella..,
        /// Commitments of the blobs.
        pub blob_kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock> => Deneb..Gloas,
        /// What the execution chain asks for.
        pub execution_requests: ExecutionRequests => Electra..Gloas,
    }
}

container! {
    /// A block with the payload replaced by its header. It has the root of the full block.
    pub struct BlindedBeaconBlock {
        /// The slot.
        pub slot: u64,
        /// Who proposed it.
        pub proposer_index: u64,
        /// The root of the block before.
        pub parent_root: Root,
        /// The root of the state after it.
        pub state_root: Root,
        /// What it does.
        pub body: BlindedBeaconBlockBody,
    }
}
