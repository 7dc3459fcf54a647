//! Feature rows side by side in memory, row after row, each with the position of its class.

/// Rows of equal width with a class each. Values are finite; [`Rows::push`] refuses others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f64>,
    classes: Vec<u8>,
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The row has not one value per feature.
    #[error(
        "a feature row of {found} values was given, but {expected} are expected; compute it with the features of the model"
    )]
    Width {
        /// Values expected.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {position} of a feature row is not a finite number; remove that block")]
    NotFinite {
        /// Position in the row, from 0.
        position: usize,
    },
}

/// Refuses a row of another width or with a value that is no number.
pub fn check_row(row: &[f64], width: usize) -> Result<(), RowError> {
    if row.len() != width {
        return Err(RowError::Width { expected: width, found: row.len() });
    }
    match row.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(RowError::NotFinite { position }),
        None => Ok(()),
    }
}

impl Rows {
    /// No rows yet, room for some.
    pub fn with_capacity(width: usize, rows: usize) -> Self {
        Self { width, values: Vec::with_capacity(width * rows), classes: Vec::with_capacity(rows) }
    }

    /// Rows whose values are known to be finite and as many as width and classes demand.
    pub(super) fn from_checked(width: usize, values: Vec<f64>, classes: Vec<u8>) -> Self {
        Self { width, values, classes }
    }

    /// Appends a row.
    pub fn push(&mut self, row: &[f64], class: u8) -> Result<(), RowError> {
        check_row(row, self.width)?;
        self.values.extend_from_slice(row);
        self.classes.push(class);
        Ok(())
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All values, to be rescaled in place.
    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The class of every row.
    pub fn classes(&self) -> &[u8] {
        &self.classes
    }

    /// A row's values; empty past the end.
    pub fn row(&self, index: usize) -> &[f64] {
        let start = index.saturating_mul(self.width);
        self.values.get(start..start.saturating_add(self.width)).unwrap_or_default()
    }

    /// The rows whose index is chosen, in order.
    pub fn filter(&self, chosen: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self::with_capacity(self.width, 0);
        for (index, class) in self.classes.iter().enumerate() {
            if chosen(index) {
                kept.values.extend_from_slice(self.row(index));
                kept.classes.push(*class);
            }
        }
        kept
    }
}
