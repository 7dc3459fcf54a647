//! Changes of states and blocks that leave them readable.

use consensus::containers::{
    AttesterSlashing, BeaconBlockBody, BeaconBlockHeader, BuilderDepositRequest, BuilderExitRequest,
    BuilderPendingWithdrawal, ConsolidationRequest, DepositRequest, IndexedAttestation, PendingConsolidation,
    PendingDeposit, PendingPartialWithdrawal, ProposerSlashing, PublicKeyBytes, SignedBLSToExecutionChange,
    SignedBeaconBlock, SignedBeaconBlockHeader, SignedVoluntaryExit, WithdrawalRequest,
};
use consensus::containers::{BeaconState, Registry};
use consensus::spec::{Fork, Shape};
use consensus::ssz::{Bytes, Ssz};
use consensus::state::State;
use libfuzzer_sys::arbitrary::{self, Arbitrary};

use crate::chain::{credentials, keys};

/// A number that is often near a limit.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    /// Small.
    Few(u8),
    /// Below the largest.
    Huge(u8),
    /// Around a power of two.
    Power(u8, i8),
    /// Gwei around whole ether.
    Ether(u16, i8),
    /// Any.
    Any(u64),
}

impl Number {
    /// The number.
    pub fn get(self) -> u64 {
        match self {
            Self::Few(number) => number.into(),
            Self::Huge(less) => u64::MAX - u64::from(less),
            Self::Power(power, off) => (1_u64 << (power % 64)).wrapping_add_signed(off.into()),
            Self::Ether(ether, off) => (u64::from(ether) * 1_000_000_000).wrapping_add_signed(off.into()),
            Self::Any(number) => number,
        }
    }
}

/// A change of a state.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum StateChange {
    /// Eight bytes of the encoding.
    Patch(u32, Number),
    /// One byte of the encoding.
    Byte(u32, u8),
    /// A balance and, where asked for, its effective one.
    Balance(u8, Number, bool),
    /// One of the epochs of a validator.
    Epoch(u8, u8, Number),
    /// A validator is slashed, withdrawable at an epoch from now.
    Slashed(u8, u8),
    /// The kind of a validator's credentials.
    Credentials(u8, u8),
    /// Flags and inactivity score of a validator.
    Votes(u8, u8, Number),
    /// Only so many validators are left.
    Validators(u8),
    /// The finalized epoch.
    Finalized(Number),
    /// A waiting deposit.
    Deposit(u8, Number, Number),
    /// A waiting partial withdrawal.
    Partial(Number, Number, Number),
    /// A waiting consolidation.
    Consolidation(Number, Number),
    /// A waiting payment of a builder.
    Payment(Number, Number),
    /// A numbered field that counts or points.
    Counter(u8, Number),
}

impl StateChange {
    /// Makes the change. A state that can't be read any more stays as it was.
    pub fn apply(self, state: &mut State) {
        if let Self::Patch(..) | Self::Byte(..) = self {
            self.patch(state);
            return;
        }
        let fork = state.fork_name();
        let epoch = state.current_epoch();
        let count = state.validators.len().max(1);
        let data = state.data_mut();
        match self {
            Self::Patch(..) | Self::Byte(..) => {}
            Self::Balance(place, gwei, effective) => {
                let place = usize::from(place) % count;
                set(data.balances.make_mut(), place, gwei.get());
                if effective {
                    set(arc(&mut data.validators.effective_balances), place, gwei.get());
                }
            }
            Self::Epoch(place, which, value) => {
                let columns = &mut data.validators;
                let column = match which % 4 {
                    0 => &mut columns.activation_eligibility_epochs,
                    1 => &mut columns.activation_epochs,
                    2 => &mut columns.exit_epochs,
                    _ => &mut columns.withdrawable_epochs,
                };
                set(arc(column), usize::from(place) % count, value.get());
            }
            Self::Slashed(place, ahead) => {
                let place = usize::from(place) % count;
                set(arc(&mut data.validators.slashed), place, true);
                set(arc(&mut data.validators.withdrawable_epochs), place, epoch + u64::from(ahead));
            }
            Self::Credentials(place, kind) => {
                let kind = [0, 1, 2, 3, 0xb0][usize::from(kind) % 5];
                set(
                    arc(&mut data.validators.withdrawal_credentials),
                    usize::from(place) % count,
                    credentials(kind),
                );
            }
            Self::Votes(place, flags, score) if fork >= Fork::Altair => {
                let place = usize::from(place) % count;
                set(data.previous_epoch_participation.make_mut(), place, flags);
                set(data.current_epoch_participation.make_mut(), place, flags >> 3);
                set(data.inactivity_scores.make_mut(), place, score.get());
            }
            Self::Votes(..) => {}
            Self::Validators(left) => truncate(data, usize::from(left)),
            Self::Finalized(epoch) => data.finalized_checkpoint.epoch = epoch.get(),
            Self::Deposit(key, amount, slot) => data.pending_deposits.push(PendingDeposit {
                pubkey: key_of(key),
                withdrawal_credentials: credentials([0, 1, 2, 0xb0][usize::from(key) % 4]),
                amount: amount.get(),
                slot: slot.get(),
                ..PendingDeposit::default()
            }),
            Self::Partial(validator, amount, epoch) => {
                data.pending_partial_withdrawals.push(PendingPartialWithdrawal {
                    validator_index: validator.get(),
                    amount: amount.get(),
                    withdrawable_epoch: epoch.get(),
                });
            }
            Self::Consolidation(source, target) => data
                .pending_consolidations
                .push(PendingConsolidation { source_index: source.get(), target_index: target.get() }),
            Self::Payment(builder, amount) => {
                data.builder_pending_withdrawals.push(BuilderPendingWithdrawal {
                    builder_index: builder.get(),
                    amount: amount.get(),
                    ..BuilderPendingWithdrawal::default()
                });
            }
            Self::Counter(which, value) => counter(data, which, value.get()),
        }
    }

    fn patch(self, state: &mut State) {
        let Ok(mut bytes) = state.encode() else { return };
        patch(&mut bytes, self.place(), self.bytes().as_slice());
        if let Ok(changed) = State::decode(state.spec().clone(), state.fork_name(), &bytes) {
            *state = changed;
        }
    }

    fn place(self) -> u32 {
        match self {
            Self::Patch(place, _) | Self::Byte(place, _) => place,
            _ => 0,
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Patch(_, number) => number.get().to_le_bytes().to_vec(),
            Self::Byte(_, byte) => vec![byte],
            _ => Vec::new(),
        }
    }
}

fn patch(bytes: &mut [u8], place: u32, with: &[u8]) {
    let place = place as usize % bytes.len().max(1);
    for (to, from) in bytes.iter_mut().skip(place).zip(with) {
        *to = *from;
    }
}

fn set<T>(column: &mut [T], place: usize, value: T) {
    if let Some(slot) = column.get_mut(place) {
        *slot = value;
    }
}

fn arc<T: Clone>(column: &mut std::sync::Arc<Vec<T>>) -> &mut Vec<T> {
    std::sync::Arc::make_mut(column)
}

fn truncate(data: &mut BeaconState, left: usize) {
    data.validators = data.validators.iter().take(left).collect::<Registry>();
    data.balances.make_mut().truncate(left);
    data.previous_epoch_participation.make_mut().truncate(left);
    data.current_epoch_participation.make_mut().truncate(left);
    data.inactivity_scores.make_mut().truncate(left);
}

fn counter(data: &mut BeaconState, which: u8, value: u64) {
    *match which % 18 {
        0 => &mut data.genesis_time,
        1 => &mut data.eth1_data.deposit_count,
        2 => &mut data.eth1_deposit_index,
        3 => &mut data.next_withdrawal_index,
        4 => &mut data.next_withdrawal_validator_index,
        5 => &mut data.deposit_requests_start_index,
        6 => &mut data.deposit_balance_to_consume,
        7 => &mut data.exit_balance_to_consume,
        8 => &mut data.earliest_exit_epoch,
        9 => &mut data.consolidation_balance_to_consume,
        10 => &mut data.earliest_consolidation_epoch,
        11 => &mut data.next_withdrawal_builder_index,
        12 => &mut data.fork.epoch,
        13 => &mut data.current_justified_checkpoint.epoch,
        14 => &mut data.previous_justified_checkpoint.epoch,
        15 => &mut data.latest_block_header.slot,
        16 => &mut data.latest_execution_payload_bid.slot,
        _ => &mut data.latest_execution_payload_bid.value,
    } = value;
}

fn key_of(number: u8) -> PublicKeyBytes {
    thread_local!(static KEYS: Vec<PublicKeyBytes> = keys());
    KEYS.with(|keys| keys[usize::from(number) % keys.len()])
}

/// A change of a block.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum BlockChange {
    /// Eight bytes of the encoding.
    Patch(u32, Number),
    /// One byte of the encoding.
    Byte(u32, u8),
    /// Another slot, from that of the state on.
    Slot(u8),
    /// An attestation is repeated, with another bit set or cleared.
    Attestation(u8, u8),
    /// An attestation is left out.
    NoAttestation(u8),
    /// A committee bit of an attestation.
    Committee(u8, u8),
    /// A proposer is slashed.
    ProposerSlashing(Number, Number),
    /// Attesters are slashed.
    AttesterSlashing(u8, u8, Number),
    /// A validator leaves.
    Exit(Number, Number),
    /// A change of credentials.
    Credentials(Number),
    /// A deposit request.
    Deposit(u8, Number),
    /// A withdrawal request.
    Withdrawal(u8, Number),
    /// A consolidation request.
    Consolidation(u8, u8),
    /// A deposit of a builder.
    BuilderDeposit(u8, Number),
    /// An exit of a builder.
    BuilderExit(u8),
    /// The value of the bid.
    Bid(Number, Number),
    /// A bit of the sync committee.
    Sync(u8),
}

impl BlockChange {
    /// Makes the change. A block that can't be read any more stays as it was.
    pub fn apply(self, block: &mut SignedBeaconBlock, shape: &Shape<'_>) {
        let body = &mut block.message.body;
        let requests = if shape.fork >= Fork::Gloas {
            &mut body.parent_execution_requests
        } else {
            &mut body.execution_requests
        };
        match self {
            Self::Patch(place, number) => reread(block, shape, place, &number.get().to_le_bytes()),
            Self::Byte(place, byte) => reread(block, shape, place, &[byte]),
            Self::Slot(more) => block.message.slot += u64::from(more % 20),
            Self::Attestation(which, bit) => {
                let count = body.attestations.len().max(1);
                let Some(mut vote) = body.attestations.get(usize::from(which) % count).cloned() else {
                    return;
                };
                let bit = usize::from(bit) % vote.aggregation_bits.len().max(1);
                let held = vote.aggregation_bits.get(bit).unwrap_or_default();
                vote.aggregation_bits.set(bit, !held);
                body.attestations.push(vote);
            }
            Self::NoAttestation(which) => {
                let count = body.attestations.len().max(1);
                if usize::from(which) % count < body.attestations.len() {
                    body.attestations.remove(usize::from(which) % count);
                }
            }
            Self::Committee(which, bit) => {
                let count = body.attestations.len().max(1);
                if let Some(vote) = body.attestations.get_mut(usize::from(which) % count) {
                    let bit = usize::from(bit) % vote.committee_bits.len().max(1);
                    let held = vote.committee_bits.get(bit).unwrap_or_default();
                    vote.committee_bits.set(bit, !held);
                }
            }
            Self::ProposerSlashing(validator, slot) => {
                let header = |byte: u8| SignedBeaconBlockHeader {
                    message: BeaconBlockHeader {
                        slot: slot.get(),
                        proposer_index: validator.get(),
                        body_root: consensus::Root([byte; 32]),
                        ..BeaconBlockHeader::default()
                    },
                    ..SignedBeaconBlockHeader::default()
                };
                body.proposer_slashings
                    .push(ProposerSlashing { signed_header_1: header(1), signed_header_2: header(2) });
            }
            Self::AttesterSlashing(first, count, last) => attester_slashing(body, first, count, last),
            Self::Exit(validator, epoch) => {
                let mut exit = SignedVoluntaryExit::default();
                (exit.message.validator_index, exit.message.epoch) = (validator.get(), epoch.get());
                body.voluntary_exits.push(exit);
            }
            Self::Credentials(validator) => {
                let mut change = SignedBLSToExecutionChange::default();
                change.message.validator_index = validator.get();
                body.bls_to_execution_changes.push(change);
            }
            Self::Deposit(key, amount) => requests.deposits.push(DepositRequest {
                pubkey: key_of(key),
                withdrawal_credentials: credentials([0, 1, 2, 0xb0][usize::from(key) % 4]),
                amount: amount.get(),
                ..DepositRequest::default()
            }),
            Self::Withdrawal(key, amount) => requests.withdrawals.push(WithdrawalRequest {
                source_address: Bytes([0x11; 20]),
                validator_pubkey: key_of(key),
                amount: amount.get(),
            }),
            Self::Consolidation(source, target) => requests.consolidations.push(ConsolidationRequest {
                source_address: Bytes([0x11; 20]),
                source_pubkey: key_of(source),
                target_pubkey: key_of(target),
            }),
            Self::BuilderDeposit(key, amount) => requests.builder_deposits.push(BuilderDepositRequest {
                pubkey: key_of(key),
                withdrawal_credentials: credentials(0xb0),
                amount: amount.get(),
                ..BuilderDepositRequest::default()
            }),
            Self::BuilderExit(key) => requests
                .builder_exits
                .push(BuilderExitRequest { source_address: Bytes([0x22; 20]), pubkey: key_of(key) }),
            Self::Bid(builder, value) => {
                let bid = &mut body.signed_execution_payload_bid.message;
                (bid.builder_index, bid.value) = (builder.get(), value.get());
            }
            Self::Sync(bit) => {
                let bits = &mut body.sync_aggregate.sync_committee_bits;
                let bit = usize::from(bit) % bits.len().max(1);
                let held = bits.get(bit).unwrap_or_default();
                bits.set(bit, !held);
            }
        }
    }
}

fn attester_slashing(body: &mut BeaconBlockBody, first: u8, count: u8, last: Number) {
    let mut indices: Vec<u64> = (first..first.saturating_add(count % 16)).map(u64::from).collect();
    indices.extend(indices.last().is_none_or(|highest| *highest < last.get()).then(|| last.get()));
    let vote = |byte: u8| {
        let mut vote = IndexedAttestation { attesting_indices: indices.clone().into(), ..Default::default() };
        vote.data.beacon_block_root = consensus::Root([byte; 32]);
        vote
    };
    body.attester_slashings.push(AttesterSlashing { attestation_1: vote(1), attestation_2: vote(2) });
}

fn reread(block: &mut SignedBeaconBlock, shape: &Shape<'_>, place: u32, with: &[u8]) {
    let mut bytes = block.to_ssz(shape);
    patch(&mut bytes, place, with);
    if let Ok(changed) = SignedBeaconBlock::decode(&bytes, shape) {
        *block = changed;
    }
}
