//! Numbers that are the same on every network and in every fork.

/// The epoch of the genesis block.
pub const GENESIS_EPOCH: u64 = 0;
/// The slot of the genesis block.
pub const GENESIS_SLOT: u64 = 0;
/// An epoch that never comes.
pub const FAR_FUTURE_EPOCH: u64 = u64::MAX;
/// Phase 0 base rewards of an epoch.
pub const BASE_REWARDS_PER_EPOCH: u64 = 4;
/// Levels of the deposit contract's tree.
pub const DEPOSIT_CONTRACT_TREE_DEPTH: u32 = 32;
/// Epochs that justification looks back.
pub const JUSTIFICATION_BITS_LENGTH: u64 = 4;
/// A deposit request has not been seen yet (EIP-6110).
pub const UNSET_DEPOSIT_REQUESTS_START_INDEX: u64 = u64::MAX;
/// A withdrawal request for everything (EIP-7002).
pub const FULL_EXIT_REQUEST_AMOUNT: u64 = 0;

/// First byte of credentials that name a BLS key.
pub const BLS_WITHDRAWAL_PREFIX: u8 = 0;
/// First byte of credentials that name an execution address.
pub const ETH1_ADDRESS_WITHDRAWAL_PREFIX: u8 = 1;
/// First byte of credentials of a compounding validator (EIP-7251).
pub const COMPOUNDING_WITHDRAWAL_PREFIX: u8 = 2;
/// First byte of credentials of a builder (EIP-7732).
pub const BUILDER_WITHDRAWAL_PREFIX: u8 = 0xb0;
/// The version of builders that build payloads.
pub const PAYLOAD_BUILDER_VERSION: u8 = 0;
/// Marks the index of a builder among those of validators.
pub const BUILDER_INDEX_FLAG: u64 = 1 << 40;
/// Stands for a proposer who builds the payload itself.
pub const BUILDER_INDEX_SELF_BUILD: u64 = u64::MAX;
/// Part of a slot's balance that must vote for a block before its builder pays: numerator.
pub const BUILDER_PAYMENT_THRESHOLD_NUMERATOR: u64 = 6;
/// Part of a slot's balance that must vote for a block before its builder pays: denominator.
pub const BUILDER_PAYMENT_THRESHOLD_DENOMINATOR: u64 = 10;

/// Position of the flag for a timely source vote.
pub const TIMELY_SOURCE_FLAG_INDEX: u8 = 0;
/// Position of the flag for a timely target vote.
pub const TIMELY_TARGET_FLAG_INDEX: u8 = 1;
/// Position of the flag for a timely head vote.
pub const TIMELY_HEAD_FLAG_INDEX: u8 = 2;
/// Weight of a timely source vote.
pub const TIMELY_SOURCE_WEIGHT: u64 = 14;
/// Weight of a timely target vote.
pub const TIMELY_TARGET_WEIGHT: u64 = 26;
/// Weight of a timely head vote.
pub const TIMELY_HEAD_WEIGHT: u64 = 14;
/// Weight of sync committee duty.
pub const SYNC_REWARD_WEIGHT: u64 = 2;
/// Weight of proposing.
pub const PROPOSER_WEIGHT: u64 = 8;
/// Sum of all weights.
pub const WEIGHT_DENOMINATOR: u64 = 64;
/// Weights of the participation flags, by flag index.
pub const PARTICIPATION_FLAG_WEIGHTS: [u64; 3] =
    [TIMELY_SOURCE_WEIGHT, TIMELY_TARGET_WEIGHT, TIMELY_HEAD_WEIGHT];

/// Signature domain of block proposals.
pub const DOMAIN_BEACON_PROPOSER: [u8; 4] = [0, 0, 0, 0];
/// Signature domain of attestations.
pub const DOMAIN_BEACON_ATTESTER: [u8; 4] = [1, 0, 0, 0];
/// Signature domain of randao reveals.
pub const DOMAIN_RANDAO: [u8; 4] = [2, 0, 0, 0];
/// Signature domain of deposits.
pub const DOMAIN_DEPOSIT: [u8; 4] = [3, 0, 0, 0];
/// Signature domain of voluntary exits.
pub const DOMAIN_VOLUNTARY_EXIT: [u8; 4] = [4, 0, 0, 0];
/// Signature domain of aggregator selection.
pub const DOMAIN_SELECTION_PROOF: [u8; 4] = [5, 0, 0, 0];
/// Signature domain of aggregates.
pub const DOMAIN_AGGREGATE_AND_PROOF: [u8; 4] = [6, 0, 0, 0];
/// Signature domain of sync committee messages.
pub const DOMAIN_SYNC_COMMITTEE: [u8; 4] = [7, 0, 0, 0];
/// Signature domain of changes of BLS credentials.
pub const DOMAIN_BLS_TO_EXECUTION_CHANGE: [u8; 4] = [10, 0, 0, 0];
/// Signature domain of bids and envelopes of payloads.
pub const DOMAIN_BEACON_BUILDER: [u8; 4] = [11, 0, 0, 0];
/// Signature domain of votes on payloads.
pub const DOMAIN_PTC_ATTESTER: [u8; 4] = [12, 0, 0, 0];
/// Signature domain of the wishes of proposers.
pub const DOMAIN_PROPOSER_PREFERENCES: [u8; 4] = [13, 0, 0, 0];
/// Signature domain of deposits of builders.
pub const DOMAIN_BUILDER_DEPOSIT: [u8; 4] = [14, 0, 0, 0];
