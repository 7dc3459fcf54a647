//! The sentences that answer: who is above one third, which client built a block. Words follow the interval.

use fingerprint::Client;

use super::charts::{IntervalRow, Series};
use super::format::{self, NBSP};

/// Below this many blocks no share is claimed.
pub(super) const ENOUGH_BLOCKS: u64 = 200;
/// With an interval wider than this no share is claimed.
const WIDEST_INTERVAL: f64 = 0.20;
/// With more blocks unnamed than this, an estimate does not say that nobody is above a limit.
const MOST_UNNAMED: f64 = 0.25;
/// While all upper ends stay below this, nobody is near two thirds.
const NEAR_TWO_THIRDS: f64 = 0.60;

const ONE_THIRD: f64 = 1.0 / 3.0;
const TWO_THIRDS: f64 = 2.0 / 3.0;

/// Below this probability a block is not told apart.
pub(super) const NAMED_FROM: f64 = 0.50;

/// Where an interval lies against a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    Above,
    Below,
    TooClose,
}

impl Against {
    fn of(row: &IntervalRow, threshold: f64) -> Self {
        if row.low > threshold {
            Self::Above
        } else if row.high < threshold {
            Self::Below
        } else {
            Self::TooClose
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::TooClose => "too close to call",
        }
    }
}

/// What is said of a row against one third and two thirds.
pub(super) fn against(row: &IntervalRow) -> (&'static str, &'static str) {
    (Against::of(row, ONE_THIRD).word(), Against::of(row, TWO_THIRDS).word())
}

/// The answer of the overview.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Headline {
    pub(super) title: String,
    pub(super) lede: String,
}

/// The headline for shares. `since` says when stale data ended; `period` names the time covered; `unnamed` is the part
/// of blocks without a client where shares are estimates, which leave it out.
pub(super) fn overview(
    rows: &[IntervalRow],
    n: u64,
    since: Option<&str>,
    period: &str,
    unnamed: Option<f64>,
) -> Headline {
    // Who is above one third goes before who may be, and the larger share before the smaller.
    let place = |row: &IntervalRow| match Against::of(row, ONE_THIRD) {
        Against::Below => 0,
        Against::TooClose => 1,
        Against::Above => 2,
    };
    let named = rows.iter().filter(|row| row.series.is_named());
    let top = named.max_by(|a, b| place(a).cmp(&place(b)).then(a.share.total_cmp(&b.share)));
    let Some(top) = top.filter(|_| n > 0) else {
        return Headline {
            title: "No blocks yet.".to_owned(),
            lede: "The first verdict comes with the first block that is classified.".to_owned(),
        };
    };
    let from = format!("From {} {period}", format::counted(n, "block"));
    if n >= ENOUGH_BLOCKS && unnamed.is_some() && top.high - top.low > WIDEST_INTERVAL {
        return Headline {
            title: as_of(since, "The model takes clients for each other too often to name shares."),
            lede: format!(
                "{from}. The share of {} may be anything from {}{NBSP}%, as far as the model’s tests tell. Counted shares \
                 are not corrected for that.",
                top.series.name(),
                format::share_interval(top.low, top.high)
            ),
        };
    }
    if n < ENOUGH_BLOCKS || top.high - top.low > WIDEST_INTERVAL {
        return Headline {
            title: as_of(since, "Too few blocks yet to name shares."),
            lede: format!("{from}. From about {ENOUGH_BLOCKS} the interval is narrower than ±7{NBSP}points."),
        };
    }
    let name = top.series.name();
    let of_top = format::share(top.share, top.low, top.high);
    let share = if unnamed.is_some() { format!("an estimated {of_top}") } else { of_top };
    let title = match (Against::of(top, ONE_THIRD), Against::of(top, TWO_THIRDS)) {
        (_, Against::Above) => {
            format!("{name} builds {share} of blocks. That is above two thirds.")
        }
        (Against::Above, Against::TooClose) => format!(
            "{name} builds {share} of blocks. That is above one third and too close to two thirds to call."
        ),
        (Against::Above, Against::Below) => {
            format!("{name} builds {share} of blocks. That is above one third.")
        }
        (Against::TooClose, _) => {
            format!("{name} builds {share} of blocks, too close to one third to call.")
        }
        // What is unnamed may be of one client, so that nobody can be said to be below.
        (Against::Below, _) => match rows.iter().find(|row| row.series == Series::Unknown) {
            Some(unknown) if top.high + unknown.share > ONE_THIRD => format!(
                "No client is named for more than one third of blocks, but {} are unnamed.",
                format::share(unknown.share, unknown.low, unknown.high)
            ),
            _ => match unnamed.filter(|unnamed| *unnamed > MOST_UNNAMED) {
                Some(unnamed) => format!(
                    "No client is estimated to build more than one third of blocks, but {:.1}{NBSP}% are unnamed.",
                    unnamed * 100.0
                ),
                None => "No client builds more than one third of blocks.".to_owned(),
            },
        },
    };
    let mut lede = String::new();
    if Against::of(top, ONE_THIRD) == Against::Below {
        lede.push_str(&format!("{name} is the largest with {share}. "));
    }
    lede.push_str(&format!(
        "95{NBSP}% interval {}{NBSP}%. {from}",
        format::share_interval(top.low, top.high)
    ));
    if let Some(unknown) = rows.iter().find(|row| row.series == Series::Unknown) {
        let share = format::share(unknown.share, unknown.low, unknown.high);
        lede.push_str(&format!("; {share} could not be told apart"));
    }
    if let Some(unnamed) = unnamed.filter(|part| *part > 0.0) {
        lede.push_str(&format!("; {:.1}{NBSP}% were left unnamed", unnamed * 100.0));
    }
    lede.push('.');
    lede.push_str(&others_above(rows, top));
    if rows.iter().all(|row| row.high < NEAR_TWO_THIRDS) {
        lede.push_str(" No client is near two thirds.");
    }
    Headline { title: as_of(since, &title), lede }
}

fn others_above(rows: &[IntervalRow], top: &IntervalRow) -> String {
    let others = rows.iter().filter(|row| row.series.is_named() && row.series != top.series);
    let sentence = |row: &IntervalRow| match Against::of(row, ONE_THIRD) {
        Against::Above => Some(format!(" {} is above one third too.", row.series.name())),
        Against::TooClose => Some(format!(" {} is too close to one third to call.", row.series.name())),
        Against::Below => None,
    };
    others.filter_map(sentence).collect()
}

fn as_of(since: Option<&str>, sentence: &str) -> String {
    match since {
        None => sentence.to_owned(),
        Some(since) => {
            let mut letters = sentence.chars();
            // Names of clients keep their capital; other words do not begin the sentence any more.
            let lower = ["No ", "The ", "Too "].iter().any(|word| sentence.starts_with(word));
            let first = letters.next().map(|c| if lower { c.to_ascii_lowercase() } else { c });
            let rest: String = first.into_iter().chain(letters).collect();
            format!("As of {since}, {rest}")
        }
    }
}

/// How surely a validator runs a client, in words.
pub(super) const fn likelihood_words(probability: f64) -> &'static str {
    if probability >= 0.99 {
        "almost certainly runs"
    } else if probability >= 0.90 {
        "very likely runs"
    } else if probability >= 0.66 {
        "likely runs"
    } else {
        "may run"
    }
}

/// The headline of a block: words fixed to ranges of probability, then the number.
pub(super) fn block(client: Option<Client>, probability: f64) -> String {
    let Some(client) = client.filter(|_| probability >= NAMED_FROM) else {
        return match client {
            Some(client) => {
                format!(
                    "Not told apart: {client} is likeliest with {}",
                    format::probability_fine(probability)
                )
            }
            None => "Not told apart".to_owned(),
        };
    };
    let words = match probability {
        p if p >= 0.99 => "Almost certainly",
        p if p >= 0.90 => "Very likely",
        p if p >= 0.66 => "Likely",
        _ => "Leaning to",
    };
    format!("{words} {client}: {}", format::probability_fine(probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(client: Client, share: f64, low: f64, high: f64) -> IntervalRow {
        IntervalRow { series: Series::Client(client), share, low, high }
    }

    #[test]
    fn words_follow_the_interval() {
        use Client::{Lighthouse, Prysm};
        let title = |row| overview(&[row], 50_000, None, "in 7 days", None).title;
        let says = |row, words: &str| {
            let title = title(row);
            assert!(title.contains(words), "{title}");
        };
        says(row(Lighthouse, 0.681, 0.670, 0.690), "68.1\u{a0}% of blocks. That is above two thirds.");
        says(row(Lighthouse, 0.441, 0.426, 0.457), "That is above one third.");
        says(row(Lighthouse, 0.660, 0.640, 0.680), "too close to two thirds to call.");
        says(row(Lighthouse, 0.330, 0.320, 0.340), "33.0\u{a0}% of blocks, too close to one third to call.");
        says(row(Prysm, 0.300, 0.290, 0.310), "No client builds more than one third of blocks.");
    }

    #[test]
    fn few_blocks_claim_nothing() {
        let few = overview(&[row(Client::Teku, 0.5, 0.4, 0.6)], 87, None, "in 3 h", None);
        assert_eq!(few.title, "Too few blocks yet to name shares.");
        let wide = overview(&[row(Client::Teku, 0.5, 0.35, 0.65)], 900, None, "in 3 h", None);
        assert_eq!(wide.title, few.title);
        assert_eq!(overview(&[], 0, None, "", None).title, "No blocks yet.");
    }

    #[test]
    fn estimates_that_tests_leave_open_claim_nothing_and_the_surest_claim_goes_first() {
        let open = [row(Client::Teku, 0.2, 0.18, 0.22), row(Client::Prysm, 0.1, 0.0, 0.9)];
        let said = overview(&open, 9_000, Some("16:02 UTC"), "in 7 days", Some(0.0));
        let title = "As of 16:02 UTC, the model takes clients for each other too often to name shares.";
        assert_eq!(said.title, title);
        assert!(said.lede.contains("The share of Prysm may be anything from 0–90\u{a0}%"), "{}", said.lede);
        let sure = [row(Client::Teku, 0.4, 0.39, 0.41), row(Client::Prysm, 0.45, 0.0, 0.9)];
        let said = overview(&sure, 9_000, None, "in 7 days", Some(0.0));
        assert!(said.title.starts_with("Teku builds an estimated 40.0\u{a0}%"), "{}", said.title);
        assert!(said.lede.contains("Prysm is too close to one third to call."), "{}", said.lede);
    }

    #[test]
    fn what_is_unnamed_keeps_from_saying_that_nobody_is_above() {
        let unknown = |share: f64| IntervalRow {
            series: Series::Unknown,
            share,
            low: share - 0.01,
            high: share + 0.01,
        };
        let title = |unnamed| {
            overview(&[row(Client::Teku, 0.21, 0.20, 0.22), unknown(unnamed)], 9_000, None, "", None).title
        };
        let named = "No client is named for more than one third of blocks, but 52.0\u{a0}% are unnamed.";
        assert_eq!(title(0.52), named);
        assert_eq!(title(0.04), "No client builds more than one third of blocks.");
        let estimated =
            |unnamed| overview(&[row(Client::Teku, 0.21, 0.20, 0.22)], 9_000, None, "", Some(unnamed)).title;
        let says =
            "No client is estimated to build more than one third of blocks, but 52.0\u{a0}% are unnamed.";
        assert_eq!(estimated(0.52), says);
        assert_eq!(estimated(0.04), "No client builds more than one third of blocks.");
    }

    #[test]
    fn estimates_are_called_so_and_state_what_is_unnamed() {
        let rows = [row(Client::Teku, 0.4, 0.39, 0.41)];
        let estimate = overview(&rows, 9_000, None, "in 7 days", Some(0.037));
        assert_eq!(
            estimate.title,
            "Teku builds an estimated 40.0\u{a0}% of blocks. That is above one third."
        );
        assert!(estimate.lede.contains("; 3.7\u{a0}% were left unnamed."), "{}", estimate.lede);
    }

    #[test]
    fn stale_shares_say_so_first() {
        let rows = [row(Client::Teku, 0.3, 0.29, 0.31)];
        let stale = overview(&rows, 9_000, Some("16:02 UTC"), "in 7 days", None);
        assert_eq!(stale.title, "As of 16:02 UTC, no client builds more than one third of blocks.");
        let rows = [row(Client::Teku, 0.4, 0.39, 0.41)];
        let stale = overview(&rows, 9_000, Some("16:02 UTC"), "in 7 days", None);
        assert!(stale.title.starts_with("As of 16:02 UTC, Teku builds"), "{}", stale.title);
    }

    #[test]
    fn block_words_are_fixed_to_ranges() {
        let teku = Some(Client::Teku);
        assert_eq!(block(teku, 0.994), "Almost certainly Teku: 0.994");
        assert_eq!(block(teku, 0.94), "Very likely Teku: 0.940");
        assert_eq!(block(teku, 0.66), "Likely Teku: 0.660");
        assert_eq!(block(teku, 0.5), "Leaning to Teku: 0.500");
        assert_eq!(block(teku, 0.41), "Not told apart: Teku is likeliest with 0.410");
        assert_eq!(block(None, 0.0), "Not told apart");
    }
}
