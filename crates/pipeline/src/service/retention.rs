//! What the service gives up after a time: the features behind old verdicts.

use std::time::Duration;

use consensus::Slot;
use source::StopSwitch;
use store::Store;

use super::heal::{UnixClock, time_span};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3_600);

/// Between two transactions, so that others get their turn.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the features behind verdicts are kept. Blocks and verdicts are kept for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// For good.
    #[default]
    Forever,
    /// So many seconds after the slot of the block.
    Seconds(u64),
}

impl std::str::FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Self::Forever),
            _ => time_span(text)
                .map(Self::Seconds)
                .ok_or_else(|| format!("{text:?} is neither forever nor a time such as 90d (h, d, w or y)")),
        }
    }
}

impl Retention {
    /// Features of blocks before this slot are given up. `unix_time` and `genesis_time` are seconds since 1970.
    pub fn first_kept(self, unix_time: u64, genesis_time: u64, seconds_per_slot: u64) -> Option<Slot> {
        let Self::Seconds(seconds) = self else { return None };
        let moment = unix_time.saturating_sub(seconds).saturating_sub(genesis_time);
        Some(Slot(moment / seconds_per_slot.max(1)))
    }
}

/// Gives up what is too old, once an hour, until it is told to stop. A database that refuses is asked again an hour
/// later.
pub async fn retain(
    store: Store,
    retention: Retention,
    (genesis_time, seconds_per_slot): (u64, u64),
    now: UnixClock,
    stop: StopSwitch,
) {
    let Retention::Seconds(_) = retention else { return stop.stopped().await };
    loop {
        let mut pause = EVERY;
        if let Some(first_kept) = retention.first_kept(now(), genesis_time, seconds_per_slot) {
            match store.forget_evidence(first_kept).await {
                Ok((_, true)) => pause = PAUSE,
                Ok((0, false)) => {}
                Ok((_, false)) => {
                    tracing::info!(before = first_kept.0, "Features behind old verdicts are given up")
                }
                Err(error) => tracing::warn!(%error, "Old features can't be given up now"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopped() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_becomes_the_first_slot_that_is_kept() {
        let genesis = 1_606_824_023;
        let first_kept = |text: &str, now| text.parse::<Retention>().unwrap().first_kept(now, genesis, 12);
        assert_eq!(first_kept("forever", genesis + 1_000_000), None);
        // An hour is 300 slots; half a slot before slot 1,000 is still slot 999.
        assert_eq!(first_kept("1h", genesis + 12_000 + 3_594), Some(Slot(999)));
        assert_eq!(first_kept("2w", genesis + 86_400 * 15), Some(Slot(7_200)));
        // More than there was, and a clock before genesis.
        assert_eq!(first_kept("1y", genesis + 1_000), Some(Slot(0)));
        assert_eq!(first_kept("1d", 0), Some(Slot(0)));
        for wrong in ["", "d", "1", "-1d", "1 d", "99999999999999999999d", "18446744073709551615y", "always"]
        {
            wrong.parse::<Retention>().unwrap_err();
        }
    }
}
