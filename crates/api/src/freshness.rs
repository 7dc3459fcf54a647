//! How old the newest judged slot is: one rule for the header of every page and for `/health/ready`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::ChainClock;

/// Up to this age, in slots, data count as live.
const LIVE_SLOTS: u64 = 3;
/// Up to this age, in slots, data count as behind; older ones are stale.
const BEHIND_SLOTS: u64 = 32;

/// How old the newest judged slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Freshness {
    /// Nothing is stored yet.
    Empty,
    /// At most 3 slots old.
    Live {
        /// Age in seconds.
        age_seconds: u64,
    },
    /// 4 to 32 slots old.
    Behind {
        /// Age in slots.
        slots: u64,
    },
    /// More than 32 slots old.
    Stale {
        /// Age in slots.
        slots: u64,
        /// Unix time of the newest judged slot.
        since: u64,
    },
    /// Recorded data: no chain is followed, so there is no age.
    Recorded,
}

impl Freshness {
    /// The freshness of a database whose newest slot is given; 0 is an empty one.
    pub fn of(newest_slot: u64, clock: Option<ChainClock>, now: u64) -> Self {
        let Some(clock) = clock else {
            return if newest_slot == 0 { Self::Empty } else { Self::Recorded };
        };
        if newest_slot == 0 {
            return Self::Empty;
        }
        let start = clock.start_of(newest_slot);
        match clock.slot_at(now).saturating_sub(newest_slot) {
            0..=LIVE_SLOTS => Self::Live { age_seconds: now.saturating_sub(start) },
            slots if slots <= BEHIND_SLOTS => Self::Behind { slots },
            slots => Self::Stale { slots, since: start },
        }
    }

    /// Whether a load balancer should send readers here.
    pub fn is_ready(&self) -> bool {
        !matches!(self, Self::Stale { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_three_and_thirty_two_slots() {
        let clock = Some(ChainClock::MAINNET);
        let at = |slots: u64| ChainClock::MAINNET.start_of(1_000 + slots) + 4;
        assert_eq!(Freshness::of(1_000, clock, at(0)), Freshness::Live { age_seconds: 4 });
        assert_eq!(Freshness::of(1_000, clock, at(3)), Freshness::Live { age_seconds: 40 });
        assert_eq!(Freshness::of(1_000, clock, at(4)), Freshness::Behind { slots: 4 });
        assert_eq!(Freshness::of(1_000, clock, at(32)), Freshness::Behind { slots: 32 });
        assert!(!Freshness::of(1_000, clock, at(33)).is_ready());
        assert_eq!(Freshness::of(1_000, None, 0), Freshness::Recorded);
        assert_eq!(Freshness::of(0, clock, at(0)), Freshness::Empty);
    }
}
