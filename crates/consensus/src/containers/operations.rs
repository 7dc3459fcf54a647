//! What blocks carry beside attestations and payload.

use super::{ExecutionAddress, PublicKeyBytes, SignatureBytes, SignedBeaconBlockHeader};
use crate::primitives::Root;
use crate::spec::sizes::{DepositProofLength, SyncCommitteeSize};
use crate::ssz::{Bits, List, container};

container! {
    /// What is known of the deposit contract.
    pub struct Eth1Data {
        /// The root of the tree of deposits.
        pub deposit_root: Root,
        /// How many deposits there are.
        pub deposit_count: u64,
        /// The block of the deposit chain.
        pub block_hash: Root,
    }
}

container! {
    /// What a proposer looks at in a block of the deposit chain.
    pub struct Eth1Block {
        /// Unix time.
        pub timestamp: u64,
        /// The root of the tree of deposits.
        pub deposit_root: Root,
        /// How many deposits there are.
        pub deposit_count: u64,
    }
}

container! {
    /// Two headers of one proposer for one slot.
    pub struct ProposerSlashing {
        /// One header.
        pub signed_header_1: SignedBeaconBlockHeader,
        /// The other.
        pub signed_header_2: SignedBeaconBlockHeader,
    }
}

container! {
    /// What the depositor signs.
    pub struct DepositMessage {
        /// The validator's key.
        pub pubkey: PublicKeyBytes,
        /// Who may withdraw.
        pub withdrawal_credentials: Root,
        /// Gwei.
        pub amount: u64,
    }
}

container! {
    /// A deposit as the contract logged it.
    pub struct DepositData {
        /// The validator's key.
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
    /// A deposit with its branch to the contract's root.
    pub struct Deposit {
        /// The branch, and the number of deposits.
        pub proof: List<Root, DepositProofLength>,
        /// The deposit.
        pub data: DepositData,
    }
}

container! {
    /// A validator's wish to leave.
    pub struct VoluntaryExit {
        /// The first epoch in which it may be included.
        pub epoch: u64,
        /// The validator.
        pub validator_index: u64,
    }
}

container! {
    /// A signed exit.
    pub struct SignedVoluntaryExit {
        /// The exit.
        pub message: VoluntaryExit,
        /// The validator's signature.
        pub signature: SignatureBytes,
    }
}

container! {
    /// Votes of a sync committee for the block before.
    pub struct SyncAggregate {
        /// Who took part, by position in the committee.
        pub sync_committee_bits: Bits<SyncCommitteeSize>,
        /// Their aggregate signature.
        pub sync_committee_signature: SignatureBytes,
    }
}

container! {
    /// A change from a BLS key to an execution address.
    pub struct BLSToExecutionChange {
        /// The validator.
        pub validator_index: u64,
        /// The key whose hash the credentials hold.
        pub from_bls_pubkey: PublicKeyBytes,
        /// The new address.
        pub to_execution_address: ExecutionAddress,
    }
}

container! {
    /// A signed change of credentials.
    pub struct SignedBLSToExecutionChange {
        /// The change.
        pub message: BLSToExecutionChange,
        /// The signature of the old key.
        pub signature: SignatureBytes,
    }
}

container! {
    /// A deposit that the execution chain reports (EIP-6110).
    pub struct DepositRequest {
        /// The validator's key.
        pub pubkey: PublicKeyBytes,
        /// Who may withdraw.
        pub withdrawal_credentials: Root,
        /// Gwei.
        pub amount: u64,
        /// Proof of possession of the key.
        pub signature: SignatureBytes,
        /// The number of the deposit.
        pub index: u64,
    }
}

container! {
    /// A withdrawal asked for on the execution chain (EIP-7002).
    pub struct WithdrawalRequest {
        /// Who asks.
        pub source_address: ExecutionAddress,
        /// The validator's key.
        pub validator_pubkey: PublicKeyBytes,
        /// Gwei; 0 means everything.
        pub amount: u64,
    }
}

container! {
    /// A consolidation asked for on the execution chain (EIP-7251).
    pub struct ConsolidationRequest {
        /// Who asks.
        pub source_address: ExecutionAddress,
        /// The validator that ends.
        pub source_pubkey: PublicKeyBytes,
        /// The validator that takes its balance.
        pub target_pubkey: PublicKeyBytes,
    }
}
