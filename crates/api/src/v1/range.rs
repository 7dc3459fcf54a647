//! Which slots an address is about, and whether they are all there for good.

use std::ops::Range;

use consensus::Slot;
use consensus::primitives::SLOTS_PER_EPOCH;
use serde::Deserialize;
use store::Gap;
use utoipa::IntoParams;

use super::answer::Validity;
use crate::error::ApiError;
use crate::query::QueryPart;
use crate::state::AppState;

/// The highest slot there can be.
pub(crate) const MAX_SLOT: u64 = (1 << 40) - 1;

/// Seven days of mainnet.
const WEEK_SLOTS: u64 = 1_575 * SLOTS_PER_EPOCH;

/// Slots by any of three measures; all that are given apply.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeQuery {
    /// The first slot.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    pub(crate) start_slot: Option<u64>,
    /// The slot after the last.
    #[param(minimum = 0, maximum = 1_099_511_627_775_u64)]
    pub(crate) end_slot: Option<u64>,
    /// The first epoch.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    pub(crate) start_epoch: Option<u64>,
    /// The epoch after the last.
    #[param(minimum = 0, maximum = 34_359_738_367_u64)]
    pub(crate) end_epoch: Option<u64>,
    /// The first slot begins at this UTC time or later.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$",
        example = "2026-11-13"
    )]
    pub(crate) since: Option<String>,
    /// All slots begin before this UTC time.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$",
        example = "2026-11-20T16:35:11Z"
    )]
    pub(crate) until: Option<String>,
    /// Answer though the range touches a gap.
    pub(crate) partial: Option<bool>,
}

impl QueryPart for RangeQuery {
    const NAMES: &[&str] =
        &["start_slot", "end_slot", "start_epoch", "end_epoch", "since", "until", "partial"];
}

/// A range whose ends may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
}

impl RangeQuery {
    /// The slots that all bounds allow.
    pub(crate) fn slots(&self, state: &AppState) -> Result<Wanted, ApiError> {
        let small = |name: &str, value: Option<u64>, most: u64| match value {
            Some(value) if value > most => {
                Err(ApiError::BadParameter(format!("{name} is {value}, the greatest number taken is {most}")))
            }
            value => Ok(value),
        };
        let epoch = |name, value| -> Result<Option<u64>, ApiError> {
            Ok(small(name, value, MAX_SLOT / SLOTS_PER_EPOCH)?.map(|epoch| epoch * SLOTS_PER_EPOCH))
        };
        let time = |name: &str, text: Option<&str>| -> Result<Option<u64>, ApiError> {
            let Some(text) = text else { return Ok(None) };
            let unix = unix_time(text).ok_or_else(|| {
                ApiError::BadParameter(format!(
                    "{name} is {text:?}; a UTC date or time is written 2026-11-20 or 2026-11-20T16:35:11Z"
                ))
            })?;
            let clock = state.settings().clock.ok_or_else(|| {
                ApiError::Missing("this server does not know when the slots of its data were".to_owned())
            })?;
            // The first slot that begins at or after the time.
            let slot = clock.slot_at(unix);
            Ok(Some(if clock.start_of(slot) < unix { slot.saturating_add(1) } else { slot }))
        };
        let starts = [
            small("start_slot", self.start_slot, MAX_SLOT)?,
            epoch("start_epoch", self.start_epoch)?,
            time("since", self.since.as_deref())?,
        ];
        let ends = [
            small("end_slot", self.end_slot, MAX_SLOT)?,
            epoch("end_epoch", self.end_epoch)?,
            time("until", self.until.as_deref())?,
        ];
        Ok(Wanted { start: starts.into_iter().flatten().max(), end: ends.into_iter().flatten().min() })
    }
}

impl Wanted {
    /// The slots, up to the end given where the range has none.
    pub(crate) fn or(self, start: u64, end: u64) -> Range<Slot> {
        let start = self.start.unwrap_or(start);
        Slot(start)..Slot(self.end.unwrap_or(end).max(start))
    }
}

/// The slots up to the newest stored one, without a start from seven days of mainnet before the end, or from above the
/// newest gap. With all gaps there are.
pub(crate) async fn latest(state: &AppState, wanted: Wanted) -> Result<(Range<Slot>, Vec<Gap>), ApiError> {
    let store = state.store();
    let newest = store.sync_status().await?.greatest_block_slot.0;
    let gaps = store.gaps().await?;
    let end = wanted.end.unwrap_or(newest.saturating_add(1)).min(MAX_SLOT + 1);
    let above_gap = gaps.iter().map(|gap| gap.end.0.saturating_add(1)).filter(|slot| *slot <= end).max();
    let range = wanted.or(end.saturating_sub(WEEK_SLOTS).max(above_gap.unwrap_or(0)), end);
    // Beyond the newest block there is nothing to count.
    let known = newest.saturating_add(1).max(range.start.0);
    Ok((range.start..Slot(range.end.0.min(known)), gaps))
}

/// The slots of a count without a cursor, up to the newest stored one. Without a start they begin above the newest gap, or
/// with the first slot where what is there will do.
pub(crate) async fn counted(
    state: &AppState,
    wanted: Wanted,
    partial: Option<bool>,
) -> Result<Range<Slot>, ApiError> {
    let newest = state.store().sync_status().await?.greatest_block_slot.0;
    let end = wanted.end.unwrap_or(MAX_SLOT + 1).min(newest.saturating_add(1));
    let start = if partial.unwrap_or(false) {
        0
    } else {
        let gaps = state.store().gaps().await?;
        gaps.iter().map(|gap| gap.end.0.saturating_add(1)).filter(|slot| *slot <= end).max().unwrap_or(0)
    };
    let start = wanted.start.unwrap_or(start);
    let range = Slot(start)..Slot(end.max(start));
    refuse_gaps(state, &range, partial).await?;
    Ok(range)
}

/// Refuses a range that touches a gap, unless what is there will do.
pub(crate) async fn refuse_gaps(
    state: &AppState,
    range: &Range<Slot>,
    partial: Option<bool>,
) -> Result<(), ApiError> {
    if partial.unwrap_or(false) || range.is_empty() {
        return Ok(());
    }
    match state.store().first_gap_touching(range.clone()).await? {
        Some(gap) => Err(ApiError::Gap(gap)),
        None => Ok(()),
    }
}

/// Whether an answer about a range can change: slots with both ends given that are final and have no gap do not.
pub(crate) async fn validity(state: &AppState, wanted: Wanted) -> Result<Validity, ApiError> {
    let (Some(start), Some(end)) = (wanted.start, wanted.end) else { return Ok(Validity::Changing) };
    validity_of(state, Slot(start)..Slot(end)).await
}

/// Whether an answer about slots, the end left out, will ever be another one.
pub(crate) async fn validity_of(state: &AppState, range: Range<Slot>) -> Result<Validity, ApiError> {
    let end = range.end.0;
    let last_final = state.store().chain_marks().await?.finalized.map(|place| place.slot);
    let is_final = last_final.is_some_and(|last| end <= last.0.saturating_add(1)) && !range.is_empty();
    if is_final && state.store().first_gap_touching(range).await?.is_none() {
        return Ok(Validity::Final);
    }
    Ok(Validity::Changing)
}

/// The Unix time of `2026-11-20` or `2026-11-20T16:35:11Z`.
fn unix_time(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let number = |text: &str, digits: usize| -> Option<u64> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let mut clock = time.strip_suffix('Z')?.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let is_valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && parts.next().is_none()
        && clock.next().is_none();
    // Days since 1970 by the calendar that begins its years in March, so that leap days come last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    is_valid.then_some(since_1970 * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The address of the request with another cursor.
pub(crate) fn with_cursor(uri: &axum::http::Uri, cursor: &str) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let kept: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let kept = if kept.is_empty() { String::new() } else { format!("{}&", kept.join("&")) };
    format!("{}?{kept}cursor={cursor}", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(unix_time("1970-01-01"), Some(0));
        assert_eq!(unix_time("2020-12-01T12:00:23Z"), Some(1_606_824_023));
        assert_eq!(unix_time("2024-02-29"), Some(1_709_164_800));
        assert_eq!(unix_time("2024-12-31T23:59:59Z"), Some(1_735_689_599));
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2024-01-00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "1969-12-31",
            "2024-1-1",
            "２０２４-01-01",
        ] {
            assert_eq!(unix_time(text), None, "{text}");
        }
    }

    #[test]
    fn cursors_take_each_others_place() {
        let uri = |text: &str| text.parse::<axum::http::Uri>().unwrap();
        assert_eq!(with_cursor(&uri("/x"), "older-5"), "/x?cursor=older-5");
        assert_eq!(with_cursor(&uri("/x?a=1&cursor=older-9&b=2"), "newer-5"), "/x?a=1&b=2&cursor=newer-5");
    }
}
