//! The presets: sizes and quotients that networks share.
//!
//! Source: consensus-specs `presets/`; for gnosis the chain's own specification.

/// Declares the preset with the values of each known one.
macro_rules! presets {
    ($( $(#[$doc:meta])* $field:ident : $mainnet:literal $minimal:literal $gnosis:literal, )*) => {
        /// Sizes and quotients of a network. The names are those of the specification, in lower case.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Preset {
            $( $(#[$doc])* pub $field: u64, )*
        }

        impl Preset {
            /// The preset of mainnet and its test networks.
            pub const MAINNET: Self = Self { $( $field: $mainnet, )* };

            /// The small preset for tests.
            pub const MINIMAL: Self = Self { $( $field: $minimal, )* };

            /// The preset of Gnosis Chain.
            pub const GNOSIS: Self = Self { $( $field: $gnosis, )* };

            /// Sets a value by its name in the specification. Whether there is such a value.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                $( if name.eq_ignore_ascii_case(stringify!($field)) {
                    self.$field = value;
                    return true;
                } )*
                false
            }

            /// All values by their name in the specification.
            pub fn values(&self) -> Vec<(String, u64)> {
                vec![ $( (stringify!($field).to_ascii_uppercase(), self.$field), )* ]
            }
        }
    };
}

presets! {
    /// Committees of a slot at most.
    max_committees_per_slot: 64 4 64,
    /// Validators a committee should have.
    target_committee_size: 128 4 128,
    /// Validators of a committee at most.
    max_validators_per_committee: 2048 2048 2048,
    /// Rounds of the swap-or-not shuffle.
    shuffle_round_count: 90 10 90,
    /// Divides an increment into steps of hysteresis.
    hysteresis_quotient: 4 4 4,
    /// Steps below before the effective balance falls.
    hysteresis_downward_multiplier: 1 1 1,
    /// Steps above before the effective balance rises.
    hysteresis_upward_multiplier: 5 5 5,
    /// Smallest deposit, gwei.
    min_deposit_amount: 1_000_000_000 1_000_000_000 1_000_000_000,
    /// Most effective balance before Electra, gwei.
    max_effective_balance: 32_000_000_000 32_000_000_000 32_000_000_000,
    /// Step of effective balances, gwei.
    effective_balance_increment: 1_000_000_000 1_000_000_000 1_000_000_000,
    /// Slots before an attestation may be included.
    min_attestation_inclusion_delay: 1 1 1,
    /// Slots of an epoch.
    slots_per_epoch: 32 8 16,
    /// Epochs a shuffling is known ahead.
    min_seed_lookahead: 1 1 1,
    /// Epochs before activations and exits take effect.
    max_seed_lookahead: 4 4 4,
    /// Epochs of a vote on the deposit chain.
    epochs_per_eth1_voting_period: 64 4 64,
    /// Slots whose roots a state keeps.
    slots_per_historical_root: 8192 64 8192,
    /// Epochs without finality before a leak.
    min_epochs_to_inactivity_penalty: 4 4 4,
    /// Epochs whose randao mix a state keeps.
    epochs_per_historical_vector: 65_536 64 65_536,
    /// Epochs whose slashed balance a state keeps.
    epochs_per_slashings_vector: 8192 64 8192,
    /// Historical roots a state may keep.
    historical_roots_limit: 16_777_216 16_777_216 16_777_216,
    /// Validators a state may have.
    validator_registry_limit: 1_099_511_627_776 1_099_511_627_776 1_099_511_627_776,
    /// Scales base rewards.
    base_reward_factor: 64 64 25,
    /// Divides the slashed balance into the reward, before Electra.
    whistleblower_reward_quotient: 512 512 512,
    /// Divides the attester's or whistleblower's reward into the proposer's, phase 0.
    proposer_reward_quotient: 8 8 8,
    /// Divides inactivity penalties, phase 0.
    inactivity_penalty_quotient: 67_108_864 33_554_432 67_108_864,
    /// Divides the slashed balance into the first penalty, phase 0.
    min_slashing_penalty_quotient: 128 64 128,
    /// Scales the later penalty of a slashing, phase 0.
    proportional_slashing_multiplier: 1 2 1,
    /// Proposer slashings of a block.
    max_proposer_slashings: 16 16 16,
    /// Attester slashings of a block, before Electra.
    max_attester_slashings: 2 2 2,
    /// Attestations of a block, before Electra.
    max_attestations: 128 128 128,
    /// Deposits of a block.
    max_deposits: 16 16 16,
    /// Voluntary exits of a block.
    max_voluntary_exits: 16 16 16,
    /// Divides inactivity penalties, Altair.
    inactivity_penalty_quotient_altair: 50_331_648 50_331_648 50_331_648,
    /// Divides the slashed balance into the first penalty, Altair.
    min_slashing_penalty_quotient_altair: 64 64 64,
    /// Scales the later penalty of a slashing, Altair.
    proportional_slashing_multiplier_altair: 2 2 2,
    /// Members of a sync committee.
    sync_committee_size: 512 32 512,
    /// Epochs a sync committee serves.
    epochs_per_sync_committee_period: 256 8 512,
    /// Participants a light client update needs.
    min_sync_committee_participants: 1 1 1,
    /// Slots before a light client forces an update.
    update_timeout: 8192 64 8192,
    /// Divides inactivity penalties, from Bellatrix on.
    inactivity_penalty_quotient_bellatrix: 16_777_216 16_777_216 16_777_216,
    /// Divides the slashed balance into the first penalty, Bellatrix to Deneb.
    min_slashing_penalty_quotient_bellatrix: 32 32 32,
    /// Scales the later penalty of a slashing, from Bellatrix on.
    proportional_slashing_multiplier_bellatrix: 3 3 3,
    /// Bytes of a transaction.
    max_bytes_per_transaction: 1_073_741_824 1_073_741_824 1_073_741_824,
    /// Transactions of a payload.
    max_transactions_per_payload: 1_048_576 1_048_576 1_048_576,
    /// Extra bytes of a payload.
    max_extra_data_bytes: 32 32 32,
    /// Changes of credentials in a block.
    max_bls_to_execution_changes: 16 16 16,
    /// Withdrawals of a payload.
    max_withdrawals_per_payload: 16 4 8,
    /// Validators that the sweep of a block looks at.
    max_validators_per_withdrawals_sweep: 16_384 16 8192,
    /// Blob commitments that a block has room for.
    max_blob_commitments_per_block: 4096 4096 4096,
    /// Field elements of a blob.
    field_elements_per_blob: 4096 4096 4096,
    /// Levels of a blob commitment's proof.
    kzg_commitment_inclusion_proof_depth: 17 17 17,
    /// Balance for activation, from Electra on, gwei.
    min_activation_balance: 32_000_000_000 32_000_000_000 32_000_000_000,
    /// Most effective balance of a compounding validator, gwei.
    max_effective_balance_electra: 2_048_000_000_000 2_048_000_000_000 2_048_000_000_000,
    /// Deposits a state may queue.
    pending_deposits_limit: 134_217_728 134_217_728 134_217_728,
    /// Partial withdrawals a state may queue.
    pending_partial_withdrawals_limit: 134_217_728 64 134_217_728,
    /// Consolidations a state may queue.
    pending_consolidations_limit: 262_144 64 262_144,
    /// Divides the slashed balance into the first penalty, from Electra on.
    min_slashing_penalty_quotient_electra: 4096 4096 4096,
    /// Divides the slashed balance into the reward, from Electra on.
    whistleblower_reward_quotient_electra: 4096 4096 4096,
    /// Attester slashings of a block, from Electra on.
    max_attester_slashings_electra: 1 1 1,
    /// Attestations of a block, from Electra on.
    max_attestations_electra: 8 8 8,
    /// Consolidation requests of a payload.
    max_consolidation_requests_per_payload: 2 2 2,
    /// Deposit requests of a payload.
    max_deposit_requests_per_payload: 8192 8192 8192,
    /// Withdrawal requests of a payload.
    max_withdrawal_requests_per_payload: 16 16 16,
    /// Queued partial withdrawals that a block pays.
    max_pending_partials_per_withdrawals_sweep: 8 2 6,
    /// Queued deposits that an epoch looks at.
    max_pending_deposits_per_epoch: 16 16 16,
    /// Levels of the proof of all blob commitments.
    kzg_commitments_inclusion_proof_depth: 4 4 4,
    /// Field elements of a cell.
    field_elements_per_cell: 64 64 64,
    /// Cells of an extended blob.
    cells_per_ext_blob: 128 128 128,
    /// Columns of the data matrix.
    number_of_columns: 128 128 128,
    /// Members of the payload timeliness committee.
    ptc_size: 512 16 512,
    /// Payload attestations of a block.
    max_payload_attestations: 4 4 4,
    /// Builders that the sweep of a block looks at.
    max_builders_per_withdrawals_sweep: 16_384 16 16_384,
    /// Deposit requests of builders in a payload.
    max_builder_deposit_requests_per_payload: 64 64 64,
    /// Exit requests of builders in a payload.
    max_builder_exit_requests_per_payload: 16 16 16,
}

impl Preset {
    /// The preset of a name: `mainnet`, `minimal` or `gnosis`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "mainnet" => Some(Self::MAINNET),
            "minimal" => Some(Self::MINIMAL),
            "gnosis" => Some(Self::GNOSIS),
            _ => None,
        }
    }
}
