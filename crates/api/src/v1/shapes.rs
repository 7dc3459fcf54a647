//! Shapes that several addresses of `/api/v1` share.

use std::collections::BTreeMap;

use consensus::Slot;
use fingerprint::score::wilson;
use fingerprint::{Client, Sign, Signs};
use serde::{Deserialize, Serialize};
use store::{AttestationRow, BlockRow, CanonicalState, ClientCounts, RootOrigin};
use utoipa::{IntoParams, ToSchema};

use super::table::{Cell, Kind, Table};
use crate::entities::Entities;

/// A client's name in JSON.
pub(crate) fn client_name(client: Client) -> String {
    client.name().to_lowercase()
}

/// A digest in JSON.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    consensus::Root(*bytes).to_string()
}

/// A block and the verdict on it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Block {
    slot: u64,
    /// Null for rows of an imported file that kept no roots.
    block_root: Option<String>,
    parent_slot: u64,
    parent_root: Option<String>,
    proposer_index: u64,
    /// Who runs the proposer: an entity's name in addresses; null if nobody is known to.
    entity: Option<String>,
    /// The likeliest client; null if there is none.
    client: Option<String>,
    /// Its probability; null if there is none.
    probability: Option<f64>,
    /// One client, "A or B", or "Uncertain".
    label: String,
    /// Every client the model knows.
    probabilities: BTreeMap<String, f64>,
    /// The proposer's text.
    graffiti: Option<String>,
    /// The client that the graffiti names.
    graffiti_client: Option<String>,
    /// `unknown`, `canonical`, `orphaned` or `finalized`.
    state: &'static str,
    /// The digest of the model that gave the verdict.
    model: Option<String>,
    /// How many attestations it has; null where that was not recorded.
    attestation_count: Option<u32>,
    /// Codes of what it shows that some client never does; null where that was not worked out.
    signs: Option<Vec<&'static str>>,
    /// The clients that its signs rule out; null where those are not known.
    ruled_out: Option<Vec<String>>,
    /// When it was first seen, in milliseconds since 1970; null for a block that was filled in later.
    first_seen_ms: Option<u64>,
    /// What each of them is made of, in block order, where it was kept. Only the address of a single block has it.
    attestations: Option<Vec<Attestation>>,
    /// What the verdict rests on, where it was kept. Only the address of a single block has it.
    features: Option<BTreeMap<String, f64>>,
}

/// One attestation of a block. What its source did not tell is null.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attestation {
    /// The slot voted for.
    slot: u64,
    /// Slots from the vote to the block.
    delay: Option<u64>,
    /// How many committees it covers: one until Electra.
    committees: Option<u32>,
    /// The committees of the slot voted for.
    committees_of_slot: Option<u8>,
    /// All of its votes.
    votes: Option<u64>,
    /// Votes of validators for whom no attestation before it, in this block or an earlier one, had earned anything.
    new: u32,
    /// Votes of validators that one before it had.
    repeated: Option<u32>,
    /// What it paid the proposer, in gwei; 0 in phase 0, where nothing is paid on inclusion.
    paid_gwei: Option<u64>,
}

impl Attestation {
    fn of(block: Slot, row: &AttestationRow) -> Self {
        Self {
            slot: row.slot.0,
            delay: block.0.checked_sub(row.slot.0),
            committees: row.shape.map(|shape| shape.covered()),
            committees_of_slot: row.shape.map(|shape| shape.committees_of_slot),
            votes: row.votes(),
            new: row.new,
            repeated: row.shape.map(|shape| shape.repeated),
            paid_gwei: row.shape.map(|shape| shape.paid.0),
        }
    }
}

impl Block {
    /// The block of a row, with who runs its proposer.
    pub(crate) fn of(row: BlockRow, entities: &Entities) -> Self {
        let entity = entities.of(row.proposer_index).map(|entity| entity.slug.clone());
        let attestation = |listed: &AttestationRow| Attestation::of(row.slot, listed);
        let attestations = row.attestations.rows().map(|rows| rows.iter().map(attestation).collect());
        let ruled_out = |signs: Signs| {
            Client::NAMED.into_iter().filter(|client| signs.rules_out(*client)).map(client_name).collect()
        };
        let verdict = row.classification;
        let client = verdict.best_guess_single;
        Self {
            slot: row.slot.0,
            block_root: (row.root_known == RootOrigin::Reported).then(|| row.block_root.to_string()),
            parent_slot: row.parent_slot.0,
            parent_root: row.parent_root.map(|root| root.to_string()),
            proposer_index: row.proposer_index.0,
            entity,
            client: client.map(client_name),
            probability: client.map(|client| verdict.probability(client)),
            label: verdict.best_guess_multi,
            probabilities: verdict.probabilities.into_iter().map(|(c, p)| (client_name(c), p)).collect(),
            graffiti: row.graffiti,
            graffiti_client: verdict.graffiti_guess.map(client_name),
            state: state_name(row.canonical),
            model: row.model_hash.as_ref().map(hex),
            attestation_count: row.attestations.count(),
            signs: row.signs.map(|signs| signs.iter().map(Sign::code).collect()),
            ruled_out: row.signs.map(ruled_out),
            first_seen_ms: row.first_seen_ms,
            attestations,
            features: row.features.map(|features| features.into_iter().collect()),
        }
    }

    /// Blocks as a table: all but attestations and features. Sets are words with spaces between, `none` where empty.
    pub(crate) fn table<'b>(blocks: impl IntoIterator<Item = &'b Self>) -> Table {
        let text = |name: &str| (name.to_owned(), Kind::Text);
        let number = |name: &str| (name.to_owned(), Kind::Number);
        let mut columns = vec![
            number("slot"),
            text("block_root"),
            number("parent_slot"),
            text("parent_root"),
            number("proposer_index"),
            text("entity"),
            text("client"),
            ("probability".to_owned(), Kind::Real),
            text("label"),
        ];
        columns.extend(Client::ALL.map(|client| (format!("p_{}", client_name(client)), Kind::Real)));
        columns.extend(["graffiti", "graffiti_client", "state", "model"].map(text));
        columns.extend([
            number("attestation_count"),
            text("signs"),
            text("ruled_out"),
            number("first_seen_ms"),
        ]);
        let mut table = Table::new(columns);
        for block in blocks {
            let mut row: Vec<Cell> = vec![
                block.slot.into(),
                block.block_root.clone().into(),
                block.parent_slot.into(),
                block.parent_root.clone().into(),
                block.proposer_index.into(),
                block.entity.clone().into(),
                block.client.clone().into(),
                block.probability.into(),
                block.label.clone().into(),
            ];
            let probability = |client| block.probabilities.get(&client_name(client)).copied().into();
            row.extend(Client::ALL.map(probability));
            row.extend([
                block.graffiti.clone().into(),
                block.graffiti_client.clone().into(),
                block.state.into(),
                block.model.clone().into(),
                block.attestation_count.map(u64::from).into(),
                block.signs.as_deref().map(|signs| words(signs.iter().copied())).into(),
                block.ruled_out.as_deref().map(|clients| words(clients.iter().map(String::as_str))).into(),
                block.first_seen_ms.into(),
            ]);
            table.row(row);
        }
        table
    }
}

fn words<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// In which form, for lists that are asked for by nothing else but a range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormQuery {
    /// The form, where `Accept` can't say it.
    #[param(inline)]
    #[serde(rename = "format")]
    _format: Option<FormParam>,
}

/// Slots that a page of a list was searched for in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Searched {
    /// The first slot.
    pub(crate) start_slot: u64,
    /// The slot after the last.
    pub(crate) end_slot: u64,
}

impl From<std::ops::Range<Slot>> for Searched {
    fn from(range: std::ops::Range<Slot>) -> Self {
        Self { start_slot: range.start.0, end_slot: range.end.0 }
    }
}

/// A client in a query; `unknown` stands for blocks without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientParam {
    Grandine,
    Lighthouse,
    Lodestar,
    Nimbus,
    Other,
    Prysm,
    Teku,
    Unknown,
}

impl ClientParam {
    /// The verdict meant.
    pub(crate) const fn verdict(self) -> Option<Client> {
        match self {
            Self::Grandine => Some(Client::Grandine),
            Self::Lighthouse => Some(Client::Lighthouse),
            Self::Lodestar => Some(Client::Lodestar),
            Self::Nimbus => Some(Client::Nimbus),
            Self::Other => Some(Client::Other),
            Self::Prysm => Some(Client::Prysm),
            Self::Teku => Some(Client::Teku),
            Self::Unknown => None,
        }
    }
}

/// The form of a list, where `Accept` can't say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormParam {
    Json,
    Csv,
    Parquet,
}

/// What the chain made of a block, in one word.
pub(crate) const fn state_name(state: CanonicalState) -> &'static str {
    match state {
        CanonicalState::Unknown => "unknown",
        CanonicalState::Canonical => "canonical",
        CanonicalState::Orphaned => "orphaned",
        CanonicalState::Finalized => "finalized",
    }
}

/// A client's share of blocks, with its 95 % interval.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Share {
    /// The client; null for blocks without one.
    pub(crate) client: Option<String>,
    /// Its blocks.
    pub(crate) blocks: u64,
    /// Null where nothing was counted.
    pub(crate) share: Option<f64>,
    pub(crate) share_low: Option<f64>,
    pub(crate) share_high: Option<f64>,
}

/// The shares of all clients, in order, blocks without one last.
pub(crate) fn shares_of(counts: &ClientCounts) -> Vec<Share> {
    let n = counts.total();
    let share = |client: Option<Client>, blocks: u64| {
        let (low, high) = wilson(blocks, n);
        let counted = n > 0;
        Share {
            client: client.map(client_name),
            blocks,
            share: counted.then(|| blocks as f64 / n as f64),
            share_low: counted.then_some(low),
            share_high: counted.then_some(high),
        }
    };
    Client::ALL
        .into_iter()
        .map(|client| share(Some(client), counts.get(client)))
        .chain([share(None, counts.uncertain)])
        .collect()
}
