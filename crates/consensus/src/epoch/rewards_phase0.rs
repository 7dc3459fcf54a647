//! Rewards and penalties for attesting, phase 0.

use super::participation::{ELIGIBLE, SOURCE, TARGET, Votes, pending_attesters};
use super::rewards::{AttestationDeltas, Deltas};
use crate::spec::BASE_REWARDS_PER_EPOCH;
use crate::state::State;
use crate::transition::math::{add, div, index, mul, sub};
use crate::transition::{TransitionError, Violation};

/// The earliest inclusion of a validator's vote.
#[derive(Clone, Copy)]
struct Inclusion {
    delay: u64,
    proposer: u64,
}

/// Source: phase0 `get_source_deltas`, `get_target_deltas`, `get_head_deltas`, `get_inclusion_delay_deltas`,
/// `get_inactivity_penalty_deltas`.
pub(super) fn deltas(state: &mut State, votes: &Votes) -> Result<AttestationDeltas, TransitionError> {
    let base_rewards = base_rewards(state)?;
    let mut component = |flag| component_deltas(state, votes, &base_rewards, flag);
    let (source, target, head) = (component(0)?, component(1)?, component(2)?);
    Ok(AttestationDeltas {
        source,
        target,
        head,
        inclusion_delay: Some(inclusion_delay_deltas(state, votes, &base_rewards)?),
        inactivity: inactivity_deltas(state, votes, &base_rewards)?,
    })
}

/// Source: phase0 `get_base_reward`.
fn base_rewards(state: &mut State) -> Result<Vec<u64>, TransitionError> {
    let what = "a base reward";
    let root = state.total_active_balance()?.isqrt();
    let factor = state.spec.preset.base_reward_factor;
    let balances = state.data.validators.effective_balances.iter();
    balances
        .map(|balance| Ok(div(mul(*balance, factor, what)?, root, what)? / BASE_REWARDS_PER_EPOCH))
        .collect()
}

/// Source: phase0 `get_proposer_reward`.
fn proposer_reward(state: &State, base_reward: u64) -> Result<u64, TransitionError> {
    div(base_reward, state.spec.preset.proposer_reward_quotient, "a proposer's reward")
}

/// Source: phase0 `get_attestation_component_deltas`.
fn component_deltas(
    state: &mut State,
    votes: &Votes,
    base_rewards: &[u64],
    flag: usize,
) -> Result<Deltas, TransitionError> {
    let what = "a reward";
    let total = state.total_active_balance()?;
    let active = div(total, state.spec.preset.effective_balance_increment, what)?;
    let attesting = votes.increments.get(flag).copied().unwrap_or_default();
    // In a leak the best that an attester can get is what it would lose otherwise.
    let (attesting, active) = if state.is_in_inactivity_leak() { (1, 1) } else { (attesting, active) };
    let mut deltas = Deltas::zeros(votes.marks.len());
    let places = deltas.rewards.iter_mut().zip(&mut deltas.penalties);
    for ((mark, base), (reward, penalty)) in votes.marks.iter().zip(base_rewards).zip(places) {
        if mark & ELIGIBLE == 0 {
            continue;
        }
        if mark >> flag & 1 == 1 {
            *reward = div(mul(*base, attesting, what)?, active, what)?;
        } else {
            *penalty = *base;
        }
    }
    Ok(deltas)
}

fn inclusion_delay_deltas(
    state: &mut State,
    votes: &Votes,
    base_rewards: &[u64],
) -> Result<Deltas, TransitionError> {
    let what = "a reward";
    let mut inclusions: Vec<Option<Inclusion>> = vec![None; votes.marks.len()];
    for attestation in &state.data.previous_epoch_attestations.clone() {
        let new = Inclusion { delay: attestation.inclusion_delay, proposer: attestation.proposer_index };
        for member in pending_attesters(state, attestation)? {
            let kept =
                inclusions.get_mut(member as usize).ok_or(Violation::NoValidator(u64::from(member)))?;
            // Of several equally early ones the first counts.
            if kept.is_none_or(|kept| new.delay < kept.delay) {
                *kept = Some(new);
            }
        }
    }
    let mut deltas = Deltas::zeros(votes.marks.len());
    for (place, ((mark, base), inclusion)) in
        votes.marks.iter().zip(base_rewards).zip(&inclusions).enumerate()
    {
        let (true, Some(inclusion)) = (mark & SOURCE != 0, inclusion) else { continue };
        let proposer_reward = proposer_reward(state, *base)?;
        let missing = Violation::NoValidator(inclusion.proposer);
        let proposer = deltas.rewards.get_mut(index(inclusion.proposer)).ok_or(missing)?;
        *proposer = add(*proposer, proposer_reward, what)?;
        let attester = sub(*base, proposer_reward, what)?;
        if let Some(reward) = deltas.rewards.get_mut(place) {
            *reward = add(*reward, div(attester, inclusion.delay, what)?, what)?;
        }
    }
    Ok(deltas)
}

fn inactivity_deltas(state: &State, votes: &Votes, base_rewards: &[u64]) -> Result<Deltas, TransitionError> {
    let what = "an inactivity penalty";
    let mut deltas = Deltas::zeros(votes.marks.len());
    if !state.is_in_inactivity_leak() {
        return Ok(deltas);
    }
    let delay = state.finality_delay();
    let quotient = state.spec.preset.inactivity_penalty_quotient;
    let balances = state.data.validators.effective_balances.iter();
    for (((mark, base), balance), penalty) in
        votes.marks.iter().zip(base_rewards).zip(balances).zip(&mut deltas.penalties)
    {
        if mark & ELIGIBLE == 0 {
            continue;
        }
        let best = mul(*base, BASE_REWARDS_PER_EPOCH, what)?;
        *penalty = sub(best, proposer_reward(state, *base)?, what)?;
        if mark & TARGET == 0 {
            *penalty = add(*penalty, div(mul(*balance, delay, what)?, quotient, what)?, what)?;
        }
    }
    Ok(deltas)
}
