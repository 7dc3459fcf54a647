//! Fork choice: what a store answers after time, blocks, votes and slashings.

use std::sync::Arc;

use consensus::Root;
use consensus::containers::{
    Attestation, AttesterSlashing, BeaconBlock, Blob, Checkpoint, DataColumnSidecar, KzgProof,
    SignedBeaconBlock,
};
use consensus::fork_choice::{DataAvailability, DataProblem, Origin, Store, check_data_column_sidecar};
use consensus::hasher::StateHasher;
use consensus::spec::sizes::MaxBlobCommitmentsPerBlock;
use consensus::spec::{Fork, Spec};
use consensus::ssz::{Json, List};
use consensus::transition::{Checks, Signatures};
use serde_json::Value;

use super::states::{checks, meta, need_state};
use super::{Check, Context};
use crate::failure::{Failure, Within, expect_equal};
use crate::kzg;

const HANDLERS: [&str; 8] = [
    "deposit_with_reorg",
    "ex_ante",
    "get_head",
    "get_proposer_head",
    "on_block",
    "reorg",
    "should_override_forkchoice_update",
    "withholding",
];

pub(super) fn handler(name: &str) -> Option<Check> {
    HANDLERS.contains(&name).then_some(follow)
}

/// The data that a step gives with a block.
struct Given {
    spec: Arc<Spec>,
    blobs: List<Blob, MaxBlobCommitmentsPerBlock>,
    proofs: List<KzgProof, MaxBlobCommitmentsPerBlock>,
    columns: Vec<DataColumnSidecar>,
}

impl Given {
    fn read(context: &Context<'_>, step: &Value) -> Result<Self, Failure> {
        let shape = context.shape();
        let blobs = match step.get("blobs") {
            Some(part) => context.case.need_ssz(name(part)?, &shape)?,
            None => List::default(),
        };
        let proofs = match step.get("proofs") {
            Some(proofs) => List::from_json(proofs, &shape).within("proofs")?,
            None => List::default(),
        };
        let columns = step.get("columns").and_then(Value::as_array).into_iter().flatten();
        let columns =
            columns.map(|part| context.case.need_ssz(name(part)?, &shape)).collect::<Result<_, _>>()?;
        Ok(Self { spec: Arc::clone(&context.spec), blobs, proofs, columns })
    }
}

impl DataAvailability for Given {
    fn check(&mut self, fork: Fork, _: Root, block: &BeaconBlock) -> Result<(), DataProblem> {
        let commitments = &block.body.blob_kzg_commitments;
        if fork < Fork::Fulu {
            return kzg::verify_blobs(&self.blobs, commitments, &self.proofs);
        }
        if self.columns.is_empty() && !commitments.is_empty() {
            return Err(DataProblem::Missing);
        }
        for column in &self.columns {
            check_data_column_sidecar(&self.spec, column)?;
            kzg::verify_column(column)?;
        }
        Ok(())
    }
}

fn name(value: &Value) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| Failure::new("a part is not named by a text"))
}

fn follow(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let state = need_state(context, "anchor_state", &context.spec, context.fork)?;
    let block: BeaconBlock = context.case.need_ssz("anchor_block", &context.shape())?;
    let mut store = Store::new(state, &block, Box::new(StateHasher::new())).within("the anchor")?;
    let steps = context.case.need_yaml("steps")?;
    for (number, step) in steps.as_array().into_iter().flatten().enumerate() {
        take(context, &mut store, step).within(format!("step {number}"))?;
    }
    Ok(())
}

/// What a step says of itself.
fn kinds_of(step: &Value) -> String {
    step.as_object().into_iter().flat_map(serde_json::Map::keys).cloned().collect::<Vec<_>>().join(", ")
}

fn take(context: &Context<'_>, store: &mut Store, step: &Value) -> Result<(), Failure> {
    let shape = context.shape();
    let kinds = ["tick", "block", "attestation", "attester_slashing", "checks"];
    let kind = kinds.into_iter().find(|kind| step.get(kind).is_some());
    let kind = kind.ok_or_else(|| Failure::unsupported(format!("the step {}", kinds_of(step))))?;
    let value = step.get(kind).unwrap_or_default();
    if kind == "checks" {
        return check(context, store, value);
    }
    let valid = match step.get("valid") {
        None => true,
        Some(valid) => valid.as_bool().ok_or_else(|| Failure::new("valid is neither true nor false"))?,
    };
    let before = (store.len(), store.head()?, store.proposer_boost_root(), checkpoints(store));
    let outcome = match kind {
        "tick" => {
            let seconds = value.as_u64().ok_or_else(|| Failure::new("tick is no number"))?;
            store.on_tick(seconds.saturating_mul(1_000))
        }
        "block" => {
            let block = context.case.need_ssz(name(value)?, &shape)?;
            let mut data = Given::read(context, step)?;
            store.on_block(&Arc::new(block), Checks::ALL, &mut data).map(|_| ())
        }
        "attestation" => {
            let attestation: Attestation = context.case.need_ssz(name(value)?, &shape)?;
            store.on_attestation(&attestation, Origin::Network, Signatures::Verify)
        }
        _ => {
            let slashing: AttesterSlashing = context.case.need_ssz(name(value)?, &shape)?;
            store.on_attester_slashing(&slashing, Checks::ALL)
        }
    };
    match (outcome, valid) {
        (Ok(()), false) => return Err(Failure::new(format!("the {kind} is accepted, and must be refused"))),
        (Err(error), true) => return Err(error).within(format!("the {kind}")),
        (Err(_), false) => {
            let after = (store.len(), store.head()?, store.proposer_boost_root(), checkpoints(store));
            expect_equal("what is refused changes nothing", &after, &before)?;
        }
        (Ok(()), true) => {}
    }
    if kind == "block" && valid {
        let block: SignedBeaconBlock = context.case.need_ssz(name(value)?, &shape)?;
        operations(store, &block)?;
    }
    Ok(())
}

fn checkpoints(store: &Store) -> (Checkpoint, Checkpoint) {
    (store.justified_checkpoint().clone(), store.finalized_checkpoint().clone())
}

/// The votes and slashings of a block count too.
fn operations(store: &mut Store, block: &SignedBeaconBlock) -> Result<(), Failure> {
    let body = &block.message.body;
    for (number, attestation) in body.attestations.iter().enumerate() {
        store
            .on_attestation(attestation, Origin::Block, Signatures::Verify)
            .within(format!("attestation {number} of the block"))?;
    }
    for (number, slashing) in body.attester_slashings.iter().enumerate() {
        store
            .on_attester_slashing(slashing, Checks::ALL)
            .within(format!("attester slashing {number} of the block"))?;
    }
    Ok(())
}

fn check(context: &Context<'_>, store: &mut Store, checks: &Value) -> Result<(), Failure> {
    let checks = checks.as_object().ok_or_else(|| Failure::new("checks is no mapping"))?;
    for (name, expected) in checks {
        check_one(context, store, name, expected).within(name)?;
    }
    Ok(())
}

fn read<T: Json>(context: &Context<'_>, value: &Value) -> Result<T, Failure> {
    Ok(T::from_json(value, &context.shape())?)
}

fn read_field<T: Json>(context: &Context<'_>, value: &Value, name: &str) -> Result<T, Failure> {
    read(context, value.get(name).unwrap_or_default()).within(name)
}

fn check_one(context: &Context<'_>, store: &mut Store, name: &str, expected: &Value) -> Result<(), Failure> {
    match name {
        "genesis_time" => expect_equal("seconds", &store.genesis_time(), &read(context, expected)?),
        "time" => expect_equal("seconds", &(store.unix_ms() / 1_000), &read(context, expected)?),
        "head" => {
            let head = store.head()?;
            expect_equal("root", &head, &read_field(context, expected, "root")?)?;
            expect_equal("slot", &store.slot_of(&head), &Some(read_field(context, expected, "slot")?))
        }
        "justified_checkpoint" => {
            expect_equal("checkpoint", store.justified_checkpoint(), &read(context, expected)?)
        }
        "finalized_checkpoint" => {
            expect_equal("checkpoint", store.finalized_checkpoint(), &read(context, expected)?)
        }
        "proposer_boost_root" => {
            let boost = store.proposer_boost_root().unwrap_or_default();
            expect_equal("root", &boost, &read(context, expected)?)
        }
        "get_proposer_head" => {
            let (head, slot) = (store.head()?, store.current_slot());
            expect_equal("root", &store.proposer_head(head, slot)?, &read(context, expected)?)
        }
        "should_override_forkchoice_update" => {
            let connected: bool = read_field(context, expected, "validator_is_connected")?;
            let head = store.head()?;
            let found = store.should_override_forkchoice_update(head, |_| connected)?;
            expect_equal("result", &found, &read_field(context, expected, "result")?)
        }
        "viable_for_head_roots_and_weights" => {
            let mut expected: Vec<(Root, u64)> = expected
                .as_array()
                .into_iter()
                .flatten()
                .map(|entry| Ok((read_field(context, entry, "root")?, read_field(context, entry, "weight")?)))
                .collect::<Result<_, Failure>>()?;
            let mut found = store.viable_heads()?;
            expected.sort_unstable();
            found.sort_unstable();
            expect_equal("roots and weights", &found, &expected)
        }
        other => Err(Failure::unsupported(format!("the check {other:?}"))),
    }
}
