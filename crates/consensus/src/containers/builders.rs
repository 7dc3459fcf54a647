//! Builders of payloads, their bids, and the votes on their payloads (EIP-7732).

use super::{
    ExecutionAddress, ExecutionPayload, ExecutionRequests, KzgCommitment, PublicKeyBytes, SignatureBytes,
};
use crate::primitives::Root;
use crate::spec::sizes::{MaxBlobCommitmentsPerBlock, PtcMembers, PtcSize};
use crate::ssz::{Bits, List, container};

container! {
    /// A builder of payloads.
    pub struct Builder {
        /// Its key.
        pub pubkey: PublicKeyBytes,
        /// What kind of builder it is.
        pub version: u8,
        /// Who is paid when it leaves.
        pub execution_address: ExecutionAddress,
        /// What it can pay with, gwei.
        pub balance: u64,
        /// When it was deposited.
        pub deposit_epoch: u64,
        /// When its balance may be withdrawn.
        pub withdrawable_epoch: u64,
    }
}

container! {
    /// A payment of a builder that waits for the next payload.
    pub struct BuilderPendingWithdrawal {
        /// Who is paid.
        pub fee_recipient: ExecutionAddress,
        /// Gwei.
        pub amount: u64,
        /// The builder who pays.
        pub builder_index: u64,
    }
}

container! {
    /// A payment of a builder that is due where enough attesters vote for its block.
    pub struct BuilderPendingPayment {
        /// The balance that voted for the block at its slot, gwei.
        pub weight: u64,
        /// The payment.
        pub withdrawal: BuilderPendingWithdrawal,
        /// The proposer who took the bid.
        pub proposer_index: u64,
    }
}

container! {
    /// A deposit of a builder that the execution chain reports (EIP-8282).
    pub struct BuilderDepositRequest {
        /// The builder's key.
        pub pubkey: PublicKeyBytes,
        /// Who may withdraw.
        pub withdrawal_credentials: Root,
        /// Gwei.
        pub amount: u64,
        /// Proof of possession of the key.
        pub signature: SignatureBytes,
    }
}

container! {
    /// An exit of a builder asked for on the execution chain (EIP-8282).
    pub struct BuilderExitRequest {
        /// Who asks.
        pub source_address: ExecutionAddress,
        /// The builder's key.
        pub pubkey: PublicKeyBytes,
    }
}

container! {
    /// A builder's offer of a payload.
    pub struct ExecutionPayloadBid: progressive since Gloas {
        /// Hash of the execution block before.
        pub parent_block_hash: Root,
        /// The root of the beacon block before.
        pub parent_block_root: Root,
        /// Hash of the payload.
        pub block_hash: Root,
        /// Randomness from the beacon chain.
        pub prev_randao: Root,
        /// Who gets the payment.
        pub fee_recipient: ExecutionAddress,
        /// Gas that the payload may use.
        pub gas_limit: u64,
        /// The builder.
        pub builder_index: u64,
        /// The slot.
        pub slot: u64,
        /// What the builder pays on the beacon chain, gwei.
        pub value: u64,
        /// What the builder pays on the execution chain, gwei.
        pub execution_payment: u64,
        /// Commitments of the blobs.
        pub blob_kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock>,
        /// The root of what the execution chain asks for.
        pub execution_requests_root: Root,
    }
}

container! {
    /// A signed offer.
    pub struct SignedExecutionPayloadBid {
        /// The offer.
        pub message: ExecutionPayloadBid,
        /// The builder's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// A payload as its builder reveals it.
    pub struct ExecutionPayloadEnvelope: progressive since Gloas {
        /// The payload.
        pub payload: ExecutionPayload,
        /// What the execution chain asks for.
        pub execution_requests: ExecutionRequests,
        /// The builder.
        pub builder_index: u64,
        /// The beacon block that has the bid.
        pub beacon_block_root: Root,
        /// The beacon block before that.
        pub parent_beacon_block_root: Root,
    }
}

container! {
    /// A signed payload.
    pub struct SignedExecutionPayloadEnvelope {
        /// The payload.
        pub message: ExecutionPayloadEnvelope,
        /// The builder's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// What a member of the payload timeliness committee saw.
    pub struct PayloadAttestationData {
        /// The block.
        pub beacon_block_root: Root,
        /// Its slot.
        pub slot: u64,
        /// Whether the payload came in time.
        pub payload_present: bool,
        /// Whether the blobs came in time.
        pub blob_data_available: bool,
    }
}

container! {
    /// Votes on a payload with one content, aggregated.
    pub struct PayloadAttestation: progressive since Gloas {
        /// Who took part, by position in the committee.
        pub aggregation_bits: Bits<PtcSize>,
        /// What they saw.
        pub data: PayloadAttestationData,
        /// Their aggregate signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// The vote of one member on a payload.
    pub struct PayloadAttestationMessage {
        /// The validator.
        pub validator_index: u64,
        /// What it saw.
        pub data: PayloadAttestationData,
        /// Its signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// Votes on a payload with one content, members by validator index.
    pub struct IndexedPayloadAttestation: progressive since Gloas {
        /// Validator indices, ascending; one may be there more than once.
        pub attesting_indices: List<u64, PtcMembers>,
        /// What they saw.
        pub data: PayloadAttestationData,
        /// Their aggregate signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// What a proposer wants of the payload of its slot.
    pub struct ProposerPreferences {
        /// The block that decides who proposes.
        pub dependent_root: Root,
        /// The slot.
        pub proposal_slot: u64,
        /// The proposer.
        pub validator_index: u64,
        /// Who is to be paid.
        pub fee_recipient: ExecutionAddress,
        /// The gas limit that the proposer wants.
        pub target_gas_limit: u64,
    }
}

container! {
    /// Signed wishes of a proposer.
    pub struct SignedProposerPreferences {
        /// The wishes.
        pub message: ProposerPreferences,
        /// The proposer's signature.
        pub signature: SignatureBytes,
    }
}
