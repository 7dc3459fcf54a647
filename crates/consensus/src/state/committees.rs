//! Who votes in which committee: the shuffling of an epoch.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::State;
use super::shuffle::shuffle_list;
use crate::block::mixed;
use crate::containers::{Registry, SignatureBytes};
use crate::primitives::Root;
use crate::spec::{DOMAIN_BEACON_ATTESTER, Spec};
use crate::transition::math::index;
use crate::transition::{TransitionError, Violation, ensure};

/// The active validators of an epoch, in order and shuffled into committees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shuffling {
    epoch: u64,
    seed: [u8; 32],
    committees_per_slot: u64,
    slots_per_epoch: u64,
    active: Vec<u32>,
    shuffled: Vec<u32>,
}

impl Shuffling {
    /// Shuffles the active validators of an epoch.
    pub fn compute(spec: &Spec, registry: &Registry, epoch: u64, seed: [u8; 32]) -> Self {
        Self::of(spec, active_indices(registry, epoch), epoch, seed)
    }

    /// Shuffles validators.
    fn of(spec: &Spec, active: Vec<u32>, epoch: u64, seed: [u8; 32]) -> Self {
        let mut shuffled = active.clone();
        shuffle_list(&mut shuffled, &seed, spec.preset.shuffle_round_count as u8);
        let preset = &spec.preset;
        let committees_per_slot = (active.len() as u64)
            .checked_div(preset.slots_per_epoch)
            .and_then(|per_slot| per_slot.checked_div(preset.target_committee_size))
            .unwrap_or_default()
            .clamp(1, preset.max_committees_per_slot.max(1));
        Self { epoch, seed, committees_per_slot, slots_per_epoch: preset.slots_per_epoch, active, shuffled }
    }

    /// The shuffling that some committees are of: those of all slots of an epoch, in order of slot and index. `None`
    /// where their sizes are not those of a shuffling.
    pub fn of_committees(spec: &Spec, epoch: u64, committees: &[Vec<u32>]) -> Option<Self> {
        let slots_per_epoch = spec.preset.slots_per_epoch;
        let per_slot = (committees.len() as u64).checked_div(slots_per_epoch)?;
        let shuffled: Vec<u32> = committees.iter().flatten().copied().collect();
        let mut active = shuffled.clone();
        active.sort_unstable();
        let shuffling =
            Self { epoch, seed: [0; 32], committees_per_slot: per_slot, slots_per_epoch, active, shuffled };
        let mut end = 0;
        for (number, committee) in (0_u64..).zip(committees) {
            end += committee.len();
            if shuffling.boundary(number + 1)? != end {
                return None;
            }
        }
        (per_slot > 0 && per_slot * slots_per_epoch == committees.len() as u64).then_some(shuffling)
    }

    /// The epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Committees of each slot.
    ///
    /// Source: phase0 `get_committee_count_per_slot`.
    pub fn committees_per_slot(&self) -> u64 {
        self.committees_per_slot
    }

    /// The active validators, ascending.
    pub fn active(&self) -> &[u32] {
        &self.active
    }

    /// The members of a committee, in order; `None` where there is no such committee.
    ///
    /// Source: phase0 `get_beacon_committee`.
    pub fn committee(&self, slot: u64, committee: u64) -> Option<&[u32]> {
        if committee >= self.committees_per_slot {
            return None;
        }
        let number = slot.checked_rem(self.slots_per_epoch)?.checked_mul(self.committees_per_slot)?;
        let number = number.checked_add(committee)?;
        self.shuffled.get(self.boundary(number)?..self.boundary(number.checked_add(1)?)?)
    }

    /// The members of all committees of a slot, one committee after another.
    pub(crate) fn members_of_slot(&self, slot: u64) -> Option<&[u32]> {
        let first = slot.checked_rem(self.slots_per_epoch)?.checked_mul(self.committees_per_slot)?;
        let end = first.checked_add(self.committees_per_slot)?;
        self.shuffled.get(self.boundary(first)?..self.boundary(end)?)
    }

    /// The position in the shuffling at which a committee of the epoch begins.
    fn boundary(&self, number: u64) -> Option<usize> {
        let committees = self.committees_per_slot.checked_mul(self.slots_per_epoch)?;
        (self.shuffled.len() as u64).checked_mul(number)?.checked_div(committees).map(index)
    }
}

/// The validators that are active in an epoch, ascending.
///
/// Source: phase0 `get_active_validator_indices`.
pub(crate) fn active_indices(registry: &Registry, epoch: u64) -> Vec<u32> {
    let epochs = registry.activation_epochs.iter().zip(registry.exit_epochs.iter());
    let mut active = vec![0_u32; registry.activation_epochs.len()];
    // Each index is written where the next active one belongs: there is no branch to foresee.
    let mut count = 0_usize;
    for (validator, (start, end)) in (0_u32..).zip(epochs) {
        if let Some(place) = active.get_mut(count) {
            *place = validator;
        }
        count += usize::from((*start <= epoch) & (epoch < *end));
    }
    active.truncate(count);
    active
}

/// A shuffling that may be computed on another thread, ahead of its use.
#[derive(Clone, Debug)]
pub struct ShufflingTask {
    spec: Arc<Spec>,
    epoch: u64,
    seed: [u8; 32],
    /// Let go once it is used, so that the state's columns are not held shared.
    registry: Arc<Mutex<Registry>>,
    result: Arc<OnceLock<Arc<Shuffling>>>,
}

impl ShufflingTask {
    /// Computes the shuffling, unless that is done; waits where another thread is at it.
    pub fn run(&self) -> Arc<Shuffling> {
        let compute = || {
            let registry = std::mem::take(&mut *self.registry.lock().unwrap_or_else(PoisonError::into_inner));
            let active = active_indices(&registry, self.epoch);
            // The columns are the state's again: it need not copy them to write.
            drop(registry);
            Arc::new(Shuffling::of(&self.spec, active, self.epoch, self.seed))
        };
        Arc::clone(self.result.get_or_init(compute))
    }
}

impl State {
    /// Prepares the shuffling of the next epoch, to be computed on another thread. The state waits for it where it
    /// needs it, and computes it itself where nobody did. Seed and active validators of the next epoch are final
    /// from the first slot of the current one.
    pub fn prepare_next_shuffling(&mut self) -> Result<ShufflingTask, TransitionError> {
        let epoch = self.current_epoch().saturating_add(1);
        let seed = self.seed(epoch, DOMAIN_BEACON_ATTESTER)?;
        Ok(self.prepare_shuffling(epoch, seed))
    }

    /// As [`State::prepare_next_shuffling`], an epoch further ahead: from the randao reveals of all blocks that are
    /// still to come in the current epoch, in any order. Where other blocks come, the shuffling is not used.
    pub fn prepare_shuffling_after_next<'a>(
        &mut self,
        reveals: impl IntoIterator<Item = &'a SignatureBytes>,
    ) -> Result<ShufflingTask, TransitionError> {
        let current = self.current_epoch();
        let preset = &self.spec.preset;
        ensure!(
            preset.max_seed_lookahead >= 2 && preset.min_seed_lookahead == 1,
            "the validators of the epoch after the next are not known ahead in this preset"
        );
        let mix = reveals.into_iter().fold(self.randao_mix(current)?, mixed);
        let epoch = current.saturating_add(2);
        Ok(self.prepare_shuffling(epoch, seed_from(mix, epoch, DOMAIN_BEACON_ATTESTER)))
    }

    fn prepare_shuffling(&mut self, epoch: u64, seed: [u8; 32]) -> ShufflingTask {
        let known = self.caches.upcoming.iter().find(|task| task.epoch == epoch && task.seed == seed);
        if let Some(task) = known {
            return task.clone();
        }
        let task = ShufflingTask {
            spec: Arc::clone(&self.spec),
            epoch,
            seed,
            registry: Arc::new(Mutex::new(Registry {
                activation_epochs: Arc::clone(&self.data.validators.activation_epochs),
                exit_epochs: Arc::clone(&self.data.validators.exit_epochs),
                ..Registry::default()
            })),
            result: Arc::default(),
        };
        let current = self.current_epoch();
        // That of the current epoch may not have been asked for yet.
        self.caches.upcoming.retain(|kept| kept.epoch >= current && kept.epoch != epoch);
        self.caches.upcoming.push(task.clone());
        task
    }

    /// The shuffling of the previous, the current or the next epoch.
    pub fn shuffling(&mut self, epoch: u64) -> Result<Arc<Shuffling>, TransitionError> {
        let current = self.current_epoch();
        if epoch > current.saturating_add(1) || epoch < self.previous_epoch() {
            return Err(
                Violation::Rule("committees are known for the epochs around the current one only").into()
            );
        }
        if let Some(found) = self.caches.shufflings.iter().find(|shuffling| shuffling.epoch == epoch) {
            return Ok(Arc::clone(found));
        }
        let seed = self.seed(epoch, DOMAIN_BEACON_ATTESTER)?;
        let prepared = self.caches.upcoming.extract_if(.., |task| task.epoch == epoch).last();
        let shuffling = match prepared {
            Some(task) if task.seed == seed => task.run(),
            _ => Arc::new(Shuffling::compute(&self.spec, &self.data.validators, epoch, seed)),
        };
        self.caches.shufflings.retain(|kept| kept.epoch.saturating_add(2) > current && kept.epoch < epoch);
        self.caches.shufflings.push(Arc::clone(&shuffling));
        Ok(shuffling)
    }

    /// Takes another's word for the shuffling of an epoch.
    pub(crate) fn know_shuffling(&mut self, shuffling: Arc<Shuffling>) {
        self.caches.shufflings.retain(|kept| kept.epoch != shuffling.epoch);
        self.caches.shufflings.push(shuffling);
    }

    /// The shuffling of an epoch that begins after the next one, or of one that [`State::shuffling`] knows.
    pub(crate) fn shuffling_ahead(&mut self, epoch: u64) -> Result<Arc<Shuffling>, TransitionError> {
        if epoch <= self.current_epoch().saturating_add(1) {
            return self.shuffling(epoch);
        }
        let seed = self.seed(epoch, DOMAIN_BEACON_ATTESTER)?;
        let shuffling = Arc::new(Shuffling::compute(&self.spec, &self.data.validators, epoch, seed));
        // It is wanted again when that epoch comes nearer.
        self.caches.shufflings.retain(|kept| kept.epoch < epoch);
        self.caches.shufflings.push(Arc::clone(&shuffling));
        Ok(shuffling)
    }

    /// The members of a committee of a slot in the previous, current or next epoch, as a copy.
    ///
    /// Source: phase0 `get_beacon_committee`.
    pub fn beacon_committee(&mut self, slot: u64, committee: u64) -> Result<Vec<u32>, TransitionError> {
        let shuffling = self.shuffling(self.spec.epoch_at(slot))?;
        shuffling
            .committee(slot, committee)
            .map(<[u32]>::to_vec)
            .ok_or(Violation::Rule("there is no such committee").into())
    }

    /// The seed of an epoch for a purpose.
    ///
    /// Source: phase0 `get_seed`.
    pub fn seed(&self, epoch: u64, domain: [u8; 4]) -> Result<[u8; 32], TransitionError> {
        let preset = &self.spec.preset;
        let back = preset.min_seed_lookahead.saturating_add(1);
        let at = epoch.saturating_add(preset.epochs_per_historical_vector).saturating_sub(back);
        Ok(seed_from(self.randao_mix(at)?, epoch, domain))
    }
}

/// The seed of an epoch for a purpose, from the mix that it rests on.
fn seed_from(Root(mix): Root, epoch: u64, domain: [u8; 4]) -> [u8; 32] {
    let mut message = Vec::with_capacity(44);
    message.extend_from_slice(&domain);
    message.extend_from_slice(&epoch.to_le_bytes());
    message.extend_from_slice(&mix);
    crate::ssz::merkle::hash(&message)
}
