//! The stretches of time that pages offer, as links with an address, and those that a reader names.

use consensus::primitives::SLOTS_PER_EPOCH;

use super::format::{self, Utc};
use super::shares::Choice;
use super::slots::{MAX_SLOT, day};
use crate::error::ApiError;
use crate::settings::ChainClock;

/// Epochs of a day on mainnet.
const EPOCHS_PER_DAY: u64 = 225;
const DAY_SECONDS: u64 = 86_400;

/// A stretch of time: one that ends with the newest block, or one between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    All,
    Between(Span),
}

/// A stretch between two ends, which both belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Epochs.
    Epochs { first: u64, last: u64 },
    /// Days of the calendar, counted from 1970. An epoch belongs to the day that it begins in.
    Days { first: u64, last: u64 },
}

impl Span {
    /// `385000..385802` or `2026-11-01..2026-11-20`; `None` for anything else, and where the end lies before the start.
    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once("..")?;
        let epoch = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let epoch: Option<u64> = if is_number { text.parse().ok() } else { None };
            epoch.filter(|epoch| *epoch <= MAX_SLOT / SLOTS_PER_EPOCH)
        };
        let span = match (epoch(from), epoch(to)) {
            (Some(first), Some(last)) => Self::Epochs { first, last },
            _ => Self::Days { first: day(from)?, last: day(to)? },
        };
        let (Self::Epochs { first, last } | Self::Days { first, last }) = span;
        (first <= last).then_some(span)
    }

    /// The epochs, the end left out.
    pub(super) fn epochs(self, clock: Option<ChainClock>) -> Result<std::ops::Range<u64>, ApiError> {
        match (self, clock) {
            (Self::Epochs { first, last }, _) => Ok(first..last.saturating_add(1)),
            (Self::Days { .. }, None) => Err(ApiError::BadParameter(
                "this server does not know when the slots of its data were; name epochs, such as 100..200"
                    .to_owned(),
            )),
            (Self::Days { first, last }, Some(clock)) => {
                let length = clock.seconds_per_slot.max(1) * SLOTS_PER_EPOCH;
                let from = |day: u64| {
                    let since = (day * DAY_SECONDS).saturating_sub(clock.genesis_time);
                    since.div_ceil(length)
                };
                Ok(from(first)..from(last.saturating_add(1)))
            }
        }
    }

    fn code(self) -> String {
        let date = |day: u64| {
            let date = Utc::from_unix(day * DAY_SECONDS).machine();
            date.split('T').next().unwrap_or_default().to_owned()
        };
        match self {
            Self::Epochs { first, last } => format!("{first}..{last}"),
            Self::Days { first, last } => format!("{}..{}", date(first), date(last)),
        }
    }

    fn ends(self, between: &str) -> String {
        match self {
            Self::Epochs { first, last } => {
                format!("{}{between}{}", format::count(first), format::count(last))
            }
            Self::Days { first, last } => {
                let (from, to) = (Utc::from_unix(first * DAY_SECONDS), Utc::from_unix(last * DAY_SECONDS));
                let from = if from.year == to.year { from.day_and_month() } else { from.date() };
                format!("{from}{between}{}", to.date())
            }
        }
    }

    fn label(self) -> String {
        match self {
            Self::Epochs { first, last } if first == last => {
                format!("epoch{}{}", format::NBSP, format::count(first))
            }
            Self::Epochs { .. } => format!("epochs{}{}", format::NBSP, self.ends("–")),
            Self::Days { first, last } if first == last => Utc::from_unix(first * DAY_SECONDS).date(),
            Self::Days { .. } => self.ends(" – "),
        }
    }
}

impl Period {
    const NAMED: [Self; 6] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// What "Share now" offers.
    pub(super) const NOW: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::All];
    /// What "Share over time" offers.
    pub(super) const HISTORY: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Day => ("1d", "1\u{a0}day"),
            Self::Week => ("7d", "7\u{a0}days"),
            Self::Month => ("30d", "30\u{a0}days"),
            Self::Quarter => ("90d", "90\u{a0}days"),
            Self::Year => ("1y", "1\u{a0}year"),
            Self::All | Self::Between(_) => ("all", "All"),
        }
    }

    /// As in the address.
    pub(super) fn code(self) -> String {
        match self {
            Self::Between(span) => span.code(),
            named => named.words().0.to_owned(),
        }
    }

    /// As on the page.
    pub(super) fn label(self) -> String {
        match self {
            Self::Between(span) => span.label(),
            named => named.words().1.to_owned(),
        }
    }

    /// As in a sentence: `in 7 days`, `in epochs 100–200`.
    pub(super) fn within(self) -> String {
        match self {
            Self::All => "in the record".to_owned(),
            Self::Between(span @ Span::Days { first, last }) if first < last => {
                format!("from {}", span.ends(" to "))
            }
            Self::Between(Span::Days { .. }) => format!("on {}", self.label()),
            named => format!("in {}", named.label()),
        }
    }

    /// What a picture says before the date of its newest block: `7 days to`, `epochs 100–200, as known on`.
    pub(super) fn covers(self) -> String {
        match self {
            Self::Between(span) => format!("{}, as known on", span.label()),
            named => format!("{} to", named.label().to_lowercase()),
        }
    }

    /// How long it is, where it ends with the newest block; `None` is everything.
    pub(super) const fn epochs(self) -> Option<u64> {
        match self {
            Self::Day => Some(EPOCHS_PER_DAY),
            Self::Week => Some(7 * EPOCHS_PER_DAY),
            Self::Month => Some(30 * EPOCHS_PER_DAY),
            Self::Quarter => Some(90 * EPOCHS_PER_DAY),
            Self::Year => Some(365 * EPOCHS_PER_DAY),
            Self::All | Self::Between(_) => None,
        }
    }

    /// The period of an address; an unknown one is refused with those allowed.
    pub(super) fn parse(name: &str, text: Option<&str>, default: Self) -> Result<Self, ApiError> {
        let Some(text) = text else {
            return Ok(default);
        };
        let named = Self::NAMED.into_iter().find(|period| period.words().0 == text);
        named.or_else(|| Span::parse(text).map(Self::Between)).ok_or_else(|| {
            let allowed = Self::NAMED.map(|period| period.words().0).join(", ");
            let shown: String = text.chars().take(60).collect();
            ApiError::BadParameter(format!(
                "{name} is {shown:?}; allowed are {allowed}, two epochs such as 385000..385802, and two days such as \
                 2026-11-01..2026-11-20, the earlier one first"
            ))
        })
    }

    /// Links to the periods offered, and to the current one, if it is not among them.
    pub(super) fn choices(self, offered: &[Self], href: impl Fn(Self) -> String) -> Vec<Choice<String>> {
        let other = Some(self).filter(|current| !offered.contains(current));
        let choice =
            |period: Self| Choice { href: href(period), label: period.label(), current: period == self };
        offered.iter().copied().chain(other).map(choice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Period, ApiError> {
        Period::parse("period", Some(text), Period::Week)
    }

    #[test]
    fn unknown_periods_are_refused_with_the_allowed_ones() {
        assert!(matches!(parse("30d"), Ok(Period::Month)));
        assert!(matches!(Period::parse("period", None, Period::Week), Ok(Period::Week)));
        for nonsense in [
            "2w",
            "",
            "..",
            "5..",
            "..5",
            "9..5",
            "1..2..3",
            "-1..5",
            "+1..5",
            "1..99999999999",
            "1..2026-11-01",
            "2026-11-20..2026-11-01",
            "2026-02-31..2026-03-05",
            "2026-13-01..2026-13-02",
            "a..b",
        ] {
            let error = parse(nonsense).unwrap_err().to_string();
            assert!(error.contains("1d, 7d, 30d, 90d, 1y, all, two epochs"), "{nonsense}: {error}");
        }
    }

    #[test]
    fn named_ends_belong_to_the_stretch() {
        let epochs = parse("100..200").unwrap();
        assert_eq!((epochs.code().as_str(), epochs.label().as_str()), ("100..200", "epochs\u{a0}100–200"));
        assert_eq!(epochs.within(), "in epochs\u{a0}100–200");
        let Period::Between(span) = epochs else { panic!("{epochs:?}") };
        assert_eq!(span.epochs(None).unwrap(), 100..201);
        let days = parse("2020-12-02..2020-12-03").unwrap();
        assert_eq!(days.code(), "2020-12-02..2020-12-03");
        assert_eq!(days.label(), "2\u{a0}Dec – 3\u{a0}Dec\u{a0}2020");
        assert_eq!(days.within(), "from 2\u{a0}Dec to 3\u{a0}Dec\u{a0}2020");
        let Period::Between(span) = days else { panic!("{days:?}") };
        assert!(span.epochs(None).is_err());
        // Mainnet began at 12:00:23: the first epoch of 2 December is the 113th.
        assert_eq!(span.epochs(Some(ChainClock::MAINNET)).unwrap(), 113..563);
    }

    #[test]
    fn the_current_period_is_always_among_the_links() {
        let marked = |period: Period| {
            let choices = period.choices(&Period::NOW, |each| each.code());
            let current: Vec<String> =
                choices.iter().filter(|choice| choice.current).map(|choice| choice.href.clone()).collect();
            (choices.len(), current)
        };
        assert_eq!(marked(Period::Week), (4, vec!["7d".to_owned()]));
        assert_eq!(marked(parse("5..9").unwrap()), (5, vec!["5..9".to_owned()]));
    }
}
