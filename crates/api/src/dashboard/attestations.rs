//! The attestations of a block as a table of its page.

use consensus::Slot;
use store::{AttestationRow, Attestations, BlockRow, RowShape};

use super::format;

/// What stands where a source did not tell.
const UNTOLD: &str = "–";

/// The card of a block's attestations.
pub(super) struct AttestationCard {
    /// What the card says above the table.
    pub(super) subtitle: &'static str,
    /// What it says instead of a table.
    pub(super) empty: String,
    pub(super) rows: Vec<Line>,
    /// All of them together, where there are several.
    pub(super) total: Option<Line>,
    /// Why some cells have no value.
    pub(super) note: &'static str,
}

/// One attestation, or all.
pub(super) struct Line {
    pub(super) slot: String,
    pub(super) delay: String,
    pub(super) committees: String,
    pub(super) votes: String,
    pub(super) new: String,
    pub(super) repeated: String,
    pub(super) paid: String,
}

impl AttestationCard {
    /// The card of a block.
    pub(super) fn of(block: &BlockRow) -> Self {
        let (rows, empty) = match &block.attestations {
            Attestations::Listed(rows) if rows.is_empty() => (&[][..], "This block has none.".to_owned()),
            Attestations::Listed(rows) => (&rows[..], String::new()),
            Attestations::Counted(0) => (&[][..], "This block has none.".to_owned()),
            Attestations::Counted(count) => {
                let has = format::counted((*count).into(), "attestation");
                (&[][..], format!("{has}. What they are made of was not recorded, or is no longer kept."))
            }
            Attestations::NotRecorded => (&[][..], "Not recorded.".to_owned()),
        };
        let is_told = rows.iter().all(|row| row.shape.is_some());
        Self {
            subtitle: match rows.is_empty() {
                true => "",
                false => {
                    "In block order. New: votes of validators for whom no attestation before had earned anything"
                }
            },
            empty,
            rows: rows.iter().map(|row| Line::of(block.slot, row)).collect(),
            total: (rows.len() > 1).then(|| Line::sum(rows)),
            note: match is_told {
                true => "",
                false => {
                    "–: not recorded. The block came as rewards, which do not tell its committees and votes."
                }
            },
        }
    }
}

impl Line {
    fn of(block: Slot, row: &AttestationRow) -> Self {
        let shape = |text: fn(RowShape) -> String| row.shape.map_or_else(|| UNTOLD.to_owned(), text);
        let delay = block.0.checked_sub(row.slot.0);
        Self {
            slot: format::count(row.slot.0),
            delay: delay.map_or_else(|| UNTOLD.to_owned(), format::count),
            committees: shape(|shape| format!("{} / {}", shape.covered(), shape.committees_of_slot)),
            votes: row.votes().map_or_else(|| UNTOLD.to_owned(), format::count),
            new: format::count(row.new.into()),
            repeated: shape(|shape| format::count(shape.repeated.into())),
            paid: shape(|shape| format::count(shape.paid.0)),
        }
    }

    fn sum(rows: &[AttestationRow]) -> Self {
        let sum = |value: fn(&AttestationRow) -> Option<u64>| {
            let sum = rows.iter().try_fold(0_u64, |sum, row| Some(sum.saturating_add(value(row)?)));
            sum.map_or_else(|| UNTOLD.to_owned(), format::count)
        };
        Self {
            slot: String::new(),
            delay: String::new(),
            committees: String::new(),
            votes: sum(AttestationRow::votes),
            new: sum(|row| Some(row.new.into())),
            repeated: sum(|row| Some(row.shape?.repeated.into())),
            paid: sum(|row| Some(row.shape?.paid.0)),
        }
    }
}
