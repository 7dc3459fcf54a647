//! How far stated probabilities can be believed: calibration, losses, abstention and parts of the test, in pictures
//! and in words.

use fingerprint::ModelInfo;
use fingerprint::score::{CalibrationBin, Reliability, Slice, SliceBy};

use super::charts::{DotAxis, DotGroup, DotRow, Layout, SURE_FROM, abstention, calibration, dots};
use super::embed::EmbedCode;
use super::format::{self, NBSP, Precision};
use super::headline::NAMED_FROM;
use super::model::measured_on;

/// Thresholds of the abstention that are marked and listed: where words on pages change, and two more.
const THRESHOLDS: [f64; 6] = [NAMED_FROM, 0.66, 0.80, 0.90, 0.95, 0.99];

/// All panels.
pub(super) struct ReliabilityView {
    pub(super) calibration: Panel,
    pub(super) embed: EmbedCode,
    pub(super) losses: Vec<Loss>,
    pub(super) losses_note: String,
    pub(super) abstention: Panel,
    pub(super) parts: Option<Panel>,
}

/// A chart in two widths, what it says, and its table; the first cell of a row names it.
pub(super) struct Panel {
    pub(super) wide: String,
    pub(super) narrow: String,
    pub(super) note: String,
    pub(super) caption: String,
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// One number on all probabilities.
pub(super) struct Loss {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// What equal probabilities for all clients would have.
    pub(super) even: String,
    pub(super) about: &'static str,
}

/// What the model file keeps of its test, if it does.
pub(super) fn reliability_of(info: &ModelInfo) -> Option<&Reliability> {
    info.scores.as_ref()?.reliability.as_ref().filter(|measured| measured.blocks() > 0)
}

impl ReliabilityView {
    /// The panels of a model that keeps its test results.
    pub(super) fn of(info: &ModelInfo) -> Option<Self> {
        let measured = reliability_of(info)?;
        Some(Self {
            calibration: calibration_panel(measured),
            embed: EmbedCode::calibration(&in_words(measured)),
            losses: losses(measured, info.classes.len()),
            losses_note: losses_note(measured),
            abstention: abstention_panel(measured),
            parts: parts_panel(measured),
        })
    }
}

/// `0.90–0.95`
fn range(bin: &CalibrationBin) -> String {
    let high = if bin.high >= 1.0 { "1".to_owned() } else { format!("{:.2}", bin.high) };
    format!("{:.2}–{high}", bin.low)
}

/// A share with its unit, as finely as its interval allows; all of it is only said of a count.
pub(super) fn share(value: f64, interval: (f64, f64)) -> String {
    let text = format::share(value, interval.0, interval.1);
    if value < 1.0 && text.starts_with("100") { format!(">{NBSP}99{NBSP}%") } else { text }
}

/// `93.1 % (90.2–95.3)`
pub(super) fn share_and_interval(value: f64, interval: (f64, f64)) -> String {
    format!("{} ({})", share(value, interval), format::share_interval(interval.0, interval.1))
}

/// How often verdicts of this probability were right in tests, in a sentence.
pub(super) fn tested(info: &ModelInfo, probability: f64) -> Option<String> {
    let measured = reliability_of(info)?;
    let Some(bin) = measured.bin_of(probability) else {
        return Some("In tests no block was given such a probability.".to_owned());
    };
    if bin.blocks < SURE_FROM {
        return Some(format!(
            "In tests only {} had a probability of {}: too few to say how often that is right.",
            format::counted(bin.blocks, "block"),
            range(&bin)
        ));
    }
    Some(format!(
        "In tests, blocks given {} were right {} of the time (n{NBSP}={NBSP}{}, {}).",
        range(&bin),
        share(bin.accuracy(), bin.interval()),
        format::count(bin.blocks),
        measured_on(info)
    ))
}

/// The calibration in words, for those who do not see it.
pub(super) fn in_words(measured: &Reliability) -> String {
    let bin = |bin: &CalibrationBin| {
        format!(
            "stated {}: {} of {} right",
            range(bin),
            share(bin.accuracy(), bin.interval()),
            format::count(bin.blocks)
        )
    };
    measured.bins().iter().map(bin).collect::<Vec<_>>().join("; ")
}

fn calibration_panel(measured: &Reliability) -> Panel {
    let bins = measured.bins();
    let words = in_words(measured);
    let row = |bin: &CalibrationBin| {
        let (low, high) = bin.interval();
        vec![
            range(bin),
            format::count(bin.blocks),
            format!("{:.3}", bin.stated),
            format::count(bin.right),
            share(bin.accuracy(), (low, high)),
            format::share_interval(low, high),
        ]
    };
    Panel {
        wide: calibration("calibration", Layout::Wide, &bins, &words),
        narrow: calibration("calibration", Layout::Narrow, &bins, &words),
        note: format!(
            "Dots: verdicts whose probability lies within 0.05 of each other. Above the dashed line \
             they were right more often than stated. Upright lines: 95{NBSP}% interval (Wilson). Rings: fewer than {SURE_FROM} blocks. Bars along the bottom: how many blocks. Expected \
             calibration error {:.3}, n{NBSP}={NBSP}{}.",
            measured.calibration_error().unwrap_or_default(),
            format::counted(measured.blocks(), "block")
        ),
        caption: "Verdicts by their stated probability".to_owned(),
        heads: vec!["Stated", "Blocks", "Mean stated", "Right", "Share right", "Interval %"],
        rows: bins.iter().map(row).collect(),
    }
}

fn losses(measured: &Reliability, classes: usize) -> Vec<Loss> {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let classes = classes.max(1) as f64;
    vec![
        Loss {
            name: "Log loss",
            value: value(measured.log_loss()),
            even: format!("{:.3}", classes.ln()),
            about: "mean of −ln of the probability that a block’s own client was given. 0 is perfect",
        },
        Loss {
            name: "Brier score",
            value: value(measured.brier()),
            even: format!("{:.3}", 1.0 - 1.0 / classes),
            about: "mean of the summed squares of how far probabilities were from 1 and 0. 0 is perfect, 2 the worst",
        },
        Loss {
            name: "Expected calibration error",
            value: value(measured.calibration_error()),
            even: "–".to_owned(),
            about: "how far a stated probability is from the share that was right, on average over blocks",
        },
    ]
}

fn losses_note(measured: &Reliability) -> String {
    let mut note =
        "The model has no calibration step: probabilities are measured as they are stated, and there is no \
                    before and after."
            .to_owned();
    if measured.ruled_out() > 0 {
        let of = format!("{} of {NBSP}", format::count(measured.ruled_out())).replace(" \u{a0}", " ");
        note.push_str(&format!(
            " To {of}{} the model gave 0 for their own client. A 0 counts as 10⁻¹⁵ in the log loss, which would be \
             infinite otherwise: each such block adds 34.5.",
            format::counted(measured.blocks(), "block")
        ));
    }
    note
}

fn abstention_panel(measured: &Reliability) -> Panel {
    let curve = measured.abstention();
    let now = measured.abstention_at(NAMED_FROM);
    let marked = THRESHOLDS.map(|threshold| measured.abstention_at(threshold));
    let blocks = measured.blocks();
    let interval = |right, named| fingerprint::wilson(right, named);
    let unnamed = |share_left: f64, named: u64| {
        let (low, high) = interval(blocks.saturating_sub(named), blocks);
        format::share(share_left, low, high)
    };
    let words: Vec<_> = marked
        .iter()
        .filter_map(|point| {
            let accuracy = share(point.accuracy()?, interval(point.right, point.named));
            Some(format!(
                "named from {:.2}: {} unnamed, {accuracy} right",
                point.threshold,
                unnamed(point.unnamed_share, point.named)
            ))
        })
        .collect();
    let words = words.join("; ");
    let row = |point: &fingerprint::score::AbstentionPoint| {
        let ends = interval(point.right, point.named);
        vec![
            format!("{:.2}", point.threshold),
            unnamed(point.unnamed_share, point.named),
            format::count(point.named),
            format::count(point.right),
            point.accuracy().map_or_else(|| "–".to_owned(), |accuracy| share(accuracy, ends)),
            if point.named > 0 { format::share_interval(ends.0, ends.1) } else { "–".to_owned() },
        ]
    };
    let draw = |layout| abstention("abstention", layout, &curve, now, &marked, &words);
    let everything = measured.abstention_at(0.0);
    Panel {
        wide: draw(Layout::Wide),
        narrow: draw(Layout::Narrow),
        note: format!(
            "Pages name a block from {NAMED_FROM:.2} on: {} of the test blocks stay unnamed. Dots: other thresholds. \
             Shaded: 95{NBSP}% interval (Wilson). Shares are of all blocks, also of those below {NAMED_FROM:.2}. n{NBSP}={NBSP}{}.",
            unnamed(now.unnamed_share, now.named),
            format::counted(blocks, "block")
        ),
        caption: "What naming fewer blocks would do".to_owned(),
        heads: vec!["Named from", "Unnamed", "Named", "Right", "Accuracy", "Interval %"],
        rows: [everything].iter().chain(&marked).map(row).collect(),
    }
}

/// The parts of each division, the best first.
fn parts_panel(measured: &Reliability) -> Option<Panel> {
    let mut divisions: Vec<(SliceBy, Vec<&Slice>)> = Vec::new();
    for slice in measured.slices() {
        match divisions.iter_mut().find(|(by, _)| *by == slice.by) {
            Some((_, slices)) => slices.push(slice),
            None => divisions.push((slice.by, vec![slice])),
        }
    }
    if divisions.is_empty() {
        return None;
    }
    for (_, slices) in &mut divisions {
        slices.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()).then(b.blocks.cmp(&a.blocks)));
    }
    let row = |slice: &&Slice| DotRow {
        name: format::visible(&slice.part),
        rate: slice.accuracy(),
        interval: slice.interval(),
        limits: None,
        is_doubtful: slice.blocks < SURE_FROM,
        text: format!(
            "{}, n{NBSP}={NBSP}{}",
            share_and_interval(slice.accuracy(), slice.interval()),
            format::count(slice.blocks)
        ),
        short: format!("{} of {}", share(slice.accuracy(), slice.interval()), format::count(slice.blocks)),
    };
    let groups: Vec<DotGroup> = divisions
        .iter()
        .map(|(by, slices)| DotGroup { title: by.title().to_owned(), rows: slices.iter().map(row).collect() })
        .collect();
    let all = measured.right() as f64 / measured.blocks().max(1) as f64;
    let all_interval = fingerprint::wilson(measured.right(), measured.blocks());
    let worded = |group: &DotGroup| {
        let rows: Vec<_> = group.rows.iter().map(|row| format!("{} {}", row.name, row.text)).collect();
        format!("{}: {}", group.title, rows.join(", "))
    };
    let words = groups.iter().map(worded).collect::<Vec<_>>().join("; ");
    let draw =
        |layout| dots("parts", layout, "Accuracy in parts of the test", &groups, DotAxis::whole(all), &words);
    let mut rows = Vec::new();
    for (by, slices) in &divisions {
        for slice in slices {
            let (low, high) = slice.interval();
            rows.push(vec![
                format!("{}: {}", by.title(), format::visible(&slice.part)),
                format::count(slice.blocks),
                format::count(slice.right),
                share(slice.accuracy(), (low, high)),
                Precision::of([(low, high)]).interval(low, high),
            ]);
        }
    }
    Some(Panel {
        wide: draw(Layout::Wide),
        narrow: draw(Layout::Narrow),
        note: format!(
            "Share of verdicts that were right, with 95{NBSP}% intervals (Wilson); the best part of each division \
             first. Dashed: all {} together, {}. Rings: fewer than {SURE_FROM} blocks. Parts may differ because the \
             mix of clients in them differs.",
            format::counted(measured.blocks(), "block"),
            share(all, all_interval)
        ),
        caption: "Accuracy in parts of the test".to_owned(),
        heads: vec!["Part", "Blocks", "Right", "Accuracy", "Interval %"],
        rows,
    })
}
