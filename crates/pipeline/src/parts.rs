//! The parts into which test results of a training set are divided.

use consensus::Slot;
use fingerprint::score::{SliceBy, Slicing};
use fingerprint::{DataOrigin, TrainingSet};

use crate::label::forks::{fork_of, forks, slots_per_epoch};

/// Divisions by what the rows tell, and by fork and place in the epoch where the network of the blocks is stated and
/// known. Without a network slots say nothing.
pub(crate) fn slicings(set: &TrainingSet, origin: &DataOrigin) -> Vec<Slicing> {
    let network = origin.network.as_deref().filter(|network| slots_per_epoch(network).is_some());
    let mut slicings = Slicing::of(set, network.and_then(slots_per_epoch));
    slicings.extend(network.map(|network| by_fork(set, network)));
    slicings
}

/// Forks without a block are left out when results are gathered.
fn by_fork(set: &TrainingSet, network: &str) -> Slicing {
    let names: Vec<&str> = forks(network).collect();
    let part = |slot: &Slot| names.iter().position(|name| *name == fork_of(network, slot.0));
    let named = names.iter().map(|name| (*name).to_owned()).collect();
    Slicing::new(SliceBy::Fork, named, set.slots.iter().map(part))
}
