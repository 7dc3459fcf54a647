//! The forks to come, as nodes plan them: a node is upgraded while the chain is followed, and then knows more.

use consensus::spec::Config;

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
    use consensus::spec::{Fork, Network, Spec};

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
}
