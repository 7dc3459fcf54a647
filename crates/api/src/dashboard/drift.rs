//! Whether blocks that break the rules of every client have become more: a sign that a client packs differently.
//!
//! A p-chart: the share of a week is held against the median of the complete weeks before it, with limits of three
//! standard deviations at the number of blocks of that week.

use store::RuleCounts;

/// Earlier weeks that a limit needs.
pub(super) const EARLIER_WEEKS: usize = 4;
/// Blocks that a week needs to be judged, and to count among earlier ones.
pub(super) const BLOCKS: u64 = 200;
/// Standard deviations up to a limit.
const DEVIATIONS: f64 = 3.0;
/// A limit is at least so far from the median: shares are printed to a tenth of a percent, and validators that come and
/// go change them a little more than chance does.
const LEAST_DISTANCE: f64 = 0.001;

/// A week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Week {
    pub(super) first_epoch: u64,
    /// Whether it is over.
    pub(super) is_complete: bool,
    pub(super) counts: RuleCounts,
}

/// What a week is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// The median of the weeks before.
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What the newest weeks say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Drift {
    /// There is no block whose signs are known.
    NoBlocks,
    /// Too few earlier weeks have enough blocks: so many have.
    FewWeeks(usize),
    /// Neither the newest complete week nor the current one has enough blocks.
    FewBlocks,
    /// As before, or fewer.
    Within,
    /// More than before, since the week at this position; the median before it, and the newest share.
    Above { since: usize, median: f64, share: f64 },
}

impl Week {
    /// The share of blocks that break the rules of every client.
    pub(super) fn share(&self) -> f64 {
        self.counts.all_ruled_out as f64 / self.counts.signs_known.max(1) as f64
    }

    fn counts_as_earlier(&self) -> bool {
        self.is_complete && self.counts.signs_known >= BLOCKS
    }
}

/// What each week is held against, the oldest first, where enough weeks are before it and it has enough blocks.
pub(super) fn limits(weeks: &[Week]) -> Vec<Option<Limits>> {
    let mut earlier: Vec<f64> = Vec::with_capacity(weeks.len());
    let of = |week: &Week| {
        let n = week.counts.signs_known;
        let limits = (earlier.len() >= EARLIER_WEEKS && n >= BLOCKS).then(|| {
            let median = median(&earlier);
            let deviation = (median * (1.0 - median) / n as f64).sqrt();
            let distance = (DEVIATIONS * deviation).max(LEAST_DISTANCE);
            Limits { median, low: (median - distance).max(0.0), high: (median + distance).min(1.0) }
        });
        if week.counts_as_earlier() {
            earlier.push(week.share());
            earlier.sort_by(f64::total_cmp);
        }
        limits
    };
    weeks.iter().map(of).collect()
}

/// Judges the newest complete week and the current one, the newer first. Weeks that are missing in between do not
/// count.
pub(super) fn judge(weeks: &[Week]) -> Drift {
    if weeks.is_empty() {
        return Drift::NoBlocks;
    }
    let limits = limits(weeks);
    let is_above = |at: usize| {
        let (week, limits) = (weeks.get(at)?, limits.get(at).copied().flatten()?);
        Some(week.share() > limits.high)
    };
    let complete = weeks.iter().rposition(|week| week.is_complete);
    let current = weeks.len().checked_sub(1).filter(|last| Some(*last) != complete);
    let judged: Vec<usize> =
        [current, complete].into_iter().flatten().filter(|at| is_above(*at).is_some()).collect();
    if judged.is_empty() {
        let earlier = weeks.iter().take(complete.unwrap_or(weeks.len()));
        let earlier = earlier.filter(|week| week.counts_as_earlier()).count();
        return if earlier < EARLIER_WEEKS { Drift::FewWeeks(earlier) } else { Drift::FewBlocks };
    }
    let Some(newest) = judged.into_iter().find(|at| is_above(*at) == Some(true)) else {
        return Drift::Within;
    };
    // Back to the first of the weeks above their limits; one with few blocks says nothing.
    let since = (0..newest).rev().take_while(|at| is_above(*at) != Some(false));
    let since = since.filter(|at| is_above(*at) == Some(true)).last().unwrap_or(newest);
    match (weeks.get(newest), limits.get(since).copied().flatten()) {
        (Some(week), Some(limits)) => Drift::Above { since, median: limits.median, share: week.share() },
        _ => Drift::Within,
    }
}

/// Of sorted numbers, of which there is one at least.
fn median(sorted: &[f64]) -> f64 {
    let at = |position: usize| sorted.get(position).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    } else {
        at(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Complete weeks, but for the last one, of so many blocks of which so many in a thousand break all rules.
    fn weeks(weeks: &[(u64, u64)]) -> Vec<Week> {
        let last = weeks.len().saturating_sub(1);
        let week = |(at, (blocks, permille)): (usize, &(u64, u64))| Week {
            first_epoch: 1_575 * at as u64,
            is_complete: at < last,
            counts: RuleCounts {
                signs_known: *blocks,
                all_ruled_out: blocks * permille / 1_000,
                verdict_ruled_out: 0,
            },
        };
        weeks.iter().enumerate().map(week).collect()
    }

    #[test]
    fn a_rise_is_told_with_the_week_it_began() {
        let usual = [(50_000, 8); 5];
        let of = |then: &[(u64, u64)]| judge(&weeks(&[&usual[..], then].concat()));
        // In the current week, before it is over.
        assert_eq!(of(&[(9_000, 41)]), Drift::Above { since: 5, median: 0.008, share: 0.041 });
        // In the newest complete week, while the current one has few blocks yet.
        assert_eq!(of(&[(50_000, 41), (150, 0)]), Drift::Above { since: 5, median: 0.008, share: 0.041 });
        // For weeks: the median of before is held on to, and the newest share is told.
        let long = of(&[(50_000, 30), (50_000, 35), (100, 0), (50_000, 41), (9_000, 40)]);
        assert_eq!(long, Drift::Above { since: 5, median: 0.008, share: 0.04 });
        // A single rise that is over for a complete week, and in the current one too, is no news.
        assert_eq!(of(&[(50_000, 41), (50_000, 8), (9_000, 8)]), Drift::Within);
        // One that ended and began again began when it did so last.
        let again = of(&[(50_000, 41), (50_000, 8), (9_000, 41)]);
        assert_eq!(again, Drift::Above { since: 7, median: 0.008, share: 0.041 });
    }

    #[test]
    fn what_chance_explains_is_no_rise() {
        let of = |then: (u64, u64)| judge(&weeks(&[&[(50_000, 8); 5][..], &[then]].concat()));
        assert_eq!(of((50_000, 9)), Drift::Within);
        assert_eq!(of((50_000, 0)), Drift::Within);
        // 4 of 250 against 0.8 %: three deviations are 1.7 points.
        assert_eq!(of((250, 24)), Drift::Within);
        assert!(matches!(of((250, 28)), Drift::Above { .. }));
        // Where nothing ever broke all rules, a block or two in a week are no alarm.
        let never = [&[(50_000, 0); 5][..], &[(9_000, 1)]].concat();
        assert_eq!(judge(&weeks(&never)), Drift::Within);
        let never = [&[(50_000, 0); 5][..], &[(9_000, 2)]].concat();
        assert!(matches!(judge(&weeks(&never)), Drift::Above { median: 0.0, .. }));
    }

    #[test]
    fn too_little_is_said_to_be_so() {
        assert_eq!(judge(&[]), Drift::NoBlocks);
        assert_eq!(judge(&weeks(&[(50_000, 8); 4])), Drift::FewWeeks(2));
        assert_eq!(judge(&weeks(&[(50_000, 8); 5])), Drift::Within, "the current week has four before it");
        assert_eq!(judge(&weeks(&[(150, 8); 30])), Drift::FewWeeks(0));
        let few = [&[(50_000, 8); 5][..], &[(199, 900), (100, 900)]].concat();
        assert_eq!(judge(&weeks(&few)), Drift::FewBlocks);
        let limits = limits(&weeks(&[(50_000, 8); 6]));
        assert_eq!(
            limits.iter().map(Option::is_some).collect::<Vec<_>>(),
            [false, false, false, false, true, true]
        );
        let last = limits[5].unwrap();
        assert!((last.high - 0.0092).abs() < 1e-4 && (last.low - 0.0068).abs() < 1e-4, "{last:?}");
    }

    #[test]
    fn weeks_that_are_missing_are_passed_over() {
        let mut gap = weeks(&[(50_000, 8), (50_000, 7), (50_000, 9), (50_000, 8), (50_000, 41), (9_000, 41)]);
        for week in &mut gap[2..] {
            week.first_epoch += 10 * 1_575;
        }
        assert_eq!(judge(&gap), Drift::Above { since: 4, median: 0.008, share: 0.041 });
        // Weeks with few blocks are no earlier weeks.
        let thin =
            weeks(&[(50_000, 8), (90, 500), (50_000, 8), (90, 500), (50_000, 8), (50_000, 41), (90, 0)]);
        assert_eq!(judge(&thin), Drift::FewWeeks(3));
    }
}
