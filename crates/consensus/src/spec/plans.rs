//! What a network plans: forks and limits of blobs to come, also those that have no rules here yet.

use serde_json::Value;

use super::config::number;
use super::{BlobParameters, Config, FAR_FUTURE_EPOCH};

/// A fork that is planned and has no rules here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFork {
    /// The name before `_FORK_EPOCH`, in small letters.
    pub name: String,
    /// Its first epoch.
    pub epoch: u64,
}

/// Forks without rules here that are remembered of a configuration.
const UNKNOWN_FORKS: usize = 16;
/// The longest of their names, in bytes.
const UNKNOWN_NAME: usize = 32;

impl Config {
    /// Remembers a fork without rules here, if it is planned.
    pub(super) fn note_unknown_fork(&mut self, name: &str, value: &Value) {
        let is_name = (1..=UNKNOWN_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let planned = number(name, value).ok().filter(|epoch| *epoch != FAR_FUTURE_EPOCH);
        if let (true, Some(epoch)) = (is_name && self.unknown_forks.len() < UNKNOWN_FORKS, planned) {
            self.unknown_forks.push(UnknownFork { name: name.to_ascii_lowercase(), epoch });
        }
    }

    /// How much of the future is planned: forks with a time, and limits of blobs. Who was told of a fork plans more
    /// than who was not.
    pub fn plans(&self) -> usize {
        self.forks.iter().filter(|(_, epoch)| *epoch != FAR_FUTURE_EPOCH).count() + self.blob_schedule.len()
    }

    /// The first epoch for which two configurations of a network plan different forks or limits of blobs; none where
    /// they plan the same.
    pub fn plans_part_at(&self, other: &Self) -> Option<u64> {
        let forks = self.forks.iter().zip(&other.forks).filter(|(a, b)| a != b).map(|(a, b)| a.1.min(b.1));
        let lone = |entries: &[BlobParameters], others: &[BlobParameters]| {
            entries.iter().filter(|entry| !others.contains(entry)).map(|entry| entry.epoch).min()
        };
        let blobs = [
            lone(&self.blob_schedule, &other.blob_schedule),
            lone(&other.blob_schedule, &self.blob_schedule),
        ];
        forks.chain(blobs.into_iter().flatten()).filter(|epoch| *epoch != FAR_FUTURE_EPOCH).min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::spec::{Fork, Network, Spec};

    fn mainnet(change: impl FnOnce(&mut BTreeMap<String, Value>)) -> Spec {
        let mut values = Network::Mainnet.spec().to_values();
        change(&mut values);
        Spec::from_values(&values).expect("a configuration")
    }

    #[test]
    fn a_fork_without_rules_is_remembered_where_it_is_planned() {
        let later = mainnet(|values| {
            values.insert("HEZE_FORK_EPOCH".into(), json!("700000"));
            values.insert("EIP9999_FORK_EPOCH".into(), json!("650000"));
            values.insert("WHISK_FORK_EPOCH".into(), json!(FAR_FUTURE_EPOCH.to_string()));
            values.insert("<b>_FORK_EPOCH".into(), json!("1"));
            values.insert(format!("{}_FORK_EPOCH", "A".repeat(33)), json!("1"));
            values.insert("_FORK_EPOCH".into(), json!("1"));
        });
        let fork = |name: &str, epoch| UnknownFork { name: name.to_owned(), epoch };
        assert_eq!(later.config.unknown_forks, [fork("eip9999", 650_000), fork("heze", 700_000)]);
        assert_eq!(Spec::from_values(&later.to_values()).expect("a configuration"), later);
        assert_eq!(later.config.plans_part_at(&mainnet(|_| {}).config), None);
        let many = mainnet(|values| {
            values.extend((0..100).map(|number| (format!("F{number}_FORK_EPOCH"), json!("5"))));
        });
        assert_eq!(many.config.unknown_forks.len(), 16);
    }

    #[test]
    fn plans_part_at_the_first_epoch_that_differs() {
        let known = mainnet(|_| {});
        let parts = |other: &Spec| {
            assert_eq!(known.config.plans_part_at(&other.config), other.config.plans_part_at(&known.config));
            known.config.plans_part_at(&other.config)
        };
        assert_eq!(parts(&known), None);
        let at = known.config.fork_epoch(Fork::Fulu) + 90_000;
        let forked = mainnet(|values| drop(values.insert("GLOAS_FORK_EPOCH".into(), json!(at.to_string()))));
        assert_eq!(parts(&forked), Some(at));
        assert!(forked.config.plans() > known.config.plans());
        let mut blobs = forked.clone();
        blobs.config.blob_schedule.push(BlobParameters { epoch: at - 5, max_blobs_per_block: 48 });
        assert_eq!(parts(&blobs), Some(at - 5));
        assert_eq!(forked.config.plans_part_at(&blobs.config), Some(at - 5));
        // A version of a fork without a time says nothing yet.
        let version = mainnet(|values| drop(values.insert("GLOAS_FORK_VERSION".into(), json!("0x07000001"))));
        assert_eq!(parts(&version), None);
    }
}
