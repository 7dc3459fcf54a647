//! How a stretch of slots is cut into buckets, and which labels stand below it.

use consensus::primitives::SLOTS_PER_EPOCH;

use super::charts::Tick;
use super::format::{self, NBSP, Utc};
use crate::settings::ChainClock;

/// Bucket sizes in epochs, from half an hour to thirty days. Shorter ones would hold too few blocks to say anything.
const BUCKETS: [u64; 7] = [5, 10, 25, 75, 225, 1_575, 6_750];
/// Most buckets of a chart; short ones hold few blocks, so fewer of them are drawn.
const MOST_BUCKETS: u64 = 92;
const MOST_SHORT_BUCKETS: u64 = 24;
/// Below this many epochs a bucket is short.
const SHORT_BELOW: u64 = 25;
/// Steps of the labels below the axis: one label more than that may stand there.
const MOST_TICKS: u64 = 5;

/// A stretch of time in buckets of equal length; those of three hours and more have round borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeAxis {
    /// The first epoch.
    pub(super) start_epoch: u64,
    /// Epochs per bucket.
    pub(super) bucket_epochs: u64,
    /// How many buckets.
    pub(super) buckets: u64,
    clock: Option<ChainClock>,
}

impl TimeAxis {
    /// The axis for epochs `start..end`.
    pub(super) fn new(start: u64, end: u64, clock: Option<ChainClock>) -> Self {
        let span = end.saturating_sub(start).max(1);
        let fits = |bucket: &u64| {
            let most = if *bucket < SHORT_BELOW { MOST_SHORT_BUCKETS } else { MOST_BUCKETS };
            span.div_ceil(*bucket) <= most
        };
        let bucket_epochs = BUCKETS.into_iter().find(fits).unwrap_or_else(|| span.div_ceil(MOST_BUCKETS));
        if bucket_epochs < SHORT_BELOW {
            // A bucket that is only begun would be all noise: short ones are counted back from the end.
            let buckets = (span / bucket_epochs).max(1);
            let start_epoch = end.saturating_sub(buckets * bucket_epochs);
            return Self { start_epoch, bucket_epochs, buckets, clock };
        }
        let start_epoch = start / bucket_epochs * bucket_epochs;
        let buckets = (end.saturating_sub(start_epoch)).div_ceil(bucket_epochs).max(1);
        Self { start_epoch, bucket_epochs, buckets, clock }
    }

    /// The axis of whole buckets of one length, counted back from an epoch: one that is only begun is left out.
    pub(super) fn counted_back(start: u64, end: u64, bucket_epochs: u64, clock: Option<ChainClock>) -> Self {
        let bucket_epochs = bucket_epochs.max(1);
        let buckets = end.saturating_sub(start) / bucket_epochs;
        Self { start_epoch: end.saturating_sub(buckets * bucket_epochs), bucket_epochs, buckets, clock }
    }

    /// The epoch after the last bucket.
    pub(super) fn end_epoch(&self) -> u64 {
        self.start_epoch + self.buckets * self.bucket_epochs
    }

    /// The first slot.
    pub(super) fn start_slot(&self) -> u64 {
        self.start_epoch * SLOTS_PER_EPOCH
    }

    /// The slot after the last bucket.
    pub(super) fn end_slot(&self) -> u64 {
        self.end_epoch() * SLOTS_PER_EPOCH
    }

    /// Slots per bucket.
    pub(super) fn bucket_slots(&self) -> u64 {
        self.bucket_epochs * SLOTS_PER_EPOCH
    }

    /// Where a slot lies, from 0 to 1.
    pub(super) fn position(&self, slot: u64) -> f64 {
        let from = slot.saturating_sub(self.start_slot()) as f64;
        // An axis without a bucket has one place.
        (from / (self.buckets * self.bucket_slots()).max(1) as f64).clamp(0.0, 1.0)
    }

    /// How long a bucket is.
    pub(super) fn bucket_name(&self) -> String {
        format::duration(self.bucket_slots() * self.clock.map_or(12, |clock| clock.seconds_per_slot))
    }

    /// `by day`, `in steps of 8 h`.
    pub(super) fn steps(&self) -> String {
        match self.bucket_epochs {
            225 => "by day".to_owned(),
            1_575 => "by week".to_owned(),
            _ => format!("in steps of {}", self.bucket_name()),
        }
    }

    /// What stands for the start of a bucket in tables.
    pub(super) fn bucket_label(&self, slot: u64) -> String {
        match self.clock {
            None => format::count(slot),
            Some(clock) => {
                let time = Utc::from_unix(clock.start_of(slot));
                if self.bucket_epochs >= 225 {
                    time.date()
                } else {
                    format!("{} {}", time.date(), time.hour_and_minute())
                }
            }
        }
    }

    /// Labels on round slots or dates, at most five.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        match self.clock {
            Some(clock) => self.date_ticks(clock),
            None => self.slot_ticks(),
        }
    }

    fn slot_ticks(&self) -> Vec<Tick> {
        let (start, end) = (self.start_slot(), self.end_slot());
        let mut step = 1u64;
        for factor in [2, 5, 2].into_iter().cycle().take(54) {
            if (end - start) / step < MOST_TICKS - 1 {
                break;
            }
            // 1, 2, 10, 20, 100 …: every number stays round with its thousands separator.
            step = step.saturating_mul(factor);
        }
        let tick = |slot: u64| Tick { at: self.position(slot), label: format::count(slot) };
        let mut ticks: Vec<Tick> = round_numbers(start, end, step).map(tick).collect();
        if let Some(last) = ticks.last_mut() {
            last.label = format!("slot{NBSP}{}", last.label);
        }
        ticks
    }

    fn date_ticks(&self, clock: ChainClock) -> Vec<Tick> {
        const HOUR: u64 = 3_600;
        const DAY: u64 = 24 * HOUR;
        const STEPS: [u64; 14] = [
            600,
            1_800,
            HOUR,
            2 * HOUR,
            3 * HOUR,
            6 * HOUR,
            12 * HOUR,
            DAY,
            2 * DAY,
            7 * DAY,
            14 * DAY,
            30 * DAY,
            91 * DAY,
            182 * DAY,
        ];
        let (start, end) = (clock.start_of(self.start_slot()), clock.start_of(self.end_slot()));
        let fits = |step: &u64| (end - start) / step <= MOST_TICKS;
        let step = STEPS.into_iter().find(fits).unwrap_or(365 * DAY);
        let label = |unix: u64| {
            let time = Utc::from_unix(unix);
            if step >= 91 * DAY {
                let day_and_month = time.day_and_month();
                let month = day_and_month.split(NBSP).nth(1).unwrap_or_default().to_owned();
                format!("{month}{NBSP}{}", time.year)
            } else if step < DAY && time.second_of_day != 0 {
                time.hour_and_minute()
            } else {
                time.day_and_month()
            }
        };
        round_numbers(start, end, step)
            .map(|unix| Tick { at: (unix - start) as f64 / (end - start).max(1) as f64, label: label(unix) })
            .collect()
    }
}

fn round_numbers(start: u64, end: u64, step: u64) -> impl Iterator<Item = u64> {
    let step = step.max(1);
    (start.div_ceil(step)..=end / step).map(move |number| number * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_as_long_as_the_stretch_needs() {
        let bucket = |epochs: u64| TimeAxis::new(10_000, 10_000 + epochs, None).bucket_epochs;
        assert_eq!((bucket(16), bucket(225), bucket(1_575)), (5, 10, 25));
        assert_eq!((bucket(6_750), bucket(20_250), bucket(82_125)), (75, 225, 1_575));
        assert!(TimeAxis::new(0, 1 << 30, None).buckets <= MOST_BUCKETS + 1);
    }

    #[test]
    fn an_axis_covers_its_stretch_on_round_borders() {
        let axis = TimeAxis::new(10_003, 16_753, Some(ChainClock::MAINNET));
        assert_eq!(axis.start_epoch % axis.bucket_epochs, 0);
        assert!(axis.start_epoch <= 10_003 && axis.end_epoch() >= 16_753);
        assert_eq!(axis.position(axis.end_slot()), 1.0);
    }

    #[test]
    fn buckets_counted_back_are_whole() {
        let axis = TimeAxis::counted_back(1_000, 7_750, 1_575, None);
        assert_eq!((axis.start_epoch, axis.buckets, axis.end_epoch()), (1_450, 4, 7_750));
        let none = TimeAxis::counted_back(1_000, 1_100, 225, None);
        assert_eq!((none.buckets, none.position(none.end_slot())), (0, 0.0));
    }

    #[test]
    fn ticks_are_few_and_round() {
        for epochs in [2, 16, 300, 5_000, 90_000, 500_000] {
            for clock in [None, Some(ChainClock::MAINNET)] {
                let ticks = TimeAxis::new(281_250, 281_250 + epochs, clock).ticks();
                assert!((1..=6).contains(&ticks.len()), "{epochs} epochs: {ticks:?}");
                assert!(ticks.iter().all(|tick| (0.0..=1.0).contains(&tick.at)));
            }
        }
        let day = TimeAxis::new(0, 225 * 30, Some(ChainClock::MAINNET)).ticks();
        assert!(day.iter().all(|tick| tick.label.contains('\u{a0}')), "{day:?}");
    }
}
