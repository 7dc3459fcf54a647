//! What a light client knows, and how updates change it.
//!
//! Source: altair `specs/altair/light-client/sync-protocol.md`.

use std::sync::Arc;

use super::{
    current_committee, empty_header, finalized_root, is_better_update, is_empty_committee,
    is_finality_update, is_supermajority, is_sync_committee_update, is_valid_header, next_committee,
    period_at_slot,
};
use crate::bls;
use crate::containers::{LightClientBootstrap, LightClientHeader, LightClientUpdate, SyncCommittee};
use crate::primitives::Root;
use crate::spec::{DOMAIN_SYNC_COMMITTEE, GENESIS_SLOT, Spec};
use crate::ssz::Ssz;
use crate::state::{compute_domain, compute_signing_root};
use crate::transition::{TransitionError, Violation, ensure};

/// What a light client knows.
#[derive(Clone, Debug)]
pub struct Store {
    spec: Arc<Spec>,
    genesis_validators_root: Root,
    finalized_header: LightClientHeader,
    current_sync_committee: SyncCommittee,
    next_sync_committee: Option<SyncCommittee>,
    best_valid_update: Option<LightClientUpdate>,
    optimistic_header: LightClientHeader,
    previous_max_active_participants: usize,
    current_max_active_participants: usize,
}

impl Store {
    /// A light client that begins with a block it trusts.
    ///
    /// Source: altair `initialize_light_client_store`.
    pub fn new(
        spec: Arc<Spec>,
        genesis_validators_root: Root,
        trusted_block_root: Root,
        bootstrap: LightClientBootstrap,
    ) -> Result<Self, TransitionError> {
        let LightClientBootstrap { header, current_sync_committee, current_sync_committee_branch: branch } =
            bootstrap;
        let shape = spec.shape(spec.fork_at_slot(header.beacon.slot));
        ensure!(is_valid_header(&spec, &header), "the payload's header is not that of the block");
        ensure!(
            header.beacon.hash_tree_root(&shape) == trusted_block_root.0,
            "the header is not that of the trusted block"
        );
        let leaf = current_sync_committee.hash_tree_root(&shape);
        ensure!(
            current_committee(&shape).is_some_and(|place| place.verify(
                &leaf,
                &branch,
                &header.beacon.state_root
            )),
            "the sync committee is not that of the trusted block's state"
        );
        Ok(Self {
            spec,
            genesis_validators_root,
            finalized_header: header.clone(),
            current_sync_committee,
            next_sync_committee: None,
            best_valid_update: None,
            optimistic_header: header,
            previous_max_active_participants: 0,
            current_max_active_participants: 0,
        })
    }

    /// The latest finalized header.
    pub fn finalized_header(&self) -> &LightClientHeader {
        &self.finalized_header
    }

    /// The latest header that is likely to stay.
    pub fn optimistic_header(&self) -> &LightClientHeader {
        &self.optimistic_header
    }

    /// Takes in an update at the current slot. A refused update changes nothing.
    ///
    /// Source: altair `process_light_client_update`.
    pub fn process_update(
        &mut self,
        update: &LightClientUpdate,
        current_slot: u64,
    ) -> Result<(), TransitionError> {
        self.validate(update, current_slot)?;
        let better = |best: &LightClientUpdate| is_better_update(&self.spec, update, best);
        if self.best_valid_update.as_ref().is_none_or(better) {
            self.best_valid_update = Some(update.clone());
        }
        let bits = &update.sync_aggregate.sync_committee_bits;
        self.current_max_active_participants = self.current_max_active_participants.max(bits.count());
        if bits.count() > self.safety_threshold()
            && update.attested_header.beacon.slot > self.optimistic_header.beacon.slot
        {
            self.optimistic_header = update.attested_header.clone();
        }
        let completes = self.next_sync_committee.is_none()
            && is_sync_committee_update(update)
            && is_finality_update(update)
            && self.period(&update.finalized_header) == self.period(&update.attested_header);
        let advances = update.finalized_header.beacon.slot > self.finalized_header.beacon.slot;
        if is_supermajority(bits) && (advances || completes) {
            self.apply(update)?;
            self.best_valid_update = None;
        }
        Ok(())
    }

    /// Goes on with the best update there was, where nothing was finalized for a whole period.
    ///
    /// Source: altair `process_light_client_store_force_update`.
    pub fn force_update(&mut self, current_slot: u64) -> Result<(), TransitionError> {
        let finalized = self.finalized_header.beacon.slot;
        if current_slot <= finalized.saturating_add(self.spec.preset.update_timeout) {
            return Ok(());
        }
        let Some(mut update) = self.best_valid_update.take() else { return Ok(()) };
        if update.finalized_header.beacon.slot <= finalized {
            update.finalized_header = update.attested_header.clone();
        }
        self.apply(&update)
    }

    fn period(&self, header: &LightClientHeader) -> u64 {
        period_at_slot(&self.spec, header.beacon.slot)
    }

    /// Source: altair `get_safety_threshold`.
    fn safety_threshold(&self) -> usize {
        self.previous_max_active_participants.max(self.current_max_active_participants) / 2
    }

    /// Source: altair `apply_light_client_update`.
    fn apply(&mut self, update: &LightClientUpdate) -> Result<(), TransitionError> {
        let period = self.period(&self.finalized_header);
        let finalized = self.period(&update.finalized_header);
        let next =
            (!is_empty_committee(&update.next_sync_committee)).then(|| update.next_sync_committee.clone());
        match self.next_sync_committee.take() {
            None => {
                ensure!(finalized == period, "the update skips a period");
                self.next_sync_committee = next;
            }
            Some(known) if finalized == period.saturating_add(1) => {
                self.current_sync_committee = known;
                self.next_sync_committee = next;
                self.previous_max_active_participants = self.current_max_active_participants;
                self.current_max_active_participants = 0;
            }
            known => self.next_sync_committee = known,
        }
        if update.finalized_header.beacon.slot > self.finalized_header.beacon.slot {
            self.finalized_header = update.finalized_header.clone();
            if self.finalized_header.beacon.slot > self.optimistic_header.beacon.slot {
                self.optimistic_header = self.finalized_header.clone();
            }
        }
        Ok(())
    }

    /// Source: altair `validate_light_client_update`.
    fn validate(&self, update: &LightClientUpdate, current_slot: u64) -> Result<(), TransitionError> {
        let attested = &update.attested_header;
        let bits = &update.sync_aggregate.sync_committee_bits;
        ensure!(bits.count() as u64 >= self.spec.preset.min_sync_committee_participants, "too few took part");
        ensure!(
            is_valid_header(&self.spec, attested),
            "the payload's header is not that of the attested block"
        );
        ensure!(
            current_slot >= update.signature_slot
                && update.signature_slot > attested.beacon.slot
                && attested.beacon.slot >= update.finalized_header.beacon.slot,
            "the slots are not in order"
        );
        let period = self.period(&self.finalized_header);
        let signed = period_at_slot(&self.spec, update.signature_slot);
        let known = self.next_sync_committee.is_some();
        ensure!(
            signed == period || (known && signed == period.saturating_add(1)),
            "the update skips a period"
        );
        let of_period = self.period(attested) == period;
        ensure!(
            attested.beacon.slot > self.finalized_header.beacon.slot
                || (!known && is_sync_committee_update(update) && of_period),
            "the update tells nothing new"
        );
        self.validate_finality(update)?;
        self.validate_committee(update, of_period)?;
        self.validate_signature(update, signed == period)
    }

    fn validate_finality(&self, update: &LightClientUpdate) -> Result<(), TransitionError> {
        let shape = self.spec.shape(self.spec.fork_at_slot(update.attested_header.beacon.slot));
        let header = &update.finalized_header;
        if !is_finality_update(update) {
            ensure!(*header == empty_header(&shape), "there is a finalized header without its branch");
            return Ok(());
        }
        // At genesis the checkpoint names no block.
        let leaf = if header.beacon.slot == GENESIS_SLOT {
            ensure!(*header == empty_header(&shape), "the finalized header at genesis is not empty");
            [0; 32]
        } else {
            ensure!(
                is_valid_header(&self.spec, header),
                "the payload's header is not that of the finalized block"
            );
            header.beacon.hash_tree_root(&shape)
        };
        let root = &update.attested_header.beacon.state_root;
        ensure!(
            finalized_root(&shape).is_some_and(|place| place.verify(&leaf, &update.finality_branch, root)),
            "the finalized header is not that of the attested state"
        );
        Ok(())
    }

    fn validate_committee(&self, update: &LightClientUpdate, of_period: bool) -> Result<(), TransitionError> {
        if !is_sync_committee_update(update) {
            ensure!(
                is_empty_committee(&update.next_sync_committee),
                "there is a sync committee without its branch"
            );
            return Ok(());
        }
        if of_period && let Some(known) = &self.next_sync_committee {
            ensure!(update.next_sync_committee == *known, "the next sync committee is another one");
        }
        let shape = self.spec.shape(self.spec.fork_at_slot(update.attested_header.beacon.slot));
        let leaf = update.next_sync_committee.hash_tree_root(&shape);
        let root = &update.attested_header.beacon.state_root;
        ensure!(
            next_committee(&shape).is_some_and(|place| place.verify(
                &leaf,
                &update.next_sync_committee_branch,
                root
            )),
            "the sync committee is not that of the attested state"
        );
        Ok(())
    }

    fn validate_signature(&self, update: &LightClientUpdate, current: bool) -> Result<(), TransitionError> {
        let committee =
            if current { Some(&self.current_sync_committee) } else { self.next_sync_committee.as_ref() };
        let committee = committee.ok_or(Violation::Rule("the sync committee is not known"))?;
        let bits = &update.sync_aggregate.sync_committee_bits;
        let keys: Vec<_> = committee
            .pubkeys
            .iter()
            .zip(bits.iter())
            .filter(|(_, voted)| *voted)
            .map(|(key, _)| *key)
            .collect();
        let shape = self.spec.shape(self.spec.fork_at_slot(update.attested_header.beacon.slot));
        let version = self.spec.config.fork_version(self.spec.fork_at_slot(update.signature_slot.max(1) - 1));
        let domain = compute_domain(DOMAIN_SYNC_COMMITTEE, version, self.genesis_validators_root, &shape);
        let root = compute_signing_root(&update.attested_header.beacon, domain, &shape);
        if !bls::fast_aggregate_verify(&keys, &root, &update.sync_aggregate.sync_committee_signature) {
            return Err(Violation::Signature("the sync committee").into());
        }
        Ok(())
    }
}
