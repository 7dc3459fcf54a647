//! The second pass of an epoch over all validators: inactivity scores, rewards and penalties, and whose effective
//! balance may move. One look into a table stands for all rewards and penalties of a validator.

use super::effective_balances::Hysteresis;
use super::inactivity::ScoreRule;
use super::is_first_epoch;
use super::participation::{ELIGIBLE, FLAGS, TARGET};
use super::rewards::{FlagRule, inactivity_divisor};
use super::survey::{BLOCK, Survey};
use crate::spec::Fork;
use crate::state::State;
use crate::transition::math::{add, div, mul};
use crate::transition::{TransitionError, Violation};

/// Sets of flags.
const SETS: usize = 8;

/// What a validator gains and loses for its flags, gwei.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    gain: u64,
    loss: u64,
}

/// The rules of one epoch, by numbers.
struct Rules {
    flags: [FlagRule; 3],
    /// By increments and set of flags.
    table: Vec<Entry>,
    scores: ScoreRule,
    divisor: u64,
    increment: u64,
    hysteresis: Hysteresis,
    /// An effective balance that does not rise, gwei.
    ceiling: u64,
}

/// Settles the votes of the previous epoch, after justification. The validators whose effective balance may move.
pub(super) fn settle(state: &mut State, survey: &Survey) -> Result<Vec<u32>, TransitionError> {
    let stakes = state.increments()?;
    let rules = rules(state, survey)?;
    let paid = !is_first_epoch(state);
    let scores = state.data.inactivity_scores.make_mut();
    let balances = state.data.balances.make_mut();
    let count = survey.marks.len();
    if [stakes.len(), scores.len(), balances.len()] != [count; 3] {
        return Err(Violation::State("the columns of validators differ in length").into());
    }
    let mut movers = Vec::new();
    let blocks = survey
        .marks
        .chunks(BLOCK)
        .zip(stakes.chunks(BLOCK))
        .zip(scores.chunks_mut(BLOCK))
        .zip(balances.chunks_mut(BLOCK));
    let mut first = 0_u32;
    for (((marks, stakes), scores), balances) in blocks {
        if paid && marks.iter().fold(0, |all, mark| all | mark) & ELIGIBLE != 0 {
            pay(&rules, first, marks, stakes, scores, balances, &mut movers)?;
        } else {
            let all = (first..).zip(balances.iter().zip(stakes));
            let moving = all.filter(|(_, (balance, stake))| rules.may_move(**balance, **stake));
            movers.extend(moving.map(|(validator, _)| validator));
        }
        first = first.saturating_add(BLOCK as u32);
    }
    Ok(movers)
}

fn rules(state: &mut State, survey: &Survey) -> Result<Rules, TransitionError> {
    let [source, target, head] = survey.sums.flags.map(|sum| sum.max(1));
    let flags =
        [FlagRule::of(state, source, 0)?, FlagRule::of(state, target, 1)?, FlagRule::of(state, head, 2)?];
    let preset = &state.spec.preset;
    // From Electra on the limit is that of the credentials, which are looked at later.
    let ceiling = if state.fork >= Fork::Electra { u64::MAX } else { preset.max_effective_balance };
    Ok(Rules {
        flags,
        table: table(&flags, survey.largest)?,
        scores: ScoreRule::of(state),
        divisor: inactivity_divisor(state)?,
        increment: preset.effective_balance_increment,
        hysteresis: Hysteresis::of(state)?,
        ceiling,
    })
}

fn table(flags: &[FlagRule; 3], largest: u16) -> Result<Vec<Entry>, TransitionError> {
    let what = "a reward";
    let mut table = Vec::with_capacity((usize::from(largest) + 1) * SETS);
    for increments in 0..=u64::from(largest) {
        let mut row = [Entry::default(); SETS];
        for (flag, rule) in flags.iter().enumerate() {
            let (reward, penalty) = (rule.reward(increments)?, rule.penalty(increments)?);
            for (set, entry) in row.iter_mut().enumerate() {
                if set >> flag & 1 == 1 {
                    entry.gain = add(entry.gain, reward, what)?;
                } else {
                    entry.loss = add(entry.loss, penalty, what)?;
                }
            }
        }
        table.extend(row);
    }
    Ok(table)
}

/// Moves the scores of a block of validators, pays and fines them, and notes whose effective balance may move.
///
/// The loop itself deals with those that have no score and stay where they are, which is nearly everybody. The others
/// are looked at afterwards: so it needs few registers and no branch that is hard to foresee.
fn pay(
    rules: &Rules,
    first: u32,
    marks: &[u8],
    stakes: &[u16],
    scores: &mut [u64],
    balances: &mut [u64],
    movers: &mut Vec<u32>,
) -> Result<(), TransitionError> {
    let absent_get_scores = !rules.scores.keeps_zero();
    let mut others = [0_u16; BLOCK];
    let mut count = 0_usize;
    let columns = balances.iter_mut().zip(scores.iter()).zip(marks.iter().zip(stakes));
    for (place, ((balance, score), (mark, stake))) in columns.enumerate() {
        let entry = rules.entry(*mark, *stake);
        let (rest, is_short) = balance.overflowing_sub(entry.loss);
        let (after, is_over) = rest.overflowing_add(entry.gain);
        let gets_score = absent_get_scores & (mark & (ELIGIBLE | TARGET) == ELIGIBLE);
        if (*score != 0) | gets_score | is_short | is_over | rules.may_move(after, *stake) {
            if let Some(other) = others.get_mut(count) {
                *other = place as u16;
            }
            count += 1;
        } else {
            *balance = after;
        }
    }
    for place in others.iter().take(count).map(|place| usize::from(*place)) {
        let (Some(balance), Some(score)) = (balances.get_mut(place), scores.get_mut(place)) else { continue };
        let (Some(mark), Some(stake)) = (marks.get(place), stakes.get(place)) else { continue };
        *score = rules.scores.next(*score, *mark).ok_or(Violation::Range("an inactivity score"))?;
        *balance = rules.pay_one(*balance, *mark, *stake, *score)?;
        if rules.may_move(*balance, *stake) {
            movers.push(first.saturating_add(place as u32));
        }
    }
    Ok(())
}

impl Rules {
    /// What a validator gains and loses for its flags.
    #[inline]
    fn entry(&self, mark: u8, stake: u16) -> Entry {
        // Whom rewards do not concern has no increments here: the first row of the table is empty.
        let concerned = usize::from(mark >> 7).wrapping_neg();
        let place = (usize::from(stake) * SETS + usize::from(mark & FLAGS)) & concerned;
        self.table.get(place).copied().unwrap_or_default()
    }

    /// The balance of a validator after rewards and penalties, with its score moved already.
    fn pay_one(&self, balance: u64, mark: u8, stake: u16, score: u64) -> Result<u64, TransitionError> {
        let entry = self.entry(mark, stake);
        let absent = mark & (ELIGIBLE | TARGET) == ELIGIBLE;
        let penalty = if absent { self.inactivity(stake, score)? } else { 0 };
        match balance.checked_sub(add(entry.loss, penalty, "a penalty")?) {
            Some(rest) => add(rest, entry.gain, "a balance"),
            None => self.pay_in_order(balance, mark, stake, penalty),
        }
    }

    fn inactivity(&self, stake: u16, score: u64) -> Result<u64, TransitionError> {
        let what = "an inactivity penalty";
        let balance = mul(u64::from(stake), self.increment, what)?;
        div(mul(balance, score, what)?, self.divisor, what)
    }

    /// Pays and fines one validator step by step, for a balance that may go down to nothing between them.
    #[cold]
    fn pay_in_order(&self, balance: u64, mark: u8, stake: u16, penalty: u64) -> Result<u64, TransitionError> {
        let mut balance = balance;
        for (flag, rule) in self.flags.iter().enumerate() {
            balance = if mark >> flag & 1 == 1 {
                add(balance, rule.reward(u64::from(stake))?, "a balance")?
            } else {
                balance.saturating_sub(rule.penalty(u64::from(stake))?)
            };
        }
        Ok(balance.saturating_sub(penalty))
    }

    #[inline]
    fn may_move(&self, balance: u64, stake: u16) -> bool {
        let effective = u64::from(stake) * self.increment;
        self.hysteresis.moves(balance, effective) && (balance < effective || effective != self.ceiling)
    }
}
