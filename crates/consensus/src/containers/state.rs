//! The state of the beacon chain.

use super::{
    BeaconBlockHeader, Builder, BuilderPendingPayment, BuilderPendingWithdrawal, Checkpoint, Eth1Data,
    ExecutionPayloadBid, ExecutionPayloadHeader, PendingAttestation, PublicKeyBytes, Registry,
    SignatureBytes, Version, Withdrawal,
};
use crate::primitives::Root;
use crate::spec::sizes::{
    BuilderPendingPayments, EpochsPerHistoricalVector, EpochsPerSlashingsVector, Eth1DataVotes,
    HistoricalRootsLimit, JustificationBitsLength, MaxWithdrawalsPerPayload, PendingAttestations,
    PendingConsolidationsLimit, PendingDepositsLimit, PendingPartialWithdrawalsLimit, ProposerLookahead,
    PtcSize, PtcWindow, SlotsPerHistoricalRoot, SyncCommitteeSize, ValidatorRegistryLimit,
};
use crate::ssz::{Bits, Column, List, Unbounded, container};

container! {
    /// The versions around the latest fork.
    pub struct ForkData {
        /// The version.
        pub current_version: Version,
        /// The root of the validators at genesis.
        pub genesis_validators_root: Root,
    }
}

container! {
    /// The versions before and after the latest fork, as the state names them (`Fork` in the specification).
    pub struct ForkRecord {
        /// Before.
        pub previous_version: Version,
        /// Since.
        pub current_version: Version,
        /// The first epoch of the current version.
        pub epoch: u64,
    }
}

container! {
    /// What a signature signs.
    pub struct SigningData {
        /// The root of the message.
        pub object_root: Root,
        /// The domain.
        pub domain: Root,
    }
}

container! {
    /// Roots of a period, before Capella.
    pub struct HistoricalBatch {
        /// Of blocks.
        pub block_roots: List<Root, SlotsPerHistoricalRoot>,
        /// Of states.
        pub state_roots: List<Root, SlotsPerHistoricalRoot>,
    }
}

container! {
    /// Roots of the roots of a period, from Capella on.
    pub struct HistoricalSummary {
        /// Of the blocks' roots.
        pub block_summary_root: Root,
        /// Of the states' roots.
        pub state_summary_root: Root,
    }
}

container! {
    /// The members of a sync committee.
    pub struct SyncCommittee {
        /// Their keys; a validator may be there more than once.
        pub pubkeys: Column<PublicKeyBytes, SyncCommitteeSize>,
        /// The sum of the keys.
        pub aggregate_pubkey: PublicKeyBytes,
    }
}

container! {
    /// A deposit that waits (EIP-7251).
    pub struct PendingDeposit {
        /// The validator's key.
        pub pubkey: PublicKeyBytes,
        /// Who may withdraw.
        pub withdrawal_credentials: Root,
        /// Gwei.
        pub amount: u64,
        /// Proof of possession of the key.
        pub signature: SignatureBytes,
        /// The slot it came in.
        pub slot: u64,
    }
}

container! {
    /// A partial withdrawal that waits (EIP-7251).
    pub struct PendingPartialWithdrawal {
        /// The validator.
        pub validator_index: u64,
        /// Gwei.
        pub amount: u64,
        /// When it may be paid.
        pub withdrawable_epoch: u64,
    }
}

container! {
    /// A consolidation that waits (EIP-7251).
    pub struct PendingConsolidation {
        /// The validator that ends.
        pub source_index: u64,
        /// The validator that takes its balance.
        pub target_index: u64,
    }
}

/// Hands the declaration of the state to a macro: to that of containers, and to that of what the hasher keeps.
macro_rules! beacon_state {
($with:ident) => { $with! {
    /// The state of the beacon chain, everything of it that is hashed.
    pub struct BeaconState: progressive since Gloas {
        /// Unix time of genesis.
        pub genesis_time: u64,
        /// The root of the validators at genesis: names the network.
        pub genesis_validators_root: Root,
        /// The slot that the state stands at.
        pub slot: u64,
        /// Versions for signatures.
        pub fork: ForkRecord,
        /// The latest block; its state root is zero until the next slot.
        pub latest_block_header: BeaconBlockHeader,
        /// Roots of the blocks of recent slots.
        pub block_roots: Column<Root, SlotsPerHistoricalRoot>,
        /// Roots of the states of recent slots.
        pub state_roots: Column<Root, SlotsPerHistoricalRoot>,
        /// Roots of finished periods, before Capella.
        pub historical_roots: Column<Root, HistoricalRootsLimit>,
        /// What is known of the deposit contract.
        pub eth1_data: Eth1Data,
        /// Votes on it.
        pub eth1_data_votes: Column<Eth1Data, Eth1DataVotes>,
        /// Deposits that were taken in.
        pub eth1_deposit_index: u64,
        /// The validators.
        pub validators: Registry,
        /// Their balances, gwei.
        pub balances: Column<u64, ValidatorRegistryLimit>,
        /// Randomness of each epoch.
        pub randao_mixes: Column<Root, EpochsPerHistoricalVector>,
        /// Balance slashed in each epoch, gwei.
        pub slashings: Column<u64, EpochsPerSlashingsVector>,
        /// Attestations of the previous epoch, phase 0.
        pub previous_epoch_attestations: Column<PendingAttestation, PendingAttestations> => Phase0..Altair,
        /// Attestations of the current epoch, phase 0.
        pub current_epoch_attestations: Column<PendingAttestation, PendingAttestations> => Phase0..Altair,
        /// Flags of each validator for the previous epoch.
        pub previous_epoch_participation: Column<u8, ValidatorRegistryLimit> => Altair..,
        /// Flags of each validator for the current epoch.
        pub current_epoch_participation: Column<u8, ValidatorRegistryLimit> => Altair..,
        /// Which of the last epochs are justified.
        pub justification_bits: Bits<JustificationBitsLength>,
        /// The checkpoint that was justified an epoch ago.
        pub previous_justified_checkpoint: Checkpoint,
        /// The latest justified checkpoint.
        pub current_justified_checkpoint: Checkpoint,
        /// The latest finalized checkpoint.
        pub finalized_checkpoint: Checkpoint,
        /// Inactivity score of each validator.
        pub inactivity_scores: Column<u64, ValidatorRegistryLimit> => Altair..,
        /// The sync committee that serves.
        pub current_sync_committee: SyncCommittee => Altair..,
        /// The one after it.
        pub next_sync_committee: SyncCommittee => Altair..,
        /// The latest block of the execution chain.
        pub latest_execution_payload_header: ExecutionPayloadHeader => Bellatrix..Gloas,
        /// Hash of the latest block of the execution chain.
        pub latest_block_hash: Root => Gloas..,
        /// The number of the next withdrawal.
        pub next_withdrawal_index: u64 => Capella..,
        /// Where the sweep goes on.
        pub next_withdrawal_validator_index: u64 => Capella..,
        /// Finished periods, from Capella on.
        pub historical_summaries: Column<HistoricalSummary, HistoricalRootsLimit> => Capella..,
        /// The first deposit that came as a request.
        pub deposit_requests_start_index: u64 => Electra..,
        /// Churn for deposits that was left over, gwei.
        pub deposit_balance_to_consume: u64 => Electra..,
        /// Churn left in the earliest exit epoch, gwei.
        pub exit_balance_to_consume: u64 => Electra..,
        /// The earliest epoch that an exit may have.
        pub earliest_exit_epoch: u64 => Electra..,
        /// Churn left in the earliest consolidation epoch, gwei.
        pub consolidation_balance_to_consume: u64 => Electra..,
        /// The earliest epoch that a consolidation may have.
        pub earliest_consolidation_epoch: u64 => Electra..,
        /// Deposits that wait.
        pub pending_deposits: Column<PendingDeposit, PendingDepositsLimit> => Electra..,
        /// Partial withdrawals that wait.
        pub pending_partial_withdrawals: Column<PendingPartialWithdrawal, PendingPartialWithdrawalsLimit>
            => Electra..,
        /// Consolidations that wait.
        pub pending_consolidations: Column<PendingConsolidation, PendingConsolidationsLimit> => Electra..,
        /// The proposers of this and the next epoch.
        pub proposer_lookahead: Column<u64, ProposerLookahead> => Fulu..,
        /// The builders (EIP-7732).
        pub builders: Column<Builder, Unbounded> => Gloas..,
        /// Where the sweep over builders goes on.
        pub next_withdrawal_builder_index: u64 => Gloas..,
        /// Of which recent slots the payload came.
        pub execution_payload_availability: Bits<SlotsPerHistoricalRoot> => Gloas..,
        /// Payments to builders that are not settled, by slot of the previous and the current epoch.
        pub builder_pending_payments: Column<BuilderPendingPayment, BuilderPendingPayments> => Gloas..,
        /// Payments to builders that wait.
        pub builder_pending_withdrawals: Column<BuilderPendingWithdrawal, Unbounded> => Gloas..,
        /// The bid of the latest block.
        pub latest_execution_payload_bid: ExecutionPayloadBid => Gloas..,
        /// What the payload of the latest block must pay.
        pub payload_expected_withdrawals: Column<Withdrawal, MaxWithdrawalsPerPayload> => Gloas..,
        /// The payload timeliness committees of the slots of the previous, the current and the next epoch.
        pub ptc_window: Column<List<u64, PtcSize>, PtcWindow> => Gloas..,
    }} }
}
pub(crate) use beacon_state;

beacon_state!(container);
