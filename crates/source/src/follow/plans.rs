//! The forks to come, as nodes plan them: a node is upgraded while the chain is followed, and then knows more.

use consensus::spec::{Config, Spec};

use crate::beacon_api::{ApiError, BeaconApi};

/// What a node's plans mean for a chain that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// Nothing new.
    Same,
    /// What is planned is another thing from this epoch on.
    Changed(u64),
    /// They can't be meant: they change what is final, or were given up before.
    Strange(u64),
}

/// The network as the node knows it that plans most of its future. The others were not upgraded yet.
pub(crate) async fn asked(api: &BeaconApi) -> Result<Spec, ApiError> {
    let (first, _) = api.spec().await?;
    if api.names().count() < 2 {
        return Ok(first);
    }
    let others = api.spec_of_each().await.into_iter().flatten();
    Ok(others.fold(first, fuller))
}

/// The one that plans more of two of the same network; the first of equals.
fn fuller(first: Spec, other: Spec) -> Spec {
    let (ours, theirs) = (&first.config, &other.config);
    let is_same = ours.config_name == theirs.config_name && ours.forks.first() == theirs.forks.first();
    let amount = |config: &Config| (config.plans(), config.unknown_forks.len());
    if is_same && amount(theirs) > amount(ours) { other } else { first }
}

/// What new plans mean where everything before `final_epoch` is final.
pub(super) fn judge(ours: &Config, theirs: &Config, final_epoch: u64, given_up: &[Config]) -> Plans {
    match ours.plans_part_at(theirs) {
        None => Plans::Same,
        // A node that was not upgraded yet.
        Some(_) if theirs.plans() < ours.plans() => Plans::Same,
        Some(epoch) if epoch <= final_epoch => Plans::Strange(epoch),
        Some(epoch) if given_up.iter().any(|known| known.plans_part_at(theirs).is_none()) => {
            Plans::Strange(epoch)
        }
        Some(epoch) => Plans::Changed(epoch),
    }
}

#[cfg(test)]
mod tests {
    use consensus::spec::{Fork, Network, UnknownFork};

    use super::*;

    fn planned(gloas: u64) -> Spec {
        let mut spec = Network::Mainnet.spec();
        spec.config.set_fork_epoch(Fork::Gloas, gloas);
        spec
    }

    #[test]
    fn only_more_of_the_future_is_taken_over() {
        let old = planned(u64::MAX).config;
        let [early, late] = [600_000, 700_000].map(|epoch| planned(epoch).config);
        assert_eq!(judge(&old, &old, 590_000, &[]), Plans::Same);
        assert_eq!(judge(&old, &early, 590_000, &[]), Plans::Changed(600_000));
        assert_eq!(judge(&early, &old, 590_000, &[]), Plans::Same, "it was not upgraded yet");
        assert_eq!(judge(&early, &late, 590_000, &[]), Plans::Changed(600_000), "it was put off");
        assert_eq!(judge(&late, &early, 590_000, &[old.clone(), early.clone()]), Plans::Strange(600_000));
        assert_eq!(judge(&old, &early, 600_000, &[]), Plans::Strange(600_000), "what is final stays");
    }

    #[test]
    fn the_node_that_knows_most_is_believed_if_it_is_of_the_network() {
        let (old, new) = (planned(u64::MAX), planned(600_000));
        assert_eq!(fuller(old.clone(), new.clone()), new);
        assert_eq!(fuller(new.clone(), old.clone()), new);
        assert_eq!(fuller(new.clone(), planned(700_000)), new);
        let mut other = Network::Hoodi.spec();
        other.config.set_fork_epoch(Fork::Gloas, 5);
        assert_eq!(fuller(old.clone(), other), old);
        let mut unknown = old.clone();
        unknown.config.unknown_forks.push(UnknownFork { name: "heze".to_owned(), epoch: 9 });
        assert_eq!(fuller(old, unknown.clone()), unknown);
    }
}
