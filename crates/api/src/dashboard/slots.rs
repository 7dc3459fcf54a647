//! A range of slots as readers write it: `12300000..12345678`, or days of the calendar.

use std::ops::Range;

use consensus::Slot;

use super::format::{NBSP, Utc};
use crate::error::ApiError;
use crate::state::AppState;

/// The highest slot there can be.
pub(super) const MAX_SLOT: u64 = (1 << 40) - 1;

/// Slots, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotRange {
    first: u64,
    last: u64,
}

impl SlotRange {
    /// Reads `A..B`, `A..`, `..B` or one slot; slots may be given as days, such as `2026-11-20`.
    pub(super) fn parse(state: &AppState, text: &str) -> Result<Self, ApiError> {
        let shown: String = text.chars().take(60).collect();
        let bad = || {
            ApiError::BadParameter(format!(
                "slots is {shown:?}; write two slots or two days as 12300000..12345678 or 2026-11-01..2026-11-20"
            ))
        };
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let first = match from.trim() {
            "" => 0,
            from => place(state, from).ok_or_else(bad)?.first,
        };
        let last = match to.trim() {
            "" => MAX_SLOT,
            to => place(state, to).ok_or_else(bad)?.last,
        };
        if first > last || last > MAX_SLOT {
            return Err(bad());
        }
        Ok(Self { first, last })
    }

    /// The slots, the end left out.
    pub(super) fn range(self) -> Range<Slot> {
        Slot(self.first)..Slot(self.last.saturating_add(1))
    }
}

/// A slot, or all slots that begin on a day.
fn place(state: &AppState, text: &str) -> Option<SlotRange> {
    if let Some(day) = day(text) {
        let clock = state.settings().clock?;
        let start = day.checked_mul(86_400)?;
        let first_from = |unix: u64| {
            let slot = clock.slot_at(unix);
            if clock.start_of(slot) < unix { slot.saturating_add(1) } else { slot }
        };
        let last = first_from(start.checked_add(86_400)?).checked_sub(1)?;
        return Some(SlotRange { first: first_from(start), last });
    }
    let slot = text.replace([',', ' ', NBSP], "").parse().ok()?;
    Some(SlotRange { first: slot, last: slot })
}

/// The day of `2026-11-20`, counted from 1970; `None` for days that the calendar does not have.
pub(super) fn day(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let mut number = || -> Option<u64> {
        let part = parts.next()?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let (year, month, day) = (number()?, number()?, number()?);
    let is_valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_valid || parts.next().is_some() {
        return None;
    }
    // Days by the calendar that begins its years in March, so that leap days come last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // The 31st of a shorter month would be a day of the next one.
    days.checked_sub(719_468).filter(|days| u64::from(Utc::from_unix(days * 86_400).day) == day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2020-12-01"), Some(1_606_780_800 / 86_400));
        assert_eq!(day("2024-02-29"), Some(1_709_164_800 / 86_400));
        for text in [
            "",
            "2024",
            "2024-13-01",
            "12345",
            "2024-01-01-01",
            "1969-12-31",
            "-1-1-1",
            "2026-02-31",
            "+2026-1-1",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
