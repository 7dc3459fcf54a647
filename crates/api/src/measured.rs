//! What a serving process measures of its database over time: how it grows, and how fast gaps are filled.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ApiError;
use crate::state::AppState;

/// How often is measured.
const EVERY: Duration = Duration::from_secs(60);
/// Samples that are kept: a day of them.
const KEPT: usize = 24 * 60;
/// Growth is told from so many seconds on: before, a checkpoint of the log would be all of it.
const LEAST_GROWING: u64 = 3_600;
/// The filling of gaps is judged by the last so many seconds.
const FILLING: u64 = 1_800;
/// With fewer seconds nothing is said of it.
const LEAST_FILLING: u64 = 60;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    /// Unix time.
    at: u64,
    /// What tables and indexes take.
    bytes: u64,
    /// Slots in gaps.
    missing: u64,
}

/// Growth of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Bytes a day; negative where it shrank.
    pub(crate) bytes_per_day: i64,
    /// Seconds that were measured.
    pub(crate) seconds: u64,
}

/// Measurements of the last day, in order.
#[derive(Debug, Default)]
pub(crate) struct Measured(Mutex<VecDeque<Sample>>);

impl Measured {
    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, sample: Sample) {
        let mut samples = self.samples();
        // A clock that was set back begins anew.
        if samples.back().is_some_and(|last| last.at >= sample.at) {
            samples.clear();
        }
        if samples.len() >= KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// How the database grew since the oldest measurement; `None` before an hour was measured.
    pub(crate) fn growth(&self) -> Option<Growth> {
        let samples = self.samples();
        let (first, last) = (samples.front()?, samples.back()?);
        let seconds = last.at.saturating_sub(first.at);
        if seconds < LEAST_GROWING {
            return None;
        }
        let grown = i128::from(last.bytes) - i128::from(first.bytes);
        let bytes_per_day = i64::try_from(grown * 86_400 / i128::from(seconds)).ok()?;
        Some(Growth { bytes_per_day, seconds })
    }

    /// Slots per second by which gaps became smaller lately; `None` where they did not, or it was not measured.
    pub(crate) fn filled_per_second(&self) -> Option<f64> {
        let samples = self.samples();
        let last = samples.back()?;
        let first = samples.iter().find(|sample| sample.at.saturating_add(FILLING) >= last.at)?;
        let seconds = last.at.saturating_sub(first.at);
        let filled = first.missing.checked_sub(last.missing).filter(|filled| *filled > 0)?;
        (seconds >= LEAST_FILLING).then(|| filled as f64 / seconds as f64)
    }
}

async fn measure(state: &AppState) -> Result<Sample, ApiError> {
    let gaps = state.store().gaps().await?;
    let missing = gaps.iter().map(|gap| gap.end.0.saturating_sub(gap.start.0).saturating_add(1)).sum();
    Ok(Sample { at: state.now(), bytes: state.store().size_bytes().await?, missing })
}

/// Measures until it is dropped.
pub(crate) async fn keep_measuring(state: AppState) {
    loop {
        match measure(&state).await {
            Ok(sample) => state.measured().note(sample),
            Err(error) => tracing::debug!(%error, "The database could not be measured"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[(u64, u64, u64)]) -> Measured {
        let measured = Measured::default();
        for (at, bytes, missing) in samples {
            measured.note(Sample { at: *at, bytes: *bytes, missing: *missing });
        }
        measured
    }

    #[test]
    fn nothing_is_said_before_enough_was_measured() {
        assert_eq!((of(&[]).growth(), of(&[]).filled_per_second()), (None, None));
        let short = of(&[(0, 1_000, 500), (59, 2_000, 400)]);
        assert_eq!((short.growth(), short.filled_per_second()), (None, None));
        assert_eq!(of(&[(0, 1_000, 500), (120, 2_000, 500)]).filled_per_second(), None);
    }

    #[test]
    fn growth_and_filling_follow_from_the_ends() {
        let two_hours = of(&[(0, 1_000, 9_000), (3_600, 500, 8_000), (7_200, 3_000, 6_200)]);
        assert_eq!(two_hours.growth(), Some(Growth { bytes_per_day: 24_000, seconds: 7_200 }));
        let half_an_hour = of(&[(0, 0, 9_000), (5_400, 0, 8_000), (7_200, 0, 6_200)]);
        assert_eq!(half_an_hour.filled_per_second(), Some(1.0));
        let shrunk = of(&[(0, 9_000, 0), (86_400, 8_000, 0)]);
        assert_eq!(shrunk.growth(), Some(Growth { bytes_per_day: -1_000, seconds: 86_400 }));
    }

    #[test]
    fn memory_is_bounded_and_a_clock_set_back_begins_anew() {
        let measured = Measured::default();
        for at in 0..2_000 {
            measured.note(Sample { at: at * 60, bytes: at, missing: 0 });
        }
        assert_eq!(measured.samples().len(), KEPT);
        measured.note(Sample { at: 5, bytes: 0, missing: 0 });
        assert_eq!(measured.samples().len(), 1);
    }
}
