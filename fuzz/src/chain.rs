//! A small network for blocks and states.

use consensus::spec::{Config, Fork, Preset, Spec};

/// The minimal preset with a fork that holds from genesis on.
pub fn spec(fork: Fork) -> Spec {
    let mut spec = Spec {
        preset: Preset::MINIMAL,
        config: Config { config_name: "fuzz".to_owned(), ..Config::default() },
    };
    for earlier in Fork::ALL.into_iter().filter(|earlier| *earlier <= fork) {
        spec.config.set_fork_epoch(earlier, 0);
    }
    spec
}
