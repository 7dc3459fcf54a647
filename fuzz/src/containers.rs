//! Every container, and what holds for any bytes that are read as one.

use consensus::containers as c;
use consensus::spec::Shape;
use consensus::ssz::{Json, Ssz};

/// A container: its name and what is tried with its encoding and with its JSON.
pub struct Container {
    /// Its name.
    pub name: &'static str,
    /// Panics where bytes that are read are written as others.
    pub check_ssz: fn(&[u8], &Shape<'_>),
    /// The same for a JSON text.
    pub check_json: fn(&[u8], &Shape<'_>),
}

macro_rules! containers {
    ($($name:ident),* $(,)?) => {
        /// All of them. A test of the crate `consensus` compares this list with its declarations.
        pub const CONTAINERS: &[Container] = &[ $( Container {
            name: stringify!($name),
            check_ssz: ssz::<c::$name>,
            check_json: json::<c::$name>,
        }, )* ];
    };
}

// New ones come last: the number of a container is part of the inputs in a corpus.
containers! {
    SignedBeaconBlock, BeaconState, AggregateAndProof, Attestation, AttestationData, AttesterSlashing,
    BLSToExecutionChange, BeaconBlock, BeaconBlockBody, BeaconBlockHeader, BlindedBeaconBlock,
    BlindedBeaconBlockBody, BlobIdentifier, BlobSidecar, Builder, BuilderDepositRequest, BuilderExitRequest,
    BuilderPendingPayment, BuilderPendingWithdrawal, Checkpoint, ConsolidationRequest, ContributionAndProof,
    DataColumnSidecar, DataColumnsByRootIdentifier, Deposit, DepositData, DepositMessage, DepositRequest,
    Eth1Block, Eth1Data, ExecutionPayload, ExecutionPayloadBid, ExecutionPayloadEnvelope,
    ExecutionPayloadHeader, ExecutionRequests, ForkData, ForkRecord, HistoricalBatch, HistoricalSummary,
    IndexedAttestation, IndexedPayloadAttestation, LightClientBootstrap, LightClientFinalityUpdate,
    LightClientHeader, LightClientOptimisticUpdate, LightClientUpdate, MatrixEntry,
    PartialDataColumnGroupID, PartialDataColumnHeader, PartialDataColumnPartsMetadata,
    PartialDataColumnSidecar, PayloadAttestation, PayloadAttestationData, PayloadAttestationMessage,
    PendingAttestation, PendingConsolidation, PendingDeposit, PendingPartialWithdrawal, PowBlock,
    ProposerPreferences, ProposerSlashing, SignedAggregateAndProof, SignedBLSToExecutionChange,
    SignedBeaconBlockHeader, SignedContributionAndProof, SignedExecutionPayloadBid,
    SignedExecutionPayloadEnvelope, SignedProposerPreferences, SignedVoluntaryExit, SigningData,
    SingleAttestation, SyncAggregate, SyncAggregatorSelectionData, SyncCommittee,
    SyncCommitteeContribution, SyncCommitteeMessage, Validator, VoluntaryExit, Withdrawal,
    WithdrawalRequest,
}

/// The number of a container in [`CONTAINERS`].
pub fn number_of(name: &str) -> Option<u8> {
    let place = CONTAINERS.iter().position(|container| container.name == name)?;
    u8::try_from(place).ok()
}

fn ssz<T: Ssz + Json + PartialEq + std::fmt::Debug>(bytes: &[u8], shape: &Shape<'_>) {
    let Ok(value) = T::decode(bytes, shape) else { return };
    assert_eq!(value.to_ssz(shape), bytes);
    assert_eq!(T::from_json(&value.to_json(shape), shape).as_ref(), Ok(&value));
    let _ = value.hash_tree_root(shape);
}

fn json<T: Ssz + Json + PartialEq + std::fmt::Debug>(bytes: &[u8], shape: &Shape<'_>) {
    let Ok(json) = serde_json::from_slice(bytes) else { return };
    let Ok(value) = T::from_json(&json, shape) else { return };
    assert_eq!(T::decode(&value.to_ssz(shape), shape).as_ref(), Ok(&value));
}
