//! Shares of blocks with their intervals, as overview, wall and pictures show them.

use std::ops::Range;

use consensus::primitives::SLOTS_PER_EPOCH;
use consensus::spec::{Fork, Network};
use consensus::{Epoch, Slot};
use fingerprint::Client;
use fingerprint::score::wilson;
use store::{ClientCounts, Gap};

use super::charts::{IntervalRow, Layout, Series, interval_bars};
use super::format::{self, NBSP, Precision};
use super::headline;
use super::method::{Basis, Method};
use super::period::Period;
use crate::error::ApiError;
use crate::settings::ChainClock;
use crate::state::AppState;
use crate::v1::missing;

/// Seconds per slot where no clock says otherwise.
const SECONDS_PER_SLOT: u64 = 12;

/// How far the database goes.
pub(super) struct Extent {
    pub(super) newest: Slot,
    pub(super) gaps: Vec<Gap>,
    /// The first slot after the gap that begins the database.
    pub(super) first: u64,
    pub(super) has_blocks: bool,
    clock: Option<ChainClock>,
    network: Option<Network>,
}

impl Extent {
    pub(super) async fn read(state: &AppState) -> Result<Self, ApiError> {
        let newest = state.store().sync_status().await?.greatest_block_slot;
        let gaps = state.store().gaps().await?;
        let first = gaps.first().filter(|gap| gap.start.0 <= 1).map_or(0, |gap| gap.end.0 + 1);
        Ok(Self {
            newest,
            gaps,
            first,
            has_blocks: newest.0 > 0,
            clock: state.settings().clock,
            network: Network::named(&state.settings().network),
        })
    }

    pub(super) fn end_epoch(&self) -> u64 {
        self.newest.epoch().0 + 1
    }

    /// The first slots of the forks of this network, with their names; none where the network is not known.
    pub(super) fn forks(&self) -> Vec<(u64, String)> {
        let Some(network) = self.network else { return Vec::new() };
        let spec = network.spec();
        let start = |fork: Fork| spec.config.fork_epoch(fork).checked_mul(spec.preset.slots_per_epoch);
        Fork::ALL.into_iter().filter_map(|fork| Some((start(fork)?, fork_name(fork)))).collect()
    }

    /// A period, cut where the database begins and ends.
    pub(super) fn stretch(&self, period: Period) -> Result<Stretch, ApiError> {
        let known = Slot(self.first).epoch().0..self.end_epoch();
        let wanted = match period {
            Period::Between(span) => span.epochs(self.clock)?,
            named => named.epochs().map_or(0, |epochs| known.end.saturating_sub(epochs))..known.end,
        };
        let cut = wanted.start.max(known.start)..wanted.end.min(known.end);
        let epochs = match (cut.is_empty(), self.has_blocks) {
            (false, _) => cut,
            (true, false) => known,
            (true, true) => {
                return Err(ApiError::Missing(format!(
                    "nothing of {} is stored; the blocks here are of epochs {} to {}",
                    period.label(),
                    format::count(known.start),
                    format::count(known.end.saturating_sub(1))
                )));
            }
        };
        let first = (epochs.start * SLOTS_PER_EPOCH).max(self.first);
        let after = (epochs.end * SLOTS_PER_EPOCH).min(self.newest.0.saturating_add(1));
        let slots = first..after.max(first);
        let missing = missing(&self.gaps, Slot(slots.start), Slot(slots.end));
        Ok(Stretch { period, epochs, slots, missing })
    }
}

/// A fork as pages write it.
pub(super) fn fork_name(fork: Fork) -> String {
    let mut letters = fork.name().chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A period as far as the database goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) period: Period,
    pub(super) epochs: Range<u64>,
    /// The slots that can be known.
    pub(super) slots: Range<u64>,
    /// How many of them lie in gaps.
    pub(super) missing: u64,
}

impl Stretch {
    /// `in 7 days (slots 1 to 50,400)`: the time that the counted blocks cover, and how much of it is missing.
    pub(super) fn text(&self, state: &AppState) -> String {
        let seconds = state.settings().clock.map_or(SECONDS_PER_SLOT, |clock| clock.seconds_per_slot);
        let slots = self.slots.end - self.slots.start;
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(", {} of them missing", format::count(missing)),
        };
        format!(
            "in {} (slots {} to {}{missing})",
            format::duration(slots * seconds),
            format::count(self.slots.start),
            format::count(self.slots.end.saturating_sub(1))
        )
    }

    /// The slots, as the store takes them.
    pub(super) fn range(&self) -> Range<Slot> {
        Slot(self.slots.start)..Slot(self.slots.end)
    }
}

/// Rows sorted by share, `Other` and `Unknown` last and only if they have blocks.
pub(super) fn interval_rows(counts: &ClientCounts) -> Vec<IntervalRow> {
    let n = counts.total();
    if n == 0 {
        return Vec::new();
    }
    let mut rows: Vec<_> = Series::all()
        .filter(|series| series.is_named() || blocks_of(counts, *series) > 0)
        .map(|series| {
            let blocks = blocks_of(counts, series);
            let (low, high) = wilson(blocks, n);
            IntervalRow { series, share: blocks as f64 / n as f64, low, high }
        })
        .collect();
    rows.sort_by(|a, b| b.series.is_named().cmp(&a.series.is_named()).then(b.share.total_cmp(&a.share)));
    rows
}

pub(super) fn blocks_of(counts: &ClientCounts, series: Series) -> u64 {
    match series {
        Series::Client(client) => counts.get(client),
        Series::Unknown => counts.uncertain,
    }
}

/// A period counted.
pub(super) struct Counted {
    pub(super) stretch: Stretch,
    pub(super) counts: ClientCounts,
    /// How the rows follow from the counts.
    pub(super) basis: Basis,
    pub(super) rows: Vec<IntervalRow>,
}

impl Counted {
    /// Counts a period; where no method is asked for, shares are estimated if they can be.
    pub(super) async fn read(
        state: &AppState,
        extent: &Extent,
        period: Period,
        asked: Option<Method>,
    ) -> Result<Self, ApiError> {
        let stretch = extent.stretch(period)?;
        let epochs = Epoch(stretch.epochs.start)..Epoch(stretch.epochs.end);
        let counts = state.store().blocks_per_client(epochs).await?;
        let basis = Basis::of(state, &stretch, asked, &counts).await?;
        Ok(Self { stretch, counts, rows: basis.rows(&counts), basis })
    }
}

/// A link of a group of which one is current.
pub(super) struct Choice<Label = &'static str> {
    pub(super) href: String,
    pub(super) label: Label,
    pub(super) current: bool,
}

/// The card of shares now.
pub(super) struct NowCard {
    pub(super) subtitle: String,
    pub(super) choices: Vec<Choice<String>>,
    pub(super) rows: Vec<NowRow>,
    pub(super) wide: String,
    pub(super) narrow: String,
    pub(super) empty: String,
    pub(super) note: String,
    pub(super) caption: String,
    /// Where the API has the same.
    pub(super) data: String,
}

/// A row of its table.
pub(super) struct NowRow {
    pub(super) label: String,
    pub(super) share: String,
    pub(super) low: String,
    pub(super) high: String,
    pub(super) blocks: String,
    pub(super) third: &'static str,
    pub(super) two_thirds: &'static str,
}

/// The rows in words, for those who do not see the picture.
pub(super) fn in_words(rows: &[IntervalRow]) -> String {
    if rows.is_empty() {
        return "No blocks yet".to_owned();
    }
    let sentence = |row: &IntervalRow| {
        let share = format::share(row.share, row.low, row.high);
        let interval = format::share_interval(row.low, row.high).replace('–', " to ");
        let against = headline::against(row).0;
        format!("{} {share} ({interval}), one third: {against}", row.series.name())
    };
    rows.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

/// Whether names of clients lead to their blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// For readers who may see single blocks.
    ToBlocks,
    None,
}

/// The clients that are drawn; all of them if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Only(Vec<Client>);

impl Only {
    /// `lighthouse,prysm`, or `all`; an unknown name is refused with those allowed.
    pub(super) fn parse(list: Option<&str>) -> Result<Self, ApiError> {
        let Some(list) = list.filter(|list| *list != "all") else {
            return Ok(Self::default());
        };
        list.split(',').take(Client::ALL.len() + 1).map(named_client).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a series is drawn.
    pub(super) fn has(&self, series: Series) -> bool {
        self.0.is_empty() || self.0.iter().any(|client| series == Series::Client(*client))
    }

    /// `Lighthouse, Prysm`, where only some are drawn.
    pub(super) fn names(&self) -> Option<String> {
        let names: Vec<_> = self.0.iter().map(|client| client.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// `&clients=lighthouse,prysm`: the end of an address that has parameters already.
    pub(super) fn parameter(&self) -> String {
        match self.names() {
            Some(names) => format!("&clients={}", names.to_lowercase().replace(' ', "")),
            None => String::new(),
        }
    }
}

/// The client of a name; one that names none is refused with those allowed.
pub(super) fn named_client(name: &str) -> Result<Client, ApiError> {
    Client::NAMED.into_iter().find(|client| client.name().eq_ignore_ascii_case(name.trim())).ok_or_else(
        || {
            let allowed: Vec<_> = Client::NAMED.iter().map(|client| client.name().to_lowercase()).collect();
            ApiError::BadParameter(format!("{name:?} is no client; allowed are {}", allowed.join(", ")))
        },
    )
}

/// The card of shares now.
pub(super) fn now_card(
    extent: &Extent,
    counted: &Counted,
    only: &Only,
    choices: Vec<Choice<String>>,
    links: Links,
) -> NowCard {
    let Counted { stretch, counts, basis, rows } = counted;
    let rows: Vec<IntervalRow> = rows.iter().filter(|row| only.has(row.series)).copied().collect();
    let rows = rows.as_slice();
    let n = counts.total();
    let description = in_words(rows);
    let range = stretch.range();
    let slots = range.end.0 - range.start.0;
    let covered = slots - stretch.missing.min(slots);
    let mut note = format!(
        "Solid part: 95{NBSP}% interval. Upright tick: share. Pale bar: from zero to it. n{NBSP}={NBSP}{}; \
         {} of {} slots are known.",
        format::counted(n, "block"),
        format::count(covered),
        format::count(slots)
    );
    if n < headline::ENOUGH_BLOCKS {
        note.push_str(&format!(
            " Too few blocks to say: from about {} the interval is narrower than ±7{NBSP}points.",
            headline::ENOUGH_BLOCKS
        ));
    }
    let precision = Precision::of(rows.iter().map(|row| (row.low, row.high)));
    let table_row = |row: &IntervalRow| {
        let (third, two_thirds) = headline::against(row);
        NowRow {
            label: match links {
                Links::ToBlocks => row.series.link(),
                Links::None => row.series.label(),
            },
            share: precision.share(row.share),
            low: precision.number(row.low),
            high: precision.number(row.high),
            blocks: format::count(blocks_of(counts, row.series)),
            third,
            two_thirds,
        }
    };
    let address = format!(
        "/api/v1/shares?start_epoch={}&end_epoch={}&partial=true{}",
        stretch.epochs.start,
        stretch.epochs.end,
        basis.api_parameter()
    );
    NowCard {
        subtitle: basis.about(),
        choices,
        rows: rows.iter().map(table_row).collect(),
        wide: interval_bars("now", Layout::Wide, rows, &description),
        narrow: interval_bars("now", Layout::Narrow, rows, &description),
        empty: if extent.has_blocks {
            "No block of this period is stored.".to_owned()
        } else {
            "No blocks yet. Shares appear with the first blocks that are classified.".to_owned()
        },
        note,
        caption: format!("Share of {} by consensus client", format::counted(n, "block")),
        data: address,
    }
}
