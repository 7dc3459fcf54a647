//! Payloads of the execution chain.

use super::{
    BuilderDepositRequest, BuilderExitRequest, ConsolidationRequest, DepositRequest, ExecutionAddress,
    WithdrawalRequest,
};
use crate::primitives::Root;
use crate::spec::Shape;
use crate::spec::sizes::{
    MaxBytesPerTransaction, MaxConsolidationRequestsPerPayload, MaxDepositRequestsPerPayload,
    MaxExtraDataBytes, MaxTransactionsPerPayload, MaxWithdrawalRequestsPerPayload, MaxWithdrawalsPerPayload,
};
use crate::ssz::{ByteList, Bytes, List, Ssz, Uint256, Unbounded, container};

/// A transaction of the execution chain, as its bytes.
pub type Transaction = ByteList<MaxBytesPerTransaction>;

container! {
    /// What the merge looks at in a block of the execution chain.
    pub struct PowBlock {
        /// Hash of the block.
        pub block_hash: Root,
        /// Hash of the block before.
        pub parent_hash: Root,
        /// Difficulty of the chain up to the block.
        pub total_difficulty: Uint256,
    }
}

container! {
    /// A payment from the beacon chain to an address.
    pub struct Withdrawal {
        /// The number of the withdrawal.
        pub index: u64,
        /// The validator.
        pub validator_index: u64,
        /// Who is paid.
        pub address: ExecutionAddress,
        /// Gwei.
        pub amount: u64,
    }
}

container! {
    /// A block of the execution chain.
    pub struct ExecutionPayload: progressive since Gloas {
        /// Hash of the block before.
        pub parent_hash: Root,
        /// Who gets the fees.
        pub fee_recipient: ExecutionAddress,
        /// The root of the execution state.
        pub state_root: Root,
        /// The root of the receipts.
        pub receipts_root: Root,
        /// The bloom filter of the logs.
        pub logs_bloom: Bytes<256>,
        /// Randomness from the beacon chain.
        pub prev_randao: Root,
        /// The number of the block.
        pub block_number: u64,
        /// Gas that the block may use.
        pub gas_limit: u64,
        /// Gas that it used.
        pub gas_used: u64,
        /// Unix time.
        pub timestamp: u64,
        /// Bytes without meaning.
        pub extra_data: ByteList<MaxExtraDataBytes>,
        /// Wei per gas.
        pub base_fee_per_gas: Uint256,
        /// Hash of the block.
        pub block_hash: Root,
        /// The transactions.
        pub transactions: List<Transaction, MaxTransactionsPerPayload>,
        /// Payments from the beacon chain.
        pub withdrawals: List<Withdrawal, MaxWithdrawalsPerPayload> => Capella..,
        /// Gas of blobs that it used.
        pub blob_gas_used: u64 => Deneb..,
        /// What raises the price of blobs.
        pub excess_blob_gas: u64 => Deneb..,
        /// What the block reads and writes, encoded (EIP-7928).
        pub block_access_list: ByteList<Unbounded> => Gloas..,
        /// The slot (EIP-7843).
        pub slot_number: u64 => Gloas..,
    }
}

container! {
    /// A payload with lists replaced by their roots.
    pub struct ExecutionPayloadHeader {
        /// Hash of the block before.
        pub parent_hash: Root,
        /// Who gets the fees.
        pub fee_recipient: ExecutionAddress,
        /// The root of the execution state.
        pub state_root: Root,
        /// The root of the receipts.
        pub receipts_root: Root,
        /// The bloom filter of the logs.
        pub logs_bloom: Bytes<256>,
        /// Randomness from the beacon chain.
        pub prev_randao: Root,
        /// The number of the block.
        pub block_number: u64,
        /// Gas that the block may use.
        pub gas_limit: u64,
        /// Gas that it used.
        pub gas_used: u64,
        /// Unix time.
        pub timestamp: u64,
        /// Bytes without meaning.
        pub extra_data: ByteList<MaxExtraDataBytes>,
        /// Wei per gas.
        pub base_fee_per_gas: Uint256,
        /// Hash of the block.
        pub block_hash: Root,
        /// The root of the transactions.
        pub transactions_root: Root,
        /// The root of the withdrawals.
        pub withdrawals_root: Root => Capella..,
        /// Gas of blobs that it used.
        pub blob_gas_used: u64 => Deneb..,
        /// What raises the price of blobs.
        pub excess_blob_gas: u64 => Deneb..,
    }
}

impl ExecutionPayload {
    /// The header of this payload. Hashes every transaction.
    pub fn to_header(&self, shape: &Shape<'_>) -> ExecutionPayloadHeader {
        ExecutionPayloadHeader {
            transactions_root: Root(self.transactions.hash_tree_root(shape)),
            withdrawals_root: Root(self.withdrawals.hash_tree_root(shape)),
            ..self.to_header_without_roots()
        }
    }

    /// The header of this payload with zeros for the roots of its lists. Hashes nothing.
    pub fn to_header_without_roots(&self) -> ExecutionPayloadHeader {
        ExecutionPayloadHeader {
            parent_hash: self.parent_hash,
            fee_recipient: self.fee_recipient,
            state_root: self.state_root,
            receipts_root: self.receipts_root,
            logs_bloom: self.logs_bloom,
            prev_randao: self.prev_randao,
            block_number: self.block_number,
            gas_limit: self.gas_limit,
            gas_used: self.gas_used,
            timestamp: self.timestamp,
            extra_data: self.extra_data.clone(),
            base_fee_per_gas: self.base_fee_per_gas,
            block_hash: self.block_hash,
            transactions_root: Root::default(),
            withdrawals_root: Root::default(),
            blob_gas_used: self.blob_gas_used,
            excess_blob_gas: self.excess_blob_gas,
        }
    }
}

container! {
    /// What the execution chain asks of the beacon chain (EIP-7685).
    pub struct ExecutionRequests: progressive since Gloas {
        /// Deposits.
        pub deposits: List<DepositRequest, MaxDepositRequestsPerPayload>,
        /// Withdrawals and exits.
        pub withdrawals: List<WithdrawalRequest, MaxWithdrawalRequestsPerPayload>,
        /// Consolidations.
        pub consolidations: List<ConsolidationRequest, MaxConsolidationRequestsPerPayload>,
        /// Deposits of builders (EIP-8282).
        pub builder_deposits: List<BuilderDepositRequest, Unbounded> => Gloas..,
        /// Exits of builders (EIP-8282).
        pub builder_exits: List<BuilderExitRequest, Unbounded> => Gloas..,
    }
}
