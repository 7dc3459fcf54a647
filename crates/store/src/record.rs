//! A row of the table of blocks: to and from a [`BlockRow`].

use consensus::{Root, Slot, ValidatorIndex};
use fingerprint::Client;
use fingerprint::classifier::Classification;

use crate::attestations::Attestations;
use crate::codes::{
    canonical_code, canonical_of_code, client_code, origin_code, origin_of_code, signs_code, signs_of_code,
    verdict_code, verdict_of_code,
};
use crate::error::StoreError;
use crate::models;
use crate::row::BlockRow;
use crate::sql::{Batch, Kind, Row, to_i64, to_u64};

/// The columns, in the order of [`Record::bind`] and [`Record::read`].
pub(crate) const COLUMNS: [&str; 23] = [
    "id",
    "block_root",
    "root_origin",
    "parent_root",
    "slot",
    "parent_slot",
    "proposer_index",
    "best_guess",
    "best_guess_multi",
    "graffiti",
    "graffiti_guess",
    "canonical",
    "model_id",
    "pr_grandine",
    "pr_lighthouse",
    "pr_lodestar",
    "pr_nimbus",
    "pr_other",
    "pr_prysm",
    "pr_teku",
    "attestation_count",
    "signs",
    "first_seen_ms",
];

/// The types of [`COLUMNS`].
pub(crate) const KINDS: [Kind; COLUMNS.len()] = [
    Kind::Integer,
    Kind::Bytes,
    Kind::Integer,
    Kind::Bytes,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Real,
    Kind::Real,
    Kind::Real,
    Kind::Real,
    Kind::Real,
    Kind::Real,
    Kind::Real,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
];

/// A row with its keys.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) row: BlockRow,
}

/// The positions of the number of attestations, of signs and of the time a block was first seen.
const ATTESTATION_COUNT: usize = COLUMNS.len() - 3;
const SIGNS: usize = COLUMNS.len() - 2;
const FIRST_SEEN: usize = COLUMNS.len() - 1;

/// The position of the model's hash, which a query brings along behind [`COLUMNS`].
const MODEL_HASH: usize = COLUMNS.len();

/// `SELECT` of what [`Record::read`] takes, to be followed by `FROM`, in which `blocks` has the name given, and the
/// rest.
pub(crate) fn select(blocks: &str) -> String {
    let columns = COLUMNS.map(|column| format!("{blocks}.{column}")).join(", ");
    format!("SELECT {columns}, (SELECT m.hash FROM models m WHERE m.id = {blocks}.model_id) ")
}

pub(crate) fn root_of_bytes(bytes: &[u8]) -> Result<Root, StoreError> {
    bytes.try_into().map(Root).map_err(|_| StoreError::damaged("a block root is not 32 bytes long"))
}

/// Binds the columns of a block.
pub(crate) fn bind(
    values: &mut Batch,
    id: i64,
    model_id: Option<i64>,
    row: &BlockRow,
) -> Result<(), StoreError> {
    let verdict = &row.classification;
    values.push(id)?;
    values.push(row.block_root.0.to_vec())?;
    values.push(origin_code(row.root_known))?;
    values.push(row.parent_root.map(|root| root.0.to_vec()))?;
    values.push(to_i64(row.slot.0))?;
    values.push(to_i64(row.parent_slot.0))?;
    values.push(to_i64(row.proposer_index.0))?;
    values.push(verdict_code(verdict.best_guess_single))?;
    let multi = &verdict.best_guess_multi;
    values.push((multi != verdict.single_name()).then(|| multi.clone()))?;
    values.push(row.graffiti.clone())?;
    values.push(verdict.graffiti_guess.map(client_code))?;
    values.push(canonical_code(row.canonical))?;
    values.push(model_id)?;
    for client in Client::ALL {
        let known = verdict.probabilities.iter().find(|(known, _)| *known == client);
        values.push(known.map(|(_, probability)| *probability))?;
    }
    values.push(row.attestations.count().map(i64::from))?;
    values.push(row.signs.map(signs_code))?;
    values.push(row.first_seen_ms.map(to_i64))
}

impl Record {
    /// Reads a row of [`select`].
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let best_guess_single = verdict_of_code(row.try_get(7)?)?;
        let multi: Option<String> = row.try_get(8)?;
        let graffiti_guess: Option<i64> = row.try_get(10)?;
        let mut probabilities = Vec::with_capacity(Client::ALL.len());
        for (column, client) in (13..).zip(Client::ALL) {
            if let Some(probability) = row.try_get::<Option<f64>>(column)? {
                probabilities.push((client, probability));
            }
        }
        let classification = Classification {
            best_guess_single,
            best_guess_multi: multi.unwrap_or_else(|| {
                best_guess_single.map_or(fingerprint::client::UNCERTAIN, Client::name).to_owned()
            }),
            probabilities,
            graffiti_guess: graffiti_guess.map(verdict_of_code).transpose()?.flatten(),
        };
        let attestations: Option<i64> = row.try_get(ATTESTATION_COUNT)?;
        let model_id: Option<i64> = row.try_get(12)?;
        let model_hash = match model_id {
            None => None,
            Some(id) => {
                let hash: Option<&[u8]> = row.try_get(MODEL_HASH)?;
                let hash = hash.ok_or_else(|| StoreError::damaged(format!("there is no model {id}")))?;
                Some(models::hash_of_bytes(hash)?)
            }
        };
        Ok(Self {
            id: row.try_get(0)?,
            row: BlockRow {
                block_root: root_of_bytes(row.try_get(1)?)?,
                root_known: origin_of_code(row.try_get(2)?)?,
                parent_root: row.try_get::<Option<&[u8]>>(3)?.map(root_of_bytes).transpose()?,
                slot: Slot(to_u64(row.try_get(4)?)?),
                parent_slot: Slot(to_u64(row.try_get(5)?)?),
                proposer_index: ValidatorIndex(to_u64(row.try_get(6)?)?),
                graffiti: row.try_get(9)?,
                classification,
                model_hash,
                canonical: canonical_of_code(row.try_get(11)?)?,
                features: None,
                attestations: attestations.map_or(Attestations::NotRecorded, |count| {
                    Attestations::Counted(u32::try_from(count).unwrap_or(u32::MAX))
                }),
                signs: row.try_get::<Option<i64>>(SIGNS)?.map(signs_of_code).transpose()?,
                first_seen_ms: row.try_get::<Option<i64>>(FIRST_SEEN)?.map(to_u64).transpose()?,
            },
        })
    }
}
