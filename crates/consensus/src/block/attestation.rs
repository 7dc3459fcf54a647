//! Attestations: whose votes count, for what, and what the proposer gets for them.
//!
//! Source: phase0 and altair `process_attestation`, and what deneb (EIP-7045) and electra (EIP-7549) change.

use crate::bls;
use crate::containers::{
    Attestation, AttestationData, IndexedAttestation, PendingAttestation, SignatureBytes,
};
use crate::spec::{
    BASE_REWARDS_PER_EPOCH, DOMAIN_BEACON_ATTESTER, Fork, PROPOSER_WEIGHT, TIMELY_HEAD_FLAG_INDEX,
    TIMELY_SOURCE_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX, WEIGHT_DENOMINATOR,
};
use crate::ssz::{Bits, Size};
use crate::state::{Shuffling, State, compute_signing_root};
use crate::transition::math::{add, index, mul, rem, sub};
use crate::transition::{
    AttesterReward, Chance, Checks, Recorder, Signatures, TransitionError, Violation, Worth, ensure,
    weight_of,
};

/// What an attestation's numerators are divided by for the proposer: 448.
const PROPOSER_REWARD_DENOMINATOR: u64 =
    (WEIGHT_DENOMINATOR - PROPOSER_WEIGHT) * WEIGHT_DENOMINATOR / PROPOSER_WEIGHT;

/// One committee of an attestation: its members, and where their bits begin.
struct Part<'a> {
    members: &'a [u32],
    first_bit: usize,
}

/// Where an attestation is included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inclusion {
    /// Its position in the block.
    pub position: usize,
    /// The slot of the block's parent. It matters from Gloas on, and for what the recorder is told.
    pub parent_slot: u64,
}

/// Applies an attestation of a block.
///
/// Source: phase0 `process_attestation`, and what altair, deneb, electra and gloas change in it.
pub fn process_attestation<R: Recorder>(
    state: &mut State,
    attestation: &Attestation,
    inclusion: Inclusion,
    checks: Checks,
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let data = &attestation.data;
    recorder.attestation(inclusion.position, data);
    check_data(state, data)?;
    let shuffling = state.shuffling(data.target.epoch)?;
    recorder.committees_of_slot(shuffling.committees_per_slot());
    let parts = parts(state.fork, attestation, &shuffling)?;
    if checks.signatures == Signatures::Verify {
        let mut members: Vec<u32> = attesters(&parts, attestation).collect();
        members.sort_unstable();
        members.dedup();
        verify_attesters(state, &members, data, &attestation.signature)?;
    }
    if state.fork == Fork::Phase0 {
        return add_pending(state, attestation, &parts, recorder);
    }
    let delay = sub(state.data.slot, data.slot, "the inclusion delay")?;
    let flags = participation_flags(state, data, delay, inclusion.parent_slot)?;
    if state.fork >= Fork::Gloas {
        add_payment_weight(state, attestation, &parts, flags)?;
    }
    let increments = state.increments()?;
    let per_increment = state.base_reward_per_increment()?;
    let participation = if data.target.epoch == state.current_epoch() {
        state.data.current_epoch_participation.make_mut()
    } else {
        state.data.previous_epoch_participation.make_mut()
    };
    if R::ATTESTERS {
        let first = data.slot >= inclusion.parent_slot;
        recorder.flags_of_vote(flags, if first { Chance::First } else { Chance::Later });
        recorder.attesters_worth(Worth::Flags { base_reward_per_increment: per_increment });
    }
    let mut weighted = 0_u64;
    let mut unknown = None;
    for part in &parts {
        each_present(part, &attestation.aggregation_bits, |member| {
            let place = member as usize;
            let (Some(held), Some(stake)) = (participation.get_mut(place), increments.get(place)) else {
                unknown = Some(member);
                return;
            };
            let before = *held;
            let added = flags & !before;
            if added != 0 {
                *held = before | flags;
                // At most 2^16 increments of weight 54 for each of 2^17 members: far below 2^64.
                weighted += u64::from(*stake) * weight_of(added);
            }
            if R::ATTESTERS {
                recorder.attester(AttesterReward {
                    validator_index: member,
                    increments: *stake,
                    flags_before: before,
                    flags_added: added,
                });
            }
        });
    }
    if let Some(member) = unknown {
        return Err(Violation::NoValidator(u64::from(member)).into());
    }
    let numerator = mul(weighted, per_increment, "the reward of an attestation")?;
    let reward = numerator / PROPOSER_REWARD_DENOMINATOR;
    recorder.attestation_paid(reward, numerator % PROPOSER_REWARD_DENOMINATOR);
    let proposer = state.proposer_index()?;
    state.increase_balance(proposer, reward)
}

fn check_data(state: &State, data: &AttestationData) -> Result<(), TransitionError> {
    let (current, previous) = (state.current_epoch(), state.previous_epoch());
    ensure!(
        data.target.epoch == current || data.target.epoch == previous,
        "the target is neither the current nor the previous epoch"
    );
    ensure!(
        data.target.epoch == state.spec.epoch_at(data.slot),
        "the target is not the epoch of the attestation's slot"
    );
    let earliest = data.slot.saturating_add(state.spec.preset.min_attestation_inclusion_delay);
    ensure!(earliest <= state.data.slot, "the attestation is included too early");
    if state.fork < Fork::Deneb {
        let latest = data.slot.saturating_add(state.spec.preset.slots_per_epoch);
        ensure!(state.data.slot <= latest, "the attestation is included too late");
    }
    Ok(())
}

/// The committees of an attestation. Refuses bits that do not fit them.
fn parts<'a>(
    fork: Fork,
    attestation: &Attestation,
    shuffling: &'a Shuffling,
) -> Result<Vec<Part<'a>>, TransitionError> {
    let data = &attestation.data;
    let committee = |number: u64| {
        shuffling.committee(data.slot, number).ok_or(Violation::Rule("there is no such committee"))
    };
    let mut parts = Vec::new();
    let mut first_bit = 0_usize;
    if fork >= Fork::Electra {
        if fork < Fork::Gloas {
            ensure!(data.index == 0, "the committee index is not 0");
        } else {
            ensure!(data.index < 2, "the vote on the payload is neither 0 nor 1");
        }
        for number in attestation.committee_bits.ones() {
            let part = Part { members: committee(number as u64)?, first_bit };
            let end = first_bit.saturating_add(part.members.len());
            ensure!(
                end <= attestation.aggregation_bits.len(),
                "there are fewer aggregation bits than members of the committees"
            );
            ensure!(
                members_present(&part, &attestation.aggregation_bits).next().is_some(),
                "nobody of a named committee took part"
            );
            first_bit = end;
            parts.push(part);
        }
    } else {
        let members = committee(data.index)?;
        first_bit = members.len();
        parts.push(Part { members, first_bit: 0 });
    }
    ensure!(
        attestation.aggregation_bits.len() == first_bit,
        "the number of aggregation bits is not that of the members"
    );
    // Whether signatures are checked or not: nobody's vote is none.
    let someone =
        parts.iter().any(|part| members_present(part, &attestation.aggregation_bits).next().is_some());
    ensure!(someone, "nobody took part");
    Ok(parts)
}

/// The members of one committee whose bit is set, in committee order.
fn members_present<'a, S: Size>(part: &Part<'a>, bits: &'a Bits<S>) -> impl Iterator<Item = u32> + 'a {
    let (members, first_bit, bytes) = (part.members, part.first_bit, bits.as_bytes());
    members.chunks(64).enumerate().flat_map(move |(number, chunk)| {
        let mut word = word_of(bytes, first_bit + number * 64, chunk.len());
        std::iter::from_fn(move || {
            if word == 0 {
                return None;
            }
            let place = word.trailing_zeros() as usize;
            word &= word - 1;
            chunk.get(place).copied()
        })
    })
}

/// Calls back for each of [`members_present`]: a loop that compilers make faster code of.
#[inline(always)]
fn each_present<S: Size>(part: &Part<'_>, bits: &Bits<S>, mut call: impl FnMut(u32)) {
    let bytes = bits.as_bytes();
    for (number, chunk) in part.members.chunks(64).enumerate() {
        let mut word = word_of(bytes, part.first_bit + number * 64, chunk.len());
        while word != 0 {
            if let Some(member) = chunk.get(word.trailing_zeros() as usize) {
                call(*member);
            }
            word &= word - 1;
        }
    }
}

/// Up to sixty-four bits from a bit position on; those behind the end are zero.
#[inline]
fn word_of(bytes: &[u8], bit: usize, count: usize) -> u64 {
    let (start, shift) = (bit / 8, bit % 8);
    let rest = bytes.get(start..).unwrap_or_default();
    let word = match rest.first_chunk::<9>() {
        Some([head @ .., last]) => {
            u64::from_le_bytes(*head) >> shift | (u64::from(*last) << 1).wrapping_shl(63 - shift as u32)
        }
        None => {
            let mut buffer = [0; 16];
            for (to, from) in buffer.iter_mut().zip(rest.iter()) {
                *to = *from;
            }
            (u128::from_le_bytes(buffer) >> shift) as u64
        }
    };
    if count < 64 { word & ((1_u64 << count) - 1) } else { word }
}

fn attesters<'a>(parts: &'a [Part<'a>], attestation: &'a Attestation) -> impl Iterator<Item = u32> + 'a {
    parts.iter().flat_map(|part| members_present(part, &attestation.aggregation_bits))
}

/// The flags that a vote earns at a delay.
///
/// Source: altair `get_attestation_participation_flag_indices`; deneb (EIP-7045), gloas (EIP-7732).
pub(crate) fn participation_flags(
    state: &State,
    data: &AttestationData,
    delay: u64,
    parent_slot: u64,
) -> Result<u8, TransitionError> {
    let justified = if data.target.epoch == state.current_epoch() {
        &state.data.current_justified_checkpoint
    } else {
        &state.data.previous_justified_checkpoint
    };
    ensure!(data.source == *justified, "the source is not the justified checkpoint");
    let target = data.target.root == state.block_root(data.target.epoch)?;
    let mut head = target && data.beacon_block_root == state.block_root_at_slot(data.slot)?;
    if state.fork >= Fork::Gloas {
        head &= payload_matches(state, data, parent_slot)?;
    }
    let preset = &state.spec.preset;
    let mut flags = 0;
    if delay <= preset.slots_per_epoch.isqrt() {
        flags |= 1 << TIMELY_SOURCE_FLAG_INDEX;
    }
    if target && (state.fork >= Fork::Deneb || delay <= preset.slots_per_epoch) {
        flags |= 1 << TIMELY_TARGET_FLAG_INDEX;
    }
    if head && delay == preset.min_attestation_inclusion_delay {
        flags |= 1 << TIMELY_HEAD_FLAG_INDEX;
    }
    Ok(flags)
}

/// Whether the vote on the payload, 1 for a payload that came, is right. A vote for a block of its own slot can't know
/// of a payload, and is right with 0.
fn payload_matches(state: &State, data: &AttestationData, parent_slot: u64) -> Result<bool, TransitionError> {
    if is_same_slot(state, data)? {
        ensure!(data.index == 0, "a vote for a block of its own slot names a payload");
        return Ok(true);
    }
    let kept = state.spec.preset.slots_per_historical_root;
    let place = index(rem(parent_slot, kept, "the number of payloads")?);
    let came = state.data.execution_payload_availability.get(place);
    let came = came.ok_or(Violation::State("execution_payload_availability is too short"))?;
    Ok(data.index == u64::from(came))
}

/// Whether a vote is for the block of its own slot.
///
/// Source: gloas `is_attestation_same_slot`.
fn is_same_slot(state: &State, data: &AttestationData) -> Result<bool, TransitionError> {
    let Some(before) = data.slot.checked_sub(1) else { return Ok(true) };
    let root = data.beacon_block_root;
    Ok(root == state.block_root_at_slot(data.slot)? && root != state.block_root_at_slot(before)?)
}

/// Adds the balance of those who vote for the first time in an epoch, and for the block of their own slot, to what
/// makes the builder of that block pay. To be called before their flags are set.
///
/// Source: gloas `process_attestation`.
fn add_payment_weight(
    state: &mut State,
    attestation: &Attestation,
    parts: &[Part<'_>],
    flags: u8,
) -> Result<(), TransitionError> {
    let data = &attestation.data;
    if flags == 0 || !is_same_slot(state, data)? {
        return Ok(());
    }
    let current = data.target.epoch == state.current_epoch();
    let place = state.payment_place(data.slot)?;
    let missing = Violation::State("builder_pending_payments is too short");
    let payment = state.data.builder_pending_payments.get(place).ok_or(missing.clone())?;
    if payment.withdrawal.amount == 0 {
        return Ok(());
    }
    let mut weight = payment.weight;
    let participation = if current {
        &state.data.current_epoch_participation
    } else {
        &state.data.previous_epoch_participation
    };
    let balances = &state.data.validators.effective_balances;
    for member in attesters(parts, attestation) {
        let (Some(held), Some(balance)) = (participation.get(member as usize), balances.get(member as usize))
        else {
            return Err(Violation::NoValidator(u64::from(member)).into());
        };
        if *held == 0 {
            weight = add(weight, *balance, "the weight of a payment")?;
        }
    }
    state.data.builder_pending_payments.get_mut(place).ok_or(missing)?.weight = weight;
    Ok(())
}

/// Keeps the attestation until the end of the epoch, phase 0. The recorder is told what it is worth to the proposer
/// as `(effective balance · factor / √total / 4) / 8` for each attester whom no earlier attestation names.
fn add_pending<R: Recorder>(
    state: &mut State,
    attestation: &Attestation,
    parts: &[Part<'_>],
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let data = &attestation.data;
    let current = data.target.epoch == state.current_epoch();
    let justified = if current {
        &state.data.current_justified_checkpoint
    } else {
        &state.data.previous_justified_checkpoint
    };
    ensure!(data.source == *justified, "the source is not the justified checkpoint");
    if R::ATTESTERS {
        record_pending(state, attestation, parts, recorder)?;
    }
    let pending = PendingAttestation {
        aggregation_bits: attestation.aggregation_bits.clone(),
        data: data.clone(),
        inclusion_delay: sub(state.data.slot, data.slot, "the inclusion delay")?,
        proposer_index: state.proposer_index()?,
    };
    let list = if current {
        &mut state.data.current_epoch_attestations
    } else {
        &mut state.data.previous_epoch_attestations
    };
    list.push(pending);
    recorder.attestation_paid(0, 0);
    Ok(())
}

fn record_pending<R: Recorder>(
    state: &mut State,
    attestation: &Attestation,
    parts: &[Part<'_>],
    recorder: &mut R,
) -> Result<(), TransitionError> {
    let what = "the share of a proposer";
    let data = &attestation.data;
    let root = state.total_active_balance()?.isqrt();
    let increments = state.increments()?;
    let list = if data.target.epoch == state.current_epoch() {
        &state.data.current_epoch_attestations
    } else {
        &state.data.previous_epoch_attestations
    };
    let mut seen = vec![false; attestation.aggregation_bits.len()];
    for pending in list.iter().filter(|p| p.data.slot == data.slot && p.data.index == data.index) {
        for bit in pending.aggregation_bits.ones() {
            if let Some(seen) = seen.get_mut(bit) {
                *seen = true;
            }
        }
    }
    let preset = &state.spec.preset;
    recorder.attesters_worth(Worth::Inclusion {
        factor: mul(preset.effective_balance_increment, preset.base_reward_factor, what)?,
        divisors: [root, BASE_REWARDS_PER_EPOCH, preset.proposer_reward_quotient],
    });
    let members = parts.first().map(|part| part.members).unwrap_or_default();
    for bit in attestation.aggregation_bits.ones() {
        let Some(member) = members.get(bit).copied() else { continue };
        let old = seen.get(bit).copied().unwrap_or_default();
        let stake = increments.get(member as usize).copied();
        recorder.attester(AttesterReward {
            validator_index: member,
            increments: stake.ok_or(Violation::NoValidator(u64::from(member)))?,
            flags_before: u8::from(old),
            flags_added: u8::from(!old),
        });
    }
    Ok(())
}

/// Who takes part in an attestation, by the committees of a state at its target. One that names committees has the
/// form of Electra, whatever the fork of the state.
///
/// Source: phase0 and electra `get_attesting_indices`.
pub(crate) fn attesting_indices(
    state: &mut State,
    attestation: &Attestation,
) -> Result<Vec<u32>, TransitionError> {
    let fork = if attestation.committee_bits.is_empty() {
        state.fork.min(Fork::Deneb)
    } else {
        state.fork.max(Fork::Electra)
    };
    let shuffling = state.shuffling(attestation.data.target.epoch)?;
    let parts = parts(fork, attestation, &shuffling)?;
    Ok(attesters(&parts, attestation).collect())
}

/// Whether an aggregate signature of attesters is valid.
pub(crate) fn verify_attesters(
    state: &State,
    members: &[u32],
    data: &AttestationData,
    signature: &SignatureBytes,
) -> Result<(), TransitionError> {
    ensure!(!members.is_empty(), "nobody took part");
    let mut keys = Vec::with_capacity(members.len());
    for member in members {
        let key = state.data.validators.pubkeys.get(*member as usize);
        keys.push(*key.ok_or(Violation::NoValidator(u64::from(*member)))?);
    }
    let domain = state.domain(DOMAIN_BEACON_ATTESTER, data.target.epoch);
    let root = compute_signing_root(data, domain, &state.shape());
    if !bls::fast_aggregate_verify(&keys, &root, signature) {
        return Err(Violation::Signature("an attestation").into());
    }
    Ok(())
}

/// Whether indices are ascending, and their aggregate signature valid.
///
/// Source: phase0 `is_valid_indexed_attestation`.
pub fn check_indexed_attestation(
    state: &State,
    attestation: &IndexedAttestation,
    checks: Checks,
) -> Result<(), TransitionError> {
    let indices = &attestation.attesting_indices;
    ensure!(!indices.is_empty(), "nobody took part");
    ensure!(indices.is_sorted_by(|a, b| a < b), "the attesting indices are not ascending");
    let mut members = Vec::with_capacity(indices.len());
    for validator in indices {
        members.push(u32::try_from(*validator).map_err(|_| Violation::NoValidator(*validator))?);
    }
    if checks.signatures == Signatures::Verify {
        verify_attesters(state, &members, &attestation.data, &attestation.signature)?;
    }
    Ok(())
}
