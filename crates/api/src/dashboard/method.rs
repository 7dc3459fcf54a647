//! How blocks become shares: counted, or estimated from what clients are taken for. Never mixed on one page.

use std::sync::{Arc, Mutex, PoisonError};

use consensus::Slot;
use fingerprint::score::{ConfusionMatrix, corrected_shares};
use store::ClientCounts;
use tokio::sync::OnceCell;

use super::charts::{IntervalRow, Series};
use super::format::NBSP;
use super::headline::NAMED_FROM;
use super::shares::{Choice, Stretch, interval_rows};
use crate::error::ApiError;
use crate::state::AppState;
use crate::v1::{Labels, matrices};

/// Ends of stretches for which [`TakenFor`] remembers its answer.
const REMEMBERED: usize = 16;

/// An answer of [`TakenFor`] is counted anew after so many seconds, the length of an epoch of mainnet.
const RENEWED_SECONDS: u64 = 384;

/// The method that an address names. Where it names none, shares are estimated, if they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Corrected for how often each client is taken for another.
    Estimated,
    /// Each block counts for its likeliest client.
    Counted,
}

impl Method {
    pub(super) const ALL: [Self; 2] = [Self::Estimated, Self::Counted];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Counted => "counted",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Estimated => "Estimated",
            Self::Counted => "Counted",
        }
    }

    /// The method asked for, if one is.
    pub(super) fn parse(text: Option<&str>) -> Result<Option<Self>, ApiError> {
        let Some(text) = text else { return Ok(None) };
        let known = Self::ALL.into_iter().find(|method| method.code() == text);
        known.map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            ApiError::BadParameter(format!("method is {shown:?}; allowed are estimated and counted"))
        })
    }

    /// `&method=counted`, where one is asked for: the end of an address that has parameters already.
    pub(super) fn parameter(asked: Option<Self>) -> String {
        asked.map_or_else(String::new, |method| format!("&method={}", method.code()))
    }
}

/// What clients were taken for before the ends of the last stretches asked about. It is counted from all labelled
/// blocks of three months, and the same for all pages of an epoch for some minutes.
#[derive(Debug, Default)]
pub(crate) struct TakenFor(Mutex<Vec<(Asked, Arc<OnceCell<Known>>)>>);

/// The epoch in which a stretch ends, and when it was asked about, in units of [`RENEWED_SECONDS`].
type Asked = (u64, u64);

/// Matrices with where they come from, the best first.
type Known = Arc<Vec<(Labels, ConfusionMatrix)>>;

impl TakenFor {
    /// The matrices for a stretch; those who ask while it is counted wait for the one answer.
    async fn before(&self, state: &AppState, stretch: &Stretch) -> Result<Known, ApiError> {
        let end = Slot(stretch.slots.end);
        let asked = (end.epoch().0, state.now() / RENEWED_SECONDS);
        let answer = {
            let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let place = remembered.iter().position(|(of, _)| *of == asked);
            let answer = place.map(|place| remembered.remove(place).1).unwrap_or_default();
            if remembered.len() >= REMEMBERED {
                remembered.remove(0);
            }
            remembered.push((asked, Arc::clone(&answer)));
            answer
        };
        let count = async || Ok(Arc::new(matrices(state, &(Slot(stretch.slots.start)..end)).await?));
        answer.get_or_try_init(count).await.cloned()
    }
}

/// The method with what it rests on.
#[derive(Clone, Debug)]
pub(super) enum Basis {
    /// Verdicts as given.
    Counted {
        /// Why they are not corrected, where nobody asked for them as they are.
        why: Option<String>,
    },
    /// Corrected.
    Estimated {
        /// What clients are taken for.
        matrix: Box<ConfusionMatrix>,
        /// How that is known.
        labels: Labels,
        /// The part of the blocks that was given to no client.
        unnamed: f64,
    },
}

impl Basis {
    /// What shares of a stretch rest on, with its counts. Estimates rest on labels of this network if there are enough,
    /// else on the model's own test; they are the default where the model was tested. A method that is asked for and
    /// can't be had is refused.
    pub(super) async fn of(
        state: &AppState,
        stretch: &Stretch,
        asked: Option<Method>,
        counts: &ClientCounts,
    ) -> Result<Self, ApiError> {
        if asked == Some(Method::Counted) || counts.total() == 0 {
            return Ok(Self::Counted { why: None });
        }
        if asked.is_none() && tested(state).is_none() {
            let why = match state.model() {
                Some(_) => "the loaded model keeps no test of what clients are taken for",
                None => "no model is loaded that could tell what clients are taken for",
            };
            return Ok(Self::Counted { why: Some(why.to_owned()) });
        }
        let mut reason = "nothing is known of what clients are taken for".to_owned();
        for (labels, matrix) in state.taken_for().before(state, stretch).await?.iter() {
            match corrected_shares(&counts.counts, counts.uncertain, matrix) {
                Ok(_) => {
                    return Ok(Self::Estimated {
                        matrix: Box::new(matrix.clone()),
                        labels: *labels,
                        unnamed: counts.uncertain as f64 / counts.total() as f64,
                    });
                }
                Err(error) => reason = error.to_string(),
            }
        }
        if asked.is_none() {
            return Ok(Self::Counted { why: Some(reason) });
        }
        Err(ApiError::Missing(format!(
            "shares can\u{2019}t be estimated here, because {reason}; they can be counted"
        )))
    }

    /// Links to both methods, where there is a choice: where the model's own test is enough to estimate with.
    pub(super) fn choices(
        &self,
        state: &AppState,
        counts: &ClientCounts,
        href: impl Fn(Method) -> String,
    ) -> Vec<Choice> {
        let can = |matrix| corrected_shares(&counts.counts, counts.uncertain, matrix).is_ok();
        if self.method() == Method::Counted && !tested(state).is_some_and(can) {
            return Vec::new();
        }
        let choice = |method: Method| Choice {
            href: href(method),
            label: method.label(),
            current: method == self.method(),
        };
        Method::ALL.into_iter().map(choice).collect()
    }

    /// The method.
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Counted { .. } => Method::Counted,
            Self::Estimated { .. } => Method::Estimated,
        }
    }

    /// The part of the blocks that estimates leave out, because they were given to no client.
    pub(super) const fn unnamed(&self) -> Option<f64> {
        match self {
            Self::Counted { .. } => None,
            Self::Estimated { unnamed, .. } => Some(*unnamed),
        }
    }

    /// Shares with their intervals, named clients first; empty where nothing can be said.
    pub(super) fn rows(&self, counts: &ClientCounts) -> Vec<IntervalRow> {
        let Self::Estimated { matrix, .. } = self else {
            return interval_rows(counts);
        };
        let found = corrected_shares(&counts.counts, counts.uncertain, matrix).unwrap_or_default();
        let mut rows: Vec<IntervalRow> = found
            .iter()
            .map(|share| IntervalRow {
                series: Series::Client(share.client),
                share: share.share,
                low: share.low,
                high: share.high,
            })
            .collect();
        rows.sort_by(|a, b| b.series.is_named().cmp(&a.series.is_named()).then(b.share.total_cmp(&a.share)));
        rows
    }

    /// The rows of many counts: each estimate takes some thousand steps.
    pub(super) async fn rows_of(&self, counts: Vec<ClientCounts>) -> Result<Vec<Vec<IntervalRow>>, ApiError> {
        let basis = self.clone();
        let work = move || counts.iter().map(|counts| basis.rows(counts)).collect();
        tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::Internal(error.to_string()))
    }

    /// What the subtitle of a chart says.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Counted { why } => {
                let why = why.as_ref().map_or_else(String::new, |why| format!(", because {why}"));
                format!(
                    "Share of blocks, counted by likeliest client, also below a probability of {NAMED_FROM:.2}; not \
                     corrected for confusion{why}"
                )
            }
            Self::Estimated { labels, unnamed, .. } => format!(
                "Estimated share of blocks, with 95{NBSP}% intervals, corrected for confusion as {} tell it; {} left \
                 unnamed",
                match labels {
                    Labels::Graffiti => "signed blocks",
                    Labels::Model => "the model\u{2019}s test blocks",
                },
                unnamed_text(*unnamed)
            ),
        }
    }

    /// In a few words, for the end of a sentence.
    pub(super) fn in_short(&self) -> String {
        match self {
            Self::Counted { why: None } => "Counted by likeliest client.".to_owned(),
            Self::Counted { why: Some(why) } => {
                format!("Counted by likeliest client, not corrected for confusion, because {why}.")
            }
            Self::Estimated { unnamed, .. } => {
                format!("Estimated, corrected for confusion; {} left unnamed.", unnamed_text(*unnamed))
            }
        }
    }

    /// `&method=estimated` for the API, whose default is to count.
    pub(super) const fn api_parameter(&self) -> &'static str {
        match self {
            Self::Counted { .. } => "",
            Self::Estimated { .. } => "&method=estimated",
        }
    }
}

/// `3.1 % of blocks are`.
fn unnamed_text(unnamed: f64) -> String {
    if unnamed == 0.0 {
        return "no block is".to_owned();
    }
    let percent = unnamed * 100.0;
    if percent < 0.05 {
        format!("<{NBSP}0.1{NBSP}% of blocks are")
    } else {
        format!("{percent:.1}{NBSP}% of blocks are")
    }
}

/// What the loaded model's own test says.
fn tested(state: &AppState) -> Option<&ConfusionMatrix> {
    state.model().and_then(|model| model.info().scores.as_ref()?.confusion.as_ref())
}
