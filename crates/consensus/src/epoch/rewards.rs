//! Rewards and penalties for attesting, from Altair on, and what they are made of.

use super::participation::{ELIGIBLE, HEAD, TARGET, Votes, previous_votes};
use super::{has_flags, is_first_epoch, rewards_phase0};
use crate::spec::{Fork, PARTICIPATION_FLAG_WEIGHTS, WEIGHT_DENOMINATOR};
use crate::state::State;
use crate::transition::math::{add, div, mul};
use crate::transition::{TransitionError, Violation};

/// What each validator gains and loses for one reason, gwei.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// Gains.
    pub rewards: Vec<u64>,
    /// Losses.
    pub penalties: Vec<u64>,
}

impl Deltas {
    pub(super) fn zeros(count: usize) -> Self {
        Self { rewards: vec![0; count], penalties: vec![0; count] }
    }
}

/// What each validator gains and loses at the end of the epoch, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttestationDeltas {
    /// For the source vote.
    pub source: Deltas,
    /// For the target vote.
    pub target: Deltas,
    /// For the head vote.
    pub head: Deltas,
    /// For being included soon, and for including, phase 0 only.
    pub inclusion_delay: Option<Deltas>,
    /// For being absent while nothing is finalized.
    pub inactivity: Deltas,
}

impl AttestationDeltas {
    fn in_order(&self) -> impl Iterator<Item = &Deltas> {
        [&self.source, &self.target, &self.head]
            .into_iter()
            .chain(&self.inclusion_delay)
            .chain([&self.inactivity])
    }
}

/// Computes what the end of the current epoch would pay for the votes of the previous one.
///
/// Source: altair `get_flag_index_deltas`, `get_inactivity_penalty_deltas`; phase0 `get_attestation_deltas`.
pub fn attestation_deltas(state: &mut State) -> Result<AttestationDeltas, TransitionError> {
    let votes = previous_votes(state)?;
    if !has_flags(state) {
        return rewards_phase0::deltas(state, &votes);
    }
    Ok(AttestationDeltas {
        source: flag_deltas(state, &votes, 0)?,
        target: flag_deltas(state, &votes, 1)?,
        head: flag_deltas(state, &votes, 2)?,
        inclusion_delay: None,
        inactivity: inactivity_deltas(state, &votes)?,
    })
}

/// Source: phase0 and altair `process_rewards_and_penalties`.
pub(super) fn process_rewards_and_penalties(state: &mut State) -> Result<(), TransitionError> {
    if is_first_epoch(state) {
        return Ok(());
    }
    let deltas = attestation_deltas(state)?;
    let deltas = if has_flags(state) {
        deltas.in_order().cloned().collect()
    } else {
        // Phase 0 adds up the rewards and the penalties of all reasons before it applies them.
        vec![sum(&deltas)?]
    };
    let balances = state.data.balances.make_mut();
    for deltas in &deltas {
        for ((balance, reward), penalty) in balances.iter_mut().zip(&deltas.rewards).zip(&deltas.penalties) {
            *balance = add(*balance, *reward, "a balance")?.saturating_sub(*penalty);
        }
    }
    Ok(())
}

fn sum(deltas: &AttestationDeltas) -> Result<Deltas, TransitionError> {
    let what = "a reward";
    let mut total = Deltas::zeros(deltas.source.rewards.len());
    for part in deltas.in_order() {
        for (to, from) in total.rewards.iter_mut().zip(&part.rewards) {
            *to = add(*to, *from, what)?;
        }
        for (to, from) in total.penalties.iter_mut().zip(&part.penalties) {
            *to = add(*to, *from, what)?;
        }
    }
    Ok(total)
}

/// What one flag is worth in this epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlagRule {
    base_reward_per_increment: u64,
    weight: u64,
    /// Increments behind the flag; none in a leak, where nobody is paid.
    paid_increments: u64,
    active_increments: u64,
    fined: bool,
}

impl FlagRule {
    pub(super) fn of(state: &mut State, increments: u64, flag: usize) -> Result<Self, TransitionError> {
        let what = "a reward";
        let total = state.total_active_balance()?;
        Ok(Self {
            base_reward_per_increment: state.base_reward_per_increment()?,
            weight: PARTICIPATION_FLAG_WEIGHTS.get(flag).copied().unwrap_or_default(),
            paid_increments: if state.is_in_inactivity_leak() { 0 } else { increments },
            active_increments: div(total, state.spec.preset.effective_balance_increment, what)?,
            fined: 1 << flag != u32::from(HEAD),
        })
    }

    /// What a validator of so many increments gets for having the flag, gwei.
    pub(super) fn reward(self, increments: u64) -> Result<u64, TransitionError> {
        let what = "a reward";
        let base = mul(increments, self.base_reward_per_increment, what)?;
        let numerator = mul(mul(base, self.weight, what)?, self.paid_increments, what)?;
        div(numerator, mul(self.active_increments, WEIGHT_DENOMINATOR, what)?, what)
    }

    /// What a validator of so many increments loses for not having it, gwei.
    pub(super) fn penalty(self, increments: u64) -> Result<u64, TransitionError> {
        if !self.fined {
            return Ok(0);
        }
        let what = "a penalty";
        let base = mul(increments, self.base_reward_per_increment, what)?;
        Ok(mul(base, self.weight, what)? / WEIGHT_DENOMINATOR)
    }
}

fn flag_deltas(state: &mut State, votes: &Votes, flag: usize) -> Result<Deltas, TransitionError> {
    let rule = FlagRule::of(state, votes.increments.get(flag).copied().unwrap_or_default(), flag)?;
    let stakes = state.increments()?;
    let mut deltas = Deltas::zeros(votes.marks.len());
    let places = deltas.rewards.iter_mut().zip(&mut deltas.penalties);
    for ((mark, stake), (reward, penalty)) in votes.marks.iter().zip(stakes.iter()).zip(places) {
        if mark & ELIGIBLE == 0 {
            continue;
        }
        if mark >> flag & 1 == 1 {
            *reward = rule.reward(u64::from(*stake))?;
        } else {
            *penalty = rule.penalty(u64::from(*stake))?;
        }
    }
    Ok(deltas)
}

/// What divides effective balance times score into the penalty.
pub(super) fn inactivity_divisor(state: &State) -> Result<u64, TransitionError> {
    let preset = &state.spec.preset;
    let quotient = if state.fork >= Fork::Bellatrix {
        preset.inactivity_penalty_quotient_bellatrix
    } else {
        preset.inactivity_penalty_quotient_altair
    };
    mul(state.spec.config.inactivity_score_bias, quotient, "the inactivity penalty quotient")
}

fn inactivity_deltas(state: &State, votes: &Votes) -> Result<Deltas, TransitionError> {
    let what = "an inactivity penalty";
    let divisor = inactivity_divisor(state)?;
    let mut deltas = Deltas::zeros(votes.marks.len());
    for (place, (mark, penalty)) in votes.marks.iter().zip(&mut deltas.penalties).enumerate() {
        if mark & ELIGIBLE == 0 || mark & TARGET != 0 {
            continue;
        }
        let missing = || Violation::NoValidator(place as u64);
        let balance = *state.data.validators.effective_balances.get(place).ok_or_else(missing)?;
        let score = *state.data.inactivity_scores.get(place).ok_or_else(missing)?;
        *penalty = div(mul(balance, score, what)?, divisor, what)?;
    }
    Ok(deltas)
}
