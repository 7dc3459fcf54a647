//! Lengths of vectors and limits of lists, by their names in the specification.

use super::{Fork, JUSTIFICATION_BITS_LENGTH, Shape};
use crate::ssz::Size;

macro_rules! sizes {
    ($(
        $(#[$doc:meta])*
        $kind:ident $name:ident $(: progressive since $progressive:ident)? = |$shape:ident| $value:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl Size for $name {
            const EXACT: bool = sizes!(@exact $kind);

            fn of($shape: &Shape<'_>) -> u64 {
                $value
            }

            $( fn is_progressive(shape: &Shape<'_>) -> bool {
                shape.fork >= Fork::$progressive
            } )?
        }
    )*};
    (@exact vector) => { true };
    (@exact list) => { false };
}

sizes! {
    /// Roots of recent blocks and states.
    vector SlotsPerHistoricalRoot = |shape| shape.preset.slots_per_historical_root;
    /// Randao mixes.
    vector EpochsPerHistoricalVector = |shape| shape.preset.epochs_per_historical_vector;
    /// Slashed balances.
    vector EpochsPerSlashingsVector = |shape| shape.preset.epochs_per_slashings_vector;
    /// Justification bits.
    vector JustificationBitsLength = |_shape| JUSTIFICATION_BITS_LENGTH;
    /// Members of a sync committee.
    vector SyncCommitteeSize = |shape| shape.preset.sync_committee_size;
    /// Members of a part of a sync committee.
    vector SyncSubcommitteeSize = |shape| shape.preset.sync_committee_size / 4;
    /// Proof of a deposit: the contract's tree and its length.
    vector DepositProofLength = |_shape| 33;
    /// Committees that an attestation may name (EIP-7549).
    vector MaxCommitteesPerSlot = |shape| shape.preset.max_committees_per_slot;
    /// Proposers known ahead (EIP-7917).
    vector ProposerLookahead = |shape| (shape.preset.min_seed_lookahead.saturating_add(1))
        .saturating_mul(shape.preset.slots_per_epoch);
    /// Branch of a payload's header to the root of a block's body.
    vector ExecutionBranchLength = |_shape| 4;
    /// Branch of a sync committee to the root of a state.
    vector SyncCommitteeBranchLength = |shape| if shape.fork >= Fork::Electra { 6 } else { 5 };
    /// Branch of the finalized root to the root of a state.
    vector FinalityBranchLength = |shape| if shape.fork >= Fork::Electra { 7 } else { 6 };
    /// Branch of one blob commitment to the root of a block's body.
    vector KzgCommitmentInclusionProofDepth = |shape| shape.preset.kzg_commitment_inclusion_proof_depth;
    /// Branch of all blob commitments to the root of a block's body.
    vector KzgCommitmentsInclusionProofDepth = |shape| shape.preset.kzg_commitments_inclusion_proof_depth;
    /// Bytes of a blob.
    vector BytesPerBlob = |shape| shape.preset.field_elements_per_blob.saturating_mul(32);
    /// Bytes of a cell.
    vector BytesPerCell = |shape| shape.preset.field_elements_per_cell.saturating_mul(32);

    /// Committees of the payload timeliness committees that a state knows (EIP-7732).
    vector PtcWindow = |shape| (shape.preset.min_seed_lookahead.saturating_add(2))
        .saturating_mul(shape.preset.slots_per_epoch);
    /// Members of a payload timeliness committee.
    vector PtcSize = |shape| shape.preset.ptc_size;
    /// Payments to builders of the previous and the current epoch.
    vector BuilderPendingPayments = |shape| shape.preset.slots_per_epoch.saturating_mul(2);

    /// Members of a payload timeliness committee who took part.
    list PtcMembers = |shape| shape.preset.ptc_size;
    /// Historical roots and summaries.
    list HistoricalRootsLimit = |shape| shape.preset.historical_roots_limit;
    /// Votes on the deposit chain.
    list Eth1DataVotes = |shape| shape.preset.epochs_per_eth1_voting_period
        .saturating_mul(shape.preset.slots_per_epoch);
    /// Validators.
    list ValidatorRegistryLimit: progressive since Gloas = |shape| shape.preset.validator_registry_limit;
    /// Pending attestations of an epoch, phase 0.
    list PendingAttestations = |shape| shape.preset.max_attestations.saturating_mul(shape.preset.slots_per_epoch);
    /// Attesters of one attestation: of one committee, from Electra on of all committees of a slot.
    list AttestationBits: progressive since Gloas = |shape| if shape.fork >= Fork::Electra {
        shape.preset.max_validators_per_committee.saturating_mul(shape.preset.max_committees_per_slot)
    } else {
        shape.preset.max_validators_per_committee
    };
    /// Proposer slashings of a block.
    list MaxProposerSlashings: progressive since Gloas = |shape| shape.preset.max_proposer_slashings;
    /// Attester slashings of a block.
    list MaxAttesterSlashings: progressive since Gloas = |shape| if shape.fork >= Fork::Electra {
        shape.preset.max_attester_slashings_electra
    } else {
        shape.preset.max_attester_slashings
    };
    /// Attestations of a block.
    list MaxAttestations: progressive since Gloas = |shape| if shape.fork >= Fork::Electra {
        shape.preset.max_attestations_electra
    } else {
        shape.preset.max_attestations
    };
    /// Deposits of a block.
    list MaxDeposits: progressive since Gloas = |shape| shape.preset.max_deposits;
    /// Voluntary exits of a block.
    list MaxVoluntaryExits: progressive since Gloas = |shape| shape.preset.max_voluntary_exits;
    /// Extra bytes of a payload.
    list MaxExtraDataBytes = |shape| shape.preset.max_extra_data_bytes;
    /// Bytes of a transaction.
    list MaxBytesPerTransaction: progressive since Gloas = |shape| shape.preset.max_bytes_per_transaction;
    /// Transactions of a payload.
    list MaxTransactionsPerPayload: progressive since Gloas = |shape| shape.preset.max_transactions_per_payload;
    /// Withdrawals of a payload.
    list MaxWithdrawalsPerPayload: progressive since Gloas = |shape| shape.preset.max_withdrawals_per_payload;
    /// Changes of credentials in a block.
    list MaxBlsToExecutionChanges: progressive since Gloas = |shape| shape.preset.max_bls_to_execution_changes;
    /// Blob commitments of a block.
    list MaxBlobCommitmentsPerBlock: progressive since Gloas = |shape| shape.preset.max_blob_commitments_per_block;
    /// Columns that a request may name.
    list NumberOfColumns = |shape| shape.preset.number_of_columns;
    /// Headers that a partial column carries: none or one.
    list MaxPartialColumnHeaders = |_shape| 1;
    /// Deposit requests of a payload.
    list MaxDepositRequestsPerPayload: progressive since Gloas = |shape| shape.preset.max_deposit_requests_per_payload;
    /// Withdrawal requests of a payload.
    list MaxWithdrawalRequestsPerPayload: progressive since Gloas = |shape| shape.preset.max_withdrawal_requests_per_payload;
    /// Consolidation requests of a payload.
    list MaxConsolidationRequestsPerPayload: progressive since Gloas = |shape| shape.preset.max_consolidation_requests_per_payload;
    /// Queued deposits.
    list PendingDepositsLimit: progressive since Gloas = |shape| shape.preset.pending_deposits_limit;
    /// Queued partial withdrawals.
    list PendingPartialWithdrawalsLimit: progressive since Gloas = |shape| shape.preset.pending_partial_withdrawals_limit;
    /// Queued consolidations.
    list PendingConsolidationsLimit: progressive since Gloas = |shape| shape.preset.pending_consolidations_limit;
}
