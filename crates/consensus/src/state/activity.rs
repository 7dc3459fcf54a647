//! What the epochs of each validator say about the epochs around the current one, as one byte for each.
//!
//! The bytes are made once from the registry and then carried from epoch to epoch: of a million validators some dozens
//! change. Whoever changes an epoch of a validator, or slashes it, calls [`State::touch`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use crate::containers::Registry;
use crate::spec::FAR_FUTURE_EPOCH;

/// Active in the previous epoch.
pub(crate) const ACTIVE_BEFORE: u8 = 1 << 0;
/// Active in the current epoch.
pub(crate) const ACTIVE_NOW: u8 = 1 << 1;
/// Active in the next epoch.
pub(crate) const ACTIVE_NEXT: u8 = 1 << 2;
/// Slashed.
pub(crate) const SLASHED: u8 = 1 << 3;
/// Slashed, and not withdrawable in the current epoch.
pub(crate) const SLASHED_AND_KEPT: u8 = 1 << 4;
/// Did not ask for activation yet.
pub(crate) const SILENT: u8 = 1 << 5;
/// Asked for activation, and has no epoch for it yet.
pub(crate) const WAITING: u8 = 1 << 6;

/// The bytes of all validators for one epoch, and when they will change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    epoch: u64,
    bytes: Arc<Vec<u8>>,
    /// By epoch: validators that become active in it, or cease to be.
    changes: Arc<BTreeMap<u64, Vec<u32>>>,
    /// Slashed validators that are not withdrawable yet.
    slashed: Arc<Vec<u32>>,
    /// Validators whose byte is to be made anew.
    touched: Vec<u32>,
}

/// The byte of a validator.
fn byte_of(registry: &Registry, place: usize, epoch: u64) -> u8 {
    let far = |column: &[u64]| column.get(place) == Some(&FAR_FUTURE_EPOCH);
    let flag = |mark: u8, condition: bool| if condition { mark } else { 0 };
    let slashed = registry.slashed.get(place) == Some(&true);
    let kept = registry.withdrawable_epochs.get(place).is_some_and(|withdrawable| epoch < *withdrawable);
    let silent = far(&registry.activation_eligibility_epochs);
    flag(ACTIVE_BEFORE, registry.is_active(place, epoch.saturating_sub(1)))
        | flag(ACTIVE_NOW, registry.is_active(place, epoch))
        | flag(ACTIVE_NEXT, registry.is_active(place, epoch.saturating_add(1)))
        | flag(SLASHED, slashed)
        | flag(SLASHED_AND_KEPT, slashed && kept)
        | flag(SILENT, silent)
        | flag(WAITING, !silent && far(&registry.activation_epochs))
}

impl Activity {
    /// For an epoch, from nothing.
    fn new(registry: &Registry, epoch: u64) -> Self {
        let mut activity = Self { epoch, ..Self::default() };
        let bytes = Arc::make_mut(&mut activity.bytes);
        bytes.extend((0..registry.len()).map(|place| byte_of(registry, place, epoch)));
        let slashed = (0_u32..).zip(bytes.iter()).filter(|(_, byte)| **byte & SLASHED_AND_KEPT != 0);
        activity.slashed = Arc::new(slashed.map(|(validator, _)| validator).collect());
        let changes = Arc::make_mut(&mut activity.changes);
        let epochs = registry.activation_epochs.iter().zip(registry.exit_epochs.iter());
        for (validator, (start, end)) in (0_u32..).zip(epochs) {
            expect(changes, validator, [*start, *end], epoch);
        }
        activity
    }

    /// Goes on to the next epoch.
    fn advance(&mut self, registry: &Registry) {
        self.epoch = self.epoch.saturating_add(1);
        for byte in Arc::make_mut(&mut self.bytes) {
            // Each of the three goes one place down, and the next epoch is as the current one until a change says so.
            let active = *byte & (ACTIVE_NOW | ACTIVE_NEXT);
            *byte = *byte & !(ACTIVE_BEFORE | ACTIVE_NOW) | active >> 1;
        }
        let known = Arc::make_mut(&mut self.changes);
        let later = known.split_off(&self.epoch.saturating_add(2));
        let due = std::mem::replace(known, later);
        self.touched.extend(due.into_values().flatten());
        let slashed = std::mem::take(&mut self.slashed);
        self.touched.extend(slashed.iter());
        for validator in slashed.iter() {
            // They come into the list again where they still belong there.
            if let Some(byte) = Arc::make_mut(&mut self.bytes).get_mut(*validator as usize) {
                *byte &= !SLASHED_AND_KEPT;
            }
        }
        self.renew(registry);
    }

    /// Makes the bytes of touched and of new validators anew.
    fn renew(&mut self, registry: &Registry) {
        let known = self.bytes.len();
        self.touched.extend((0_u32..).take(registry.len()).skip(known));
        if self.touched.is_empty() {
            return;
        }
        let bytes = Arc::make_mut(&mut self.bytes);
        bytes.resize(registry.len(), 0);
        let changes = Arc::make_mut(&mut self.changes);
        for validator in self.touched.drain(..) {
            let place = validator as usize;
            let Some(byte) = bytes.get_mut(place) else { continue };
            let before = std::mem::replace(byte, byte_of(registry, place, self.epoch));
            if *byte & !before & SLASHED_AND_KEPT != 0 {
                Arc::make_mut(&mut self.slashed).push(validator);
            }
            let epochs = [&registry.activation_epochs, &registry.exit_epochs];
            let epochs = epochs.map(|column| column.get(place).copied().unwrap_or(FAR_FUTURE_EPOCH));
            expect(changes, validator, epochs, self.epoch);
        }
    }
}

/// Notes that a validator changes in each of the epochs that lie behind the next one.
fn expect(changes: &mut BTreeMap<u64, Vec<u32>>, validator: u32, epochs: [u64; 2], epoch: u64) {
    for change in epochs {
        if change > epoch.saturating_add(1) && change != FAR_FUTURE_EPOCH {
            changes.entry(change).or_default().push(validator);
        }
    }
}

impl State {
    /// The bytes of all validators for the current epoch.
    pub(crate) fn activity(&mut self) -> Arc<Vec<u8>> {
        let epoch = self.current_epoch();
        let registry = &self.data.validators;
        let activity = match self.caches.activity.take() {
            Some(mut activity) if activity.epoch == epoch && activity.bytes.len() <= registry.len() => {
                activity.renew(registry);
                activity
            }
            Some(mut activity)
                if activity.epoch.checked_add(1) == Some(epoch) && activity.bytes.len() <= registry.len() =>
            {
                activity.advance(registry);
                activity
            }
            _ => Activity::new(registry, epoch),
        };
        debug_assert_eq!(activity.bytes, Activity::new(registry, epoch).bytes, "a validator was not touched");
        let bytes = Arc::clone(&activity.bytes);
        self.caches.activity = Some(activity);
        bytes
    }

    /// Slashed validators that are not withdrawable in the epoch that [`State::activity`] was last called in.
    pub(crate) fn slashed_and_kept(&self) -> Arc<Vec<u32>> {
        self.caches.activity.as_ref().map(|activity| Arc::clone(&activity.slashed)).unwrap_or_default()
    }

    /// To be called when an epoch of a validator changes, or it is slashed.
    pub(crate) fn touch(&mut self, validator: u64) {
        if let (Some(activity), Ok(validator)) = (&mut self.caches.activity, u32::try_from(validator)) {
            activity.touched.push(validator);
        }
    }

    /// To be called when epochs of many validators change.
    pub(crate) fn forget_activity(&mut self) {
        self.caches.activity = None;
    }
}
