//! How numbers, times and foreign text are written on pages: one place, so that all pages agree.

/// The space that keeps a number and its unit on one line.
pub(crate) const NBSP: char = '\u{a0}';

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A count with thousands separators: `12,345,678`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, singular where the count is one: `1 block`, `87 blocks`.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{}{NBSP}{noun}{plural}", count(value))
}

/// How finely shares are written: never finer than their intervals support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// `44 %`
    Whole,
    /// `44.1 %`
    Tenths,
}

impl Precision {
    /// The precision for shares that stand together: tenths, unless one interval is wider than ten points.
    pub(crate) fn of(intervals: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let is_wide = intervals.into_iter().any(|(low, high)| high - low > 0.10);
        if is_wide { Self::Whole } else { Self::Tenths }
    }

    /// The number without its unit.
    pub(crate) fn number(self, share: f64) -> String {
        match self {
            Self::Whole => format!("{:.0}", share * 100.0),
            Self::Tenths => format!("{:.1}", share * 100.0),
        }
    }

    /// `44.1 %`; zero is only printed for what is zero.
    pub(crate) fn share(self, share: f64) -> String {
        let number = self.number(share);
        match number.as_str() {
            "0" if share > 0.0 => format!("<{NBSP}1{NBSP}%"),
            "0.0" if share > 0.0 => format!("<{NBSP}0.1{NBSP}%"),
            _ => format!("{number}{NBSP}%"),
        }
    }

    /// `42.6–45.7`, without its unit.
    pub(crate) fn interval(self, low: f64, high: f64) -> String {
        format!("{}–{}", self.number(low), self.number(high))
    }
}

/// A share with the precision its own interval supports: `44.1 %`, or `44 %` where it is wider than ten points.
pub(crate) fn share(value: f64, low: f64, high: f64) -> String {
    Precision::of([(low, high)]).share(value)
}

/// The interval of a share, without its unit: `42.6–45.7`.
pub(crate) fn share_interval(low: f64, high: f64) -> String {
    Precision::of([(low, high)]).interval(low, high)
}

/// A probability in a list, two decimals: `0.94`. Certainty is never printed.
pub(crate) fn probability(value: f64) -> String {
    if value > 0.995 {
        format!(">{NBSP}0.99")
    } else if value < 0.005 {
        format!("<{NBSP}0.01")
    } else {
        format!("{value:.2}")
    }
}

/// A probability on a block's page, three decimals: `0.940`. Certainty is never printed.
pub(crate) fn probability_fine(value: f64) -> String {
    if value > 0.9995 {
        format!(">{NBSP}0.999")
    } else if value < 0.0005 {
        format!("<{NBSP}0.001")
    } else {
        format!("{value:.3}")
    }
}

/// A feature's value: whole numbers without decimals, others with three significant digits, minus as U+2212.
pub(crate) fn feature(value: f64) -> String {
    let text = if !value.is_finite() {
        return "–".to_owned();
    } else if value == value.trunc() || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    };
    if text == "-0" { "0".to_owned() } else { text.replace('-', "\u{2212}") }
}

/// The first and last digits of a root: `0x8f3c1a…90a1`.
pub(crate) fn short_root(root: &str) -> String {
    match (root.get(..8), root.len().checked_sub(4).and_then(|from| root.get(from..))) {
        (Some(head), Some(tail)) if root.len() > 14 => format!("{head}…{tail}"),
        _ => root.to_owned(),
    }
}

/// Milliseconds as seconds: `1.9 s`, `−0.3 s`.
pub(crate) fn seconds(milliseconds: i64) -> String {
    let text = format!("{:.1}{NBSP}s", milliseconds as f64 / 1_000.0);
    let text = if text.starts_with("-0.0") { text.replace('-', "") } else { text };
    text.replace('-', "\u{2212}")
}

/// When something of a slot happened: `1.9 s into the slot`.
pub(crate) fn into_slot(late_ms: i64) -> String {
    match late_ms {
        0.. => format!("{} into the slot", seconds(late_ms)),
        _ => format!("{} before the slot began", seconds(late_ms.saturating_neg())),
    }
}

/// How long ago: `4 s ago`, `12 min ago`, `3 h ago`, `2 days ago`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds}{NBSP}s ago"),
        120..=7_199 => format!("{}{NBSP}min ago", seconds / 60),
        7_200..=172_799 => format!("{}{NBSP}h ago", seconds / 3_600),
        _ => format!("{}{NBSP}days ago", count(seconds / 86_400)),
    }
}

/// How long a stretch of time is: `40 min`, `3.3 h`, `7 days`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds}{NBSP}s"),
        120..=7_199 => format!("{}{NBSP}min", (seconds + 30) / 60),
        7_200..=172_799 => {
            let tenths = (seconds + 180) / 360;
            if tenths.is_multiple_of(10) {
                format!("{}{NBSP}h", tenths / 10)
            } else {
                format!("{}.{}{NBSP}h", tenths / 10, tenths % 10)
            }
        }
        _ => format!("{}{NBSP}days", count((seconds + 43_200) / 86_400)),
    }
}

/// A size: `214 MB`, `3.9 GB`.
pub(crate) fn bytes(value: u64) -> String {
    match value {
        0..=999 => format!("{value}{NBSP}bytes"),
        1_000..=999_999 => format!("{}{NBSP}kB", value / 1_000),
        1_000_000..=99_999_999 => format!("{:.1}{NBSP}MB", value as f64 / 1e6),
        100_000_000..=999_999_999 => format!("{}{NBSP}MB", value / 1_000_000),
        _ => format!("{:.1}{NBSP}GB", value as f64 / 1e9),
    }
}

/// A calendar date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utc {
    /// Year of the common era.
    pub(crate) year: i64,
    /// Month, 1 to 12.
    pub(crate) month: u32,
    /// Day of the month, from 1.
    pub(crate) day: u32,
    /// Seconds since midnight.
    pub(crate) second_of_day: u64,
}

impl Utc {
    /// The date and time of a Unix timestamp.
    pub(crate) fn from_unix(seconds: u64) -> Self {
        // Days since 1 March of year 0, so that leap days end a cycle (H. Hinnant, "chrono-compatible
        // low-level date algorithms").
        let days = i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 2) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month: u32::try_from(month).unwrap_or(1),
            day: u32::try_from(day).unwrap_or(1),
            second_of_day: seconds % 86_400,
        }
    }

    fn month_name(self) -> &'static str {
        MONTHS.get(self.month.saturating_sub(1) as usize).copied().unwrap_or("")
    }

    /// `20 Nov 2026 16:35:11 UTC`.
    pub(crate) fn full(self) -> String {
        let s = self.second_of_day;
        format!(
            "{}{NBSP}{} {:02}:{:02}:{:02}{NBSP}UTC",
            self.day_and_month(),
            self.year,
            s / 3_600,
            s / 60 % 60,
            s % 60
        )
    }

    /// `20 Nov`.
    pub(crate) fn day_and_month(self) -> String {
        format!("{}{NBSP}{}", self.day, self.month_name())
    }

    /// `20 Nov 2026`.
    pub(crate) fn date(self) -> String {
        format!("{}{NBSP}{}", self.day_and_month(), self.year)
    }

    /// `16:35`.
    pub(crate) fn hour_and_minute(self) -> String {
        format!("{:02}:{:02}", self.second_of_day / 3_600, self.second_of_day / 60 % 60)
    }

    /// `2026-11-20T16:35:11Z`, for machines.
    pub(crate) fn machine(self) -> String {
        let s = self.second_of_day;
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.year,
            self.month,
            self.day,
            s / 3_600,
            s / 60 % 60,
            s % 60
        )
    }
}

/// Foreign text with what would hide or reorder it made visible: control and direction characters become
/// U+FFFD. Escaping for HTML is the template's work.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// An address with parameters, encoded.
pub(crate) fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (at, (name, value)) in pairs.iter().enumerate() {
        address.push(if at == 0 { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' => {
                    address.push(char::from(byte));
                }
                _ => address.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    address
}

/// Text for the inside of an element or a quoted attribute of HTML or SVG.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_only_printed_for_zero() {
        assert_eq!(share(0.0, 0.0, 0.01), "0.0\u{a0}%");
        assert_eq!(share(0.000_2, 0.0, 0.01), "<\u{a0}0.1\u{a0}%");
        assert_eq!(share(0.004, 0.0, 0.2), "<\u{a0}1\u{a0}%");
        assert_eq!(share(0.441, 0.43, 0.45), "44.1\u{a0}%");
    }

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(counted(1, "block"), "1\u{a0}block");
        assert_eq!(counted(87, "block"), "87\u{a0}blocks");
    }

    #[test]
    fn shares_are_tied_to_their_unit_and_never_too_precise() {
        assert_eq!(share(0.4412, 0.426, 0.457), "44.1\u{a0}%");
        assert_eq!(share(0.4412, 0.31, 0.57), "44\u{a0}%");
        assert_eq!(share_interval(0.426, 0.457), "42.6–45.7");
        assert_eq!(share_interval(0.31, 0.57), "31–57");
        let together = Precision::of([(0.426, 0.457), (0.31, 0.57)]);
        assert_eq!(together.interval(0.426, 0.457), "43–46");
    }

    #[test]
    fn probabilities_never_claim_certainty() {
        assert_eq!(probability(1.0), ">\u{a0}0.99");
        assert_eq!(probability(0.995), "0.99");
        assert_eq!(probability(0.0), "<\u{a0}0.01");
        assert_eq!(probability_fine(0.9996), ">\u{a0}0.999");
        assert_eq!(probability_fine(0.94), "0.940");
    }

    #[test]
    fn features_use_a_real_minus_and_few_digits() {
        assert_eq!(feature(3.0), "3");
        assert_eq!(feature(-0.3333), "\u{2212}0.33");
        assert_eq!(feature(0.004_21), "0.0042");
        assert_eq!(feature(-0.0), "0");
        assert_eq!(feature(f64::NAN), "–");
    }

    #[test]
    fn seconds_have_a_tenth() {
        assert_eq!(seconds(1_912), "1.9\u{a0}s");
        assert_eq!(seconds(-312), "\u{2212}0.3\u{a0}s");
        assert_eq!(seconds(-12), "0.0\u{a0}s");
        assert_eq!(into_slot(61_049), "61.0\u{a0}s into the slot");
        assert_eq!(into_slot(-312), "0.3\u{a0}s before the slot began");
        assert_eq!(into_slot(i64::MIN), into_slot(-i64::MAX));
    }

    #[test]
    fn times_are_utc() {
        let time = Utc::from_unix(1_606_824_023);
        assert_eq!(time.full(), "1\u{a0}Dec\u{a0}2020 12:00:23\u{a0}UTC");
        assert_eq!(time.machine(), "2020-12-01T12:00:23Z");
        assert_eq!(Utc::from_unix(951_782_400).date(), "29\u{a0}Feb\u{a0}2000");
        assert_eq!(Utc::from_unix(0).date(), "1\u{a0}Jan\u{a0}1970");
    }

    #[test]
    fn ages_and_durations_are_short() {
        assert_eq!(age(4), "4\u{a0}s ago");
        assert_eq!(age(720), "12\u{a0}min ago");
        assert_eq!(age(200_000), "2\u{a0}days ago");
        assert_eq!(duration(604_800), "7\u{a0}days");
        assert_eq!(duration(11_880), "3.3\u{a0}h");
        assert_eq!(duration(2_400), "40\u{a0}min");
    }

    #[test]
    fn foreign_text_cannot_hide() {
        assert_eq!(visible("a\u{202e}b\u{0}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(short_root("0x8f3c1a0000000000000090a1"), "0x8f3c1a…90a1");
        assert_eq!(short_root("0xé"), "0xé");
    }
}
