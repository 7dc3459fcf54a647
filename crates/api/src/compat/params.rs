//! Path and query parameters of blockprint's addresses.

use std::ops::Range;

use consensus::Slot;
use serde::Deserialize;

use crate::error::ApiError;
use crate::settings::GapPolicy;
use crate::state::AppState;

/// The largest number taken; the database keeps 40 bits of a slot.
const MAX_NUMBER: u64 = (1 << 40) - 1;

/// A number in the path. Text is no address at all; a negative or absurd number is a bad request.
pub(crate) fn number(name: &'static str, text: &str) -> Result<u64, ApiError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::NotFound);
    }
    if text.starts_with('-') && digits.bytes().any(|byte| byte != b'0') {
        return Err(ApiError::BadParameter(format!("{name} is {text}, but counting begins at 0")));
    }
    match digits.parse() {
        Ok(number) if number <= MAX_NUMBER => Ok(number),
        _ => Err(ApiError::BadParameter(format!(
            "{name} is {text}, the greatest number taken is {MAX_NUMBER}"
        ))),
    }
}

/// The end of a range, exclusive. As in blockprint 0 stands for "not given": no range could end there.
pub(crate) fn end(name: &'static str, text: &str, default: u64) -> Result<u64, ApiError> {
    Ok(match number(name, text)? {
        0 => default,
        end => end,
    })
}

/// No end: everything from the start on.
pub(crate) const OPEN_END: u64 = MAX_NUMBER + 1;

/// The query of addresses that answer for a range.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Partial {
    partial: Option<String>,
}

impl Partial {
    fn is_wanted(&self, policy: GapPolicy) -> Result<bool, ApiError> {
        match self.partial.as_deref() {
            None => Ok(policy == GapPolicy::Partial),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => {
                Err(ApiError::BadParameter(format!("partial is {other:?}; true and false are allowed")))
            }
        }
    }

    /// Refuses a range that touches a gap, unless what is there will do.
    pub(crate) async fn check(&self, state: &AppState, range: Range<u64>) -> Result<(), ApiError> {
        if self.is_wanted(state.settings().gaps)? || range.start >= range.end {
            return Ok(());
        }
        match state.store().first_gap_touching(Slot(range.start)..Slot(range.end)).await? {
            Some(gap) => Err(ApiError::Gap(gap)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn numbers_in_paths() {
        assert!(matches!(number("x", "17"), Ok(17)));
        assert!(matches!(number("x", "-0"), Ok(0)));
        for text in ["abc", "", "1.5", "0x10", "-", "1e3", "１"] {
            assert!(matches!(number("x", text), Err(ApiError::NotFound)), "{text}");
        }
        for text in ["-1", "99999999999999999999999", "1099511627776"] {
            assert!(matches!(number("x", text), Err(ApiError::BadParameter(_))), "{text}");
        }
        assert!(matches!(end("x", "0", 9), Ok(9)));
        assert!(matches!(end("x", "4", 9), Ok(4)));
    }
}
