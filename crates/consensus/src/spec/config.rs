//! The configuration of a network: fork schedule and what else a network chooses.
//!
//! Read from the flat `KEY: value` form of the specification's configuration files, or from the JSON of
//! `/eth/v1/config/spec`. Keys that are not named here are ignored; those of the preset change the preset.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{FAR_FUTURE_EPOCH, Fork, Preset, Spec, UnknownFork};
use crate::ssz::Bytes;

/// A limit of blobs that holds from an epoch on (EIP-7892).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobParameters {
    /// The first epoch.
    pub epoch: u64,
    /// Blobs of a block at most.
    pub max_blobs_per_block: u64,
}

/// A configuration that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is neither flat `KEY: value` lines nor a JSON object.
    #[error("line {line}: expected `KEY: value`")]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The JSON is broken.
    #[error("not JSON: {0}")]
    Json(String),
    /// The preset is not known.
    #[error("PRESET_BASE: {0:?} is not known; mainnet, minimal and gnosis are")]
    Preset(String),
    /// A value is not what its key asks for.
    #[error("{key}: expected {expected}, found {found:?}")]
    Value {
        /// The key.
        key: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value that the rules can't work with.
    #[error("{key}: {reason}")]
    Unusable {
        /// The key.
        key: &'static str,
        /// Why.
        reason: &'static str,
    },
}

macro_rules! config {
    ($( $(#[$doc:meta])* $field:ident : $default:literal, )*) => {
        /// Values that a network chooses. The names are those of the specification, in lower case.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            /// The name of the network.
            pub config_name: String,
            /// The version and first epoch of each fork, by [`Fork`] in order.
            pub forks: [(Bytes<4>, u64); 8],
            /// Blob limits by epoch, ascending, from Fulu on.
            pub blob_schedule: Vec<BlobParameters>,
            /// Forks that the network has planned and this program does not know, the first one first.
            pub unknown_forks: Vec<UnknownFork>,
            /// The address of the deposit contract.
            pub deposit_contract_address: Bytes<20>,
            /// The execution block at which the merge happens, zero where difficulty decides.
            pub terminal_block_hash: Bytes<32>,
            $( $(#[$doc])* pub $field: u64, )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    config_name: String::new(),
                    forks: [(Bytes([0; 4]), FAR_FUTURE_EPOCH); 8],
                    blob_schedule: Vec::new(),
                    unknown_forks: Vec::new(),
                    deposit_contract_address: Bytes([0; 20]),
                    terminal_block_hash: Bytes([0; 32]),
                    $( $field: $default, )*
                }
            }
        }

        impl Config {
            fn set(&mut self, name: &str, value: u64) -> bool {
                $( if name.eq_ignore_ascii_case(stringify!($field)) {
                    self.$field = value;
                    return true;
                } )*
                false
            }

            fn numbers(&self) -> Vec<(String, u64)> {
                vec![ $( (stringify!($field).to_ascii_uppercase(), self.$field), )* ]
            }
        }
    };
}

config! {
    /// Active validators that genesis needs.
    min_genesis_active_validator_count: 16_384,
    /// Unix time before which there is no genesis.
    min_genesis_time: 1_606_824_000,
    /// Seconds between the genesis state and genesis.
    genesis_delay: 604_800,
    /// Length of a slot in milliseconds.
    slot_duration_ms: 12_000,
    /// Seconds between blocks of the deposit chain.
    seconds_per_eth1_block: 14,
    /// Epochs between exit and withdrawal.
    min_validator_withdrawability_delay: 256,
    /// Epochs between the exit of a builder and its withdrawal.
    min_builder_withdrawability_delay: 64,
    /// Epochs that a validator is active before it may exit.
    shard_committee_period: 256,
    /// Blocks of the deposit chain that a vote lies back.
    eth1_follow_distance: 2_048,
    /// How fast an inactivity score grows.
    inactivity_score_bias: 4,
    /// How fast an inactivity score falls outside a leak.
    inactivity_score_recovery_rate: 16,
    /// Effective balance at which a validator is ejected, gwei.
    ejection_balance: 16_000_000_000,
    /// Validators that may enter or leave in an epoch at least.
    min_per_epoch_churn_limit: 4,
    /// Divides the active validators into the churn of an epoch.
    churn_limit_quotient: 65_536,
    /// Validators that may enter in an epoch at most, from Deneb on (EIP-7514).
    max_per_epoch_activation_churn_limit: 8,
    /// Balance that may enter or leave in an epoch at least, from Electra on, gwei.
    min_per_epoch_churn_limit_electra: 128_000_000_000,
    /// Balance that may enter or exit in an epoch at most, from Electra on, gwei.
    max_per_epoch_activation_exit_churn_limit: 256_000_000_000,
    /// Divides the active balance into the churn of consolidations, from Gloas on.
    consolidation_churn_limit_quotient: 65_536,
    /// Divides the active balance into the churn of exits, from Gloas on.
    churn_limit_quotient_gloas: 32_768,
    /// Balance that may enter in an epoch at most, from Gloas on, gwei.
    max_per_epoch_activation_churn_limit_gloas: 256_000_000_000,
    /// Blobs of a block at most, in Deneb.
    max_blobs_per_block: 6,
    /// Blobs of a block at most, from Electra on where no schedule says otherwise.
    max_blobs_per_block_electra: 9,
    /// Weight of the proposer boost, percent of a committee.
    proposer_score_boost: 40,
    /// Percent of a committee below which a head is weak.
    reorg_head_weight_threshold: 20,
    /// Percent of a committee above which a parent is strong.
    reorg_parent_weight_threshold: 160,
    /// Epochs without finality up to which a late head is reorganised.
    reorg_max_epochs_since_finalization: 2,
    /// Part of a slot before which a proposer may reorganise, in basis points.
    proposer_reorg_cutoff_bps: 1_667,
    /// Part of a slot at which attestations are due, in basis points.
    attestation_due_bps: 3_333,
    /// Chain id of the execution chain.
    deposit_chain_id: 1,
    /// Network id of the execution chain.
    deposit_network_id: 1,
    /// The epoch from which the terminal block hash holds.
    terminal_block_hash_activation_epoch: 18_446_744_073_709_551_615,
    /// Epochs that blocks are served for.
    min_epochs_for_block_requests: 33_024,
    /// Epochs that blobs are served for.
    min_epochs_for_blob_sidecars_requests: 4_096,
    /// Epochs that data columns are served for.
    min_epochs_for_data_column_sidecars_requests: 4_096,
}

impl Config {
    /// The fork that holds at an epoch.
    pub fn fork_at(&self, epoch: u64) -> Fork {
        Fork::ALL
            .into_iter()
            .zip(&self.forks)
            .filter(|(fork, (_, start))| *fork == Fork::Phase0 || *start <= epoch)
            .map(|(fork, _)| fork)
            .next_back()
            .unwrap_or(Fork::Phase0)
    }

    /// The first epoch of a fork.
    pub fn fork_epoch(&self, fork: Fork) -> u64 {
        self.forks.get(fork as usize).map_or(FAR_FUTURE_EPOCH, |(_, epoch)| *epoch)
    }

    /// The version of a fork.
    pub fn fork_version(&self, fork: Fork) -> Bytes<4> {
        self.forks.get(fork as usize).map_or(Bytes([0; 4]), |(version, _)| *version)
    }

    /// Sets the first epoch of a fork.
    pub fn set_fork_epoch(&mut self, fork: Fork, epoch: u64) {
        if let Some(entry) = self.forks.get_mut(fork as usize) {
            entry.1 = epoch;
        }
    }

    /// Blobs of a block at most, in the given epoch.
    ///
    /// Source: fulu `get_blob_parameters`, deneb and electra `process_execution_payload`.
    pub fn max_blobs_at(&self, epoch: u64) -> u64 {
        let fork = self.fork_at(epoch);
        if fork >= Fork::Fulu {
            let entry =
                self.blob_schedule.iter().filter(|entry| entry.epoch <= epoch).max_by_key(|e| e.epoch);
            if let Some(entry) = entry {
                return entry.max_blobs_per_block;
            }
        }
        if fork >= Fork::Electra { self.max_blobs_per_block_electra } else { self.max_blobs_per_block }
    }
}

impl Spec {
    /// Reads a configuration: a JSON object (with or without `data` around it) or flat `KEY: value` lines.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let values = if text.trim_start().starts_with('{') { json_values(text)? } else { flat_values(text)? };
        Self::from_values(&values)
    }

    /// Builds the network from keys and values as the specification names them.
    pub fn from_values(values: &BTreeMap<String, Value>) -> Result<Self, ConfigError> {
        let text = |key: &str| values.get(key).and_then(Value::as_str);
        let base = text("PRESET_BASE").unwrap_or("mainnet");
        let mut preset =
            Preset::named(base).ok_or_else(|| ConfigError::Preset(base.chars().take(40).collect()))?;
        let mut config =
            Config { config_name: text("CONFIG_NAME").unwrap_or(base).to_owned(), ..Config::default() };
        config.set_fork_epoch(Fork::Phase0, 0);
        for (key, value) in values {
            match key.as_str() {
                "PRESET_BASE" | "CONFIG_NAME" => {}
                "BLOB_SCHEDULE" => config.blob_schedule = blob_schedule(value)?,
                "DEPOSIT_CONTRACT_ADDRESS" => config.deposit_contract_address = bytes(key, value)?,
                "TERMINAL_BLOCK_HASH" => config.terminal_block_hash = bytes(key, value)?,
                "GENESIS_FORK_VERSION" => set_version(&mut config, Fork::Phase0, bytes(key, value)?),
                "SECONDS_PER_SLOT" if !values.contains_key("SLOT_DURATION_MS") => {
                    config.slot_duration_ms = number(key, value)?.saturating_mul(1_000);
                }
                _ => {
                    if let Some(fork) = key.strip_suffix("_FORK_VERSION").and_then(|name| name.parse().ok()) {
                        set_version(&mut config, fork, bytes(key, value)?);
                    } else if let Some(name) = key.strip_suffix("_FORK_EPOCH") {
                        match name.parse() {
                            Ok(fork) => config.set_fork_epoch(fork, number(key, value)?),
                            Err(_) => config.note_unknown_fork(name, value),
                        }
                    } else if let Ok(number) = number(key, value) {
                        let _ = config.set(key, number) || preset.set(key, number);
                    } else if config.set(key, 0) || preset.set(key, 0) {
                        // A key that is known must have a number.
                        return Err(ConfigError::Value {
                            key: key.clone(),
                            expected: "a number",
                            found: shown(value),
                        });
                    }
                }
            }
        }
        config.unknown_forks.sort_by(|a, b| (a.epoch, &a.name).cmp(&(b.epoch, &b.name)));
        let spec = Self { preset, config };
        spec.check()?;
        Ok(spec)
    }

    /// All values as the specification names them, as strings; read again by [`Spec::from_values`].
    pub fn to_values(&self) -> BTreeMap<String, Value> {
        let mut values: BTreeMap<String, Value> = self
            .preset
            .values()
            .into_iter()
            .chain(self.config.numbers())
            .map(|(key, value)| (key, value.to_string().into()))
            .collect();
        let base = if self.preset.slots_per_epoch == Preset::MINIMAL.slots_per_epoch {
            "minimal"
        } else if self.preset.slots_per_epoch == Preset::GNOSIS.slots_per_epoch {
            "gnosis"
        } else {
            "mainnet"
        };
        values.insert("PRESET_BASE".to_owned(), base.into());
        values.insert("CONFIG_NAME".to_owned(), self.config.config_name.clone().into());
        let seconds = self.config.slot_duration_ms / 1_000;
        values.insert("SECONDS_PER_SLOT".to_owned(), seconds.to_string().into());
        for (fork, (version, epoch)) in Fork::ALL.into_iter().zip(&self.config.forks) {
            let name = fork.name().to_ascii_uppercase();
            if fork == Fork::Phase0 {
                values.insert("GENESIS_FORK_VERSION".to_owned(), version.to_string().into());
            } else {
                values.insert(format!("{name}_FORK_VERSION"), version.to_string().into());
                values.insert(format!("{name}_FORK_EPOCH"), epoch.to_string().into());
            }
        }
        for fork in &self.config.unknown_forks {
            let name = fork.name.to_ascii_uppercase();
            values.insert(format!("{name}_FORK_EPOCH"), fork.epoch.to_string().into());
        }
        values.insert(
            "DEPOSIT_CONTRACT_ADDRESS".to_owned(),
            self.config.deposit_contract_address.to_string().into(),
        );
        values.insert("TERMINAL_BLOCK_HASH".to_owned(), self.config.terminal_block_hash.to_string().into());
        let schedule = self.config.blob_schedule.iter().map(|entry| {
            serde_json::json!({
                "EPOCH": entry.epoch.to_string(),
                "MAX_BLOBS_PER_BLOCK": entry.max_blobs_per_block.to_string(),
            })
        });
        values.insert("BLOB_SCHEDULE".to_owned(), schedule.collect());
        values
    }

    /// Refuses values that the rules would divide by, or allocate by, without bound.
    fn check(&self) -> Result<(), ConfigError> {
        let unusable = |key, reason| Err(ConfigError::Unusable { key, reason });
        let preset = &self.preset;
        for (key, value, low, high) in [
            ("SLOTS_PER_EPOCH", preset.slots_per_epoch, 1, 1 << 12),
            ("EFFECTIVE_BALANCE_INCREMENT", preset.effective_balance_increment, 1, 1 << 40),
            ("SLOTS_PER_HISTORICAL_ROOT", preset.slots_per_historical_root, 1, 1 << 20),
            ("EPOCHS_PER_HISTORICAL_VECTOR", preset.epochs_per_historical_vector, 1, 1 << 20),
            ("EPOCHS_PER_SLASHINGS_VECTOR", preset.epochs_per_slashings_vector, 2, 1 << 20),
            ("SYNC_COMMITTEE_SIZE", preset.sync_committee_size, 1, 1 << 16),
            ("EPOCHS_PER_SYNC_COMMITTEE_PERIOD", preset.epochs_per_sync_committee_period, 1, 1 << 20),
            ("MAX_COMMITTEES_PER_SLOT", preset.max_committees_per_slot, 1, 1 << 10),
            ("TARGET_COMMITTEE_SIZE", preset.target_committee_size, 1, 1 << 20),
            ("SHUFFLE_ROUND_COUNT", preset.shuffle_round_count, 0, 255),
            ("EPOCHS_PER_ETH1_VOTING_PERIOD", preset.epochs_per_eth1_voting_period, 1, 1 << 12),
            ("HYSTERESIS_QUOTIENT", preset.hysteresis_quotient, 1, 1 << 20),
            ("PTC_SIZE", preset.ptc_size, 1, 1 << 16),
            ("MIN_SEED_LOOKAHEAD", preset.min_seed_lookahead, 0, 1 << 6),
            ("MAX_WITHDRAWALS_PER_PAYLOAD", preset.max_withdrawals_per_payload, 1, 1 << 12),
            ("SLOT_DURATION_MS", self.config.slot_duration_ms, 1, 1 << 32),
            ("CHURN_LIMIT_QUOTIENT", self.config.churn_limit_quotient, 1, 1 << 40),
        ] {
            if value < low || value > high {
                return unusable(key, "the value is outside of what the rules can work with");
            }
        }
        Ok(())
    }
}

fn set_version(config: &mut Config, fork: Fork, version: Bytes<4>) {
    if let Some(entry) = config.forks.get_mut(fork as usize) {
        entry.0 = version;
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(80).collect()
}

pub(super) fn number(key: &str, value: &Value) -> Result<u64, ConfigError> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .ok_or_else(|| ConfigError::Value { key: key.to_owned(), expected: "a number", found: shown(value) })
}

fn bytes<const N: usize>(key: &str, value: &Value) -> Result<Bytes<N>, ConfigError> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .and_then(|digits| {
            let bytes: Option<Vec<u8>> = digits
                .as_bytes()
                .chunks(2)
                .map(|pair| match pair {
                    [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
                    _ => None,
                })
                .collect();
            bytes?.try_into().ok().map(Bytes)
        })
        .ok_or_else(|| ConfigError::Value {
            key: key.to_owned(),
            expected: "bytes in hexadecimal",
            found: shown(value),
        })
}

fn blob_schedule(value: &Value) -> Result<Vec<BlobParameters>, ConfigError> {
    let bad = || ConfigError::Value {
        key: "BLOB_SCHEDULE".to_owned(),
        expected: "a list of EPOCH and MAX_BLOBS_PER_BLOCK",
        found: shown(value),
    };
    let mut schedule = Vec::new();
    for entry in value.as_array().ok_or_else(bad)? {
        schedule.push(BlobParameters {
            epoch: number("EPOCH", entry.get("EPOCH").ok_or_else(bad)?)?,
            max_blobs_per_block: number(
                "MAX_BLOBS_PER_BLOCK",
                entry.get("MAX_BLOBS_PER_BLOCK").ok_or_else(bad)?,
            )?,
        });
    }
    schedule.sort_by_key(|entry| entry.epoch);
    Ok(schedule)
}

fn json_values(text: &str) -> Result<BTreeMap<String, Value>, ConfigError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ConfigError::Json(error.to_string()))?;
    let object = value.get("data").unwrap_or(&value);
    let object = object.as_object().ok_or_else(|| ConfigError::Json("expected an object".to_owned()))?;
    Ok(object.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Reads flat `KEY: value` lines, and below a key a list of `- KEY: value` groups.
fn flat_values(text: &str) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut values = BTreeMap::new();
    let mut list: Option<(String, Vec<serde_json::Map<String, Value>>)> = None;
    for (index, line) in text.lines().enumerate() {
        let bad = || ConfigError::Line { line: index + 1 };
        let line = line.split_once(" #").map_or(line, |(line, _)| line);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            continue;
        }
        let nested = line.starts_with([' ', '\t', '-']);
        if nested {
            let (_, groups) = list.as_mut().ok_or_else(bad)?;
            let content = match content.strip_prefix('-') {
                Some(rest) => {
                    groups.push(serde_json::Map::new());
                    rest.trim()
                }
                None => content,
            };
            let (key, value) = content.split_once(':').ok_or_else(bad)?;
            groups.last_mut().ok_or_else(bad)?.insert(key.trim().to_owned(), unquoted(value).into());
            continue;
        }
        if let Some((key, groups)) = list.take() {
            values.insert(key, groups.into_iter().map(Value::Object).collect());
        }
        let (key, value) = content.split_once(':').ok_or_else(bad)?;
        match unquoted(value) {
            "" => list = Some((key.trim().to_owned(), Vec::new())),
            "[]" => drop(values.insert(key.trim().to_owned(), Value::Array(Vec::new()))),
            value => drop(values.insert(key.trim().to_owned(), value.into())),
        }
    }
    if let Some((key, groups)) = list {
        values.insert(key, groups.into_iter().map(Value::Object).collect());
    }
    Ok(values)
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['\'', '"'])
}
