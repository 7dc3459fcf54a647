//! Confusion as a table: rows are what is true, columns what was said.

use fingerprint::Client;
use fingerprint::score::ConfusionMatrix;

use super::charts::{Series, percent_text, ramp_step, short_name};
use super::format;
use super::shares::Choice;
use crate::error::ApiError;

/// What the cells say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Percent of the row.
    Rows,
    /// Percent of the column.
    Columns,
    /// Numbers of blocks.
    Counts,
}

impl View {
    const ALL: [Self; 3] = [Self::Rows, Self::Columns, Self::Counts];

    const fn code(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Columns => "columns",
            Self::Counts => "counts",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Rows => "% of row",
            Self::Columns => "% of column",
            Self::Counts => "Blocks",
        }
    }

    pub(super) fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        let Some(text) = text else { return Ok(Self::Rows) };
        Self::ALL.into_iter().find(|view| view.code() == text).ok_or_else(|| {
            ApiError::BadParameter(format!("view is {text:?}; allowed are rows, columns and counts"))
        })
    }

    pub(super) fn choices(self, path: &str) -> Vec<Choice> {
        let choice = |view: Self| Choice {
            href: format!("{path}?view={}", view.code()),
            label: view.label(),
            current: view == self,
        };
        Self::ALL.into_iter().map(choice).collect()
    }
}

/// The table, ready to be written.
pub(super) struct ConfusionTable {
    /// What rows and columns are.
    pub(super) caption: String,
    pub(super) heads: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<ConfusionRow>,
}

pub(super) struct ConfusionRow {
    /// Mark and name, as HTML.
    pub(super) label: String,
    pub(super) n: String,
    pub(super) cells: Vec<ConfusionCell>,
}

pub(super) struct ConfusionCell {
    /// The step of the ramp.
    pub(super) step: usize,
    pub(super) is_right: bool,
    pub(super) text: String,
}

impl ConfusionTable {
    /// The table of a matrix; `truth` and `verdict` say what rows and columns are.
    pub(super) fn of(matrix: &ConfusionMatrix, view: View, truth: &str, verdict: &str) -> Self {
        let clients: Vec<Client> = matrix.clients().collect();
        let verdicts: Vec<Option<Client>> = clients.iter().copied().map(Some).chain([None]).collect();
        let given = |verdict: Option<Client>| -> u64 {
            clients.iter().map(|truth| matrix.count(*truth, verdict)).fold(0, u64::saturating_add)
        };
        let cell = |truth: Client, verdict: Option<Client>| {
            let blocks = matrix.count(truth, verdict);
            let whole = if view == View::Columns { given(verdict) } else { matrix.score(truth).blocks };
            let part = blocks as f64 / whole.max(1) as f64;
            let is_right = verdict == Some(truth);
            let text = match view {
                View::Counts if blocks == 0 => "·".to_owned(),
                View::Counts => format::count(blocks),
                _ if part < 0.005 => "·".to_owned(),
                _ => percent_text(part, blocks < whole),
            };
            ConfusionCell { step: ramp_step(part), is_right, text }
        };
        let row = |truth: &Client| ConfusionRow {
            label: Series::Client(*truth).label(),
            n: format::count(matrix.score(*truth).blocks),
            cells: verdicts.iter().map(|verdict| cell(*truth, *verdict)).collect(),
        };
        let unit = match view {
            View::Rows => "percent of the row",
            View::Columns => "percent of the column",
            View::Counts => "blocks",
        };
        Self {
            caption: format!(
                "Rows: {truth}. Columns: {verdict}. Cells: {unit}; · is {}",
                if view == View::Counts { "none" } else { "below 0.5" }
            ),
            heads: verdicts
                .iter()
                .map(|verdict| (Series::from(*verdict).name(), short_name(*verdict)))
                .collect(),
            rows: clients.iter().filter(|truth| matrix.score(**truth).blocks > 0).map(row).collect(),
        }
    }
}
