//! What a light client is told.

use super::{BeaconBlockHeader, ExecutionPayloadHeader, SyncAggregate, SyncCommittee};
use crate::primitives::Root;
use crate::spec::sizes::{ExecutionBranchLength, FinalityBranchLength, SyncCommitteeBranchLength};
use crate::ssz::{List, container};

container! {
    /// A header, and from Capella on the execution payload's header with its branch to the body's root.
    pub struct LightClientHeader {
        /// The header.
        pub beacon: BeaconBlockHeader,
        /// The payload's header.
        pub execution: ExecutionPayloadHeader => Capella..,
        /// Its branch.
        pub execution_branch: List<Root, ExecutionBranchLength> => Capella..,
    }
}

container! {
    /// Where a light client begins.
    pub struct LightClientBootstrap {
        /// The header that it trusts.
        pub header: LightClientHeader,
        /// The sync committee of that header's state.
        pub current_sync_committee: SyncCommittee,
        /// Its branch to the state's root.
        pub current_sync_committee_branch: List<Root, SyncCommitteeBranchLength>,
    }
}

container! {
    /// A step from one sync committee to the next.
    pub struct LightClientUpdate {
        /// The header that the sync committee attests.
        pub attested_header: LightClientHeader,
        /// The next sync committee of that header's state.
        pub next_sync_committee: SyncCommittee,
        /// Its branch to the state's root.
        pub next_sync_committee_branch: List<Root, SyncCommitteeBranchLength>,
        /// The header that the attested state knows as finalized.
        pub finalized_header: LightClientHeader,
        /// Its branch to the state's root.
        pub finality_branch: List<Root, FinalityBranchLength>,
        /// The sync committee's votes for the attested header.
        pub sync_aggregate: SyncAggregate,
        /// The slot of the block with these votes.
        pub signature_slot: u64,
    }
}

container! {
    /// A new finalized header.
    pub struct LightClientFinalityUpdate {
        /// The header that the sync committee attests.
        pub attested_header: LightClientHeader,
        /// The header that the attested state knows as finalized.
        pub finalized_header: LightClientHeader,
        /// Its branch to the state's root.
        pub finality_branch: List<Root, FinalityBranchLength>,
        /// The sync committee's votes for the attested header.
        pub sync_aggregate: SyncAggregate,
        /// The slot of the block with these votes.
        pub signature_slot: u64,
    }
}

container! {
    /// A new attested header.
    pub struct LightClientOptimisticUpdate {
        /// The header that the sync committee attests.
        pub attested_header: LightClientHeader,
        /// The sync committee's votes for it.
        pub sync_aggregate: SyncAggregate,
        /// The slot of the block with these votes.
        pub signature_slot: u64,
    }
}
