//! Networks that are built in.
//!
//! Source: the `config.yaml` of each network, as published by its maintainers.

use super::{BlobParameters, Config, FAR_FUTURE_EPOCH, Fork, Preset, Spec};
use crate::ssz::Bytes;

/// A network whose configuration is built in. Any other is read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Ethereum mainnet.
    Mainnet,
    /// The Hoodi test network.
    Hoodi,
    /// The Sepolia test network.
    Sepolia,
    /// Gnosis Chain.
    Gnosis,
    /// The network of the specification's tests with the small preset. No fork is scheduled.
    Minimal,
}

/// The address of the deposit contract of mainnet and Hoodi.
const MAINNET_DEPOSIT_CONTRACT: [u8; 20] = [
    0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c, 0xbb, 0x83, 0x9c, 0xbe, 0x05, 0x30, 0x3d,
    0x77, 0x05, 0xfa,
];

const SEPOLIA_DEPOSIT_CONTRACT: [u8; 20] = [
    0x7f, 0x02, 0xc3, 0xe3, 0xc9, 0x8b, 0x13, 0x30, 0x55, 0xb8, 0xb3, 0x48, 0xb2, 0xac, 0x62, 0x56, 0x69,
    0xed, 0x29, 0x5d,
];

const GNOSIS_DEPOSIT_CONTRACT: [u8; 20] = [
    0x0b, 0x98, 0x05, 0x7e, 0xa3, 0x10, 0xf4, 0xd3, 0x1f, 0x2a, 0x45, 0x2b, 0x41, 0x46, 0x47, 0x00, 0x7d,
    0x16, 0x45, 0xd9,
];

const MINIMAL_DEPOSIT_CONTRACT: [u8; 20] = [
    0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34,
    0x56, 0x78, 0x90,
];

impl Network {
    /// All built-in networks.
    pub const ALL: [Self; 5] = [Self::Mainnet, Self::Hoodi, Self::Sepolia, Self::Gnosis, Self::Minimal];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Hoodi => "hoodi",
            Self::Sepolia => "sepolia",
            Self::Gnosis => "gnosis",
            Self::Minimal => "minimal",
        }
    }

    /// The network of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.name().eq_ignore_ascii_case(name))
    }

    /// Preset and configuration.
    pub fn spec(self) -> Spec {
        let preset = match self {
            Self::Gnosis => Preset::GNOSIS,
            Self::Minimal => Preset::MINIMAL,
            Self::Mainnet | Self::Hoodi | Self::Sepolia => Preset::MAINNET,
        };
        Spec { preset, config: self.config() }
    }

    fn config(self) -> Config {
        let base = Config { config_name: self.name().to_owned(), ..Config::default() };
        match self {
            Self::Mainnet => Config {
                forks: [
                    (Bytes([0, 0, 0, 0]), 0),
                    (Bytes([1, 0, 0, 0]), 74_240),
                    (Bytes([2, 0, 0, 0]), 144_896),
                    (Bytes([3, 0, 0, 0]), 194_048),
                    (Bytes([4, 0, 0, 0]), 269_568),
                    (Bytes([5, 0, 0, 0]), 364_032),
                    (Bytes([6, 0, 0, 0]), 411_392),
                    (Bytes([7, 0, 0, 0]), FAR_FUTURE_EPOCH),
                ],
                blob_schedule: schedule(&[(412_672, 15), (419_072, 21)]),
                deposit_contract_address: Bytes(MAINNET_DEPOSIT_CONTRACT),
                ..base
            },
            Self::Hoodi => Config {
                min_genesis_time: 1_742_212_800,
                genesis_delay: 600,
                forks: versions(
                    |fork| [(fork as u8 + 1) << 4, 0, 0x09, 0x10],
                    [0, 0, 0, 0, 0, 2_048, 50_688, FAR_FUTURE_EPOCH],
                ),
                blob_schedule: schedule(&[(52_480, 15), (54_016, 21)]),
                deposit_contract_address: Bytes(MAINNET_DEPOSIT_CONTRACT),
                deposit_chain_id: 560_048,
                deposit_network_id: 560_048,
                seconds_per_eth1_block: 12,
                ..base
            },
            Self::Sepolia => Config {
                min_genesis_active_validator_count: 1_300,
                min_genesis_time: 1_655_647_200,
                genesis_delay: 86_400,
                forks: versions(
                    |fork| [0x90, 0, 0, if fork == Fork::Phase0 { 0x69 } else { 0x6f + fork as u8 }],
                    [0, 50, 100, 56_832, 132_608, 222_464, 272_640, FAR_FUTURE_EPOCH],
                ),
                blob_schedule: schedule(&[(274_176, 15), (275_712, 21)]),
                deposit_contract_address: Bytes(SEPOLIA_DEPOSIT_CONTRACT),
                deposit_chain_id: 11_155_111,
                deposit_network_id: 11_155_111,
                ..base
            },
            Self::Gnosis => Config {
                min_genesis_active_validator_count: 4_096,
                min_genesis_time: 1_638_968_400,
                genesis_delay: 6_000,
                forks: versions(
                    |fork| [fork as u8, 0, 0, 0x64],
                    [0, 512, 385_536, 648_704, 889_856, 1_337_856, 1_714_688, FAR_FUTURE_EPOCH],
                ),
                deposit_contract_address: Bytes(GNOSIS_DEPOSIT_CONTRACT),
                deposit_chain_id: 100,
                deposit_network_id: 100,
                slot_duration_ms: 5_000,
                seconds_per_eth1_block: 6,
                eth1_follow_distance: 1_024,
                churn_limit_quotient: 4_096,
                max_per_epoch_activation_churn_limit: 2,
                max_per_epoch_activation_exit_churn_limit: 64_000_000_000,
                max_blobs_per_block: 2,
                max_blobs_per_block_electra: 2,
                min_epochs_for_blob_sidecars_requests: 16_384,
                ..base
            },
            Self::Minimal => Config {
                min_genesis_active_validator_count: 64,
                min_genesis_time: 1_578_009_600,
                genesis_delay: 300,
                forks: versions(
                    |fork| [fork as u8, 0, 0, 1],
                    [
                        0,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                        FAR_FUTURE_EPOCH,
                    ],
                ),
                deposit_contract_address: Bytes(MINIMAL_DEPOSIT_CONTRACT),
                deposit_chain_id: 5,
                deposit_network_id: 5,
                slot_duration_ms: 6_000,
                shard_committee_period: 64,
                eth1_follow_distance: 16,
                min_per_epoch_churn_limit: 2,
                churn_limit_quotient: 32,
                max_per_epoch_activation_churn_limit: 4,
                min_per_epoch_churn_limit_electra: 64_000_000_000,
                max_per_epoch_activation_exit_churn_limit: 128_000_000_000,
                churn_limit_quotient_gloas: 16,
                consolidation_churn_limit_quotient: 32,
                max_per_epoch_activation_churn_limit_gloas: 128_000_000_000,
                min_builder_withdrawability_delay: 2,
                min_epochs_for_block_requests: 272,
                ..base
            },
        }
    }
}

fn versions(version: impl Fn(Fork) -> [u8; 4], epochs: [u64; 8]) -> [(Bytes<4>, u64); 8] {
    let mut forks = [(Bytes([0; 4]), FAR_FUTURE_EPOCH); 8];
    for ((entry, fork), epoch) in forks.iter_mut().zip(Fork::ALL).zip(epochs) {
        *entry = (Bytes(version(fork)), epoch);
    }
    forks
}

fn schedule(entries: &[(u64, u64)]) -> Vec<BlobParameters> {
    entries
        .iter()
        .map(|(epoch, max_blobs_per_block)| BlobParameters {
            epoch: *epoch,
            max_blobs_per_block: *max_blobs_per_block,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_reads_back_what_it_writes() {
        for network in Network::ALL {
            let spec = network.spec();
            assert_eq!(Spec::from_values(&spec.to_values()), Ok(spec), "{}", network.name());
        }
    }

    #[test]
    fn forks_and_blob_limits_follow_the_schedule() {
        let config = Network::Mainnet.spec().config;
        assert_eq!(config.fork_at(364_031), Fork::Deneb);
        assert_eq!(config.fork_at(364_032), Fork::Electra);
        assert_eq!(config.fork_at(u64::MAX - 1), Fork::Fulu);
        assert_eq!(config.max_blobs_at(412_671), 9);
        assert_eq!(config.max_blobs_at(419_072), 21);
        assert_eq!(Network::Hoodi.spec().config.fork_version(Fork::Fulu), Bytes([0x70, 0, 0x09, 0x10]));
        assert_eq!(Network::Sepolia.spec().config.fork_version(Fork::Fulu), Bytes([0x90, 0, 0, 0x75]));
        let gnosis = Network::Gnosis.spec().config;
        assert_eq!((gnosis.fork_at(1_714_687), gnosis.fork_at(1_714_688)), (Fork::Electra, Fork::Fulu));
        assert_eq!(gnosis.fork_version(Fork::Fulu), Bytes([6, 0, 0, 0x64]));
        assert_eq!(gnosis.max_blobs_at(1_714_688), 2);
    }
}
