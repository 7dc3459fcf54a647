//! Answers that grow with the validators: read without a tree of JSON in between, and checked.

use std::fmt;

use consensus::spec::Spec;
use consensus::{Epoch, Gwei, Slot, ValidatorIndex};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::answers::{Committee, ValidatorEntry};
use super::ask::json_problem;
use super::error::ApiProblem;

/// An integer, as a number or its digits in a text.
#[derive(Clone, Copy)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or its digits in a text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = digits.then(|| text.parse().ok()).flatten();
                number.map(Number).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct RawCommittee {
    index: Number,
    slot: Number,
    validators: Vec<Number>,
}

#[derive(Deserialize)]
struct RawEntry {
    index: Number,
    balance: Number,
    status: String,
    validator: RawValidator,
}

#[derive(Deserialize)]
struct RawValidator {
    effective_balance: Number,
    slashed: bool,
    activation_epoch: Number,
    exit_epoch: Number,
}

/// Reads all committees of an epoch, in order of slot and index. Every slot must have as many as the others.
pub(super) fn committees(body: &[u8], epoch: Epoch, spec: &Spec) -> Result<Vec<Committee>, ApiProblem> {
    let raw: List<RawCommittee> = serde_json::from_slice(body).map_err(|error| json_problem(&error, body))?;
    let mut committees: Vec<Committee> = raw
        .data
        .into_iter()
        .map(|raw| Committee {
            slot: Slot(raw.slot.0),
            index: raw.index.0,
            validators: raw.validators.into_iter().map(|index| ValidatorIndex(index.0)).collect(),
        })
        .collect();
    committees.sort_by_key(|committee| (committee.slot, committee.index));
    let (first, slots) = (spec.start_slot(epoch.0), spec.preset.slots_per_epoch.max(1));
    if let Some(strange) = committees.iter().find(|committee| spec.epoch_at(committee.slot.0) != epoch.0) {
        let expected = format!("one of epoch {epoch} ({first} to {})", first.saturating_add(slots - 1));
        return Err(ApiProblem::wrong(Some(first), "slot", expected, strange.slot));
    }
    let per_slot = committees.len() as u64 / slots;
    let complete = per_slot > 0
        && per_slot <= spec.preset.max_committees_per_slot
        && per_slot * slots == committees.len() as u64;
    if !complete {
        let expected = format!("the same number for each of {slots} slots");
        return Err(ApiProblem::wrong(Some(first), "the number of committees", expected, committees.len()));
    }
    for (place, committee) in (0..).zip(&committees) {
        let (slot, index) = (first + place / per_slot, place % per_slot);
        if (committee.slot.0, committee.index) != (slot, index) {
            let found = format!("{} in slot {}", committee.index, committee.slot);
            return Err(ApiProblem::wrong(Some(slot), "index", index, found));
        }
    }
    Ok(committees)
}

/// Reads all validators of a state, in order.
pub(super) fn validators(body: &[u8]) -> Result<Vec<ValidatorEntry>, ApiProblem> {
    let raw: List<RawEntry> = serde_json::from_slice(body).map_err(|error| json_problem(&error, body))?;
    let mut entries: Vec<ValidatorEntry> = raw
        .data
        .into_iter()
        .map(|raw| ValidatorEntry {
            index: ValidatorIndex(raw.index.0),
            balance: Gwei(raw.balance.0),
            status: raw.status,
            effective_balance: Gwei(raw.validator.effective_balance.0),
            slashed: raw.validator.slashed,
            activation_epoch: Epoch(raw.validator.activation_epoch.0),
            exit_epoch: Epoch(raw.validator.exit_epoch.0),
        })
        .collect();
    entries.sort_by_key(|entry| entry.index.0);
    match (0..).zip(&entries).find(|(place, entry)| entry.index.0 != *place) {
        Some((place, entry)) => Err(ApiProblem::wrong(None, "index", place, entry.index)),
        None => Ok(entries),
    }
}
