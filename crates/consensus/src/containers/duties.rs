//! What validators send each other before it goes into a block.

use super::{Attestation, AttestationData, SignatureBytes};
use crate::primitives::Root;
use crate::spec::sizes::SyncSubcommitteeSize;
use crate::ssz::{Bits, container};

container! {
    /// The vote of one attester as it is sent (EIP-7549).
    pub struct SingleAttestation {
        /// The committee.
        pub committee_index: u64,
        /// The validator.
        pub attester_index: u64,
        /// What it votes for.
        pub data: AttestationData,
        /// Its signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// An aggregate, and why its sender may send it.
    pub struct AggregateAndProof {
        /// The sender.
        pub aggregator_index: u64,
        /// The aggregate.
        pub aggregate: Attestation,
        /// The sender's signature of the slot, which selects it.
        pub selection_proof: SignatureBytes,
    }
}

container! {
    /// A signed aggregate.
    pub struct SignedAggregateAndProof {
        /// The aggregate.
        pub message: AggregateAndProof,
        /// The sender's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// The vote of one member of a sync committee.
    pub struct SyncCommitteeMessage {
        /// The slot of the vote.
        pub slot: u64,
        /// The head of the chain.
        pub beacon_block_root: Root,
        /// The member.
        pub validator_index: u64,
        /// Its signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// Votes of a part of a sync committee.
    pub struct SyncCommitteeContribution {
        /// The slot of the votes.
        pub slot: u64,
        /// The head of the chain.
        pub beacon_block_root: Root,
        /// Which part of the committee.
        pub subcommittee_index: u64,
        /// Who took part, by position in the part.
        pub aggregation_bits: Bits<SyncSubcommitteeSize>,
        /// Their aggregate signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// A contribution, and why its sender may send it.
    pub struct ContributionAndProof {
        /// The sender.
        pub aggregator_index: u64,
        /// The contribution.
        pub contribution: SyncCommitteeContribution,
        /// The sender's signature of slot and part, which selects it.
        pub selection_proof: SignatureBytes,
    }
}

container! {
    /// A signed contribution.
    pub struct SignedContributionAndProof {
        /// The contribution.
        pub message: ContributionAndProof,
        /// The sender's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// What is signed to be selected as the sender of a contribution.
    pub struct SyncAggregatorSelectionData {
        /// The slot.
        pub slot: u64,
        /// Which part of the committee.
        pub subcommittee_index: u64,
    }
}
