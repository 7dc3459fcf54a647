//! What is derived from a state and kept as long as it holds.

use std::collections::HashMap;
use std::sync::Arc;

use super::activity::Activity;
use super::committees::{Shuffling, ShufflingTask};
use super::pubkeys::PubkeyIndex;
use crate::containers::PublicKeyBytes;
use crate::spec::sizes::SyncCommitteeSize;
use crate::ssz::Column;

/// The keys of a sync committee.
type SyncKeys = Column<PublicKeyBytes, SyncCommitteeSize>;

/// Derived values. Each names what it holds for; what no longer fits is computed anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caches {
    /// Shufflings of the epochs in use, newest last.
    pub(super) shufflings: Vec<Arc<Shuffling>>,
    /// Shufflings that may be computed elsewhere, of the next two epochs.
    pub(super) upcoming: Vec<ShufflingTask>,
    /// Total active balance of an epoch, gwei.
    pub(super) total_active_balance: Option<(u64, u64)>,
    /// Effective balances in increments.
    pub(super) increments: Option<Arc<Vec<u16>>>,
    /// Whether nothing was left over when they were made.
    pub(super) whole_increments: bool,
    /// Who is active around an epoch.
    pub(super) activity: Option<Activity>,
    /// Validators by key.
    pub(super) pubkeys: PubkeyIndex,
    /// Members of the current sync committee as validator indices, with the keys they stand for.
    pub(super) sync_members: Option<(SyncKeys, Arc<Vec<u32>>)>,
    /// The proposer of a slot.
    pub(super) proposer: Option<(u64, u64)>,
    /// The last epoch of the exit queue and how many leave in it, before Electra.
    pub(super) exit_queue: Option<(u64, u64)>,
    /// Gwei that wait to be withdrawn, by validator.
    pub(super) pending_partials: Option<Arc<HashMap<u64, u64>>>,
}
