//! Blocks that break the rules of clients, week by week.

use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::{Epoch, Slot};
use fingerprint::{Client, Sign};

use super::charts::{DotAxis, DotGroup, DotRow, Layout, Series, dots};
use super::drift::{self, Drift, Limits, Week};
use super::errors::sentence;
use super::format::{self, NBSP, Precision, Utc};
use super::reliability::{Panel, share, share_and_interval};
use crate::error::ApiError;
use crate::settings::ChainClock;
use crate::state::AppState;

/// Complete weeks that are looked at, beside the current one.
const WEEKS: u64 = 12;
const SECONDS_PER_WEEK: u64 = 7 * 86_400;
/// The first Monday of Unix time.
const FIRST_MONDAY: u64 = 4 * 86_400;
/// Epochs of a week where no clock says how long slots are.
const EPOCHS_PER_WEEK: u64 = SECONDS_PER_WEEK / 12 / SLOTS_PER_EPOCH;

/// What the weeks say.
pub(super) struct BrokenRules {
    clock: Option<ChainClock>,
    weeks: Vec<Week>,
    drift: Drift,
}

/// The cards of the accuracy page.
pub(super) struct RulesCards {
    /// Rules of every client, and of the client that blocks are judged as.
    pub(super) panels: Option<(Panel, Panel)>,
    /// Stands instead of pictures, or below the first one: why nothing is judged, or that all is as before.
    pub(super) says: String,
    pub(super) rules: Vec<Rule>,
}

/// What some clients never do.
pub(super) struct Rule {
    pub(super) sentence: String,
    pub(super) code: &'static str,
    /// Marks and names of the clients, HTML.
    pub(super) clients: String,
}

fn rules() -> Vec<Rule> {
    let rule = |sign: Sign| {
        let clients = Client::NAMED.into_iter().filter(|client| sign.rules_out(*client));
        let labels: Vec<_> = clients
            .map(|client| format!("<span class=\"nowrap\">{}</span>", Series::Client(client).label()))
            .collect();
        Rule { sentence: sentence(sign.sentence()), code: sign.code(), clients: labels.join(" ") }
    };
    Sign::ALL.into_iter().map(rule).collect()
}

/// Blocks that break rules, with what was counted of a week.
type Broken = fn(&Week) -> u64;

/// The weeks up to a slot: the first epoch of the oldest one, the epochs of each, and the first of the current one.
fn weeks_to(newest: Slot, clock: Option<ChainClock>) -> (u64, u64, u64) {
    let (length, current) = match clock {
        Some(clock) => {
            let epoch_seconds = clock.seconds_per_slot.max(1).saturating_mul(SLOTS_PER_EPOCH);
            let length = (SECONDS_PER_WEEK / epoch_seconds).max(1);
            let now = clock.start_of(newest.0);
            let monday = now.saturating_sub(now.saturating_sub(FIRST_MONDAY) % SECONDS_PER_WEEK);
            // The first epoch that begins in the week.
            let current = monday.saturating_sub(clock.genesis_time).div_ceil(epoch_seconds);
            (length, current.min(newest.epoch().0))
        }
        None => (EPOCHS_PER_WEEK, newest.epoch().0 / EPOCHS_PER_WEEK * EPOCHS_PER_WEEK),
    };
    let complete = WEEKS.min(current / length);
    (current - complete * length, length, current)
}

impl BrokenRules {
    /// Counts of the newest weeks.
    pub(super) async fn read(state: &AppState, newest: Slot) -> Result<Self, ApiError> {
        let clock = state.settings().clock;
        let (start, length, current) = weeks_to(newest, clock);
        let range = Epoch(start)..Epoch(newest.epoch().0.saturating_add(1));
        let counts = state.store().rule_counts(range, length).await?;
        let week = |(first, counts): &(Epoch, store::RuleCounts)| Week {
            first_epoch: first.0,
            is_complete: first.0 < current,
            counts: *counts,
        };
        let weeks: Vec<Week> = counts.iter().map(week).collect();
        Ok(Self { clock, drift: drift::judge(&weeks), weeks })
    }

    /// `12 Nov`, or the slot where no clock says the day.
    fn first_day(&self, week: &Week) -> String {
        let slot = Epoch(week.first_epoch).start_slot().0;
        match self.clock {
            Some(clock) => Utc::from_unix(clock.start_of(slot)).day_and_month(),
            None => format!("slot{NBSP}{}", format::count(slot)),
        }
    }

    /// Said at the top of pages while more blocks than before break the rules of every client.
    pub(super) fn notice(&self) -> Option<String> {
        let Drift::Above { since, median, share } = self.drift else { return None };
        let week = self.weeks.get(since)?;
        Some(format!(
            "Blocks that break the rules of every client rose from {} to {} since {}. A client may have changed how it \
             packs. Treat shares since then with care.",
            Precision::Tenths.share(median),
            Precision::Tenths.share(share),
            self.first_day(week)
        ))
    }

    /// The cards.
    pub(super) fn cards(&self) -> RulesCards {
        let says = match self.drift {
            Drift::NoBlocks => {
                return RulesCards {
                    panels: None,
                    rules: rules(),
                    says: "What a block shows against the rules of clients is not known of any stored block of the \
                           last weeks. It is worked out where the block itself is at hand, since Electra; what was \
                           stored before this was counted has to be built again."
                        .to_owned(),
                };
            }
            Drift::FewWeeks(weeks) => format!(
                "Alarm limits need {} earlier weeks of {} blocks or more; there {}.",
                drift::EARLIER_WEEKS,
                drift::BLOCKS,
                match weeks {
                    0 => "is none".to_owned(),
                    1 => "is one".to_owned(),
                    more => format!("are {more}"),
                }
            ),
            Drift::FewBlocks => {
                format!("Too few blocks to say: the newest weeks have fewer than {}.", drift::BLOCKS)
            }
            Drift::Within => "The newest weeks are within their limits.".to_owned(),
            Drift::Above { .. } => {
                "The newest weeks are above their limits: a client may have changed how it packs.".to_owned()
            }
        };
        RulesCards { panels: Some((self.of_every_client(), self.of_the_verdict())), rules: rules(), says }
    }

    fn name(&self, week: &Week) -> String {
        let day = self.first_day(week);
        match self.clock {
            _ if !week.is_complete => format!("since {day}"),
            Some(_) => format!("from {day}"),
            None => day,
        }
    }

    fn of_every_client(&self) -> Panel {
        let limits = drift::limits(&self.weeks);
        let broken: Broken = |week| week.counts.all_ruled_out;
        let mut panel = self.panel("rules", "Blocks that break the rules of every client", broken, &limits);
        panel.heads.push("Alarm limit");
        for ((row, week), limits) in panel.rows.iter_mut().zip(&self.weeks).zip(&limits) {
            let limit = |limits: &Limits| {
                let word = if week.share() > limits.high { ", above it" } else { "" };
                format!("{:.1}{NBSP}%{word}", limits.high * 100.0)
            };
            row.push(limits.as_ref().map_or_else(|| "–".to_owned(), limit));
        }
        panel.note = format!(
            "Bars: 95{NBSP}% intervals (Wilson). Dashed: alarm limits, three standard deviations from the median of the \
             complete weeks before at the number of blocks of the week, and at least 0.1 points. Rings: fewer than {} \
             blocks. A client that is not known here breaks the rules of all, and so does a known one that packs \
             differently since a new version.",
            drift::BLOCKS
        );
        panel
    }

    fn of_the_verdict(&self) -> Panel {
        let no_limits = vec![None; self.weeks.len()];
        let title = "Blocks that break the rules of the client they are judged as";
        let panel = self.panel("verdict-rules", title, |week| week.counts.verdict_ruled_out, &no_limits);
        let note = format!(
            "Bars: 95{NBSP}% intervals (Wilson). Either such a verdict is wrong, or its client packs differently by now. \
             Blocks that break the rules of every client are among them, unless they are not told apart."
        );
        Panel { note, ..panel }
    }

    /// A row for each week. What is noted of it is left to say.
    fn panel(&self, id: &str, title: &str, broken: Broken, limits: &[Option<Limits>]) -> Panel {
        let measured = |week: &Week| {
            let (broken, n) = (broken(week), week.counts.signs_known);
            (broken as f64 / n.max(1) as f64, fingerprint::wilson(broken, n), n)
        };
        let row = |(week, limits): (&Week, &Option<Limits>)| {
            let (rate, interval, n) = measured(week);
            DotRow {
                name: self.name(week),
                rate,
                interval,
                limits: limits.map(|limits| (limits.low, limits.high)),
                is_doubtful: n < drift::BLOCKS,
                text: format!("{}, n{NBSP}={NBSP}{}", share_and_interval(rate, interval), format::count(n)),
                short: format!("{} of {}", share(rate, interval), format::count(n)),
            }
        };
        let rows: Vec<DotRow> = self.weeks.iter().zip(limits).map(row).collect();
        let highest = rows.iter().flat_map(|row| [row.interval.1, row.limits.map_or(0.0, |limits| limits.1)]);
        let axis = DotAxis::up_to(highest.fold(0.0, f64::max));
        let words: Vec<_> = rows.iter().map(|row| format!("{} {}", row.name, row.text)).collect();
        let group = DotGroup { title: String::new(), rows };
        let draw = |layout| dots(id, layout, title, std::slice::from_ref(&group), axis, &words.join("; "));
        let cells = |week: &Week| {
            let (rate, (low, high), n) = measured(week);
            vec![
                self.name(week),
                format::count(n),
                format::count(broken(week)),
                share(rate, (low, high)),
                format::share_interval(low, high),
            ]
        };
        Panel {
            wide: draw(Layout::Wide),
            narrow: draw(Layout::Narrow),
            note: String::new(),
            caption: format!("{title}, of those whose signs are known"),
            heads: vec!["Week", "Blocks", "Break rules", "Share", "Interval %"],
            rows: self.weeks.iter().map(cells).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_mondays() {
        let clock = ChainClock::MAINNET;
        // Wednesday, 19 November 2025, 12:00 UTC.
        let newest = Slot(clock.slot_at(1_763_553_600));
        let (start, length, current) = weeks_to(newest, Some(clock));
        assert_eq!((length, current - start), (1_575, 12 * 1_575));
        let begins = Utc::from_unix(clock.start_of(Epoch(current).start_slot().0));
        assert_eq!(begins.day_and_month(), "17\u{a0}Nov");
        assert!(begins.second_of_day < 384, "{begins:?}");
        // Close to genesis there are fewer, and on a chain that nobody dates they follow the slots.
        assert_eq!(weeks_to(Slot(100), Some(clock)), (0, 1_575, 0));
        assert_eq!(weeks_to(Slot(2 * 50_400 + 7), None), (0, 1_575, 3_150));
        let odd = ChainClock { genesis_time: u64::MAX, seconds_per_slot: u64::MAX };
        assert_eq!(weeks_to(Slot(u64::MAX), Some(odd)).1, 1);
    }
}
