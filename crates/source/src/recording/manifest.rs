//! The manifest: where a recording comes from, what it covers, and the digests of its files.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use consensus::{Root, Slot};
use serde::{Deserialize, Serialize};

/// The version of the manifest's form.
const FORMAT: u32 = 1;

/// Slots that a recording covers, both ends included: a slot in it without a block had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The first slot.
    pub first: Slot,
    /// The last slot.
    pub last: Slot,
}

/// What `manifest.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form.
    pub format: u32,
    /// Where the blocks come from, as a person would say it: nodes (without passwords), a file, a simulation.
    pub origin: Vec<String>,
    /// What the nodes said of themselves.
    pub client_versions: Vec<String>,
    /// The name of the network.
    pub network: String,
    /// The root of the validators at genesis: the identity of the network.
    pub genesis_validators_root: Root,
    /// The slots that were looked at, ascending, with gaps between them.
    pub ranges: Vec<Covered>,
    /// The BLAKE3 digest of each file as it is stored, in hexadecimal, by its path.
    pub blake3: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of nothing.
    pub fn new(network: impl Into<String>, genesis_validators_root: Root) -> Self {
        Self {
            format: FORMAT,
            origin: Vec::new(),
            client_versions: Vec::new(),
            network: network.into(),
            genesis_validators_root,
            ranges: Vec::new(),
            blake3: BTreeMap::new(),
        }
    }

    /// Reads a manifest.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!("format: {} is not known; {FORMAT} is", manifest.format));
        }
        // The files are read for their digests: none but those of the recording.
        let inside = |name: &str| {
            let parts = Path::new(name).components();
            !name.is_empty() && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
        };
        if let Some(name) = manifest.blake3.keys().find(|name| !inside(name)) {
            let name: String = name.chars().take(80).collect();
            return Err(format!("blake3: {name:?} is no file of the recording"));
        }
        let ascending = manifest.ranges.windows(2).all(|pair| match pair {
            [before, after] => before.last.0.saturating_add(1) < after.first.0,
            _ => true,
        });
        if !ascending || manifest.ranges.iter().any(|range| range.last < range.first) {
            return Err("ranges: they are not ascending with gaps between them".to_owned());
        }
        Ok(manifest)
    }

    /// Whether a slot was looked at.
    pub fn covers(&self, slot: Slot) -> bool {
        let after = self.ranges.partition_point(|range| range.first <= slot);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|range| slot <= range.last)
    }

    /// Takes a slot as looked at.
    pub(super) fn cover(&mut self, slot: Slot) {
        if self.covers(slot) {
            return;
        }
        let at = self.ranges.partition_point(|range| range.first <= slot);
        let joins_before = at
            .checked_sub(1)
            .filter(|before| self.ranges.get(*before).is_some_and(|range| slot.0 - range.last.0 == 1));
        let joins_after = self.ranges.get(at).is_some_and(|range| range.first.0 - slot.0 == 1);
        match (joins_before, joins_after) {
            (Some(before), true) => {
                let last = self.ranges.remove(at).last;
                if let Some(range) = self.ranges.get_mut(before) {
                    range.last = last;
                }
            }
            (Some(before), false) => {
                if let Some(range) = self.ranges.get_mut(before) {
                    range.last = slot;
                }
            }
            (None, true) => {
                if let Some(range) = self.ranges.get_mut(at) {
                    range.first = slot;
                }
            }
            (None, false) => self.ranges.insert(at, Covered { first: slot, last: slot }),
        }
    }

    /// Takes the slots from `first` to `last`, both included, as not looked at.
    pub(super) fn uncover(&mut self, first: Slot, last: Slot) {
        let ranges = std::mem::take(&mut self.ranges);
        self.ranges = ranges
            .into_iter()
            .flat_map(|range| {
                if last < range.first || first > range.last {
                    return [Some(range), None];
                }
                let below = first.0.checked_sub(1).map(|end| Covered { first: range.first, last: Slot(end) });
                let above =
                    last.0.checked_add(1).map(|start| Covered { first: Slot(start), last: range.last });
                [below, above]
            })
            .flatten()
            .filter(|range| range.first <= range.last)
            .collect();
    }

    /// Takes up an origin or client version that is not listed yet.
    pub(super) fn note(list: &mut Vec<String>, entry: &str) {
        if !list.iter().any(|known| known == entry) {
            list.push(entry.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_the_slots_that_were_covered(
            changes in proptest::collection::vec((0..60_u64, 0..4_u64, proptest::bool::weighted(0.8)), 0..120)
        ) {
            let mut manifest = Manifest::new("test", Root::default());
            let mut set = BTreeSet::new();
            for (slot, more, covered) in changes {
                if covered {
                    manifest.cover(Slot(slot));
                    set.insert(slot);
                } else {
                    manifest.uncover(Slot(slot), Slot(slot + more));
                    set.retain(|known| !(slot..=slot + more).contains(known));
                }
            }
            for slot in 0..62 {
                prop_assert_eq!(manifest.covers(Slot(slot)), set.contains(&slot), "slot {}", slot);
            }
            let text = serde_json::to_string(&manifest).expect("JSON");
            prop_assert_eq!(Manifest::from_json(&text), Ok(manifest));
        }
    }

    #[test]
    fn the_ends_of_the_number_range_are_slots_too() {
        let mut manifest = Manifest::new("test", Root::default());
        for slot in [u64::MAX, 0, u64::MAX - 1, 1] {
            manifest.cover(Slot(slot));
        }
        assert_eq!(manifest.ranges.len(), 2);
        assert!(manifest.covers(Slot(u64::MAX)) && !manifest.covers(Slot(2)));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let mut manifest = Manifest::new("test", Root::default());
        manifest.cover(Slot(5));
        let good = serde_json::to_value(&manifest).expect("JSON");
        let sentence = |change: fn(&mut serde_json::Value)| {
            let mut bad = good.clone();
            change(&mut bad);
            Manifest::from_json(&bad.to_string()).expect_err("refused")
        };
        assert!(sentence(|json| json["format"] = 2.into()).contains("format: 2 is not known"));
        assert!(sentence(|json| json["ranges"][0]["last"] = 4.into()).starts_with("ranges"));
        assert!(
            sentence(
                |json| json["ranges"] = serde_json::json!([{"first": 1, "last": 4}, {"first": 5, "last": 6}])
            )
            .starts_with("ranges")
        );
        assert!(sentence(|json| json["genesis_validators_root"] = "0x".into()).contains("a root"));
        for (name, file) in [("device", "/dev/zero"), ("above", "../blocks/1.ssz"), ("none", "")] {
            let mut bad = good.clone();
            bad["blake3"] = serde_json::json!({ file: "00" });
            let error = Manifest::from_json(&bad.to_string()).expect_err(name);
            assert!(error.contains("is no file of the recording"), "{error}");
        }
        assert!(
            sentence(|json| drop(json.as_object_mut().expect("an object").remove("blake3")))
                .contains("blake3")
        );
    }
}
