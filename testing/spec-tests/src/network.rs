//! The network that a case is for.

use consensus::spec::{FAR_FUTURE_EPOCH, Fork, Network, Spec};

/// The network of a preset on which a fork and all before it hold from the first epoch on, and no later one ever;
/// `None` for a preset that is not known.
pub(crate) fn at_fork(preset: &str, fork: Fork) -> Option<Spec> {
    let mut spec = base(preset)?;
    for each in Fork::ALL {
        spec.config.set_fork_epoch(each, if each <= fork { 0 } else { FAR_FUTURE_EPOCH });
    }
    Some(spec)
}

/// The network with another epoch for a fork.
pub(crate) fn with_fork_at(spec: &Spec, fork: Fork, epoch: u64) -> Spec {
    let mut spec = spec.clone();
    spec.config.set_fork_epoch(fork, epoch);
    spec
}

fn base(preset: &str) -> Option<Spec> {
    match preset {
        "mainnet" | "general" => Some(Network::Mainnet.spec()),
        "minimal" => Some(Network::Minimal.spec()),
        "gnosis" => Some(Network::Gnosis.spec()),
        _ => None,
    }
}
