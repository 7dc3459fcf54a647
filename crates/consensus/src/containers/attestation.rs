//! Votes and what is made of them.

use super::SignatureBytes;
use crate::primitives::Root;
use crate::spec::sizes::{AttestationBits, MaxCommitteesPerSlot};
use crate::ssz::{Bits, List, container};

container! {
    /// An epoch and the block at its start.
    pub struct Checkpoint {
        /// The epoch.
        pub epoch: u64,
        /// The root of the latest block at the first slot of the epoch.
        pub root: Root,
    }
}

container! {
    /// What an attester votes for.
    pub struct AttestationData {
        /// The slot of the vote.
        pub slot: u64,
        /// The committee; 0 from Electra on (EIP-7549).
        pub index: u64,
        /// The head of the chain.
        pub beacon_block_root: Root,
        /// The justified checkpoint.
        pub source: Checkpoint,
        /// The checkpoint of this epoch.
        pub target: Checkpoint,
    }
}

container! {
    /// Votes with one content, aggregated.
    pub struct Attestation: progressive since Gloas {
        /// Who took part: by position in the committee, from Electra on in all named committees one after another.
        pub aggregation_bits: Bits<AttestationBits>,
        /// What they vote for.
        pub data: AttestationData,
        /// Their aggregate signature.
        pub signature: SignatureBytes,
        /// The committees (EIP-7549).
        pub committee_bits: Bits<MaxCommitteesPerSlot> => Electra..,
    }
}

container! {
    /// Votes with one content, attesters by validator index.
    pub struct IndexedAttestation: progressive since Gloas {
        /// Validator indices, ascending.
        pub attesting_indices: List<u64, AttestationBits>,
        /// What they vote for.
        pub data: AttestationData,
        /// Their aggregate signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// An included attestation that waits for the end of the epoch, phase 0.
    pub struct PendingAttestation {
        /// Who took part, by position in the committee.
        pub aggregation_bits: Bits<AttestationBits>,
        /// What they vote for.
        pub data: AttestationData,
        /// Slots between vote and inclusion.
        pub inclusion_delay: u64,
        /// The proposer who included it.
        pub proposer_index: u64,
    }
}

container! {
    /// Two votes that contradict each other.
    pub struct AttesterSlashing {
        /// One vote.
        pub attestation_1: IndexedAttestation,
        /// The other.
        pub attestation_2: IndexedAttestation,
    }
}
