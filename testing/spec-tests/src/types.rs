//! Types of simple serialize by name, and what holds for every value of each.

use consensus::containers as c;
use consensus::spec::{Fork, Shape};
use consensus::ssz::{Json, JsonError, Ssz, SszError};
use serde_json::Value as JsonValue;

use crate::case::Case;
use crate::failure::{Failure, Within, expect_equal};

/// A value of some type.
pub trait Value {
    /// The encoding.
    fn encoding(&self, shape: &Shape<'_>) -> Vec<u8>;
    /// The hash tree root.
    fn root(&self, shape: &Shape<'_>) -> [u8; 32];
    /// The JSON form.
    fn json(&self, shape: &Shape<'_>) -> JsonValue;
}

impl<T: Ssz + Json> Value for T {
    fn encoding(&self, shape: &Shape<'_>) -> Vec<u8> {
        self.to_ssz(shape)
    }

    fn root(&self, shape: &Shape<'_>) -> [u8; 32] {
        self.hash_tree_root(shape)
    }

    fn json(&self, shape: &Shape<'_>) -> JsonValue {
        self.to_json(shape)
    }
}

type Decode = fn(&[u8], &Shape<'_>) -> Result<Box<dyn Value>, SszError>;
type FromJson = fn(&JsonValue, &Shape<'_>) -> Result<Box<dyn Value>, JsonError>;

/// A type.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    decode: Decode,
    from_json: FromJson,
    fixed_len: fn(&Shape<'_>) -> Option<usize>,
}

impl Type {
    /// The type of Rust.
    pub const fn of<T: Ssz + Json + 'static>() -> Self {
        Self {
            decode: |bytes, shape| T::decode(bytes, shape).map(|value| Box::new(value) as Box<dyn Value>),
            from_json: |value, shape| {
                T::from_json(value, shape).map(|value| Box::new(value) as Box<dyn Value>)
            },
            fixed_len: T::fixed_len,
        }
    }

    /// Reads a value.
    pub fn decode(&self, bytes: &[u8], shape: &Shape<'_>) -> Result<Box<dyn Value>, SszError> {
        (self.decode)(bytes, shape)
    }

    /// Reads a value in JSON.
    pub fn from_json(&self, value: &JsonValue, shape: &Shape<'_>) -> Result<Box<dyn Value>, JsonError> {
        (self.from_json)(value, shape)
    }

    /// The encoded length in bytes, where it is the same for every value.
    pub fn fixed_len(&self, shape: &Shape<'_>) -> Option<usize> {
        (self.fixed_len)(shape)
    }
}

/// A container of the specification.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// Its name in the specification.
    pub name: &'static str,
    /// The first fork that has it.
    pub since: Fork,
    /// Its type.
    pub of: Type,
}

macro_rules! containers {
    ($( $fork:ident: $($name:ident $(as $rename:literal)?),* ; )*) => {
        /// All containers.
        pub const CONTAINERS: &[Container] = &[ $($( Container {
            name: containers!(@name $name $($rename)?),
            since: Fork::$fork,
            of: Type::of::<c::$name>(),
        }, )*)* ];
    };
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $rename:literal) => { $rename };
}

containers! {
    Phase0: AggregateAndProof, Attestation, AttestationData, AttesterSlashing, BeaconBlock, BeaconBlockBody,
        BeaconBlockHeader, BeaconState, Checkpoint, Deposit, DepositData, DepositMessage, Eth1Block, Eth1Data,
        ForkData, ForkRecord as "Fork", HistoricalBatch, IndexedAttestation, PendingAttestation, ProposerSlashing,
        SignedAggregateAndProof, SignedBeaconBlock, SignedBeaconBlockHeader, SignedVoluntaryExit, SigningData,
        Validator, VoluntaryExit;
    Altair: ContributionAndProof, LightClientBootstrap, LightClientFinalityUpdate, LightClientHeader,
        LightClientOptimisticUpdate, LightClientUpdate, SignedContributionAndProof, SyncAggregate,
        SyncAggregatorSelectionData, SyncCommittee, SyncCommitteeContribution, SyncCommitteeMessage;
    Bellatrix: ExecutionPayload, ExecutionPayloadHeader, PowBlock;
    Capella: BLSToExecutionChange, HistoricalSummary, SignedBLSToExecutionChange, Withdrawal;
    Deneb: BlobIdentifier, BlobSidecar;
    Electra: ConsolidationRequest, DepositRequest, ExecutionRequests, PendingConsolidation, PendingDeposit,
        PendingPartialWithdrawal, SingleAttestation, WithdrawalRequest;
    Fulu: DataColumnSidecar, DataColumnsByRootIdentifier, MatrixEntry, PartialDataColumnGroupID,
        PartialDataColumnHeader, PartialDataColumnPartsMetadata, PartialDataColumnSidecar;
    Gloas: Builder, BuilderDepositRequest, BuilderExitRequest, BuilderPendingPayment, BuilderPendingWithdrawal,
        ExecutionPayloadBid, ExecutionPayloadEnvelope, IndexedPayloadAttestation, PayloadAttestation,
        PayloadAttestationData, PayloadAttestationMessage, ProposerPreferences, SignedExecutionPayloadBid,
        SignedExecutionPayloadEnvelope, SignedProposerPreferences;
}

/// The container of a name.
pub fn container(name: &str) -> Option<&'static Container> {
    CONTAINERS.iter().find(|container| container.name == name)
}

/// Checks `serialized.ssz_snappy` and `value.yaml` of a case against each other and against a root.
pub(crate) fn check_value(
    case: &Case,
    of: &Type,
    shape: &Shape<'_>,
    root: &JsonValue,
) -> Result<(), Failure> {
    let bytes = case.need_ssz_bytes("serialized")?;
    let value = of.decode(&bytes, shape).within("serialized")?;
    if value.encoding(shape) != bytes {
        return Err(Failure::new("the encoding of the decoded value differs"));
    }
    let expected = consensus::Root::from_json(root, shape).within("root")?;
    expect_equal("hash tree root", &consensus::Root(value.root(shape)), &expected)?;

    let json = value.json(shape);
    let again = of.from_json(&json, shape).within("JSON of the value")?;
    if again.encoding(shape) != bytes {
        return Err(Failure::new("the value read back from its JSON differs"));
    }
    let Some(written) = case.yaml("value")? else { return Ok(()) };
    let read = of.from_json(&written, shape).within("value.yaml")?;
    if read.encoding(shape) != bytes {
        return Err(Failure::new("value.yaml is another value"));
    }
    match difference(&digits(json), &digits(written)) {
        Some(place) => Err(Failure::new(format!("the JSON differs from value.yaml at {place}"))),
        None => Ok(()),
    }
}

/// The value with all numbers written as texts of digits.
fn digits(value: JsonValue) -> JsonValue {
    match value {
        JsonValue::Number(number) => JsonValue::String(number.to_string()),
        JsonValue::Array(items) => items.into_iter().map(digits).collect(),
        JsonValue::Object(fields) => fields.into_iter().map(|(key, value)| (key, digits(value))).collect(),
        other => other,
    }
}

/// Where two values differ first.
pub(crate) fn difference(found: &JsonValue, expected: &JsonValue) -> Option<String> {
    match (found, expected) {
        (JsonValue::Object(a), JsonValue::Object(b)) => {
            if let Some(key) =
                a.keys().find(|key| !b.contains_key(*key)).or(b.keys().find(|key| !a.contains_key(*key)))
            {
                return Some(format!("{key} (on one side only)"));
            }
            a.iter().find_map(|(key, a)| {
                let inner = difference(a, b.get(key)?)?;
                let dot = if inner.starts_with(['[', ' ']) { "" } else { "." };
                Some(format!("{key}{dot}{inner}"))
            })
        }
        (JsonValue::Array(a), JsonValue::Array(b)) if a.len() != b.len() => {
            Some(format!(" length: {} where {} was expected", a.len(), b.len()))
        }
        (JsonValue::Array(a), JsonValue::Array(b)) => {
            a.iter().zip(b).enumerate().find_map(|(index, (a, b))| {
                let inner = difference(a, b)?;
                let dot = if inner.starts_with(['[', ' ']) { "" } else { "." };
                Some(format!("[{index}]{dot}{inner}"))
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!(" value: {a} where {b} was expected")),
    }
}
