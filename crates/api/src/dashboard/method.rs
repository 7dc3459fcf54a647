//! How blocks become shares: counted, or estimated from what clients are taken for. Never mixed on one page.

use consensus::Slot;
use fingerprint::score::{ConfusionMatrix, corrected_shares};
use store::ClientCounts;

use super::charts::{IntervalRow, Series};
use super::format::NBSP;
use super::headline::NAMED_FROM;
use super::shares::{Extent, interval_rows};
use crate::error::ApiError;
use crate::state::AppState;
use crate::v1::{Labels, matrices};

/// The method that an address names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    /// Each block counts for its likeliest client.
    #[default]
    Counted,
    /// Corrected for how often each client is taken for another.
    Estimated,
}

impl Method {
    pub(super) const ALL: [Self; 2] = [Self::Counted, Self::Estimated];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Counted => "Counted",
            Self::Estimated => "Estimated",
        }
    }

    pub(super) fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None => Ok(Self::default()),
            Some(text) => Self::ALL.into_iter().find(|method| method.code() == text).ok_or_else(|| {
                ApiError::BadParameter(format!("method is {text:?}; allowed are counted and estimated"))
            }),
        }
    }
}

/// The method with what it rests on.
pub(super) enum Basis {
    /// Verdicts as given.
    Counted,
    /// What clients are taken for, and how that is known.
    Estimated(Box<ConfusionMatrix>, Labels),
}

impl Basis {
    /// Finds what an estimate can rest on: labels of this network if there are enough, else the model's own test.
    pub(super) async fn of(
        state: &AppState,
        extent: &Extent,
        method: Method,
        counts: &ClientCounts,
    ) -> Result<Self, ApiError> {
        if method == Method::Counted || counts.total() == 0 {
            return Ok(Self::Counted);
        }
        let range = Slot(extent.first)..Slot(extent.newest.0.saturating_add(1));
        let mut reason = "nothing is known of what clients are taken for".to_owned();
        for (labels, matrix) in matrices(state, &range).await? {
            match corrected_shares(&counts.counts, counts.uncertain, &matrix) {
                Ok(_) => return Ok(Self::Estimated(Box::new(matrix), labels)),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(ApiError::Missing(format!(
            "shares can\u{2019}t be estimated here, because {reason}; they can be counted"
        )))
    }

    /// Whether the choice between methods is shown: where the model's own test is enough to estimate with.
    pub(super) fn is_choice(&self, state: &AppState, counts: &ClientCounts) -> bool {
        let tested = state.model().and_then(|model| model.info().scores.as_ref()?.confusion.as_ref());
        let can = |matrix| corrected_shares(&counts.counts, counts.uncertain, matrix).is_ok();
        self.method() == Method::Estimated || tested.is_some_and(can)
    }

    /// The method.
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Counted => Method::Counted,
            Self::Estimated(..) => Method::Estimated,
        }
    }

    /// Shares with their intervals, named clients first; empty where nothing can be said.
    pub(super) fn rows(&self, counts: &ClientCounts) -> Vec<IntervalRow> {
        let Self::Estimated(matrix, _) = self else {
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

    /// What the subtitle of a chart says.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Counted => format!(
                "Share of blocks, counted by likeliest client, also below a probability of {NAMED_FROM:.2}; not \
                 corrected for confusion"
            ),
            Self::Estimated(_, labels) => format!(
                "Estimated share of blocks, corrected for confusion as {} tell it, with 95{NBSP}% intervals",
                match labels {
                    Labels::Graffiti => "blocks signed with a client\u{2019}s name",
                    Labels::Model => "the model\u{2019}s test blocks",
                }
            ),
        }
    }
}
