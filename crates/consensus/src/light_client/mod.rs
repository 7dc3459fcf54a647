//! Light clients: following the chain with headers and sync committees alone, and serving those who do.
//!
//! Source: consensus-specs `specs/altair/light-client/`, and what capella, deneb and electra change in it.

mod serve;
mod store;

pub use serve::{anchor_block, bootstrap_of, finality_update_of, header_of, optimistic_update_of, update_of};
pub use store::Store;

use crate::containers::{
    BeaconBlockBody, BeaconState, LightClientHeader, LightClientUpdate, PublicKeyBytes, SyncCommittee,
};
use crate::primitives::Root;
use crate::spec::sizes::{ExecutionBranchLength, SyncCommitteeSize};
use crate::spec::{Fork, Shape, Spec};
use crate::ssz::{Bits, Column, List, Size, Ssz, merkle};

/// The sync committee period of a slot.
///
/// Source: altair `compute_sync_committee_period_at_slot`.
pub fn period_at_slot(spec: &Spec, slot: u64) -> u64 {
    spec.epoch_at(slot).checked_div(spec.preset.epochs_per_sync_committee_period).unwrap_or_default()
}

/// A place in a tree: how many levels below the root, and which of that level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    depth: u32,
    index: u64,
}

impl Place {
    /// The field of a container; `None` where the fork does not have it.
    fn of(names: &[&str], field: &str) -> Option<Self> {
        let index = names.iter().position(|name| *name == field)? as u64;
        Some(Self { depth: merkle::depth_of(names.len() as u64), index })
    }

    /// The right child of the place.
    fn right(self) -> Self {
        Self { depth: self.depth + 1, index: self.index * 2 + 1 }
    }

    /// Whether a branch leads from here to the root. A branch that is longer than the tree is deep begins with zeros.
    ///
    /// Source: altair `is_valid_normalized_merkle_branch`.
    fn verify(self, leaf: &[u8; 32], branch: &[Root], root: &Root) -> bool {
        let Some(extra) = branch.len().checked_sub(self.depth as usize) else { return false };
        let (extra, branch) = branch.split_at(extra);
        let branch: Vec<[u8; 32]> = branch.iter().map(|node| node.0).collect();
        extra.iter().all(|node| *node == Root::default())
            && merkle::is_valid_merkle_branch(leaf, &branch, self.depth, self.index, &root.0)
    }
}

fn field_of_state(shape: &Shape<'_>, field: &str) -> Option<Place> {
    Place::of(&BeaconState::field_names(shape), field)
}

/// Source: altair and electra `current_sync_committee_gindex_at_slot`.
fn current_committee(shape: &Shape<'_>) -> Option<Place> {
    field_of_state(shape, "current_sync_committee")
}

/// Source: altair and electra `next_sync_committee_gindex_at_slot`.
fn next_committee(shape: &Shape<'_>) -> Option<Place> {
    field_of_state(shape, "next_sync_committee")
}

/// Source: altair and electra `finalized_root_gindex_at_slot`.
fn finalized_root(shape: &Shape<'_>) -> Option<Place> {
    field_of_state(shape, "finalized_checkpoint").map(Place::right)
}

/// Source: capella `EXECUTION_PAYLOAD_GINDEX`.
fn execution_payload(shape: &Shape<'_>) -> Option<Place> {
    Place::of(&BeaconBlockBody::field_names(shape), "execution_payload")
}

fn is_empty_branch(branch: &[Root]) -> bool {
    branch.iter().all(|node| *node == Root::default())
}

fn empty_branch<S: Size>(shape: &Shape<'_>) -> List<Root, S> {
    List::new(vec![Root::default(); usize::try_from(S::of(shape)).unwrap_or_default()])
}

/// The header of nothing.
fn empty_header(shape: &Shape<'_>) -> LightClientHeader {
    let branch = if shape.fork >= Fork::Capella {
        empty_branch::<ExecutionBranchLength>(shape)
    } else {
        List::default()
    };
    LightClientHeader { execution_branch: branch, ..LightClientHeader::default() }
}

/// The sync committee of nobody.
fn empty_committee(shape: &Shape<'_>) -> SyncCommittee {
    let members = usize::try_from(SyncCommitteeSize::of(shape)).unwrap_or_default();
    SyncCommittee {
        pubkeys: Column::new(vec![PublicKeyBytes::default(); members]),
        aggregate_pubkey: PublicKeyBytes::default(),
    }
}

fn is_empty_committee(committee: &SyncCommittee) -> bool {
    committee.aggregate_pubkey == PublicKeyBytes::default()
        && committee.pubkeys.iter().all(|key| *key == PublicKeyBytes::default())
}

/// Whether an update has a sync committee.
///
/// Source: altair `is_sync_committee_update`.
fn is_sync_committee_update(update: &LightClientUpdate) -> bool {
    !is_empty_branch(&update.next_sync_committee_branch)
}

/// Whether an update has a finalized header.
///
/// Source: altair `is_finality_update`.
fn is_finality_update(update: &LightClientUpdate) -> bool {
    !is_empty_branch(&update.finality_branch)
}

/// Whether at least two thirds took part.
fn is_supermajority(bits: &Bits<SyncCommitteeSize>) -> bool {
    bits.count().saturating_mul(3) >= bits.len().saturating_mul(2)
}

/// Whether the payload's header of a header is that of its block.
///
/// Source: capella and deneb `is_valid_light_client_header`.
fn is_valid_header(spec: &Spec, header: &LightClientHeader) -> bool {
    let fork = spec.fork_at_slot(header.beacon.slot);
    let shape = spec.shape(fork);
    if fork < Fork::Capella {
        return header.execution == crate::containers::ExecutionPayloadHeader::default()
            && is_empty_branch(&header.execution_branch);
    }
    if fork < Fork::Deneb && (header.execution.blob_gas_used != 0 || header.execution.excess_blob_gas != 0) {
        return false;
    }
    let leaf = header.execution.hash_tree_root(&shape);
    execution_payload(&shape)
        .is_some_and(|place| place.verify(&leaf, &header.execution_branch, &header.beacon.body_root))
}

/// Whether one update is better than another one for the same period.
///
/// Source: altair `is_better_update`.
pub fn is_better_update(spec: &Spec, new: &LightClientUpdate, old: &LightClientUpdate) -> bool {
    let votes = |update: &LightClientUpdate| update.sync_aggregate.sync_committee_bits.count();
    let period = |slot| period_at_slot(spec, slot);
    let rank = |update: &LightClientUpdate| {
        let attested = period(update.attested_header.beacon.slot);
        let supermajority = is_supermajority(&update.sync_aggregate.sync_committee_bits);
        let finality = is_finality_update(update);
        (
            supermajority,
            // Without a supermajority every vote counts more than what follows.
            if supermajority { 0 } else { votes(update) },
            is_sync_committee_update(update) && attested == period(update.signature_slot),
            finality,
            finality && period(update.finalized_header.beacon.slot) == attested,
            votes(update),
            // Older data change the best update less often.
            std::cmp::Reverse(update.attested_header.beacon.slot),
            std::cmp::Reverse(update.signature_slot),
        )
    };
    rank(new) > rank(old)
}
