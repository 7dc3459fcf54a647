//! Why a case failed, as a sentence.

use std::fmt;

/// Why a case failed, or can't be run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    reason: String,
}

/// Whether the outcome is wrong, or can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The outcome is not the expected one.
    Wrong,
    /// The case needs what is not there.
    Unsupported,
}

impl Failure {
    /// A failure with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { kind: FailureKind::Wrong, reason: reason.into() }
    }

    /// What the case needs, and is not there.
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self { kind: FailureKind::Unsupported, reason: reason.into() }
    }

    /// Whether the outcome is wrong, or can't be had.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The failure in a part of the case or of the check.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { kind: self.kind, reason: format!("{place}: {}", self.reason) }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Says where an error happened.
pub(crate) trait Within<T> {
    /// The error in a part of the case or of the check.
    fn within(self, place: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Within<T> for Result<T, E> {
    fn within(self, place: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().within(place))
    }
}

/// Fails unless both are equal.
pub(crate) fn expect_equal<T: PartialEq + fmt::Debug>(
    what: impl fmt::Display,
    found: &T,
    expected: &T,
) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let short = |value: &T| {
        let text = format!("{value:?}");
        match text.char_indices().nth(160) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        }
    };
    Err(Failure::new(format!("{what}: expected {}, found {}", short(expected), short(found))))
}
