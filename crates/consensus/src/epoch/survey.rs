//! The first pass of an epoch over all validators: who voted, with how much balance, and for whom the registry may
//! change. It reads a few bytes of each validator and changes nothing.

use super::participation::{ELIGIBLE, FLAGS, TARGET};
use super::registry::Candidates;
use crate::spec::Fork;
use crate::state::{
    ACTIVE_BEFORE, ACTIVE_NEXT, ACTIVE_NOW, SILENT, SLASHED, SLASHED_AND_KEPT, State, WAITING,
};
use crate::transition::math::div;
use crate::transition::{TransitionError, Violation};

/// Validators of a block: small enough for the columns of a block to stay in the fastest memory.
pub(super) const BLOCK: usize = 1_024;

/// Sums of effective balances, in increments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Behind each flag of the previous epoch.
    pub(super) flags: [u64; 3],
    /// Behind the target votes of the current epoch.
    pub(super) current_target: u64,
    /// Of those active in the current epoch.
    pub(super) active: u64,
    /// Of those active in the next epoch, with the effective balances of this one.
    pub(super) active_next: u64,
}

/// What the first pass found.
#[derive(Default)]
pub(super) struct Survey {
    /// By validator, as in [`super::participation::Votes`].
    pub(super) marks: Vec<u8>,
    pub(super) sums: Sums,
    pub(super) candidates: Candidates,
    /// The largest effective balance, in increments.
    pub(super) largest: u16,
}

/// Bounds of effective balances in increments that make a candidate for the registry.
struct Bounds {
    least: u16,
    most: u16,
    ejection: u16,
}

/// Goes over all validators, from Altair on.
pub(super) fn survey(state: &mut State) -> Result<Survey, TransitionError> {
    let bounds = bounds(state)?;
    let stakes = state.increments()?;
    let activity = state.activity();
    let count = activity.len();
    let previous = &state.data.previous_epoch_participation;
    let current = &state.data.current_epoch_participation;
    if [stakes.len(), previous.len(), current.len()] != [count; 3] {
        return Err(Violation::State("the columns of validators differ in length").into());
    }
    let mut marks = vec![0; count];
    let mut survey = Survey::default();
    let blocks = marks
        .chunks_mut(BLOCK)
        .zip(activity.chunks(BLOCK))
        .zip(stakes.chunks(BLOCK))
        .zip(previous.chunks(BLOCK).zip(current.chunks(BLOCK)));
    let mut first = 0_u32;
    for (((marks, activity), stakes), (previous, current)) in blocks {
        mark(marks, activity, previous);
        add_up(&mut survey.sums, marks, activity, current, stakes);
        survey.largest = stakes.iter().fold(survey.largest, |largest, stake| largest.max(*stake));
        let special = activity.iter().zip(stakes).fold(0, |all, (byte, stake)| {
            let poor = u8::from(*stake <= bounds.ejection).wrapping_neg();
            all | byte & (SILENT | WAITING | ACTIVE_NOW & poor)
        });
        if special != 0 {
            for (validator, (byte, stake)) in (first..).zip(activity.iter().zip(stakes)) {
                sort_in(&mut survey.candidates, &bounds, validator, *byte, *stake);
            }
        }
        first = first.saturating_add(BLOCK as u32);
    }
    survey.marks = marks;
    Ok(survey)
}

/// Source: as [`super::registry::CandidateRule`].
fn bounds(state: &State) -> Result<Bounds, TransitionError> {
    let what = "a balance for activation or ejection";
    let preset = &state.spec.preset;
    let increment = preset.effective_balance_increment;
    // Balances are whole increments, the limits need not be. None has more increments than 16 bits hold.
    let below =
        |limit| Ok::<_, TransitionError>(u16::try_from(div(limit, increment, what)?).unwrap_or(u16::MAX));
    let limit = if state.fork >= Fork::Electra {
        preset.min_activation_balance
    } else {
        preset.max_effective_balance
    };
    let least = u16::try_from(limit.div_ceil(increment.max(1)));
    Ok(Bounds {
        least: least.map_err(|_| Violation::Range(what))?,
        most: if state.fork >= Fork::Electra { u16::MAX } else { below(limit)? },
        ejection: below(state.spec.config.ejection_balance)?,
    })
}

fn sort_in(candidates: &mut Candidates, bounds: &Bounds, validator: u32, byte: u8, stake: u16) {
    if byte & SILENT != 0 && (bounds.least..=bounds.most).contains(&stake) {
        candidates.ready.push(validator);
    }
    if byte & ACTIVE_NOW != 0 && stake <= bounds.ejection {
        candidates.poor.push(validator);
    }
    if byte & WAITING != 0 {
        candidates.waiting.push(validator);
    }
}

/// Nothing or all bits, by whether a bit is set.
#[inline]
fn spread(byte: u8, bit: u8) -> u8 {
    (byte >> bit.trailing_zeros() & 1).wrapping_neg()
}

fn mark(marks: &mut [u8], activity: &[u8], previous: &[u8]) {
    for ((mark, byte), flags) in marks.iter_mut().zip(activity).zip(previous) {
        let counts = spread(*byte, ACTIVE_BEFORE) & !spread(*byte, SLASHED);
        let eligible = spread(*byte, ACTIVE_BEFORE) | spread(*byte, SLASHED_AND_KEPT);
        *mark = flags & FLAGS & counts | ELIGIBLE & eligible;
    }
}

fn add_up(sums: &mut Sums, marks: &[u8], activity: &[u8], current: &[u8], stakes: &[u16]) {
    // 1,024 stakes of 16 bits: far below 32 bits.
    let sum = |bytes: &[u8], bit: u8| {
        let parts = bytes.iter().zip(stakes);
        let total: u32 =
            parts.map(|(byte, stake)| u32::from(*stake & u16::from(byte >> bit & 1).wrapping_neg())).sum();
        u64::from(total)
    };
    for (flag, total) in (0..).zip(&mut sums.flags) {
        *total += sum(marks, flag);
    }
    sums.active += sum(activity, ACTIVE_NOW.trailing_zeros() as u8);
    sums.active_next += sum(activity, ACTIVE_NEXT.trailing_zeros() as u8);
    let targets = current.iter().zip(activity).zip(stakes).map(|((flags, byte), stake)| {
        let counts = spread(*flags, TARGET) & spread(*byte, ACTIVE_NOW) & !spread(*byte, SLASHED) & 1;
        u32::from(*stake & u16::from(counts).wrapping_neg())
    });
    sums.current_target += u64::from(targets.sum::<u32>());
}
