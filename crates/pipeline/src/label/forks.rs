//! Which fork a slot belongs to, for the column `fork` of a training set.

/// A network's slots per epoch, and its forks with the epoch each begins at, in order.
struct Network {
    name: &'static str,
    slots_per_epoch: u64,
    forks: &'static [(&'static str, u64)],
}

/// The networks whose forks are known.
pub fn known_networks() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|network| network.name)
}

const NETWORKS: [Network; 5] = [
    Network {
        name: "mainnet",
        slots_per_epoch: 32,
        forks: &[
            ("phase0", 0),
            ("altair", 74_240),
            ("bellatrix", 144_896),
            ("capella", 194_048),
            ("deneb", 269_568),
            ("electra", 364_032),
            ("fulu", 411_392),
        ],
    },
    Network {
        name: "sepolia",
        slots_per_epoch: 32,
        forks: &[
            ("phase0", 0),
            ("altair", 50),
            ("bellatrix", 100),
            ("capella", 56_832),
            ("deneb", 132_608),
            ("electra", 222_464),
            ("fulu", 272_640),
        ],
    },
    Network {
        name: "holesky",
        slots_per_epoch: 32,
        forks: &[
            ("bellatrix", 0),
            ("capella", 256),
            ("deneb", 29_696),
            ("electra", 115_968),
            ("fulu", 165_120),
        ],
    },
    Network {
        name: "hoodi",
        slots_per_epoch: 32,
        forks: &[("deneb", 0), ("electra", 2_048), ("fulu", 50_688)],
    },
    Network {
        name: "gnosis",
        slots_per_epoch: 16,
        forks: &[
            ("phase0", 0),
            ("altair", 512),
            ("bellatrix", 385_536),
            ("capella", 648_704),
            ("deneb", 889_856),
            ("electra", 1_337_856),
        ],
    },
];

/// How many slots an epoch of a network has, if the network is known.
pub(crate) fn slots_per_epoch(network: &str) -> Option<u64> {
    NETWORKS.iter().find(|known| known.name == network).map(|network| network.slots_per_epoch)
}

/// The names of a network's forks, in order; none if the network is not known.
pub(crate) fn forks(network: &str) -> impl Iterator<Item = &'static str> {
    let known = NETWORKS.iter().find(|known| known.name == network);
    known.into_iter().flat_map(|network| network.forks.iter().map(|(name, _)| *name))
}

/// The fork of a slot, or "unknown" on a network whose forks are not known here.
pub(crate) fn fork_of(network: &str, slot: u64) -> &'static str {
    let Some(network) = NETWORKS.iter().find(|known| known.name == network) else { return "unknown" };
    let epoch = slot / network.slots_per_epoch;
    network.forks.iter().rev().find(|(_, from)| epoch >= *from).map_or("unknown", |(name, _)| name)
}

/// The version that graffiti states, up to the minor number, or "unknown".
pub(super) fn generation_of(graffiti: &str) -> String {
    let bytes = graffiti.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    for (dot, _) in graffiti.match_indices('.') {
        let before = bytes.iter().take(dot).rev().take_while(|byte| byte.is_ascii_digit()).count();
        let after = digits(dot + 1);
        if (1..=4).contains(&before) && (1..=4).contains(&after) {
            return graffiti.get(dot - before..dot + 1 + after).unwrap_or("unknown").to_owned();
        }
    }
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_know_their_fork() {
        assert_eq!(fork_of("mainnet", 1_000_000), "phase0");
        assert_eq!(fork_of("mainnet", 74_240 * 32), "altair");
        assert_eq!(fork_of("mainnet", 364_032 * 32 - 1), "deneb");
        assert_eq!(fork_of("gnosis", 512 * 16), "altair");
        assert_eq!(fork_of("my-devnet", 5), "unknown");
    }

    #[test]
    fn versions_are_found_in_graffiti() {
        assert_eq!(generation_of("Lighthouse/v1.3.0-3a24ca5"), "1.3");
        assert_eq!(generation_of("teku/v21.3.2"), "21.3");
        assert_eq!(generation_of("RP-L v1.0.0 (é.com)"), "1.0");
        assert_eq!(generation_of("SharedStake.org Prysm"), "unknown");
        assert_eq!(generation_of("."), "unknown");
    }
}
