//! The stretches of time that pages offer, as links with an address.

use crate::error::ApiError;

/// Epochs of a day on mainnet.
const EPOCHS_PER_DAY: u64 = 225;

/// A stretch of time that ends with the newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    All,
}

impl Period {
    const ALL: [Self; 6] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// What "Share now" offers.
    pub(super) const NOW: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::All];
    /// What "Share over time" offers.
    pub(super) const HISTORY: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// As in the address.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Day => "1d",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "1y",
            Self::All => "all",
        }
    }

    /// As on the page.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Day => "1\u{a0}day",
            Self::Week => "7\u{a0}days",
            Self::Month => "30\u{a0}days",
            Self::Quarter => "90\u{a0}days",
            Self::Year => "1\u{a0}year",
            Self::All => "All",
        }
    }

    /// How long it is; `None` is everything.
    pub(super) const fn epochs(self) -> Option<u64> {
        match self {
            Self::Day => Some(EPOCHS_PER_DAY),
            Self::Week => Some(7 * EPOCHS_PER_DAY),
            Self::Month => Some(30 * EPOCHS_PER_DAY),
            Self::Quarter => Some(90 * EPOCHS_PER_DAY),
            Self::Year => Some(365 * EPOCHS_PER_DAY),
            Self::All => None,
        }
    }

    /// The period of an address; an unknown one is refused with those allowed.
    pub(super) fn parse(name: &str, text: Option<&str>, default: Self) -> Result<Self, ApiError> {
        let Some(text) = text else {
            return Ok(default);
        };
        Self::ALL.into_iter().find(|period| period.code() == text).ok_or_else(|| {
            let allowed = Self::ALL.map(Self::code).join(", ");
            ApiError::BadParameter(format!("{name} is {text:?}; allowed are {allowed}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_periods_are_refused_with_the_allowed_ones() {
        assert!(matches!(Period::parse("period", Some("30d"), Period::Week), Ok(Period::Month)));
        assert!(matches!(Period::parse("period", None, Period::Week), Ok(Period::Week)));
        let error = Period::parse("period", Some("2w"), Period::Week).unwrap_err().to_string();
        assert!(error.contains("2w") && error.contains("1d, 7d, 30d, 90d, 1y, all"), "{error}");
    }
}
